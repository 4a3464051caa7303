#include "layer/layer.h"

#include "base/limits.h"
#include "layer/ahead_stream.h"
#include "layer/inflate.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD_BLOCKS = 8 }; /* 2 MiB: enough that neither thread waits for single files of the other's */

/* The blob with its first bytes looked at; counts, and remembers the blob's own verdict. Lives inside its layer. */
struct blob_stream {
	struct stream  stream;
	struct stream *blob;
	uint8_t        head[CODEC_MAGIC_BYTES_MAX];
	struct slice   head_rest; /* not yet given */
	struct slice   block;     /* behind the head, not yet given */
	uint64_t       bytes;
	int            status; /* STREAM_BLOCK while it gives blocks */
	struct err     why;
};

/* What the blob decompresses to, counted and under the ceilings. With `ahead`, this and all below is the second thread's. */
struct measured_stream {
	struct stream       stream;
	struct stream      *content; /* the inflate filter, or the blob itself */
	struct blob_stream  blob;
	struct layer_config config;
	uint64_t            bytes;
	int                 status; /* STREAM_BLOCK while it gives blocks */
	struct err          why;
};

struct layer {
	struct stream          tar; /* hashes what passes */
	struct measured_stream measured;
	struct stream         *ahead; /* NULL: the measured bytes are read as they are wanted */
	const struct codec    *codec; /* NULL: plain */
	struct sha256         *hash;
	int                    status; /* STREAM_BLOCK while it gives blocks */
	struct err             why;
};

static int tell(int status, const struct err *kept, struct err *err)
{
	if (status < 0 && err && !err->code)
		*err = *kept;
	return status;
}

static int blob_pull(struct blob_stream *self)
{
	if (self->status == STREAM_BLOCK)
		self->status = stream_next(self->blob, &self->block, &self->why);
	if (self->status == STREAM_BLOCK)
		self->bytes += self->block.len;
	else
		self->block = SLICE_EMPTY;
	return self->status;
}

static int blob_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct blob_stream *self = (struct blob_stream *)stream;
	struct slice       *from = self->head_rest.len ? &self->head_rest : &self->block;

	if (from->len == 0 && blob_pull(self) != STREAM_BLOCK)
		return tell(self->status, &self->why, err);
	*block = *from;
	*from = SLICE_EMPTY;
	return STREAM_BLOCK;
}

static void no_close(struct stream *stream)
{
	(void)stream; /* belongs to its layer, and the blob to the caller */
}

/* A first block that is long enough is looked at where it lies; short ones are gathered. */
static struct slice look(struct blob_stream *self)
{
	size_t len = 0;

	while (len < sizeof(self->head) && blob_pull(self) == STREAM_BLOCK) {
		size_t size = self->block.len < sizeof(self->head) - len ? self->block.len : sizeof(self->head) - len;

		if (len == 0 && size == sizeof(self->head))
			return self->block;
		memcpy(self->head + len, self->block.ptr, size);
		self->block = slice_from(self->block, size);
		len += size;
	}
	return self->head_rest = slice_of(self->head, len);
}

static const struct codec *find_codec(struct slice head)
{
	static const struct codec *const codecs[] = {&codec_gzip, &codec_zstd, &codec_xz, &codec_bzip2};

	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (codecs[i]->match(slice_sub(head, 0, CODEC_MAGIC_BYTES_MAX)) == CODEC_YES)
			return codecs[i];
	return NULL;
}

static int check_ceilings(struct measured_stream *self)
{
	uint64_t bytes_max = self->config.tar_bytes_max ? self->config.tar_bytes_max : LIMIT_LAYER_BYTES;

	if (self->bytes > bytes_max)
		return err_set(&self->why, ERR_LIMIT, "tar_bytes_max: more than %" PRIu64 " decompressed bytes",
			       bytes_max);
	if (self->bytes > LIMIT_INFLATE_RATIO_FREE && self->bytes / LIMIT_INFLATE_RATIO > self->blob.bytes)
		return err_set(&self->why, ERR_LIMIT,
			       "inflate_ratio: %" PRIu64 " bytes from %" PRIu64 " is more than %u:1", self->bytes,
			       self->blob.bytes, LIMIT_INFLATE_RATIO);
	if (self->config.cancel && *self->config.cancel)
		return err_set(&self->why, ERR_CANCELLED, "cancelled");
	return STREAM_BLOCK;
}

