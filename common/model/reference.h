/* reference.h - what a user names to be scanned, split into its parts.
 *
 * Source: containers-transports(5), distribution reference grammar (domain/path:tag@digest). Fixed-size strings, a plain
 * value that may be copied. Bare references are docker:// with docker.io defaults ("alpine" = docker.io/library/alpine:latest). */
#ifndef VARVE_MODEL_REFERENCE_H
#define VARVE_MODEL_REFERENCE_H

#include "base/digest.h"
#include "base/limits.h"

enum transport {
	TRANSPORT_DOCKER,
	TRANSPORT_REGISTRY,
	TRANSPORT_OCI,
	TRANSPORT_OCI_ARCHIVE,
	TRANSPORT_DOCKER_ARCHIVE,
	TRANSPORT_ROOTFS
};

struct reference {
	enum transport transport;
	char           host[300];        /* docker, registry: "registry.example:5000"; "docker.io" as users write it */
	char path[LIMIT_PATH_BYTES + 1]; /* docker: repository; registry: repository prefix or ""; others: local path */
	char tag[300];                   /* docker: tag or ""; oci, oci-archive, docker-archive: image name or "" */
	struct digest digest;            /* @digest; zero when none */
};

int reference_parse(struct slice text, struct reference *out, struct err *err); /* ERR_USAGE, text says what is wrong */
bool reference_is_local(const struct reference *reference);   /* anything that is a path on this host */
bool reference_is_listing(const struct reference *reference); /* registry:// */

enum { REFERENCE_TEXT_BYTES = LIMIT_PATH_BYTES + 1024 };
void reference_text(const struct reference *reference,
		    char                    out[REFERENCE_TEXT_BYTES]); /* canonical, parses again to the same */

#endif
