#include "options.h"

#include "base/slice.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_CODE = 256, HELP_CODE = 255, HELP_COLUMN = 30 };

static void print_option(const struct option_spec *spec)
{
	char text[128];

	snprintf(text, sizeof(text), "  --%s%s%s", spec->name, spec->argument && spec->kind != OPTION_BOOL ? " " : "",
		 spec->argument ? spec->argument : "");
	if (strlen(text) < HELP_COLUMN)
		printf("%-*s%s\n", HELP_COLUMN, text, spec->help);
	else
		printf("%s\n%*s%s\n", text, HELP_COLUMN, "", spec->help);
}

void command_print_help(const struct command *command)
{
	printf("usage: varve %s [OPTION…]%s%s\n\n%s\n\n", command->name, command->operands[0] ? " " : "",
	       command->operands, command->summary);
	for (const struct option_spec *spec = command->options; spec->name; spec++)
		print_option(spec);
	printf("%-*s%s\n", HELP_COLUMN, "  --help", "show this");
	if (command->details)
		printf("\n%s\n", command->details);
}

static int set_number(const struct option_spec *spec, unsigned *value, const char *text, struct err *err)
{
	uint64_t number;

	if (!slice_u64(slice_str(text), &number) || number > UINT32_MAX)
		return err_set(err, ERR_USAGE, "--%s: '%s' is not a number", spec->name, text);
	*value = (unsigned)number;
	return 0;
}

static int set_bool(const struct option_spec *spec, bool *value, const char *text, struct err *err)
{
	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_set(err, ERR_USAGE, "--%s: '%s' is neither true nor false", spec->name, text);
	*value = !text || strcmp(text, "true") == 0;
	return 0;
}

static int add_to_list(const struct option_spec *spec, struct option_list *list, const char *text, struct err *err)
{
	if (list->count == OPTION_LIST_MAX)
		return err_set(err, ERR_USAGE, "--%s: more than %d of them", spec->name, OPTION_LIST_MAX);
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
	return 0;
}

static int set_value(const struct option_spec *spec, void *values, const char *text, struct err *err)
{
	char *field = (char *)values + spec->offset;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case OPTION_BOOL:
		return set_bool(spec, (bool *)(void *)field, text, err);
	case OPTION_TEXT:
		*(const char **)(void *)field = text;
		return 0;
	case OPTION_NUMBER:
		return set_number(spec, (unsigned *)(void *)field, text, err);
	case OPTION_LIST:
		return add_to_list(spec, (struct option_list *)(void *)field, text, err);
	}
	return err_set(err, ERR_INTERNAL, "--%s: unknown kind of option", spec->name);
}

static size_t make_table(const struct command *command, struct option table[OPTIONS_MAX + 2])
{
	size_t count = 0;

	for (const struct option_spec *spec = command->options; spec->name && count < OPTIONS_MAX; spec++, count++)
		table[count] = (struct option){.name = spec->name,
					       .val = OPTION_CODE + (int)count,
					       .has_arg = spec->kind == OPTION_FLAG   ? no_argument
							  : spec->kind == OPTION_BOOL ? optional_argument
										      : required_argument};
	table[count] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP_CODE};
	table[count + 1] = (struct option){0};
	return count;
}

static int refuse(const struct command *command, int code, char **argv, struct err *err)
{
	const char *word = optind > 0 ? argv[optind - 1] : "";

	if (code == ':')
		return err_set(err, ERR_USAGE, "%s: %s needs a value", command->name, word);
	if (optopt >= OPTION_CODE || optopt == HELP_CODE)
		return err_set(err, ERR_USAGE, "%s: %s takes no value", command->name, word);
	return err_set(err, ERR_USAGE, "%s: unknown or ambiguous option %s (see varve %s --help)", command->name, word,
		       command->name);
}

int options_parse(const struct command *command, int argc, char **argv, void *values, int *operands, struct err *err)
{
	struct option table[OPTIONS_MAX + 2];
	int           code;

	make_table(command, table);
	optind = 0; /* GNU: starts anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
		if (code == HELP_CODE || code == 'h') {
			command_print_help(command);
			return 1;
		}
		if (code == '?' || code == ':')
			return refuse(command, code, argv, err);
		if (set_value(&command->options[code - OPTION_CODE], values, optarg, err) != 0)
			return err->code;
	}
	*operands = argc - optind;
	memmove(argv + 1, argv + optind, (size_t)*operands * sizeof(*argv));
	return 0;
}
