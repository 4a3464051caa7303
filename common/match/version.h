/* version.h - the order of package versions as each package manager defines it.
 *
 * Pure functions of bytes; any bytes may be given. A version that the scheme cannot read is told apart (ERR_FORMAT), so
 * that a caller never takes nonsense for "smaller". Numbers of any length compare by value. Rules: version_<scheme>.c. */
#ifndef VARVE_MATCH_VERSION_H
#define VARVE_MATCH_VERSION_H

#include "base/err.h"
#include "base/slice.h"

enum version_scheme {
	VERSION_NONE,   /* no order known: ERR_UNSUPPORTED; only equal strings are equal */
	VERSION_DEB,    /* deb-version(7): [epoch:]upstream[-revision] */
	VERSION_RPM,    /* rpm-version(7): [epoch:]version[-release], absent epoch = 0, no release before any release */
	VERSION_APK,    /* apk-package(5) */
	VERSION_ALPM,   /* vercmp(8) of pacman */
	VERSION_SEMVER, /* Semantic Versioning 2.0.0, read leniently: leading "v", one to any number of numeric parts */
};

/* `*order` becomes < 0, 0 or > 0 as a sorts before, with or behind b. 0; ERR_FORMAT when a or b is not a version of the
 * scheme: `*order` is then what the package manager's own code would answer, for want of better; ERR_UNSUPPORTED for
 * VERSION_NONE, with `*order` 0. Every order is antisymmetric over all texts, and
 * transitive over valid versions (pacman's not for those that end in a separator: "1.." < "1.5" < "1..a" < "1.."). */
int version_compare(enum version_scheme scheme, struct slice a, struct slice b, int *order);

bool        version_valid(enum version_scheme scheme, struct slice version);
const char *version_scheme_name(enum version_scheme scheme); /* "deb" "rpm" "apk" "alpm" "semver" "none" */

/* One scheme each; as version_compare(). */
int version_compare_deb(struct slice a, struct slice b, int *order);
int version_compare_rpm(struct slice a, struct slice b, int *order);
int version_compare_apk(struct slice a, struct slice b, int *order);
int version_compare_alpm(struct slice a, struct slice b, int *order);
int version_compare_semver(struct slice a, struct slice b, int *order);

bool version_valid_deb(struct slice version);
bool version_valid_rpm(struct slice version);
bool version_valid_apk(struct slice version);
bool version_valid_alpm(struct slice version);
bool version_valid_semver(struct slice version);

/* Shared by the schemes. */
int          version_digits_cmp(struct slice a, struct slice b); /* decimal digits of any length, by value */
struct slice version_take_digits(struct slice *rest);            /* the digits at the front, cut off `*rest` */
struct slice version_take_alphas(struct slice *rest);            /* the ASCII letters at the front */
bool         version_is_digit(uint8_t c);
bool         version_is_alpha(uint8_t c);

/* "[epoch:]rest": true when there is a ':'; `*epoch` is what stands before it (empty without one). */
bool version_take_epoch(struct slice *rest, struct slice *epoch);

#endif
