/* OSV records: what affects what (data/osv/affects.data, and 194 rows of osv-scalibr when they are there), what is read
 * out of a record (data/osv/records.data), and the stored form of both. */
#include "lib/check.h"

#include "base/file.h"
#include "base/json.h"
#include "match/osv.h"

#include <string.h>

static struct buf read_or_empty(const char *path)
{
	struct buf text;

	buf_init(&text, 64 << 20);
	(void)file_read(path, &text, NULL);
	return text;
}

static const char *const CLASSES[] = {"vulnerability", "bugfix", "unmaintained", "unsound", "notice", "malware"};

static void print_list(struct buf *out, const char *name, const struct slice *items, size_t count)
{
	buf_printf(out, " %s=", name);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%.*s", i ? "," : "", SLICE_FMT(items[i]));
}

static void print_severity(struct buf *out, const struct osv_severity *severity)
{
	if (severity->rank != OSV_RANK_NONE)
		buf_printf(out, " %s by %.*s", severity_name(severity->band), SLICE_FMT(severity->source));
	if (severity->score_tenths >= 0)
		buf_printf(out, " %d.%d", severity->score_tenths / 10, severity->score_tenths % 10);
}

static void print_range(struct buf *out, const struct osv_range *range)
{
	static const char *const KINDS[] = {">=", "<=", "<", "limit "};

	buf_printf(out, " %s(", version_scheme_name(range->scheme));
	for (size_t i = 0; i < range->events_count; i++)
		buf_printf(out, "%s%s%.*s", i ? " " : "", KINDS[range->events[i].kind],
			   SLICE_FMT(range->events[i].version));
	buf_str(out, ")");
}

static void print_affected(struct buf *out, const struct osv_affected *affected)
{
	buf_printf(out, " | %.*s %.*s %s", SLICE_FMT(affected->ecosystem), SLICE_FMT(affected->name),
		   CLASSES[affected->class]);
	print_severity(out, &affected->severity);
	for (size_t i = 0; i < affected->ranges_count; i++)
		print_range(out, &affected->ranges[i]);
	if (affected->versions_count)
		print_list(out, "versions", affected->versions, affected->versions_count);
	if (affected->os_count)
		print_list(out, "os", affected->os, affected->os_count);
	if (affected->arch_count)
		print_list(out, "arch", affected->arch, affected->arch_count);
	if (affected->ranges_voided)
		buf_printf(out, " voided=%u", affected->ranges_voided);
}

static void print_record(struct buf *out, const struct osv_record *record)
{
	buf_printf(out, "%.*s%s%s", SLICE_FMT(record->id), record->withdrawn ? " withdrawn" : "",
		   record->per_cve ? " per-cve" : "");
	print_list(out, "cves", record->cves, record->cves_count);
	print_list(out, "aliases", record->aliases, record->aliases_count);
	print_severity(out, &record->severity);
	for (size_t i = 0; i < record->affected_count; i++)
		print_affected(out, &record->affected[i]);
}

/* Encodes and decodes header and entries; the result borrows `bytes`. */
static void through_the_store(const struct osv_record *record, struct buf *bytes, struct arena *arena,
			      struct osv_record *out)
{
	struct err err = {0};
	size_t     ends[64], start = 0;

	assert_true(record->affected_count < 63);
	osv_header_encode(record, bytes);
	ends[0] = bytes->len;
	for (size_t i = 0; i < record->affected_count; i++) {
		osv_affected_encode(&record->affected[i], bytes);
		ends[i + 1] = bytes->len;
	}
	assert_true(buf_ok(bytes));
	if (osv_header_decode(slice_sub(buf_slice(bytes), 0, ends[0]), arena, out, &err))
		fail_msg("%s", err.text);
	out->affected = arena_array(arena, record->affected_count, sizeof(*out->affected));
	for (start = ends[0]; out->affected_count < record->affected_count; out->affected_count++) {
		struct osv_affected *affected = &out->affected[out->affected_count];
		size_t               stop = ends[out->affected_count + 1];

		if (osv_affected_decode(slice_sub(buf_slice(bytes), start, stop - start), arena, affected, &err))
			fail_msg("%s", err.text);
		affected->ecosystem = record->affected[out->affected_count].ecosystem;
		affected->name = record->affected[out->affected_count].name;
		start = stop;
	}
}

