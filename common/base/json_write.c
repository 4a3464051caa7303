#include "base/json_write.h"

#include "base/escape.h"

struct json_writer json_writer_of(struct buf *out, unsigned indent)
{
	return (struct json_writer){.out = out, .indent = indent};
}

static void new_line(struct json_writer *w)
{
	if (w->indent && w->depth)
		buf_printf(w->out, "\n%*s", (int)(w->indent * w->depth), "");
}

static void begin_value(struct json_writer *w, const char *key)
{
	uint32_t bit = 1u << w->depth;

	if (w->filled & bit)
		buf_byte(w->out, ',');
	w->filled |= bit;
	new_line(w);
	if (!key)
		return;
	buf_byte(w->out, '"');
	escape_json(w->out, slice_str(key));
	buf_str(w->out, w->indent ? "\": " : "\":");
}

static void begin(struct json_writer *w, const char *key, char bracket)
{
	begin_value(w, key);
	buf_byte(w->out, (uint8_t)bracket);
	if (w->depth == JSON_WRITE_DEPTH_MAX) {
		w->out->failed = true;
		return;
	}
	w->depth++;
	w->filled &= ~(1u << w->depth);
}

static void end(struct json_writer *w, char bracket)
{
	bool filled = w->filled & 1u << w->depth;

	if (w->depth)
		w->depth--;
	if (filled && w->indent)
		buf_printf(w->out, "\n%*s", (int)(w->indent * w->depth), "");
	buf_byte(w->out, (uint8_t)bracket);
}

void json_begin_object(struct json_writer *w, const char *key)
{
	begin(w, key, '{');
}

void json_end_object(struct json_writer *w)
{
	end(w, '}');
}

void json_begin_array(struct json_writer *w, const char *key)
{
	begin(w, key, '[');
}

void json_end_array(struct json_writer *w)
{
	end(w, ']');
}

void json_put_text(struct json_writer *w, const char *key, struct slice text)
{
	begin_value(w, key);
	buf_byte(w->out, '"');
	escape_json(w->out, text);
	buf_byte(w->out, '"');
}

void json_put_str(struct json_writer *w, const char *key, const char *text)
{
	json_put_text(w, key, slice_str(text));
}

void json_put_text_if(struct json_writer *w, const char *key, struct slice text)
{
	if (text.len)
		json_put_text(w, key, text);
}

void json_put_uint(struct json_writer *w, const char *key, uint64_t value)
{
	char   digits[20]; /* documents with millions of them: printf would be most of their time */
	size_t at = sizeof(digits);

	begin_value(w, key);
	do {
		digits[--at] = (char)('0' + value % 10);
	} while (value /= 10);
	buf_append(w->out, slice_of(digits + at, sizeof(digits) - at));
}

void json_put_raw(struct json_writer *w, const char *key, struct slice json)
{
	begin_value(w, key);
	buf_append(w->out, json);
}

void json_put_fixed(struct json_writer *w, const char *key, double value, int decimals)
{
	begin_value(w, key);
	buf_printf(w->out, "%.*f", decimals, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	begin_value(w, key);
	buf_str(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key)
{
	begin_value(w, key);
	buf_str(w->out, "null");
}
