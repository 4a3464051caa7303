/* A parser that a layer has taken over (tests/sandbox/hostile_analyzer.c): what it tries is denied and told, what it breaks is one
 * layer, and the next layer is read. */
#include "lib/check.h"
#include "lib/layer_fixture.h"

#include "base/file.h"
#include "model/inventory.h"
#include "sandbox/parser.h"
#include "sandbox/parser_program.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct read {
	struct parse_result result;
	struct buf          inventory, paths;
	struct err          err;
	int                 status;
	char                note[512]; /* the first */
};

static void take_note(struct read *read)
{
	struct inventory inv;

	inventory_init(&inv);
	assert_int_equal(inventory_decode(buf_slice(&read->inventory), &inv, NULL), 0);
	if (inv.notes_count)
		snprintf(read->note, sizeof(read->note), "%.*s", SLICE_FMT(inv.notes[0].reason));
	inventory_deinit(&inv);
}

static struct read read_request(struct parser *parser, const char *command, const struct parse_request *request)
{
	struct read          read = {.inventory.bytes_max = 1u << 20, .paths.bytes_max = 1u << 20};
	struct layer_fixture fixture;
	struct stream       *stream;
	char                 text[512];
	int                  spool = file_open_unlinked("/tmp", NULL);

	snprintf(text, sizeof(text), "layer gzip\nfile a.hostile = \"%s\"\n", command);
	assert_int_equal(layer_fixture_parse(slice_str(text), "test", &fixture, NULL), 0);
	stream = stream_of_memory(fixture.layers[0].blob, 0);
	read.status =
		parser_parse(parser, stream, spool, request, &read.result, &read.inventory, &read.paths, &read.err);
	if (read.status == 0)
		take_note(&read);
	buf_deinit(&read.inventory);
	buf_deinit(&read.paths);
	close(spool);
	stream_close(stream);
	layer_fixture_deinit(&fixture);
	return read;
}

static struct read read_layer(struct parser *parser, const char *command)
{
	return read_request(parser, command, &(struct parse_request){0});
}

/* It is a failure of this layer, which says `words` and who was at work; the next layer is read. */
static void check_poison(struct parser *parser, const char *command, const struct parse_request *request,
			 const char *words)
{
	struct read read = read_request(parser, command, request);

	if (read.status != ERR_POISON || !strstr(read.err.text, words) ||
	    !strstr(read.err.text, "lua-rock was at work"))
		fail_msg("%s: %d %s, not %s", command, read.status, read.err.text, words);
	assert_int_equal(read_layer(parser, "nothing").status, 0);
}

static bool lives_in_a_sandbox(struct parser *parser)
{
	const char *lacking;
	struct err  err = {0};

	if (parser_ready(parser, &lacking, &err) < 0)
		fail_msg("%s", err.text);
	return !PARSER_SANITIZED && !*lacking;
}

static void what_is_forbidden_ends_the_parser(void **state)
{
	static const char *const commands[] = {"socket", "unix-socket", "exec", "fork",     "ptrace",
					       "kill",   "limits",      "code", "duplicate"};

	if (!lives_in_a_sandbox(*state))
		skip();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		check_poison(*state, commands[i], &(struct parse_request){0}, "ended by SIGSYS");
}

static void paths_lead_nowhere(void **state)
{
	struct read read;

	if (!lives_in_a_sandbox(*state))
		skip();
	read = read_layer(*state, "shadow");
	assert_int_equal(read.status, 0);
	assert_string_equal(read.note, "tried: Permission denied");
	read = read_layer(*state, "write-outside");
	assert_string_equal(read.note, "tried: Permission denied");
	assert_int_not_equal(access("/tmp/varve-hostile-was-here", F_OK), 0);
}

static void it_has_four_descriptors_and_no_environment(void **state)
{
	if (PARSER_SANITIZED)
		skip();
	assert_string_equal(read_layer(*state, "descriptors").note, "descriptors: 0 1 2 3");
	assert_string_equal(read_layer(*state, "environment").note, "environment: 0");
}

static void threads_are_allowed(void **state)
{
	struct read read = read_layer(*state, "thread");

	if (read.status < 0)
		fail_msg("%s", read.err.text);
	assert_string_equal(read.note, "thread: 7");
}

