#include "source/registry_toml.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 512, STRING_BYTES = 4096 };

struct reader {
	struct slice               text, rest;
	const struct toml_handler *handler;
	struct err                *err;
	char                       table[NAME_BYTES];    /* where keys belong now */
	char                       string[STRING_BYTES]; /* the last string read */
};

static int fail(struct reader *r, int code, const char *what)
{
	size_t line = 1;

	for (const uint8_t *p = r->text.ptr; p && p < r->rest.ptr; p++)
		line += *p == '\n';
	return err_set(r->err, code, "line %zu: %s", line, what);
}

static uint8_t peek(const struct reader *r)
{
	return r->rest.len ? r->rest.ptr[0] : 0;
}

static void skip(struct reader *r, size_t count)
{
	r->rest = slice_from(r->rest, count);
}

static bool accept(struct reader *r, uint8_t byte)
{
	if (r->rest.len == 0 || r->rest.ptr[0] != byte)
		return false;
	skip(r, 1);
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		skip(r, 1);
}

/* White space, line ends and comments. */
static void skip_space(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (peek(r) == '#')
			while (r->rest.len && peek(r) != '\n')
				skip(r, 1);
		else if (peek(r) == '\n' || peek(r) == '\r')
			skip(r, 1);
		else
			return;
	}
}

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80)
		return out[0] = (char)c, 1;
	if (c < 0x800)
		return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3f)), 2;
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		return out[2] = (char)(0x80 | (c & 0x3f)), 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	return out[3] = (char)(0x80 | (c & 0x3f)), 4;
}

/* Behind a backslash: \b \t \n \f \r \" \\ \uXXXX \UXXXXXXXX; 0 when it is none of them. */
static size_t take_escape(struct reader *r, char out[4])
{
	static const char names[] = "btnfr\"\\", bytes[] = "\b\t\n\f\r\"\\";
	uint8_t           c = peek(r);
	const char       *known = c ? strchr(names, c) : NULL;
	uint32_t          code = 0;

	skip(r, 1);
	if (known)
		return out[0] = bytes[known - names], 1;
	if (c != 'u' && c != 'U')
		return 0;
	for (int digits = c == 'u' ? 4 : 8; digits; digits--) {
		static const char hex[] = "0123456789abcdef";
		const char       *digit = peek(r) ? strchr(hex, peek(r) | 0x20) : NULL;

		if (!digit)
			return 0;
		code = code << 4 | (uint32_t)(digit - hex);
		skip(r, 1);
	}
	return code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : put_utf8(code, out);
}

/* "basic" or 'literal', on one line, into r->string. */
static int take_string(struct reader *r, struct slice *out)
{
	uint8_t quote = peek(r);
	size_t  used = 0;

	if (slice_starts(r->rest, "\"\"\"") || slice_starts(r->rest, "'''"))
		return fail(r, ERR_UNSUPPORTED, "multi-line strings are not supported");
	skip(r, 1);
	while (!accept(r, quote)) {
		char   bytes[4] = {(char)peek(r)};
		size_t count = 1;

		if (r->rest.len == 0 || peek(r) == '\n')
			return fail(r, ERR_FORMAT, "a string does not end");
		skip(r, 1);
		if (quote == '"' && bytes[0] == '\\' && (count = take_escape(r, bytes)) == 0)
			return fail(r, ERR_FORMAT, "unknown escape in a string");
		if (used + count > sizeof(r->string))
			return fail(r, ERR_LIMIT, "a string is too long");
		memcpy(r->string + used, bytes, count);
		used += count;
	}
	*out = slice_of(r->string, used);
	return 0;
}

