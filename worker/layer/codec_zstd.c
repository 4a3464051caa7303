/* zstd frames and skippable frames (RFC 8878), by libzstd.
 *
 * The frame header is read here first: its window decides whether the shared allowance is needed. */
#include "layer/codec.h"

#include "base/cursor.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

enum { FRAME_HEADER_BYTES_MAX = 18, SKIPPABLE_HEADER_BYTES = 8, WINDOW_LOG_MAX = 27 };

enum zstd_phase { ZSTD_HEADER, ZSTD_SKIP, ZSTD_BODY };

struct zstd {
	ZSTD_DCtx            *context;
	struct codec_config   config;
	bool                  holds_window;
	enum zstd_phase       phase;
	uint8_t               header[FRAME_HEADER_BYTES_MAX];
	size_t                header_len;
	uint32_t              skip_left;
};

static bool is_skippable(struct slice head)
{
	return head.len >= 4 && (head.ptr[0] & 0xf0) == 0x50 && head.ptr[1] == 0x2a && head.ptr[2] == 0x4d &&
	       head.ptr[3] == 0x18;
}

static enum codec_match zstd_match(struct slice head)
{
	static const uint8_t skippable[] = {0x2a, 0x4d, 0x18};

	if (head.len && (head.ptr[0] & 0xf0) == 0x50)
		return codec_match_magic(slice_from(head, 1), slice_of(skippable, sizeof(skippable)));
	return codec_match_magic(head, SLICE_LIT("\x28\xb5\x2f\xfd"));
}

static void *zstd_open(const struct codec_config *config, struct err *err)
{
	struct zstd *self = calloc(1, sizeof(*self));

	if (self) {
		self->config = *config;
		self->context = ZSTD_createDCtx();
	}
	if (!self || !self->context ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		err_set(err, ERR_MEM, "decompressing zstd: out of memory");
		if (self)
			ZSTD_freeDCtx(self->context);
		free(self);
		return NULL;
	}
	return self;
}

static void zstd_close(void *state)
{
	struct zstd *self = state;

	ZSTD_freeDCtx(self->context);
	if (self->holds_window)
		window_budget_give(self->config.window);
	free(self);
}

static int zstd_begin(void *state, struct err *err)
{
	struct zstd *self = state;

	self->phase = ZSTD_HEADER;
	self->header_len = 0;
	if (ZSTD_isError(ZSTD_DCtx_reset(self->context, ZSTD_reset_session_only)))
		return err_set(err, ERR_INTERNAL, "zstd cannot be reset");
	return 0;
}

static size_t content_size_bytes(uint8_t descriptor)
{
	static const uint8_t sizes[] = {0, 2, 4, 8};
	bool                 single_segment = descriptor & 0x20;

	return descriptor >> 6 == 0 && single_segment ? 1 : sizes[descriptor >> 6];
}

static size_t header_bytes(const struct zstd *self)
{
	static const uint8_t dictionary_bytes[] = {0, 1, 2, 4};
	uint8_t              descriptor = self->header[4];

	if (is_skippable(slice_of(self->header, self->header_len)))
		return SKIPPABLE_HEADER_BYTES;
	if (self->header_len < 5)
		return 5;
	return 5u + (descriptor & 0x20 ? 0u : 1u) + dictionary_bytes[descriptor & 3] + content_size_bytes(descriptor);
}

/* RFC 8878 3.1.1.1: a single-segment frame has no window but its content. */
static uint64_t window_bytes(const struct zstd *self)
{
	uint8_t       descriptor = self->header[4], window = self->header[5];
	size_t        size_bytes = content_size_bytes(descriptor);
	struct cursor c = cursor_at(slice_of(self->header, self->header_len), self->header_len - size_bytes);
	uint64_t      base;

	if (descriptor & 0x20)
		return size_bytes == 8   ? cursor_u64le(&c)
		       : size_bytes == 4 ? cursor_u32le(&c)
		       : size_bytes == 2 ? cursor_u16le(&c) + 256u
		                         : cursor_u8(&c);
	base = 1ull << (10 + (window >> 3));
	return base + base / 8 * (window & 7);
}

static int admit_window(struct zstd *self, struct err *err)
{
	uint64_t bytes = window_bytes(self);
	int      status;

	if (bytes > 1ull << WINDOW_LOG_MAX || (bytes > LIMIT_WINDOW_FREE_BYTES && !self->config.window))
		return err_set(err, ERR_LIMIT, "window of %" PRIu64 " bytes is more than is allowed", bytes);
	if (bytes <= LIMIT_WINDOW_FREE_BYTES || self->holds_window)
		return 0;
	status = window_budget_take(self->config.window, self->config.cancel, err);
	self->holds_window = status == 0;
	return status;
}

static int decode(struct zstd *self, struct codec_io *io, struct err *err)
{
	ZSTD_inBuffer  in = {.src = io->in.ptr, .size = io->in.len};
	ZSTD_outBuffer out = {.dst = io->out, .size = io->room};
	size_t         status = ZSTD_decompressStream(self->context, &out, &in);

	io->in = slice_from(io->in, in.pos);
	io->out += out.pos;
	io->room -= out.pos;
	if (ZSTD_isError(status))
		return err_set(err, ERR_FORMAT, "%s", ZSTD_getErrorName(status));
	return status == 0 ? CODEC_MEMBER_END : CODEC_MORE;
}

/* The header is complete: a frame's goes to libzstd, a skippable one says how much to skip. */
static int end_header(struct zstd *self, struct codec_io *io, struct err *err)
{
	struct codec_io header = {.in = slice_of(self->header, self->header_len), .out = io->out, .room = io->room};
	int             status;

	if (is_skippable(header.in)) {
		struct cursor c = cursor_at(header.in, 4);

		self->skip_left = cursor_u32le(&c);
		self->phase = ZSTD_SKIP;
		return self->skip_left ? CODEC_MORE : CODEC_MEMBER_END;
	}
	status = admit_window(self, err);
	if (status < 0)
		return status;
	self->phase = ZSTD_BODY;
	return decode(self, &header, err);
}

static int run_header(struct zstd *self, struct codec_io *io, struct err *err)
{
	while (io->in.len && self->header_len < header_bytes(self)) {
		self->header[self->header_len++] = io->in.ptr[0];
		io->in = slice_from(io->in, 1);
	}
	return self->header_len == header_bytes(self) && self->header_len > 5 ? end_header(self, io, err) : CODEC_MORE;
}

static int run_skip(struct zstd *self, struct codec_io *io)
{
	size_t size = io->in.len < self->skip_left ? io->in.len : self->skip_left;

	io->in = slice_from(io->in, size);
	self->skip_left -= (uint32_t)size;
	return self->skip_left ? CODEC_MORE : CODEC_MEMBER_END;
}

static int zstd_run(void *state, struct codec_io *io, struct err *err)
{
	struct zstd *self = state;

	if (self->phase == ZSTD_HEADER)
		return run_header(self, io, err);
	return self->phase == ZSTD_SKIP ? run_skip(self, io) : decode(self, io, err);
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
