/* osv.h - one advisory of the Open Source Vulnerability format, read once and kept in the form that matching needs.
 *
 * Source: ossf.github.io/osv-schema, versions 1.0 to 1.7. osv_parse() compiles: names are normalised for their ecosystem,
 * events are sorted by its version order, GIT ranges are left out, severities become bands with the source named, CVEs
 * are gathered from id, aliases, upstream and (for distribution advisories) related. The compiled form has a msgpack
 * codec in two parts, so that a store keeps a record's header once and its affected entries under their package.
 * Everything lives in the arena handed in, or borrows the decoded bytes. */
#ifndef VARVE_MATCH_OSV_H
#define VARVE_MATCH_OSV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "match/version.h"
#include "model/result.h"

enum { OSV_FORMAT_VERSION = 2 }; /* raise when a compiled form of the same JSON would differ */

/* In the order in which events of one version are applied. */
enum osv_event_kind { OSV_INTRODUCED, OSV_LAST_AFFECTED, OSV_FIXED, OSV_LIMIT };

struct osv_event {
	enum osv_event_kind kind;
	struct slice        version; /* "introduced: 0" sorts below everything */
};

struct osv_range {
	enum version_scheme
		scheme; /* of the ecosystem, or semver for SEMVER ranges; NONE: judged only if it is all versions */
	struct osv_event *events; /* sorted */
	size_t            events_count;
};

/* What an advisory is about, if not a vulnerability. */
enum osv_class {
	OSV_VULNERABILITY,
	OSV_BUGFIX,       /* ALBA, ALEA, RHBA, RHEA … that name no CVE */
	OSV_UNMAINTAINED, /* RUSTSEC informational */
	OSV_UNSOUND,
	OSV_NOTICE,
	OSV_MALWARE, /* MAL-* */
};

/* Which statement a severity comes from: the lower wins, never the higher severity (TRAPS G2). */
enum osv_severity_rank {
	OSV_RANK_AFFECTED, /* affected[].severity */
	OSV_RANK_RECORD,   /* severity in the distribution's own words ("type": "Ubuntu"), or ubuntu_priority */
	OSV_RANK_URGENCY,  /* Debian's ecosystem_specific.urgency */
	OSV_RANK_DATABASE, /* database_specific.severity; the summary's prefix for those that have no other field */
	OSV_RANK_CVSS_V4,
	OSV_RANK_CVSS_V31,
	OSV_RANK_CVSS_V30,
	OSV_RANK_CVSS_V2,
	OSV_RANK_NONE,
};

struct osv_severity {
	enum osv_severity_rank rank; /* of `band`; OSV_RANK_NONE = nobody said */
	enum severity          band;
	struct slice           source; /* the field: "affected.severity CVSS_V3", "ecosystem_specific.urgency" … */
	struct slice           vector; /* the best CVSS vector, also when the band comes from elsewhere */
	int                    score_tenths; /* of that vector; -1 = none */
};

struct osv_affected {
	struct slice ecosystem; /* complete, with its suffix: "Alpine:v3.20" */
	struct slice name;      /* normalised: ecosystem_name_key() */
	enum osv_class class;
	struct osv_severity severity;
	struct osv_range   *ranges;
	size_t              ranges_count;
	enum version_scheme scheme;   /* of the ecosystem: equality of `versions` */
	struct slice       *versions; /* explicit list, without those that the ranges contain anyway */
	size_t              versions_count;
	struct slice       *os, *arch; /* crates.io affects.os/arch; none = any */
	size_t              os_count, arch_count;
	uint32_t            ranges_voided; /* left out: an event that the ecosystem's order cannot read */
};

struct osv_record {
	struct slice  id;
	struct slice  modified, published; /* RFC 3339, as written */
	bool          withdrawn;
	bool          per_cve; /* a distribution's own record of one CVE (DEBIAN-CVE-…): wins over DSA, USN … */
	struct slice  summary;
	struct slice *cves; /* sorted, without duplicates */
	size_t        cves_count;
	struct slice *aliases; /* other names of the same thing (never CVEs), sorted */
	size_t        aliases_count;
	struct osv_severity  severity;
	struct osv_affected *affected; /* empty in a decoded header */
	size_t               affected_count;
};

/* Untrusted JSON of one record. Strings are copied into the arena. ERR_FORMAT (no id, affected is no array …),
 * ERR_LIMIT (LIMIT_ADVISORY_BYTES, or the arena is full), ERR_MEM. A record that affects nothing Varve knows is valid:
 * affected_count 0. */
int osv_parse(struct slice json, struct arena *arena, struct osv_record *out, struct err *err);

/* The header: everything but `affected`. Ask buf_ok(out). Decoding borrows `bytes`, arrays go to the arena;
 * ERR_FORMAT, ERR_VERSION, ERR_MEM. */
void osv_header_encode(const struct osv_record *record, struct buf *out);
int  osv_header_decode(struct slice bytes, struct arena *arena, struct osv_record *out, struct err *err);

/* One affected entry without its ecosystem and name: those are the store's key, and the caller of decode sets them. */
void osv_affected_encode(const struct osv_affected *affected, struct buf *out);
int  osv_affected_decode(struct slice bytes, struct arena *arena, struct osv_affected *out, struct err *err);

/* True when some range has no fixed event, or only versions are listed: the feed knows issues without a fix. */
bool osv_affected_is_unfixed(const struct osv_affected *affected);

/* The installed version that is asked about. */
struct osv_query {
	struct slice version;      /* empty = not known: every entry matches, unsure */
	bool         ignore_epoch; /* of rpm events: the source package's epoch is not recorded (TRAPS B6) */
};

struct osv_hit {
	struct slice
		fixed; /* ends the affected interval; with several that hold the version: the last end. Empty = none known */
	bool unsure; /* the installed version is not known */
};

/* Is the version inside the affected versions or ranges? */
bool osv_affects(const struct osv_affected *affected, const struct osv_query *query, struct osv_hit *hit);

/* The whole rule for one record: ecosystem with suffix and name must be equal, withdrawn records affect nothing. */
bool osv_is_affected(const struct osv_record *record, struct slice ecosystem, struct slice name, struct slice version);

#endif
