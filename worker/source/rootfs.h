/* rootfs.h - a folder of this host that holds a root file system, offered as the tar stream of one layer.
 *
 * Made on the fly; read beneath the folder only (beneath.h): symlinks are recorded and never followed, devices, FIFOs and
 * sockets are recorded and never opened, pseudo file systems (proc, sysfs …) are not entered. Upper directories of overlay
 * mounts keep their meaning: a device 0:0 becomes a whiteout, the attribute overlay.opaque an opaque mark. A file that
 * grows meanwhile is cut; one that cannot be read, or not to its end, goes along (again) as an empty file with a reason (tar_write.h, `unreadable`). Owner: one thread. */
#ifndef VARVE_WORKER_SOURCE_ROOTFS_H
#define VARVE_WORKER_SOURCE_ROOTFS_H

#include "base/stream.h"

struct stream *rootfs_open(const char *path, struct err *err); /* ERR_NOT_FOUND, ERR_IO, ERR_MEM */

#endif
