/* registry_certs.h - CA and client certificates of one registry, per containers-certs.d(5). */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_CERTS_H
#define VARVE_WORKER_SOURCE_REGISTRY_CERTS_H

#include "base/buf.h"
#include "base/err.h"

struct registry_certs {
	struct buf ca_pem;                              /* every *.crt, NUL-terminated; empty = none */
	char       client_cert[4096], client_key[4096]; /* "" = none */
};

/* `cert_dir`/`host` where it exists, else `cert_dir` itself; NULL = the first that exists of certs.d/`host` below
 * ~/.config/containers, /etc/containers and /etc/docker. Nothing there is no error; an unreadable file, or a client
 * certificate without its key, is ERR_CONFIG. */
int  registry_certs_load(struct registry_certs *certs, const char *cert_dir, const char *host, struct err *err);
void registry_certs_deinit(struct registry_certs *certs);

#endif