/* Parses the JSON and hands on what a store would give back for it. */
static void parse(struct slice json, struct arena *arena, struct buf *bytes, struct osv_record *out)
{
	struct osv_record parsed;
	struct err        err = {0};

	if (osv_parse(json, arena, &parsed, &err))
		fail_msg("%s", err.text);
	through_the_store(&parsed, bytes, arena, out);
}

static void check_affects(struct slice json, struct slice ecosystem, struct slice name, struct slice version,
			  bool expected)
{
	struct arena      arena;
	struct buf        bytes;
	struct osv_record record;

	arena_init(&arena, 16 << 20);
	buf_init(&bytes, 16 << 20);
	parse(json, &arena, &bytes, &record);
	if (osv_is_affected(&record, ecosystem, name, version) != expected)
		fail_msg("%.*s %.*s \"%.*s\" should%s be affected by %.*s", SLICE_FMT(ecosystem), SLICE_FMT(name),
			 SLICE_FMT(version), expected ? "" : " not", SLICE_FMT(json));
	buf_deinit(&bytes);
	arena_deinit(&arena);
}

/* affected|clean TAB ecosystem TAB name TAB version TAB record */
static void entries_affect_what_the_schema_says(void **state)
{
	struct buf   text = read_or_empty(TEST_DATA_DIR "/osv/affects.data");
	struct slice rest = buf_slice(&text);
	size_t       cases = 0;

	(void)state;
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n'), verdict, ecosystem, name, version;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		verdict = slice_cut(&line, '\t');
		ecosystem = slice_cut(&line, '\t');
		name = slice_cut(&line, '\t');
		version = slice_cut(&line, '\t');
		assert_true(slice_eq_str(verdict, "affected") || slice_eq_str(verdict, "clean"));
		check_affects(line, ecosystem, name, version, slice_eq_str(verdict, "affected"));
		cases++;
	}
	assert_true(cases > 30);
	buf_deinit(&text);
}

static void rows_of_osv_scalibr_hold(void **state)
{
	struct buf   text = read_or_empty(SHARED_DATA_DIR "/truth/osv-is-affected.jsonl");
	struct slice rest = buf_slice(&text);
	size_t       rows = 0;

	(void)state;
	if (rest.len == 0) {
		printf("SKIP rows_of_osv_scalibr_hold: needs ../shared/data\n");
		skip();
	}
	for (; rest.len; rows++) {
		struct slice line = slice_cut(&rest, '\n');
		size_t       from = slice_find_str(line, "\"osv\": ") + 7,
		       to = slice_find_str(line, "]}, \"affected\": ") + 2;
		struct json *root;

		assert_int_equal(json_parse(line, &root, NULL), 0);
		check_affects(slice_sub(line, from, to - from), json_get_text(json_get(root, "package"), "ecosystem"),
			      json_get_text(json_get(root, "package"), "name"), json_get_text(root, "version"),
			      json_bool(json_get(root, "affected"), false));
		json_free(root);
	}
	assert_int_equal(rows, 194);
	buf_deinit(&text);
}

/* What is expected of a record, then the record itself on the next line. */
static void records_are_read_as_their_publishers_mean_them(void **state)
{
	struct buf   text = read_or_empty(TEST_DATA_DIR "/osv/records.data");
	struct slice rest = buf_slice(&text);
	size_t       cases = 0;

	(void)state;
	while (rest.len) {
		struct slice      expected = slice_cut(&rest, '\n');
		struct arena      arena;
		struct buf        bytes, printed;
		struct osv_record record;

		if (expected.len == 0 || expected.ptr[0] == '#')
			continue;
		arena_init(&arena, 16 << 20);
		buf_init(&bytes, 16 << 20);
		buf_init(&printed, 64 << 10);
		parse(slice_cut(&rest, '\n'), &arena, &bytes, &record);
		print_record(&printed, &record);
		if (!slice_eq(buf_slice(&printed), expected))
			fail_msg("\nexpected %.*s\ngot      %.*s", SLICE_FMT(expected), SLICE_FMT(buf_slice(&printed)));
		buf_deinit(&printed);
		buf_deinit(&bytes);
		arena_deinit(&arena);
		cases++;
	}
	assert_true(cases > 20);
	buf_deinit(&text);
}

