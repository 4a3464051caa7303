/* store_dir.h - where the store is unless --store says so: $XDG_STATE_HOME/varve, else ~/.local/state/varve. */
#ifndef VARVE_STORE_STORE_DIR_H
#define VARVE_STORE_STORE_DIR_H

#include "base/buf.h"
#include "base/err.h"

/* `given` or the default, with a NUL behind, in `out`. ERR_CONFIG without HOME. */
int store_dir(const char *given, struct buf *out, struct err *err);

#endif
