/* ecosystem.h - which OSV ecosystem judges which package: one table for distributions, one for language package types.
 *
 * Source: osv-schema docs/schema.md "Defined ecosystems", osv.dev source.yaml; the rows and their reasons for users are in
 * docs/ECOSYSTEMS.md, which a test compares with the table. Never falls back to ID_LIKE. */
#ifndef VARVE_MATCH_ECOSYSTEM_H
#define VARVE_MATCH_ECOSYSTEM_H

#include "match/advisories.h"
#include "match/version.h"
#include "model/inventory.h"
#include "model/package.h"

enum ecosystem_key { ECOSYSTEM_BY_SOURCE, ECOSYSTEM_BY_BINARY };

/* How names compare (TRAPS D7). */
enum ecosystem_names {
	ECOSYSTEM_NAMES_EXACT,
	ECOSYSTEM_NAMES_PEP503,    /* lower case, runs of - _ . become one - */
	ECOSYSTEM_NAMES_LOWERCASE, /* NuGet, Packagist */
};

/* One OSV ecosystem, without suffix. */
struct ecosystem {
	const char          *name;   /* "Debian" */
	const char          *type;   /* purl type of its packages; NULL: none that Varve reads */
	enum version_scheme  scheme; /* of ECOSYSTEM ranges */
	enum ecosystem_key   key;
	enum ecosystem_names names;
	bool                 fixed_only; /* the feed holds fixed issues only: nothing found is not "clean" */
};

/* By the part before the first ':' ("Alpine:v3.20" gives Alpine); NULL when OSV's list has none of that name. */
const struct ecosystem *ecosystem_find(struct slice ecosystem);

/* The name under which entries of this ecosystem are kept. Equal to `name` or in the arena. `ecosystem` may be NULL. */
struct slice ecosystem_name_key(const struct ecosystem *ecosystem, struct slice name, struct arena *arena);

/* By purl type for language packages ("pypi" gives PyPI); NULL for OS package types and unknown ones. */
const struct ecosystem *ecosystem_of_type(struct slice purl_type);

/* One complete ecosystem string that is present in the advisories. Where several name one CVE of a package, those of the
 * lowest rank decide. */
struct ecosystem_string {
	struct slice name; /* "Ubuntu:Pro:18.04:LTS" */
	uint32_t     rank;
	const char  *fix_note; /* what its fixes need: "requires Ubuntu Pro"; NULL = nothing */
};

struct os_row; /* os_table.h */

/* What judges the packages of one image (OS packages) or of one language type. */
struct ecosystem_target {
	const struct ecosystem  *ecosystem; /* NULL: nothing does */
	struct slice             name;      /* the string reports show: "Debian:12"; empty when unknown */
	struct ecosystem_string *strings;   /* those to look up */
	size_t                   strings_count;
	enum coverage_state      state; /* MATCHED, NO_ADVISORY_SOURCE, UNKNOWN_OS or EOL (matched all the same) */
	struct slice             feed_date;
	struct slice             remark;
	const struct os_row     *os_row; /* of the distribution; NULL for language types */
};

/* Whether packages with ESM versions are installed. */
bool ecosystem_is_ubuntu_pro(const struct result_package *packages, size_t count);

/* The target of the OS packages. `advisories` may be NULL. */
int ecosystem_target_for_os(const struct advisories *advisories, const struct os_release *os, bool ubuntu_pro,
			    struct arena *arena, struct ecosystem_target *out, struct err *err);

/* The target of language packages of a purl type. */
int ecosystem_target_for_type(const struct advisories *advisories, struct slice purl_type, struct arena *arena,
			      struct ecosystem_target *out, struct err *err);

#endif
