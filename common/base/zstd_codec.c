#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_getFrameHeader */

#include "base/zstd_codec.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct zstd_blocks {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *inflate;
};

struct zstd_inflater {
	ZSTD_DCtx *context;
	uint64_t   window_bytes_max;
};

struct zstd_blocks *zstd_blocks_new(void)
{
	return calloc(1, sizeof(struct zstd_blocks));
}

void zstd_blocks_free(struct zstd_blocks *z)
{
	if (!z)
		return;
	ZSTD_freeCCtx(z->compress);
	ZSTD_freeDCtx(z->inflate);
	free(z);
}

int zstd_block_compress(struct zstd_blocks *z, struct slice raw, int level, struct buf *out, struct err *err)
{
	size_t   bound = ZSTD_compressBound(raw.len);
	uint8_t *room;
	size_t   size;

	if (!z->compress)
		z->compress = ZSTD_createCCtx();
	if (!z->compress)
		return err_set(err, ERR_MEM, "zstd: out of memory");
	room = buf_reserve(out, bound);
	if (!room)
		return err_set(err, ERR_LIMIT, "zstd: output does not fit into %zu bytes", out->bytes_max);
	size = ZSTD_compressCCtx(z->compress, room, bound, raw.ptr, raw.len, level);
	if (ZSTD_isError(size))
		return err_set(err, ERR_MEM, "zstd: %s", ZSTD_getErrorName(size));
	buf_commit(out, size);
	return 0;
}

int zstd_block_inflate(struct zstd_blocks *z, struct slice packed, uint8_t *raw, size_t raw_size, struct err *err)
{
	size_t size;

	if (!z->inflate)
		z->inflate = ZSTD_createDCtx();
	if (!z->inflate)
		return err_set(err, ERR_MEM, "zstd: out of memory");
	size = ZSTD_decompressDCtx(z->inflate, raw, raw_size, packed.ptr, packed.len);
	if (ZSTD_isError(size))
		return err_set(err, ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(size));
	if (size != raw_size)
		return err_set(err, ERR_FORMAT, "zstd: block of %zu bytes where %zu were announced", size, raw_size);
	return 0;
}

static int window_log(uint64_t bytes)
{
	int log = ZSTD_WINDOWLOG_MIN;

	while (log < ZSTD_WINDOWLOG_MAX && ((uint64_t)2 << log) <= bytes)
		log++;
	/* 1 << log <= bytes; a window between two powers of two needs the next one up */
	return log < ZSTD_WINDOWLOG_MAX && ((uint64_t)1 << log) < bytes ? log + 1 : log;
}

struct zstd_inflater *zstd_inflater_new(uint64_t window_bytes_max)
{
	struct zstd_inflater *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->window_bytes_max = window_bytes_max;
	z->context = ZSTD_createDCtx();
	if (!z->context ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, window_log(window_bytes_max)))) {
		zstd_inflater_free(z);
		return NULL;
	}
	return z;
}

void zstd_inflater_free(struct zstd_inflater *z)
{
	if (!z)
		return;
	ZSTD_freeDCtx(z->context);
	free(z);
}

int zstd_inflate(struct zstd_inflater *z, struct slice *in, uint8_t *out, size_t out_size, size_t *written,
		 struct err *err)
{
	ZSTD_inBuffer  input = {.src = in->ptr, .size = in->len};
	ZSTD_outBuffer output = {.dst = out, .size = out_size};
	size_t         left = ZSTD_decompressStream(z->context, &output, &input);

	*in = slice_from(*in, input.pos);
	*written = output.pos;
	if (!ZSTD_isError(left))
		return left == 0 ? ZSTD_FRAME_END : ZSTD_MORE;
	if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
		return err_set(err, ERR_LIMIT, "zstd: window is larger than %llu bytes",
			       (unsigned long long)z->window_bytes_max);
	if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
		return err_set(err, ERR_MEM, "zstd: out of memory");
	return err_set(err, ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(left));
}

bool zstd_frame_window(struct slice head, uint64_t *window_bytes)
{
	ZSTD_frameHeader header;

	if (ZSTD_getFrameHeader(&header, head.ptr, head.len) != 0)
		return false;
	*window_bytes = header.frameType == ZSTD_skippableFrame ? 0 : header.windowSize;
	return true;
}
