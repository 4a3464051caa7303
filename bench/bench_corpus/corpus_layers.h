/* corpus_layers.h - the unique layers of a plan, made by several threads; those that an earlier run has left are only counted.
 *
 * FOLDER/corpus.layers remembers what lies in FOLDER/layout/blobs, so that another night, or more images, make only what is new. */
#ifndef VARVE_BENCH_CORPUS_LAYERS_H
#define VARVE_BENCH_CORPUS_LAYERS_H

#include "bench_corpus/corpus_plan.h"
#include "bench_corpus/corpus_tar.h"

struct made_layer {
	struct layer_spec spec;
	struct digest     digest, diff_id;
	uint64_t          bytes; /* of the blob */
	uint64_t          tar_bytes, entries, files;
	bool              known; /* from an earlier run */
	bool              twin;  /* another one has the same blob: dependencies that no step has changed */
};

struct made_layers {
	struct made_layer *items; /* by key */
	size_t             count;
	size_t             contents_count; /* different contents of files */
};

void layers_make(struct made_layers *out, const struct plan *plan, const char *folder, unsigned threads);
const struct made_layer *layers_get(const struct made_layers *layers, const struct layer_spec *spec);
void                     layers_free(struct made_layers *layers);

#endif
