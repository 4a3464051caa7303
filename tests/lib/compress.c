#include "lib/compress.h"

#include <bzlib.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static bool append_gzip(struct slice bytes, struct buf *out)
{
	z_stream stream = {0};
	size_t   room = bytes.len + bytes.len / 100 + 1024;
	uint8_t *to = buf_reserve(out, room);
	bool     done;

	if (!to || deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
	stream.avail_in = (uInt)bytes.len;
	stream.next_out = to;
	stream.avail_out = (uInt)room;
	done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
	buf_commit(out, room - stream.avail_out);
	deflateEnd(&stream);
	return done;
}

bool compress_append_zstd(struct slice bytes, int window_log, struct buf *out)
{
	ZSTD_CCtx     *context = ZSTD_createCCtx();
	size_t         room = ZSTD_compressBound(bytes.len) + 64;
	ZSTD_inBuffer  in = {.src = bytes.ptr, .size = bytes.len};
	ZSTD_outBuffer to = {.dst = buf_reserve(out, room), .size = room};
	size_t         left = 1;

	if (context && to.dst && !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) &&
	    (!window_log || !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)))) {
		ZSTD_compressStream2(context, &to, &in,
				     ZSTD_e_flush); /* without a content size, so that a window is stated */
		left = ZSTD_compressStream2(context, &to, &in, ZSTD_e_end);
	}
	buf_commit(out, to.pos);
	ZSTD_freeCCtx(context);
	return left == 0;
}

void compress_append_zstd_skippable(struct slice bytes, struct buf *out)
{
	uint8_t size[4] = {(uint8_t)bytes.len, (uint8_t)(bytes.len >> 8), (uint8_t)(bytes.len >> 16), 0};

	buf_append(out, slice_of("\x51\x2a\x4d\x18", 4));
	buf_append(out, slice_of(size, sizeof(size)));
	buf_append(out, bytes);
}

bool compress_append_xz(struct slice bytes, uint32_t dictionary_bytes, struct buf *out)
{
	lzma_options_lzma options;
	lzma_filter       filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	size_t            room = lzma_stream_buffer_bound(bytes.len), used = 0;
	uint8_t          *to = buf_reserve(out, room);

	if (!to || lzma_lzma_preset(&options, 0))
		return false;
	if (dictionary_bytes)
		options.dict_size = dictionary_bytes;
	if (lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC64, NULL, bytes.ptr, bytes.len, to, &used, room) !=
	    LZMA_OK)
		return false;
	buf_commit(out, used);
	return true;
}

static bool append_bzip2(struct slice bytes, struct buf *out)
{
	unsigned room = (unsigned)(bytes.len + bytes.len / 50 + 1024);
	char    *to = (char *)buf_reserve(out, room);
	char     none = 0;

	if (!to || BZ2_bzBuffToBuffCompress(to, &room, bytes.len ? (char *)(uintptr_t)bytes.ptr : &none,
					    (unsigned)bytes.len, 9, 0, 0) != BZ_OK)
		return false;
	buf_commit(out, room);
	return true;
}

bool compress_append(const char *format, struct slice bytes, struct buf *out)
{
	if (strcmp(format, "gzip") == 0)
		return append_gzip(bytes, out);
	if (strcmp(format, "zstd") == 0)
		return compress_append_zstd(bytes, 0, out);
	if (strcmp(format, "xz") == 0)
		return compress_append_xz(bytes, 0, out);
	if (strcmp(format, "bzip2") == 0)
		return append_bzip2(bytes, out);
	if (strcmp(format, "none") != 0)
		return false;
	buf_append(out, bytes);
	return buf_ok(out);
}
