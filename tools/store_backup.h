/* store_backup.h - varve store backup and restore: folders, files and streams around store/store_copy.h. */
#ifndef VARVE_TOOLS_STORE_BACKUP_H
#define VARVE_TOOLS_STORE_BACKUP_H

#include "base/err.h"

#include <stdbool.h>

struct store_backup_options {
	const char *store; /* its folder */
	bool        compact, advisories, replace;
	unsigned    growth_mib; /* 0 = as store_copy.h has it */
};

/* target: a folder that holds no store yet, or "-": the file alone to standard output. */
int store_backup_run(const char *target, const struct store_backup_options *options, struct err *err);

/* from: what backup made: a folder, a file, or "-" for standard input. An exit status, or ERR_*. */
int store_restore_run(const char *from, const struct store_backup_options *options, struct err *err);

#endif
