/* The parser in a process of its own gives what parse_layer() gives, byte for byte, for every layer of tests/data/layers; what it
 * asks of its worker is answered; what it cannot have come from the source ends as the source says. */
#include "lib/check.h"
#include "lib/layer_fixture.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/verify_stream.h"
#include "sandbox/parser.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parsed {
	struct parse_result result;
	struct buf          inventory, paths;
	struct err          err;
	int                 status;
};

/* parser NULL: in this process. */
static struct parsed parse(struct parser *parser, struct stream *stream, const struct parse_request *request)
{
	struct parsed out = {.inventory.bytes_max = 64u << 20, .paths.bytes_max = 64u << 20};
	int           spool = file_open_unlinked("/tmp", NULL);

	assert_non_null(stream);
	out.status =
		parser ? parser_parse(parser, stream, spool, request, &out.result, &out.inventory, &out.paths, &out.err)
		       : parse_layer(stream, spool, request, &out.result, &out.inventory, &out.paths, &out.err);
	close(spool);
	stream_close(stream);
	return out;
}

static void parsed_deinit(struct parsed *parsed)
{
	buf_deinit(&parsed->inventory);
	buf_deinit(&parsed->paths);
}

static void check_same(const char *path, const struct parsed *here, const struct parsed *there)
{
	if (here->status != there->status || strcmp(here->err.text, there->err.text) != 0)
		fail_msg("%s: here %d %s, in a parser %d %s", path, here->status, here->err.text, there->status,
			 there->err.text);
	assert_true(slice_eq(buf_slice(&here->inventory), buf_slice(&there->inventory)));
	assert_true(slice_eq(buf_slice(&here->paths), buf_slice(&there->paths)));
	assert_memory_equal(here->result.diff_id.bytes, there->result.diff_id.bytes, SHA256_BYTES);
	assert_int_equal(here->result.blob_bytes, there->result.blob_bytes);
	assert_int_equal(here->result.tar_bytes, there->result.tar_bytes);
	assert_int_equal(here->result.entries, there->result.entries);
	assert_int_equal(here->result.files_analyzed, there->result.files_analyzed);
	assert_int_equal(here->result.partial, there->result.partial);
	assert_int_equal(here->result.by_resource, there->result.by_resource);
}

static void run_fixture(const char *path, void *data)
{
	struct window_budget *window = window_budget_new();
	struct parse_request  request = {.blob_digest = {{1}}, .window = window};
	struct layer_fixture  fixture;
	struct err            err = {0};

	if (layer_fixture_read(path, &fixture, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < fixture.layers_count; i++) {
		struct slice  blob = fixture.layers[i].blob;
		struct parsed here = parse(NULL, stream_of_memory(blob, 1000), &request);
		struct parsed there = parse(data, stream_of_memory(blob, 1000), &request);

		check_same(path, &here, &there);
		parsed_deinit(&here);
		parsed_deinit(&there);
	}
	assert_true(window_budget_try(window)); /* it came back */
	layer_fixture_deinit(&fixture);
	window_budget_free(window);
}

static void every_layer_gives_what_it_gives_in_this_process(void **state)
{
	assert_true(fixture_each(TEST_DATA_DIR "/layers", "", ".layer", run_fixture, *state) > 20);
}

static struct layer_fixture fixture_of(const char *text)
{
	struct layer_fixture fixture;
	struct err           err = {0};

	if (layer_fixture_parse(slice_str(text), "test", &fixture, &err) < 0)
		fail_msg("%s", err.text);
	return fixture;
}

static const char debian[] = "layer gzip\nfile etc/os-release = \"ID=debian\\n\"\n";

static void a_blob_of_another_digest_is_the_sources_failure(void **state)
{
	struct layer_fixture       fixture = fixture_of(debian);
	const struct parse_request request = {0};
	const struct digest        other = {{7}};
	struct parsed              parsed =
		parse(*state, verify_stream_new(stream_of_memory(fixture.layers[0].blob, 0), &other, UINT64_MAX, NULL),
		      &request);

	assert_int_equal(parsed.status, ERR_DIGEST);
	assert_int_equal(parsed.inventory.len + parsed.paths.len, 0);
	parsed_deinit(&parsed);
	parsed = parse(*state, stream_of_memory(fixture.layers[0].blob, 0), &request); /* and the next is read */
	assert_int_equal(parsed.status, 0);
	parsed_deinit(&parsed);
	layer_fixture_deinit(&fixture);
}

static void a_cancelled_parse_gives_nothing(void **state)
{
	struct layer_fixture fixture = fixture_of(debian);
	_Atomic bool         cancel = true;
	struct parse_request request = {.cancel = &cancel};
	struct parsed        parsed = parse(*state, stream_of_memory(fixture.layers[0].blob, 0), &request);

	assert_int_equal(parsed.status, ERR_CANCELLED);
	assert_int_equal(parsed.inventory.len, 0);
	parsed_deinit(&parsed);
	layer_fixture_deinit(&fixture);
}

static void progress_crosses_the_channel(void **state)
{
	struct layer_fixture fixture = fixture_of("layer zstd\nfile a = \"x\"*300000\n");
	_Atomic uint64_t     progress = 5;
	struct parse_request request = {.progress = &progress};
	struct parsed        parsed = parse(*state, stream_of_memory(fixture.layers[0].blob, 0), &request);
	struct digest        diff_id;

	digest_of(fixture.layers[0].tar, &diff_id);
	assert_int_equal(parsed.status, 0);
	assert_true(digest_eq(&parsed.result.diff_id, &diff_id));
	assert_int_equal(progress, 5 + fixture.layers[0].tar.len);
	parsed_deinit(&parsed);
	layer_fixture_deinit(&fixture);
}

static void a_program_that_is_not_there_is_said(void **state)
{
	const struct parser_config config = {.program = "/nonexistent/varve-parse"};
	struct parser             *parser = parser_new(&config);
	const char                *lacking;
	struct err                 err = {0};

	(void)state;
	assert_int_equal(parser_ready(parser, &lacking, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/varve-parse"));
	parser_free(parser);
}

static int set_up(void **state)
{
	static const struct parser_config config = {.program = TEST_PARSER};

	signal(SIGPIPE, SIG_IGN);
	*state = parser_new(&config);
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	parser_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layer_gives_what_it_gives_in_this_process),
		cmocka_unit_test(a_blob_of_another_digest_is_the_sources_failure),
		cmocka_unit_test(a_cancelled_parse_gives_nothing),
		cmocka_unit_test(progress_crosses_the_channel),
		cmocka_unit_test(a_program_that_is_not_there_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
