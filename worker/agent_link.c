#include "agent_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SEND_WAIT_MS = 1000,
	RESULT_BYTES_CREDIT = 512 << 20, /* of a broker that does not tell */
	HELLO_WAIT_MS_MIN = 500,
	HELLO_WAIT_MS_MAX = 15000,
	DRAIN_CORRELATION = 1,
};

/* --- leases held --- */

static struct agent_task *find_task(struct agent *agent, uint64_t lease)
{
	struct agent_task *task = agent->tasks;

	while (task && task->lease != lease)
		task = task->next;
	return task;
}

void agent_forget_task(struct agent *agent, struct agent_task *task)
{
	struct agent_task **link = &agent->tasks;

	while (*link && *link != task)
		link = &(*link)->next;
	if (*link)
		*link = task->next;
	agent_task_free(task);
}

/* --- sending --- */

bool agent_send(struct agent *agent)
{
	struct err err = {0};
	bool       sent = buf_ok(&agent->frame) &&
		    wire_client_send(agent->client, buf_slice(&agent->frame), SEND_WAIT_MS, &err) == 0;

	if (!sent) {
		log_line_limited(&agent->refused, LOG_WARNING, "worker", "%s",
				 err.text[0] ? err.text : "out of memory");
		agent->welcome = false;
	}
	buf_clear(&agent->frame);
	return sent;
}

/* Of a listing only its first connection knows the parts: it is made again, by whom the broker likes. */
static void give_up_listings(struct agent *agent)
{
	struct agent_task *next;

	for (struct agent_task *task = agent->tasks; task; task = next) {
		next = task->next;
		if (task->kind != AGENT_ENUMERATE || (task->chunks == 0 && !task->finished))
			continue;
		atomic_store(&task->cancel, true);
		if (task->finished)
			agent_forget_task(agent, task);
	}
}

static void fill_leases(struct agent *agent, struct wire_hello *hello)
{
	size_t count = 0;

	for (const struct agent_task *task = agent->tasks; task; task = task->next)
		count++;
	hello->leases = arena_array(&agent->arena, count + 1, sizeof(*hello->leases));
	for (struct agent_task *task = agent->tasks; task && hello->leases; task = task->next)
		if (!atomic_load(&task->cancel) && hello->leases_count < WIRE_LEASES_MAX)
			hello->leases[hello->leases_count++] = task->lease;
}

static void fill_hosts(struct agent *agent, struct wire_hello *hello)
{
	size_t count = 0;

	while (agent->config.hosts && agent->config.hosts[count])
		count++;
	hello->hosts.items = arena_array(&agent->arena, count + 1, sizeof(struct slice));
	for (size_t i = 0; i < count && hello->hosts.items; i++)
		hello->hosts.items[hello->hosts.count++] = slice_str(agent->config.hosts[i]);
}

static void send_hello(struct agent *agent, uint64_t now)
{
	struct wire_hello hello = {.version = slice_str(VARVE_VERSION),
				   .analyzer_set = buf_slice(&agent->set),
				   .result_bytes = RESULT_BYTES_CREDIT,
				   .local = agent->config.embedded,
				   .resolver = SOURCE_RESOLVER_VERSION};
	char              host[256] = "";

	gethostname(host, sizeof(host) - 1);
	hello.name = slice_str(agent->config.name ? agent->config.name : host);
	hello.layer_slots =
		agent->scan_threads + agent->ahead; /* all: what is still held of an earlier broker is none of its */
	hello.light_slots = LIGHT_THREADS;          /* leases, and the end of it would free no slot there */
	memcpy(hello.instance, agent->instance, sizeof(hello.instance));
	give_up_listings(agent);
	arena_reset(&agent->arena);
	fill_hosts(agent, &hello);
	fill_leases(agent, &hello);
	wire_put_hello(&agent->frame, 0, &hello);
	agent_send(agent);
	agent->hello_ms = now;
	agent->hello_next_ms = now + agent->hello_wait_ms / 2 + rng_below(&agent->rng, agent->hello_wait_ms / 2 + 1);
	agent->hello_wait_ms =
		agent->hello_wait_ms * 2 > HELLO_WAIT_MS_MAX ? HELLO_WAIT_MS_MAX : agent->hello_wait_ms * 2;
}

/* Bytes that stand still while the task waits for us are no sign of trouble. */
static uint64_t told_bytes(struct agent_task *task)
{
	if (atomic_load(&task->waiting) || (task->finished && !task->sent))
		atomic_fetch_add(&task->progress, 1);
	return atomic_load(&task->progress);
}

