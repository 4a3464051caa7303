#include "match/package_pattern.h"

#include "base/glob.h"
#include "base/limits.h"
#include "match/version_range.h"

enum { NAME_BYTES_MAX = 1024, PURL_ARENA_BYTES = 1 << 20 };

/* --- parsing --- */

static bool is_operator(uint8_t c)
{
	return c == '<' || c == '>' || c == '=' || c == '!' || c == '~' || c == '^';
}

/* Cuts the range off; within "[...]" and behind '?' of a purl an '=' is none. */
static struct slice cut_range(struct slice *text)
{
	bool class = false, qualifiers = false;

	for (size_t i = 0; i < text->len; i++) {
		uint8_t c = text->ptr[i];

		class = c == '[' || (class && c != ']');
		qualifiers |= c == '?' && slice_starts(*text, "pkg:");
		if (!class && is_operator(c) && !(c == '=' && qualifiers)) {
			struct slice range = slice_trim(slice_from(*text, i));

			*text = slice_trim(slice_sub(*text, 0, i));
			return range;
		}
	}
	return SLICE_EMPTY;
}

static int parse_qualifiers(struct slice text, struct purl *purl, struct err *err)
{
	while (text.len) {
		struct slice pair = slice_cut(&text, '&'), value = pair, key = slice_cut(&value, '=');

		if (key.len == 0 || value.len == 0 || purl->qualifiers_count == PURL_QUALIFIERS_MAX)
			return err_set(err, ERR_USAGE, "'%.*s' is no qualifier of a purl", SLICE_FMT(pair));
		purl->qualifiers[purl->qualifiers_count++] = (struct purl_qualifier){key, value};
	}
	return 0;
}

static uint8_t hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? (uint8_t)(c - '0') : (uint8_t)((c | 0x20) - 'a' + 10);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static struct slice decode_percent(struct slice text, struct arena *arena)
{
	uint8_t *out = arena_alloc(arena, text.len + 1);
	size_t   len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '%' && i + 2 < text.len && is_hex(text.ptr[i + 1]) && is_hex(text.ptr[i + 2])) {
			c = (uint8_t)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2]));
			i += 2;
		}
		out[len++] = c;
	}
	return slice_of(out, len);
}

/* Not purl_parse(): the parts are globs, and may be left out. */
static int parse_purl(struct slice text, struct arena *arena, struct package_pattern *out, struct err *err)
{
	struct slice rest = slice_from(text, 4), path, version = SLICE_EMPTY;
	size_t       at;

	while (rest.len && rest.ptr[0] == '/')
		rest = slice_from(rest, 1);
	path = slice_cut(&rest, '?');
	if (parse_qualifiers(rest, &out->purl, err) < 0)
		return err->code;
	at = slice_rfind(path, '@');
	if (at != SIZE_MAX && at && path.ptr[at - 1] != '/') {
		version = slice_from(path, at + 1);
		path = slice_sub(path, 0, at);
	}
	out->purl.type = slice_cut(&path, '/');
	at = slice_rfind(path, '/');
	out->purl.namespace = at == SIZE_MAX ? SLICE_EMPTY : decode_percent(slice_sub(path, 0, at), arena);
	out->name = decode_percent(at == SIZE_MAX ? path : slice_from(path, at + 1), arena);
	out->version = decode_percent(version, arena);
	if (out->purl.type.len == 0 || out->name.len == 0)
		return err_set(err, ERR_USAGE, "'%.*s' is no purl: pkg:TYPE/[NAMESPACE/]NAME", SLICE_FMT(text));
	return 0;
}

int package_pattern_parse(struct slice text, struct arena *arena, struct package_pattern *out, struct err *err)
{
	size_t at;

	*out = (struct package_pattern){.is_purl = slice_starts(text, "pkg:")};
	text = slice_trim(text);
	out->range = cut_range(&text);
	if (out->is_purl)
		return parse_purl(text, arena, out, err);
	at = slice_rfind(text, '@');
	if (at != SIZE_MAX && at && text.ptr[at - 1] != '/') { /* "@scope/name" is a name */
		out->version = slice_from(text, at + 1);
		text = slice_sub(text, 0, at);
	}
	out->name = text;
	if (text.len == 0 || text.len > NAME_BYTES_MAX ||
	    (at != SIZE_MAX && at && out->version.len == 0 && out->version.ptr))
		return err_set(err, ERR_USAGE, "'%.*s' names no package", SLICE_FMT(slice_sub(text, 0, 100)));
	return 0;
}

