#include "agent_internal.h"

#include "base/clock.h"
#include "sandbox/parser_program.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LISTED_PER_CHUNK = 500, QUEUE_TASKS = 4096 };

unsigned agent_cpus(void)
{
	cpu_set_t set;
	int       count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count < 1 ? 1 : (unsigned)count;
}

/* --- working threads --- */

static void wake(struct agent *agent)
{
	uint64_t one = 1;

	if (write(agent->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable already */
}

static void put_output(struct agent *agent, struct agent_task *task, bool finished, struct buf *chunk)
{
	struct agent_output *output = calloc(1, sizeof(*output));

	if (!output)
		abort(); /* a lease must not vanish: the broker notices our death instead */
	output->task = task;
	output->finished = finished;
	if (chunk) {
		output->chunk = *chunk;
		*chunk = (struct buf){.bytes_max = LIMIT_CHUNK_BYTES};
	}
	if (!queue_push(agent->output, output)) {
		buf_deinit(&output->chunk);
		free(output);
		return;
	}
	wake(agent);
}

struct listing {
	struct agent      *agent;
	struct agent_task *task;
	struct arena       arena;
	struct slice       items[LISTED_PER_CHUNK];
	size_t             count;
};

static void flush_listing(struct listing *listing)
{
	struct wire_strings strings = {.items = listing->items, .count = listing->count};
	struct buf          chunk;

	if (!listing->count)
		return;
	buf_init(&chunk, LIMIT_CHUNK_BYTES);
	wire_put_strings(&chunk, &strings);
	put_output(listing->agent, listing->task, false, &chunk);
	arena_reset(&listing->arena);
	listing->count = 0;
}

static int listed(void *data, const struct reference *reference)
{
	struct listing *listing = data;
	char            text[REFERENCE_TEXT_BYTES];

	if (atomic_load(&listing->task->cancel))
		return ERR_CANCELLED;
	reference_text(reference, text);
	listing->items[listing->count++] = arena_copy(&listing->arena, slice_str(text));
	if (listing->count == LISTED_PER_CHUNK || listing->arena.bytes_used > LIMIT_CHUNK_BYTES / 2)
		flush_listing(listing);
	return 0;
}

static void run_listing(struct agent *agent, struct agent_task *task)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing) {
		task->status = err_set(&task->err, ERR_MEM, "listing: out of memory");
		return;
	}
	listing->agent = agent;
	listing->task = task;
	arena_init(&listing->arena, 8 << 20);
	agent_task_enumerate(task, agent->config.sources, listed, listing);
	flush_listing(listing);
	arena_deinit(&listing->arena);
	free(listing);
}

static void *light_run(void *data)
{
	struct agent      *agent = data;
	struct agent_task *task;

	while ((task = queue_pop(agent->light)) != NULL) {
		atomic_store(&task->waiting, false);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_LIGHT, 1);
		if (atomic_load(&task->cancel))
			task->status = ERR_CANCELLED;
		else if (task->kind == AGENT_RESOLVE)
			agent_task_resolve(task, agent->config.sources);
		else
			run_listing(agent, task);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_LIGHT, -1);
		put_output(agent, task, true, NULL);
	}
	return NULL;
}

static void log_start(const struct agent *agent, const struct agent_task *task)
{
	char digest[DIGEST_TEXT_BYTES], set[WIRE_SET_NAME_BYTES];

	if (atomic_load(&task->cancel))
		return; /* it is not begun */
	digest_text(&task->layer.digest, digest);
	wire_set_name(buf_slice(&agent->set), set);
	log_about(agent->config.scan_log, "worker",
		  &(struct log_subject){.job = task->job,
					.lease = task->lease,
					.layer = slice_str(digest),
					.host = slice_str(task->reference.host)},
		  "%s layer %s, lease %llu, job %llu, analyzers %s", task->verify ? "verify" : "scan", digest,
		  (unsigned long long)task->lease, (unsigned long long)task->job, set);
}

