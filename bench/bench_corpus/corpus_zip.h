/* corpus_zip.h - a zip in memory, members stored. One thread. Source: PKWARE's APPNOTE.TXT. */
#ifndef VARVE_BENCH_CORPUS_ZIP_H
#define VARVE_BENCH_CORPUS_ZIP_H

#include "base/buf.h"

struct zip_writer {
	struct buf bytes, directory;
	uint32_t   members; /* at most 65535 */
};

void         zip_writer_init(struct zip_writer *zip);
void         zip_writer_add(struct zip_writer *zip, const char *name, struct slice body);
struct slice zip_writer_end(struct zip_writer *zip); /* the whole; borrowed until deinit */
void         zip_writer_deinit(struct zip_writer *zip);

#endif
