/* nested_archive.h - walks a zip and the archives inside it, under budgets of depth, number and bytes (base/limits.h).
 *
 * Inner archives that are stored are read where they lie; deflated ones are unpacked into memory one chain at a time.
 * What is damaged counts like what is good. Without recursion. What cannot be read, and what passes a budget, is noted under the path of the outermost file. */
#ifndef VARVE_WORKER_ANALYZE_NESTED_ARCHIVE_H
#define VARVE_WORKER_ANALYZE_NESTED_ARCHIVE_H

#include "analyze/zip_file.h"
#include "model/inventory.h"

struct nested_visitor {
	void *data;
	bool (*is_archive)(struct slice member_name); /* to be walked too */

	/* A new archive begins: all members until its `end` are its own, but for those of archives inside it. `name` is the
	 * last component of its path. */
	void (*begin)(void *data, struct slice name);
	bool (*wants)(void *data, struct slice member_name);
	void (*member)(void *data, struct slice member_name, struct slice body);
	void (*end)(void *data);
};

/* 0, or ERR_FORMAT when `body` itself is no zip; then nothing was visited. */
int nested_archive_walk(struct slice path, struct slice body, const struct nested_visitor *visitor,
			struct inventory *out, struct err *err);

#endif
