/* command_watch.c - varve watch JOB: its progress until it ends. */
#include "base/file.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"
#include "interrupt.h"
#include "job_table.h"
#include "progress.h"

#include <unistd.h>

struct watch_values {
	struct broker_options broker;
	bool                  quiet;
};

static const struct option_spec watch_options[] = {
	BROKER_OPTIONS(watch_values),
	{"quiet", OPTION_FLAG, offsetof(struct watch_values, quiet), NULL, "only wait; no progress"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int one_job(const struct command *command, int argc, char **argv, struct watch_values *values, uint64_t *job,
		   struct err *err)
{
	int operands, rc = options_parse(command, argc, argv, values, &operands, err);

	if (rc == 0 && operands != 1)
		rc = err_set(err, ERR_USAGE, "%s takes one JOB", command->name);
	return rc == 0 ? parse_job(argv[1], job, err) : rc;
}

static void watch_progress(void *data, const struct wire_job_status *status)
{
	progress_update(data, status);
}

static int print_end(const struct wire_job_status *status, struct err *err)
{
	struct buf line = {.bytes_max = 4096};
	int        rc;

	if (status->state == JOB_SCHEDULED)
		buf_printf(&line, "job %llu is a schedule: varve status tells when it is due, and its last job\n",
			   (unsigned long long)status->job);
	else
		job_line_put(&line, status);
	rc = file_write_all(STDOUT_FILENO, buf_slice(&line), "standard output", err);
	buf_deinit(&line);
	if (rc != 0)
		return rc;
	return status->images_failed || status->images_incomplete ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE;
}

static int watch_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct watch_values values = {0};
	struct client_run   run = {.progress = watch_progress, .interrupt_fd = -1};
	struct broker_link  link = {0};
	int                 rc = one_job(command, argc, argv, &values, &run.job, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	rc = run.interrupt_fd = interrupt_open(err);
	if (rc >= 0)
		rc = broker_link_open(&values.broker, &link, err);
	if (rc == 0) {
		run.data = progress_open(values.quiet ? PROGRESS_NEVER : PROGRESS_AUTO, "watch");
		rc = client_run(link.client, &run, err);
		progress_close(run.data);
		broker_link_close(&link);
	}
	interrupt_close(run.interrupt_fd);
	if (rc == ERR_CANCELLED) {
		err_clear(err);
		return EXIT_STATUS_DONE; /* the watcher left; the job goes on */
	}
	return rc == 0 ? print_end(&run.status, err) : rc;
}

const struct command command_watch = {"watch", "follow a job to its end", "JOB", NULL, watch_options, watch_run};
