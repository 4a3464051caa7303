/* rpm_header.h - one package record of an rpm database: the header blob, without the lead magic of package files.
 *
 * Source: rpm's docs/manual/format_v4.md and lib/header.c. Big-endian in all three database forms: two counts, the
 * index entries (tag, type, offset, count), the data. A region tag (61-63) in front of v4 indexes is passed over; v3
 * has none; of several entries of one tag the last counts (dribbles behind the region). Nothing is allocated by what a
 * count claims. */
#ifndef VARVE_WORKER_ANALYZE_RPM_HEADER_H
#define VARVE_WORKER_ANALYZE_RPM_HEADER_H

#include "base/err.h"
#include "model/inventory.h"

enum { RPM_HEADER_BYTES_MAX = 32 << 20 }; /* rpm allows 256 MiB; memory of a scan thread is 64, real ones take a few */

/* Reads the packages of one database, record by record, into `db` of `out`. */
struct rpm_records {
	struct inventory  *out;
	struct package_db *db;
	struct slice       path;
	uint64_t           count, damaged;
	uint64_t   bytes_left; /* records may overlap in a hostile file: together they have no more than the file */
	uint64_t   owned_bytes;
	struct err first; /* what is wrong with the first damaged one */
};

/* Adds a package_db of `kind` under `path`. ERR_MEM. */
int rpm_records_begin(struct rpm_records *records, struct inventory *out, struct slice path, const char *kind,
		      size_t file_bytes, struct err *err);

/* One record; a damaged one is counted, gpg-pubkey is passed over (TRAPS B5). */
void rpm_records_add(struct rpm_records *records, struct slice header);

/* ERR_FORMAT when a record was damaged. */
int rpm_records_end(struct rpm_records *records, struct err *err);

/* Paths: <dir>/<name> in one of the folders where rpm keeps its database. */
bool rpm_database_path(struct slice path, const char *name);

#endif
