/* gzip by ISA-L's igzip. Built where ISA-L is present; corpus_deflate_zlib.c else. */
#ifdef VARVE_HAVE_ISAL
#include "bench_corpus/corpus_deflate.h"
#include "bench_corpus/corpus_die.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

enum { OUT_BYTES = 256 << 10 };

struct deflater {
	struct isal_zstream stream;
	void (*put)(void *data, struct slice bytes);
	void   *data;
	uint8_t level[ISAL_DEF_LVL1_DEFAULT], out[OUT_BYTES];
};

struct deflater *deflater_new(void (*put)(void *data, struct slice bytes), void *data)
{
	struct deflater *self = malloc(sizeof(*self));

	if (!self)
		corpus_die("out of memory");
	isal_deflate_init(&self->stream);
	self->stream.level = 1;
	self->stream.level_buf = self->level;
	self->stream.level_buf_size = sizeof(self->level);
	self->stream.gzip_flag = IGZIP_GZIP;
	self->put = put;
	self->data = data;
	return self;
}

static void run(struct deflater *self, struct slice bytes, bool last)
{
	self->stream.next_in = (uint8_t *)(uintptr_t)bytes.ptr; /* igzip's prototype lacks const; it only reads */
	self->stream.avail_in = (uint32_t)bytes.len;
	self->stream.end_of_stream = last;
	do {
		self->stream.next_out = self->out;
		self->stream.avail_out = OUT_BYTES;
		if (isal_deflate(&self->stream) != COMP_OK)
			corpus_die("igzip refuses");
		self->put(self->data, slice_of(self->out, OUT_BYTES - self->stream.avail_out));
	} while (self->stream.avail_in || (last && self->stream.internal_state.state != ZSTATE_END));
}

void deflater_write(struct deflater *self, struct slice bytes)
{
	run(self, bytes, false);
}

void deflater_end(struct deflater *self)
{
	run(self, SLICE_EMPTY, true);
	free(self);
}
#endif
