/* db_internal.h - what the two files of the db module share; with them the only place that sees LMDB. */
#ifndef VARVE_STORE_DB_INTERNAL_H
#define VARVE_STORE_DB_INTERNAL_H

#include "store/db.h"

#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>

struct db {
	MDB_env         *env;
	MDB_dbi          tables[DB_TABLES_MAX];
	unsigned         tables_count;
	MDB_dbi          chunks, meta;
	bool             read_only;
	uint64_t         bytes_max;
	unsigned         page_bytes;
	pthread_rwlock_t quiet; /* transactions hold it shared; re-adopting a grown map needs it alone */
	struct stat      identity;
	char             path[4096];
	struct db       *next;
};

struct db_txn {
	struct db *db;
	MDB_txn   *txn;
	bool       write;
};

MDB_val db_val(struct slice bytes);

/* The ERR_* of a status of LMDB, with `doing` and the store's path in the text. */
int db_fail(const struct db *db, int status, const char *doing, struct err *err);

#endif
