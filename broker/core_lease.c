#include "core_internal.h"

#include <stdlib.h>

enum {
	LOST_AFTER = 2, /* heartbeats without a lease: its task never arrived */
	DROPS_MAX =
		64, /* answers to one heartbeat; who lists thousands of strange leases hears of the rest next time */
};

struct core_lease *core_lease_find(const struct core *core, uint64_t id)
{
	return map_get(&core->leases, slice_of(&id, sizeof(id)));
}

struct core_lease *core_lease_current(const struct core_task *task)
{
	return task->leases && task->leases->worker ? task->leases : NULL;
}

/* Doubles from backoff_ms to backoff_max_ms; the second half of each wait is jitter. */
uint64_t core_backoff(struct core *core, uint32_t attempt)
{
	uint64_t wait = core->config.backoff_ms;

	while (attempt-- > 1 && wait < core->config.backoff_max_ms)
		wait *= 2;
	if (wait > core->config.backoff_max_ms)
		wait = core->config.backoff_max_ms;
	return wait / 2 + rng_below(&core->rng, wait / 2 + 1);
}

/* A layer that nobody has begun keeps what the catalog said about it. */
void core_task_retry(struct core_task *task, enum core_retry_reason reason)
{
	if (task->begun)
		task->retry = (uint8_t)reason;
}

static struct core_layer *layer_of(struct core_task *task)
{
	return task->kind == CORE_LAYER ? (struct core_layer *)(void *)task : NULL;
}

/* --- to a worker, and away from it --- */

static void host_used(struct core *core, struct core_host *host)
{
	if (core->config.host_leases_max || core->config.host_bytes_per_s || host->probing)
		core_host_changed(core, host);
}

static void bind_to(struct core *core, struct core_lease *lease, struct core_worker *worker)
{
	struct core_task *task = lease->task;

	lease->worker = worker;
	core_host_use(&lease->host, task->host);
	lease->moved = core->now;
	lease->missing = 0;
	lease->next_of_task = task->leases;
	task->leases = lease;
	core_list_append(&worker->leases, &lease->of_worker);
	core_list_append(&core->moving, &lease->moving);
	worker->leases_count++;
	worker->used[core_slot_of((enum core_task_kind)task->kind)]++;
	worker->exclusive = task->exclusive;
	core->leased[task->kind]++;
	lease->host->active++;
	if (task->kind == CORE_LAYER)
		core_host_charge(core, lease->host, lease, task->size);
	host_used(core, lease->host);
	core_worker_changed(core, worker);
}

static void unbind(struct core *core, struct core_lease *lease)
{
	struct core_worker *worker = lease->worker;

	core_list_remove(&lease->of_worker);
	core_list_remove(&lease->moving);
	lease->worker = NULL;
	worker->leases_count--;
	worker->used[core_slot_of((enum core_task_kind)lease->task->kind)]--;
	if (!worker->leases_count) {
		worker->resting = worker->exclusive;
		worker->exclusive = false;
	}
	core->leased[lease->task->kind]--;
	lease->host->active--;
	core_host_refund(core, lease, lease->bytes);
	host_used(core, lease->host);
	core_worker_changed(core, worker);
}

void core_lease_free(struct core *core, struct core_lease *lease)
{
	struct core_lease **link = &lease->task->leases;

	if (lease->worker)
		unbind(core, lease);
	while (*link != lease)
		link = &(*link)->next_of_task;
	*link = lease->next_of_task;
	core_host_use(&lease->host, NULL);
	map_remove(&core->leases, slice_of(&lease->id, sizeof(lease->id)));
	free(lease);
}

/* Only a layer's result is taken later too. */
void core_lease_expire(struct core *core, struct core_lease *lease)
{
	if (lease->task->kind != CORE_LAYER)
		core_lease_free(core, lease);
	else if (lease->worker)
		unbind(core, lease);
}

static void drop(struct core *core, const struct core_worker *worker, uint64_t lease)
{
	struct core_action *action = core_emit(core, CORE_DROP_LEASE);

	action->worker = worker->id;
	action->lease = lease;
}

void core_task_retire(struct core *core, struct core_task *task)
{
	while (task->leases) {
		if (task->leases->worker)
			drop(core, task->leases->worker, task->leases->id);
		core_lease_free(core, task->leases);
	}
	core_task_undeny(task);
}

/* --- giving --- */

/* One that never arrived was counted when it was sent. */
static void count_send(struct core *core, struct core_task *task)
{
	const struct core_layer *layer = layer_of(task);
	enum core_retry_reason   reason = (enum core_retry_reason)task->retry;
	struct core_action      *action;

	if (task->counted)
		return;
	if (task->begun && task->job)
		task->job->stats.retries++;
	if (!layer)
		return;
	if (reason == CORE_RETRY_NONE && task->begun)
		reason = CORE_RETRY_AGAIN;
	action = core_emit(core, reason == CORE_RETRY_NONE ? CORE_COUNT_START : CORE_COUNT_RETRY);
	action->key = layer->key;
	action->reason = reason;
}

