#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
	PING_AFTER_MS = WIRE_HEARTBEAT_MS + WIRE_HEARTBEAT_MS / 2,
	AWAY_MS = 5000, /* a worker whose connection has ended and that is not back by then has died */
	SAMPLE_MS = 2000,
	SLOTS_MAX = WIRE_LEASES_MAX / 2, /* of each sort: a heartbeat names all that a worker holds */
};

/* --- which workers there are --- */

struct loop_worker *loop_worker_find(const struct loop *loop, uint64_t id)
{
	return map_get(&loop->workers_by_id, slice_of(&id, sizeof(id)));
}

static struct slice peer_key(const struct wire_peer *peer)
{
	return slice_of(peer->bytes, sizeof(peer->bytes));
}

struct loop_worker *loop_worker_of(const struct loop *loop, const struct wire_peer *peer)
{
	return map_get(&loop->workers_by_peer, peer_key(peer));
}

/* The worker process that says it is this one; NULL: it is new, or does not tell. */
static struct loop_worker *worker_of_instance(const struct loop *loop, const uint8_t instance[WIRE_INSTANCE_BYTES])
{
	static const uint8_t none[WIRE_INSTANCE_BYTES];
	struct loop_worker  *worker = loop->workers;

	if (memcmp(instance, none, sizeof(none)) == 0)
		return NULL;
	while (worker && memcmp(worker->instance, instance, sizeof(none)) != 0)
		worker = worker->next;
	return worker;
}

static void worker_free(struct loop_worker *worker)
{
	free((void *)(uintptr_t)worker->name.ptr);
	free((void *)(uintptr_t)worker->version.ptr);
	free(worker);
}

void loop_worker_forget(struct loop *loop, uint64_t id)
{
	struct loop_worker **link = &loop->workers;
	struct loop_worker  *worker;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	if ((worker = *link) == NULL)
		return;
	*link = worker->next;
	loop_uploads_drop(loop, id);
	map_remove(&loop->workers_by_id, slice_of(&worker->id, sizeof(worker->id)));
	if (loop_worker_of(loop, &worker->peer) == worker)
		map_remove(&loop->workers_by_peer, peer_key(&worker->peer));
	worker_free(worker);
}

static bool copy_text(struct slice text, size_t max, struct slice *out)
{
	uint8_t *copy;

	text = slice_sub(text, 0, max);
	copy = malloc(text.len + 1);
	if (!copy)
		return false;
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	*out = slice_of(copy, text.len);
	return true;
}

static struct loop_worker *add_worker(struct loop *loop, const struct wire_peer *peer, const struct wire_hello *m)
{
	struct loop_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->id = ++loop->workers_seen;
	worker->heard = worker->sampled = loop->now;
	worker->peer = *peer;
	worker->resolver = m->resolver;
	worker->set = catalog_set_id(m->analyzer_set);
	wire_set_name(m->analyzer_set, worker->set_name);
	memcpy(worker->instance, m->instance, sizeof(worker->instance));
	if (!copy_text(m->name, 256, &worker->name) || !copy_text(m->version, 64, &worker->version) ||
	    !map_put(&loop->workers_by_id, slice_of(&worker->id, sizeof(worker->id)), worker) ||
	    !map_put(&loop->workers_by_peer, peer_key(&worker->peer), worker)) {
		map_remove(&loop->workers_by_id, slice_of(&worker->id, sizeof(worker->id)));
		worker_free(worker);
		return NULL;
	}
	worker->next = loop->workers;
	loop->workers = worker;
	return worker;
}

static void worker_gone(struct loop *loop, struct loop_worker *worker, bool orderly, const char *how)
{
	struct core_event event = {.kind = CORE_WORKER_GONE, .worker = worker->id, .orderly = orderly};

	log_about(!orderly                ? LOG_WARNING
		  : loop->config.embedded ? LOG_DEBUG
					  : LOG_INFO,
		  "broker", LOG_WORKER(worker->id), "worker %llu: %.*s %s", (unsigned long long)worker->id,
		  SLICE_FMT(worker->name), how);
	loop_worker_forget(loop, event.worker);
	loop_step(loop, &event);
}

