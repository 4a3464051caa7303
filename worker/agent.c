#include "agent.h"

#include "agent_task.h"
#include "base/clock.h"
#include "base/queue.h"
#include "wire/message.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	LIGHT_THREADS = 8,
	AHEAD_PER_THREAD = 2,/* transfers opened ahead, per scan thread */
	THREADS_MAX = 256,
	LISTED_PER_CHUNK = 500,
	SEND_WAIT_MS = 1000,
	QUEUE_TASKS = 4096,
	RESULT_BYTES_CREDIT = 512 << 20,
};

/* From the working threads to the socket thread. */
struct agent_output {
	struct agent_task *task;
	bool               finished; /* else: a chunk of a listing */
	struct buf         chunk;
};

struct agent {
	struct agent_config   config;
	struct wire_client   *client;
	struct window_budget *window;
	struct scan_config    scan;
	struct queue         *light, *to_open, *to_scan, *output;
	pthread_t             socket_thread, threads[LIGHT_THREADS + 2 * THREADS_MAX];
	size_t                threads_count;
	unsigned              scan_threads, ahead;
	int                   wake_fd;
	_Atomic bool          stopping;
	/* the socket thread's */
	struct agent_task    *tasks; /* all leases held */
	bool                  welcome;
	uint64_t              heard, beaten, heartbeat_ms, silence_ms;
	struct buf            frame, in, set;
	struct arena          arena;
};

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
		if (atomic_load(&task->cancel))
			task->status = ERR_CANCELLED;
		else if (task->kind == AGENT_RESOLVE)
			agent_task_resolve(task, agent->config.sources);
		else
			run_listing(agent, task);
		put_output(agent, task, true, NULL);
	}
	return NULL;
}

static void *open_run(void *data)
{
	struct agent      *agent = data;
	struct agent_task *task;

	while ((task = queue_pop(agent->to_open)) != NULL) {
		char digest[DIGEST_TEXT_BYTES];

		digest_text(&task->layer.digest, digest);
		log_line(agent->config.scan_log, "worker", "%s layer %s, lease %llu, analyzers %.*s",
		         task->verify ? "verify" : "scan", digest, (unsigned long long)task->lease,
		         SLICE_FMT(buf_slice(&agent->set)));
		agent_task_open(task, agent->config.sources);
		if (task->status < 0 || !queue_push(agent->to_scan, task))
			put_output(agent, task, true, NULL);
	}
	return NULL;
}

static void *scan_run(void *data)
{
	struct agent      *agent = data;
	struct agent_task *task;

	while ((task = queue_pop(agent->to_scan)) != NULL) {
		agent_task_scan(task, agent->config.sources, &agent->scan);
		put_output(agent, task, true, NULL);
	}
	return NULL;
}

/* --- leases held --- */

static struct agent_task *find_task(struct agent *agent, uint64_t lease)
{
	struct agent_task *task = agent->tasks;

	while (task && task->lease != lease)
		task = task->next;
	return task;
}

static void forget_task(struct agent *agent, struct agent_task *task)
{
	struct agent_task **link = &agent->tasks;

	while (*link && *link != task)
		link = &(*link)->next;
	if (*link)
		*link = task->next;
	agent_task_free(task);
}

static unsigned held(const struct agent *agent, bool layers)
{
	unsigned count = 0;

	for (const struct agent_task *task = agent->tasks; task; task = task->next)
		count += (task->kind == AGENT_LAYER) == layers;
	return count;
}

/* --- sending --- */

static void send_frame(struct agent *agent)
{
	struct err err = {0};

	if (!buf_ok(&agent->frame) || wire_client_send(agent->client, buf_slice(&agent->frame), SEND_WAIT_MS, &err) < 0)
		log_line(LOG_WARNING, "worker", "%s", err.text[0] ? err.text : "out of memory");
	buf_clear(&agent->frame);
}

