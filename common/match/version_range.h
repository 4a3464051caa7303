/* version_range.h - does a version lie in a range, worded as one package manager words its ranges.
 *
 * A range is alternatives ("||", "|", "or") of comparators that all have to hold (behind each other, or with ",", "and"), or
 * of intervals: "[1.0,2.0)". What "~", "^", "~>", "~=", "1.2.*" and a bare version mean is the language's: a row each in
 * version_range.c, on the orders of version.h. The empty range holds every version. Pure functions of bytes; any bytes may
 * be given, and numbers may be of any length.
 *
 * Sources: node-semver README "Ranges", Cargo "Specifying Dependencies", PEP 440 "Version specifiers", getcomposer.org
 * "Versions and constraints", learn.microsoft.com "NuGet package versioning", Maven "Dependency Version Requirement
 * Specification", RubyGems "Patterns", Elixir's Version, apk-world(5). */
#ifndef VARVE_MATCH_VERSION_RANGE_H
#define VARVE_MATCH_VERSION_RANGE_H

#include "match/version.h"

struct version_range_language;

/* By purl type ("npm", "pypi", "deb" …); NULL for a type without an order: nothing can be asked of it but equality. */
const struct version_range_language *version_range_language(struct slice purl_type);

enum version_range_prereleases {
	VERSION_RANGE_AS_RESOLVED, /* npm, Cargo and Pub install a pre-release only where the range names one of the same numbers */
	VERSION_RANGE_AS_ORDERED, /* a pre-release is a version like others (npm's includePrerelease): who asks what is installed wants this */
};

/* 0 with the answer in `*holds`; ERR_FORMAT when the version, or what would decide in the range, cannot be read: `*holds` is
 * then false, and a caller says so instead of taking it for "does not hold". One unreadable alternative beside one that
 * holds does no harm. */
int version_range_holds(const struct version_range_language *language, struct slice range, struct slice version,
			enum version_range_prereleases prereleases, bool *holds);

#endif