static bool is_bare(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static int take_key_part(struct reader *r, struct slice *out)
{
	size_t len = 0;

	if (peek(r) == '"' || peek(r) == '\'')
		return take_string(r, out);
	while (len < r->rest.len && is_bare(r->rest.ptr[len]))
		len++;
	*out = slice_sub(r->rest, 0, len);
	skip(r, len);
	return len ? 0 : fail(r, ERR_FORMAT, "a key is expected");
}

/* A dotted key into `name`, parts joined by '.'. */
static int take_key(struct reader *r, char name[NAME_BYTES])
{
	size_t used = 0;

	do {
		struct slice part;
		int          code;

		skip_blanks(r);
		code = take_key_part(r, &part);
		if (code)
			return code;
		if (used + part.len + 2 > NAME_BYTES)
			return fail(r, ERR_LIMIT, "a key is too long");
		if (used)
			name[used++] = '.';
		if (part.len)
			memcpy(name + used, part.ptr, part.len);
		used += part.len;
		skip_blanks(r);
	} while (accept(r, '.'));
	name[used] = '\0';
	return 0;
}

static int take_scalar(struct reader *r, const char *key, size_t index)
{
	struct toml_value value = {.kind = TOML_OTHER, .index = index};
	size_t            len = 0;
	struct slice      word;

	if (peek(r) == '"' || peek(r) == '\'') {
		int code = take_string(r, &value.text);

		if (code)
			return code;
		value.kind = TOML_STRING;
	} else {
		while (len < r->rest.len &&
		       (is_bare(r->rest.ptr[len]) || strchr("+.:", r->rest.ptr[len] ? r->rest.ptr[len] : ' ')))
			len++;
		word = slice_sub(r->rest, 0, len);
		if (len == 0)
			return fail(r, ERR_FORMAT, "a value is expected");
		skip(r, len);
		value.flag = slice_eq_str(word, "true");
		if (value.flag || slice_eq_str(word, "false"))
			value.kind = TOML_BOOL;
	}
	return r->handler->value(r->handler->data, slice_str(r->table), slice_str(key), &value, r->err);
}

static int take_pair(struct reader *r, char key[NAME_BYTES])
{
	int code = take_key(r, key);

	if (code)
		return code;
	if (!accept(r, '='))
		return fail(r, ERR_FORMAT, "'=' is expected");
	skip_blanks(r);
	return 0;
}

/* { key = scalar, … } as a table of its own below the present one. */
static int take_inline_table(struct reader *r, const char *name, bool array_item)
{
	char outer[NAME_BYTES], key[NAME_BYTES];
	int  used, code;

	memcpy(outer, r->table, sizeof(outer));
	used = snprintf(r->table, sizeof(r->table), "%.250s%s%.250s", outer, outer[0] ? "." : "", name);
	if (used < 0 || (size_t)used >= sizeof(r->table))
		return fail(r, ERR_LIMIT, "a key is too long");
	skip(r, 1);
	code = r->handler->table(r->handler->data, slice_str(r->table), array_item, r->err);
	skip_blanks(r);
	while (!code && !accept(r, '}')) {
		code = take_pair(r, key);
		if (!code && (peek(r) == '[' || peek(r) == '{'))
			code = fail(r, ERR_UNSUPPORTED, "values nested this deep are not supported");
		if (!code)
			code = take_scalar(r, key, 0);
		skip_blanks(r);
		if (!code && !accept(r, ',') && peek(r) != '}')
			code = fail(r, ERR_FORMAT, "',' or '}' is expected");
		skip_blanks(r);
	}
	memcpy(r->table, outer, sizeof(outer));
	return code ? code : r->handler->back(r->handler->data, slice_str(r->table), r->err);
}

static int take_array(struct reader *r, const char *key)
{
	size_t index = 0;
	int    code = 0;

	skip(r, 1);
	skip_space(r);
	while (!code && !accept(r, ']')) {
		if (peek(r) == '{')
			code = take_inline_table(r, key, true);
		else if (peek(r) == '[')
			code = fail(r, ERR_UNSUPPORTED, "arrays in arrays are not supported");
		else
			code = take_scalar(r, key, index);
		index++;
		skip_space(r);
		if (!code && !accept(r, ',') && peek(r) != ']')
			code = fail(r, ERR_FORMAT, "',' or ']' is expected");
		skip_space(r);
	}
	return code;
}

static int take_key_value(struct reader *r)
{
	char key[NAME_BYTES];
	int  code = take_pair(r, key);

	if (code)
		return code;
	if (peek(r) == '[')
		return take_array(r, key);
	if (peek(r) == '{')
		return take_inline_table(r, key, false);
	return take_scalar(r, key, 0);
}

static int take_header(struct reader *r)
{
	bool array_item;
	int  code;

	skip(r, 1);
	array_item = accept(r, '[');
	code = take_key(r, r->table);
	if (code)
		return code;
	if (!accept(r, ']') || (array_item && !accept(r, ']')))
		return fail(r, ERR_FORMAT, "']' is expected");
	return r->handler->table(r->handler->data, slice_str(r->table), array_item, r->err);
}

int toml_read(struct slice text, const struct toml_handler *handler, struct err *err)
{
	struct reader r = {.text = text, .rest = text, .handler = handler, .err = err};
	int           code = 0;

	for (skip_space(&r); !code && r.rest.len; skip_space(&r)) {
		code = peek(&r) == '[' ? take_header(&r) : take_key_value(&r);
		skip_blanks(&r);
		if (!code && r.rest.len && !strchr("#\r\n", peek(&r) ? peek(&r) : ' '))
			code = fail(&r, ERR_FORMAT, "the end of the line is expected");
	}
	return code;
}