static void send_hello(struct agent *agent)
{
	struct wire_hello hello = {.version = slice_str(VARVE_VERSION),
	                           .analyzer_set = buf_slice(&agent->set),
	                           .result_bytes = RESULT_BYTES_CREDIT,
	                           .local = agent->config.embedded};
	unsigned          layers = held(agent, true), light = held(agent, false);
	char              host[256] = "";

	gethostname(host, sizeof(host) - 1);
	hello.name = slice_str(agent->config.name ? agent->config.name : host);
	hello.layer_slots = agent->scan_threads + agent->ahead > layers ? agent->scan_threads + agent->ahead - layers : 0;
	hello.light_slots = LIGHT_THREADS > light ? LIGHT_THREADS - light : 0;
	arena_reset(&agent->arena);
	for (size_t i = 0; agent->config.hosts && agent->config.hosts[i]; i++)
		hello.hosts.count++;
	hello.hosts.items = arena_array(&agent->arena, hello.hosts.count + 1, sizeof(struct slice));
	for (size_t i = 0; i < hello.hosts.count && hello.hosts.items; i++)
		hello.hosts.items[i] = slice_str(agent->config.hosts[i]);
	wire_put_hello(&agent->frame, 0, &hello);
	send_frame(agent);
}

static void send_chunk(struct agent *agent, struct agent_task *task, struct slice bytes, bool last)
{
	struct wire_result result = {.lease = task->lease, .number = task->chunks++, .last = last, .bytes = bytes};

	wire_put_result(&agent->frame, 0, &result);
	send_frame(agent);
}

static void send_result(struct agent *agent, struct agent_task *task)
{
	struct slice rest = buf_slice(&task->result);

	if (task->kind != AGENT_ENUMERATE)
		task->chunks = 0;
	do {
		struct slice part = slice_sub(rest, 0, LIMIT_CHUNK_BYTES);

		rest = slice_from(rest, part.len);
		send_chunk(agent, task, part, rest.len == 0);
	} while (rest.len);
}

static enum wire_fail_class fail_class(int code)
{
	switch (code) {
	case ERR_NET:
	case ERR_RATE:
	case ERR_MEM:
	case ERR_IO:
	case ERR_FULL:
	case ERR_BUSY:
	case ERR_CANCELLED:
		return WIRE_FAIL_TRANSIENT;
	case ERR_AUTH:
		return WIRE_FAIL_NOT_HERE;
	default:
		return WIRE_FAIL_PERMANENT;
	}
}

static void send_failure(struct agent *agent, const struct agent_task *task)
{
	struct wire_fail fail = {.lease = task->lease,
	                         .fail_class = (uint32_t)fail_class(task->status),
	                         .code = task->status,
	                         .text = slice_str(task->err.text)};

	wire_put_fail(&agent->frame, 0, &fail);
	send_frame(agent);
}

static void send_end(struct agent *agent, struct agent_task *task)
{
	task->sent = true;
	if (task->status < 0)
		send_failure(agent, task);
	else
		send_result(agent, task);
}

static void send_heartbeat(struct agent *agent)
{
	struct wire_progress progress = {0};
	size_t               count = 0;

	arena_reset(&agent->arena);
	for (const struct agent_task *task = agent->tasks; task; task = task->next)
		count++;
	progress.items = arena_array(&agent->arena, count + 1, sizeof(*progress.items));
	for (struct agent_task *task = agent->tasks; task && progress.items && progress.count < WIRE_LEASES_MAX; task = task->next)
		progress.items[progress.count++] =
		        (struct wire_lease_progress){.lease = task->lease, .bytes = atomic_load(&task->progress)};
	wire_put_progress(&agent->frame, 0, &progress);
	send_frame(agent);
}

/* --- results of the working threads --- */

