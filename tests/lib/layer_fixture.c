#include "lib/layer_fixture.h"

#include "base/file.h"
#include "lib/compress.h"
#include "lib/tar_writer.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXTURE_BYTES_MAX = 64 << 20, FORMATS_MAX = 8 };

struct reading {
	struct layer_fixture *fixture;
	struct arena         *arena;
	struct slice          rest; /* of the text */
	const char           *path;
	unsigned              line;
	struct err           *err;

	struct buf tar, pax; /* of the current layer, of the next entry */
	bool       ended;
	size_t     cut, cut_blob;
	struct buf tail;
	char       formats[FORMATS_MAX][8];
	size_t     formats_count;
	size_t     layers_capacity, expects_capacity;
};

static int bad(struct reading *r, const char *why)
{
	return err_set(r->err, ERR_FORMAT, "%s:%u: %s", r->path, r->line, why);
}

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape behind the backslash; false if it is none. */
static bool unescape(struct slice *rest, uint8_t *out)
{
	static const char from[] = "nt0\\\"", to[] = "\n\t\0\\\"";
	const char       *at = rest->len && rest->ptr[0] ? strchr(from, rest->ptr[0]) : NULL;

	if (at) {
		*out = (uint8_t)to[at - from];
		*rest = slice_from(*rest, 1);
		return true;
	}
	if (rest->len < 3 || rest->ptr[0] != 'x' || hex(rest->ptr[1]) < 0 || hex(rest->ptr[2]) < 0)
		return false;
	*out = (uint8_t)(hex(rest->ptr[1]) << 4 | hex(rest->ptr[2]));
	*rest = slice_from(*rest, 3);
	return true;
}

static bool quoted(struct slice *rest, struct buf *out)
{
	*rest = slice_from(*rest, 1);
	while (rest->len && rest->ptr[0] != '"') {
		uint8_t byte = rest->ptr[0];

		*rest = slice_from(*rest, 1);
		if (byte == '\\' && !unescape(rest, &byte))
			return false;
		buf_byte(out, byte);
	}
	if (rest->len == 0)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static bool is_plain(uint8_t c)
{
	return c > ' ' && c != '+' && c != '"';
}

static bool piece(struct slice *rest, struct buf *out)
{
	size_t   from = out->len, size;
	uint64_t times = 1, digits = 0;

	if (rest->len && rest->ptr[0] == '"') {
		if (!quoted(rest, out))
			return false;
	} else {
		while (rest->len && is_plain(rest->ptr[0])) {
			buf_byte(out, rest->ptr[0]);
			*rest = slice_from(*rest, 1);
		}
		return true;
	}
	if (rest->len < 2 || rest->ptr[0] != '*')
		return true;
	while (digits + 1 < rest->len && rest->ptr[digits + 1] >= '0' && rest->ptr[digits + 1] <= '9')
		digits++;
	if (!slice_u64(slice_sub(*rest, 1, digits), &times))
		return false;
	*rest = slice_from(*rest, digits + 1);
	size = out->len - from;
	if (buf_reserve(out, size * times))
		for (uint64_t i = 1; i < times; i++)
			buf_append(out, slice_of(out->ptr + from, size));
	return buf_ok(out);
}

bool fixture_token(struct slice *rest, struct arena *arena, struct slice *token)
{
	struct buf out = {.bytes_max = FIXTURE_BYTES_MAX};
	bool       good;

	*rest = slice_trim(*rest);
	good = rest->len > 0 && piece(rest, &out);
	while (good && rest->len && rest->ptr[0] == '+') {
		*rest = slice_from(*rest, 1);
		good = piece(rest, &out);
	}
	if (good)
		*token = arena_copy(arena, buf_slice(&out));
	buf_deinit(&out);
	return good;
}

static bool append_member(struct reading *r, size_t index, struct slice tar, struct buf *blob)
{
	size_t       share = tar.len / r->formats_count;
	bool         last = index + 1 == r->formats_count;
	struct slice part = slice_sub(tar, index * share, last ? SIZE_MAX : share);

	return compress_append(r->formats[index], part, blob);
}

static int end_layer(struct reading *r)
{
	struct fixture_layer *layer;
	struct buf            blob = {.bytes_max = FIXTURE_BYTES_MAX};
	struct slice          tar;

	if (!arena_grow(r->arena, (void *)&r->fixture->layers, &r->layers_capacity, r->fixture->layers_count,
			sizeof(*layer)))
		return bad(r, "out of memory");
	layer = &r->fixture->layers[r->fixture->layers_count++];
	if (!r->ended)
		tar_append_end(&r->tar);
	tar = slice_sub(buf_slice(&r->tar), 0, r->cut < r->tar.len ? r->tar.len - r->cut : 0);
	layer->tar = arena_copy(r->arena, tar);
	for (size_t i = 0; i < r->formats_count; i++)
		if (!append_member(r, i, tar, &blob))
			return buf_deinit(&blob), bad(r, "unknown compression");
	layer->blob = arena_copy(r->arena,
				 slice_sub(buf_slice(&blob), 0, r->cut_blob < blob.len ? blob.len - r->cut_blob : 0));
	if (r->tail.len) {
		buf_clear(&blob);
		buf_append(&blob, layer->blob);
		buf_append(&blob, buf_slice(&r->tail));
		layer->blob = arena_copy(r->arena, buf_slice(&blob));
	}
	buf_deinit(&blob);
	return arena_failed(r->arena) ? bad(r, "out of memory") : 0;
}

static void begin_layer(struct reading *r)
{
	buf_clear(&r->tar);
	buf_clear(&r->pax);
	buf_clear(&r->tail);
	r->ended = false;
	r->cut = r->cut_blob = 0;
	snprintf(r->formats[0], sizeof(r->formats[0]), "none");
	r->formats_count = 1;
}

static int read_formats(struct reading *r, struct slice words)
{
	struct slice word;
	size_t       count = 0;

	while (fixture_token(&words, r->arena, &word)) {
		if (count == FORMATS_MAX || word.len >= sizeof(r->formats[0]))
			return bad(r, "unknown compression, or too many");
		snprintf(r->formats[count++], sizeof(r->formats[0]), "%.*s", SLICE_FMT(word));
	}
	r->formats_count = count ? count : 1;
	return 0;
}

static uint64_t number(struct slice text)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.*s", SLICE_FMT(text));
	return strtoull(digits, NULL, 0);
}

