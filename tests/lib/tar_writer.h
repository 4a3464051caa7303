/* tar_writer.h - tar bytes for tests, odd ones included: says exactly what it is told, checks nothing.
 *
 * Source of the layout: POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU tar's long names. */
#ifndef VARVE_TESTS_LIB_TAR_WRITER_H
#define VARVE_TESTS_LIB_TAR_WRITER_H

#include "base/buf.h"

enum tar_format { TAR_PAX, TAR_GNU, TAR_V7 };

struct tar_entry {
	struct slice name, target, body;
	char type; /* the typeflag: '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' directory, '6' FIFO */
	uint32_t        mode;
	uint64_t        uid, gid;
	uint64_t        mtime;
	uint64_t        size;    /* as the header states it; UINT64_MAX: that of the body */
	enum tar_format format;  /* how names longer than 100 bytes are told (v7: cut) */
	bool            base256; /* the size as a binary number */
	bool            bad_checksum;
	struct slice    pax; /* records "NN key=value\n" to put before it in an 'x' header */
};

void tar_entry_init(struct tar_entry *entry, char type, struct slice name);
void tar_append(struct buf *tar, const struct tar_entry *entry);
void tar_append_end(struct buf *tar); /* two zero blocks, and up to a full record of 10,240 bytes */
void tar_append_pax_record(struct buf *records, struct slice key, struct slice value);
void tar_append_global(struct buf *tar, struct slice records); /* a 'g' header */

#endif
