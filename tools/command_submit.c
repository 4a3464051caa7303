/* command_submit.c - varve submit: hands a job to a running broker; --wait stays until it has ended. */
#include "base/log.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"
#include "interrupt.h"
#include "job_request.h"
#include "progress.h"

#include <stdio.h>

struct submit_values {
	struct request_options request;
	struct broker_options  broker;
	const char            *retry_failed;
	bool                   bulk, wait, quiet;
};

static const struct option_spec submit_options[] = {
	REQUEST_OPTIONS(submit_values),
	BROKER_OPTIONS(submit_values),
	{"bulk", OPTION_FLAG, offsetof(struct submit_values, bulk), NULL, "let ad hoc jobs go first"},
	{"retry-failed", OPTION_TEXT, offsetof(struct submit_values, retry_failed), "JOB",
	 "instead of SOURCE: what failed or is incomplete in JOB"},
	{"wait", OPTION_FLAG, offsetof(struct submit_values, wait), NULL, "stay until the job has ended"},
	{"quiet", OPTION_FLAG, offsetof(struct submit_values, quiet), NULL, "no progress"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

struct submit {
	struct job_request request;
	struct progress   *progress;
};

static int submit_reference(void *data, struct slice *reference, struct err *err)
{
	return source_list_next(&((struct submit *)data)->request.list, reference, err);
}

static void submit_job(void *data, uint64_t job)
{
	(void)data;
	printf("%llu\n", (unsigned long long)job);
	fflush(stdout);
}

static void submit_progress(void *data, const struct wire_job_status *status)
{
	progress_update(((struct submit *)data)->progress, status);
}

static int prepare(const struct submit_values *values, int operands, char **argv, struct submit *submit,
		   struct err *err)
{
	uint64_t retry_of = 0;
	int      rc = 0;

	if (values->retry_failed && (operands || values->request.from_file))
		return err_set(err, ERR_USAGE,
			       "--retry-failed takes the images of that job: no SOURCE and no --from-file");
	if (values->retry_failed)
		rc = parse_job(values->retry_failed, &retry_of, err);
	if (rc == 0)
		rc = job_request_open(&values->request, argv + 1, operands, retry_of, true, &submit->request, err);
	submit->request.submit.priority = values->bulk ? WIRE_PRIORITY_BULK : WIRE_PRIORITY_ADHOC;
	return rc;
}

static int follow(const struct submit_values *values, struct submit *submit, struct broker_link *link, int interrupt_fd,
		  struct err *err)
{
	struct client_run run = {.submit = &submit->request.submit,
				 .reference = values->retry_failed ? NULL : submit_reference,
				 .submitted = submit_job,
				 .progress = submit_progress,
				 .data = submit,
				 .until_submitted = !values->wait,
				 .interrupt_fd = interrupt_fd};
	int               rc = client_run(link->client, &run, err);

	if (rc == ERR_CANCELLED && run.job) {
		log_line(LOG_WARNING, "submit", "left: job %llu goes on (varve watch %llu)",
			 (unsigned long long)run.job, (unsigned long long)run.job);
		err_clear(err);
		return EXIT_STATUS_DONE;
	}
	if (rc != 0)
		return rc;
	return submit->request.list.refused || run.status.images_failed || run.status.images_incomplete
		       ? EXIT_STATUS_INCOMPLETE
		       : EXIT_STATUS_DONE;
}

static int submit_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct submit_values values = {0};
	struct submit        submit = {0};
	struct broker_link   link = {0};
	int interrupt_fd = -1, operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	rc = prepare(&values, operands, argv, &submit, err);
	if (rc == 0)
		rc = interrupt_fd = interrupt_open(err);
	if (rc >= 0)
		rc = broker_link_open(&values.broker, &link, err);
	if (rc == 0) {
		submit.progress =
			progress_open(values.quiet || !values.wait ? PROGRESS_NEVER : PROGRESS_AUTO, "submit");
		rc = follow(&values, &submit, &link, interrupt_fd, err);
		progress_close(submit.progress);
		broker_link_close(&link);
	}
	interrupt_close(interrupt_fd);
	job_request_close(&submit.request);
	return rc;
}

const struct command command_submit = {
	"submit",
	"hand images or registries to a running broker; prints the job number",
	"SOURCE…",
	"SOURCE as for varve scan, but only what a worker elsewhere can reach: docker:// and registry://.",
	submit_options,
	submit_run,
};