/* --- names --- */

static bool is_separator(uint8_t c)
{
	return c == '-' || c == '_' || c == '.';
}

/* As the index folds them (store/catalog_index.h): lower case, runs of separators one '-'. */
static struct slice fold(struct slice name, uint8_t out[NAME_BYTES_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < name.len && len < NAME_BYTES_MAX; i++) {
		uint8_t c = name.ptr[i];

		if (!is_separator(c))
			out[len++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
		else if (i == 0 || !is_separator(name.ptr[i - 1]))
			out[len++] = '-';
	}
	return slice_of(out, len);
}

static bool name_is(struct slice folded_pattern, struct slice name)
{
	uint8_t room[NAME_BYTES_MAX];

	return name.len && glob_match(folded_pattern, fold(name, room), false);
}

static struct slice last_part(struct slice name)
{
	size_t slash = slice_rfind(name, '/'), colon = slice_rfind(name, ':');
	size_t at = slash == SIZE_MAX ? colon : colon == SIZE_MAX || slash > colon ? slash : colon;

	return at == SIZE_MAX ? SLICE_EMPTY : slice_from(name, at + 1);
}

bool package_pattern_names(const struct package_pattern *pattern, const struct package *package)
{
	uint8_t      room[NAME_BYTES_MAX];
	struct slice wanted = fold(pattern->name, room);

	if (pattern->is_purl && !glob_match(pattern->purl.type, package->type, false))
		return false;
	return name_is(wanted, package->name) || name_is(wanted, last_part(package->name)) ||
	       (pattern->by_source && name_is(wanted, package->source_name));
}

/* --- versions and purls --- */

static bool in_range(const struct package_pattern *pattern, const struct package *package, bool *unsure)
{
	const struct version_range_language *language = version_range_language(package->type);
	struct slice                         wanted = pattern->range;
	bool                                 holds = false;

	if (language) {
		*unsure |= package->version.len == 0 || version_range_holds(language, wanted, package->version,
									    VERSION_RANGE_AS_ORDERED, &holds) < 0;
		return holds || *unsure;
	}
	while (wanted.len && wanted.ptr[0] == '=')
		wanted = slice_trim(slice_from(wanted, 1));
	if (wanted.len && !is_operator(wanted.ptr[0]) && slice_find(wanted, ',') == SIZE_MAX)
		return slice_eq(wanted, package->version);
	*unsure = true;
	return true;
}

static bool has_qualifiers(const struct package_pattern *pattern, const struct purl *purl)
{
	for (size_t i = 0; i < pattern->purl.qualifiers_count; i++) {
		bool found = false;

		for (size_t j = 0; j < purl->qualifiers_count; j++)
			found |= slice_eq(pattern->purl.qualifiers[i].key, purl->qualifiers[j].key) &&
				 glob_match(pattern->purl.qualifiers[i].value, purl->qualifiers[j].value, false);
		if (!found)
			return false;
	}
	return true;
}

static bool name_is_text(struct slice pattern, struct slice text)
{
	uint8_t wanted[NAME_BYTES_MAX];

	return name_is(fold(pattern, wanted), text);
}

static bool purl_holds(const struct package_pattern *pattern, struct slice text)
{
	struct arena arena;
	struct purl  purl;
	bool         holds;

	arena_init(&arena, PURL_ARENA_BYTES);
	holds = purl_parse(text, &arena, &purl, NULL) >= 0 &&
		(pattern->purl.namespace.len == 0 || name_is_text(pattern->purl.namespace, purl.namespace)) &&
		name_is_text(pattern->name, purl.name) &&
		(pattern->version.len == 0 || glob_match(pattern->version, purl.version, false)) &&
		has_qualifiers(pattern, &purl);
	arena_deinit(&arena);
	return holds;
}

bool package_pattern_holds(const struct package_pattern *pattern, const struct package *package, struct slice purl,
			   bool *unsure)
{
	*unsure = false;
	if (pattern->is_purl) {
		if (!purl_holds(pattern, purl))
			return false;
	} else if (pattern->version.len && !glob_match(pattern->version, package->version, false)) {
		return false;
	}
	return pattern->range.len == 0 || in_range(pattern, package, unsure);
}
