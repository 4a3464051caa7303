/* command_status.c - varve status [JOB]: the fleet and its jobs at a glance, and what keeps them waiting. */
#include "base/file.h"
#include "base/limits.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"
#include "failed_list.h"
#include "fleet_table.h"
#include "job_table.h"
#include "progress.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENDED_MAX = 15 /* jobs: with the rest about a screen */ };

struct status_values {
	struct broker_options broker;
	const char           *format, *failed, *store;
	bool                  workers, counters, all;
};

static const struct option_spec status_options[] = {
	BROKER_OPTIONS(status_values),
	{"all", OPTION_FLAG, offsetof(struct status_values, all), NULL,
	 "every job that has ended, not the newest alone"},
	{"workers", OPTION_FLAG, offsetof(struct status_values, workers), NULL, "the workers, one a line"},
	{"counters", OPTION_FLAG, offsetof(struct status_values, counters), NULL,
	 "what was begun, finished, retried and why, since the store was made"},
	{"failed", OPTION_TEXT, offsetof(struct status_values, failed), "JOB",
	 "images and layers of JOB that failed, with the reason"},
	{"store", OPTION_TEXT, offsetof(struct status_values, store), "DIR",
	 "with --failed: read a store instead of asking a broker"},
	{"format", OPTION_TEXT, offsetof(struct status_values, format), "FORMAT", "table (default) or json"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static bool colour_wanted(void)
{
	const char *no_colour = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
}

static void put_json(struct buf *text, const struct wire_status_reply *reply)
{
	struct json_writer w = json_writer_of(text, 2);

	json_begin_object(&w, NULL);
	job_json_put(&w, reply);
	fleet_json_put(&w, reply);
	json_end_object(&w);
	buf_byte(text, '\n');
}

static void put_tables(struct buf *text, const struct status_values *values, const struct wire_status_reply *reply,
		       bool one_job)
{
	unsigned columns = terminal_columns(STDOUT_FILENO);
	bool     colour = colour_wanted();

	if (values->workers)
		fleet_workers_put(text, reply, columns, colour);
	if (values->counters)
		fleet_counters_put(text, reply);
	if (values->workers || values->counters)
		return;
	if (!one_job)
		fleet_line_put(text, reply);
	job_table_put(text, reply, values->all ? SIZE_MAX : ENDED_MAX, columns, colour);
}

static int print(const struct status_values *values, const struct wire_status_reply *reply, bool one_job,
		 struct err *err)
{
	struct buf text = {.bytes_max = LIMIT_REPORT_BYTES};
	int        rc;

	if (strcmp(values->format, "json") == 0)
		put_json(&text, reply);
	else
		put_tables(&text, values, reply, one_job);
	rc = buf_ok(&text) ? file_write_all(STDOUT_FILENO, buf_slice(&text), "standard output", err)
			   : err_set(err, ERR_MEM, "printing the jobs: no memory");
	buf_deinit(&text);
	return rc;
}

static int print_failed(const struct status_values *values, struct err *err)
{
	struct failed_query query = {.broker = &values->broker,
				     .store = values->store,
				     .json = strcmp(values->format, "json") == 0,
				     .colour = colour_wanted(),
				     .columns = terminal_columns(STDOUT_FILENO)};
	int                 rc = parse_job(values->failed, &query.job, err);

	return rc == 0 ? failed_list(&query, STDOUT_FILENO, err) : rc;
}

static int print_status(const struct status_values *values, uint64_t job, struct err *err)
{
	struct broker_link       link;
	struct wire_status_reply reply;
	struct arena             arena;
	int                      rc = broker_link_open(&values->broker, &link, err);

	if (rc != 0)
		return rc;
	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(link.client, job, &arena, &reply, err);
	if (rc == 0)
		rc = print(values, &reply, job != 0, err);
	arena_deinit(&arena);
	broker_link_close(&link);
	return rc;
}

static int check(const struct status_values *values, int operands, struct err *err)
{
	if (strcmp(values->format, "table") != 0 && strcmp(values->format, "json") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values->format);
	if (operands > 1)
		return err_set(err, ERR_USAGE, "status takes one JOB at most");
	if (values->failed && (operands || values->workers || values->counters))
		return err_set(err, ERR_USAGE, "--failed JOB stands alone");
	if (values->store && !values->failed)
		return err_set(err, ERR_USAGE, "--store goes with --failed: the rest only a broker knows");
	return 0;
}

static int status_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct status_values values = {.format = "table"};
	uint64_t             job = 0;
	int                  operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (check(&values, operands, err) != 0 || (operands == 1 && parse_job(argv[1], &job, err) != 0))
		return err->code;
	rc = values.failed ? print_failed(&values, err) : print_status(&values, job, err);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_status = {
	"status", "the fleet and the jobs of a running broker", "[JOB]", NULL, status_options, status_run,
};
