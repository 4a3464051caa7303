#include "layer/inflate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum phase { PHASE_BETWEEN, PHASE_MEMBER, PHASE_PADDING, PHASE_TRAILING };

struct inflate {
	struct stream       stream;
	struct stream      *below;
	const struct codec *codec;
	void               *state;
	enum phase          phase;
	struct slice        in;     /* what is left of below's block */
	struct slice        replay; /* of head: a magic that was looked at, and is the codec's */
	uint8_t             head[CODEC_MAGIC_BYTES_MAX];
	size_t              head_len;
	uint64_t            members;
	int                 status; /* STREAM_BLOCK while there may be more */
	struct err          why;
	unsigned            blocks, at; /* of `out`; which one comes next */
	uint8_t             out[][INFLATE_BLOCK_BYTES];
};

enum codec_match codec_match_magic(struct slice head, struct slice magic)
{
	size_t common = head.len < magic.len ? head.len : magic.len;

	if (common && memcmp(head.ptr, magic.ptr, common) != 0)
		return CODEC_NO;
	return common == magic.len ? CODEC_YES : CODEC_MAYBE;
}

static int at_end(struct inflate *self)
{
	if (self->phase == PHASE_MEMBER || self->members == 0)
		return err_set(&self->why, ERR_TRUNCATED, "%s data cut short in member %" PRIu64, self->codec->name,
			       self->members);
	if (self->phase == PHASE_BETWEEN && self->head_len)
		self->phase = PHASE_TRAILING;
	return STREAM_END;
}

static int pull(struct inflate *self)
{
	int status = stream_next(self->below, &self->in, &self->why);

	return status == STREAM_END ? at_end(self) : status;
}

/* One more byte of what could be the next member's magic. */
static int step_between(struct inflate *self)
{
	if (self->members && self->head_len == 0 && self->in.ptr[0] == 0) {
		self->phase = PHASE_PADDING;
		return STREAM_BLOCK;
	}
	self->head[self->head_len++] = self->in.ptr[0];
	self->in = slice_from(self->in, 1);
	switch (self->codec->match(slice_of(self->head, self->head_len))) {
	case CODEC_YES:
		self->replay = slice_of(self->head, self->head_len);
		self->head_len = 0;
		self->phase = PHASE_MEMBER;
		self->members++;
		return self->codec->begin(self->state, &self->why) < 0 ? self->why.code : STREAM_BLOCK;
	case CODEC_NO:
		self->phase = PHASE_TRAILING;
		return STREAM_BLOCK;
	default:
		return self->head_len < sizeof(self->head) ? STREAM_BLOCK
							   : err_set(&self->why, ERR_INTERNAL, "magic too long");
	}
}

static int step_member(struct inflate *self, struct codec_io *io)
{
	struct slice *from = self->replay.len ? &self->replay : &self->in;
	size_t        in_before = from->len, room_before = io->room;
	int           status;

	io->in = *from;
	status = self->codec->run(self->state, io, &self->why);
	*from = io->in;
	if (status < 0) {
		err_prefix(&self->why, "%s member %" PRIu64, self->codec->name, self->members);
		return status;
	}
	if (status == CODEC_MEMBER_END) {
		self->phase = PHASE_BETWEEN;
		return STREAM_BLOCK;
	}
	if (from->len != in_before || io->room != room_before)
		return STREAM_BLOCK;
	if (in_before)
		return err_set(&self->why, ERR_FORMAT, "%s member %" PRIu64 " does not end", self->codec->name,
			       self->members);
	return pull(self);
}

static int step(struct inflate *self, struct codec_io *io)
{
	if (self->phase == PHASE_MEMBER)
		return step_member(self, io);
	if (self->in.len == 0)
		return pull(self);
	switch (self->phase) {
	case PHASE_BETWEEN:
		return step_between(self);
	case PHASE_PADDING:
		while (self->in.len && self->in.ptr[0] == 0)
			self->in = slice_from(self->in, 1);
		if (self->in.len)
			self->phase = PHASE_TRAILING;
		return STREAM_BLOCK;
	default:
		self->in = SLICE_EMPTY;
		return STREAM_BLOCK;
	}
}

static int inflate_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct inflate *self = (struct inflate *)stream;
	uint8_t        *out = self->out[self->at];
	struct codec_io io = {.out = out, .room = INFLATE_BLOCK_BYTES};

	while (io.room && self->status == STREAM_BLOCK)
		self->status = step(self, &io);
	*block = slice_of(out, INFLATE_BLOCK_BYTES - io.room);
	if (block->len) {
		self->at = (self->at + 1) % self->blocks;
		return STREAM_BLOCK;
	}
	if (self->status < 0 && err && !err->code)
		*err = self->why;
	return self->status;
}

static void inflate_close(struct stream *stream)
{
	struct inflate *self = (struct inflate *)stream;

	if (self->state)
		self->codec->close(self->state);
	stream_close(self->below);
	free(self);
}

struct stream *inflate_stream_new(struct stream *below, const struct codec *codec, const struct codec_config *config,
				  unsigned blocks, struct err *err)
{
	static const struct stream_ops ops = {.next = inflate_next, .close = inflate_close};
	struct inflate                *self = below ? malloc(sizeof(*self) + blocks * sizeof(self->out[0])) : NULL;

	if (!self) {
		if (below)
			err_set(err, ERR_MEM, "decompressing %s: out of memory", codec->name);
		stream_close(below);
		return NULL;
	}
	memset(self, 0, sizeof(*self));
	self->stream.ops = &ops;
	self->below = below;
	self->codec = codec;
	self->blocks = blocks;
	self->status = STREAM_BLOCK;
	self->state = codec->open(config, err);
	if (!self->state) {
		inflate_close(&self->stream);
		return NULL;
	}
	return &self->stream;
}

bool inflate_has_trailing_bytes(const struct stream *inflate)
{
	return ((const struct inflate *)inflate)->phase == PHASE_TRAILING;
}
