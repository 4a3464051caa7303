/* beneath.h - opening files below a folder whose content is hostile: no name and no symlink leads outside of it. */
#ifndef VARVE_WORKER_SOURCE_BENEATH_H
#define VARVE_WORKER_SOURCE_BENEATH_H

#include "base/err.h"
#include "base/slice.h"

#include <sys/stat.h>

/* A regular file below `dir` for reading; devices, FIFOs and sockets are never opened for reading. Symlinks are followed
 * inside the folder only, or not at all. `info` may be NULL. Returns a descriptor; ERR_NOT_FOUND, ERR_IO, ERR_FORMAT. */
int beneath_open_file(int dir, struct slice path, bool follow, struct stat *info, struct err *err);

/* A folder below `dir`, no symlink followed; ERR_*. */
int beneath_open_folder(int dir, const char *name, struct err *err);

#endif
