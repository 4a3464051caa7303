/* options.h - the command line of one command: a table of long options, read by getopt_long into a plain struct.
 *
 * A wrong command line is ERR_USAGE with one line that says what is wrong. Values point into argv. */
#ifndef VARVE_TOOLS_OPTIONS_H
#define VARVE_TOOLS_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_FLAG,   /* bool: becomes true */
	OPTION_BOOL,   /* bool: --name, --name=true, --name=false */
	OPTION_TEXT,   /* const char *: the last one wins */
	OPTION_NUMBER, /* unsigned: decimal */
	OPTION_LIST,   /* struct option_list: may come several times */
};

enum { OPTION_LIST_MAX = 1000, OPTIONS_MAX = 48 };

struct option_list {
	const char *items[OPTION_LIST_MAX + 1]; /* NULL-terminated */
	size_t      count;
};

struct option_spec {
	const char      *name;
	enum option_kind kind;
	size_t           offset;   /* of the field in the values */
	const char      *argument; /* its name in the help; NULL for flags */
	const char      *help;
};

struct command {
	const char               *name, *summary;
	const char               *operands; /* "SOURCE…"; "" = none */
	const char               *details;  /* further lines of the help; NULL = none */
	const struct option_spec *options;  /* ended by a NULL name */
	/* argv[0] is the command. Exit status (exit_status.h), or a negative ERR_* with `err` filled. */
	int (*run)(const struct command *command, int argc, char **argv, struct err *err);
};

/* Reads options anywhere on the line into `values` (preset with the defaults) and moves the operands to the front:
 * argv[1] … argv[*operands]. 0; ERR_USAGE; or 1 when --help was printed and the command is done. */
int options_parse(const struct command *command, int argc, char **argv, void *values, int *operands, struct err *err);

void command_print_help(const struct command *command);

#endif
