/* version_range_rules.h - one comparator of a range ("^1.2") against one version, by each language's own rules.
 *
 * Internal to version_range*.c. Upper ends need no arithmetic: "^1.2.3" is "at least 1.2.3, and the first number at most 1", so
 * that numbers of any length do. */
#ifndef VARVE_MATCH_VERSION_RANGE_RULES_H
#define VARVE_MATCH_VERSION_RANGE_RULES_H

#include "match/version.h"

enum range_op {
	RANGE_BARE, /* no operator: the language says which one is meant */
	RANGE_LT,
	RANGE_LE,
	RANGE_GT,
	RANGE_GE,
	RANGE_EQ,
	RANGE_NE,
	RANGE_CARET,      /* ^1.2 */
	RANGE_TILDE,      /* ~1.2 */
	RANGE_NOT_TILDE,  /* !~1.2 (apk) */
	RANGE_PESSIMIST,  /* ~>1.2 */
	RANGE_COMPATIBLE, /* ~=1.2 */
	RANGE_VERBATIM,   /* ===1.2 */
	RANGE_THROUGH,    /* "A - B": the end B */
};

/* A version of the range. */
struct range_bound {
	struct slice text;    /* without a leading "v" or "=" */
	struct slice epoch;   /* "2" of "2!1.0" (PEP 440) */
	struct slice numbers; /* "1.2" of "1.2.*" and of "1.2-beta" */
	struct slice suffix;  /* "-beta"; without build metadata; empty with a wildcard */
	size_t       count;   /* of numbers */
	bool         wildcard;
};

struct range_test {
	enum version_scheme scheme;
	enum range_op       op;
	struct range_bound  bound;
	struct slice        version;
	struct slice        numbers;     /* of the version */
	bool                prereleases; /* npm: they count as any other version */
};

typedef bool (*range_rule)(const struct range_test *test);

struct range_bound range_bound_read(struct slice text);

/* The rules. The bound has been found to be a version of the scheme, or one with a wildcard, or a wildcard alone. */
bool range_rule_order(const struct range_test *test); /* any scheme: < <= > >= = != and wildcards */
bool range_rule_npm(const struct range_test *test);   /* also Cargo and Pub */
bool range_rule_composer(const struct range_test *test);
bool range_rule_pep440(const struct range_test *test);
bool range_rule_gem(const struct range_test *test); /* also Hex */
bool range_rule_apk(const struct range_test *test);

#endif