static void *open_run(void *data)
{
	struct agent      *agent = data;
	struct agent_task *task;

	while ((task = queue_pop(agent->to_open)) != NULL) {
		atomic_store(&task->waiting, false);
		log_start(agent, task);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_OPEN, 1);
		agent_task_open(task, agent->config.sources);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_OPEN, -1);
		atomic_store(&task->waiting, task->status >= 0);
		if (task->status < 0 || !queue_push(agent->to_scan, task))
			put_output(agent, task, true, NULL);
	}
	return NULL;
}

static void *scan_run(void *data)
{
	struct agent      *agent = data;
	struct scan_config scan = agent->scan;
	struct agent_task *task;

	scan.parser = agent->parsers[atomic_fetch_add(&agent->parsers_taken, 1)];
	while ((task = queue_pop(agent->to_scan)) != NULL) {
		uint64_t began = clock_ms();

		atomic_store(&task->waiting, false);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_SCAN, 1);
		scan.spare = atomic_fetch_add(&agent->scanning, 1) + 1 < agent->scan_threads;
		agent_task_scan(task, agent->config.sources, &scan);
		atomic_fetch_sub(&agent->scanning, 1);
		agent_metrics_busy(agent->config.metrics, AGENT_STAGE_SCAN, -1);
		agent_metrics_scanned(agent->config.metrics, task, clock_ms() - began);
		put_output(agent, task, true, NULL);
	}
	return NULL;
}

/* --- life --- */

static int add_threads(struct agent *agent, unsigned count, void *(*run)(void *), struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		if (pthread_create(&agent->threads[agent->threads_count], NULL, run, agent) != 0)
			return err_set(err, ERR_MEM, "worker: cannot start a thread");
		agent->threads_count++;
	}
	return 0;
}

static int start_threads(struct agent *agent, struct err *err)
{
	int status = add_threads(agent, LIGHT_THREADS, light_run, err);

	if (status >= 0)
		status = add_threads(agent, agent->ahead, open_run, err);
	if (status >= 0)
		status = add_threads(agent, agent->scan_threads, scan_run, err);
	if (status >= 0 && pthread_create(&agent->socket_thread, NULL, agent_link_run, agent) != 0)
		status = err_set(err, ERR_MEM, "worker: cannot start a thread");
	return status;
}

static void free_tasks(struct agent *agent)
{
	while (agent->tasks)
		agent_forget_task(agent, agent->tasks);
}

static void agent_free(struct agent *agent)
{
	struct agent_output *output;

	while (agent->output && (output = queue_pop_ms(agent->output, 0)) != NULL) {
		buf_deinit(&output->chunk);
		free(output);
	}
	wire_client_close(agent->client);
	free_tasks(agent);
	queue_free(agent->light);
	queue_free(agent->to_open);
	queue_free(agent->to_scan);
	queue_free(agent->output);
	for (size_t i = 0; i < THREADS_MAX; i++)
		parser_free(agent->parsers[i]);
	window_budget_free(agent->window);
	buf_deinit(&agent->frame);
	buf_deinit(&agent->in);
	buf_deinit(&agent->set);
	arena_deinit(&agent->arena);
	if (agent->wake_fd >= 0)
		close(agent->wake_fd);
	free(agent);
}

static void join_workers(struct agent *agent)
{
	queue_close(agent->light);
	queue_close(agent->to_open);
	queue_close(agent->to_scan);
	queue_close(agent->output);
	for (size_t i = 0; i < agent->threads_count; i++)
		pthread_join(agent->threads[i], NULL);
}

static void init_bufs(struct agent *agent)
{
	buf_init(&agent->frame, LIMIT_MESSAGE_BYTES);
	buf_init(&agent->in, LIMIT_MESSAGE_BYTES);
	buf_init(&agent->set, 64 << 10);
	arena_init(&agent->arena, 16 << 20);
	agent_analyzer_set(&agent->set);
}

