/* advisory_store.h - the current generation of advisories on disk, opened for reading.
 *
 * The store is opened once per process and shared by threads; each thread looks up through a reader of its own. A newer
 * generation is seen only by opening again. Readers and their borrowed slices end before the store is closed. */
#ifndef VARVE_MATCH_ADVISORY_STORE_H
#define VARVE_MATCH_ADVISORY_STORE_H

#include "match/advisories.h"
#include "match/advisory_tables.h"

enum { ADVISORY_GENERATION_BYTES = 65 };

struct advisory_store;
struct db;

/* ERR_NOT_FOUND when nothing was imported into `dir` yet; ERR_VERSION, ERR_STORE. */
int  advisory_store_open(const char *dir, struct advisory_store **out, struct err *err);
void advisory_store_close(struct advisory_store *store); /* NULL is fine */

/* For advisory_delta.h: the environment, until the store is closed. */
struct db *advisory_store_db(struct advisory_store *store);

int  advisory_reader_open(struct advisory_store *store, struct advisories **out, struct err *err);
void advisory_reader_close(struct advisories *reader); /* NULL is fine */

/* Id of the generation that is current in `dir` now; ERR_NOT_FOUND. Cheap: to notice a newer one. */
int advisory_current(const char *dir, char generation[ADVISORY_GENERATION_BYTES], struct err *err);

/* Name of its folder below `dir`, "gen-<id>-<when>": two imports of the same content are two folders. */
int advisory_current_folder(const char *dir, char folder[ADVISORY_GENERATION_BYTES], struct err *err);

/* Calls `each` for every source, by name; stops when it answers non-zero and returns that. */
int advisory_sources(struct advisory_store *store,
		     int (*each)(void *data, struct slice name, const struct advisory_source_info *info), void *data,
		     struct err *err);

#endif
