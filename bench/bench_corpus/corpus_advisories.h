/* corpus_advisories.h - OSV records about the packages of the corpus, in two generations of which one record in a hundred differs.
 *
 * Source: OSV schema 1.6; osv.dev's layout. Folder/1/<Ecosystem>/all.zip and Folder/2/…: for `varve db import`. */
#ifndef VARVE_BENCH_CORPUS_ADVISORIES_H
#define VARVE_BENCH_CORPUS_ADVISORIES_H

#include "bench_corpus/corpus_universe.h"

/* How many records the generation has. */
uint64_t advisories_write(const struct universe *u, const char *folder, unsigned generation);

#endif
