#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- orders --- */

static struct core_task *task_of(const struct heap_item *item)
{
	return (struct core_task *)(void *)(uintptr_t)item; /* first member */
}

bool core_timer_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_task *left = task_of(a), *right = task_of(b);

	return left->wake_at != right->wake_at ? left->wake_at < right->wake_at : left->sequence < right->sequence;
}

/* Largest layer first. */
static bool task_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_task *left = task_of(a), *right = task_of(b);

	return left->size != right->size ? left->size > right->size : left->sequence < right->sequence;
}

static const struct core_flow *flow_of(const struct heap_item *item)
{
	return (const struct core_flow *)(const void *)item; /* first member */
}

/* Whose job has been given least. */
static bool flow_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_flow *left = flow_of(a), *right = flow_of(b);

	return left->tag != right->tag ? left->tag < right->tag : left->job->id < right->job->id;
}

static bool queue_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_flow *left = flow_of(((const struct core_queue *)(const void *)a)->flows.items[0]);
	const struct core_flow *right = flow_of(((const struct core_queue *)(const void *)b)->flows.items[0]);

	if (left->tag != right->tag || left->job != right->job)
		return flow_before(&left->item, &right->item);
	return task_before(left->tasks.items[0], right->tasks.items[0]);
}

enum core_slot core_slot_of(enum core_task_kind kind)
{
	return kind == CORE_LAYER ? SLOT_LAYER : SLOT_LIGHT;
}

/* --- stations --- */

static struct core_station *station_get(struct core *core, enum core_slot slot, uint64_t set)
{
	struct core_station *station;

	for (struct core_link *link = core->stations.first; link; link = link->next) {
		station = CORE_OWNER(link, struct core_station, link);
		if (station->slot == slot && station->set == set)
			return station;
	}
	if ((station = core_alloc(core, sizeof(*station))) == NULL)
		return NULL;
	station->slot = slot;
	station->set = set;
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t class = 0; class < CORE_CLASSES; class ++)
			station->plain[kind][class].before = queue_before;
	core_list_append(&core->stations, &station->link);
	return station;
}

struct core_station *core_station_use(struct core *core, enum core_slot slot, uint64_t set)
{
	struct core_station *station = station_get(core, slot, set);

	if (station)
		station->users++;
	return station;
}

void core_station_drop(struct core_station *station)
{
	if (!station || --station->users)
		return;
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t class = 0; class < CORE_CLASSES; class ++)
			heap_deinit(&station->plain[kind][class]);
	core_list_remove(&station->link);
	free(station);
}

/* --- queues --- */

static struct slice queue_key(const struct core_queue *queue)
{
	return slice_of(queue->key, queue->key_len);
}

static uint64_t set_of(const struct core_task *task)
{
	return task->kind == CORE_LAYER ? ((const struct core_layer *)(const void *)task)->key.set : 0;
}

/* host, set, kind and class and exclusive, denied workers. */
static size_t make_key(const struct core_task *task, uint64_t key[3 + DENIED_MAX])
{
	size_t denied = task->denied ? task->denied->count : 0;

	key[0] = (uint64_t)(uintptr_t)task->host;
	key[1] = set_of(task);
	key[2] = (uint64_t)task->kind << 16 | (uint64_t)task->job->class << 8 | task->exclusive;
	if (denied)
		memcpy(key + 3, task->denied->workers, denied * sizeof(*key));
	return (3 + denied) * sizeof(*key);
}

static struct core_queue *queue_new(struct core *core, const struct core_task *task, struct slice key)
{
	struct core_queue *queue = core_alloc(core, sizeof(*queue) + key.len);

	if (!queue)
		return NULL;
	memcpy(queue->key, key.ptr, key.len);
	queue->key_len = key.len;
	queue->host = task->host;
	queue->kind = (enum core_task_kind)task->kind;
	queue->class = task->job->class;
	queue->exclusive = task->exclusive;
	queue->denied = queue->key + 3;
	queue->denied_count = task->denied ? task->denied->count : 0;
	queue->special = queue->exclusive || queue->denied_count || core_host_is_local(queue->host);
	queue->flows.before = flow_before;
	queue->station = core_station_use(core, core_slot_of(queue->kind), set_of(task));
	if (!queue->station || !map_put(&core->queues, queue_key(queue), queue)) {
		core->failed = true;
		core_station_drop(queue->station);
		free(queue);
		return NULL;
	}
	core_list_append(&queue->host->queues, &queue->of_host);
	if (queue->denied_count)
		core_list_append(&core->denying, &queue->denying);
	return queue;
}

