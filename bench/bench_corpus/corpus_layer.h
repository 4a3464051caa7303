/* corpus_layer.h - makes one layer of the plan. Any thread. */
#ifndef VARVE_BENCH_CORPUS_LAYER_H
#define VARVE_BENCH_CORPUS_LAYER_H

#include "bench_corpus/corpus_plan.h"
#include "bench_corpus/corpus_tar.h"

/* blob: NULL only counts. */
void layer_write(const struct plan *plan, const struct pool *pool, const struct layer_spec *spec,
		 struct blob_writer *blob, struct tar_counts *counts);

#endif
