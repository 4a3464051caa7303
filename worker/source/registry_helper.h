/* registry_helper.h - runs a credential helper (docker-credential-NAME get), as docker and podman do. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_HELPER_H
#define VARVE_WORKER_SOURCE_REGISTRY_HELPER_H

#include "base/buf.h"
#include "base/err.h"

/* Asks for the credential of `server` and appends the JSON of its answer. ERR_NOT_FOUND: it has none. ERR_AUTH: the
 * helper is missing, failed, or took longer than 30 s. `name` may hold letters, digits, '.', '_', '-' only. */
int registry_helper_get(const char *name, const char *server, struct buf *answer, struct err *err);

#endif
