/* Escapes, JSON, paths, digests: foreign text becomes safe text, canonical paths and typed values. */
#include "lib/check.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xml.h"
#include "base/yaml.h"

#include <string.h>

struct escape_case {
	void (*escape)(struct buf *, struct slice);
	const char *in, *out;
};

static const struct escape_case escape_cases[] = {
	{escape_terminal, "plain \xc3\xa9 \xe6\x97\xa5", "plain \xc3\xa9 \xe6\x97\xa5"},
	{escape_terminal, "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
	{escape_terminal, "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f"},
	{escape_terminal,
	 "\xe2\x80\xae"
	 "evil",
	 "\\u{202e}evil"},
	{escape_terminal,
	 "\xc2\x9b"
	 "1m",
	 "\\x9b1m"},
	{escape_terminal, "bad\xff\xc0\xaf", "bad\\xff\\xc0\\xaf"},
	{escape_terminal, "surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
	{escape_json, "q\" b\\ n\n \x01", "q\\\" b\\\\ n\\n \\u0001"},
	{escape_json, "bad\xff", "bad\xef\xbf\xbd"},
	{escape_json, "<script>&", "<script>&"},
	{escape_json_html, "</script>&", "\\u003c/script\\u003e\\u0026"},
	{escape_csv, "=cmd()", "\"'=cmd()\""},
	{escape_csv, "say \"hi\",\n", "\"say \"\"hi\"\",\n\""},
	{escape_csv, "-1", "\"'-1\""},
	{escape_html, "<a href=\"x\">'&", "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"},
	{escape_html, "plain", "plain"},
	{escape_html, "x\x1b", "x\xef\xbf\xbd"},
};

static void escapes_make_text_safe_for_their_output(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(escape_cases) / sizeof(escape_cases[0]); i++) {
		struct buf out = {.bytes_max = 4096};

		escape_cases[i].escape(&out, slice_str(escape_cases[i].in));
		assert_slice_equal(buf_slice(&out), escape_cases[i].out);
		buf_deinit(&out);
	}
}

static void yaml_is_a_tree_whose_accessors_answer_nothing_for_the_wrong_kind(void **state)
{
	const struct yaml *document, *list;
	struct arena       arena;
	struct err         err = {0};

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(
		yaml_parse(SLICE_LIT("a: [1, 'x']\nb: {c: d}\na2: e\na2: f\n---\ng\n"), &arena, &document, &err), 0);
	list = yaml_get(document, "a");
	assert_slice_equal(yaml_text(yaml_first(list, YAML_KIND_LIST)), "1");
	assert_slice_equal(yaml_text(yaml_first(list, YAML_KIND_LIST)->next), "x");
	assert_null(yaml_first(list, YAML_KIND_MAP));
	assert_slice_equal(yaml_get_text(yaml_get(document, "b"), "c"), "d");
	assert_slice_equal(yaml_get_text(document, "a2"), "f");
	assert_slice_equal(yaml_get_text(document, "b"), "");
	assert_null(yaml_get(list, "a"));
	assert_slice_equal(yaml_text(document->next), "g");
	arena_deinit(&arena);
	arena_init(&arena, 64);
	assert_int_equal(yaml_parse(SLICE_LIT("a: [1, 2, 3, 4, 5]"), &arena, &document, &err), ERR_LIMIT);
	assert_null(document);
	arena_deinit(&arena);
}

static void xml_is_a_tree_without_document_types(void **state)
{
	static const char *const REFUSED[] = {"<!DOCTYPE a><a/>", "<a>&b;</a>", "<a", "", "<a/><b/>"};
	const struct xml        *root;
	struct arena             arena;
	struct err               err = {0};

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(
		xml_parse(SLICE_LIT("<a x='y'> t <b> &lt;1 <!-- c -->2 </b><b>3</b></a>"), &arena, &root, &err), 0);
	assert_slice_equal(root->name, "a");
	assert_slice_equal(root->text, "");
	assert_slice_equal(xml_get_text(root, "b"), "<1 2");
	assert_slice_equal(root->first->next->text, "3");
	assert_null(xml_get(root, "c"));
	assert_null(xml_get(NULL, "c"));
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(*REFUSED); i++)
		assert_int_equal(xml_parse(slice_str(REFUSED[i]), &arena, &root, NULL), ERR_FORMAT);
	arena_deinit(&arena);
	arena_init(&arena, 64);
	assert_int_equal(xml_parse(SLICE_LIT("<a><b>some text</b></a>"), &arena, &root, NULL), ERR_LIMIT);
	assert_null(root);
	arena_deinit(&arena);
}

