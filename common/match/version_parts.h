/* version_parts.h - what the rules of ranges look at in a version, besides its place in the order. */
#ifndef VARVE_MATCH_VERSION_PARTS_H
#define VARVE_MATCH_VERSION_PARTS_H

#include "base/slice.h"

struct version_parts {
	struct slice epoch;   /* PEP 440; empty is 0 */
	struct slice numbers; /* "1.2.3" */
	bool         prerelease, post;
};

/* Borrowed from the version. What is no version gives whatever could be read of it. */
struct version_parts version_parts_semver(struct slice version);
struct version_parts version_parts_pep440(struct slice version);

#endif
