/* bun.lock: JSON with comments and trailing commas, which are blanked out first; "packages" are tuples that begin with
 * "name@version". The binary bun.lockb is not read.
 *
 * Source: bun.sh/docs "Lockfile", bun.lock. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/buf.h"
#include "base/json.h"

/* How many bytes of a comment or a trailing comma lie at `at`, outside of strings; 0 = none. */
static size_t surplus(struct slice text, size_t at)
{
	struct slice rest = slice_from(text, at);
	size_t       end;

	if (slice_starts(rest, "//")) {
		end = slice_find(rest, '\n');
		return end == SIZE_MAX ? rest.len : end;
	}
	if (slice_starts(rest, "/*")) {
		end = slice_find_str(slice_from(rest, 2), "*/");
		return end == SIZE_MAX ? rest.len : end + 4;
	}
	return 0;
}

static size_t string_end(struct slice text, size_t at)
{
	for (at++; at < text.len && text.ptr[at] != '"'; at++)
		if (text.ptr[at] == '\\')
			at++;
	return at < text.len ? at + 1 : text.len;
}

/* Strict JSON of the same meaning: a comma is written when it is known that no bracket follows. */
static void write_strict(struct slice text, struct buf *out)
{
	bool comma = false;

	for (size_t at = 0, next; at < text.len; at = next) {
		uint8_t c = text.ptr[at];
		size_t  skip = surplus(text, at);

		next = skip ? at + skip : c == '"' ? string_end(text, at) : at + 1;
		if (skip)
			continue;
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			buf_byte(out, c);
			continue;
		}
		if (comma && c != '}' && c != ']')
			buf_byte(out, ',');
		comma = c == ',';
		if (!comma)
			buf_append(out, slice_sub(text, at, next - at));
	}
}

/* "name@1.0.0", "@scope/name@github:…", "name@file:…", "name@workspace:…". */
static void add(struct lock_file *lock, struct slice text)
{
	size_t       at = slice_find(slice_from(text, 1), '@');
	struct slice version;

	if (at == SIZE_MAX)
		return;
	version = slice_from(text, at + 2);
	if (slice_starts(version, "workspace:") || slice_starts(version, "root:"))
		return;
	if (slice_find(version, ':') != SIZE_MAX || slice_find(version, '/') != SIZE_MAX)
		version = SLICE_EMPTY;
	lock_file_add(lock, slice_sub(text, 0, at + 1), version, 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "bun-lock", "npm");
	const struct json *packages;
	struct json       *root = NULL;
	struct buf         strict;
	int                rc;

	buf_init(&strict, body.len + 1);
	write_strict(body, &strict);
	rc = buf_ok(&strict) ? json_parse(buf_slice(&strict), &root, err) : err_set(err, ERR_MEM, "out of memory");
	packages = json_get_kind(root, "packages", JSON_KIND_OBJECT);
	for (void *it = json_first(packages); it && !lock.full; it = json_next(packages, it))
		add(&lock, json_text(json_at(json_value(it), 0)));
	json_free(root);
	buf_deinit(&strict);
	return rc;
}

static const char *const names[] = {"bun.lock", NULL};

const struct analyzer analyzer_bun_lock = {
	.name = "bun-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
