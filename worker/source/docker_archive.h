/* docker_archive.h - images of a "docker save" archive (docker-archive:), old and new layouts.
 *
 * Sources: Docker image-spec v1.2 "combined image JSON + filesystem changeset format"; docker 25+ (blobs/sha256 beside
 * manifest.json); containers-transports(5) for names: a tag of RepoTags, or "@N" for the N-th image. Layers of old
 * archives have no digest of their own: it is then the SHA-256 of the member's bytes. An archive without manifest.json
 * that is an OCI layout is read as one. */
#ifndef VARVE_WORKER_SOURCE_DOCKER_ARCHIVE_H
#define VARVE_WORKER_SOURCE_DOCKER_ARCHIVE_H

#include "model/reference.h"
#include "source/member_store.h"
#include "source/resolve.h"

int docker_archive_resolve(const struct member_store *store, const struct reference *reference,
			   const struct platform *want, struct image_list *out, struct err *err);

/* One reference per image (its first tag, or its position); `found` as in source_enumerate(). */
int docker_archive_list(const struct member_store *store, const struct reference          *where,
			int (*found)(void *data, const struct reference *reference), void *data, struct err *err);

/* The bytes of a layer that docker_archive_resolve() gave, verified. */
struct stream *docker_archive_open_layer(const struct member_store *store, const struct image_layer *layer,
					 struct err *err);

#endif
