/* corpus_os.h - packages of a distribution in a layer: their files, and the package database as its own tools write it.
 *
 * Sources: deb822(5), dpkg's status, .list and .md5sums; apk's installed database (apk-tools v2); rpm's rpmdb.sqlite. */
#ifndef VARVE_BENCH_CORPUS_OS_H
#define VARVE_BENCH_CORPUS_OS_H

#include "base/buf.h"
#include "bench_corpus/corpus_plan.h"
#include "bench_corpus/corpus_tar.h"

/* Writes what is `fresh` in `pieces` (from that place on) as files, and a database of all of them. */
void os_packages_write(struct layer_tar *tar, const struct universe *u, enum family family,
		       const struct piece_list *pieces, size_t fresh);

/* rpmdb.sqlite of these packages, appended. */
void rpm_database(struct buf *out, const struct universe *u, const struct piece_list *pieces);

#endif
