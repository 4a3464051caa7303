/* When a job that repeats is due: intervals and cron, in UTC; what would never be due, or cannot be read, is refused. */
#include "lib/check.h"

#include "schedule.h"

#include <string.h>
#include <time.h>

static uint64_t unix_ms(const char *text)
{
	struct tm tm = {0};

	assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min),
			 5);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (uint64_t)timegm(&tm) * 1000;
}

static void cron_is_due_when_its_fields_say(void **state)
{
	static const struct {
		const char *spec, *now, *next;
	} cases[] = {
		{"* * * * *", "2026-11-25 01:02", "2026-11-25 01:03"},
		{"0 2 * * *", "2026-11-25 01:59", "2026-11-25 02:00"},
		{"0 2 * * *", "2026-11-25 02:00", "2026-11-26 02:00"}, /* after, not at */
		{"30 3 1 * *", "2026-11-25 00:00", "2026-12-01 03:30"},
		{"0 0 1 1 *", "2026-11-25 00:00", "2027-01-01 00:00"},
		{"*/15 * * * *", "2026-11-25 01:16", "2026-11-25 01:30"},
		{"*/25 * * * *", "2026-11-25 01:51", "2026-11-25 02:00"}, /* 0, 25, 50 */
		{"5-10/2 * * * *", "2026-11-25 01:07", "2026-11-25 01:09"},
		{"5-10/2 * * * *", "2026-11-25 01:09", "2026-11-25 02:05"},
		{"0 1,13,22 * * *", "2026-11-25 01:00", "2026-11-25 13:00"},
		{"0 8-10,20-22/2 * * *", "2026-11-25 20:00", "2026-11-25 22:00"},
		{"0 0 * * mon", "2026-11-25 12:00", "2026-11-30 00:00"}, /* the 25th is a Wednesday */
		{"0 0 * * MON-Fri", "2026-11-27 12:00", "2026-11-30 00:00"},
		{"0 0 * * 0", "2026-11-25 12:00", "2026-11-29 00:00"},
		{"0 0 * * 7", "2026-11-25 12:00", "2026-11-29 00:00"},
		{"0 0 * * 5-7", "2026-11-28 12:00", "2026-11-29 00:00"},
		{"0 0 * jan,Jul *", "2026-11-25 12:00", "2027-01-01 00:00"},
		{"0 0 29 2 *", "2026-11-25 12:00", "2028-02-29 00:00"},
		{"0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"},   /* 2100 has none */
		{"0 0 29 2 */7", "2088-03-01 00:00", "2128-02-29 00:00"}, /* a Sunday too */
		{"0 0 31 * *", "2026-08-31 00:00", "2026-10-31 00:00"},
		{"0 0 13 * fri", "2026-11-25 12:00", "2026-11-27 00:00"}, /* either */
		{"0 0 13 * fri", "2026-12-12 00:00", "2026-12-13 00:00"},
		{"0 0 */2 * fri", "2026-11-25 12:00", "2026-11-27 00:00"}, /* a star: both */
		{"0 0 */2 * fri", "2026-11-27 12:00", "2026-12-11 00:00"},
		{" 0\t2  * * * ", "2026-11-25 01:59", "2026-11-25 02:00"},
		{"59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schedule schedule;
		struct err      err = {0};

		if (schedule_parse(slice_str(cases[i].spec), &schedule, &err) < 0)
			fail_msg("%s", err.text);
		if (schedule_next(&schedule, 0, unix_ms(cases[i].now)) != unix_ms(cases[i].next))
			fail_msg("\"%s\" after %s is not due at %s", cases[i].spec, cases[i].now, cases[i].next);
	}
}

static void seconds_within_a_minute_do_not_make_it_due_twice(void **state)
{
	struct schedule schedule;

	(void)state;
	assert_int_equal(schedule_parse(SLICE_LIT("0 2 * * *"), &schedule, NULL), 0);
	assert_int_equal(schedule_next(&schedule, 0, unix_ms("2026-11-25 02:00") + 59999), unix_ms("2026-11-26 02:00"));
	assert_int_equal(schedule_next(&schedule, 0, unix_ms("2026-11-25 02:00") - 1), unix_ms("2026-11-25 02:00"));
}

static void interval_counts_from_when_it_was_due_and_skips_what_was_missed(void **state)
{
	static const struct {
		const char *spec;
		uint64_t    ms;
	} cases[] = {{"1m", 60000}, {"15m", 900000}, {"24h", 86400000}, {"7d", 604800000}, {"2w", 1209600000}};
	uint64_t begin = unix_ms("2026-11-25 01:02") + 123;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schedule schedule;
		uint64_t        ms = cases[i].ms;

		assert_int_equal(schedule_parse(slice_str(cases[i].spec), &schedule, NULL), 0);
		assert_int_equal(schedule_next(&schedule, begin, begin), begin + ms);
		assert_int_equal(schedule_next(&schedule, begin, begin + ms - 1), begin + ms);
		assert_int_equal(schedule_next(&schedule, begin, begin + ms), begin + 2 * ms);
		assert_int_equal(schedule_next(&schedule, begin, begin + 5 * ms + 7), begin + 6 * ms);
		assert_int_equal(schedule_next(&schedule, begin, begin - 1), begin); /* the clock went back */
	}
}

static void what_cannot_be_read_or_would_never_be_due_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"h",
		"24",
		"0h",
		"0m",
		"90s",
		"1.5h",
		"-1h",
		"367d",
		"53w",
		"99999999999m",
		"* * * *",
		"* * * * * *",
		"60 * * * *",
		"* 24 * * *",
		"* * 0 * *",
		"* * 32 * *",
		"* * * 0 *",
		"* * * 13 *",
		"* * * * 8",
		"5-1 * * * *",
		"*/0 * * * *",
		"*/60 * * * *",
		"5/10 * * * *",
		"1, * * * *",
		",1 * * * *",
		"1-2-3 * * * *",
		"1- * * * *",
		"** * * * *",
		"* * * foo *",
		"* * * * monday",
		"mon * * * *",
		"0 0 30 2 *",
		"0 0 31 2,4,6,9,11 *",
		"@daily",
		"0 0 1 1 *\n* * * * *",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct schedule schedule;
		struct err      err = {0};

		if (schedule_parse(slice_str(cases[i]), &schedule, &err) != ERR_USAGE)
			fail_msg("\"%s\" was accepted", cases[i]);
		assert_non_null(strstr(err.text, "schedule"));
	}
}

static void refusal_names_the_field(void **state)
{
	struct schedule schedule;
	struct err      err = {0};

	(void)state;
	assert_int_equal(schedule_parse(SLICE_LIT("0 25 * * *"), &schedule, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "\"25\" is no hour (0 to 23)"));
	err = (struct err){0};
	assert_int_equal(schedule_parse(SLICE_LIT("0 0 30 2 *"), &schedule, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "never"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cron_is_due_when_its_fields_say),
		cmocka_unit_test(seconds_within_a_minute_do_not_make_it_due_twice),
		cmocka_unit_test(interval_counts_from_when_it_was_due_and_skips_what_was_missed),
		cmocka_unit_test(what_cannot_be_read_or_would_never_be_due_is_refused),
		cmocka_unit_test(refusal_names_the_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
