/* entry_reader.h - the tar of a layer as entries: canonical paths, whiteouts, links; what is no image content left out.
 *
 * Left out: the root itself, eStargz landmarks and index, aufs metadata (".wh..wh.*"), and with a note what has no
 * usable name. Source: image-spec layer.md ("Whiteouts"), estargz.md; TRAPS A8-A12. Nothing is remembered from entry
 * to entry. Owner: one thread. Hostile input. */
#ifndef VARVE_WORKER_ENTRY_ENTRY_READER_H
#define VARVE_WORKER_ENTRY_ENTRY_READER_H

#include "base/stream.h"
#include "entry/entry.h"
#include "model/inventory.h"

struct entry_reader;

/* Borrows `tar`, and `notes` for what is to be told about single entries. entries_max: 0 = LIMIT_ENTRIES. */
struct entry_reader *entry_reader_new(struct stream *tar, uint64_t entries_max, struct inventory *notes,
				      struct err *err);
void                 entry_reader_free(struct entry_reader *reader); /* NULL is fine */

/* 1 with the next entry, 0 at the end or at the ceiling (then noted), or the errors of archive_reader_next(). */
int entry_reader_next(struct entry_reader *reader, struct entry *entry, struct err *err);

/* The first LIMIT_HEAD_BYTES of the entry's body, or all of a shorter one; borrowed until the next call but block().
 * 0 or an error, with what there was. */
int entry_reader_head(struct entry_reader *reader, struct slice *head, struct err *err);

/* The body from its first byte on, whether or not its head was asked for: STREAM_BLOCK, STREAM_END or an error. */
int entry_reader_block(struct entry_reader *reader, struct slice *block, struct err *err);

uint64_t entry_reader_count(const struct entry_reader *reader);      /* members of the tar so far, those left out too */
bool     entry_reader_is_foreign(const struct entry_reader *reader); /* the bytes are no tar at all */

/* Reads the tar's bytes to their end; *surplus as archive_reader_finish(). */
int entry_reader_finish(struct entry_reader *reader, bool *surplus, struct err *err);

#endif