static struct core_queue *queue_get(struct core *core, const struct core_task *task)
{
	uint64_t           key[3 + DENIED_MAX];
	struct slice       bytes = slice_of(key, make_key(task, key));
	struct core_queue *queue = map_get(&core->queues, bytes);

	return queue ? queue : queue_new(core, task, bytes);
}

static void queue_close(struct core_queue *queue)
{
	queue->open = false;
	heap_remove(&queue->item);
	core_list_remove(&queue->of_station);
	core_list_remove(&queue->woken);
	core_list_remove(&queue->alone);
}

static void queue_open(struct core *core, struct core_queue *queue)
{
	queue->open = true;
	if (queue->special)
		core_list_append(&queue->station->special, &queue->of_station);
	else if (!heap_push(&queue->station->plain[queue->kind][queue->class], &queue->item))
		core->failed = true;
	if (queue->exclusive)
		core_list_append(&core->alone, &queue->alone);
	core_list_append(&core->woken, &queue->woken);
}

static void queue_free(struct core *core, struct core_queue *queue)
{
	queue_close(queue);
	core_list_remove(&queue->of_host);
	core_list_remove(&queue->denying);
	map_remove(&core->queues, queue_key(queue));
	heap_deinit(&queue->flows);
	if (core->offered == queue)
		core->offered = NULL;
	core_station_drop(queue->station);
	free(queue);
}

void core_queue_changed(struct core *core, struct core_queue *queue)
{
	const bool open = queue->flows.count && core_host_admits(core, queue->host, queue->kind);

	if (open && !queue->open)
		queue_open(core, queue);
	else if (!open && queue->open)
		queue_close(queue);
	else
		heap_update(&queue->item);
}

struct core_task *core_queue_first(const struct core_queue *queue)
{
	return task_of(flow_of(queue->flows.items[0])->tasks.items[0]);
}

/* The flow at the head is where its job's time puts it now. True: it was already. */
static bool refresh(struct core_queue *queue)
{
	struct core_flow *flow = (struct core_flow *)(void *)queue->flows.items[0];
	const uint64_t    vtime = flow->job->vtime[queue->station->slot];

	if (flow->tag >= vtime)
		return true;
	flow->tag = vtime;
	heap_update(&flow->item);
	return false;
}

struct core_queue *core_station_best(struct core *core, struct heap *queues)
{
	(void)core;
	while (queues->count) {
		struct core_queue *queue = (struct core_queue *)(void *)queues->items[0];

		if (refresh(queue))
			return queue;
		heap_update(&queue->item);
	}
	return NULL;
}

/* The one to be served first; either may be NULL. */
struct core_queue *core_queue_better(struct core *core, struct core_queue *a, struct core_queue *b)
{
	(void)core;
	if (!a || !b)
		return a ? a : b;
	while (!refresh(a))
		heap_update(&a->item);
	while (!refresh(b))
		heap_update(&b->item);
	return queue_before(&b->item, &a->item) ? b : a;
}

/* --- flows --- */

struct flow_key {
	const struct core_queue *queue;
	const struct core_job   *job;
};

static struct core_flow *flow_get(struct core *core, struct core_queue *queue, struct core_job *job)
{
	const struct flow_key key = {queue, job};
	struct core_flow     *flow = map_get(&core->flows, slice_of(&key, sizeof(key)));

	if (flow || (flow = core_alloc(core, sizeof(*flow))) == NULL)
		return flow;
	flow->queue = queue;
	flow->job = job;
	flow->tag = job->vtime[queue->station->slot];
	flow->tasks.before = task_before;
	if (!map_put(&core->flows, slice_of(&flow->queue, sizeof(key)), flow)) {
		core->failed = true;
		free(flow);
		return NULL;
	}
	core_list_append(&queue->all, &flow->of_queue);
	core_list_append(&job->flows, &flow->of_job);
	return flow;
}

