/* tests/data/layers: each .layer file states layers and what parse_layer() must make of them; ok-* ones give an
 * inventory, fail-* ones do not. Expectations (exact, as a set in order):
 *   expect path f|d|l|h|o|w|q PATH [-> TARGET]   the path table; files, directories, symlinks, hard links, other,
 *                                                 whiteouts, opaque marks; `expect nopaths`: it is empty
 *   expect note info|skipped|partial WORD [PATH] the notes; WORD is that before the colon
 *   expect os PATH ID                            an os-release that was read
 *   expect fail ERROR WORDS                      no inventory: the error's name, and what its text holds
 * A layer whose expectations say nothing of paths may have any. The diffID is always compared with the tar's hash, and reading on
 * one thread with reading on two. */
#include "lib/check.h"
#include "lib/layer_fixture.h"
#include "model/inventory.h"
#include "model/path_table.h"
#include "parse.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parsed {
	struct parse_result result;
	struct buf          inventory, paths;
	struct err          err;
	int                 status;
};

static void parsed_deinit(struct parsed *parsed)
{
	buf_deinit(&parsed->inventory);
	buf_deinit(&parsed->paths);
}

static void parse_once(struct slice blob, size_t block_bytes, const struct parse_request *request, struct parsed *out)
{
	struct stream *stream = stream_of_memory(blob, block_bytes);
	int            spool = file_open_unlinked("/tmp", NULL);

	*out = (struct parsed){.inventory.bytes_max = 64u << 20, .paths.bytes_max = 64u << 20};
	out->status = parse_layer(stream, spool, request, &out->result, &out->inventory, &out->paths, &out->err);
	close(spool);
	stream_close(stream);
}

/* On one thread and on two: the same bytes and the same words. */
static void parse(struct slice blob, size_t block_bytes, const struct parse_request *request, struct parsed *out)
{
	struct parse_request ahead = *request;
	struct parsed        second;

	ahead.ahead = true;
	parse_once(blob, block_bytes, request, out);
	parse_once(blob, block_bytes, &ahead, &second);
	assert_int_equal(out->status, second.status);
	assert_string_equal(out->err.text, second.err.text);
	assert_true(slice_eq(buf_slice(&out->inventory), buf_slice(&second.inventory)));
	assert_true(slice_eq(buf_slice(&out->paths), buf_slice(&second.paths)));
	assert_true(digest_eq(&out->result.diff_id, &second.result.diff_id));
	assert_int_equal(out->result.blob_bytes, second.result.blob_bytes);
	assert_int_equal(out->result.tar_bytes, second.result.tar_bytes);
	assert_int_equal(out->result.entries, second.result.entries);
	assert_int_equal(out->result.files_analyzed, second.result.files_analyzed);
	assert_int_equal(out->result.partial, second.result.partial);
	assert_int_equal(out->result.by_resource, second.result.by_resource);
	parsed_deinit(&second);
}

static void list_paths(struct slice encoded, struct buf *out)
{
	static const char         letters[] = "fdlhowq";
	struct path_table_reader *reader = path_table_reader_new(encoded, NULL);
	struct path_entry         entry;
	int                       status;

	assert_non_null(reader);
	while ((status = path_table_next(reader, &entry, NULL)) == 1) {
		buf_printf(out, "path %c ", letters[entry.type]);
		buf_append(out, entry.path);
		if (entry.target.len) {
			buf_str(out, " -> ");
			buf_append(out, entry.target);
		}
		buf_byte(out, '\n');
	}
	assert_int_equal(status, 0);
	path_table_reader_free(reader);
}

static void list_inventory(struct slice encoded, struct buf *out)
{
	static const char *const kinds[] = {"info", "skipped", "partial"};
	struct inventory         inv;
	struct err               err = {0};

	inventory_init(&inv);
	if (inventory_decode(encoded, &inv, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < inv.notes_count; i++) {
		struct slice reason = inv.notes[i].reason, word = slice_cut(&reason, ':');

		buf_printf(out, "note %s %.*s", kinds[inv.notes[i].kind], SLICE_FMT(word));
		buf_printf(out, "%s%.*s\n", inv.notes[i].path.len ? " " : "", SLICE_FMT(inv.notes[i].path));
	}
	for (size_t i = 0; i < inv.os_releases_count; i++)
		buf_printf(out, "os %.*s %.*s\n", SLICE_FMT(inv.os_releases[i].path), SLICE_FMT(inv.os_releases[i].id));
	inventory_deinit(&inv);
}

/* The expectations about one layer as the listings above would word them. */
static bool list_expected(struct layer_fixture *fixture, size_t layer, const char *verb, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice rest = fixture->expects[i].text, token;
		size_t       words = 0;

		if (fixture->expects[i].layer != layer || !slice_starts(rest, verb))
			continue;
		any = true;
		if (slice_starts(rest, "nopaths"))
			continue;
		while (fixture_token(&rest, &fixture->arena, &token)) {
			buf_str(out, words++ ? " " : "");
			buf_append(out, token);
		}
		buf_byte(out, '\n');
	}
	return any;
}