static void describe_layer(const struct core_layer *layer, struct core_action *action)
{
	const struct layer_waiter *at = &layer->waiters[layer->tried];

	action->layer = (struct core_layer *)(uintptr_t)layer;
	action->key = layer->key;
	action->diff_id = layer->verify ? layer->rare->verify : at->image->image.layers[at->index].diff_id;
	action->verify = layer->verify;
	action->image = at->image;
	action->index = at->index;
}

static void emit_send(struct core *core, struct core_task *task, const struct core_lease *lease)
{
	struct core_action *action;

	count_send(core, task);
	task->begun = true;
	task->counted = false;
	action = core_emit(core, CORE_SEND_TASK);
	action->worker = lease->worker->id;
	action->lease = lease->id;
	action->task_kind = (enum core_task_kind)task->kind;
	action->attempt = task->attempt;
	action->job = task->job->id;
	if (task->kind == CORE_LAYER) {
		describe_layer(layer_of(task), action);
		return;
	}
	action->reference = ((struct core_reference *)(void *)task)->number;
	action->text = core_text(core, ((struct core_reference *)(void *)task)->text);
}

void core_lease_give(struct core *core, struct core_worker *worker, struct core_task *task)
{
	struct core_lease *lease = core_alloc(core, sizeof(*lease));

	if (!lease)
		return;
	lease->id = ++core->leases_given;
	lease->task = task;
	lease->sent = core->now;
	if (!map_put(&core->leases, slice_of(&lease->id, sizeof(lease->id)), lease)) {
		core->failed = true;
		free(lease);
		return;
	}
	for (struct core_lease *older = task->leases; older; older = older->next_of_task)
		older->adoptable = false;
	bind_to(core, lease, worker);
	emit_send(core, task, lease);
}

/* --- workers that go --- */

void core_lease_lost(struct core *core, struct core_lease *lease, bool orderly)
{
	struct core_task *task = lease->task;

	lease->adoptable = !orderly;
	core_lease_expire(core, lease);
	core_task_retry(task, CORE_RETRY_WORKER_LOST);
	if (!orderly && ++task->losses == LOSSES_MAX - 1)
		task->exclusive = true;
	if (task->losses < LOSSES_MAX)
		core_task_ready(core, task);
	else if (task->kind == CORE_LAYER)
		core_layer_poison(core, layer_of(task));
	else
		core_reference_failed(core, (struct core_reference *)(void *)task, ERR_NET,
				      SLICE_LIT("three workers were lost while they resolved it"));
}

/* --- heartbeats: leases that never arrived, that stand still, that are not ours --- */

/* A worker that was thought lost still has it, and nobody else has been given it. */
static bool adopt(struct core *core, struct core_worker *worker, struct core_lease *lease)
{
	struct core_task   *task = lease->task;
	struct core_lease **link = &task->leases;

	if (!lease->adoptable || core_lease_current(task) || !task->item.heap || task->exclusive ||
	    core_worker_stopped(worker) || worker->exclusive || worker->used[SLOT_LAYER] >= worker->slots[SLOT_LAYER] ||
	    !core_host_admits(core, task->host, CORE_LAYER) || layer_of(task)->state != LAYER_NODE_CLAIMED ||
	    layer_of(task)->key.set != worker->set)
		return false;
	core_task_unqueue(core, task);
	while (*link != lease)
		link = &(*link)->next_of_task;
	*link = lease->next_of_task;
	if (task->losses)
		task->losses--;
	lease->adoptable = false;
	bind_to(core, lease, worker);
	return true;
}

static void move(struct core *core, struct core_lease *lease, uint64_t bytes)
{
	if (bytes > lease->bytes)
		lease->worker->bytes += bytes - lease->bytes;
	lease->bytes = bytes;
	lease->moved = core->now;
	core_list_append(&core->moving, &lease->moving);
}

/* Marks those of the list; the worker is told to drop what is not its own any more. */
static void mark_listed(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	size_t drops = 0;

	for (size_t i = 0; i < event->count; i++) {
		struct core_lease *lease = core_lease_find(core, event->leases[i]);

		if (!lease || (lease->worker != worker && (lease->worker || !adopt(core, worker, lease)))) {
			if (drops++ < DROPS_MAX)
				drop(core, worker, event->leases[i]);
			continue;
		}
		lease->listed = true;
		lease->missing = 0;
		core_worker_has_tasks(core, worker);
		if (event->bytes && event->bytes[i] != lease->bytes)
			move(core, lease, event->bytes[i]);
	}
}

