/* path.h - names of archive members as paths inside one root.
 *
 * The canonical form has no leading or trailing '/', no "." and no empty component; ".." is clamped at the root, as a
 * runtime does; bytes are kept as they are (case-sensitive, perhaps not UTF-8). The root itself is the empty path. */
#ifndef VARVE_BASE_PATH_H
#define VARVE_BASE_PATH_H

#include "base/arena.h"
#include "base/slice.h"

enum path_status {
	PATH_OK,
	PATH_CLAMPED,  /* held ".." that reached above the root, or was absolute with ".."; the result is usable */
	PATH_TOO_LONG, /* LIMIT_PATH_BYTES or LIMIT_PATH_DEPTH; no result */
};

/* Canonical form of `name` written into `out` (at least LIMIT_PATH_BYTES bytes); *result is borrowed from `out`. */
enum path_status path_canonical(struct slice name, char *out, struct slice *result);

struct slice path_dirname(struct slice path); /* "" for a top-level name */
struct slice path_basename(struct slice path);
bool path_is_below(struct slice path, struct slice dir); /* strictly below; everything is below "" but "" itself */

/* Order of path tables: bytewise, but '/' sorts before every other byte, so that a directory is directly followed by
 * all that is below it. */
int path_cmp(struct slice a, struct slice b);

#endif
