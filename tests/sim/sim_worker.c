#include "sim.h"

#include <stdlib.h>

enum { HEARD_MAX_MS = 20000, RESEND_MS = 9000, AWAY_MAX_MS = 15000, LIGHT_MAX_MS = 300 };

void sim_workers_make(struct sim *sim)
{
	struct rng rng = rng_seeded(sim->seed * 3 + 3);
	size_t     count = sim->load.sets_count + rng_below(&rng, SIM_WORKERS_MAX - sim->load.sets_count + 1);

	for (size_t i = 0; i < count; i++) {
		struct sim_worker *worker = &sim->workers[i];

		worker->set = i % sim->load.sets_count;
		worker->layer_slots = (uint32_t)(1 + rng_below(&rng, 4));
		worker->light_slots = (uint32_t)(1 + rng_below(&rng, 4));
		worker->reaches =
			i < sim->load.sets_count || sim->plan.plain ? UINT32_MAX : (unsigned)rng_next(&rng) | 1;
		sim_queue_put(&sim->queue,
			      (struct sim_event){.at = rng_below(&rng, 500), .kind = SIM_WORKER_START, .who = i});
	}
}

bool sim_worker_reaches(const struct sim *sim, size_t worker, size_t host)
{
	return sim->workers[worker].reaches >> host & 1;
}

/* --- sending --- */

static void send(struct sim *sim, size_t index, struct sim_message m)
{
	m.worker = index;
	m.life = sim->workers[index].life;
	sim_send_to_broker(sim, sim_link_of_worker(index), &m);
}

static void list_held(const struct sim_worker *worker, uint64_t now, struct sim_message *m)
{
	for (size_t i = 0; i < SIM_TASKS_MAX && m->count < SIM_HELD_MAX; i++) {
		const struct sim_running *task = &worker->tasks[i];

		if (task->state == SIM_TASK_NONE)
			continue;
		m->leases[m->count] = task->task.lease;
		m->bytes[m->count++] = task->state == SIM_TASK_HANGS ? 1 : now - task->begun + 1;
	}
}

static void greet(struct sim *sim, size_t index)
{
	const struct sim_worker *worker = &sim->workers[index];
	struct sim_message       m = {.kind = SIM_HELLO,
				      .set = worker->set,
				      .layer_slots = worker->layer_slots,
				      .light_slots = worker->light_slots};

	list_held(worker, sim->now, &m);
	send(sim, index, m);
}

static void send_answer(struct sim *sim, size_t index, struct sim_running *task)
{
	struct sim_message m = task->answer;

	task->sent = sim->now;
	if (m.kind == SIM_FAILURE) {
		send(sim, index, m);
		return;
	}
	for (m.number = 0; m.number < task->chunks; m.number++) {
		m.last = m.number + 1 == task->chunks;
		send(sim, index, m);
	}
}

/* --- life --- */

void sim_worker_start(struct sim *sim, size_t index)
{
	struct sim_worker *worker = &sim->workers[index];

	if (worker->up)
		return;
	worker->up = true;
	worker->life++;
	worker->welcomed = worker->draining = worker->suspended = false;
	worker->heard = sim->now;
	worker->seen_count = 0;
	for (size_t i = 0; i < SIM_TASKS_MAX; i++)
		worker->tasks[i].state = SIM_TASK_NONE;
	sim_link_process(sim, sim_link_of_worker(index), true, false);
	SIM_SAY(sim, "worker %zu starts (life %llu)", index, (unsigned long long)worker->life);
	greet(sim, index);
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + SIM_BEAT_MS,
						      .kind = SIM_WORKER_BEAT,
						      .who = index,
						      .life = worker->life});
}

static void stop(struct sim *sim, size_t index, bool silent)
{
	struct sim_worker *worker = &sim->workers[index];

	worker->up = false;
	sim_link_process(sim, sim_link_of_worker(index), false, silent);
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + 1 + rng_below(&sim->rng, AWAY_MAX_MS),
						      .kind = SIM_WORKER_START,
						      .who = index});
}

void sim_worker_crash(struct sim *sim, size_t index, bool silent)
{
	if (!sim->workers[index].up)
		return;
	SIM_SAY(sim, "worker %zu dies%s", index, silent ? " without a word" : "");
	stop(sim, index, silent);
}

void sim_worker_suspend(struct sim *sim, size_t index, uint64_t ms)
{
	SIM_SAY(sim, "worker %zu is suspended for %llu ms", index, (unsigned long long)ms);
	sim->workers[index].suspended_until = sim->now + ms;
}

void sim_worker_leave(struct sim *sim, size_t index)
{
	struct sim_worker *worker = &sim->workers[index];

	if (!worker->up)
		return;
	SIM_SAY(sim, "worker %zu leaves", index);
	send(sim, index, (struct sim_message){.kind = SIM_BYE});
	stop(sim, index, false); /* what it said is still on its way */
}