static int measured_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct measured_stream *self = (struct measured_stream *)stream;

	if (self->status == STREAM_BLOCK)
		self->status = stream_next(self->content, block, &self->why);
	if (self->status == STREAM_BLOCK) {
		self->bytes += block->len;
		self->status = check_ceilings(self);
	}
	if (self->status != STREAM_BLOCK)
		return tell(self->status, &self->why, err);
	if (self->config.progress)
		atomic_fetch_add_explicit(self->config.progress, block->len, memory_order_relaxed);
	return STREAM_BLOCK;
}

static int tar_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct layer *self = (struct layer *)stream;

	if (self->status == STREAM_BLOCK)
		self->status = stream_next(self->ahead ? self->ahead : &self->measured.stream, block, &self->why);
	if (self->status != STREAM_BLOCK) {
		*block = SLICE_EMPTY;
		return tell(self->status, &self->why, err);
	}
	sha256_update(self->hash, *block);
	return STREAM_BLOCK;
}

static int start(struct layer *self, struct err *err)
{
	struct measured_stream *measured = &self->measured;
	struct codec_config     config = {.window = measured->config.window, .cancel = measured->config.cancel};
	bool                    ahead = measured->config.ahead;

	if (!self->hash)
		return err_set(err, ERR_MEM, "reading a layer: out of memory");
	self->codec = find_codec(look(&measured->blob));
	if (measured->blob.status < 0)
		return tell(measured->blob.status, &measured->blob.why, err);
	measured->content = &measured->blob.stream;
	if (self->codec)
		measured->content =
			inflate_stream_new(&measured->blob.stream, self->codec, &config, ahead ? AHEAD_BLOCKS : 1, err);
	if (!measured->content)
		return ERR_MEM;
	if (self->codec && ahead)
		self->ahead = ahead_stream_new(&measured->stream, AHEAD_BLOCKS);
	return 0;
}

struct layer *layer_open(struct stream *blob, const struct layer_config *config, struct err *err)
{
	static const struct stream_ops tar_ops = {.next = tar_next, .close = no_close};
	static const struct stream_ops measured_ops = {.next = measured_next, .close = no_close};
	static const struct stream_ops blob_ops = {.next = blob_next, .close = no_close};
	struct layer                  *self = calloc(1, sizeof(*self));

	if (!self) {
		err_set(err, ERR_MEM, "reading a layer: out of memory");
		return NULL;
	}
	self->tar.ops = &tar_ops;
	self->measured.stream.ops = &measured_ops;
	self->measured.blob.stream.ops = &blob_ops;
	self->measured.blob.blob = blob;
	self->measured.blob.status = self->measured.status = self->status = STREAM_BLOCK;
	self->measured.config = *config;
	self->hash = sha256_new();
	if (start(self, err) < 0) {
		layer_close(self);
		return NULL;
	}
	return self;
}

/* Everything below the tar is the caller's thread's again. */
static void join(struct layer *layer)
{
	stream_close(layer->ahead);
	layer->ahead = NULL;
}

void layer_close(struct layer *layer)
{
	if (!layer)
		return;
	join(layer);
	stream_close(layer->measured.content);
	sha256_free(layer->hash);
	free(layer);
}

struct stream *layer_tar(struct layer *layer)
{
	return &layer->tar;
}

int layer_finish(struct layer *layer, struct layer_summary *summary, struct err *err)
{
	struct measured_stream *measured = &layer->measured;
	struct blob_stream     *blob = &measured->blob;

	stream_drain(&layer->tar, NULL);
	join(layer);
	stream_drain(&blob->stream, NULL);
	if (blob->status < 0)
		return tell(blob->status, &blob->why, err);
	*summary = (struct layer_summary){
		.blob_bytes = blob->bytes,
		.tar_bytes = measured->bytes,
		.media_type = layer->codec ? layer->codec->media_type : "tar",
		.trailing_bytes = layer->codec && inflate_has_trailing_bytes(measured->content),
		.status = layer->status,
		.why = layer->why,
	};
	if (layer->status == STREAM_END)
		sha256_final(layer->hash, summary->diff_id.bytes);
	return 0;
}
