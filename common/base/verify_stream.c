#include "base/verify_stream.h"

#include <inttypes.h>
#include <stdlib.h>

struct verify_stream {
	struct stream  stream;
	struct stream *below;
	struct sha256 *hash;
	struct digest  expected;
	uint64_t       size, seen;
	int            verdict; /* STREAM_BLOCK until known */
	struct err     why;
};

static int fail(struct verify_stream *self, struct err *err)
{
	if (err && !err->code)
		*err = self->why;
	return self->verdict;
}

static int judge(struct verify_stream *self)
{
	struct digest got;
	char          expected_text[DIGEST_TEXT_BYTES], got_text[DIGEST_TEXT_BYTES];

	sha256_final(self->hash, got.bytes);
	digest_text(&self->expected, expected_text);
	digest_text(&got, got_text);
	if (self->size != UINT64_MAX && self->seen != self->size)
		return err_set(&self->why, ERR_DIGEST, "%s has %" PRIu64 " bytes, its descriptor says %" PRIu64,
			       expected_text, self->seen, self->size);
	if (!digest_eq(&got, &self->expected))
		return err_set(&self->why, ERR_DIGEST, "bytes hash to %s, not to %s", got_text, expected_text);
	return STREAM_END;
}

static int verify_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct verify_stream *self = (struct verify_stream *)stream;
	int                   status;

	if (self->verdict != STREAM_BLOCK)
		return fail(self, err);
	status = stream_next(self->below, block, err);
	if (status < 0)
		return status;
	if (status == STREAM_END) {
		self->verdict = judge(self);
		return fail(self, err);
	}
	self->seen += block->len;
	if (self->seen > self->size) {
		self->verdict = err_set(&self->why, ERR_DIGEST, "more than the %" PRIu64 " bytes of its descriptor",
					self->size);
		return fail(self, err);
	}
	sha256_update(self->hash, *block);
	return STREAM_BLOCK;
}

static void verify_close(struct stream *stream)
{
	struct verify_stream *self = (struct verify_stream *)stream;

	stream_close(self->below);
	sha256_free(self->hash);
	free(self);
}

struct stream *verify_stream_new(struct stream *below, const struct digest *expected, uint64_t size, struct err *err)
{
	static const struct stream_ops ops = {.next = verify_next, .close = verify_close};
	struct verify_stream          *self = below ? calloc(1, sizeof(*self)) : NULL;

	if (self)
		*self = (struct verify_stream){.stream.ops = &ops,
					       .below = below,
					       .hash = sha256_new(),
					       .expected = *expected,
					       .size = size,
					       .verdict = STREAM_BLOCK};
	if (!self || !self->hash) {
		if (below)
			err_set(err, ERR_MEM, "verifying a digest: out of memory");
		stream_close(below);
		free(self);
		return NULL;
	}
	return &self->stream;
}