/* --- hello --- */

static void welcome(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		    const struct loop_worker *worker)
{
	const struct wire_welcome m = {.worker = worker->id,
				       .heartbeat_ms = WIRE_HEARTBEAT_MS,
				       .silence_ms = WIRE_SILENCE_MS,
				       .result_bytes = loop->config.worker_bytes_max};
	struct buf               *frame = loop_send(loop, peer);

	if (frame)
		wire_put_welcome(frame, correlation, &m);
	if (worker->draining)
		loop_reply_empty(loop, peer, WIRE_DRAIN, 0);
}

/* The same process over another connection: what it was sent over the old one may be lost, its list tells. */
static void come_back(struct loop *loop, struct loop_worker *worker, const struct wire_peer *peer, uint64_t correlation,
		      const struct wire_hello *m)
{
	struct core_event event = {
		.kind = CORE_WORKER_BACK, .worker = worker->id, .leases = m->leases, .count = m->leases_count};

	log_about(LOG_INFO, "broker", LOG_WORKER(worker->id), "worker %llu: %.*s is back with %zu leases",
		  (unsigned long long)worker->id, SLICE_FMT(worker->name), m->leases_count);
	loop_uploads_drop(loop, worker->id); /* they begin again at number 0 */
	map_remove(&loop->workers_by_peer, peer_key(&worker->peer));
	worker->peer = *peer;
	worker->heard = loop->now;
	worker->away = worker->pinged = 0;
	if (!map_put(&loop->workers_by_peer, peer_key(&worker->peer), worker))
		return;
	welcome(loop, peer, correlation, worker);
	loop_step(loop, &event);
}

static void join(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, const struct wire_hello *m)
{
	struct core_event   event = {.kind = CORE_WORKER_HELLO,
				     .leases = m->leases,
				     .count = m->leases_count,
				     .hosts = m->hosts.items,
				     .hosts_count = m->hosts.count};
	struct loop_worker *worker = add_worker(loop, peer, m);

	if (!worker)
		return;
	log_about(loop->config.embedded ? LOG_DEBUG : LOG_INFO, "broker", LOG_WORKER(worker->id),
		  "worker %llu: %.*s has joined (%.*s, set %s)", (unsigned long long)worker->id,
		  SLICE_FMT(worker->name), SLICE_FMT(worker->version), worker->set_name);
	welcome(loop, peer, correlation, worker);
	event.worker = worker->id;
	event.set = worker->set;
	event.layer_slots = m->layer_slots < SLOTS_MAX ? m->layer_slots : SLOTS_MAX;
	event.light_slots = m->light_slots < SLOTS_MAX ? m->light_slots : SLOTS_MAX;
	event.local = m->local && loop->config.embedded;
	loop_step(loop, &event);
}

