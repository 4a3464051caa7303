/* varve_main.c - the command line: finds the command and turns its errors into one line and an exit status. */
#include "base/escape.h"
#include "base/log.h"
#include "command.h"
#include "exit_status.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
	&command_scan,  &command_report, &command_submit, &command_status, &command_watch,   &command_results,
	&command_pause, &command_resume, &command_cancel, &command_drain,  &command_rematch, &command_history,
	&command_diff,  &command_top,    &command_where,  &command_db,     &command_store,   &command_keys,
};
enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_usage(FILE *out)
{
	fprintf(out, "usage: varve COMMAND [OPTION…] …\n\nWhat is in the images of a registry, each unique layer read "
		     "once.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\nvarve COMMAND --help tells the rest; varve --version says which this is.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int complain(const struct err *err)
{
	struct buf line = {.bytes_max = 8192};

	buf_str(&line, "varve: ");
	escape_terminal(&line, slice_str(err->text[0] ? err->text : err_name(err->code)));
	fprintf(stderr, "%.*s\n", SLICE_FMT(buf_slice(&line)));
	buf_deinit(&line);
	return (int)exit_status_of_error(err->code);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct err err = {0};
	int        status = command->run(command, argc, argv, &err);

	if (status < 0) {
		err.code = status;
		status = complain(&err);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "varve: writing to standard output failed\n");
		status = (int)exit_status_worse((enum exit_status)status, EXIT_STATUS_NOT_RUN);
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;

	setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters, names in archives: the same on every machine */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_STATUS_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("varve %s\n", VARVE_VERSION);
		return EXIT_STATUS_DONE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    (strcmp(argv[1], "help") == 0 && argc == 2)) {
		print_usage(stdout);
		return EXIT_STATUS_DONE;
	}
	command = find_command(strcmp(argv[1], "help") == 0 ? argv[2] : argv[1]);
	if (!command) {
		const char *word = strcmp(argv[1], "help") == 0 ? argv[2] : argv[1];

		fprintf(stderr, "varve: no %s '%s'; varve --help lists the commands\n",
			word[0] == '-' ? "option" : "command", word);
		return EXIT_STATUS_USAGE;
	}
	if (strcmp(argv[1], "help") == 0) {
		command_print_help(command);
		return EXIT_STATUS_DONE;
	}
	return run(command, argc - 1, argv + 1);
}