static bool holds_any(const struct sim_worker *worker)
{
	for (size_t i = 0; i < SIM_TASKS_MAX; i++)
		if (worker->tasks[i].state != SIM_TASK_NONE)
			return true;
	return false;
}

void sim_worker_beat(struct sim *sim, size_t index, uint64_t life)
{
	struct sim_worker *worker = &sim->workers[index];
	struct sim_message m = {.kind = SIM_PROGRESS};

	if (!worker->up || worker->life != life)
		return;
	sim_queue_put(
		&sim->queue,
		(struct sim_event){.at = sim->now + SIM_BEAT_MS, .kind = SIM_WORKER_BEAT, .who = index, .life = life});
	if (sim->now < worker->suspended_until)
		return;
	if (!worker->welcomed || sim->now > worker->heard + HEARD_MAX_MS) {
		greet(sim, index);
		return;
	}
	if (worker->draining && !holds_any(worker)) {
		sim_worker_leave(sim, index);
		return;
	}
	list_held(worker, sim->now, &m);
	send(sim, index, m);
	for (size_t i = 0; i < SIM_TASKS_MAX; i++)
		if (worker->tasks[i].state == SIM_TASK_ANSWERED && sim->now > worker->tasks[i].sent + RESEND_MS)
			send_answer(sim, index, &worker->tasks[i]);
}

/* --- tasks --- */

static struct sim_running *find(struct sim_worker *worker, uint64_t lease)
{
	for (size_t i = 0; i < SIM_TASKS_MAX; i++)
		if (worker->tasks[i].state != SIM_TASK_NONE && worker->tasks[i].task.lease == lease)
			return &worker->tasks[i];
	return NULL;
}

static bool was_seen(struct sim *sim, struct sim_worker *worker, uint64_t lease)
{
	for (size_t i = 0; i < worker->seen_count; i++)
		if (worker->seen[i] == lease)
			return true;
	if (worker->seen_count == SIM_SEEN_MAX)
		sim_fail(sim, "a worker was given %d leases: something goes round in circles", SIM_SEEN_MAX);
	else
		worker->seen[worker->seen_count++] = lease;
	return false;
}

static void fails(struct sim_message *answer, enum core_fail_class fail_class, int code)
{
	answer->kind = SIM_FAILURE;
	answer->fail_class = fail_class;
	answer->code = code;
}

/* A registry that does not answer as it should, whatever is asked for. True: that is the answer. */
static bool host_fails(struct sim *sim, size_t index, uint8_t *flaky, struct sim_message *answer)
{
	const struct sim_host *host = &sim->load.hosts[answer->host];

	if (!(host->credentials >> index & 1)) {
		fails(answer, CORE_NOT_HERE, ERR_AUTH);
		return true;
	}
	if (host->dead) {
		fails(answer, CORE_TRANSIENT, ERR_NET);
		return true;
	}
	if (!sim->plan.disturbed || !*flaky)
		return false;
	--*flaky;
	fails(answer, CORE_TRANSIENT, rng_below(&sim->rng, 3) ? ERR_NET : ERR_RATE);
	if (answer->code == ERR_RATE && rng_below(&sim->rng, 3))
		answer->retry_after_ms = 1 + rng_below(&sim->rng, 20000);
	return true;
}

static void scan(struct sim *sim, size_t index, struct sim_message *answer)
{
	const struct sim_layer *layer = &sim->load.layers[answer->layer];
	unsigned                bit = 1u << answer->host;

	if (host_fails(sim, index, &sim->fault.layer_flaky[answer->layer][answer->host], answer))
		return;
	if (layer->missing & bit)
		fails(answer, CORE_PERMANENT, ERR_NOT_FOUND);
	else if (layer->garbage & bit || answer->lies)
		fails(answer, CORE_PERMANENT, ERR_DIGEST);
	else if (layer->truth == SIM_BROKEN)
		fails(answer, CORE_PERMANENT, ERR_FORMAT);
	else if (layer->truth == SIM_POISON)
		fails(answer, CORE_POISON, ERR_LIMIT);
	answer->verified = answer->verify && answer->claimed == layer->diff;
	answer->partial = layer->truth == SIM_CUT || layer->truth == SIM_CUT_OFF;
	answer->reusable = layer->truth != SIM_CUT_OFF;
}

static void resolve(struct sim *sim, size_t index, struct sim_message *answer)
{
	if (host_fails(sim, index, &sim->fault.reference_flaky[answer->reference], answer))
		return;
	if (sim->load.references[answer->reference].broken)
		fails(answer, CORE_PERMANENT, ERR_NOT_FOUND);
}

static bool kills(const struct sim *sim, const struct sim_message *task)
{
	return task->task_kind == CORE_LAYER && sim->load.layers[task->layer].truth == SIM_KILLER && !task->lies &&
	       !((sim->load.layers[task->layer].garbage | sim->load.layers[task->layer].missing) >> task->host & 1);
}

