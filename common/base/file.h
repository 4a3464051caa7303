/* file.h - small jobs on local files that are the user's own (configuration, archives named on the command line). */
#ifndef VARVE_BASE_FILE_H
#define VARVE_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* The whole file appended to `out` (whose bytes_max is the ceiling: ERR_LIMIT). ERR_NOT_FOUND if absent. */
int file_read(const char *path, struct buf *out, struct err *err);

/* Writes beside `path`, fsyncs and renames over it: readers see the old or the new content, nothing between. */
int file_write_atomic(const char *path, struct slice bytes, unsigned mode, struct err *err);

/* The same; a file that is there keeps its owner, group and mode (a list that root writes and a service reads). */
int file_rewrite(const char *path, struct slice bytes, unsigned mode, struct err *err);

int file_write_all(int fd, struct slice bytes, const char *name, struct err *err);

/* Creates `path` and its missing parents with `mode` (as mkdir -p). */
int file_make_dirs(const char *path, unsigned mode, struct err *err);

/* An unlinked read-write temporary file in `dir` (O_TMPFILE where it works): the spool. Returns the descriptor or ERR_*. */
int file_open_unlinked(const char *dir, struct err *err);

#endif
