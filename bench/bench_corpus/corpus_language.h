/* corpus_language.h - packages of a language in a layer: Python's site-packages, Node's node_modules, jars.
 *
 * Sources: PyPA core metadata and "Recording installed projects"; npm's package.json; APPNOTE.TXT for zip, Maven's archive descriptor. */
#ifndef VARVE_BENCH_CORPUS_LANGUAGE_H
#define VARVE_BENCH_CORPUS_LANGUAGE_H

#include "bench_corpus/corpus_plan.h"
#include "bench_corpus/corpus_tar.h"

void python_package(struct layer_tar *tar, const struct universe *u, struct piece piece);
void node_package(struct layer_tar *tar, const struct universe *u, struct piece piece);
void java_package(struct layer_tar *tar, const struct universe *u, const struct pool *pool, struct piece piece);

/* What to remove so that the package is no longer there. */
void language_evidence_path(const struct universe *u, struct piece piece, char out[PATH_TEXT_BYTES]);

#endif
