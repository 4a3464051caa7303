/* command_control.c - varve cancel, pause, resume JOB; varve drain WORKER|broker: one order to a running broker. */
#include "base/limits.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"

#include <string.h>

struct control_values {
	struct broker_options broker;
};

static const struct option_spec control_options[] = {
	BROKER_OPTIONS(control_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int one_operand(const struct command *command, int argc, char **argv, struct control_values *values,
		       struct err *err)
{
	int operands, rc = options_parse(command, argc, argv, values, &operands, err);

	if (rc == 0 && operands != 1)
		rc = err_set(err, ERR_USAGE, "%s takes one %s", command->name, command->operands);
	return rc;
}

static int order_job(const struct command *command, enum wire_type order, int argc, char **argv, struct err *err)
{
	struct control_values values = {0};
	struct broker_link    link;
	uint64_t              job;
	int                   rc = one_operand(command, argc, argv, &values, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (parse_job(argv[1], &job, err) != 0 || broker_link_open(&values.broker, &link, err) != 0)
		return err->code;
	rc = client_order(link.client, order, job, err);
	broker_link_close(&link);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

static int cancel_run(const struct command *command, int argc, char **argv, struct err *err)
{
	return order_job(command, WIRE_CANCEL, argc, argv, err);
}

static int pause_run(const struct command *command, int argc, char **argv, struct err *err)
{
	return order_job(command, WIRE_PAUSE, argc, argv, err);
}

static int resume_run(const struct command *command, int argc, char **argv, struct err *err)
{
	return order_job(command, WIRE_RESUME, argc, argv, err);
}

/* A number, or the name of one worker alone. */
static int find_worker(struct client *client, const char *text, uint64_t *worker, struct err *err)
{
	struct wire_status_reply reply;
	struct arena             arena;
	size_t                   named = 0;
	int                      rc;

	if (slice_u64(slice_str(text), worker) && *worker)
		return 0;
	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(client, 0, &arena, &reply, err);
	for (size_t i = 0; rc == 0 && i < reply.workers_count; i++) {
		if (!slice_eq_str(reply.workers[i].name, text))
			continue;
		*worker = reply.workers[i].worker;
		named++;
	}
	arena_deinit(&arena);
	if (rc == 0 && named == 0)
		rc = err_set(err, ERR_NOT_FOUND, "no worker is called '%s' (varve status --workers)", text);
	if (rc == 0 && named > 1)
		rc = err_set(err, ERR_USAGE, "%zu workers are called '%s': give the number (varve status --workers)",
			     named, text);
	return rc;
}

static int drain_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct control_values values = {0};
	struct broker_link    link;
	uint64_t              worker = 0; /* the broker itself */
	int                   rc = one_operand(command, argc, argv, &values, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (broker_link_open(&values.broker, &link, err) != 0)
		return err->code;
	if (strcmp(argv[1], "broker") != 0)
		rc = find_worker(link.client, argv[1], &worker, err);
	if (rc == 0)
		rc = client_order(link.client, WIRE_DRAIN_WORKER, worker, err);
	broker_link_close(&link);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_cancel = {
	"cancel", "stop a job, or end a schedule; what is finished stays", "JOB", NULL, control_options, cancel_run,
};

const struct command command_pause = {
	"pause",         "give a job, or a schedule, no more work until it is resumed",
	"JOB",           "What workers have begun of it is finished.",
	control_options, pause_run,
};

const struct command command_resume = {
	"resume", "go on with what was paused", "JOB", NULL, control_options, resume_run,
};

const struct command command_drain = {
	"drain",
	"let a worker, or the broker, finish what was begun and take no more",
	"WORKER|broker",
	"WORKER is a number or a name of varve status --workers. Both end when nothing is left of what\n"
	"was begun; a broker takes no new jobs until it is started again. Over tcp:// this needs a key of the role "
	"admin.",
	control_options,
	drain_run,
};
