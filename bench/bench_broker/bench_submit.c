#include "bench_broker/bench_submit.h"

#include "bench_broker/bench_die.h"

#include "base/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_BYTES_MAX = 64 << 20 };

struct references {
	const char *name;
	uint64_t    next, end;
	char        text[128];
};

static int next_reference(void *data, struct slice *reference, struct err *err)
{
	struct references *list = data;

	(void)err;
	if (list->next == list->end)
		return 0;
	snprintf(list->text, sizeof(list->text), "docker://bench.example/%s:%" PRIu64, list->name, list->next++);
	*reference = slice_str(list->text);
	return 1;
}

struct client *submit_client(struct wire_context *context, const char *endpoint)
{
	const struct client_config config = {.context = context, .wire.endpoint = endpoint, .silence_ms = 600000};
	struct client             *client;
	struct err                 err = {0};

	if (client_open(&config, &client, &err) < 0)
		bench_die("%s", err.text);
	return client;
}

static uint64_t submit(struct client *client, struct references *list, uint32_t priority)
{
	uint64_t           random[2] = {random_seed(), random_seed()};
	struct wire_submit submit = {
		.label = SLICE_LIT("bench"), .priority = priority, .platform = SLICE_LIT("linux/amd64")};
	struct client_run run = {.submit = &submit,
				 .reference = next_reference,
				 .data = list,
				 .until_submitted = true,
				 .interrupt_fd = -1};
	struct err        err = {0};

	memcpy(submit.token, random, sizeof(submit.token));
	if (client_run(client, &run, &err) < 0)
		bench_die("submit: %s", err.text);
	return run.job;
}

uint64_t submit_bulk(struct client *client, uint64_t from, uint64_t count)
{
	struct references list = {.name = "bulk", .next = from, .end = from + count};

	return submit(client, &list, WIRE_PRIORITY_BULK);
}

uint64_t submit_adhoc(struct client *client, uint64_t number)
{
	struct references list = {.name = "adhoc", .next = number, .end = number + 1};

	return submit(client, &list, WIRE_PRIORITY_ADHOC);
}

void submit_cancel(struct client *client, uint64_t job)
{
	struct err err = {0};

	if (client_order(client, WIRE_CANCEL, job, &err) < 0)
		bench_die("cancel: %s", err.text);
}

void submit_status(struct client *client, uint64_t job, struct wire_job_status *out)
{
	struct wire_status_reply reply;
	struct arena             arena;
	struct err               err = {0};

	arena_init(&arena, STATUS_BYTES_MAX);
	if (client_status(client, job, &arena, &reply, &err) < 0 || reply.jobs_count != 1)
		bench_die("status: %s", err.text);
	*out = reply.jobs[0];
	out->label = SLICE_EMPTY;
	arena_deinit(&arena);
}
