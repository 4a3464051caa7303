#include "base/escape.h"

#include <wchar.h>

size_t utf8_decode(struct slice text, uint32_t *code_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t               first = text.len ? text.ptr[0] : 0x80;
	size_t   len = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
	uint32_t value = len == 1 ? first : len ? first & (0x7fu >> len) : 0;

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((text.ptr[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (text.ptr[i] & 0x3f);
	}
	if (value < smallest[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code_point = value;
	return len;
}

/* Characters that move, hide or reorder what stands around them. */
static bool is_invisible(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

void escape_terminal(struct buf *out, struct slice text)
{
	while (text.len) {
		uint32_t c = 0;
		size_t   len = utf8_decode(text, &c);

		if (len == 0)
			buf_printf(out, "\\x%02x", text.ptr[0]);
		else if (!is_invisible(c))
			buf_append(out, slice_sub(text, 0, len));
		else if (c < 0x100)
			buf_printf(out, "\\x%02x", (unsigned)c);
		else
			buf_printf(out, "\\u{%x}", (unsigned)c);
		text = slice_from(text, len ? len : 1);
	}
}

static const char replacement[] = "\xef\xbf\xbd";

static bool json_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void json_char(struct buf *out, uint32_t c, struct slice bytes, bool html)
{
	if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", (char)c);
	else if (c == '\n')
		buf_str(out, "\\n");
	else if (c == '\t')
		buf_str(out, "\\t");
	else if (c == '\r')
		buf_str(out, "\\r");
	else if (c > 0xffff && is_invisible(c))
		buf_printf(out, "\\u%04x\\u%04x", 0xd7c0u + (unsigned)(c >> 10), 0xdc00u + (unsigned)(c & 0x3ff));
	else if (is_invisible(c) || (html && (c == '<' || c == '>' || c == '&')))
		buf_printf(out, "\\u%04x", (unsigned)c);
	else
		buf_append(out, bytes);
}

static void json_escape(struct buf *out, struct slice text, bool html)
{
	while (text.len) {
		uint32_t c = 0;
		size_t   len = 0;

		while (len < text.len && json_plain(text.ptr[len]))
			len++;
		buf_append(out, slice_sub(text, 0, len));
		text = slice_from(text, len);
		if (text.len == 0)
			return;
		len = utf8_decode(text, &c);
		if (len)
			json_char(out, c, slice_sub(text, 0, len), html);
		else
			buf_str(out, replacement);
		text = slice_from(text, len ? len : 1);
	}
}

void escape_json(struct buf *out, struct slice text)
{
	json_escape(out, text, false);
}

void escape_json_html(struct buf *out, struct slice text)
{
	json_escape(out, text, true);
}

static void visible_utf8(struct buf *out, struct slice text)
{
	while (text.len) {
		uint32_t c = 0;
		size_t   len = utf8_decode(text, &c);

		if (len == 0 || (is_invisible(c) && c != '\n' && c != '\t'))
			buf_str(out, replacement);
		else
			buf_append(out, slice_sub(text, 0, len));
		text = slice_from(text, len ? len : 1);
	}
}

void escape_csv(struct buf *out, struct slice text)
{
	buf_byte(out, '"');
	if (text.len && (text.ptr[0] == '=' || text.ptr[0] == '+' || text.ptr[0] == '-' || text.ptr[0] == '@' ||
			 text.ptr[0] == '\t' || text.ptr[0] == '\r'))
		buf_byte(out, '\'');
	while (text.len) {
		struct slice part = slice_sub(text, 0, slice_find(text, '"'));

		visible_utf8(out, part);
		if (part.len < text.len)
			buf_str(out, "\"\"");
		text = slice_from(text, part.len + 1);
	}
	buf_byte(out, '"');
}

void escape_html(struct buf *out, struct slice text)
{
	for (; text.len; text = slice_from(text, 1)) {
		struct slice plain = text;
		const char  *entity = NULL;

		for (plain.len = 0; plain.len < text.len; plain.len++) {
			uint8_t c = text.ptr[plain.len];

			entity = c == '&'    ? "&amp;"
				 : c == '<'  ? "&lt;"
				 : c == '>'  ? "&gt;"
				 : c == '"'  ? "&quot;"
				 : c == '\'' ? "&#39;"
					     : NULL;
			if (entity)
				break;
		}
		visible_utf8(out, plain);
		if (entity)
			buf_str(out, entity);
		text = slice_from(text, plain.len);
		if (text.len == 0)
			return;
	}
}

size_t utf8_columns(struct slice text)
{
	size_t columns = 0;

	while (text.len) {
		uint32_t c = 0;
		size_t   len = utf8_decode(text, &c);
		int      width = len ? wcwidth((wchar_t)c) : 1;

		columns += width < 0 ? 1 : (size_t)width;
		text = slice_from(text, len ? len : 1);
	}
	return columns;
}
