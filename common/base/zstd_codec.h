/* zstd_codec.h - Zstandard: whole blocks for our own formats, and frames that are inflated as they come; the only file
 * that includes zstd.
 *
 * Source: RFC 8878. Each object is owned by one thread. Windows and outputs have a ceiling that the caller names. */
#ifndef VARVE_BASE_ZSTD_CODEC_H
#define VARVE_BASE_ZSTD_CODEC_H

#include "base/buf.h"
#include "base/err.h"

/* Blocks: both sizes are stored beside the block by the caller. The contexts are made at the first use and kept. */
struct zstd_blocks;

struct zstd_blocks *zstd_blocks_new(void);
void                zstd_blocks_free(struct zstd_blocks *z);
int                 zstd_block_compress(struct zstd_blocks *z, struct slice raw, int level, struct buf *out,
					struct err *err); /* appends */

/* Exactly `raw_size` bytes into `raw`, else ERR_FORMAT: a block of more or fewer is never believed. */
int zstd_block_inflate(struct zstd_blocks *z, struct slice packed, uint8_t *raw, size_t raw_size, struct err *err);

/* Frames, pushed in pieces. */
struct zstd_inflater;

struct zstd_inflater *zstd_inflater_new(uint64_t window_bytes_max); /* NULL without memory */
void                  zstd_inflater_free(struct zstd_inflater *z);

enum zstd_status { ZSTD_MORE, ZSTD_FRAME_END }; /* or a negative ERR_* */

/* Eats from `*in`, fills `out`, says in `*written` how much. ZSTD_FRAME_END: a frame is complete (not the stream: more
 * frames may follow, skippable ones included, and pass without output; call again while there is input). ZSTD_MORE:
 * inside a frame; output may wait inside even when `*in` is empty: go on while `*written` filled `out`. ERR_LIMIT: the
 * frame's window is larger than allowed; ERR_FORMAT: damaged, or no zstd. */
int zstd_inflate(struct zstd_inflater *z, struct slice *in, uint8_t *out, size_t out_size, size_t *written,
		 struct err *err);

/* The window that the frame at the start of `head` asks for (0 for a skippable frame); false when `head` (18 bytes are
 * enough) is no whole frame header. */
bool zstd_frame_window(struct slice head, uint64_t *window_bytes);

#endif
