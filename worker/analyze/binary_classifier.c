/* Programs without a package manager: rows of classifier_table.h applied to the files whose names they list. */
#include "analyze/analyzer.h"
#include "analyze/classifier_table.h"
#include "analyze/exe_file.h"
#include "analyze/go_version.h"
#include "base/path.h"

enum { TEXT_BYTES_MAX = 64 << 10, VERSION_BYTES_MAX = 40, DIGITS_MAX = 6, PARTS_MAX = 5, PADDING_MAX = 16 };

/* --- which rows a file is for --- */

static bool names_file(const struct classifier *row, struct slice name)
{
	for (size_t i = 0; i < CLASSIFIER_FILES_MAX && row->files[i]; i++) {
		struct slice pattern = slice_str(row->files[i]);

		if (slice_ends(pattern, "*")
			    ? name.len >= pattern.len && memcmp(name.ptr, pattern.ptr, pattern.len - 1) == 0
			    : slice_eq(name, pattern))
			return true;
	}
	return false;
}

static bool lies_in_folder(const struct classifier *row, struct slice path)
{
	return !row->folder || slice_find_str(path, row->folder) != SIZE_MAX;
}

static bool is_for(const struct classifier *row, struct slice path, bool program)
{
	return row->text != program && names_file(row, path_basename(path)) && lies_in_folder(row, path);
}

static enum need wants(const struct entry *entry, struct slice head)
{
	bool program = exe_kind_of(head) != EXE_NONE;

	if (!program && entry->size > TEXT_BYTES_MAX)
		return NEED_NOTHING;
	for (size_t i = 0; i < classifier_count(); i++)
		if (is_for(classifier_at(i), entry->path, program))
			return NEED_WHOLE;
	return NEED_NOTHING;
}

/* --- the shape of a version --- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static size_t count_digits(struct slice text)
{
	size_t n = 0;

	while (n < text.len && is_digit(text.ptr[n]))
		n++;
	return n;
}

/* "3.12.1": how long; 0 for what has too many digits or parts. */
static size_t measure_numbers(struct slice text, unsigned *parts)
{
	size_t len = 0, digits;

	*parts = 0;
	while ((digits = count_digits(slice_from(text, len))) > 0) {
		if (digits > DIGITS_MAX || ++*parts > PARTS_MAX)
			return 0;
		len += digits;
		if (len + 1 >= text.len || text.ptr[len] != '.' || !is_digit(text.ptr[len + 1]))
			return len;
		len++;
	}
	return 0;
}

static size_t measure_prerelease(struct slice text)
{
	static const char *const WORDS[] = {"alpha", "beta", "preview", "nightly", "pre", "dev", "rc", "RC", "a", "b"};
	size_t                   len = text.len && text.ptr[0] == '-';

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		if (!slice_starts(slice_from(text, len), WORDS[i]))
			continue;
		len += strlen(WORDS[i]);
		if (len + 1 < text.len && text.ptr[len] == '.' && is_digit(text.ptr[len + 1]))
			len++;
		return len + count_digits(slice_from(text, len));
	}
	return 0;
}

static size_t measure_suffix(struct slice text, enum version_suffix suffix)
{
	size_t letters = 0;

	switch (suffix) {
	case SUFFIX_NONE:
		return 0;
	case SUFFIX_PRERELEASE:
		return measure_prerelease(text);
	case SUFFIX_UPDATE:
		return text.len > 1 && text.ptr[0] == '_' ? 1 + count_digits(slice_from(text, 1)) : 0;
	case SUFFIX_LETTER:
		while (letters < 2 && letters < text.len && text.ptr[letters] >= 'a' && text.ptr[letters] <= 'z')
			letters++;
		return letters ? letters : measure_prerelease(text);
	}
	return 0;
}

/* The version goes on, in a way that no rule knows. */
static bool goes_on(struct slice rest)
{
	return rest.len && (is_letter(rest.ptr[0]) || is_digit(rest.ptr[0]) || rest.ptr[0] == '_' ||
			    (rest.len > 1 && rest.ptr[0] == '.' && is_digit(rest.ptr[1])));
}

static bool has_date(struct slice rest)
{
	size_t spaces = 0;

	while (spaces < rest.len && rest.ptr[spaces] == ' ')
		spaces++;
	return spaces > 0 && spaces < 3 && spaces < rest.len && is_digit(rest.ptr[spaces]);
}

