/* corpus_blob.h - a layer blob as it is written: plain tar in, gzip or zstd out, both digests on the way.
 *
 * gzip by igzip where ISA-L is, else by zlib: the tar and its diffID are the same everywhere, the blob's digest is not. One thread. */
#ifndef VARVE_BENCH_CORPUS_BLOB_H
#define VARVE_BENCH_CORPUS_BLOB_H

#include "base/digest.h"

struct blob_writer;

/* Writes into `path`, which is made anew. */
struct blob_writer *blob_writer_new(const char *path, bool zstd);
void                blob_writer_put(struct blob_writer *writer, struct slice bytes);

/* Ends the file and frees the writer. */
void blob_writer_end(struct blob_writer *writer, struct digest *digest, struct digest *diff_id, uint64_t *bytes);

#endif