static void hello(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_hello   m;
	struct err          err = {0};
	struct loop_worker *worker = loop_worker_of(loop, peer);

	if (wire_get_hello(body, &loop->arena, &m, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	if (worker) /* greetings queue up while no broker answers; over one connection nothing was lost */
		welcome(loop, peer, correlation, worker);
	else if ((worker = worker_of_instance(loop, m.instance)) != NULL)
		come_back(loop, worker, peer, correlation, &m);
	else
		join(loop, peer, correlation, &m);
}

/* --- heartbeats --- */

static void progress(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct core_event    event = {.kind = CORE_WORKER_PROGRESS, .worker = worker->id};
	struct wire_progress m;
	struct err           err = {0};
	uint64_t            *leases, *bytes;

	if (wire_get_progress(body, &loop->arena, &m, &err) < 0) {
		loop_reply_error(loop, &worker->peer, correlation, &err);
		return;
	}
	leases = arena_array(&loop->arena, m.count + 1, sizeof(*leases));
	bytes = arena_array(&loop->arena, m.count + 1, sizeof(*bytes));
	if (!leases || !bytes)
		return;
	for (size_t i = 0; i < m.count; i++) {
		leases[i] = m.items[i].lease;
		bytes[i] = m.items[i].bytes;
	}
	event.leases = leases;
	event.bytes = bytes;
	event.count = m.count;
	loop_reply_empty(loop, &worker->peer, WIRE_PONG, correlation);
	loop_step(loop, &event);
}

/* True while the worker is there. */
static bool worker_turn(struct loop *loop, struct loop_worker *worker)
{
	if (loop->now >= worker->heard + WIRE_SILENCE_MS) {
		worker_gone(loop, worker, false, "is silent: its work goes to others");
		return false;
	}
	if (worker->away && loop->now >= worker->away + AWAY_MS) {
		worker_gone(loop, worker, false, "is gone: its work goes to others");
		return false;
	}
	if (worker->away || loop->now < worker->heard + PING_AFTER_MS || loop->now < worker->pinged + PING_AFTER_MS)
		return true;
	worker->pinged = loop->now;
	loop_reply_empty(loop, &worker->peer, WIRE_PING, 0);
	return true;
}

static void sample(void *data, const struct core_worker_info *info)
{
	const struct loop  *loop = data;
	struct loop_worker *worker = loop_worker_find(loop, info->id);

	if (!worker || loop->now < worker->sampled + SAMPLE_MS)
		return;
	worker->bytes_per_s =
		info->bytes > worker->bytes ? (info->bytes - worker->bytes) * 1000 / (loop->now - worker->sampled) : 0;
	worker->bytes = info->bytes;
	worker->sampled = loop->now;
}

void loop_workers_turn(struct loop *loop)
{
	struct loop_worker *next;
	bool                due = false;

	for (struct loop_worker *worker = loop->workers; worker; worker = next) {
		next = worker->next;
		if (worker_turn(loop, worker))
			due |= loop->now >= worker->sampled + SAMPLE_MS;
	}
	if (due)
		core_workers_each(loop->core, sample, loop);
}

/* --- leaving --- */

void loop_worker_drain(struct loop *loop, struct loop_worker *worker)
{
	struct core_event event = {.kind = CORE_WORKER_DRAIN, .worker = worker->id};

	if (!worker->draining)
		log_about(LOG_INFO, "broker", LOG_WORKER(worker->id), "worker %llu: %.*s drains",
			  (unsigned long long)worker->id, SLICE_FMT(worker->name));
	worker->draining = true;
	loop_reply_empty(loop, &worker->peer, WIRE_DRAIN, 0);
	loop_step(loop, &event);
}

/* --- messages --- */

static void heard(struct loop *loop, struct loop_worker *worker)
{
	struct core_event event = {.kind = CORE_WORKER_HEARD, .worker = worker->id};

	worker->heard = loop->now;
	worker->away = 0;
	loop_step(loop, &event);
}

static void known_worker_message(struct loop *loop, struct loop_worker *worker, const struct wire_header *header,
				 struct slice body)
{
	switch (header->type) {
	case WIRE_PROGRESS:
		progress(loop, worker, header->correlation, body);
		break;
	case WIRE_RESULT:
		loop_result(loop, worker, header->correlation, body);
		break;
	case WIRE_FAIL:
		loop_failed(loop, worker, header->correlation, body);
		break;
	case WIRE_DRAIN:
		loop_worker_drain(loop, worker);
		break;
	case WIRE_BYE:
		worker_gone(loop, worker, true, "has left");
		break;
	default:
		break;
	}
}

void loop_worker_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			 struct slice body)
{
	struct loop_worker *worker = loop_worker_of(loop, peer);
	struct err          err = {0};

	if (worker)
		heard(loop, worker);
	if (header->type == WIRE_HELLO) {
		hello(loop, peer, header->correlation, body);
	} else if (worker) {
		known_worker_message(loop, worker, header, body);
	} else if (header->type != WIRE_PONG) {
		err_set(&err, ERR_NOT_FOUND, "say HELLO first");
		loop_reply_error(loop, peer, header->correlation, &err);
	}
}