static void name_instance(struct agent *agent)
{
	uint64_t random[2] = {random_seed(), random_seed()};

	_Static_assert(sizeof(random) == sizeof(agent->instance), "an instance is 16 bytes");
	memcpy(agent->instance, random, sizeof(random));
}

/* The others are started when there is something to read; the first tells what all of them will have. */
static int open_parsers(struct agent *agent, struct err *err)
{
	const char *lacking;
	int         status;

	for (unsigned i = 0; i < agent->scan_threads; i++) {
		agent->parsers[i] = parser_new(&agent->config.parser);
		if (!agent->parsers[i])
			return err_set(err, ERR_MEM, "worker: out of memory");
	}
	status = parser_ready(agent->parsers[0], &lacking, err);
	if (status >= 0 && *lacking)
		log_line(PARSER_SANITIZED ? LOG_DEBUG : LOG_WARNING, "sandbox",
			 "parsers of images are less locked up than they could be: %s", lacking);
	if (status >= 0 && agent->config.parser.mode == SANDBOX_OFF)
		log_line(LOG_WARNING, "sandbox", "--sandbox=off: parsers of images keep every right of this process");
	return status;
}

static void log_set(const struct agent *agent)
{
	char name[WIRE_SET_NAME_BYTES];

	wire_set_name(buf_slice(&agent->set), name);
	log_line(agent->config.scan_log, "worker", "analyzers %s: %.*s", name, SLICE_FMT(buf_slice(&agent->set)));
}

int agent_start(const struct agent_config *config, struct agent **out, struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int           status = 0;

	if (!agent)
		return err_set(err, ERR_MEM, "worker: out of memory");
	agent->config = *config;
	agent->scan_threads = config->threads ? config->threads : agent_cpus();
	if (agent->scan_threads > THREADS_MAX / AHEAD_PER_THREAD)
		agent->scan_threads = THREADS_MAX / AHEAD_PER_THREAD;
	agent->ahead = agent->scan_threads * AHEAD_PER_THREAD;
	agent->rng = rng_seeded(random_seed());
	name_instance(agent);
	agent->heartbeat_ms = WIRE_HEARTBEAT_MS;
	agent->silence_ms = WIRE_SILENCE_MS;
	init_bufs(agent);
	agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	agent->light = queue_new(QUEUE_TASKS);
	agent->to_open = queue_new(QUEUE_TASKS);
	agent->to_scan = queue_new(agent->scan_threads);
	agent->output = queue_new(QUEUE_TASKS);
	agent->window = window_budget_new();
	agent->scan =
		(struct scan_config){.spool_dir = config->spool_dir, .window = agent->window, .memo = config->memo};
	if (agent->wake_fd < 0 || !agent->light || !agent->to_open || !agent->to_scan || !agent->output ||
	    !agent->window || !buf_ok(&agent->set))
		status = err_set(err, ERR_MEM, "worker: out of memory");
	if (status >= 0)
		status = open_parsers(agent, err);
	if (status >= 0)
		status = wire_client_open(config->context, &config->broker, &agent->client, err);
	if (status >= 0 && (status = start_threads(agent, err)) < 0)
		join_workers(agent);
	if (status < 0) {
		agent_free(agent);
		return status;
	}
	log_set(agent);
	*out = agent;
	return 0;
}

void agent_drain(struct agent *agent)
{
	atomic_store(&agent->drain_asked, true);
	wake(agent);
}

void agent_stop(struct agent *agent)
{
	if (!agent)
		return;
	atomic_store(&agent->stopping, true);
	wake(agent);
	pthread_join(agent->socket_thread, NULL); /* from here on the tasks are ours */
	for (struct agent_task *task = agent->tasks; task; task = task->next)
		atomic_store(&task->cancel, true);
	sources_stop(agent->config.sources);
	join_workers(agent);
	agent_free(agent);
}