static void compare(const char *path, struct buf *got, struct buf *expected)
{
	buf_byte(got, 0);
	buf_byte(expected, 0);
	if (!slice_eq(buf_slice(got), buf_slice(expected)))
		fail_msg("%s: got:\n%sexpected:\n%s", path, (char *)got->ptr, (char *)expected->ptr);
	buf_clear(got);
	buf_clear(expected);
}

static void check_failed(const char *path, struct layer_fixture *fixture, size_t layer, const struct parsed *parsed)
{
	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice rest = fixture->expects[i].text, token;

		if (fixture->expects[i].layer != layer || !slice_starts(rest, "fail "))
			continue;
		rest = slice_from(rest, 5);
		assert_true(fixture_token(&rest, &fixture->arena, &token));
		if (parsed->status >= 0 || !slice_eq_str(token, err_name(parsed->status)))
			fail_msg("%s: %s (%s) instead of %.*s", path, err_name(parsed->status), parsed->err.text,
				 SLICE_FMT(token));
		if (rest.len && !strstr(parsed->err.text, arena_str(&fixture->arena, slice_trim(rest))))
			fail_msg("%s: \"%s\" lacks \"%.*s\"", path, parsed->err.text, SLICE_FMT(slice_trim(rest)));
		assert_int_equal(parsed->inventory.len, 0);
		return;
	}
	fail_msg("%s: %s: %s", path, err_name(parsed->status), parsed->err.text);
}

static void check_read(const char *path, struct layer_fixture *fixture, size_t layer, const struct parsed *parsed)
{
	struct buf    got = {.bytes_max = 1u << 24}, expected = {.bytes_max = 1u << 24};
	struct digest diff_id;

	list_paths(buf_slice(&parsed->paths), &got);
	if (list_expected(fixture, layer, "path ", &expected) || list_expected(fixture, layer, "nopaths", &expected))
		compare(path, &got, &expected);
	buf_clear(&got);
	list_inventory(buf_slice(&parsed->inventory), &got);
	list_expected(fixture, layer, "note ", &expected);
	list_expected(fixture, layer, "os ", &expected);
	compare(path, &got, &expected);
	digest_of(fixture->layers[layer].tar, &diff_id);
	if (!digest_is_zero(&parsed->result.diff_id) && !digest_eq(&diff_id, &parsed->result.diff_id))
		fail_msg("%s: diffID differs from the hash of the tar", path);
	buf_deinit(&got);
	buf_deinit(&expected);
}