static size_t count_padding(struct slice rest)
{
	size_t n = 0;

	while (n < rest.len && n < PADDING_MAX && rest.ptr[n] == 0)
		n++;
	return n;
}

static bool holds(struct slice text, struct slice literal)
{
	return literal.len && text.len >= literal.len && memmem(text.ptr, text.len, literal.ptr, literal.len);
}

static bool begins_with(struct slice text, struct slice literal)
{
	return slice_eq(slice_sub(text, 0, literal.len), literal);
}

static bool is_followed(const struct evidence *evidence, struct slice rest)
{
	if (evidence->rules & DATE_BEHIND)
		return has_date(rest);
	if (evidence->after.len && !evidence->after_within)
		return begins_with(evidence->padded ? slice_from(rest, count_padding(rest)) : rest, evidence->after);
	if (goes_on(rest))
		return false;
	return !evidence->after.len ||
	       holds(slice_sub(rest, 0, evidence->after_within + evidence->after.len), evidence->after);
}

static size_t measure_patch_level(struct slice rest)
{
	size_t digits = rest.len && rest.ptr[0] == 'p' ? count_digits(slice_from(rest, 1)) : 0;

	return digits ? 1 + digits : 0;
}

/* The version that `text` begins with; empty when it is not of the shape that the evidence wants. */
static struct slice read_version(const struct evidence *evidence, struct slice text)
{
	unsigned     parts;
	size_t       len = measure_numbers(text, &parts);
	struct slice rest;

	if (!len || parts < (evidence->parts_min ? evidence->parts_min : 3))
		return SLICE_EMPTY;
	len += measure_suffix(slice_from(text, len), evidence->suffix);
	rest = slice_from(text, len);
	if (evidence->rules & PATCH_LEVEL_LEFT_OUT)
		rest = slice_from(rest, measure_patch_level(rest));
	return len <= VERSION_BYTES_MAX && is_followed(evidence, rest) ? slice_sub(text, 0, len) : SLICE_EMPTY;
}

/* --- where it stands --- */

struct search {
	const struct evidence *evidence;
	struct slice           body, version, other; /* other: a second one that differs */
};

static void look_at(struct search *search, size_t at)
{
	struct slice version = read_version(search->evidence, slice_from(search->body, at));

	if (!search->version.len)
		search->version = version;
	else if (version.len && !slice_eq(version, search->version))
		search->other = version;
}

/* The next place of `literal` at or behind `from`; SIZE_MAX: none. */
static size_t find_from(struct slice body, size_t from, struct slice literal)
{
	const uint8_t *hit =
		from < body.len ? memmem(body.ptr + from, body.len - from, literal.ptr, literal.len) : NULL;

	return hit ? (size_t)(hit - body.ptr) : SIZE_MAX;
}

static void search_behind(struct search *search, struct slice before, size_t overlap)
{
	for (size_t at = 0; (at = find_from(search->body, at, before)) != SIZE_MAX; at++)
		look_at(search, at + before.len - overlap);
}

/* Where the digits and dots that end before `end` begin. */
static size_t walk_back(struct slice body, size_t end)
{
	size_t at = end;

	while (at > 0 && end - at < VERSION_BYTES_MAX && (is_digit(body.ptr[at - 1]) || body.ptr[at - 1] == '.'))
		at--;
	while (at < end && body.ptr[at] == '.')
		at++;
	return at;
}

static void search_before(struct search *search)
{
	struct slice body = search->body, after = search->evidence->after;

	for (size_t at = 0; (at = find_from(body, at, after)) != SIZE_MAX; at++) {
		size_t end = at;

		while (search->evidence->padded && end > 0 && at - end < PADDING_MAX && body.ptr[end - 1] == 0)
			end--;
		look_at(search, walk_back(body, end));
	}
}

/* Dots are rarer than NUL bytes. */
static void search_alone(struct search *search)
{
	struct slice body = search->body;

	for (size_t dot = 0; (dot = find_from(body, dot, SLICE_LIT("."))) != SIZE_MAX; dot++) {
		size_t at = walk_back(body, dot), start = at;

		if (start > 0 && body.ptr[start - 1] == 'v')
			start--;
		if (at < dot && start > 0 && body.ptr[start - 1] == 0)
			look_at(search, at);
	}
}

