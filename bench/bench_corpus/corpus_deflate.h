/* corpus_deflate.h - gzip as a stream, fast rather than small. One thread. */
#ifndef VARVE_BENCH_CORPUS_DEFLATE_H
#define VARVE_BENCH_CORPUS_DEFLATE_H

#include "base/slice.h"

struct deflater;

struct deflater *deflater_new(void (*put)(void *data, struct slice bytes), void *data);
void             deflater_write(struct deflater *deflater, struct slice bytes);
void             deflater_end(struct deflater *deflater); /* and frees it */

#endif