static void json_accessors_answer_nothing_for_the_wrong_kind(void **state)
{
	struct json *root;
	struct err   err = {0};

	(void)state;
	assert_int_equal(json_parse(SLICE_LIT("{\"a\":[1,\"x\",2.5],\"b\":null}"), &root, &err), 0);
	assert_int_equal(json_count(json_get(root, "a")), 3);
	assert_slice_equal(json_text(json_at(json_get(root, "a"), 1)), "x");
	assert_slice_equal(json_text(json_at(json_get(root, "a"), 0)), "");
	assert_int_equal(json_int(json_at(json_get(root, "a"), 2), -7), -7);
	assert_null(json_get(json_get(root, "b"), "c"));
	assert_null(json_at(root, 0));
	assert_null(json_get(NULL, "a"));
	json_free(root);
}

static void json_bounds_depth_and_refuses_trailing_bytes(void **state)
{
	char         deep[2 * LIMIT_JSON_DEPTH + 3];
	struct json *root;
	struct err   err = {0};

	(void)state;
	memset(deep, '[', LIMIT_JSON_DEPTH + 1);
	memset(deep + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
	assert_int_equal(json_parse(slice_of(deep, sizeof(deep) - 1), &root, &err), ERR_LIMIT);
	err_clear(&err);
	assert_int_equal(json_parse(slice_of(deep + 1, 2 * LIMIT_JSON_DEPTH), &root, &err), 0);
	json_free(root);
	assert_int_equal(json_parse(SLICE_LIT("{} {}"), &root, &err), ERR_FORMAT);
	assert_null(root);
}

static int parse_list_of(const char *item, size_t count)
{
	struct buf   text = {.bytes_max = 64 << 20};
	struct json *root;
	int          rc;

	buf_str(&text, "[\"a,[{\"");
	for (size_t i = 0; i < count; i++)
		buf_str(&text, item);
	buf_str(&text, "]");
	rc = json_parse(buf_slice(&text), &root, NULL);
	assert_int_equal(root != NULL, rc == 0);
	json_free(root);
	buf_deinit(&text);
	return rc;
}

/* An empty array costs three bytes of text and fifty times that in memory. */
static void json_bounds_its_values(void **state)
{
	(void)state;
	assert_int_equal(parse_list_of(",1", LIMIT_JSON_VALUES - 1), 0);
	assert_int_equal(parse_list_of(",1", LIMIT_JSON_VALUES), ERR_LIMIT);
	assert_int_equal(parse_list_of(",[]", (LIMIT_JSON_VALUES - 1) / 2), 0);
	assert_int_equal(parse_list_of(",[]", LIMIT_JSON_VALUES / 2), ERR_LIMIT);
	assert_int_equal(parse_list_of(",{}", LIMIT_JSON_VALUES / 2), ERR_LIMIT);
}

static void json_writer_places_commas_and_escapes(void **state)
{
	struct buf         out = {.bytes_max = 4096};
	struct json_writer w = json_writer_of(&out, 0);

	(void)state;
	json_begin_object(&w, NULL);
	json_put_str(&w, "a", "x\"y");
	json_begin_array(&w, "b");
	json_put_uint(&w, NULL, 1);
	json_put_null(&w, NULL);
	json_end_array(&w);
	json_begin_object(&w, "c");
	json_end_object(&w);
	json_put_fixed(&w, "d", 9.8, 1);
	json_end_object(&w);
	assert_slice_equal(buf_slice(&out), "{\"a\":\"x\\\"y\",\"b\":[1,null],\"c\":{},\"d\":9.8}");
	buf_deinit(&out);
}

struct path_case {
	const char      *name, *canonical;
	enum path_status status;
};

static const struct path_case path_cases[] = {
	{"./etc//passwd", "etc/passwd", PATH_OK},
	{"/usr/lib/", "usr/lib", PATH_OK},
	{".", "", PATH_OK},
	{"a/../b", "b", PATH_OK},
	{"../../x", "x", PATH_CLAMPED},
	{"/../x", "x", PATH_CLAMPED},
	{"a/b/../../../c", "c", PATH_CLAMPED},
	{"...", "...", PATH_OK},
	{"", "", PATH_OK},
	{"a/./b/.", "a/b", PATH_OK},
};

static void paths_are_canonical_inside_the_root(void **state)
{
	char out[LIMIT_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]); i++) {
		struct slice result;

		assert_int_equal(path_canonical(slice_str(path_cases[i].name), out, &result), path_cases[i].status);
		assert_slice_equal(result, path_cases[i].canonical);
	}
}

