/* corpus_pool.h - the bytes of a file by its id: pieces of two pools, of text and of machine code, that deflate as real ones do.
 *
 * Immutable after pool_new(); any thread. */
#ifndef VARVE_BENCH_CORPUS_POOL_H
#define VARVE_BENCH_CORPUS_POOL_H

#include "base/slice.h"
#include "bench_corpus/corpus_universe.h"

struct pool;

struct pool *pool_new(uint64_t seed);
void         pool_free(struct pool *pool);

enum { POOL_HEAD_BYTES = 176 }; /* begins every file: an ELF header, or a line of text; then the id */

/* Hands the content to `put` piece by piece. */
void pool_content(const struct pool *pool, const struct corpus_file *file, void (*put)(void *data, struct slice bytes),
		  void *data);

#endif
