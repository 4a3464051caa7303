/* advisories_cached.h - advisories that remember the last look-ups: for passes that ask of many versions of the same packages.
 *
 * Owner: one thread. Implements advisories.h over another one; what a look-up gave is borrowed until advisories_cached_rest(). */
#ifndef VARVE_MATCH_ADVISORIES_CACHED_H
#define VARVE_MATCH_ADVISORIES_CACHED_H

#include "match/advisories.h"

/* `inner` is borrowed. NULL without memory. */
struct advisories *advisories_cached_new(const struct advisories *inner);
void               advisories_cached_free(struct advisories *cached); /* NULL is fine */

/* Nothing that was looked up is used any more: the memory is given back once it has grown beyond `bytes_max`. */
void advisories_cached_rest(struct advisories *cached, size_t bytes_max);

#endif
