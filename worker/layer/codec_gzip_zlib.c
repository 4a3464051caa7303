/* gzip by zlib (RFC 1952), where ISA-L is absent. zlib checks CRC and ISIZE itself and stops at each member's end. */
#ifndef VARVE_HAVE_ISAL

#include "layer/layer_codec.h"

#include <stdlib.h>
#include <zlib.h>

static enum codec_match gzip_match(struct slice head)
{
	return codec_match_magic(head, SLICE_LIT("\x1f\x8b\x08"));
}

static void *gzip_open(const struct codec_config *config, struct err *err)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	(void)config;
	if (stream && inflateInit2(stream, 16 + MAX_WBITS) == Z_OK)
		return stream;
	free(stream);
	err_set(err, ERR_MEM, "decompressing gzip: out of memory");
	return NULL;
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}

static int gzip_begin(void *state, struct err *err)
{
	return inflateReset(state) == Z_OK ? 0 : err_set(err, ERR_INTERNAL, "zlib cannot be reset");
}

static uInt clamp(size_t bytes)
{
	return bytes < 1u << 30 ? (uInt)bytes : 1u << 30;
}

static int gzip_run(void *state, struct codec_io *io, struct err *err)
{
	z_stream *stream = state;
	uInt      in_given = clamp(io->in.len), out_given = clamp(io->room);
	int       status;

	stream->next_in = (Bytef *)(uintptr_t)io->in.ptr; /* zlib's prototype lacks const; it only reads */
	stream->avail_in = in_given;
	stream->next_out = io->out;
	stream->avail_out = out_given;
	status = inflate(stream, Z_NO_FLUSH);
	io->in = slice_from(io->in, in_given - stream->avail_in);
	io->out += out_given - stream->avail_out;
	io->room -= out_given - stream->avail_out;
	if (status == Z_STREAM_END)
		return CODEC_MEMBER_END;
	if (status == Z_OK || status == Z_BUF_ERROR)
		return CODEC_MORE;
	if (status == Z_MEM_ERROR)
		return err_set(err, ERR_MEM, "out of memory");
	return err_set(err, ERR_FORMAT, "%s", stream->msg ? stream->msg : "invalid data");
}

const struct codec codec_gzip = {
	.name = "gzip",
	.media_type = "tar+gzip",
	.match = gzip_match,
	.open = gzip_open,
	.begin = gzip_begin,
	.run = gzip_run,
	.close = gzip_close,
};

#endif