static void begin(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_worker  *worker = &sim->workers[index];
	struct sim_running *task = worker->tasks;
	uint64_t            ms = 1 + rng_below(&sim->rng, LIGHT_MAX_MS);

	if (was_seen(sim, worker, m->lease) || sim_chance(sim, sim->plan.lost_task))
		return;
	while (task < worker->tasks + SIM_TASKS_MAX && task->state != SIM_TASK_NONE)
		task++;
	if (task == worker->tasks + SIM_TASKS_MAX) {
		sim_fail(sim, "worker %zu holds %d tasks", index, SIM_TASKS_MAX);
		return;
	}
	sim_check_begun(sim, m);
	*task = (struct sim_running){.task = *m,
				     .begun = sim->now,
				     .state = sim_chance(sim, sim->plan.hang) ? SIM_TASK_HANGS : SIM_TASK_RUNS};
	if (task->state == SIM_TASK_HANGS)
		SIM_SAY(sim, "worker %zu hangs with lease %llu", index, (unsigned long long)m->lease);
	if (m->task_kind == CORE_LAYER)
		ms = sim->load.layers[m->layer].scan_ms / 2 +
		     rng_below(&sim->rng, sim->load.layers[m->layer].scan_ms + 1) + 1;
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + ms,
						      .kind = SIM_TASK_END,
						      .who = index,
						      .life = worker->life,
						      .number = m->lease});
}

void sim_worker_task_end(struct sim *sim, size_t index, uint64_t life, uint64_t lease)
{
	struct sim_worker  *worker = &sim->workers[index];
	struct sim_running *task = worker->up && worker->life == life ? find(worker, lease) : NULL;

	if (!task || task->state != SIM_TASK_RUNS)
		return;
	if (sim->now < worker->suspended_until) { /* goes on when it wakes */
		sim_queue_put(&sim->queue, (struct sim_event){.at = worker->suspended_until,
							      .kind = SIM_TASK_END,
							      .who = index,
							      .life = life,
							      .number = lease});
		return;
	}
	if (kills(sim, &task->task)) {
		sim_worker_crash(sim, index, rng_below(&sim->rng, 2));
		return;
	}
	task->answer = task->task;
	task->answer.kind = SIM_RESULT;
	if (task->task.task_kind == CORE_LAYER)
		scan(sim, index, &task->answer);
	else
		resolve(sim, index, &task->answer);
	task->chunks =
		task->task.task_kind == CORE_ENUMERATE ? SIM_CHUNKS_MAX : 1 + rng_below(&sim->rng, SIM_CHUNKS_MAX);
	task->state = SIM_TASK_ANSWERED;
	if (worker->welcomed)
		send_answer(sim, index, task);
}

/* --- messages --- */

static void welcome(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_worker *worker = &sim->workers[index];
	bool               again = worker->welcomed;

	worker->welcomed = true;
	worker->id = m->worker;
	for (size_t i = 0; i < SIM_TASKS_MAX && !again; i++)
		if (worker->tasks[i].state == SIM_TASK_ANSWERED)
			send_answer(sim, index, &worker->tasks[i]);
}

static void give_up(struct sim *sim, size_t index, uint64_t lease)
{
	struct sim_worker  *worker = &sim->workers[index];
	struct sim_running *task = find(worker, lease);

	if (task)
		task->state = SIM_TASK_NONE;
	else
		was_seen(sim, worker, lease); /* one that comes behind its DROP is not begun */
}

static void acknowledged(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_running *task = find(&sim->workers[index], m->lease);

	if (!task || task->state != SIM_TASK_ANSWERED)
		return;
	if (task->task.task_kind == CORE_LAYER && task->answer.kind == SIM_RESULT && m->code == 0)
		sim_check_acknowledged(sim, task->task.layer, task->task.set);
	task->state = SIM_TASK_NONE;
}

void sim_worker_take(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_worker *worker = &sim->workers[index];

	if (sim->now < worker->suspended_until) { /* lies in the socket until it wakes */
		struct sim_message *copy = malloc(sizeof(*copy));

		if (!copy)
			abort();
		*copy = *m;
		sim_queue_put(&sim->queue, (struct sim_event){.at = worker->suspended_until,
							      .kind = SIM_DELIVER,
							      .who = sim_link_of_worker(index),
							      .message = copy});
		return;
	}
	worker->heard = sim->now;
	switch (m->kind) {
	case SIM_WELCOME:
		welcome(sim, index, m);
		break;
	case SIM_TASK:
		begin(sim, index, m);
		break;
	case SIM_ACK:
		acknowledged(sim, index, m);
		break;
	case SIM_DROP:
		give_up(sim, index, m->lease);
		break;
	case SIM_DRAIN:
		worker->draining = true;
		break;
	case SIM_ERROR:
		if (m->code == ERR_NOT_FOUND) {
			worker->welcomed = false;
			greet(sim, index);
		}
		break;
	case SIM_PING:
		send(sim, index, (struct sim_message){.kind = SIM_PONG});
		break;
	default:
		break;
	}
}
