/* body_store.h - whole bodies for analyzers that need them: lent from the tar's own block, gathered in memory, or
 * spooled.
 *
 * One body at a time. Up to LIMIT_BODY_MEMORY_BYTES in memory, larger ones in the spool file and mapped from there
 * (private, so that writes to the mapping stay with it). Owner: one thread. */
#ifndef VARVE_WORKER_ENTRY_BODY_STORE_H
#define VARVE_WORKER_ENTRY_BODY_STORE_H

#include "entry/entry_reader.h"

struct body {
	struct slice bytes; /* until body_store_release() */
	bool         spooled;
	uint64_t     spool_offset; /* a multiple of the page size */
	bool         refused;      /* the read failed for want of room in the spool: the reader is as good as before */
};

struct body_store;

/* Borrows spool_fd (-1: none, large bodies are ERR_LIMIT), which is emptied. bytes_max: 0 = LIMIT_SPOOL_BYTES. */
struct body_store *body_store_new(int spool_fd, uint64_t bytes_max, struct err *err);
void               body_store_free(struct body_store *store); /* NULL is fine; empties the spool */

/* Reads the body of the reader's current entry, which has `size` bytes. Failed and `refused`: ERR_LIMIT, ERR_IO,
 * ERR_FULL, the text begins with the stable word of the ceiling or "spool: "; else the reader's own error, or ERR_MEM.
 */
int body_store_read(struct body_store *store, struct entry_reader *reader, uint64_t size, struct body *body,
		    struct err *err);

/* keep_spooled: its range of the spool must not be used again. */
void body_store_release(struct body_store *store, const struct body *body, bool keep_spooled);

#endif
