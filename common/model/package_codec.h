/* package_codec.h - struct package, os-release and notes as msgpack records, for inventory and result alike. */
#ifndef VARVE_MODEL_PACKAGE_CODEC_H
#define VARVE_MODEL_PACKAGE_CODEC_H

#include "model/record_codec.h"
#include "model/inventory.h"

enum {
	PACKAGE_FIELDS = 10,
	PACKAGE_BYTES_MIN = 11,
	OS_RELEASE_FIELDS = 12,
	OS_RELEASE_BYTES_MIN = 13,
	NOTE_FIELDS = 3,
	NOTE_BYTES_MIN = 4
};

void package_encode(const struct package *package, struct buf *out);
void package_decode(struct decoder *d, struct package *package);
void os_release_encode(const struct os_release *os, struct buf *out);
void os_release_decode(struct decoder *d, struct os_release *os);
void note_encode(const struct note *note, struct buf *out);
void note_decode(struct decoder *d, struct note *note);

#endif