static void a_parser_that_dies_is_one_layer(void **state)
{
	const struct parse_request request = {0};

	if (PARSER_SANITIZED)
		skip(); /* they catch signals */
	check_poison(*state, "crash", &request, "ended by SIGSEGV");
	check_poison(*state, "abort", &request, "ended by SIGABRT");
	check_poison(*state, "leave", &request, "without a result");
}

static void a_parser_that_takes_all_memory_is_one_layer(void **state)
{
	struct read read;

	if (!lives_in_a_sandbox(*state))
		skip();
	read = read_layer(*state, "eat");
	if (read.status != ERR_POISON &&
	    read.status != ERR_LIMIT) /* whichever part of the parser first found none left */
		fail_msg("%d %s", read.status, read.err.text);
	assert_int_equal(read_layer(*state, "nothing").status, 0);
}

static void a_parser_that_lies_is_not_believed(void **state)
{
	const struct parse_request request = {0};

	check_poison(*state, "lie-length", &request, "a frame of 4294967295 bytes");
	check_poison(*state, "lie-kind", &request, "a frame of no known kind");
	check_poison(*state, "lie-window", &request, "the window is not there");
	check_poison(*state, "lie-flood", &request, "more than 1048576 bytes of facts");
	check_poison(*state, "lie-entries", &request, "more entries than are allowed");
	check_poison(*state, "lie-twice", &request, "a frame behind the last");
	check_poison(*state, "lie-ask-on", &request, "a question that the memo cannot answer");
}

static int find_nothing(void *data, const struct digest *key, struct buf *facts)
{
	(void)data;
	(void)key;
	(void)facts;
	return 0;
}

static void keep_nothing(void *data, const struct digest *key, struct slice facts)
{
	(void)data;
	(void)key;
	(void)facts;
}

/* Answers that nobody reads pile up to one, and no further. */
static void a_parser_that_asks_and_does_not_listen_is_ended(void **state)
{
	const struct file_memo     memo = {.find = find_nothing, .keep = keep_nothing};
	const struct parse_request request = {.memo = &memo};

	check_poison(*state, "lie-ask-on", &request, "before the last was answered");
}

static void a_parser_that_does_not_end_is_ended(void **state)
{
	const struct parser_config config = {.program = TEST_HOSTILE_PARSER, .seconds_max = 1};
	struct parser             *parser = parser_new(&config);

	(void)state;
	check_poison(parser, "loop", &(struct parse_request){0}, "layer_seconds_max: more than 1 s");
	check_poison(parser, "sleep", &(struct parse_request){0}, "layer_seconds_max: more than 1 s");
	parser_free(parser);
}

static void a_layer_after_a_dead_launcher_is_read_by_a_new_one(void **state)
{
	const struct parser_config config = {.program = TEST_HOSTILE_PARSER};
	struct parser             *parser = parser_new(&config);

	(void)state;
	assert_int_equal(read_layer(parser, "nothing").status, 0);
	assert_int_equal(system("pkill -KILL -P $PPID -x varve-parse-hos"), 0); /* this test's own */
	/* It may die with the first layer already in its hands. */
	assert_true(read_layer(parser, "nothing").status == 0 || read_layer(parser, "nothing").status == 0);
	parser_free(parser);
}

static int set_up(void **state)
{
	static const struct parser_config config = {.program = TEST_HOSTILE_PARSER};

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
		cmocka_unit_test(what_is_forbidden_ends_the_parser),
		cmocka_unit_test(paths_lead_nowhere),
		cmocka_unit_test(it_has_four_descriptors_and_no_environment),
		cmocka_unit_test(threads_are_allowed),
		cmocka_unit_test(a_parser_that_dies_is_one_layer),
		cmocka_unit_test(a_parser_that_takes_all_memory_is_one_layer),
		cmocka_unit_test(a_parser_that_lies_is_not_believed),
		cmocka_unit_test(a_parser_that_asks_and_does_not_listen_is_ended),
		cmocka_unit_test(a_parser_that_does_not_end_is_ended),
		cmocka_unit_test(a_layer_after_a_dead_launcher_is_read_by_a_new_one),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
