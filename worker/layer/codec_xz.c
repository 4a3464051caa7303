/* xz streams, by liblzma. Its own memory ceiling finds dictionaries that need the shared allowance. */
#include "layer/layer_codec.h"

#include "base/limits.h"

#include <inttypes.h>
#include <lzma.h>
#include <stdlib.h>

enum { DECODER_BYTES = 1 << 20 }; /* what liblzma needs beside the dictionary, with room */

struct xz {
	lzma_stream         stream;
	struct codec_config config;
	bool                holds_window;
};

static enum codec_match xz_match(struct slice head)
{
	return codec_match_magic(head, slice_of("\xfd"
						"7zXZ",
						6));
}

static void *xz_open(const struct codec_config *config, struct err *err)
{
	struct xz *self = calloc(1, sizeof(*self));

	if (!self) {
		err_set(err, ERR_MEM, "decompressing xz: out of memory");
		return NULL;
	}
	self->stream = (lzma_stream)LZMA_STREAM_INIT;
	self->config = *config;
	return self;
}

static void xz_close(void *state)
{
	struct xz *self = state;

	lzma_end(&self->stream);
	if (self->holds_window)
		window_budget_give(self->config.window);
	free(self);
}

static int xz_begin(void *state, struct err *err)
{
	struct xz *self = state;
	uint64_t   memory = self->holds_window ? LIMIT_WINDOW_BYTES : LIMIT_WINDOW_FREE_BYTES;

	if (lzma_stream_decoder(&self->stream, memory + DECODER_BYTES, 0) != LZMA_OK)
		return err_set(err, ERR_MEM, "out of memory");
	return 0;
}

static int raise_ceiling(struct xz *self, struct err *err)
{
	uint64_t need = lzma_memusage(&self->stream);
	int      status;

	if (self->holds_window || !self->config.window || need > LIMIT_WINDOW_BYTES)
		return err_set(err, ERR_LIMIT, "dictionary of about %" PRIu64 " bytes is more than is allowed", need);
	status = window_budget_take(self->config.window, self->config.cancel, err);
	if (status < 0)
		return status;
	self->holds_window = true;
	if (lzma_memlimit_set(&self->stream, LIMIT_WINDOW_BYTES + DECODER_BYTES) != LZMA_OK)
		return err_set(err, ERR_LIMIT, "dictionary of about %" PRIu64 " bytes is more than is allowed", need);
	return CODEC_MORE;
}

static int verdict(struct xz *self, lzma_ret status, struct err *err)
{
	switch (status) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return CODEC_MORE;
	case LZMA_STREAM_END:
		return CODEC_MEMBER_END;
	case LZMA_MEMLIMIT_ERROR:
		return raise_ceiling(self, err);
	case LZMA_MEM_ERROR:
		return err_set(err, ERR_MEM, "out of memory");
	case LZMA_OPTIONS_ERROR:
		return err_set(err, ERR_UNSUPPORTED, "filter or option that liblzma does not know");
	default:
		return err_set(err, ERR_FORMAT, "corrupt data");
	}
}

static int xz_run(void *state, struct codec_io *io, struct err *err)
{
	struct xz *self = state;
	lzma_ret   status;
	bool       held = self->holds_window;
	int        result;

	do {
		self->stream.next_in = io->in.ptr;
		self->stream.avail_in = io->in.len;
		self->stream.next_out = io->out;
		self->stream.avail_out = io->room;
		status = lzma_code(&self->stream, LZMA_RUN);
		io->in = slice_from(io->in, io->in.len - self->stream.avail_in);
		io->out = self->stream.next_out;
		io->room = self->stream.avail_out;
		result = verdict(self, status, err);
	} while (result == CODEC_MORE && self->holds_window != held && (held = true, true));
	return result;
}

const struct codec codec_xz = {
	.name = "xz",
	.media_type = "tar+xz",
	.match = xz_match,
	.open = xz_open,
	.begin = xz_begin,
	.run = xz_run,
	.close = xz_close,
};
