#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

enum { BUSY_POLL_MAX_MS = 2000 };

/* --- nodes --- */

static struct slice key_slice(const struct core_key *key)
{
	return slice_of(key, SHA256_BYTES + sizeof(uint64_t));
}

static bool is_terminal(const struct core_layer *layer)
{
	return layer->state == LAYER_NODE_DONE || layer->state == LAYER_NODE_FAILED;
}

struct layer_rare *core_layer_rare(struct core *core, struct core_layer *layer)
{
	if (!layer->rare)
		layer->rare = core_alloc(core, sizeof(*layer->rare));
	return layer->rare;
}

static void forget_failed_sources(struct core_layer *layer)
{
	struct layer_rare *rare = layer->rare;

	for (size_t i = 0; rare && i < rare->failed_count; i++) {
		free((void *)(uintptr_t)rare->failed[i].location.ptr);
		free((void *)(uintptr_t)rare->failed[i].reason.ptr);
	}
	if (rare)
		rare->failed_count = 0;
}

void core_layer_clear(struct core *core, struct core_layer *layer)
{
	core_task_unqueue(core, &layer->task);
	core_task_retire(core, &layer->task);
	layer->task.job = NULL;
}

void core_layer_free(struct core *core, struct core_layer *layer)
{
	core_layer_clear(core, layer);
	core_host_use(&layer->task.host, NULL);
	map_remove(&core->layers, key_slice(&layer->key));
	forget_failed_sources(layer);
	if (layer->rare) {
		free(layer->rare->failed);
		free((void *)(uintptr_t)layer->rare->reason.ptr);
		free(layer->rare);
	}
	if (layer->waiters != &layer->first)
		free(layer->waiters);
	free(layer);
}

/* A layer without digest (rootfs:) gets one that is its own: never equal to that of content. */
static void make_key(const struct core_image *image, size_t index, struct core_key *key)
{
	const struct image_layer *layer = &image->image.layers[index];

	*key = (struct core_key){.digest = layer->digest, .set = image->set};
	if (digest_is_zero(&layer->digest))
		core_pseudo_digest(image->job, image->image.reference, index, &key->digest);
}

struct core_layer *core_layer_of(const struct core *core, const struct core_image *image, size_t index)
{
	struct core_key key;

	make_key(image, index, &key);
	return map_get(&core->layers, key_slice(&key));
}

static struct core_layer *layer_new(struct core *core, const struct core_key *key, const struct image_layer *wanted)
{
	struct core_layer *layer = core_alloc(core, sizeof(*layer));

	if (!layer)
		return NULL;
	layer->key = *key;
	layer->task.kind = CORE_LAYER;
	layer->task.size = wanted->size;
	layer->task.sequence = ++core->sequence;
	layer->pseudo = digest_is_zero(&wanted->digest);
	layer->waiters = &layer->first;
	layer->waiters_capacity = 1;
	if (!map_put(&core->layers, key_slice(&layer->key), layer)) {
		core->failed = true;
		free(layer);
		return NULL;
	}
	return layer;
}

/* --- who waits --- */

static void add_waiter(struct core *core, struct core_layer *layer, const struct layer_waiter *waiter)
{
	if (layer->waiters_count == layer->waiters_capacity) {
		const uint32_t       capacity = layer->waiters_capacity < 4 ? 4 : layer->waiters_capacity * 2;
		const bool           own = layer->waiters != &layer->first;
		struct layer_waiter *waiters = realloc(own ? layer->waiters : NULL, capacity * sizeof(*waiters));

		if (!waiters) {
			core->failed = true;
			return;
		}
		if (!own)
			waiters[0] = layer->first;
		layer->waiters = waiters;
		layer->waiters_capacity = capacity;
	}
	layer->waiters[layer->waiters_count++] = *waiter;
}

/* Which of two jobs a layer that both want belongs to: one that is not paused, ad hoc before bulk, the older one. */
static bool outranks(const struct core_job *a, const struct core_job *b)
{
	if (!b || a->paused != b->paused)
		return !b || b->paused;
	return a->class != b->class ? a->class < b->class : a->id < b->id;
}

