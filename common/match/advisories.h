/* advisories.h - look-ups in one generation of compiled advisories, whoever keeps them.
 *
 * An interface: the LMDB store and the in-memory one (advisories_memory.h) fill the operations. Read-only and immutable;
 * a handle is used by one thread at a time (its owner opens one per thread). Never blocks on the net. */
#ifndef VARVE_MATCH_ADVISORIES_H
#define VARVE_MATCH_ADVISORIES_H

#include "match/osv.h"

struct advisory {
	const struct osv_record   *record;   /* header only: `affected` is empty */
	const struct osv_affected *affected; /* one entry for the package asked for */
};

/* What is known of one ecosystem string ("Debian:12"): there is a feed if records name it. */
struct advisory_feed {
	struct slice ecosystem;
	struct slice date; /* newest `modified` of its records, RFC 3339 */
	uint64_t     records, entries;
	uint64_t     unfixed;       /* entries with osv_affected_is_unfixed(); 0: the feed holds fixed issues only */
	uint64_t     ranges_voided; /* left out because an event could not be read */
};

struct advisories;

struct advisories_ops {
	/* All entries for ecosystem (exact) and name (exact, already normalised), withdrawn records left out, by record id
	 * then in the record's order. Arrays in `arena`; slices may borrow the store until it is closed. 0 entries is no error. */
	int (*find)(const struct advisories *advisories, struct slice ecosystem, struct slice name, struct arena *arena,
		    struct advisory **out, size_t *count, struct err *err);
	/* The feed at `index` of the list sorted by ecosystem; false behind its end. */
	bool (*feed_at)(const struct advisories *advisories, size_t index, struct advisory_feed *out);
};

/* The first member of whatever implements it. */
struct advisories {
	const struct advisories_ops *ops;
	struct slice                 generation; /* hash of the content, printable */
	struct slice                 date;       /* newest `modified` of all records, RFC 3339 */
	size_t                       feeds_count;
};

int advisories_find(const struct advisories *advisories, struct slice ecosystem, struct slice name, struct arena *arena,
		    struct advisory **out, size_t *count, struct err *err);

/* Binary search in the sorted feeds; false = no record names this ecosystem. `out` may be NULL. */
bool advisories_feed(const struct advisories *advisories, struct slice ecosystem, struct advisory_feed *out);

/* Index of the first feed whose ecosystem sorts at or behind `prefix`: walk on with ops->feed_at while it starts so. */
size_t advisories_feed_lower(const struct advisories *advisories, struct slice prefix);

#endif
