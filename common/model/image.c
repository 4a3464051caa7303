#include "model/image_codec.h"

#include "base/limits.h"
#include "base/msgpack_write.h"

#include <string.h>

enum { LAYER_BYTES_MIN = 7, WARNINGS_MAX = 10000 };

static void write_layer(const struct image_layer *layer, struct buf *out)
{
	msgpack_write_array(out, IMAGE_LAYER_FIELDS);
	encode_digest(out, &layer->digest);
	encode_digest(out, &layer->diff_id);
	msgpack_write_uint(out, layer->size);
	msgpack_write_str(out, layer->media_type);
	msgpack_write_str(out, layer->created_by);
	msgpack_write_str(out, layer->location);
}

static void read_layer(struct decoder *d, struct image_layer *layer)
{
	size_t fields = msgpack_begin_record(&d->r, IMAGE_LAYER_FIELDS);

	decode_digest(d, &layer->digest);
	decode_digest(d, &layer->diff_id);
	layer->size = msgpack_read_uint(&d->r);
	layer->media_type = decode_text(d);
	layer->created_by = decode_text(d);
	layer->location = decode_text(d);
	msgpack_end_record(&d->r, fields, IMAGE_LAYER_FIELDS);
}

static void write_platform(const struct platform *platform, struct buf *out)
{
	msgpack_write_array(out, 3);
	msgpack_write_str(out, slice_str(platform->os));
	msgpack_write_str(out, slice_str(platform->arch));
	msgpack_write_str(out, slice_str(platform->variant));
}

static void read_word(struct decoder *d, char *out, size_t size)
{
	struct slice word = msgpack_read_bytes(&d->r);

	if (word.len >= size) {
		msgpack_fail(&d->r);
		return;
	}
	memset(out, 0, size);
	if (word.len)
		memcpy(out, word.ptr, word.len);
}

static void read_platform(struct decoder *d, struct platform *platform)
{
	size_t fields = msgpack_begin_record(&d->r, 3);

	platform->all = false;
	read_word(d, platform->os, sizeof(platform->os));
	read_word(d, platform->arch, sizeof(platform->arch));
	read_word(d, platform->variant, sizeof(platform->variant));
	msgpack_end_record(&d->r, fields, 3);
}

void image_write(const struct image *image, struct buf *out)
{
	msgpack_write_array(out, IMAGE_FIELDS);
	msgpack_write_str(out, image->reference);
	encode_digest(out, &image->digest);
	encode_digest(out, &image->index_digest);
	encode_digest(out, &image->config_digest);
	write_platform(&image->platform, out);
	msgpack_write_uint(out, (uint64_t)image->status);
	msgpack_write_int(out, image->error);
	msgpack_write_str(out, image->reason);
	msgpack_write_array(out, image->layers_count);
	for (size_t i = 0; i < image->layers_count; i++)
		write_layer(&image->layers[i], out);
	encode_texts(out, image->warnings, image->warnings_count);
}

static void read_layers(struct decoder *d, struct image *image)
{
	image->layers_count = decode_array(d, &image->layers, sizeof(*image->layers), LAYER_BYTES_MIN,
					   LIMIT_LAYERS_PER_IMAGE, "LIMIT_LAYERS_PER_IMAGE layers");
	for (size_t i = 0; i < image->layers_count && msgpack_ok(&d->r); i++)
		read_layer(d, &image->layers[i]);
}

void image_read(struct decoder *d, struct image *image)
{
	size_t  fields = msgpack_begin_record(&d->r, IMAGE_FIELDS);
	int64_t error;

	*image = (struct image){0};
	image->reference = decode_text(d);
	decode_digest(d, &image->digest);
	decode_digest(d, &image->index_digest);
	decode_digest(d, &image->config_digest);
	read_platform(d, &image->platform);
	image->status = (enum image_status)decode_enum(d, IMAGE_FAILED + 1);
	error = msgpack_read_int(&d->r);
	if (error > 0 || error < ERR_INTERNAL)
		msgpack_fail(&d->r);
	image->error = (int)error;
	image->reason = decode_text(d);
	read_layers(d, image);
	image->warnings_count = decode_texts(d, &image->warnings, WARNINGS_MAX, "10000 warnings");
	msgpack_end_record(&d->r, fields, IMAGE_FIELDS);
}

int image_encode(const struct image *image, struct buf *out, struct err *err)
{
	image_write(image, out);
	return encode_verdict(out, "image", err);
}

static int decode(struct slice bytes, bool borrow, struct arena *arena, struct image *image, struct err *err)
{
	struct decoder d = decoder_of(bytes, arena);

	d.borrow = borrow;
	image_read(&d, image);
	if (!msgpack_at_end(&d.r))
		msgpack_fail(&d.r);
	return decoder_verdict(&d, "image", err);
}

int image_decode(struct slice bytes, struct arena *arena, struct image *image, struct err *err)
{
	return decode(bytes, false, arena, image, err);
}

int image_decode_borrowed(struct slice bytes, struct arena *arena, struct image *image, struct err *err)
{
	return decode(bytes, true, arena, image, err);
}