/* To another worker, if there is one. */
static void prefer_others(struct core *core, struct core_task *task, uint64_t worker)
{
	if (!core_task_deny(core, task, worker))
		core_task_undeny(task);
}

/* The task is as if it had not been sent; but whether the worker has begun it is not known. */
static void take_back(struct core *core, struct core_lease *lease, bool elsewhere)
{
	struct core_task *task = lease->task;
	const uint64_t    worker = lease->worker->id;

	core_lease_expire(core, lease);
	if (elsewhere)
		prefer_others(core, task, worker);
	core_task_retry(task, CORE_RETRY_NOT_SENT);
	core_task_ready(core, task);
}

/* Heartbeats that were late may have left before the task came. */
static bool never_arrived(const struct core *core, struct core_lease *lease)
{
	return ++lease->missing >= LOST_AFTER && core->now - lease->sent >= core->config.silence_ms / 2;
}

void core_worker_listed(struct core *core, struct core_worker *worker, const struct core_event *event, bool back)
{
	struct core_link *next;
	bool              lost = false;

	mark_listed(core, worker, event);
	for (struct core_link *link = worker->leases.first; link; link = next) {
		struct core_lease *lease = CORE_OWNER(link, struct core_lease, of_worker);

		next = link->next;
		if (!lease->listed && (back || never_arrived(core, lease))) {
			if (!back)
				drop(core, worker, lease->id);
			take_back(core, lease, !back);
			lost = !back;
			continue;
		}
		lease->listed = false;
	}
	if (lost)
		core_worker_lost_tasks(core, worker);
}

/* --- leases that stand still --- */

static void stalled(struct core *core, struct core_lease *lease)
{
	struct core_task *task = lease->task;
	struct core_event failed = {.fail_class = CORE_TRANSIENT,
				    .code = ERR_NET,
				    .worker = lease->worker->id,
				    .retry = CORE_RETRY_STALLED,
				    .text = SLICE_LIT("it did not move on for too long")};

	drop(core, lease->worker, lease->id);
	core_lease_expire(core, lease);
	prefer_others(core, task, failed.worker);
	if (task->kind == CORE_LAYER)
		core_layer_failed(core, layer_of(task), &failed);
	else
		core_reference_task_failed(core, (struct core_reference *)(void *)task, &failed);
}

void core_leases_check(struct core *core)
{
	while (core->moving.first) {
		struct core_lease *lease = CORE_OWNER(core->moving.first, struct core_lease, moving);

		if (core->now < lease->moved + core->config.stall_ms)
			break;
		if (lease->task->kind == CORE_ENUMERATE && lease->task->job->stored_at > lease->moved)
			move(core, lease, lease->bytes); /* a listing moves by what it adds */
		else
			stalled(core, lease);
	}
}

/* --- tasks that end --- */

void core_task_done(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;

	if (!lease)
		return;
	task = lease->task;
	if (lease->worker)
		core_worker_has_tasks(core, lease->worker);
	else
		core_emit(core, CORE_COUNT_LATE)->key = layer_of(task)->key;
	core_host_refund(core, lease, event->bytes_fetched);
	core_host_answered(core, lease->host);
	core_lease_free(core, lease);
	if (task->kind == CORE_LAYER)
		core_layer_done(core, layer_of(task), event);
	else
		core_reference_done(core, (struct core_reference *)(void *)task);
}

void core_task_failed(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;
	struct core_event  known = *event;

	if (!lease || !lease->worker) /* an expired lease's failure says nothing new */
		return;
	task = lease->task;
	known.worker = lease->worker->id;
	known.retry = CORE_RETRY_NONE;
	core_worker_has_tasks(core, lease->worker);
	if (core_host_failed(core, lease, event)) {
		core_lease_free(core, lease);
		core_task_retry(task, CORE_RETRY_TRANSIENT);
		core_task_ready(core, task);
		return;
	}
	core_lease_free(core, lease);
	if (event->fail_class == CORE_NOT_HERE && core_task_deny(core, task, known.worker)) {
		core_task_retry(task, CORE_RETRY_NOT_HERE);
		core_task_ready(core, task);
	} else if (task->kind == CORE_LAYER) {
		core_layer_failed(core, layer_of(task), &known);
	} else {
		core_reference_task_failed(core, (struct core_reference *)(void *)task, &known);
	}
}

void core_send_failed(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;

	if (!lease || !lease->worker)
		return;
	task = lease->task;
	core_lease_free(core, lease);
	task->counted = true;
	core_task_later(core, task, core_backoff(core, 1));
}