static void send_heartbeat(struct agent *agent)
{
	struct wire_progress progress = {0};
	size_t               count = 0;

	arena_reset(&agent->arena);
	for (const struct agent_task *task = agent->tasks; task; task = task->next)
		count++;
	progress.items = arena_array(&agent->arena, count + 1, sizeof(*progress.items));
	for (struct agent_task *task = agent->tasks; task && progress.items && progress.count < WIRE_LEASES_MAX;
	     task = task->next)
		if (!atomic_load(&task->cancel))
			progress.items[progress.count++] =
				(struct wire_lease_progress){.lease = task->lease, .bytes = told_bytes(task)};
	wire_put_progress(&agent->frame, 0, &progress);
	agent_send(agent);
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
	task->job = m->job;
	task->kind = (enum agent_task_kind)m->kind;
	if (m->kind > WIRE_TASK_LAYER)
		return err_set(err, ERR_PROTOCOL, "task of unknown kind %u", m->kind);
	if ((status = reference_parse(m->reference, &task->reference, err)) < 0)
		return status;
	if (reference_is_local(&task->reference) && !agent->config.embedded)
		return err_set(err, ERR_USAGE, "%.*s: a worker reads no local sources; use `varve scan`",
			       SLICE_FMT(slice_sub(m->reference, 0, 200)));
	if (m->kind == WIRE_TASK_RESOLVE && (status = platform_parse(m->platform, &task->platform, err)) < 0)
		return status;
	task->include = copy_globs(&task->arena, &m->include);
	task->exclude = copy_globs(&task->arena, &m->exclude);
	task->newest = m->newest;
	task->known = arena_array(&task->arena, m->known.count + 1, sizeof(*task->known));
	for (size_t i = 0; task->known && i < m->known.count; i++)
		task->known[task->known_count++] = arena_copy(&task->arena, m->known.items[i]);
	task->layer = (struct image_layer){.digest = m->digest,
					   .diff_id = m->diff_id,
					   .size = m->size,
					   .media_type = arena_copy(&task->arena, m->media_type),
					   .location = arena_copy(&task->arena, m->location)};
	task->verify = m->verify;
	task->no_reuse = m->no_reuse;
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
	if ((task->status = fill_task(agent, task, &m)) >= 0) {
		atomic_store(&task->waiting, true);
		if (queue_try_push(task->kind == AGENT_LAYER ? agent->to_open : agent->light, task))
			return; /* a thread has it now */
		task->status = err_set(&task->err, ERR_BUSY, "worker has no room for more tasks");
	}
	agent_finish_task(agent, task);
}

static void take_ack(struct agent *agent, struct slice body)
{
	struct wire_ack    ack;
	struct agent_task *task;

	if (wire_get_ack(body, &ack, NULL) == 0 && (task = find_task(agent, ack.lease)) != NULL && task->sent)
		agent_task_answered(agent, task, &ack);
}

/* The threads look at `cancel` at every wait and every block; what has ended already is thrown away here. */
static void take_drop(struct agent *agent, struct slice body)
{
	static const struct wire_ack unwanted = {.code = ERR_NOT_FOUND};
	uint64_t                     lease;
	struct agent_task           *task;

	if (wire_get_number(body, &lease, NULL) < 0 || (task = find_task(agent, lease)) == NULL)
		return;
	atomic_store(&task->cancel, true);
	if (task->finished)
		agent_task_answered(agent, task, &unwanted);
}

/* Every HELLO is answered; those that had queued up bring no more than the first. */
static void take_welcome(struct agent *agent, struct slice body)
{
	struct wire_welcome welcome;

	if (wire_get_welcome(body, &welcome, NULL) < 0 || agent->welcome)
		return;
	agent->welcome = true;
	agent_metrics_welcomed(agent->config.metrics);
	agent->drain_said = agent->no_more = false;
	agent->hello_wait_ms = HELLO_WAIT_MS_MIN;
	agent->heartbeat_ms = welcome.heartbeat_ms ? welcome.heartbeat_ms : WIRE_HEARTBEAT_MS;
	agent->silence_ms = welcome.silence_ms ? welcome.silence_ms : WIRE_SILENCE_MS;
	agent->credit = welcome.result_bytes ? welcome.result_bytes : RESULT_BYTES_CREDIT;
}

static void no_more_tasks(struct agent *agent)
{
	atomic_store(&agent->drain_asked, true); /* of the next broker too, should this one go before we have */
	if (!agent->no_more)
		log_line(LOG_INFO, "worker", "draining: no more tasks, what is held is finished");
	agent->no_more = true;
}

/* A broker that does not know us has been started anew: HELLO at once, unless that is what was answered. */
static void take_stranger(struct agent *agent, uint64_t now)
{
	agent->welcome = false;
	if (now - agent->hello_ms >= HELLO_WAIT_MS_MIN)
		agent->hello_next_ms = now;
}