void core_layer_rehome(struct core *core, struct core_layer *layer)
{
	struct core_job *best = NULL;

	for (size_t i = 0; i < layer->waiters_count; i++) {
		struct core_job *job = core_job_find(core, layer->waiters[i].image->job);

		if (job && job != best && outranks(job, best))
			best = job;
	}
	core_task_set_job(core, &layer->task, best);
}

/* --- claims --- */

static void ask(struct core *core, struct core_layer *layer)
{
	const struct layer_waiter *first = &layer->waiters[0];
	struct core_action        *action = core_emit(core, CORE_CLAIM);

	layer->state = LAYER_NODE_CLAIMING;
	layer->asked_force = layer->force;
	action->layer = layer;
	action->key = layer->key;
	action->diff_id = first->image->image.layers[first->index].diff_id;
	action->force = layer->force;
	action->again = layer->again;
	action->place = first->image->location;
}

const struct layer_source *core_layer_failed_source(const struct core_layer *layer, const struct core_image *image,
						    size_t index)
{
	const struct layer_rare *rare = layer->rare;

	for (size_t i = 0; rare && i < rare->failed_count; i++)
		if (rare->failed[i].size == image->image.layers[index].size &&
		    slice_eq(rare->failed[i].location, image->location))
			return &rare->failed[i];
	return NULL;
}

/* The first waiter whose registry, repository and claimed size have not been given up; false: none left. */
bool core_layer_choose_source(struct core *core, struct core_layer *layer)
{
	for (uint32_t i = 0; i < layer->waiters_count; i++)
		if (!core_layer_failed_source(layer, layer->waiters[i].image, layer->waiters[i].index)) {
			core_task_unqueue(core, &layer->task);
			layer->tried = i;
			core_task_set_host(core, &layer->task, layer->waiters[i].image->host);
			return true;
		}
	return false;
}

/* Nobody waits any more. A node that stays for a job's sake is what it was before it was begun again. */
static void abandon(struct core *core, struct core_layer *layer)
{
	core_task_unqueue(core, &layer->task);
	core_task_retire(core, &layer->task);
	core_layer_release(core, layer);
	if (layer->rare && layer->rare->uses)
		layer->state = (uint8_t)layer->rare->before;
	else
		core_layer_free(core, layer);
}

static void fail_again(struct core *core, struct core_layer *layer)
{
	const struct layer_rare *rare = layer->rare;

	core_layer_lost(core, layer, rare ? rare->code : ERR_INTERNAL,
			rare ? core_text(core, rare->reason) : SLICE_LIT("no place is left to read it from"));
}

static void granted(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	const struct layer_waiter *first = &layer->waiters[0];

	layer->state = LAYER_NODE_CLAIMED;
	layer->verify = event->verify && core_layer_rare(core, layer);
	if (layer->verify)
		layer->rare->verify = first->image->image.layers[first->index].diff_id;
	layer->task.retry = (uint8_t)event->retry;
	layer->payer = core_job_find(core, first->image->job);
	if (layer->payer && layer->task.size != UINT64_MAX)
		layer->payer->stats.bytes_total += layer->task.size;
	if (core_layer_choose_source(core, layer))
		core_task_ready(core, &layer->task);
	else
		fail_again(core, layer);
}

static void busy(struct core *core, struct core_layer *layer)
{
	const uint64_t wait = core->config.busy_poll_ms << (layer->polls < 5 ? layer->polls : 5);

	layer->state = LAYER_NODE_BUSY;
	if (layer->polls < 5)
		layer->polls++;
	core_task_later(core, &layer->task, wait < BUSY_POLL_MAX_MS ? wait : BUSY_POLL_MAX_MS);
}

/* What broke workers at one place may be good at another one. */
static void quarantined(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	if (event->here || layer->again) {
		core_layer_lost(core, layer, event->code, event->text);
		return;
	}
	layer->again = true;
	ask(core, layer);
}

