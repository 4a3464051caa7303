/* store_copy.h - backup of a store that is in use, and a backup put in the place of a store.
 *
 * A backup is one file, in the form of data.mdb: jobs, results, inventories, claims. Owners' lock files are not in it: who
 * opens what was restored takes every owner for dead and goes on with the jobs. A job's id may be given anew after a restore
 * to what is submitted then. */
#ifndef VARVE_STORE_STORE_COPY_H
#define VARVE_STORE_STORE_COPY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store_backup_config {
	bool compact; /* without free pages */
	uint64_t
		growth_max; /* ERR_BUSY once the store has grown by more meanwhile; 0 = 1 GiB, or a quarter if that is more */
	int interrupt_fd; /* readable = ERR_CANCELLED; -1 */
};

/* Writes to `fd`, which is called `name` in errors; of any format version. *bytes: how many. No sync, no close. */
int store_backup(const char *dir, const struct store_backup_config *config, int fd, const char *name, uint64_t *bytes,
		 struct err *err);

bool store_in_use(const char *dir); /* a broker or a scan has it open for writing now */

struct store_restored {
	uint64_t records, damaged;
	bool     replaced; /* what was there is data.mdb.before-restore now */
};

/* Reads a backup from `fd` into the folder `dir`, brings it to the present format, reads every record, and only then puts it
 * in place. ERR_BUSY when in use; ERR_CONFIG when a store is there and `replace` is not set. Damaged records are counted and
 * are no error. */
int store_restore(const char *dir, int fd, const char *name, bool replace, struct store_restored *out, struct err *err);

#endif
