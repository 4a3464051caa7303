/* gzip by ISA-L's igzip (RFC 1952). Built where ISA-L is present; codec_gzip_zlib.c else. */
#ifdef VARVE_HAVE_ISAL

#include "layer/layer_codec.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

struct gzip {
	bool                    in_body;
	struct isal_gzip_header header; /* kept over calls: a header may be split over blocks */
	struct inflate_state    state;
};

static enum codec_match gzip_match(struct slice head)
{
	return codec_match_magic(head, SLICE_LIT("\x1f\x8b\x08"));
}

static void *gzip_open(const struct codec_config *config, struct err *err)
{
	struct gzip *self = malloc(sizeof(*self));

	(void)config;
	if (!self) {
		err_set(err, ERR_MEM, "decompressing gzip: out of memory");
		return NULL;
	}
	isal_inflate_init(&self->state);
	return self;
}

static int gzip_begin(void *state, struct err *err)
{
	struct gzip *self = state;

	(void)err;
	isal_inflate_reset(&self->state);
	isal_gzip_header_init(&self->header);
	self->state.avail_in = 0;
	self->in_body = false;
	return 0;
}

static const char *reason(int code)
{
	switch (code) {
	case ISAL_INVALID_BLOCK:
		return "invalid deflate block";
	case ISAL_INVALID_SYMBOL:
		return "invalid deflate symbol";
	case ISAL_INVALID_LOOKBACK:
		return "deflate distance reaches before the start";
	case ISAL_UNSUPPORTED_METHOD:
		return "compression method is not deflate";
	case ISAL_INCORRECT_CHECKSUM:
		return "checksum or length does not match";
	default:
		return "invalid header";
	}
}

/* igzip counts in 32 bits; what does not fit waits for the next call. */
static uint32_t clamp(size_t bytes)
{
	return bytes < 1u << 30 ? (uint32_t)bytes : 1u << 30;
}

static int run_header(struct gzip *self)
{
	int status = isal_read_gzip_header(&self->state, &self->header);

	if (status == ISAL_DECOMP_OK) {
		self->in_body = true;
		self->state.crc_flag =
			ISAL_GZIP_NO_HDR_VER; /* behind the reset: CRC and ISIZE are checked at the end */
	}
	return status;
}

static int gzip_run(void *state, struct codec_io *io, struct err *err)
{
	struct gzip *self = state;
	uint32_t     in_given = clamp(io->in.len), out_given = clamp(io->room);
	int          status;

	self->state.next_in = (uint8_t *)(uintptr_t)io->in.ptr; /* igzip's prototype lacks const; it only reads */
	self->state.avail_in = in_given;
	self->state.next_out = io->out;
	self->state.avail_out = out_given;
	status = self->in_body ? isal_inflate(&self->state) : run_header(self);
	io->in = slice_from(io->in, in_given - self->state.avail_in);
	io->out += out_given - self->state.avail_out;
	io->room -= out_given - self->state.avail_out;
	if (status < 0)
		return err_set(err, ERR_FORMAT, "%s", reason(status));
	return self->in_body && self->state.block_state == ISAL_BLOCK_FINISH ? CODEC_MEMBER_END : CODEC_MORE;
}

const struct codec codec_gzip = {
	.name = "gzip",
	.media_type = "tar+gzip",
	.match = gzip_match,
	.open = gzip_open,
	.begin = gzip_begin,
	.run = gzip_run,
	.close = free,
};

#endif
