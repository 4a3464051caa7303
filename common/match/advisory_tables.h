/* advisory_tables.h - how a generation of advisories lies in its LMDB environment; shared by builder and store.
 *
 * docs/STORE_FORMAT.md, "Advisories". A generation is a folder of its own, written once and then only read:
 *   DIR/current            name of the current generation's folder and a newline
 *   DIR/gen-<id>-<when>/   the environment; id = first 16 hex digits of a SHA-256 over its records
 *   DIR/lock               held (flock) by whoever imports
 * A source is one thing that was imported under one name (an all.zip, a folder): importing it again replaces all its
 * records, so that what is gone upstream is retracted. Parts of keys are joined by NUL. */
#ifndef VARVE_MATCH_ADVISORY_TABLES_H
#define VARVE_MATCH_ADVISORY_TABLES_H

#include "base/buf.h"
#include "base/slice.h"

enum { ADVISORY_FORMAT_VERSION = 2 }; /* of the tables; OSV_FORMAT_VERSION is mixed into the generation's id */

/* Before each affected entry: the first bytes of the SHA-256 of the record's JSON, so that a row says by itself whether
 * anything that it stands for has changed. */
enum { ADVISORY_MARK_BYTES = 16 };

enum advisory_table {
	ADVISORY_META,     /* "id", "date" -> text */
	ADVISORY_SOURCES,  /* name -> struct advisory_source_info */
	ADVISORY_RECORDS,  /* id, source -> [modified, hash of the JSON, header (osv_header_encode)] */
	ADVISORY_AFFECTED, /* ecosystem, name, id, source, number (4 bytes, big-endian) -> mark, osv_affected_encode */
	ADVISORY_FEEDS,    /* ecosystem, source -> [date, records, entries, ranges_voided, unfixed] */
	ADVISORY_NAMES, /* ecosystem, name -> [hash of its rows of AFFECTED (empty: none are left), serial of its last change] */
	ADVISORY_CHANGES, /* serial (8 bytes, big-endian), ecosystem, name -> nothing: NAMES by the time of the last change */
	ADVISORY_HISTORY, /* serial -> [generation id, date]: the generations that were current in this folder */
	ADVISORY_TABLES,
};

extern const char *const advisory_table_names[]; /* NULL-terminated, by enum advisory_table */

/* A part longer than this stands in keys as '#' and the hex of its SHA-256, so that keys stay below DB_KEY_BYTES_MAX. */
enum { ADVISORY_KEY_PART_MAX = 100 };

/* Appends `part`, shortened where it must be, and NUL. */
void advisory_key_part(struct buf *key, struct slice part);

/* What one source is; strings borrow what they were decoded from. */
struct advisory_source_info {
	struct slice origin;      /* path or URL as the user gave it */
	struct slice etag;        /* of the download; empty for imports */
	uint64_t     imported_ms; /* wall clock */
	uint64_t     records, broken;
	struct slice date; /* newest `modified` */
};

void advisory_source_encode(const struct advisory_source_info *info, struct buf *out);
bool advisory_source_decode(struct slice bytes, struct advisory_source_info *info);

#endif