static void run_fixture(const char *path, void *data)
{
	static const size_t  block_bytes[] = {0, 1, 1000};
	bool                 fails = *(bool *)data;
	struct parse_request request = {.blob_digest = {{1}}};
	struct layer_fixture fixture;
	struct err           err = {0};

	if (layer_fixture_read(path, &fixture, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t layer = 0; layer < fixture.layers_count; layer++)
		for (size_t i = 0; i < sizeof(block_bytes) / sizeof(block_bytes[0]); i++) {
			struct parsed parsed;

			parse(fixture.layers[layer].blob, block_bytes[i], &request, &parsed);
			if (fails || parsed.status < 0)
				check_failed(path, &fixture, layer, &parsed);
			else
				check_read(path, &fixture, layer, &parsed);
			parsed_deinit(&parsed);
		}
	layer_fixture_deinit(&fixture);
}

static void good_layers_are_read_as_stated(void **state)
{
	bool fails = false;

	(void)state;
	assert_true(fixture_each(TEST_DATA_DIR "/layers", "ok-", ".layer", run_fixture, &fails) > 0);
}

static void bad_layers_fail_as_stated(void **state)
{
	bool fails = true;

	(void)state;
	assert_true(fixture_each(TEST_DATA_DIR "/layers", "fail-", ".layer", run_fixture, &fails) > 0);
}

/* A one-layer fixture from text, parsed under `request`. */
static void parse_text(const char *text, const struct parse_request *request, struct parsed *out)
{
	struct layer_fixture fixture;
	struct err           err = {0};

	if (layer_fixture_parse(slice_str(text), "test", &fixture, &err) < 0)
		fail_msg("%s", err.text);
	parse(fixture.layers[0].blob, 0, request, out);
	layer_fixture_deinit(&fixture);
}

static void check_notes(const struct parsed *parsed, const char *expected)
{
	struct buf notes = {.bytes_max = 1u << 20};

	assert_int_equal(parsed->status, 0);
	list_inventory(buf_slice(&parsed->inventory), &notes);
	buf_byte(&notes, 0);
	assert_string_equal((char *)notes.ptr, expected);
	buf_deinit(&notes);
}

static void the_entry_ceiling_makes_a_layer_partial(void **state)
{
	struct parse_request request = {.entries_max = 2};
	struct parsed        parsed;

	(void)state;
	parse_text("file a = 1\nfile b = 2\nfile c = 3\n", &request, &parsed);
	check_notes(&parsed, "note partial entries_max\n");
	assert_true(parsed.result.partial);
	assert_false(parsed.result.by_resource);
	assert_int_equal(parsed.result.entries, 2);
	assert_int_equal(parsed.result.tar_bytes, 10240);
	assert_false(digest_is_zero(&parsed.result.diff_id));
	parsed_deinit(&parsed);
	parse_text("file a = 1\nfile b = 2\n", &request, &parsed);
	check_notes(&parsed, "");
	assert_false(parsed.result.partial);
	parsed_deinit(&parsed);
}

static void the_byte_ceiling_makes_a_layer_partial(void **state)
{
	struct parse_request request = {.tar_bytes_max = 5000};
	struct parsed        parsed;

	(void)state;
	parse_text("layer gzip gzip gzip gzip\nfile a = 1\nfile b = \"x\"*600000\n", &request, &parsed);
	assert_int_equal(parsed.status, ERR_LIMIT); /* in the first block already: nothing was read */
	parsed_deinit(&parsed);
	request.tar_bytes_max = 500000;
	parse_text("layer gzip\nfile a = 1\nfile b = \"x\"*600000\n", &request, &parsed);
	check_notes(&parsed, "note partial tar_bytes_max\n");
	assert_true(digest_is_zero(&parsed.result.diff_id));
	parsed_deinit(&parsed);
}

static void a_large_body_without_room_in_the_spool_is_no_reusable_result(void **state)
{
	static const char text[] =
		"file var/lib/dpkg/status = \"Package: a\\nStatus: install ok installed\\nVersion: 1\\n\\n\"*100000\n";
	struct parse_request request = {.spool_bytes_max = 1000};
	struct parsed        parsed;

	(void)state;
	parse_text(text, &request, &parsed);
	check_notes(&parsed, "note partial spool_bytes_max var/lib/dpkg/status\n");
	assert_true(parsed.result.partial);
	assert_true(parsed.result.by_resource);
	parsed_deinit(&parsed);
	parse_text(text, &(struct parse_request){0}, &parsed);
	check_notes(&parsed, "");
	assert_false(parsed.result.by_resource);
	assert_int_equal(parsed.result.files_analyzed, 1);
	parsed_deinit(&parsed);
}

static void a_cancelled_parse_gives_nothing(void **state)
{
	_Atomic bool         cancel = true;
	struct parse_request request = {.cancel = &cancel};
	struct parsed        parsed;

	(void)state;
	parse_text("file a = 1\n", &request, &parsed);
	assert_int_equal(parsed.status, ERR_CANCELLED);
	parsed_deinit(&parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_layers_are_read_as_stated),
		cmocka_unit_test(bad_layers_fail_as_stated),
		cmocka_unit_test(the_entry_ceiling_makes_a_layer_partial),
		cmocka_unit_test(the_byte_ceiling_makes_a_layer_partial),
		cmocka_unit_test(a_large_body_without_room_in_the_spool_is_no_reusable_result),
		cmocka_unit_test(a_cancelled_parse_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
