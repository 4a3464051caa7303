/* source_list.h - what a command line names to be scanned: its operands, then the lines of --from-file.
 *
 * Pulled one by one, so that a list of millions of lines streams. A line that is no reference, or that is local where
 * only remote ones make sense, is logged, counted and passed over. Owner: one thread. */
#ifndef VARVE_TOOLS_SOURCE_LIST_H
#define VARVE_TOOLS_SOURCE_LIST_H

#include "source/reference_list.h"

struct source_list {
	char                 **operands; /* borrowed */
	size_t                 operands_count, next;
	struct reference_list *file; /* NULL = none */
	uint64_t               refused;
	bool                   remote_only;
	struct reference       reference;
	char                   text[REFERENCE_TEXT_BYTES];
};

/* Checks the operands at once: ERR_USAGE for one that is no reference, or is local when `remote_only`. `from_file` may be
 * NULL, "-" is standard input. */
int  source_list_open(struct source_list *list, char **operands, size_t count, const char *from_file, bool remote_only,
                      struct err *err);
void source_list_close(struct source_list *list);

/* 1 with the next reference in its canonical form (until the next call), 0 at the end, ERR_*. */
int source_list_next(struct source_list *list, struct slice *reference, struct err *err);

#endif
