/* compress.h - compressed bytes for tests, by the formats' own libraries. */
#ifndef VARVE_TESTS_LIB_COMPRESS_H
#define VARVE_TESTS_LIB_COMPRESS_H

#include "base/buf.h"

/* One member of `format` ("gzip" "zstd" "xz" "bzip2", or "none" for the bytes themselves) appended to `out`; false for
 * a format that is not known or without memory. */
bool compress_append(const char *format, struct slice bytes, struct buf *out);

bool compress_append_zstd(struct slice bytes, int window_log, struct buf *out); /* the frame states such a window */
bool compress_append_xz(struct slice bytes, uint32_t dictionary_bytes, struct buf *out);
void compress_append_zstd_skippable(struct slice bytes, struct buf *out);

#endif
