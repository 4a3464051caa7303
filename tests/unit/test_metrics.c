/* The metrics registry: text format 0.0.4 rule by rule, bounded labels, snapshots, updates from many threads. */
#include "lib/check.h"

#include "base/metrics.h"

#include <pthread.h>
#include <string.h>

enum { PLAIN, BY_HOST, TEMPERATURE, LATENCY, TWO, FAMILIES };

static const struct metrics_family families[FAMILIES] = {
	[PLAIN] = {"plain_total", "Counts \\ things\nand more.", METRICS_COUNTER, .labels = {NULL}},
	[BY_HOST] = {"host_total", "Per host.", METRICS_COUNTER, .labels = {"host"}},
	[TEMPERATURE] = {"temperature", "May be below zero.", METRICS_GAUGE, .decimals = 2},
	[LATENCY] = {"latency_seconds", "Took so long.", METRICS_HISTOGRAM, .decimals = 3, .bounds = {1, 20, 1500}},
	[TWO] = {"two", "Two labels.", METRICS_GAUGE, .labels = {"a", "b"}},
};

static struct buf text;

static const char *render(struct metrics *metrics)
{
	buf_deinit(&text);
	buf_init(&text, 1 << 20);
	metrics_render(metrics, &text);
	buf_byte(&text, 0);
	assert_true(buf_ok(&text));
	return (const char *)text.ptr;
}

static void assert_has(struct metrics *metrics, const char *line)
{
	const char *all = render(metrics);

	if (!strstr(all, line))
		fail_msg("no \"%s\" in:\n%s", line, all);
}

static void assert_lacks(struct metrics *metrics, const char *part)
{
	const char *all = render(metrics);

	if (strstr(all, part))
		fail_msg("\"%s\" in:\n%s", part, all);
}

static size_t lines_with(struct metrics *metrics, const char *part)
{
	size_t count = 0;

	for (const char *at = render(metrics); (at = strstr(at, part)) != NULL; at += strlen(part))
		count++;
	return count;
}

static int setup(void **state)
{
	*state = metrics_new(families, FAMILIES);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	metrics_free(*state);
	buf_deinit(&text);
	return 0;
}

static void a_family_without_labels_is_there_from_the_start(void **state)
{
	assert_has(*state, "# TYPE plain_total counter\nplain_total 0\n");
	metric_add(metrics_get(*state, PLAIN, NULL), 3);
	metric_add(metrics_get(*state, PLAIN, NULL), 4);
	assert_has(*state, "plain_total 7\n");
}

static void help_is_one_line_with_backslashes_escaped(void **state)
{
	assert_has(*state, "# HELP plain_total Counts \\\\ things and more.\n# TYPE plain_total counter\n");
}

static void a_family_without_series_is_left_out(void **state)
{
	assert_lacks(*state, "host_total");
	metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("registry.example")});
	assert_has(*state, "# TYPE host_total counter\nhost_total{host=\"registry.example\"} 0\n");
}

static void a_label_value_is_escaped(void **state)
{
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("a\"b\\c\nd")}), 1);
	assert_has(*state, "\nhost_total{host=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void what_is_no_utf8_and_controls_become_the_replacement_character(void **state)
{
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("\xff\x00\x1b[0m\xc3\xa9")}), 1);
	assert_has(*state, "\nhost_total{host=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD[0m\xc3\xa9\"} 1\n");
}

static void values_that_look_the_same_are_one_series(void **state)
{
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("\xff")}), 1);
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("\xfe")}), 1);
	assert_has(*state, "\nhost_total{host=\"\xEF\xBF\xBD\"} 2\n");
	assert_int_equal(lines_with(*state, "host_total{"), 1);
}

static void a_long_label_value_is_cut_between_characters(void **state)
{
	uint8_t long_name[METRICS_LABEL_BYTES_MAX + 8];
	char    expected[METRICS_LABEL_BYTES_MAX + 32];

	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name + METRICS_LABEL_BYTES_MAX - 1, "\xc3\xa9", 2); /* would be cut in its middle */
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){slice_of(long_name, sizeof(long_name))}), 1);
	snprintf(expected, sizeof(expected), "{host=\"%.*s\"} 1\n", METRICS_LABEL_BYTES_MAX - 1, (char *)long_name);
	assert_has(*state, expected);
}

static void more_series_than_allowed_are_added_up_as_other(void **state)
{
	for (int i = 0; i < METRICS_SERIES_MAX + 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "h%d", i);
		metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){slice_str(name)}), 2);
	}
	assert_int_equal(lines_with(*state, "host_total{"), METRICS_SERIES_MAX + 1);
	assert_has(*state, "host_total{host=\"other\"} 100\n");
	metric_add(metrics_get(*state, BY_HOST, (const struct slice[]){SLICE_LIT("h0")}), 1); /* known: stays itself */
	assert_has(*state, "host_total{host=\"h0\"} 3\n");
}

