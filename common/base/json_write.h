/* json_write.h - writes JSON into a buf: commas, quotes and escapes are its business, order is the caller's.
 *
 * `indent` spaces per level, or 0 for one line. Nesting to JSON_WRITE_DEPTH_MAX levels. Sticky through the buf. */
#ifndef VARVE_BASE_JSON_WRITE_H
#define VARVE_BASE_JSON_WRITE_H

#include "base/buf.h"

enum { JSON_WRITE_DEPTH_MAX = 31 };

struct json_writer {
	struct buf *out;
	unsigned    indent;
	unsigned    depth;
	uint32_t    filled; /* bit per level: holds something already */
};

struct json_writer json_writer_of(struct buf *out, unsigned indent);

/* `key` is NULL inside arrays and at the top. */
void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_put_text(struct json_writer *w, const char *key, struct slice text); /* any bytes; see escape_json() */
void json_put_str(struct json_writer *w, const char *key, const char *text);
void json_put_text_if(struct json_writer *w, const char *key, struct slice text); /* nothing when empty */
void json_put_uint(struct json_writer *w, const char *key, uint64_t value);
void json_put_fixed(struct json_writer *w, const char *key, double value, int decimals);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_raw(struct json_writer *w, const char *key, struct slice json); /* a whole value, as it stands */
void json_put_null(struct json_writer *w, const char *key);

#endif
