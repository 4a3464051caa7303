/* image_codec.h - struct image as a msgpack record, for image_encode() and inside a result. */
#ifndef VARVE_MODEL_IMAGE_CODEC_H
#define VARVE_MODEL_IMAGE_CODEC_H

#include "model/record_codec.h"
#include "model/image.h"

enum { IMAGE_FIELDS = 10, IMAGE_LAYER_FIELDS = 6 };

void image_write(const struct image *image, struct buf *out);
void image_read(struct decoder *d, struct image *image);

#endif
