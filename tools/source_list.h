/* source_list.h - what a command line names to be scanned: its operands, then the lines of --from-file.
 *
 * Pulled one by one, so that a list of millions of lines streams; a thread of its own reads the file, so that a slow writer
 * at the other end of a pipe holds nothing up. A line that is no reference, or that is local where only remote ones make
 * sense, is logged, counted and passed over. Owner: one thread. */
#ifndef VARVE_TOOLS_SOURCE_LIST_H
#define VARVE_TOOLS_SOURCE_LIST_H

#include "base/queue.h"
#include "source/reference_list.h"

#include <pthread.h>
#include <stdatomic.h>

struct source_list {
	char                 **operands; /* borrowed */
	size_t                 operands_count, next;
	struct reference_list *file; /* NULL = none; the reader's once it runs */
	bool                   remote_only;
	struct reference       reference;
	char                   text[REFERENCE_TEXT_BYTES];

	struct queue    *queue; /* of texts on the heap, from the reader */
	pthread_t        reader;
	bool             reading;
	int              wake_fd; /* ends the reader's waiting */
	_Atomic bool     stop;
	_Atomic bool     ended; /* the reader is done, `reader_err` is final */
	_Atomic uint64_t refused;
	struct reference read;
	struct err       reader_err;
};

/* Checks the operands at once: ERR_USAGE for one that is no reference, or is local when `remote_only`. `from_file` may be
 * NULL, "-" is standard input. */
int  source_list_open(struct source_list *list, char **operands, size_t count, const char *from_file, bool remote_only,
		      struct err *err);
void source_list_close(struct source_list *list); /* also while the reader waits for its file */

enum { SOURCE_END = 0, SOURCE_NEXT = 1, SOURCE_LATER = 2 };

/* SOURCE_NEXT with a reference in its canonical form (until the next call), SOURCE_END, SOURCE_LATER when the file has none
 * just now, or ERR_*. The reader starts with the first call that needs it, with the signal mask of then. */
int source_list_next(struct source_list *list, struct slice *reference, struct err *err);

#endif