static int attribute(struct reading *r, struct tar_entry *entry, struct slice word)
{
	struct slice value = word, key = slice_cut(&value, '=');

	if (slice_eq_str(key, "mode"))
		entry->mode = (uint32_t)number(value);
	else if (slice_eq_str(key, "uid"))
		entry->uid = number(value);
	else if (slice_eq_str(key, "gid"))
		entry->gid = number(value);
	else if (slice_eq_str(key, "mtime"))
		entry->mtime = number(value);
	else if (slice_eq_str(key, "size"))
		entry->size = number(value);
	else if (slice_eq_str(key, "type") && value.len == 1)
		entry->type = (char)value.ptr[0];
	else if (slice_eq_str(key, "base256"))
		entry->base256 = true;
	else if (slice_eq_str(key, "badsum"))
		entry->bad_checksum = true;
	else if (slice_eq_str(key, "format"))
		entry->format = slice_eq_str(value, "gnu") ? TAR_GNU : slice_eq_str(value, "v7") ? TAR_V7 : TAR_PAX;
	else
		return bad(r, "unknown attribute");
	return 0;
}

static int read_here_text(struct reading *r, struct slice word, struct slice *body)
{
	const uint8_t *from = r->rest.ptr;

	while (r->rest.len) {
		const uint8_t *line_start = r->rest.ptr;
		struct slice   line = slice_cut(&r->rest, '\n');

		r->line++;
		if (slice_eq(line, word)) {
			*body = slice_of(from, (size_t)(line_start - from));
			return 0;
		}
	}
	return bad(r, "the text behind << does not end");
}

static int read_beside(struct reading *r, struct slice name, struct slice *body)
{
	struct buf  bytes = {.bytes_max = FIXTURE_BYTES_MAX};
	const char *slash = strrchr(r->path, '/');
	char        path[PATH_MAX];
	int         status;

	snprintf(path, sizeof(path), "%.*s%.*s", slash ? (int)(slash - r->path + 1) : 0, r->path, SLICE_FMT(name));
	status = file_read(path, &bytes, r->err);
	*body = arena_copy(r->arena, buf_slice(&bytes));
	buf_deinit(&bytes);
	return status;
}

static int read_entry(struct reading *r, char type, struct slice words)
{
	struct tar_entry entry;
	struct slice     word;
	int              status = 0;

	if (!fixture_token(&words, r->arena, &word))
		return bad(r, "a name is missing");
	tar_entry_init(&entry, type, word);
	while (!status && fixture_token(&words, r->arena, &word)) {
		if (slice_eq_str(word, "->"))
			status = fixture_token(&words, r->arena, &entry.target) ? 0 : bad(r, "a target is missing");
		else if (slice_eq_str(word, "="))
			status = fixture_token(&words, r->arena, &entry.body) ? 0
									      : bad(r, "text is missing or malformed");
		else if (slice_starts(word, "<<"))
			status = read_here_text(r, slice_from(word, 2), &entry.body);
		else if (slice_starts(word, "@"))
			status = read_beside(r, slice_from(word, 1), &entry.body);
		else
			status = attribute(r, &entry, word);
	}
	if (!status && words.len)
		status = bad(r, "malformed text");
	entry.pax = buf_slice(&r->pax);
	tar_append(&r->tar, &entry);
	buf_clear(&r->pax);
	return status;
}

