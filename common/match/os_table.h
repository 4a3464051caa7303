/* os_table.h - the rows of docs/ECOSYSTEMS.md: which os-release ID is judged by which OSV ecosystem, and by what rule.
 *
 * Source: osv-schema docs/schema.md "Defined ecosystems"; osv.dev source.yaml and osv/ecosystems/_ecosystems.py for what the
 * published records really hold. An ID that is not here is an unknown OS; there is no fallback to ID_LIKE. */
#ifndef VARVE_MATCH_OS_TABLE_H
#define VARVE_MATCH_OS_TABLE_H

#include "base/arena.h"
#include "model/inventory.h"

/* How the string behind the ecosystem's name is made. */
enum os_rule {
	OS_RULE_NONE,            /* known, but nobody publishes advisories that OSV carries */
	OS_RULE_BARE,            /* no suffix */
	OS_RULE_MAJOR,           /* VERSION_ID up to the first '.' */
	OS_RULE_VERSION,         /* VERSION_ID */
	OS_RULE_UBUNTU,          /* VERSION_ID, ":LTS" for April of even years; Pro beside it */
	OS_RULE_UBUNTU_CODENAME, /* the Ubuntu release named by UBUNTU_CODENAME */
	OS_RULE_ALPINE,          /* "v" and the first two parts; edge has none */
	OS_RULE_ALPAQUITA,       /* VERSION_ID, or "stream" */
	OS_RULE_REDHAT,          /* every enterprise_linux of the major release in the advisories */
	OS_RULE_CENTOS,          /* as Red Hat up to release 8, Stream none */
	OS_RULE_SUSE,            /* every SUSE product of the service pack in the advisories */
	OS_RULE_SUSE_MICRO,
	OS_RULE_LEAP, /* "Leap " and VERSION_ID */
	OS_RULE_LEAP_MICRO,
	OS_RULE_TUMBLEWEED,
	OS_RULE_OPENEULER, /* VERSION_ID and the "(LTS-SP1)" or "LTS" of PRETTY_NAME */
};

struct os_row {
	const char  *id;        /* of os-release */
	const char  *ecosystem; /* ecosystem_find() knows it; NULL for OS_RULE_NONE */
	enum os_rule rule;
	const char  *example; /* a whole ecosystem string, for the documentation */
	const char  *remark;  /* shown with every result; NULL = none */
};

const struct os_row *os_row_find(struct slice id);
const struct os_row *os_row_at(size_t index);         /* NULL behind the end */
const char          *os_rule_text(enum os_rule rule); /* in words, for the documentation */

/* The ecosystem string of this os-release, whether or not advisories hold it ("Debian:12"; for Red Hat the part that all of
 * its strings share). Empty when the release has no feed: `*why` then says so. */
struct slice os_ecosystem(const struct os_row *row, const struct os_release *os, struct arena *arena, const char **why);

/* For OS_RULE_SUSE: "15 SP5" of VERSION_ID 15.5. */
struct slice os_suse_release(const struct os_release *os, struct arena *arena);

/* Day after which the release gets no more updates from its public feed, "2021-05-01"; empty = not known. */
struct slice os_end_of_life(struct slice ecosystem);

#endif
