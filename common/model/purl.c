#include "model/purl.h"

#include "base/limits.h"

#include <string.h>

static const char hex_digits[] = "0123456789ABCDEF";

enum normal { NORMAL_NONE = 0, LOWER_NAMESPACE = 1, LOWER_NAME = 2, DASH_NAME = 4 };

static const struct {
	const char *type;
	unsigned    normal;
} types[] = {
	{"alpm", LOWER_NAMESPACE | LOWER_NAME},
	{"apk", LOWER_NAMESPACE | LOWER_NAME},
	{"bitbucket", LOWER_NAMESPACE | LOWER_NAME},
	{"composer", LOWER_NAMESPACE | LOWER_NAME},
	{"deb", LOWER_NAMESPACE | LOWER_NAME},
	{"github", LOWER_NAMESPACE | LOWER_NAME},
	{"golang", LOWER_NAMESPACE | LOWER_NAME},
	{"hex", LOWER_NAMESPACE | LOWER_NAME},
	{"npm", LOWER_NAMESPACE | LOWER_NAME},
	{"pypi", LOWER_NAME | DASH_NAME},
	{"rpm", LOWER_NAMESPACE},
	{"bitnami", LOWER_NAME},
};

static unsigned normal_of(struct slice type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (slice_eq_nocase(type, slice_str(types[i].type)))
			return types[i].normal;
	return NORMAL_NONE;
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool is_alnum(uint8_t byte)
{
	byte = lower(byte);
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_plain(uint8_t byte)
{
	return is_alnum(byte) || byte == '.' || byte == '-' || byte == '_' || byte == '~' || byte == ':';
}

static void write_byte(struct buf *out, uint8_t byte)
{
	if (is_plain(byte)) {
		buf_byte(out, byte);
		return;
	}
	buf_byte(out, '%');
	buf_byte(out, (uint8_t)hex_digits[byte >> 4]);
	buf_byte(out, (uint8_t)hex_digits[byte & 15]);
}

static void write_encoded(struct buf *out, struct slice text, bool lower_case, bool dashes)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = lower_case ? lower(text.ptr[i]) : text.ptr[i];

		write_byte(out, dashes && byte == '_' ? '-' : byte);
	}
}

/* Parts with '/' between them; empty parts vanish. */
static void write_segments(struct buf *out, struct slice text, bool lower_case, char end)
{
	bool any = false;

	while (text.len) {
		struct slice part = slice_cut(&text, '/');

		if (part.len == 0)
			continue;
		if (any)
			buf_byte(out, '/');
		write_encoded(out, part, lower_case, false);
		any = true;
	}
	if (any && end)
		buf_byte(out, (uint8_t)end);
}

void purl_write(const struct purl *purl, struct buf *out)
{
	unsigned normal = normal_of(purl->type);
	char     separator = '?';

	buf_str(out, "pkg:");
	write_encoded(out, purl->type, true, false);
	buf_byte(out, '/');
	write_segments(out, purl->namespace, normal & LOWER_NAMESPACE, '/');
	write_encoded(out, purl->name, normal & LOWER_NAME, normal & DASH_NAME);
	if (purl->version.len) {
		buf_byte(out, '@');
		write_encoded(out, purl->version, false, false);
	}
	for (size_t i = 0; i < purl->qualifiers_count; i++) {
		buf_byte(out, (uint8_t)separator);
		write_encoded(out, purl->qualifiers[i].key, true, false);
		buf_byte(out, '=');
		write_encoded(out, purl->qualifiers[i].value, false, false);
		separator = '&';
	}
	if (purl->subpath.len) {
		buf_byte(out, '#');
		write_segments(out, purl->subpath, false, 0);
	}
}

static bool set_qualifier(struct purl *purl, struct slice key, struct slice value)
{
	size_t at = 0;

	if (value.len == 0)
		return true;
	while (at < purl->qualifiers_count && slice_cmp(purl->qualifiers[at].key, key) < 0)
		at++;
	if (at < purl->qualifiers_count && slice_eq(purl->qualifiers[at].key, key)) {
		purl->qualifiers[at].value = value;
		return true;
	}
	if (purl->qualifiers_count == PURL_QUALIFIERS_MAX)
		return false;
	memmove(purl->qualifiers + at + 1, purl->qualifiers + at,
		(purl->qualifiers_count - at) * sizeof(*purl->qualifiers));
	purl->qualifiers[at] = (struct purl_qualifier){key, value};
	purl->qualifiers_count++;
	return true;
}

bool purl_set(struct purl *purl, const char *key, struct slice value)
{
	return set_qualifier(purl, slice_str(key), value);
}

/* --- reading --- */

