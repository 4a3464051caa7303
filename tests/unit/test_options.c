/* Command lines: what is read, what is refused and in which words. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct values {
	bool               flag, yes;
	const char        *text;
	unsigned           number;
	struct option_list list;
};

static const struct option_spec specs[] = {
	{"flag", OPTION_FLAG, offsetof(struct values, flag), NULL, "a flag"},
	{"yes", OPTION_BOOL, offsetof(struct values, yes), "[=false]", "a bool"},
	{"text", OPTION_TEXT, offsetof(struct values, text), "TEXT", "a text"},
	{"number", OPTION_NUMBER, offsetof(struct values, number), "N", "a number"},
	{"list", OPTION_LIST, offsetof(struct values, list), "ITEM", "a list"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct command command = {.name = "try", .summary = "test", .operands = "", .options = specs};

struct line {
	const char *words[8]; /* after "try", NULL-terminated */
	int         result;   /* 0 or ERR_USAGE */
	const char *says;     /* part of the message */
};

static const struct line refused[] = {
	{{"--txet", "x"}, ERR_USAGE, "unknown or ambiguous option --txet"},
	{{"--text"}, ERR_USAGE, "--text needs a value"},
	{{"--number", "12x"}, ERR_USAGE, "'12x' is not a number"},
	{{"--number", "-1"}, ERR_USAGE, "'-1' is not a number"},
	{{"--number=4294967296"}, ERR_USAGE, "is not a number"},
	{{"--flag=1"}, ERR_USAGE, "--flag=1 takes no value"},
	{{"--yes=maybe"}, ERR_USAGE, "neither true nor false"},
	{{"-x"}, ERR_USAGE, "-x"},
};

static int parse(const char *const *words, struct values *values, char **argv, int *operands, struct err *err)
{
	int argc = 1;

	argv[0] = (char *)(uintptr_t) "try";
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	argv[argc] = NULL;
	return options_parse(&command, argc, argv, values, operands, err);
}

static void wrong_lines_are_usage_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct values values = {0};
		struct err    err = {0};
		char         *argv[10];
		int           operands;

		assert_int_equal(parse(refused[i].words, &values, argv, &operands, &err), refused[i].result);
		if (!strstr(err.text, refused[i].says))
			fail_msg("'%s' lacks '%s'", err.text, refused[i].says);
	}
}

static void options_and_operands_mix(void **state)
{
	static const char *const words[] = {"one", "--text=a", "--list", "x", "two", "--number", "7", "--list=y", NULL};
	struct values            values = {.yes = true};
	struct err               err = {0};
	char                    *argv[10];
	int                      operands;

	(void)state;
	assert_int_equal(parse(words, &values, argv, &operands, &err), 0);
	assert_int_equal(operands, 2);
	assert_string_equal(argv[1], "one");
	assert_string_equal(argv[2], "two");
	assert_string_equal(values.text, "a");
	assert_int_equal(values.number, 7);
	assert_int_equal(values.list.count, 2);
	assert_string_equal(values.list.items[1], "y");
	assert_null(values.list.items[2]);
	assert_true(values.yes);
	assert_false(values.flag);
}

static void bool_takes_true_false_or_nothing(void **state)
{
	static const struct {
		const char *word;
		bool        value;
	} cases[] = {{"--yes", true}, {"--yes=true", true}, {"--yes=false", false}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char   *words[] = {cases[i].word, NULL};
		struct values values = {.yes = !cases[i].value};
		struct err    err = {0};
		char         *argv[10];
		int           operands;

		assert_int_equal(parse(words, &values, argv, &operands, &err), 0);
		assert_int_equal(values.yes, cases[i].value);
	}
}

static void double_dash_ends_options(void **state)
{
	static const char *const words[] = {"--", "--flag", NULL};
	struct values            values = {0};
	struct err               err = {0};
	char                    *argv[10];
	int                      operands;

	(void)state;
	assert_int_equal(parse(words, &values, argv, &operands, &err), 0);
	assert_int_equal(operands, 1);
	assert_string_equal(argv[1], "--flag");
	assert_false(values.flag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_lines_are_usage_errors),
		cmocka_unit_test(options_and_operands_mix),
		cmocka_unit_test(bool_takes_true_false_or_nothing),
		cmocka_unit_test(double_dash_ends_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
