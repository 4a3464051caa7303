#include "agent_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

enum { SEND_WAIT_MS = 1000, RESULT_BYTES_CREDIT = 512 << 20 };

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

/* False: it did not leave. Then we are strangers to the broker until it has answered a HELLO, and say all results again. */
static bool send_frame(struct agent *agent)
{
	struct err err = {0};
	bool       sent = buf_ok(&agent->frame) &&
		    wire_client_send(agent->client, buf_slice(&agent->frame), SEND_WAIT_MS, &err) == 0;

	if (!sent) {
		log_line(LOG_WARNING, "worker", "%s", err.text[0] ? err.text : "out of memory");
		agent->welcome = false;
	}
	buf_clear(&agent->frame);
	return sent;
}

static void send_hello(struct agent *agent)
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
	arena_reset(&agent->arena);
	for (size_t i = 0; agent->config.hosts && agent->config.hosts[i]; i++)
		hello.hosts.count++;
	hello.hosts.items = arena_array(&agent->arena, hello.hosts.count + 1, sizeof(struct slice));
	for (size_t i = 0; i < hello.hosts.count && hello.hosts.items; i++)
		hello.hosts.items[i] = slice_str(agent->config.hosts[i]);
	wire_put_hello(&agent->frame, 0, &hello);
	send_frame(agent);
}

static bool send_chunk(struct agent *agent, struct agent_task *task, struct slice bytes, bool last)
{
	struct wire_result result = {.lease = task->lease, .number = task->chunks++, .last = last, .bytes = bytes};

	wire_put_result(&agent->frame, 0, &result);
	return send_frame(agent);
}

static void send_result(struct agent *agent, struct agent_task *task)
{
	struct slice rest = buf_slice(&task->result);
	bool         sent;

	if (task->kind != AGENT_ENUMERATE)
		task->chunks = 0;
	do {
		struct slice part = slice_sub(rest, 0, LIMIT_CHUNK_BYTES);

		rest = slice_from(rest, part.len);
		sent = send_chunk(agent, task, part, rest.len == 0);
	} while (sent && rest.len);
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
	for (struct agent_task *task = agent->tasks; task && progress.items && progress.count < WIRE_LEASES_MAX;
	     task = task->next)
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
		task->status =
			err_set(&task->err, ERR_LIMIT, "inventory: longer than %zu bytes", task->result.bytes_max);
	buf_deinit(&task->inventory);
	buf_deinit(&task->path_table);
}

static void finish_task(struct agent *agent, struct agent_task *task)
{
	if (atomic_load(&task->cancel)) { /* dropped: nobody waits for it */
		agent_forget_task(agent, task);
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
		log_line(LOG_WARNING, "worker", "lease %llu: the broker refused the result: %.*s",
			 (unsigned long long)ack.lease, SLICE_FMT(ack.text));
	agent_forget_task(agent, task);
}

static void take_drop(struct agent *agent, struct slice body)
{
	uint64_t           lease;
	struct agent_task *task;

	if (wire_get_number(body, &lease, NULL) < 0 || (task = find_task(agent, lease)) == NULL)
		return;
	atomic_store(&task->cancel, true);
	if (task->sent)
		agent_forget_task(agent, task);
}

/* Results that were sent but not acknowledged have perhaps never arrived. Of a listing only its first broker knows the parts. */
static void say_results_again(struct agent *agent)
{
	struct agent_task *next;

	for (struct agent_task *task = agent->tasks; task; task = next) {
		next = task->next;
		if (task->sent && task->kind == AGENT_ENUMERATE)
			agent_forget_task(agent, task);
		else if (task->sent)
			send_end(agent, task);
	}
}

/* Every HELLO is answered; those that had queued up bring no more than the first. */
static void take_welcome(struct agent *agent, struct slice body)
{
	struct wire_welcome welcome;

	if (wire_get_welcome(body, &welcome, NULL) < 0 || agent->welcome)
		return;
	agent->welcome = true;
	agent->heartbeat_ms = welcome.heartbeat_ms ? welcome.heartbeat_ms : WIRE_HEARTBEAT_MS;
	agent->silence_ms = welcome.silence_ms ? welcome.silence_ms : WIRE_SILENCE_MS;
	say_results_again(agent);
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
		log_line(LOG_WARNING, "worker", "nothing heard from the broker for %llu s",
			 (unsigned long long)agent->silence_ms / 1000);
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

void *agent_link_run(void *data)
{
	struct agent    *agent = data;
	struct log_limit refused = {0};
	struct err       err = {0};

	while (!atomic_load(&agent->stopping)) {
		beat(agent, clock_ms());
		err_clear(&err);
		for (int got = wire_client_receive(agent->client, agent->wake_fd, agent->heartbeat_ms / 2, &agent->in,
						   &err);
		     got > 0; got = wire_client_receive(agent->client, -1, 0, &agent->in, &err))
			take_frame(agent);
		drain_wake(agent);
		if (wire_client_refused(agent->client, &err) < 0)
			log_line_limited(&refused, LOG_WARNING, "worker", "%s", err.text);
		take_outputs(agent);
	}
	wire_put_empty(&agent->frame, WIRE_BYE, 0);
	send_frame(agent);
	return NULL;
}