static void encode_images(struct agent *agent, struct agent_task *task)
{
	struct wire_strings strings = {.items = arena_array(&task->arena, task->images_count, sizeof(struct slice))};
	struct buf          encoded;

	(void)agent;
	buf_init(&encoded, LIMIT_INVENTORY_BYTES);
	for (size_t i = 0; strings.items && i < task->images_count && task->status >= 0; i++) {
		buf_clear(&encoded);
		task->status = image_encode(&task->images[i], &encoded, &task->err);
		strings.items[strings.count++] = arena_copy(&task->arena, buf_slice(&encoded));
	}
	buf_deinit(&encoded);
	wire_put_strings(&task->result, &strings);
	if (task->status >= 0 && (arena_failed(&task->arena) || !buf_ok(&task->result)))
		task->status = err_set(&task->err, ERR_MEM, "image records: out of memory");
}

/* A lone image that failed for a passing reason, or for want of a credential, is the task's failure: others may do better. */
static void weigh_failed_image(struct agent_task *task)
{
	const struct image *image = task->images;

	if (task->images_count != 1 || image->status != IMAGE_FAILED || fail_class(image->error) == WIRE_FAIL_PERMANENT)
		return;
	task->status = image->error;
	err_set(&task->err, image->error, "%.*s", (int)(image->reason.len < 400 ? image->reason.len : 400),
	        (const char *)image->reason.ptr);
}

static void encode_layer(struct agent_task *task)
{
	const struct scan_outcome *outcome = &task->outcome;
	struct wire_layer_result   result = {.diff_id = outcome->result.diff_id,
	                                     .blob_bytes = outcome->result.blob_bytes,
	                                     .tar_bytes = outcome->result.tar_bytes,
	                                     .entries = outcome->result.entries,
	                                     .files_analyzed = outcome->result.files_analyzed,
	                                     .bytes_fetched = outcome->blob_bytes_read,
	                                     .partial = outcome->result.partial,
	                                     .by_resource = outcome->result.by_resource,
	                                     .verified = outcome->verified,
	                                     .inventory = buf_slice(&task->inventory),
	                                     .path_table = buf_slice(&task->path_table)};

	wire_put_layer_result(&task->result, &result);
	if (!buf_ok(&task->result))
		task->status = err_set(&task->err, ERR_LIMIT, "inventory: longer than %zu bytes", task->result.bytes_max);
	buf_deinit(&task->inventory);
	buf_deinit(&task->path_table);
}

static void finish_task(struct agent *agent, struct agent_task *task)
{
	if (atomic_load(&task->cancel)) { /* dropped: nobody waits for it */
		forget_task(agent, task);
		return;
	}
	if (task->status >= 0 && task->kind == AGENT_RESOLVE)
		weigh_failed_image(task);
	if (task->status >= 0 && task->kind == AGENT_RESOLVE)
		encode_images(agent, task);
	if (task->status >= 0 && task->kind == AGENT_LAYER)
		encode_layer(task);
	if (task->status >= 0 && task->kind == AGENT_ENUMERATE)
		wire_put_strings(&task->result, &(struct wire_strings){0});
	send_end(agent, task);
}

static void take_outputs(struct agent *agent)
{
	struct agent_output *output;

	while ((output = queue_pop_ms(agent->output, 0)) != NULL) {
		if (output->finished)
			finish_task(agent, output->task);
		else if (!atomic_load(&output->task->cancel))
			send_chunk(agent, output->task, buf_slice(&output->chunk), false);
		buf_deinit(&output->chunk);
		free(output);
	}
}

/* --- messages of the broker --- */

static const char **copy_globs(struct arena *arena, const struct wire_strings *globs)
{
	const char **out = arena_array(arena, globs->count + 1, sizeof(*out));

	for (size_t i = 0; out && i < globs->count; i++)
		out[i] = arena_str(arena, globs->items[i]);
	return globs->count ? out : NULL;
}

