#include "core_internal.h"

enum { LOST_AFTER = 2 }; /* heartbeats without a lease: its task never arrived */

/* --- heartbeats: leases that never arrived, that stand still, that are not ours --- */

static void drop(struct core *core, const struct core_worker *worker, uint64_t lease)
{
	struct core_action *action = core_emit(core, CORE_DROP_LEASE);

	action->worker = worker->id;
	action->lease = lease;
}

/* Nothing was begun: the task is as if it had not been sent. */
static void take_back(struct core *core, struct core_lease *lease)
{
	struct core_task *task = lease->task;

	core_lease_end(core, lease);
	task->counted = true;
	core_task_ready(core, task);
}

/* Marks those of the list; the worker is told to drop what the core does not know. */
static void mark_listed(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	for (struct core_lease *lease = worker->leases; lease; lease = lease->next_of_worker)
		lease->listed = false;
	for (size_t i = 0; i < event->count; i++) {
		struct core_lease *lease = core_lease_find(core, event->leases[i]);
		uint64_t           bytes = event->bytes ? event->bytes[i] : 0;

		if (!lease || lease->worker != worker) {
			drop(core, worker, event->leases[i]);
			continue;
		}
		lease->listed = true;
		lease->missing = 0;
		if (event->bytes && bytes != lease->bytes) {
			worker->bytes += bytes > lease->bytes ? bytes - lease->bytes : 0;
			lease->bytes = bytes;
			lease->moved = core->now;
		}
	}
}

static void end_missing(struct core *core, struct core_worker *worker, uint32_t after, bool tell)
{
	struct core_lease *next;

	for (struct core_lease *lease = worker->leases; lease; lease = next) {
		next = lease->next_of_worker;
		if (lease->listed || ++lease->missing < after)
			continue;
		if (tell)
			drop(core, worker, lease->id);
		take_back(core, lease);
	}
}

void core_worker_progress(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	worker->heard = core->now;
	mark_listed(core, worker, event);
	end_missing(core, worker, LOST_AFTER, true);
}

void core_worker_back(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	worker->heard = core->now;
	mark_listed(core, worker, event);
	end_missing(core, worker, 1, false);
}

static void stalled(struct core *core, struct core_lease *lease)
{
	struct core_task *task = lease->task;
	struct core_event failed = {.fail_class = CORE_TRANSIENT,
				    .code = ERR_NET,
				    .worker = lease->worker->id,
				    .text = SLICE_LIT("it did not move on for too long")};

	drop(core, lease->worker, lease->id);
	core_lease_end(core, lease);
	if (task->kind != CORE_LAYER) {
		core_reference_task_failed(core, (struct core_reference *)(void *)task, &failed);
		return;
	}
	core_layer_failed(core, (struct core_layer *)(void *)task, CORE_TRANSIENT, ERR_NET, 0, failed.text);
	if (task->retry == CORE_RETRY_TRANSIENT)
		task->retry = CORE_RETRY_STALLED;
}

static uint64_t moved_at(const struct core *core, const struct core_lease *lease)
{
	const struct core_job *job = core_job_find(core, lease->task->job);

	if (lease->task->kind == CORE_ENUMERATE && job && job->stored_at > lease->moved)
		return job->stored_at; /* a listing's progress is what it adds */
	return lease->moved;
}

uint64_t core_leases_wake(const struct core *core)
{
	uint64_t wake = UINT64_MAX;

	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		for (const struct core_lease *lease = worker->leases; lease; lease = lease->next_of_worker)
			if (moved_at(core, lease) + core->config.stall_ms < wake)
				wake = moved_at(core, lease) + core->config.stall_ms;
	return wake;
}

void core_leases_check(struct core *core)
{
	for (struct core_worker *worker = core->workers; worker; worker = worker->next) {
		struct core_lease *next;

		for (struct core_lease *lease = worker->leases; lease; lease = next) {
			next = lease->next_of_worker;
			if (core->now >= moved_at(core, lease) + core->config.stall_ms)
				stalled(core, lease);
		}
	}
}

void core_drained_check(struct core *core)
{
	for (struct core_worker *worker = core->workers; worker; worker = worker->next)
		if (worker->draining && !worker->drained && !worker->leases_count) {
			worker->drained = true;
			core_emit(core, CORE_WORKER_DRAINED)->worker = worker->id;
		}
	if (core->draining && !core->drained && !core->leases_active) {
		core->drained = true;
		core_emit(core, CORE_DRAINED);
	}
}
