/* command_status.c - varve status [JOB]: the broker's jobs and what keeps them waiting. */
#include "base/file.h"
#include "base/limits.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"
#include "job_table.h"
#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct status_values {
	struct broker_options broker;
	const char           *format;
};

static const struct option_spec status_options[] = {
	BROKER_OPTIONS(status_values),
	{"format", OPTION_TEXT, offsetof(struct status_values, format), "FORMAT", "table (default) or json"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int print(const struct wire_status_reply *reply, bool json, struct err *err)
{
	struct buf  text = {.bytes_max = LIMIT_REPORT_BYTES};
	const char *no_colour = getenv("NO_COLOR");
	int         rc;

	if (json)
		job_json_put(&text, reply);
	else
		job_table_put(&text, reply, terminal_columns(STDOUT_FILENO),
			      isatty(STDOUT_FILENO) && !(no_colour && *no_colour));
	rc = buf_ok(&text) ? file_write_all(STDOUT_FILENO, buf_slice(&text), "standard output", err)
			   : err_set(err, ERR_MEM, "printing the jobs: no memory");
	buf_deinit(&text);
	return rc;
}

static int status_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct status_values     values = {.format = "table"};
	struct broker_link       link;
	struct wire_status_reply reply;
	struct arena             arena;
	uint64_t                 job = 0;
	int                      operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (strcmp(values.format, "table") != 0 && strcmp(values.format, "json") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values.format);
	if (operands > 1)
		return err_set(err, ERR_USAGE, "status takes one JOB at most");
	if (operands == 1 && parse_job(argv[1], &job, err) != 0)
		return err->code;
	rc = broker_link_open(&values.broker, &link, err);
	if (rc != 0)
		return rc;
	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(link.client, job, &arena, &reply, err);
	if (rc == 0)
		rc = print(&reply, strcmp(values.format, "json") == 0, err);
	arena_deinit(&arena);
	broker_link_close(&link);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_status = {"status", "jobs of a running broker", "[JOB]", NULL, status_options, status_run};
