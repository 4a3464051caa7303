/* reference_list.h - the list of references behind --from-file, read line by line; its length does not matter.
 *
 * One reference per line; blank lines, and "#" at the start of a line or behind white space, are ignored. Owner: one thread. */
#ifndef VARVE_WORKER_SOURCE_REFERENCE_LIST_H
#define VARVE_WORKER_SOURCE_REFERENCE_LIST_H

#include "model/reference.h"

struct reference_list;

/* "-" = standard input. Once `wake_fd` (borrowed; -1 = none) is readable, reading ends with ERR_CANCELLED. */
struct reference_list *reference_list_open(const char *path, int wake_fd, struct err *err);
void                   reference_list_close(struct reference_list *list);

/* 1 with a reference, 0 at the end, ERR_USAGE for a line that is none ("FILE line 7: …"; the next call goes on behind
 * it), ERR_IO, ERR_CANCELLED, ERR_LIMIT (LIMIT_LIST_LINES; ends the list). */
int reference_list_next(struct reference_list *list, struct reference *out, struct err *err);

#endif