static int hex_value(uint8_t byte)
{
	byte = lower(byte);
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* A '%' that is not followed by two hex digits stands for itself. */
static struct slice decode(struct arena *arena, struct slice text, unsigned normal)
{
	uint8_t *out = (uint8_t *)arena_str(arena, text);
	size_t   len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		uint8_t byte = text.ptr[i];

		if (byte == '%' && text.len - i > 2 && hex_value(text.ptr[i + 1]) >= 0 &&
		    hex_value(text.ptr[i + 2]) >= 0) {
			byte = (uint8_t)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2]));
			i += 2;
		}
		byte = normal & (LOWER_NAME | LOWER_NAMESPACE) ? lower(byte) : byte;
		out[len++] = normal & DASH_NAME && byte == '_' ? '-' : byte;
	}
	return out ? slice_of(out, len) : SLICE_EMPTY;
}

static struct slice strip_slashes(struct slice text)
{
	while (text.len && text.ptr[0] == '/')
		text = slice_from(text, 1);
	while (text.len && text.ptr[text.len - 1] == '/')
		text.len--;
	return text;
}

/* Cuts what stands behind the last `byte` off `*text`; empty when there is none. */
static struct slice cut_tail(struct slice *text, uint8_t byte)
{
	size_t       at = slice_rfind(*text, byte);
	struct slice tail = at == SIZE_MAX ? SLICE_EMPTY : slice_from(*text, at + 1);

	if (at != SIZE_MAX)
		*text = slice_sub(*text, 0, at);
	return tail;
}

static bool key_ok(struct slice key)
{
	if (key.len == 0 || (key.ptr[0] >= '0' && key.ptr[0] <= '9'))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if (!is_alnum(key.ptr[i]) && key.ptr[i] != '.' && key.ptr[i] != '-' && key.ptr[i] != '_')
			return false;
	return true;
}

static int parse_qualifiers(struct slice text, struct arena *arena, struct purl *purl, struct err *err)
{
	while (text.len) {
		struct slice value = slice_cut(&text, '&');
		struct slice key = slice_cut(&value, '=');

		if (!key_ok(key))
			return err_set(err, ERR_FORMAT, "purl: a qualifier has no valid key");
		if (!set_qualifier(purl, decode(arena, key, LOWER_NAME), decode(arena, value, 0)))
			return err_set(err, ERR_LIMIT, "purl: more than %d qualifiers", PURL_QUALIFIERS_MAX);
	}
	return 0;
}

static bool type_ok(struct slice type)
{
	if (type.len == 0 || (type.ptr[0] >= '0' && type.ptr[0] <= '9'))
		return false;
	for (size_t i = 0; i < type.len; i++)
		if (!is_alnum(type.ptr[i]) && type.ptr[i] != '.' && type.ptr[i] != '-')
			return false;
	return true;
}

static void parse_name(struct slice text, struct arena *arena, struct purl *purl)
{
	unsigned normal = normal_of(purl->type);
	size_t   at = slice_rfind(text, '@');

	/* "@scope/name" without a version: what follows the '@' holds a '/', a version never does */
	if (at != SIZE_MAX && slice_find(slice_from(text, at), '/') == SIZE_MAX)
		purl->version = decode(arena, cut_tail(&text, '@'), 0);
	text = strip_slashes(text);
	at = slice_rfind(text, '/');
	purl->name = decode(arena, at == SIZE_MAX ? text : slice_from(text, at + 1), normal & (LOWER_NAME | DASH_NAME));
	if (at != SIZE_MAX)
		purl->namespace = decode(arena, strip_slashes(slice_sub(text, 0, at)), normal & LOWER_NAMESPACE);
}

int purl_parse(struct slice text, struct arena *arena, struct purl *purl, struct err *err)
{
	struct slice rest = text, tail;
	int          verdict;

	*purl = (struct purl){0};
	if (text.len > LIMIT_STRING_BYTES)
		return err_set(err, ERR_LIMIT, "purl: longer than %u bytes", LIMIT_STRING_BYTES);
	if (!slice_eq_nocase(slice_sub(text, 0, 4), SLICE_LIT("pkg:")))
		return err_set(err, ERR_FORMAT, "purl: does not start with \"pkg:\"");
	rest = slice_from(rest, 4);
	tail = cut_tail(&rest, '#');
	purl->subpath = decode(arena, strip_slashes(tail), 0);
	tail = cut_tail(&rest, '?');
	verdict = parse_qualifiers(tail, arena, purl, err);
	if (verdict)
		return verdict;
	rest = strip_slashes(rest);
	tail = slice_cut(&rest, '/');
	if (!type_ok(tail))
		return err_set(err, ERR_FORMAT, "purl: no valid type");
	purl->type = decode(arena, tail, LOWER_NAME);
	parse_name(rest, arena, purl);
	if (arena_failed(arena))
		return err_set(err, ERR_LIMIT, "purl: out of memory");
	return purl->name.len ? 0 : err_set(err, ERR_FORMAT, "purl: no name");
}
