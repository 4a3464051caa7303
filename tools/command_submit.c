/* command_submit.c - varve submit: hands a job to a running broker; --wait stays until it has ended. */
#include "base/digest.h"
#include "base/limits.h"
#include "base/log.h"
#include "broker_link.h"
#include "command.h"
#include "exit_status.h"
#include "interrupt.h"
#include "job_request.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

struct submit_values {
	struct request_options request;
	struct broker_options  broker;
	const char            *retry_failed, *every, *token;
	bool                   bulk, wait, quiet;
};

static const struct option_spec submit_options[] = {
	REQUEST_OPTIONS(submit_values),
	BROKER_OPTIONS(submit_values),
	{"bulk", OPTION_FLAG, offsetof(struct submit_values, bulk), NULL, "let ad hoc jobs go first"},
	{"retry-failed", OPTION_TEXT, offsetof(struct submit_values, retry_failed), "JOB",
	 "instead of SOURCE: what failed or is incomplete in JOB"},
	{"every", OPTION_TEXT, offsetof(struct submit_values, every), "SPEC",
	 "a schedule: 24h, 15m, or five fields of cron in UTC"},
	{"token", OPTION_TEXT, offsetof(struct submit_values, token), "HEX",
	 "name of this submission, 32 hex digits: the same again continues it"},
	{"wait", OPTION_FLAG, offsetof(struct submit_values, wait), NULL, "stay until the job has ended"},
	{"quiet", OPTION_FLAG, offsetof(struct submit_values, quiet), NULL, "no progress"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

struct submit {
	struct job_request request;
	struct progress   *progress;
	uint64_t           job;
	bool               watched; /* how far it is comes from the broker */
};

static int submit_reference(void *data, struct slice *reference, struct err *err)
{
	return source_list_next(&((struct submit *)data)->request.list, reference, err);
}

static void submit_job(void *data, uint64_t job)
{
	struct submit *submit = data;

	submit->job = job;
	progress_hide(submit->progress);
	printf("%llu\n", (unsigned long long)job);
	fflush(stdout);
}

static void submit_sent(void *data, uint64_t references)
{
	struct submit *submit = data;
	char           text[96];

	snprintf(text, sizeof(text), "job %llu: %llu references sent", (unsigned long long)submit->job,
		 (unsigned long long)references);
	if (!submit->watched)
		progress_say(submit->progress, slice_str(text), references);
}

static void submit_progress(void *data, const struct wire_job_status *status)
{
	struct submit *submit = data;

	submit->watched = true;
	progress_update(submit->progress, status);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_token(const char *text, uint8_t token[WIRE_TOKEN_BYTES], struct err *err)
{
	bool good = strlen(text) == 2 * WIRE_TOKEN_BYTES;

	for (size_t i = 0; good && i < WIRE_TOKEN_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		good = high >= 0 && low >= 0;
		token[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
	}
	return good ? 0
		    : err_set(err, ERR_USAGE, "--token: not %d hexadecimal digits (openssl rand -hex %d makes some)",
			      2 * WIRE_TOKEN_BYTES, WIRE_TOKEN_BYTES);
}

static int prepare(const struct submit_values *values, int operands, char **argv, struct submit *submit,
		   struct err *err)
{
	uint64_t retry_of = 0;
	int      rc = 0;

	if (values->retry_failed && (operands || values->request.from_file))
		return err_set(err, ERR_USAGE,
			       "--retry-failed takes the images of that job: no SOURCE and no --from-file");
	if (values->every && (values->wait || !values->every[0]))
		return err_set(err, ERR_USAGE,
			       values->wait ? "--every and --wait: a schedule has no end to wait for"
					    : "--every needs an interval (24h) or five fields of cron");
	if (values->retry_failed)
		rc = parse_job(values->retry_failed, &retry_of, err);
	if (rc == 0)
		rc = job_request_open(&values->request, argv + 1, operands, retry_of, true, &submit->request, err);
	if (rc == 0 && values->token)
		rc = read_token(values->token, submit->request.submit.token, err);
	submit->request.submit.priority = values->bulk ? WIRE_PRIORITY_BULK : WIRE_PRIORITY_ADHOC;
	submit->request.submit.every = slice_str(values->every ? values->every : "");
	return rc;
}

/* An older broker takes a schedule for an ordinary job. */
static int check_schedule(struct submit *submit, struct client *client, struct err *err)
{
	struct wire_status_reply reply;
	struct arena             arena;
	int                      rc;

	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(client, submit->job, &arena, &reply, err);
	if (rc == 0 && reply.jobs[0].every.len == 0)
		rc = err_set(err, ERR_VERSION, "this broker knows no schedules: job %llu runs now, and once",
			     (unsigned long long)submit->job);
	arena_deinit(&arena);
	return rc;
}

/* Left before the end: whether the job has all its references decides what can be done about it. */
static void say_left(const struct submit *submit, const struct client_run *run)
{
	char token[2 * WIRE_TOKEN_BYTES + 1];

	digest_hex(submit->request.submit.token, WIRE_TOKEN_BYTES, token);
	if (run->all_sent)
		log_line(LOG_WARNING, "submit", "left: job %llu goes on (varve watch %llu)",
			 (unsigned long long)run->job, (unsigned long long)run->job);
	else if (run->ragged)
		log_line(LOG_WARNING, "submit",
			 "left: job %llu waits for references that do not come: varve cancel %llu ends it",
			 (unsigned long long)run->job, (unsigned long long)run->job);
	else
		log_line(LOG_WARNING, "submit",
			 "left: job %llu waits for the rest of its references. The same command with --token %s "
			 "continues, varve cancel %llu ends it",
			 (unsigned long long)run->job, token, (unsigned long long)run->job);
}

/* What a job that has ended leaves to be done again; `nothing`: an empty job would only stand in the way. */
static int look_at_earlier(const struct submit_values *values, const struct submit *submit, struct client *client,
			   bool *nothing, struct err *err)
{
	struct wire_status_reply reply;
	struct arena             arena;
	int                      rc;

	*nothing = false;
	if (!values->retry_failed)
		return 0;
	arena_init(&arena, LIMIT_REPORT_BYTES);
	rc = client_status(client, submit->request.submit.retry_of, &arena, &reply, err);
	if (rc == 0 && reply.jobs_count)
		*nothing = (reply.jobs[0].state == JOB_DONE || reply.jobs[0].state == JOB_CANCELLED) &&
			   !reply.jobs[0].images_failed && !reply.jobs[0].images_incomplete;
	arena_deinit(&arena);
	return rc;
}

static int follow(const struct submit_values *values, struct submit *submit, struct broker_link *link, int interrupt_fd,
		  struct err *err)
{
	struct client_run run = {.submit = &submit->request.submit,
				 .reference = values->retry_failed ? NULL : submit_reference,
				 .submitted = submit_job,
				 .sent = submit_sent,
				 .continues = values->token != NULL,
				 .progress = submit_progress,
				 .data = submit,
				 .until_submitted = !values->wait,
				 .interrupt_fd = interrupt_fd};
	int               rc = client_run(link->client, &run, err);

	if (rc == ERR_CANCELLED && run.job) {
		say_left(submit, &run);
		err_clear(err);
		return run.all_sent ? EXIT_STATUS_DONE : EXIT_STATUS_INCOMPLETE;
	}
	if (rc != 0 && rc != ERR_NOT_FOUND && rc != ERR_USAGE && run.job && !run.all_sent)
		say_left(submit, &run);
	if (rc == 0 && values->every)
		rc = check_schedule(submit, link->client, err);
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
	bool                 nothing = false;
	int interrupt_fd = -1, operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	rc = prepare(&values, operands, argv, &submit, err);
	if (rc == 0)
		rc = interrupt_fd = interrupt_open(err);
	if (rc >= 0)
		rc = broker_link_open(&values.broker, &link, err);
	if (rc == 0)
		rc = look_at_earlier(&values, &submit, link.client, &nothing, err);
	if (rc == 0 && nothing) {
		log_line(LOG_INFO, "submit", "nothing failed in job %s: no job is opened", values.retry_failed);
	} else if (rc == 0) {
		submit.progress = progress_open(values.quiet ? PROGRESS_NEVER : PROGRESS_AUTO, "submit");
		rc = follow(&values, &submit, &link, interrupt_fd, err);
		progress_close(submit.progress);
	}
	broker_link_close(&link);
	interrupt_close(interrupt_fd);
	job_request_close(&submit.request);
	return rc;
}

const struct command command_submit = {
	"submit",
	"hand images or registries to a running broker; prints the job number",
	"SOURCE…",
	"SOURCE as for varve scan, but only what a worker elsewhere can reach: docker:// and registry://.\n"
	"Lists of millions stream. A submission that was broken off is continued by the same command with the\n"
	"same --token: what the broker has is not sent again.",
	submit_options,
	submit_run,
};
