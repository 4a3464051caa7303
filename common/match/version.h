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
	VERSION_SEMVER, /* Semantic Versioning 2.0.0, read leniently: leading "v", one to any number of numeric parts: npm, Go, Cargo, Hex … */
	VERSION_PUB,    /* as SEMVER, but build metadata has its place in the order */
	VERSION_PEP440, /* Python */
	VERSION_MAVEN,  /* Maven's Version Order Specification */
	VERSION_GEM,    /* Gem::Version */
	VERSION_COMPOSER, /* Packagist: PHP's version_compare() */
	VERSION_NUGET,
	VERSION_CONDA,
	VERSION_GENTOO, /* PMS */
	VERSION_DOTTED, /* CRAN, Hackage: rows of numbers */
	VERSION_SCHEMES,
};

/* `*order` becomes < 0, 0 or > 0 as a sorts before, with or behind b. 0; ERR_FORMAT when a or b is not a version of the
 * scheme: `*order` is then what the package manager's own code would answer, for want of better; ERR_UNSUPPORTED for
 * VERSION_NONE, with `*order` 0. Every order is antisymmetric over all texts, and
 * transitive over valid versions (pacman's not for those that end in a separator: "1.." < "1.5" < "1..a" < "1.."; Maven's
 * not for qualifiers behind a '.': "1-rc" < "1" < "1.x" < "1-rc"). */
int version_compare(enum version_scheme scheme, struct slice a, struct slice b, int *order);

bool        version_valid(enum version_scheme scheme, struct slice version);
const char *version_scheme_name(enum version_scheme scheme); /* "deb" "pep440" …, "none" */

/* One scheme each; as version_compare(). */
int version_compare_deb(struct slice a, struct slice b, int *order);
int version_compare_rpm(struct slice a, struct slice b, int *order);
int version_compare_apk(struct slice a, struct slice b, int *order);
int version_compare_alpm(struct slice a, struct slice b, int *order);
int version_compare_semver(struct slice a, struct slice b, int *order);
int version_compare_pub(struct slice a, struct slice b, int *order);
int version_compare_pep440(struct slice a, struct slice b, int *order);
int version_compare_maven(struct slice a, struct slice b, int *order);
int version_compare_gem(struct slice a, struct slice b, int *order);
int version_compare_composer(struct slice a, struct slice b, int *order);
int version_compare_nuget(struct slice a, struct slice b, int *order);
int version_compare_conda(struct slice a, struct slice b, int *order);
int version_compare_gentoo(struct slice a, struct slice b, int *order);
int version_compare_dotted(struct slice a, struct slice b, int *order);

bool version_valid_deb(struct slice version);
bool version_valid_rpm(struct slice version);
bool version_valid_apk(struct slice version);
bool version_valid_alpm(struct slice version);
bool version_valid_semver(struct slice version);
bool version_valid_pep440(struct slice version);
bool version_valid_maven(struct slice version);
bool version_valid_gem(struct slice version);
bool version_valid_composer(struct slice version);
bool version_valid_nuget(struct slice version);
bool version_valid_conda(struct slice version);
bool version_valid_gentoo(struct slice version);
bool version_valid_dotted(struct slice version);

/* Shared by the schemes. */
int          version_digits_cmp(struct slice a, struct slice b); /* decimal digits of any length, by value */
struct slice version_take_digits(struct slice *rest);            /* the digits at the front, cut off `*rest` */
struct slice version_take_alphas(struct slice *rest);            /* the ASCII letters at the front */
struct slice version_take_dotted(struct slice *rest); /* "1.2.3" at the front: numbers with one '.' between two */
int          version_dotted_cmp(struct slice a, struct slice b); /* of those, absent numbers are 0 */
int          version_cmp_nocase(struct slice a, struct slice b); /* ASCII letters as lower case */
bool         version_is_number(struct slice text);               /* digits and nothing else */
bool         version_is_digit(uint8_t c);
bool         version_is_alpha(uint8_t c);

/* "[epoch:]rest": true when there is a ':'; `*epoch` is what stands before it (empty without one). */
bool version_take_epoch(struct slice *rest, struct slice *epoch);

#endif