static int fill_task(struct agent *agent, struct agent_task *task, const struct wire_task *m)
{
	struct err *err = &task->err;
	int         status;

	task->lease = m->lease;
	task->kind = (enum agent_task_kind)m->kind;
	if (m->kind > WIRE_TASK_LAYER)
		return err_set(err, ERR_PROTOCOL, "task of unknown kind %u", m->kind);
	if ((status = reference_parse(m->reference, &task->reference, err)) < 0)
		return status;
	if (reference_is_local(&task->reference) && !agent->config.embedded)
		return err_set(err, ERR_USAGE, "%.*s: a worker reads no local sources; use `varve scan`", SLICE_FMT(slice_sub(m->reference, 0, 200)));
	if (m->kind == WIRE_TASK_RESOLVE && (status = platform_parse(m->platform, &task->platform, err)) < 0)
		return status;
	task->include = copy_globs(&task->arena, &m->include);
	task->exclude = copy_globs(&task->arena, &m->exclude);
	task->newest = m->newest;
	task->layer = (struct image_layer){.digest = m->digest,
	                                   .diff_id = m->diff_id,
	                                   .size = m->size,
	                                   .media_type = arena_copy(&task->arena, m->media_type),
	                                   .location = arena_copy(&task->arena, m->location)};
	task->verify = m->verify;
	return arena_failed(&task->arena) ? err_set(err, ERR_MEM, "task: out of memory") : 0;
}

static void take_task(struct agent *agent, struct slice body)
{
	struct agent_task *task = agent_task_new();
	struct wire_task   m;
	struct err         err = {0};

	if (!task || wire_get_task(body, &agent->arena, &m, &err) < 0) {
		log_line(LOG_WARNING, "worker", "%s", task ? err.text : "task: out of memory");
		agent_task_free(task);
		return;
	}
	if (find_task(agent, m.lease)) {
		agent_task_free(task);
		return;
	}
	task->next = agent->tasks;
	agent->tasks = task;
	task->status = fill_task(agent, task, &m);
	if (task->status < 0)
		send_end(agent, task);
	else if (!queue_try_push(task->kind == AGENT_LAYER ? agent->to_open : agent->light, task)) {
		task->status = err_set(&task->err, ERR_BUSY, "worker has no room for more tasks");
		send_end(agent, task);
	}
}

static void take_ack(struct agent *agent, struct slice body)
{
	struct wire_ack    ack;
	struct agent_task *task;

	if (wire_get_ack(body, &ack, NULL) < 0 || (task = find_task(agent, ack.lease)) == NULL || !task->sent)
		return;
	if (ack.code < 0 && ack.code != ERR_NOT_FOUND)
		log_line(LOG_WARNING, "worker", "lease %llu: the broker refused the result: %.*s", (unsigned long long)ack.lease,
		         SLICE_FMT(ack.text));
	forget_task(agent, task);
}

static void take_drop(struct agent *agent, struct slice body)
{
	uint64_t           lease;
	struct agent_task *task;

	if (wire_get_number(body, &lease, NULL) < 0 || (task = find_task(agent, lease)) == NULL)
		return;
	atomic_store(&task->cancel, true);
	if (task->sent)
		forget_task(agent, task);
}

static void take_welcome(struct agent *agent, struct slice body)
{
	struct wire_welcome welcome;

	if (wire_get_welcome(body, &welcome, NULL) < 0)
		return;
	agent->welcome = true;
	agent->heartbeat_ms = welcome.heartbeat_ms ? welcome.heartbeat_ms : WIRE_HEARTBEAT_MS;
	agent->silence_ms = welcome.silence_ms ? welcome.silence_ms : WIRE_SILENCE_MS;
	for (struct agent_task *task = agent->tasks; task; task = task->next)
		if (task->sent && task->kind != AGENT_ENUMERATE)
			send_end(agent, task); /* perhaps never arrived */
}

static void take_error(struct agent *agent, struct slice body)
{
	struct wire_error error;

	if (wire_get_error(body, &error, NULL) < 0)
		return;
	if (error.code == ERR_NOT_FOUND) { /* a broker that does not know us: it has been started anew */
		agent->welcome = false;
		agent->beaten = 0;
		return;
	}
	log_line(LOG_WARNING, "worker", "the broker says: %.*s", SLICE_FMT(error.text));
}

