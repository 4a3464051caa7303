/* corpus_expect.h - what a scan of the corpus must find, known without one: FOLDER/expected.jsonl, an image a line, and
 * FOLDER/expected.json, the sums. One thread. */
#ifndef VARVE_BENCH_CORPUS_EXPECT_H
#define VARVE_BENCH_CORPUS_EXPECT_H

#include "bench_corpus/corpus_layers.h"

struct expect;

struct expect *expect_open(const char *folder, const struct plan *plan, const struct made_layers *layers);
void           expect_image(struct expect *expect, const struct image_plan *image, const struct digest *digest);

/* Writes the sums, tells the shape of the corpus on standard error, and frees it. */
void expect_finish(struct expect *expect);

#endif
