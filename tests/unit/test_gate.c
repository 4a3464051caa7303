/* Exit statuses: the gate over image results, and which status wins. */
#include "gate.h"
#include "lib/result_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct gate_case {
	const char         *fail_on; /* NULL = no gate */
	enum result_fixture image;
	enum exit_status    status;
};

static const struct gate_case cases[] = {
	{NULL, FIXTURE_DEBIAN, EXIT_STATUS_DONE},
	{"critical", FIXTURE_DEBIAN, EXIT_STATUS_GATE},
	{"low", FIXTURE_CLEAN, EXIT_STATUS_DONE},
	{"critical", FIXTURE_NO_SOURCE, EXIT_STATUS_GATE},  /* could not be judged */
	{"critical", FIXTURE_INCOMPLETE, EXIT_STATUS_GATE}, /* a layer was not read */
	{"critical", FIXTURE_FAILED, EXIT_STATUS_GATE},     /* nothing was read */
	{"critical", FIXTURE_SKIPPED, EXIT_STATUS_DONE},    /* not an image */
	{"critical", FIXTURE_NO_DATABASE, EXIT_STATUS_NOT_RUN},
	{NULL, FIXTURE_NO_DATABASE, EXIT_STATUS_DONE},
};

static void gate_of_one_image(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct image_result result;
		struct arena        arena;
		struct gate         gate;
		struct err          err = {0};
		char                text[200];

		arena_init(&arena, 1 << 20);
		result_fixture_make(cases[i].image, &arena, &result);
		assert_int_equal(gate_parse(cases[i].fail_on, &gate, &err), 0);
		gate_add(&gate, &result);
		if (gate_status(&gate) != cases[i].status)
			fail_msg("--fail-on %s, %s: %d", cases[i].fail_on ? cases[i].fail_on : "-",
				 result_fixture_names[cases[i].image], gate_status(&gate));
		gate_explain(&gate, text, sizeof(text));
		assert_int_equal(text[0] == '\0', cases[i].status == EXIT_STATUS_DONE);
		arena_deinit(&arena);
	}
}

/* One vulnerability of one band against every threshold. */
static void unknown_counts_only_when_named(void **state)
{
	static const struct {
		const char   *fail_on;
		enum severity severity;
		bool          fails;
	} bands[] = {
		{"low", SEVERITY_UNKNOWN, false},      {"low,unknown", SEVERITY_UNKNOWN, true},
		{"unknown", SEVERITY_CRITICAL, false}, {"high", SEVERITY_MEDIUM, false},
		{"high", SEVERITY_HIGH, true},         {"high", SEVERITY_CRITICAL, true},
		{"low", SEVERITY_NEGLIGIBLE, false},   {"critical,low", SEVERITY_MEDIUM, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bands) / sizeof(*bands); i++) {
		struct result_vulnerability vulnerability = {.severity = bands[i].severity};
		struct image_result         result;
		struct arena                arena;
		struct gate                 gate;
		struct err                  err = {0};

		arena_init(&arena, 1 << 20);
		result_fixture_make(FIXTURE_CLEAN, &arena, &result);
		result.vulnerabilities = &vulnerability;
		result.vulnerabilities_count = 1;
		assert_int_equal(gate_parse(bands[i].fail_on, &gate, &err), 0);
		gate_add(&gate, &result);
		assert_int_equal(gate_status(&gate), bands[i].fails ? EXIT_STATUS_GATE : EXIT_STATUS_DONE);
		arena_deinit(&arena);
	}
}

static void wrong_thresholds_are_usage_errors(void **state)
{
	static const char *const wrong[] = {"", "hgih", "high,,low", "none", "negligible", "high low"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct gate gate;
		struct err  err = {0};

		assert_int_equal(gate_parse(wrong[i], &gate, &err), ERR_USAGE);
	}
}

static void usage_beats_not_run_beats_gate_beats_incomplete(void **state)
{
	static const enum exit_status order[] = {EXIT_STATUS_USAGE, EXIT_STATUS_NOT_RUN, EXIT_STATUS_GATE,
						 EXIT_STATUS_INCOMPLETE, EXIT_STATUS_DONE};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t k = i; k < 5; k++) {
			assert_int_equal(exit_status_worse(order[i], order[k]), order[i]);
			assert_int_equal(exit_status_worse(order[k], order[i]), order[i]);
		}
	assert_int_equal(exit_status_of_error(ERR_USAGE), 2);
	assert_int_equal(exit_status_of_error(ERR_CONFIG), 2);
	assert_int_equal(exit_status_of_error(ERR_NET), 4);
	assert_int_equal(exit_status_of_error(ERR_STORE), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_of_one_image),
		cmocka_unit_test(unknown_counts_only_when_named),
		cmocka_unit_test(wrong_thresholds_are_usage_errors),
		cmocka_unit_test(usage_beats_not_run_beats_gate_beats_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