void core_layer_claimed(struct core *core, const struct core_event *event)
{
	struct core_layer *layer = event->layer;

	if (layer->state != LAYER_NODE_CLAIMING)
		return;
	layer->owned = event->claim == CORE_CLAIM_GRANTED;
	if (!layer->waiters_count)
		abandon(core, layer); /* cancelled meanwhile */
	else if (event->claim == CORE_CLAIM_GRANTED)
		granted(core, layer, event);
	else if (event->claim == CORE_CLAIM_BUSY)
		busy(core, layer);
	else if (event->claim == CORE_CLAIM_QUARANTINED)
		quarantined(core, layer, event);
	else if (layer->force && !layer->asked_force)
		ask(core, layer); /* a job that reuses nothing has come meanwhile */
	else
		core_layer_known(core, layer, event->partial);
}

void core_layer_wake(struct core *core, struct core_layer *layer)
{
	if (layer->state == LAYER_NODE_BUSY)
		ask(core, layer);
	else
		core_task_ready(core, &layer->task);
}

/* --- wanting a layer --- */

static struct layer_use *use_of(const struct core_layer *layer, const struct core_job *job)
{
	struct layer_use *use = layer->rare ? layer->rare->uses : NULL;

	while (use && use->job != job)
		use = use->next_of_layer;
	return use;
}

/* A finished layer that must be read again for this image: it had failed, may not be reused, or the job wants no reuse. */
static bool must_restart(const struct core_layer *layer, const struct core_job *job, const struct core_image *image,
			 size_t index, bool first)
{
	if (layer->state == LAYER_NODE_FAILED)
		return !use_of(layer, job) || !core_layer_failed_source(layer, image, index);
	return !use_of(layer, job) && (!layer->reusable || (job->no_reuse && first));
}

static void restart(struct core *core, struct core_layer *layer, const struct core_job *job, bool all_places)
{
	if (all_places)
		forget_failed_sources(layer);
	if (core_layer_rare(core, layer))
		layer->rare->before = (enum layer_state)layer->state;
	layer->task.attempt = layer->task.losses = layer->task.retry = 0;
	core_task_undeny(&layer->task);
	layer->task.begun = layer->task.counted = layer->task.exclusive = layer->task.poisoned = false;
	layer->polls = 0;
	layer->force = layer->pseudo || job->no_reuse;
	layer->again = job->again || job->no_reuse;
	core_layer_rehome(core, layer);
	ask(core, layer);
}

/* The node is there and has ended. */
static void want_ended(struct core *core, struct core_layer *layer, struct core_job *job, struct core_image *image,
		       size_t index, bool first)
{
	const struct layer_use *use = use_of(layer, job);

	if (must_restart(layer, job, image, index, first)) {
		const struct layer_waiter waiter = {.image = image,
						    .index = (uint32_t)index,
						    .counts = first,
						    .recounts = use && use->failed && !first};

		add_waiter(core, layer, &waiter);
		restart(core, layer, job, !use);
		return;
	}
	if (first)
		core_layer_count_ended(core, layer, job);
	core_layer_settle(core, layer, image, index,
			  layer->state == LAYER_NODE_FAILED ? LAYER_FAILED
			  : layer->partial                  ? LAYER_PARTIAL
							    : LAYER_REUSED);
}

/* True: this job has not counted the layer yet. */
static bool count_total(struct core *core, struct core_job *job, const struct core_key *key)
{
	const uint64_t hash = core_layer_hash(key);

	if (core_hashes_has(&job->counted, hash))
		return false;
	if (!core_hashes_add(&job->counted, hash))
		core->failed = true;
	job->stats.layers_total++;
	return true;
}

