/* memory_memo.h - a struct file_memo that remembers in memory, what is kept at once: for tests of the parse side. */
#ifndef VARVE_TESTS_LIB_MEMORY_MEMO_H
#define VARVE_TESTS_LIB_MEMORY_MEMO_H

#include "analyze/file_memo.h"
#include "base/arena.h"
#include "base/map.h"

struct memory_memo {
	struct file_memo memo; /* hand out &memo */
	struct arena     arena;
	struct map       facts; /* key -> struct slice */
	struct slice     last;  /* the value kept last */
	size_t           kept, found;
	int              answer; /* negative: what find() says, whatever it knows */
};

void memory_memo_init(struct memory_memo *m);
void memory_memo_deinit(struct memory_memo *m);

/* Replaces the facts of every key by `facts`: a memo that lies. */
void memory_memo_lie(struct memory_memo *m, struct slice facts);

#endif
