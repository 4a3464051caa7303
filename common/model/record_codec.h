/* record_codec.h - what the msgpack codecs of the model share: strings with a ceiling, optional digests, sorted record lists.
 *
 * A decoder is sticky like its reader: after the first wrong or oversized value everything reads as zero or empty, and
 * decoder_verdict() says why. Strings are copied into the arena, unless the decoder borrows them from its input. Counts are believed only as far as the input is long.
 */
#ifndef VARVE_MODEL_RECORD_CODEC_H
#define VARVE_MODEL_RECORD_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/msgpack_read.h"

struct decoder {
	struct msgpack_reader r;
	struct arena         *arena;
	const char           *limit;  /* the ceiling that was reached first, or NULL */
	bool                  borrow; /* strings stay where they are */
};

struct decoder decoder_of(struct slice bytes, struct arena *arena);
int decoder_verdict(const struct decoder *d, const char *what, struct err *err); /* 0, ERR_FORMAT, ERR_LIMIT */

struct slice decode_string(struct decoder *d, size_t bytes_max);
struct slice decode_text(struct decoder *d); /* at most LIMIT_STRING_BYTES */
struct slice decode_path(struct decoder *d); /* at most LIMIT_PATH_BYTES, canonical (path.h) or a failure */
void         decode_digest(struct decoder *d, struct digest *out);
uint32_t     decode_enum(struct decoder *d, uint32_t values_count); /* below it, or a failure */
uint32_t     decode_u32(struct decoder *d);

/* An array of records, each of at least `bytes_min` encoded bytes, at most `count_max`: zeroed room in the arena. The
 * count, or 0 with *items NULL. */
size_t decode_array(struct decoder *d, void *items, size_t item_size, size_t bytes_min, size_t count_max,
		    const char *limit);

/* A list of texts into the arena. */
size_t decode_texts(struct decoder *d, struct slice **texts, size_t count_max, const char *limit);

void encode_digest(struct buf *out, const struct digest *digest); /* empty when zero */
void encode_texts(struct buf *out, const struct slice *texts, size_t count);

/* The records 0 … count-1 as one array, in the order of their encoded bytes, so that equal sets are equal bytes.
 * `write` leaves out a record by writing nothing. False without memory. */

bool encode_sorted(struct buf *out, const void *context, size_t count,
		   void (*write)(const void *context, size_t index, struct buf *out));

/* What an encoder returns at its end: 0, or ERR_LIMIT for a failed buf. */
int encode_verdict(const struct buf *out, const char *what, struct err *err);

#endif
