/* bzip2 streams, by libbz2. The magic reaches into the first block's, since "BZh" alone could be a file name in a tar.
 */
#include "layer/layer_codec.h"

#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

struct bzip2 {
	bz_stream stream;
	bool      begun;
};

static enum codec_match bzip2_match(struct slice head)
{
	static const char block[] = "1AY&SY",
			  end[] = "\x17\x72\x45\x38\x50\x90"; /* of a stream with and without content */
	enum codec_match begin = codec_match_magic(slice_sub(head, 0, 3), SLICE_LIT("BZh"));
	struct slice     rest = slice_from(head, 4);
	enum codec_match as_block, as_end;

	if (begin != CODEC_YES || head.len < 4)
		return begin == CODEC_NO ? CODEC_NO : CODEC_MAYBE;
	if (head.ptr[3] < '1' || head.ptr[3] > '9')
		return CODEC_NO;
	as_block = codec_match_magic(rest, slice_str(block));
	as_end = codec_match_magic(rest, slice_str(end));
	return as_block > as_end ? as_block : as_end;
}

static void *bzip2_open(const struct codec_config *config, struct err *err)
{
	struct bzip2 *self = calloc(1, sizeof(*self));

	(void)config;
	if (!self)
		err_set(err, ERR_MEM, "decompressing bzip2: out of memory");
	return self;
}

static void end_stream(struct bzip2 *self)
{
	if (self->begun)
		BZ2_bzDecompressEnd(&self->stream);
	self->begun = false;
}

static void bzip2_close(void *state)
{
	end_stream(state);
	free(state);
}

static int bzip2_begin(void *state, struct err *err)
{
	struct bzip2 *self = state;

	end_stream(self);
	memset(&self->stream, 0, sizeof(self->stream));
	if (BZ2_bzDecompressInit(&self->stream, 0, 0) != BZ_OK)
		return err_set(err, ERR_MEM, "out of memory");
	self->begun = true;
	return 0;
}

static unsigned clamp(size_t bytes)
{
	return bytes < 1u << 30 ? (unsigned)bytes : 1u << 30;
}

static int bzip2_run(void *state, struct codec_io *io, struct err *err)
{
	struct bzip2 *self = state;
	unsigned      in_given = clamp(io->in.len), out_given = clamp(io->room);
	int           status;

	self->stream.next_in = (char *)(uintptr_t)io->in.ptr; /* libbz2's prototype lacks const; it only reads */
	self->stream.avail_in = in_given;
	self->stream.next_out = (char *)io->out;
	self->stream.avail_out = out_given;
	status = BZ2_bzDecompress(&self->stream);
	io->in = slice_from(io->in, in_given - self->stream.avail_in);
	io->out += out_given - self->stream.avail_out;
	io->room -= out_given - self->stream.avail_out;
	switch (status) {
	case BZ_OK:
		return CODEC_MORE;
	case BZ_STREAM_END:
		return CODEC_MEMBER_END;
	case BZ_MEM_ERROR:
		return err_set(err, ERR_MEM, "out of memory");
	default:
		return err_set(err, ERR_FORMAT, "corrupt data");
	}
}

const struct codec codec_bzip2 = {
	.name = "bzip2",
	.media_type = "tar+bzip2",
	.match = bzip2_match,
	.open = bzip2_open,
	.begin = bzip2_begin,
	.run = bzip2_run,
	.close = bzip2_close,
};
