/* dispatch.h - hands the entries of one layer to the analyzers: the seam between the entry reader and the facts.
 *
 * One object per layer scan, one owner thread; nothing in it blocks but reading the spool back. The entry reader calls,
 * for every entry of the tar in tar order and whatever its type:
 *
 *     need = dispatch_begin(d, &entry, head);
 *     if (need == DISPATCH_STREAM) { for each block of the body, its first byte on: dispatch_feed(d, block);
 *                                    dispatch_finish(d, NULL); }
 *     if (need == DISPATCH_WHOLE)  { read it; dispatch_finish(d, &body); }      or dispatch_give_up() when it cannot
 *
 * and dispatch_end() once behind the last entry. What goes wrong with one body becomes a note of the inventory, never
 * an error of the scan. The dispatcher does what the order of entries demands (TRAPS A10, A11): a later entry of a path
 * takes away the facts of the earlier one, a non-directory also those below it, unless a hard link made in between
 * still leads to the content: then the facts move to the link's name. Whiteouts never touch their own layer. */
#ifndef VARVE_WORKER_ANALYZE_DISPATCH_H
#define VARVE_WORKER_ANALYZE_DISPATCH_H

#include "analyze/file_memo.h"
#include "base/buf.h"
#include "base/err.h"
#include "entry/entry.h"
#include "model/inventory.h"

enum dispatch_need {
	DISPATCH_NOTHING, /* skip the body; call nothing more for this entry */
	DISPATCH_STREAM,  /* every byte passes through dispatch_feed(), none is kept */
	DISPATCH_WHOLE,   /* dispatch_finish() gets the body in one piece */
};

enum dispatch_verdict {
	DISPATCH_DONE, /* the body's memory or spool range is the reader's again */
	DISPATCH_KEPT, /* the spool range must stay as it is until dispatch_end() has returned (memory is the reader's
			  again) */
};

struct dispatch_body {
	struct slice bytes;   /* memory, or a MAP_PRIVATE mapping of the spool */
	bool         spooled; /* … that lies in spool_fd at spool_offset (any alignment) */
	uint64_t     spool_offset;
};

struct dispatch;

/* Borrows `out` (initialised; its analyzer_set is filled in here), spool_fd (-1 = no body is ever spooled) and memo
 * (NULL = every body is analysed) until dispatch_free(). NULL with ERR_MEM. */
struct dispatch *dispatch_new(struct inventory *out, int spool_fd, const struct file_memo *memo, struct err *err);
void             dispatch_free(struct dispatch *d); /* NULL is fine */

/* *running (NULL: nobody looks) is 1 + the index of the analyzer at work (analyzer_table.h), 0 while none is: who watches
 * from another process knows what was at work when this one has died. */
void dispatch_watch(struct dispatch *d, _Atomic uint32_t *running);

/* head: the first LIMIT_HEAD_BYTES of the body, or all of a shorter one; empty for entries without a body. A hard link
 * that carries a body (entry->size > 0) is read as a file. `entry` and `head` are not kept beyond this call. */
enum dispatch_need dispatch_begin(struct dispatch *d, const struct entry *entry, struct slice head);

void                  dispatch_feed(struct dispatch *d, struct slice block);
enum dispatch_verdict dispatch_finish(struct dispatch *d, const struct dispatch_body *body); /* NULL after a stream */

/* Instead of dispatch_finish(): the body that was asked for cannot be had. Noted under the path of the entry;
 * `reason` is "stable_word: text", e.g. "spool_bytes_max: more than 2147483648 bytes of large files". */
void dispatch_give_up(struct dispatch *d, const char *reason);

/* Bodies that waited for a companion are analysed, hard links to evidence are handed over. 0, or ERR_MEM, ERR_LIMIT
 * (the inventory is not usable). Call it for a truncated layer too. */
int dispatch_end(struct dispatch *d, struct err *err);

uint64_t           dispatch_files_analyzed(const struct dispatch *d); /* times that an analyzer has run on a body */
struct memo_counts dispatch_memo_counts(const struct dispatch *d);

/* "name/version" of every analyzer, sorted, joined by ',': part of the key of every result. */
void dispatch_analyzer_set(struct buf *out);

#endif