static void a_fix_is_the_end_of_the_interval_that_holds_the_version(void **state)
{
	static const struct {
		const char *version, *fixed;
		bool        affected;
	} CASES[] = {{"0.5", "1.0", true}, {"1.0", "", false},   {"2.5", "", true},
		     {"3.0", "", false},   {"4.5", "5.0", true}, {"6", "", true}};
	const char       *json = "{\"id\":\"X-1\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"a\"},"
				 "\"ranges\":[{\"type\":"
				 "\"SEMVER\",\"events\":[{\"introduced\":\"6\"},{\"introduced\":\"4\"},{\"fixed\":\"5.0\"},{"
				 "\"introduced\":\"0\"},"
				 "{\"fixed\":\"1.0\"},{\"introduced\":\"2.0\"},{\"last_affected\":\"2.9\"}]}]}]}";
	struct arena      arena;
	struct osv_record record;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(osv_parse(slice_str(json), &arena, &record, NULL), 0);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		struct osv_query query = {.version = slice_str(CASES[i].version)};
		struct osv_hit   hit;

		assert_int_equal(osv_affects(&record.affected[0], &query, &hit), CASES[i].affected);
		assert_slice_equal(hit.fixed, CASES[i].fixed);
	}
	arena_deinit(&arena);
}

static void broken_records_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *json, *words;
	} CASES[] = {
		{"", "not JSON"},
		{"[]", "not a JSON object"},
		{"{\"id\":7}", "no id"},
		{"{\"id\":\"A-1\",\"affected\":\"all\"}", "A-1: affected is not an array"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		struct arena      arena;
		struct osv_record record;
		struct err        err = {0};

		arena_init(&arena, 1 << 20);
		assert_int_equal(osv_parse(slice_str(CASES[i].json), &arena, &record, &err), ERR_FORMAT);
		if (!strstr(err.text, CASES[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.text, CASES[i].words);
		arena_deinit(&arena);
	}
}

/* Not the end of the import that it is part of: ERR_LIMIT, as for one that is too long. */
static void a_record_that_unfolds_beyond_its_arena_is_too_large(void **state)
{
	struct buf        json = {.bytes_max = 1 << 20};
	struct osv_record record;
	struct arena      arena;
	struct err        err = {0};

	(void)state;
	buf_str(&json, "{\"id\":\"A-1\",\"affected\":[{}");
	for (unsigned i = 0; i < 10000; i++)
		buf_str(&json, ",{}");
	buf_str(&json, "]}");
	arena_init(&arena, 1 << 20);
	assert_int_equal(osv_parse(buf_slice(&json), &arena, &record, &err), ERR_LIMIT);
	assert_string_equal(err.text, "advisory A-1: decoded it does not fit into 1048576 bytes");
	arena_deinit(&arena);
	buf_deinit(&json);
}

static void a_stored_form_of_another_format_is_refused(void **state)
{
	struct arena        arena;
	struct osv_record   record;
	struct osv_affected affected;
	struct err          err = {0};

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(osv_header_decode(SLICE_LIT("\x91\x63"), &arena, &record, &err), ERR_VERSION);
	err_clear(&err);
	assert_int_equal(osv_affected_decode(SLICE_LIT("\x91\x63"), &arena, &affected, &err), ERR_VERSION);
	err_clear(&err);
	assert_int_equal(osv_affected_decode(SLICE_LIT("\x91\x02"), &arena, &affected, &err), ERR_FORMAT);
	err_clear(&err);
	assert_int_equal(osv_header_decode(SLICE_LIT("\xdd\xff\xff\xff\xff"), &arena, &record, &err), ERR_FORMAT);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_affect_what_the_schema_says),
		cmocka_unit_test(rows_of_osv_scalibr_hold),
		cmocka_unit_test(records_are_read_as_their_publishers_mean_them),
		cmocka_unit_test(a_fix_is_the_end_of_the_interval_that_holds_the_version),
		cmocka_unit_test(broken_records_are_refused_with_a_reason),
		cmocka_unit_test(a_record_that_unfolds_beyond_its_arena_is_too_large),
		cmocka_unit_test(a_stored_form_of_another_format_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