static void paths_past_the_ceilings_are_refused(void **state)
{
	char         name[LIMIT_PATH_BYTES + 1], out[LIMIT_PATH_BYTES];
	struct slice result;

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(path_canonical(slice_of(name, LIMIT_PATH_BYTES), out, &result), PATH_OK);
	assert_int_equal(path_canonical(slice_of(name, LIMIT_PATH_BYTES + 1), out, &result), PATH_TOO_LONG);
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = '/';
	assert_int_equal(path_canonical(slice_of(name, 2 * LIMIT_PATH_DEPTH), out, &result), PATH_OK);
	assert_int_equal(path_canonical(slice_of(name, 2 * LIMIT_PATH_DEPTH + 1), out, &result), PATH_TOO_LONG);
}

static void path_order_keeps_a_directory_beside_its_content(void **state)
{
	(void)state;
	assert_true(path_cmp(slice_str("a"), slice_str("a/b")) < 0);
	assert_true(path_cmp(slice_str("a/b"), slice_str("a-b")) < 0);
	assert_true(path_cmp(slice_str("a.d"), slice_str("a/x")) > 0);
	assert_true(path_is_below(slice_str("a/b"), slice_str("a")));
	assert_false(path_is_below(slice_str("ab"), slice_str("a")));
	assert_true(path_is_below(slice_str("a"), slice_str("")));
}

static void digests_other_than_lower_case_sha256_are_refused(void **state)
{
	static const char text[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct digest     empty, parsed;
	char              upper[sizeof(text)], printed[DIGEST_TEXT_BYTES];
	struct err        err = {0};

	(void)state;
	digest_of(SLICE_EMPTY, &empty);
	assert_int_equal(digest_parse(slice_str(text), &parsed, &err), 0);
	assert_true(digest_eq(&empty, &parsed));
	digest_text(&parsed, printed);
	assert_string_equal(printed, text);
	memcpy(upper, text, sizeof(text));
	upper[7] = 'E';
	assert_int_equal(digest_parse(slice_str(upper), &parsed, &err), ERR_FORMAT);
	err_clear(&err);
	assert_int_equal(digest_parse(SLICE_LIT("sha512:00"), &parsed, &err), ERR_UNSUPPORTED);
	assert_int_equal(digest_parse(slice_sub(slice_str(text), 0, 70), &parsed, NULL), ERR_FORMAT);
}

static void err_keeps_the_first_failure_and_hides_controls(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_FORMAT, "bad %s", "a\x1b[1m"), ERR_FORMAT);
	assert_int_equal(err_set(&err, ERR_IO, "later"), ERR_IO);
	assert_string_equal(err.text, "bad a?[1m");
	err_prefix(&err, "layer %d", 3);
	assert_string_equal(err.text, "layer 3: bad a?[1m");
	assert_string_equal(err_name(err.code), "format");
	assert_string_equal(err_name(ERR_INTERNAL), "internal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_make_text_safe_for_their_output),
		cmocka_unit_test(json_accessors_answer_nothing_for_the_wrong_kind),
		cmocka_unit_test(xml_is_a_tree_without_document_types),
		cmocka_unit_test(yaml_is_a_tree_whose_accessors_answer_nothing_for_the_wrong_kind),
		cmocka_unit_test(json_bounds_depth_and_refuses_trailing_bytes),
		cmocka_unit_test(json_bounds_its_values),
		cmocka_unit_test(json_writer_places_commas_and_escapes),
		cmocka_unit_test(paths_are_canonical_inside_the_root),
		cmocka_unit_test(paths_past_the_ceilings_are_refused),
		cmocka_unit_test(path_order_keeps_a_directory_beside_its_content),
		cmocka_unit_test(digests_other_than_lower_case_sha256_are_refused),
		cmocka_unit_test(err_keeps_the_first_failure_and_hides_controls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