static void take_frame(struct agent *agent)
{
	struct wire_header header;
	struct slice       body;
	struct err         err = {0};

	arena_reset(&agent->arena);
	if (wire_open_frame(buf_slice(&agent->in), &header, &body, &err) < 0) {
		log_line(LOG_WARNING, "worker", "%s", err.text);
		return;
	}
	agent->heard = clock_ms();
	switch (header.type) {
	case WIRE_TASK:
		take_task(agent, body);
		break;
	case WIRE_ACK:
		take_ack(agent, body);
		break;
	case WIRE_DROP:
		take_drop(agent, body);
		break;
	case WIRE_WELCOME:
		take_welcome(agent, body);
		break;
	case WIRE_ERROR:
		take_error(agent, body);
		break;
	default: /* PONG, and what a newer broker may say */
		break;
	}
}

/* --- socket thread --- */

static void beat(struct agent *agent, uint64_t now)
{
	if (agent->welcome && now >= agent->heard + agent->silence_ms) {
		log_line(LOG_WARNING, "worker", "nothing heard from the broker for %llu s", (unsigned long long)agent->silence_ms / 1000);
		agent->welcome = false;
	}
	if (agent->beaten && now < agent->beaten + agent->heartbeat_ms)
		return;
	agent->beaten = now;
	if (agent->welcome)
		send_heartbeat(agent);
	else
		send_hello(agent);
}

static void drain_wake(struct agent *agent)
{
	uint64_t count;

	if (read(agent->wake_fd, &count, sizeof(count)) < 0)
		return; /* nothing was there */
}

static void *socket_run(void *data)
{
	struct agent *agent = data;
	struct err    err = {0};

	if (wire_client_open(agent->config.context, &agent->config.broker, &agent->client, &err) < 0) {
		log_line(LOG_ERROR, "worker", "%s", err.text);
		return NULL;
	}
	while (!atomic_load(&agent->stopping)) {
		beat(agent, clock_ms());
		err_clear(&err);
		for (int got = wire_client_receive(agent->client, agent->wake_fd, agent->heartbeat_ms / 2, &agent->in, &err); got > 0;
		     got = wire_client_receive(agent->client, -1, 0, &agent->in, &err))
			take_frame(agent);
		drain_wake(agent);
		take_outputs(agent);
	}
	wire_put_empty(&agent->frame, WIRE_BYE, 0);
	send_frame(agent);
	wire_client_close(agent->client);
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
	if (status >= 0 && pthread_create(&agent->socket_thread, NULL, socket_run, agent) != 0)
		status = err_set(err, ERR_MEM, "worker: cannot start a thread");
	return status;
}

static void free_tasks(struct agent *agent)
{
	while (agent->tasks)
		forget_task(agent, agent->tasks);
}

static void agent_free(struct agent *agent)
{
	struct agent_output *output;

	while (agent->output && (output = queue_pop_ms(agent->output, 0)) != NULL) {
		buf_deinit(&output->chunk);
		free(output);
	}
	free_tasks(agent);
	queue_free(agent->light);
	queue_free(agent->to_open);
	queue_free(agent->to_scan);
	queue_free(agent->output);
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
	agent->heartbeat_ms = WIRE_HEARTBEAT_MS;
	agent->silence_ms = WIRE_SILENCE_MS;
	init_bufs(agent);
	agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	agent->light = queue_new(QUEUE_TASKS);
	agent->to_open = queue_new(QUEUE_TASKS);
	agent->to_scan = queue_new(agent->scan_threads);
	agent->output = queue_new(QUEUE_TASKS);
	agent->window = window_budget_new();
	agent->scan = (struct scan_config){.spool_dir = config->spool_dir, .window = agent->window};
	if (agent->wake_fd < 0 || !agent->light || !agent->to_open || !agent->to_scan || !agent->output || !agent->window ||
	    !buf_ok(&agent->set))
		status = err_set(err, ERR_MEM, "worker: out of memory");
	if (status >= 0 && (status = start_threads(agent, err)) < 0)
		join_workers(agent);
	if (status < 0) {
		agent_free(agent);
		return status;
	}
	*out = agent;
	return 0;
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
