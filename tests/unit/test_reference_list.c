/* --from-file lists: comments, bad lines with their numbers, no final newline, lines across read blocks. */
#include "lib/check.h"

#include "lib/local_fixture.h"
#include "source/reference_list.h"

#include <string.h>

static struct reference_list *open_list(const char *folder, struct slice text)
{
	char                   path[FIXTURE_PATH_BYTES + 10];
	struct reference_list *list;

	fixture_write(folder, "list", text);
	snprintf(path, sizeof(path), "%s/list", folder);
	list = reference_list_open(path, -1, NULL);
	assert_non_null(list);
	return list;
}

static int set_up(void **state)
{
	static char folder[FIXTURE_PATH_BYTES];

	fixture_folder(folder);
	*state = folder;
	return 0;
}

static int tear_down(void **state)
{
	fixture_remove(*state);
	return 0;
}

static void comments_and_blank_lines_are_ignored(void **state)
{
	struct reference_list *list =
		open_list(*state, SLICE_LIT("\xef\xbb\xbf# head\n\n  alpine:1 # why\r\n\t\nrootfs:/a#b\n#x\nbusybox"));
	struct reference r;

	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_string_equal(r.path, "library/alpine");
	assert_string_equal(r.tag, "1");
	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_string_equal(r.path, "/a#b");
	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_string_equal(r.path, "library/busybox");
	assert_int_equal(reference_list_next(list, &r, NULL), 0);
	assert_int_equal(reference_list_next(list, &r, NULL), 0);
	reference_list_close(list);
}

static void bad_lines_are_named_and_passed(void **state)
{
	struct reference_list *list = open_list(*state, SLICE_LIT("a\nUPPER\nb\n"));
	struct reference       r;
	struct err             err = {0};

	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_int_equal(reference_list_next(list, &r, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "list line 2: reference \"UPPER\""));
	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_string_equal(r.path, "library/b");
	reference_list_close(list);
}

static void many_and_long_lines_stream(void **state)
{
	struct buf             text;
	struct reference_list *list;
	struct reference       r;
	int                    seen = 0, status;

	buf_init(&text, 16 << 20);
	for (int i = 0; i < 50000; i++)
		buf_printf(&text, "registry.example/team/app-%d:1\n", i);
	for (int i = 0; i < 600000; i++)
		buf_byte(&text, 'x');
	buf_str(&text, "\nlast:1\n");
	list = open_list(*state, buf_slice(&text));
	while ((status = reference_list_next(list, &r, NULL)) == 1)
		seen++;
	assert_int_equal(seen, 50000);
	assert_int_equal(status, ERR_USAGE);
	assert_int_equal(reference_list_next(list, &r, NULL), 1);
	assert_string_equal(r.path, "library/last");
	assert_int_equal(reference_list_next(list, &r, NULL), 0);
	reference_list_close(list);
	buf_deinit(&text);
}

static void a_missing_list_is_an_error(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(reference_list_open("/nonexistent/list", -1, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {TEST(comments_and_blank_lines_are_ignored),
					   TEST(bad_lines_are_named_and_passed), TEST(many_and_long_lines_stream),
					   TEST(a_missing_list_is_an_error)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