void core_layer_want(struct core *core, struct core_image *image, size_t index)
{
	struct core_job    *job = core_job_find(core, image->job);
	struct core_key     key;
	struct core_layer  *layer;
	struct layer_waiter waiter = {.image = image, .index = (uint32_t)index};

	make_key(image, index, &key);
	waiter.counts = count_total(core, job, &key);
	layer = map_get(&core->layers, key_slice(&key));
	if (layer && is_terminal(layer)) {
		want_ended(core, layer, job, image, index, waiter.counts);
		return;
	}
	if (layer) {
		layer->force |= job->no_reuse && waiter.counts;
		layer->again |= job->again || job->no_reuse;
		add_waiter(core, layer, &waiter);
		if (layer->task.job != job && outranks(job, layer->task.job))
			core_task_set_job(core, &layer->task, job);
		return;
	}
	if ((layer = layer_new(core, &key, &image->image.layers[index])) == NULL)
		return;
	layer->force = layer->pseudo || (job->no_reuse && waiter.counts);
	layer->again = job->again || job->no_reuse;
	add_waiter(core, layer, &waiter);
	layer->task.job = job;
	ask(core, layer);
}

/* --- cancelled and paused jobs --- */

static void drop_waiters_of(struct core_layer *layer, uint64_t job)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < layer->waiters_count; i++)
		if (layer->waiters[i].image->job != job)
			layer->waiters[kept++] = layer->waiters[i];
	layer->waiters_count = kept;
}

/* The place in use was known by the job that has left: another image may name the same one. */
static bool same_source(struct core_layer *layer, struct slice location, uint64_t size)
{
	for (uint32_t i = 0; i < layer->waiters_count; i++) {
		const struct layer_waiter *at = &layer->waiters[i];

		if (at->image->image.layers[at->index].size == size && slice_eq(at->image->location, location)) {
			layer->tried = i;
			return true;
		}
	}
	return false;
}

static void find_source_anew(struct core *core, struct core_layer *layer, struct slice location, uint64_t size)
{
	layer->tried = layer->tried < layer->waiters_count ? layer->tried : 0;
	if (layer->state != LAYER_NODE_CLAIMED || same_source(layer, location, size))
		return;
	core_task_retire(core, &layer->task);
	core_task_retry(&layer->task, CORE_RETRY_OTHER_PLACE);
	if (core_layer_choose_source(core, layer))
		core_task_ready(core, &layer->task);
	else
		fail_again(core, layer);
}

static void leave(struct core *core, struct core_layer *layer, struct core_job *job)
{
	const struct layer_waiter *tried = &layer->waiters[layer->tried];
	struct slice               location = core_text(core, tried->image->location);
	const uint64_t             size = tried->image->image.layers[tried->index].size;
	const uint32_t             before = layer->waiters_count;

	drop_waiters_of(layer, job->id);
	if (layer->waiters_count == before)
		return;
	if (layer->payer == job)
		layer->payer = NULL;
	core_layer_rehome(core, layer);
	if (!layer->waiters_count) {
		layer->tried = 0;
		if (layer->state != LAYER_NODE_CLAIMING)
			abandon(core, layer);
		return;
	}
	if (layer->owned && !layer->payer) {
		layer->payer = core_job_find(core, layer->waiters[0].image->job);
		if (layer->payer && layer->task.size != UINT64_MAX)
			layer->payer->stats.bytes_total += layer->task.size;
	}
	find_source_anew(core, layer, location, size);
}

/* The layers that the job's images wait for, each once, though thousands of images may share one. */
static void visit(struct core *core, struct core_job *job,
		  void (*each)(struct core *core, struct core_layer *layer, struct core_job *job))
{
	core->visit++;
	for (struct core_image *image = job->images; image; image = image->next)
		for (size_t i = 0; i < image->image.layers_count; i++) {
			struct core_layer *layer = core_layer_of(core, image, i);

			if (!layer || !layer->waiters_count || layer->visit == core->visit)
				continue;
			layer->visit = core->visit;
			each(core, layer, job);
		}
}

void core_layers_job_leaves(struct core *core, struct core_job *job)
{
	visit(core, job, leave);
}

static void rehome(struct core *core, struct core_layer *layer, struct core_job *job)
{
	(void)job;
	core_layer_rehome(core, layer);
}

void core_layers_job_changed(struct core *core, struct core_job *job)
{
	visit(core, job, rehome);
}
