/* listing.h - what a listing of a registry (registry://HOST[/PREFIX]) with its globs names, and what it cannot see. Pure.
 *
 * Workers filter by it what they list; the broker asks it whether an image that was not listed would have been. */
#ifndef VARVE_MODEL_LISTING_H
#define VARVE_MODEL_LISTING_H

#include "model/reference.h"

struct listing_filter {
	const char *const *include, *const *exclude; /* NULL-terminated globs over "repository:tag"; NULL = none */
	unsigned newest;                             /* at most N tags per repository, newest first; 0 = all */
};

/* "sha256-<64 hex digits>" with or without ".sig", ".att", ".sbom" …: cosign's signatures, the referrers tag schema. No
 * listing names these. */
bool listing_tag_is_derived(struct slice tag);

/* By tag and globs; a glob without ":" also matches the repository alone. `newest` is another matter. NULL: no filter. */
bool listing_wants(const struct listing_filter *filter, const char *repository, struct slice tag);

/* Whether `image` would be named, if it is there, by a listing of `where` that ended. Never with `newest`, and never an image
 * by digest: such a listing tells nothing about them. */
bool listing_covers(const struct reference *where, const struct listing_filter *filter, const struct reference *image);

/* The repository is the prefix ("" = any), or below it. */
bool listing_is_below(struct slice repository, struct slice prefix);

#endif
