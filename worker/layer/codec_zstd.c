/* zstd frames and skippable frames (RFC 8878).
 *
 * Each frame's header is gathered before it is decoded: its window decides whether the shared allowance is needed. */
#include "layer/layer_codec.h"

#include "base/limits.h"
#include "base/zstd_codec.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FRAME_HEADER_BYTES_MAX = 18, WINDOW_BYTES_MAX = 128 << 20 };

struct zstd {
	struct zstd_inflater *inflater;
	struct codec_config   config;
	bool                  holds_window;
	bool                  in_body;
	uint8_t               header[FRAME_HEADER_BYTES_MAX];
	size_t                header_len;
};

static enum codec_match zstd_match(struct slice head)
{
	if (head.len && (head.ptr[0] & 0xf0) == 0x50) /* skippable: sixteen magics */
		return codec_match_magic(slice_from(head, 1), SLICE_LIT("\x2a\x4d\x18"));
	return codec_match_magic(head, SLICE_LIT("\x28\xb5\x2f\xfd"));
}

static void zstd_close(void *state)
{
	struct zstd *self = state;

	zstd_inflater_free(self->inflater);
	if (self->holds_window)
		window_budget_give(self->config.window);
	free(self);
}

static void *zstd_open(const struct codec_config *config, struct err *err)
{
	struct zstd *self = calloc(1, sizeof(*self));

	if (self) {
		self->config = *config;
		self->inflater = zstd_inflater_new(WINDOW_BYTES_MAX);
	}
	if (!self || !self->inflater) {
		err_set(err, ERR_MEM, "decompressing zstd: out of memory");
		free(self);
		return NULL;
	}
	return self;
}

static int zstd_begin(void *state, struct err *err)
{
	struct zstd *self = state;

	(void)err;
	self->in_body = false;
	self->header_len = 0;
	return 0;
}

static int admit_window(struct zstd *self, uint64_t bytes, struct err *err)
{
	int status;

	if (bytes > WINDOW_BYTES_MAX || (bytes > LIMIT_WINDOW_FREE_BYTES && !self->config.window))
		return err_set(err, ERR_LIMIT, "window of %" PRIu64 " bytes is more than is allowed", bytes);
	if (bytes <= LIMIT_WINDOW_FREE_BYTES || self->holds_window)
		return 0;
	status = window_budget_take(self->config.window, self->config.cancel, err);
	self->holds_window = status == 0;
	return status;
}

static int decode(struct zstd *self, struct codec_io *io, struct err *err)
{
	size_t written = 0;
	int    status = zstd_inflate(self->inflater, &io->in, io->out, io->room, &written, err);

	io->out += written;
	io->room -= written;
	if (status < 0)
		return status;
	return status == ZSTD_FRAME_END ? CODEC_MEMBER_END : CODEC_MORE;
}

/* A header that never becomes whole goes to libzstd too, which says what is wrong with it. */
static int run_header(struct zstd *self, struct codec_io *io, struct err *err)
{
	struct codec_io header = *io;
	uint64_t        window = 0;
	bool            whole = false;
	int             status;

	while (io->in.len && !whole && self->header_len < FRAME_HEADER_BYTES_MAX) {
		self->header[self->header_len++] = io->in.ptr[0];
		io->in = slice_from(io->in, 1);
		whole = zstd_frame_window(slice_of(self->header, self->header_len), &window);
	}
	if (!whole && self->header_len < FRAME_HEADER_BYTES_MAX)
		return CODEC_MORE;
	status = admit_window(self, window, err);
	if (status < 0)
		return status;
	self->in_body = true;
	header.in = slice_of(self->header, self->header_len);
	status = decode(self, &header, err);
	io->out = header.out;
	io->room = header.room;
	return status;
}

static int zstd_run(void *state, struct codec_io *io, struct err *err)
{
	struct zstd *self = state;

	return self->in_body ? decode(self, io, err) : run_header(self, io, err);
}

const struct codec codec_zstd = {
	.name = "zstd",
	.media_type = "tar+zstd",
	.match = zstd_match,
	.open = zstd_open,
	.begin = zstd_begin,
	.run = zstd_run,
	.close = zstd_close,
};