static int read_pax(struct reading *r, struct slice words, bool global)
{
	struct buf   records = {.bytes_max = FIXTURE_BYTES_MAX};
	struct slice key, value;

	if (!fixture_token(&words, r->arena, &key) || !fixture_token(&words, r->arena, &value))
		return bad(r, "key or text is missing");
	tar_append_pax_record(global ? &records : &r->pax, key, value);
	if (global)
		tar_append_global(&r->tar, buf_slice(&records));
	buf_deinit(&records);
	return 0;
}

static int read_text(struct reading *r, struct slice words, struct buf *to)
{
	struct slice text;

	if (!fixture_token(&words, r->arena, &text))
		return bad(r, "text is missing or malformed");
	buf_append(to, text);
	return 0;
}

static int read_expect(struct reading *r, struct slice words)
{
	struct layer_fixture *f = r->fixture;

	if (!arena_grow(r->arena, (void *)&f->expects, &r->expects_capacity, f->expects_count, sizeof(*f->expects)))
		return bad(r, "out of memory");
	f->expects[f->expects_count++] = (struct fixture_expect){
		.layer = f->layers_count, .text = arena_copy(r->arena, slice_trim(words)), .line = r->line};
	return 0;
}

static int next_layer(struct reading *r, struct slice words)
{
	int status = r->formats_count ? end_layer(r) : 0; /* 0 formats: nothing came before */

	if (!status && r->fixture->layers_count == FIXTURE_LAYERS_MAX)
		status = bad(r, "too many layers");
	begin_layer(r);
	return status ? status : read_formats(r, words);
}

static char entry_type(struct slice verb)
{
	static const struct {
		const char *verb;
		char        type;
	} types[] = {{"file", '0'},  {"hardlink", '1'}, {"symlink", '2'}, {"char", '3'},
		     {"block", '4'}, {"dir", '5'},      {"fifo", '6'}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_eq_str(verb, types[i].verb))
			return types[i].type;
	return 0;
}

static int read_statement(struct reading *r, struct slice line)
{
	struct slice words = slice_trim(line), verb = slice_cut(&words, ' ');
	char         type = entry_type(verb);

	if (verb.len == 0 || verb.ptr[0] == '#')
		return 0;
	if (slice_eq_str(verb, "layer"))
		return next_layer(r, words);
	if (r->formats_count == 0)
		begin_layer(r);
	if (type)
		return read_entry(r, type, words);
	if (slice_eq_str(verb, "expect"))
		return read_expect(r, words);
	if (slice_eq_str(verb, "pax") || slice_eq_str(verb, "global"))
		return read_pax(r, words, verb.len == 6);
	if (slice_eq_str(verb, "raw"))
		return read_text(r, words, &r->tar);
	if (slice_eq_str(verb, "tail"))
		return read_text(r, words, &r->tail);
	if (slice_eq_str(verb, "cut"))
		return r->cut = number(words), 0;
	if (slice_eq_str(verb, "cutblob"))
		return r->cut_blob = number(words), 0;
	if (slice_eq_str(verb, "end"))
		tar_append_end(&r->tar);
	else if (!slice_eq_str(verb, "noend"))
		return bad(r, "unknown statement");
	r->ended = true;
	return 0;
}

int layer_fixture_parse(struct slice text, const char *path, struct layer_fixture *fixture, struct err *err)
{
	struct reading r = {.fixture = fixture, .arena = &fixture->arena, .rest = text, .path = path, .err = err};
	int            status = 0;

	*fixture = (struct layer_fixture){0};
	arena_init(&fixture->arena, 1u << 30);
	buf_init(&r.tar, FIXTURE_BYTES_MAX);
	buf_init(&r.pax, FIXTURE_BYTES_MAX);
	buf_init(&r.tail, FIXTURE_BYTES_MAX);
	while (r.rest.len && !status) {
		r.line++;
		status = read_statement(&r, slice_cut(&r.rest, '\n'));
	}
	if (!status)
		status = r.formats_count ? end_layer(&r) : bad(&r, "no layer");
	buf_deinit(&r.tar);
	buf_deinit(&r.pax);
	buf_deinit(&r.tail);
	return status;
}

int layer_fixture_read(const char *path, struct layer_fixture *fixture, struct err *err)
{
	struct buf text = {.bytes_max = FIXTURE_BYTES_MAX};
	int        status = file_read(path, &text, err);

	*fixture = (struct layer_fixture){0};
	if (!status)
		status = layer_fixture_parse(buf_slice(&text), path, fixture, err);
	buf_deinit(&text);
	return status;
}

void layer_fixture_deinit(struct layer_fixture *fixture)
{
	arena_deinit(&fixture->arena);
}

size_t fixture_each(const char *dir, const char *prefix, const char *suffix, void (*run)(const char *path, void *data),
		    void *data)
{
	struct dirent **names;
	int             count = scandir(dir, &names, NULL, alphasort);
	size_t          ran = 0;

	for (int i = 0; i < count; i++) {
		struct slice name = slice_str(names[i]->d_name);
		char         path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (slice_starts(name, prefix) && slice_ends(name, suffix)) {
			run(path, data);
			ran++;
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return ran;
}
