/* gzip by zlib, where ISA-L is absent. */
#ifndef VARVE_HAVE_ISAL
#include "bench_corpus/corpus_deflate.h"
#include "bench_corpus/corpus_die.h"

#include <stdlib.h>
#include <zlib.h>

enum { OUT_BYTES = 256 << 10, GZIP_WINDOW = 15 + 16 };

struct deflater {
	z_stream stream;
	void (*put)(void *data, struct slice bytes);
	void   *data;
	uint8_t out[OUT_BYTES];
};

struct deflater *deflater_new(void (*put)(void *data, struct slice bytes), void *data)
{
	struct deflater *self = calloc(1, sizeof(*self));

	if (!self || deflateInit2(&self->stream, 1, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		corpus_die("out of memory");
	self->put = put;
	self->data = data;
	return self;
}

static void run(struct deflater *self, struct slice bytes, int flush)
{
	int status;

	self->stream.next_in = (Bytef *)(uintptr_t)bytes.ptr; /* zlib only reads */
	self->stream.avail_in = (uInt)bytes.len;
	do {
		self->stream.next_out = self->out;
		self->stream.avail_out = OUT_BYTES;
		status = deflate(&self->stream, flush);
		if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
			corpus_die("zlib refuses");
		self->put(self->data, slice_of(self->out, OUT_BYTES - self->stream.avail_out));
	} while (self->stream.avail_in || (flush == Z_FINISH && status != Z_STREAM_END));
}

void deflater_write(struct deflater *self, struct slice bytes)
{
	run(self, bytes, Z_NO_FLUSH);
}

void deflater_end(struct deflater *self)
{
	run(self, SLICE_EMPTY, Z_FINISH);
	deflateEnd(&self->stream);
	free(self);
}
#endif