static void decimals_are_exact_and_short(void **state)
{
	struct metric *metric = metrics_get(*state, TEMPERATURE, NULL);
	const struct {
		int64_t     value;
		const char *shown;
	} cases[] = {{0, "0"},
		     {1, "0.01"},
		     {10, "0.1"},
		     {100, "1"},
		     {12345, "123.45"},
		     {-1, "-0.01"},
		     {-250, "-2.5"},
		     {INT64_MAX, "92233720368547758.07"},
		     {INT64_MIN, "-92233720368547758.08"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[64];

		metric_set(metric, cases[i].value);
		snprintf(line, sizeof(line), "\ntemperature %s\n", cases[i].shown);
		assert_has(*state, line);
	}
}

static void histogram_buckets_are_cumulative_and_bounds_inclusive(void **state)
{
	struct metric *metric = metrics_get(*state, LATENCY, NULL);

	metric_observe(metric, 0);
	metric_observe(metric, 1);
	metric_observe(metric, 2);
	metric_observe(metric, 1500);
	metric_observe(metric, 1501);
	assert_has(*state, "# TYPE latency_seconds histogram\n"
			   "latency_seconds_bucket{le=\"0.001\"} 2\n"
			   "latency_seconds_bucket{le=\"0.02\"} 3\n"
			   "latency_seconds_bucket{le=\"1.5\"} 4\n"
			   "latency_seconds_bucket{le=\"+Inf\"} 5\n"
			   "latency_seconds_sum 3.004\n"
			   "latency_seconds_count 5\n");
}

static void put(struct metrics *metrics, const char *a, const char *b, int64_t value)
{
	metrics_put(metrics, TWO, (const struct slice[]){slice_str(a), slice_str(b)}, value);
}

static void a_snapshot_is_shown_when_it_is_whole_and_replaces_the_last(void **state)
{
	put(*state, "x", "1", 5);
	assert_lacks(*state, "two{");
	put(*state, "y", "2", 7);
	metrics_put_end(*state, TWO);
	assert_has(*state, "two{a=\"x\",b=\"1\"} 5\ntwo{a=\"y\",b=\"2\"} 7\n");

	put(*state, "y", "2", 1);
	put(*state, "y", "2", 2); /* equal ones are summed */
	assert_has(*state, "two{a=\"x\",b=\"1\"} 5\ntwo{a=\"y\",b=\"2\"} 7\n");
	metrics_put_end(*state, TWO);
	assert_has(*state, "two{a=\"y\",b=\"2\"} 3\n");
	assert_lacks(*state, "a=\"x\"");

	metrics_put_end(*state, TWO);
	assert_lacks(*state, "two");
}

static void a_snapshot_takes_new_names_for_ever(void **state)
{
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < METRICS_SERIES_MAX / 2; i++) {
			char name[32];

			snprintf(name, sizeof(name), "%d.%d", round, i);
			put(*state, name, "", 1);
		}
		metrics_put_end(*state, TWO);
		assert_int_equal(lines_with(*state, "two{"), METRICS_SERIES_MAX / 2);
		assert_lacks(*state, "other");
	}
}

static void a_snapshot_of_too_many_is_bounded(void **state)
{
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < METRICS_SERIES_MAX + 10; i++) {
			char name[32];

			snprintf(name, sizeof(name), "%d", i);
			put(*state, name, "", 3);
		}
		metrics_put_end(*state, TWO);
		assert_int_equal(lines_with(*state, "two{"), METRICS_SERIES_MAX + 1);
		assert_has(*state, "two{a=\"other\",b=\"other\"} 30\n");
	}
	metrics_put_end(*state, TWO);
	assert_lacks(*state, "two");
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *update(void *data)
{
	for (int i = 0; i < ROUNDS; i++) {
		const struct slice host = i % 2 ? SLICE_LIT("odd") : SLICE_LIT("even");

		metric_add(metrics_get(data, BY_HOST, &host), 1);
		metric_add(metrics_get(data, PLAIN, NULL), 1);
		metric_observe(metrics_get(data, LATENCY, NULL), 2);
	}
	return NULL;
}

static void nothing_is_lost_when_threads_count_and_one_renders(void **state)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update, *state), 0);
	for (int i = 0; i < 50; i++)
		assert_has(*state, "latency_seconds_count ");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_has(*state, "plain_total 20000\n");
	assert_has(*state, "host_total{host=\"odd\"} 10000\n");
	assert_has(*state, "latency_seconds_bucket{le=\"+Inf\"} 20000\nlatency_seconds_sum 40\n");
}

#define rule(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rule(a_family_without_labels_is_there_from_the_start),
		rule(help_is_one_line_with_backslashes_escaped),
		rule(a_family_without_series_is_left_out),
		rule(a_label_value_is_escaped),
		rule(what_is_no_utf8_and_controls_become_the_replacement_character),
		rule(values_that_look_the_same_are_one_series),
		rule(a_long_label_value_is_cut_between_characters),
		rule(more_series_than_allowed_are_added_up_as_other),
		rule(decimals_are_exact_and_short),
		rule(histogram_buckets_are_cumulative_and_bounds_inclusive),
		rule(a_snapshot_is_shown_when_it_is_whole_and_replaces_the_last),
		rule(a_snapshot_takes_new_names_for_ever),
		rule(a_snapshot_of_too_many_is_bounded),
		rule(nothing_is_lost_when_threads_count_and_one_renders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