/* Fewer of a limited host count, so that it does not fill the window of a job that has other hosts. */
void core_flow_count(struct core *core, struct core_flow *flow)
{
	const bool limited = core->config.host_leases_max || core->config.host_bytes_per_s;
	const bool counts = flow->queue->kind != CORE_LAYER && flow->queue->host->usable;
	size_t     runnable = counts ? flow->tasks.count : 0;

	if (limited && runnable > CORE_WINDOW_RUNNABLE / 8)
		runnable = CORE_WINDOW_RUNNABLE / 8;
	if (runnable < flow->runnable)
		core_job_hungry(core, flow->job);
	flow->job->runnable += runnable;
	flow->job->runnable -= flow->runnable;
	flow->runnable = runnable;
}

static void flow_free(struct core *core, struct core_flow *flow)
{
	heap_remove(&flow->item);
	core_list_remove(&flow->of_queue);
	core_list_remove(&flow->of_job);
	map_remove(&core->flows, slice_of(&flow->queue, sizeof(struct flow_key)));
	heap_deinit(&flow->tasks);
	free(flow);
}

void core_job_park(struct core *core, struct core_job *job)
{
	for (struct core_link *link = job->flows.first; link; link = link->next) {
		struct core_flow *flow = CORE_OWNER(link, struct core_flow, of_job);

		heap_remove(&flow->item);
		flow->tag = job->vtime[flow->queue->station->slot];
		if (!job->paused && !heap_push(&flow->queue->flows, &flow->item))
			core->failed = true;
		core_queue_changed(core, flow->queue);
	}
}

/* --- tasks --- */

/* Neither a flow nor a queue is left without tasks. */
static void free_empty(struct core *core, struct core_queue *queue, struct core_flow *flow)
{
	if (flow && !flow->tasks.count)
		flow_free(core, flow);
	if (!queue->all.count)
		queue_free(core, queue);
}

/* A job that had nothing to be given starts at the present time: it has saved nothing up. */
static void catch_up(struct core *core, struct core_job *job, enum core_slot slot)
{
	const uint64_t present = core->vtime[slot][job->class];

	if (job->ready[slot]++ == 0 && job->vtime[slot] < present)
		job->vtime[slot] = present;
}

void core_task_ready(struct core *core, struct core_task *task)
{
	struct core_queue *queue;
	struct core_flow  *flow;

	core_task_unqueue(core, task);
	if (!task->host || !task->job) /* only without memory */
		return;
	if ((queue = queue_get(core, task)) == NULL)
		return;
	catch_up(core, task->job, queue->station->slot);
	if ((flow = flow_get(core, queue, task->job)) == NULL || !heap_push(&flow->tasks, &task->item)) {
		core->failed = true;
		free_empty(core, queue, flow);
		return;
	}
	if (!flow->item.heap && !task->job->paused && !heap_push(&queue->flows, &flow->item))
		core->failed = true;
	queue->count++;
	queue->host->ready++;
	core->queued[queue->class][queue->kind]++;
	core_flow_count(core, flow);
	core_queue_changed(core, queue);
}

void core_task_later(struct core *core, struct core_task *task, uint64_t wait_ms)
{
	core_task_unqueue(core, task);
	task->wake_at = core->now + wait_ms;
	if (!heap_push(&core->timers, &task->item))
		core->failed = true;
	core->timed[task->job ? task->job->class : 0][task->kind]++;
}

void core_task_unqueue(struct core *core, struct core_task *task)
{
	struct core_flow  *flow;
	struct core_queue *queue;

	if (!task->item.heap)
		return;
	if (task->item.heap == &core->timers) {
		heap_remove(&task->item);
		core->timed[task->job ? task->job->class : 0][task->kind]--;
		return;
	}
	flow = CORE_OWNER(task->item.heap, struct core_flow, tasks);
	queue = flow->queue;
	heap_remove(&task->item);
	flow->job->ready[queue->station->slot]--;
	queue->count--;
	queue->host->ready--;
	core->queued[queue->class][queue->kind]--;
	core_flow_count(core, flow);
	if (!flow->tasks.count)
		flow_free(core, flow);
	if (!queue->all.count)
		queue_free(core, queue);
	else
		core_queue_changed(core, queue);
}

/* Another job is charged for it from now on. */
void core_task_set_job(struct core *core, struct core_task *task, struct core_job *job)
{
	const bool timed = task->item.heap == &core->timers, queued = task->item.heap && !timed;

	if (task->job == job)
		return;
	if (queued)
		core_task_unqueue(core, task);
	if (timed) {
		core->timed[task->job ? task->job->class : 0][task->kind]--;
		core->timed[job ? job->class : 0][task->kind]++;
	}
	task->job = job;
	if (queued)
		core_task_ready(core, task);
}