static void take_error(struct agent *agent, uint64_t correlation, struct slice body)
{
	struct wire_error error;

	if (wire_get_error(body, &error, NULL) < 0)
		return;
	if (error.code == ERR_NOT_FOUND) {
		take_stranger(agent, clock_ms());
		return;
	}
	if (correlation == DRAIN_CORRELATION)
		no_more_tasks(agent); /* an older broker: what it still sends goes back with BYE */
	log_line_limited(&agent->refused, LOG_WARNING, "worker", "the broker says: %.*s",
			 SLICE_FMT(slice_sub(error.text, 0, 400)));
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
		take_error(agent, header.correlation, body);
		break;
	case WIRE_DRAIN:
		no_more_tasks(agent);
		break;
	default: /* PONG, and what a newer broker may say */
		break;
	}
}

/* --- socket thread --- */

/* The connection may have broken and come back, with another broker behind it or the same. */
static void check_link(struct agent *agent, uint64_t now)
{
	if (wire_client_reconnected(agent->client)) {
		agent->welcome = false;
		agent->hello_next_ms = now;
	}
	if (agent->welcome && now >= agent->heard + agent->silence_ms) {
		log_line(LOG_WARNING, "worker", "nothing heard from the broker for %llu s",
			 (unsigned long long)agent->silence_ms / 1000);
		agent->welcome = false;
		agent->hello_next_ms = now;
	}
}

static void beat(struct agent *agent, uint64_t now)
{
	check_link(agent, now);
	if (!agent->welcome) {
		agent_results_unsaid(agent);
		if (now >= agent->hello_next_ms)
			send_hello(agent, now);
	} else if (now >= agent->beaten + agent->heartbeat_ms) {
		agent->beaten = now;
		send_heartbeat(agent);
	}
}

static void ask_for_drain(struct agent *agent)
{
	if (!atomic_load(&agent->drain_asked) || agent->drain_said || !agent->welcome)
		return;
	wire_put_empty(&agent->frame, WIRE_DRAIN, DRAIN_CORRELATION);
	agent->drain_said = agent_send(agent);
}

/* Nothing is held, and nothing can come: the broker has said so, or there is none. */
static bool is_drained(const struct agent *agent)
{
	return !agent->tasks && (agent->no_more || (atomic_load(&agent->drain_asked) && !agent->welcome));
}

/* As long as nothing is due. */
static uint64_t wait_ms(const struct agent *agent, uint64_t now)
{
	uint64_t wait = agent->heartbeat_ms / 2;

	if (!agent->welcome && agent->hello_next_ms < now + wait)
		wait = agent->hello_next_ms > now ? agent->hello_next_ms - now : 1;
	return wait ? wait : 1;
}

static void drain_wake(struct agent *agent)
{
	uint64_t count;

	if (read(agent->wake_fd, &count, sizeof(count)) < 0)
		return; /* nothing was there */
}

/* For those who look from outside: each turn, so that a loop that hangs is seen to. */
static void show(struct agent *agent)
{
	struct health *health = agent->config.health;

	health_beat(health);
	agent_metrics_turn(agent, clock_ms());
	if (agent->welcome)
		health_ready(health);
	else
		health_unready(health, "not connected to the broker");
	health_status(health, "%s%s", agent->welcome ? "Connected to the broker" : "Looking for the broker",
		      atomic_load(&agent->drain_asked) ? ", draining" : "");
}

void *agent_link_run(void *data)
{
	struct agent    *agent = data;
	struct log_limit refused = {0};
	struct err       err = {0};

	agent->hello_wait_ms = HELLO_WAIT_MS_MIN;
	while (!atomic_load(&agent->stopping) && !is_drained(agent)) {
		uint64_t wait;

		beat(agent, clock_ms());
		ask_for_drain(agent);
		err_clear(&err);
		wait = wait_ms(agent, clock_ms());
		for (int got = wire_client_receive(agent->client, agent->wake_fd, wait, &agent->in, &err); got > 0;
		     got = wire_client_receive(agent->client, -1, 0, &agent->in, &err))
			take_frame(agent);
		drain_wake(agent);
		if (wire_client_refused(agent->client, &err) < 0)
			log_line_limited(&refused, LOG_WARNING, "worker", "%s", err.text);
		agent_take_outputs(agent);
		agent_send_results(agent);
		show(agent);
	}
	wire_put_empty(&agent->frame, WIRE_BYE, 0);
	agent_send(agent);
	if (!atomic_load(&agent->stopping) && agent->config.drained)
		agent->config.drained(agent->config.drained_data);
	return NULL;
}
