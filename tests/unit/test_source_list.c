/* Operands and --from-file as one list: order, refusals, a writer that is slow or never ends. */
#include "source_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* A pipe as a file that has a name. */
struct feed {
	int  read_fd, write_fd;
	char name[64];
};

static struct feed feed_open(void)
{
	struct feed feed;
	int         fds[2];

	assert_int_equal(pipe(fds), 0);
	feed.read_fd = fds[0];
	feed.write_fd = fds[1];
	snprintf(feed.name, sizeof(feed.name), "/proc/self/fd/%d", fds[0]);
	return feed;
}

static void feed_write(const struct feed *feed, const char *text)
{
	assert_int_equal(write(feed->write_fd, text, strlen(text)), strlen(text));
}

static int next_waiting(struct source_list *list, struct slice *reference, struct err *err)
{
	int rc;

	do
		rc = source_list_next(list, reference, err);
	while (rc == SOURCE_LATER);
	return rc;
}

static void assert_next(struct source_list *list, const char *text)
{
	struct slice reference;
	struct err   err = {0};

	assert_int_equal(next_waiting(list, &reference, &err), SOURCE_NEXT);
	if (!slice_eq_str(reference, text))
		fail_msg("%.*s instead of %s", SLICE_FMT(reference), text);
}

static void operands_come_before_the_lines_and_bad_lines_are_counted(void **state)
{
	char               first[] = "r.example/a:1", second[] = "oci:dir:x";
	char              *operands[] = {first, second};
	struct feed        feed = feed_open();
	struct source_list list;
	struct slice       reference;
	struct err         err = {0};

	(void)state;
	feed_write(&feed, "# comment\n\nr.example/b:2\nUPPER/Case:x\nr.example/c:3");
	close(feed.write_fd);
	assert_int_equal(source_list_open(&list, operands, 2, feed.name, false, &err), 0);
	assert_next(&list, "docker://r.example/a:1");
	assert_next(&list, "oci:dir:x");
	assert_next(&list, "docker://r.example/b:2");
	assert_next(&list, "docker://r.example/c:3");
	assert_int_equal(next_waiting(&list, &reference, &err), SOURCE_END);
	assert_int_equal(list.refused, 1);
	source_list_close(&list);
	close(feed.read_fd);
}

static void local_sources_are_refused_where_only_remote_ones_make_sense(void **state)
{
	char               local[] = "oci:dir";
	char              *operands[] = {local};
	struct feed        feed = feed_open();
	struct source_list list;
	struct err         err = {0};

	(void)state;
	assert_int_equal(source_list_open(&list, operands, 1, NULL, true, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "oci:dir"));
	source_list_close(&list);
	err_clear(&err);
	feed_write(&feed, "rootfs:/\nr.example/a:1\n");
	close(feed.write_fd);
	assert_int_equal(source_list_open(&list, NULL, 0, feed.name, true, &err), 0);
	assert_next(&list, "docker://r.example/a:1");
	assert_int_equal(list.refused, 1);
	source_list_close(&list);
	close(feed.read_fd);
}

static void a_writer_that_never_ends_holds_nothing_up(void **state)
{
	struct feed        feed = feed_open();
	struct source_list list;
	struct slice       reference;
	struct err         err = {0};

	(void)state;
	feed_write(&feed, "r.example/a:1\n");
	assert_int_equal(source_list_open(&list, NULL, 0, feed.name, false, &err), 0);
	assert_next(&list, "docker://r.example/a:1");
	assert_int_equal(source_list_next(&list, &reference, &err), SOURCE_LATER);
	feed_write(&feed, "r.example/b:1\n");
	assert_next(&list, "docker://r.example/b:1");
	source_list_close(&list); /* while the reader waits */
	close(feed.write_fd);
	close(feed.read_fd);
}

static void more_lines_than_the_queue_holds(void **state)
{
	FILE              *file = tmpfile();
	struct source_list list;
	struct slice       reference;
	char               name[64];
	struct err         err = {0};

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 20000; i++)
		fprintf(file, "r.example/a:%d\n", i);
	assert_int_equal(fflush(file), 0);
	rewind(file);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fileno(file));
	assert_int_equal(source_list_open(&list, NULL, 0, name, false, &err), 0);
	for (int i = 0; i < 15000; i++)
		assert_int_equal(next_waiting(&list, &reference, &err), SOURCE_NEXT);
	assert_true(slice_eq_str(reference, "docker://r.example/a:14999"));
	source_list_close(&list); /* the rest is thrown away */
	fclose(file);
}

static void missing_list_is_a_usage_error(void **state)
{
	struct source_list list;
	struct err         err = {0};

	(void)state;
	assert_int_equal(source_list_open(&list, NULL, 0, "/nonexistent/list", false, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "/nonexistent/list"));
	source_list_close(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operands_come_before_the_lines_and_bad_lines_are_counted),
		cmocka_unit_test(local_sources_are_refused_where_only_remote_ones_make_sense),
		cmocka_unit_test(a_writer_that_never_ends_holds_nothing_up),
		cmocka_unit_test(more_lines_than_the_queue_holds),
		cmocka_unit_test(missing_list_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
