/* corpus_store.h - a plan's images on disk: as an OCI image layout, and as the store of a docker-registry over the same blobs.
 *
 * Sources: OCI image-spec image-layout.md; distribution's filesystem driver (registry/storage/paths.go). FOLDER/layout has the
 * blobs; FOLDER/registry hard links to them. One thread. */
#ifndef VARVE_BENCH_CORPUS_STORE_H
#define VARVE_BENCH_CORPUS_STORE_H

#include "bench_corpus/corpus_layers.h"

struct store;

/* Prepares the folders; `registry`: whether there is to be one, made anew. */
struct store *store_open(const char *folder, bool registry);

/* Writes config and manifest of an image; *digest is the manifest's. */
void store_put_image(struct store *store, const struct plan *plan, const struct made_layers *layers,
		     const struct image_plan *image, struct digest *digest);

void store_finish(struct store *store); /* index.json; and frees it */

#endif