/* "python3.12", "libpython3.12.so.1.0": NUL, then "3.12.". */
static void search_as_named(struct search *search, struct slice name)
{
	uint8_t literal[2 * DIGITS_MAX + 3] = {0};
	size_t  at = 0, len = 1, major, minor;

	while (at < name.len && !is_digit(name.ptr[at]))
		at++;
	name = slice_from(name, at);
	major = count_digits(name);
	minor = count_digits(slice_from(name, major + 1));
	if (!minor || major > DIGITS_MAX || minor > DIGITS_MAX || name.ptr[major] != '.')
		return;
	memcpy(literal + len, name.ptr, major + 1 + minor);
	len += major + 1 + minor;
	literal[len++] = '.';
	search_behind(search, slice_of(literal, len), len - 1);
}

static void search_one(struct search *search, struct slice name)
{
	const struct evidence *evidence = search->evidence;

	if (evidence->rules & VERSION_OF_FILE_NAME)
		search_as_named(search, name);
	else if (evidence->rules & STANDS_ALONE)
		search_alone(search);
	else if (!(evidence->rules & AT_START))
		evidence->before.len ? search_behind(search, evidence->before, evidence->overlap)
				     : search_before(search);
	else if (begins_with(search->body, evidence->before))
		look_at(search, evidence->before.len - evidence->overlap);
}

static bool is_evidence(const struct evidence *evidence)
{
	return evidence->before.len || evidence->after.len;
}

/* --- the package --- */

static struct slice quoted_behind(struct slice body, const char *key)
{
	size_t at = key ? slice_find_str(body, key) : SIZE_MAX;

	body = at == SIZE_MAX ? SLICE_EMPTY : slice_sub(body, at + strlen(key), 200);
	return slice_sub(body, 0, slice_find(body, '"'));
}

static int add_program(const struct classifier *row, const struct search *search, const struct entry *entry,
		       struct inventory *out, struct err *err)
{
	struct package package = {.type = slice_str(row->type ? row->type : "generic"), .name = slice_str(row->name)};
	struct package_db *db = inventory_add_db(out, entry->path, "binary-classifier");
	struct buf         version, as_go;

	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	buf_init(&version, 256);
	buf_init(&as_go, 256);
	buf_printf(&version, "%s%.*s",
		   row->go_version ? "go"
		   : row->prefix   ? row->prefix
				   : "",
		   SLICE_FMT(search->version));
	if (row->go_version && !go_version_write(buf_slice(&version), &as_go))
		package.flags = PACKAGE_NO_RELEASE;
	package.version = buf_slice(row->go_version ? &as_go : &version);
	package.vendor = quoted_behind(search->body, row->vendor_key);
	inventory_add_package(out, db, &package);
	buf_deinit(&version);
	buf_deinit(&as_go);
	return 0;
}

static int apply(const struct classifier *row, const struct entry *entry, struct slice body, struct inventory *out,
		 struct err *err)
{
	struct search search = {.body = body};

	if ((row->needs.len && !holds(body, row->needs)) || (row->lacks.len && holds(body, row->lacks)))
		return 0;
	for (size_t i = 0; i < CLASSIFIER_EVIDENCE_MAX && is_evidence(&row->evidence[i]) && !search.version.len; i++) {
		search.evidence = &row->evidence[i];
		search_one(&search, path_basename(entry->path));
	}
	if (search.other.len)
		return err_set(err, ERR_FORMAT, "%s: says both %.*s and %.*s", row->name, SLICE_FMT(search.version),
			       SLICE_FMT(search.other));
	return search.version.len ? add_program(row, &search, entry, out, err) : 0;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	bool program = exe_kind_of(body) != EXE_NONE;
	int  rc = 0;

	for (size_t i = 0; i < classifier_count() && !rc; i++)
		if (is_for(classifier_at(i), entry->path, program))
			rc = apply(classifier_at(i), entry, body, out, err);
	return rc;
}

const struct analyzer analyzer_binary_classifier = {
	.name = "binary-classifier",
	.version = 1,
	.inputs = INPUT_PATH,
	.body_bytes_max = 1u << 30,
	.names = classifier_names,
	.wants = wants,
	.run = run,
};
