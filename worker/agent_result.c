#include "agent_internal.h"

#include "base/clock.h"

#include <stdlib.h>

/* --- encoding --- */

static void encode_images(struct agent_task *task)
{
	struct wire_strings strings = {.items = arena_array(&task->arena, task->images_count, sizeof(struct slice))};
	struct buf          encoded;

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
					     .path_table = buf_slice(&task->path_table),
					     .memo_lookups = outcome->memo.lookups,
					     .memo_hits = outcome->memo.hits,
					     .memo_kept = outcome->memo.kept};

	wire_put_layer_result(&task->result, &result);
	if (!buf_ok(&task->result))
		task->status =
			err_set(&task->err, ERR_LIMIT, "inventory: longer than %zu bytes", task->result.bytes_max);
	buf_deinit(&task->inventory);
	buf_deinit(&task->path_table);
}

static void encode(struct agent_task *task)
{
	switch (task->kind) {
	case AGENT_RESOLVE:
		encode_images(task);
		break;
	case AGENT_LAYER:
		encode_layer(task);
		break;
	case AGENT_ENUMERATE:
		wire_put_strings(&task->result, &(struct wire_strings){0});
		break;
	}
}

/* --- sending --- */

static bool send_chunk(struct agent *agent, const struct agent_task *task, uint32_t number, struct slice bytes,
		       bool last)
{
	struct wire_result result = {.lease = task->lease, .number = number, .last = last, .bytes = bytes};

	wire_put_result(&agent->frame, 0, &result);
	return agent_send(agent);
}

static bool send_result(struct agent *agent, struct agent_task *task)
{
	struct slice rest = buf_slice(&task->result);
	uint32_t     number = task->chunks; /* a listing's end follows its parts */
	bool         sent;

	do {
		struct slice part = slice_sub(rest, 0, LIMIT_CHUNK_BYTES);

		rest = slice_from(rest, part.len);
		sent = send_chunk(agent, task, number++, part, rest.len == 0);
	} while (sent && rest.len);
	return sent;
}

static enum wire_fail_class fail_class(int code)
{
	if (code == ERR_AUTH)
		return WIRE_FAIL_NOT_HERE;
	if (code == ERR_POISON)
		return WIRE_FAIL_POISON;
	return agent_task_is_transient(code) ? WIRE_FAIL_TRANSIENT : WIRE_FAIL_PERMANENT;
}

static bool send_failure(struct agent *agent, const struct agent_task *task)
{
	struct wire_fail fail = {.lease = task->lease,
				 .fail_class = (uint32_t)fail_class(task->status),
				 .code = task->status,
				 .retry_after_ms = task->status == ERR_RATE ? task->call.retry_after_ms : 0,
				 .text = slice_str(task->err.text)};

	wire_put_fail(&agent->frame, 0, &fail);
	return agent_send(agent);
}

/* What a result takes of the credit; failures, and the ends of listings, are small. */
static uint64_t cost(const struct agent_task *task)
{
	return task->status < 0 || task->kind == AGENT_ENUMERATE ? 0 : task->result.len;
}

static bool is_before(const struct agent_task *a, const struct agent_task *b)
{
	bool a_free = cost(a) == 0, b_free = cost(b) == 0;

	return a_free == b_free ? a->turn < b->turn : a_free;
}

static struct agent_task *next_result(struct agent *agent, uint64_t now)
{
	struct agent_task *best = NULL;

	for (struct agent_task *task = agent->tasks; task; task = task->next)
		if (task->finished && !task->sent && now >= task->send_after_ms && (!best || is_before(task, best)))
			best = task;
	return best;
}

void agent_send_results(struct agent *agent)
{
	struct agent_task *task;
	uint64_t           now = clock_ms();

	while (agent->welcome && (task = next_result(agent, now)) != NULL) {
		if (cost(task) && agent->unanswered && agent->unanswered + cost(task) > agent->credit)
			return;
		if (!(task->status < 0 ? send_failure(agent, task) : send_result(agent, task)))
			return;
		task->sent = true;
		agent->unanswered += cost(task);
	}
}

void agent_results_unsaid(struct agent *agent)
{
	for (struct agent_task *task = agent->tasks; task; task = task->next)
		task->sent = false;
	agent->unanswered = 0;
}

void agent_task_answered(struct agent *agent, struct agent_task *task, const struct wire_ack *ack)
{
	if (task->sent)
		agent->unanswered -= cost(task);
	if (ack->code == ERR_BUSY) {
		task->sent = false;
		task->send_after_ms = clock_ms() + WIRE_BUSY_WAIT_MS;
		return;
	}
	if (ack->code < 0 && ack->code != ERR_NOT_FOUND)
		log_line(LOG_WARNING, "worker", "lease %llu: the broker refused the result: %.*s",
			 (unsigned long long)ack->lease, SLICE_FMT(slice_sub(ack->text, 0, 400)));
	agent_forget_task(agent, task);
}

/* --- from the working threads --- */

void agent_finish_task(struct agent *agent, struct agent_task *task)
{
	task->finished = true;
	task->turn = agent->turns++;
	atomic_store(&task->waiting, false);
	if (!atomic_load(&task->cancel) && task->status >= 0)
		encode(task);
	agent_metrics_finished(agent->config.metrics, task);
	if (atomic_load(&task->cancel)) /* dropped: nobody waits for it */
		agent_forget_task(agent, task);
}

/* Parts of a listing are of use at once, to the broker that has those before. */
static void send_part(struct agent *agent, struct agent_task *task, struct slice part)
{
	if (atomic_load(&task->cancel))
		return;
	if (!agent->welcome || !send_chunk(agent, task, task->chunks++, part, false))
		atomic_store(&task->cancel, true);
}

void agent_take_outputs(struct agent *agent)
{
	struct agent_output *output;

	while ((output = queue_pop_ms(agent->output, 0)) != NULL) {
		if (output->finished)
			agent_finish_task(agent, output->task);
		else
			send_part(agent, output->task, buf_slice(&output->chunk));
		buf_deinit(&output->chunk);
		free(output);
	}
}
