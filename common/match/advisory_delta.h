/* advisory_delta.h - for which packages the advisories of a generation differ from those of an earlier one.
 *
 * A generation carries a hash of all rows of each (ecosystem, name) and the serial of the import that changed it last, and
 * the ids of all generations that were current in its folder. So the question "what has changed since that generation?" is
 * one walk over the changed names alone, whichever generation it was. docs/STORE_FORMAT.md, "Advisories". */
#ifndef VARVE_MATCH_ADVISORY_DELTA_H
#define VARVE_MATCH_ADVISORY_DELTA_H

#include "match/advisory_store.h"

struct db;

/* Calls `each` with every (ecosystem, name) whose rows are others than in generation `since`, new and vanished ones too, in
 * no useful order; stops when it answers non-zero and returns that. Both are parts of keys as advisory_key_part() makes them,
 * without the NUL. ERR_NOT_FOUND: that generation was never current in this folder, so everything may differ. Any thread. */
int advisory_delta_each(struct advisory_store *store, struct slice                                since,
			int (*each)(void *data, struct slice ecosystem, struct slice name), void *data,
			struct err *err);

/* For the builder: fills NAMES, CHANGES and HISTORY of the generation whose other tables are committed in `db`. `old`: the
 * generation before; NULL = there is none of this format, everything is new. `put` stores one record. */
struct advisory_delta_writer {
	struct db   *db, *old;
	struct slice generation, date;
	int (*put)(void *data, unsigned table, struct slice key, struct slice value, struct err *err);
	void *data;
};
int advisory_delta_write(const struct advisory_delta_writer *writer, struct err *err);

#endif
