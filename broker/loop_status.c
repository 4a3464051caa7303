#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
	WATCH_MIN_MS = 100,
	WATCH_MAX_MS = 5000,
	STATUS_JOBS_MAX = 1000,
	NOTICES_MAX = 100,
	STATUS_HOSTS_MAX = 16, /* of one worker, in a reply */
};

int loop_status_of(struct loop *loop, uint64_t job, struct arena *arena, struct wire_job_status *out, struct err *err)
{
	const struct loop_job *running = loop_job_find(loop, job);
	struct job_record      record;
	int                    status;

	if (running) {
		loop_job_status(loop, running, out);
		return 0;
	}
	if ((status = catalog_job_get(loop->catalog, job, arena, &record, err)) >= 0)
		loop_job_status_stored(&record, out);
	return status;
}

/* --- STATUS --- */

static void all_jobs(struct loop *loop, struct wire_status_reply *reply)
{
	uint64_t id = 0;

	while (reply->jobs_count < STATUS_JOBS_MAX && catalog_job_newest(loop->catalog, id, &id, NULL) >= 0) {
		if (loop_status_of(loop, id, &loop->arena, &reply->jobs[reply->jobs_count], NULL) >= 0)
			reply->jobs_count++;
		if (id == 1)
			break;
	}
}

struct listing {
	struct loop              *loop;
	struct wire_status_reply *reply;
};

static void list_worker(void *data, const struct core_worker_info *info)
{
	const struct listing      *listing = data;
	struct wire_status_reply  *reply = listing->reply;
	const struct loop_worker  *worker = loop_worker_find(listing->loop, info->id);
	struct wire_worker_status *out;

	if (!worker || reply->workers_count == WIRE_WORKERS_MAX)
		return;
	out = &reply->workers[reply->workers_count++];
	*out = (struct wire_worker_status){.worker = info->id,
					   .name = worker->name,
					   .version = worker->version,
					   .set = slice_str(worker->set_name),
					   .layer_slots = info->layer_slots,
					   .light_slots = info->light_slots,
					   .leases = info->leases,
					   .oldest_lease_ms = info->oldest_lease_ms,
					   .heard_ms = listing->loop->now - worker->heard,
					   .draining = info->draining,
					   .bytes_per_s = worker->bytes_per_s};
	out->hosts.count = info->hosts_count < STATUS_HOSTS_MAX ? info->hosts_count : STATUS_HOSTS_MAX;
	out->hosts.items = arena_array(&listing->loop->arena, out->hosts.count + 1, sizeof(struct slice));
	for (size_t i = 0; i < out->hosts.count && out->hosts.items; i++)
		out->hosts.items[i] = info->hosts[i];
}

static int by_number(const void *a, const void *b)
{
	const struct wire_worker_status *left = a, *right = b;

	return left->worker < right->worker ? -1 : left->worker > right->worker;
}

static void list_counters(struct loop *loop, struct wire_status_reply *reply)
{
	uint64_t counters[FLEET_COUNTERS];

	if (catalog_counters_get(loop->catalog, counters, NULL) < 0)
		return;
	for (unsigned i = 0; i < FLEET_COUNTERS; i++)
		reply->counters[reply->counters_count++] =
			(struct wire_counter){.name = slice_str(catalog_counter_name(i)), .value = counters[i]};
}

static void list_notices(struct loop *loop, struct wire_status_reply *reply)
{
	struct core_gauges gauges;
	struct slice      *out = reply->notices.items;

	reply->notices.count = core_notices(loop->core, &loop->arena, out, NOTICES_MAX - 1);
	if (!loop->draining)
		return;
	core_gauges(loop->core, &gauges);
	out[reply->notices.count++] =
		arena_printf(&loop->arena, "the broker is draining: %llu tasks are out",
			     (unsigned long long)(gauges.leases[0] + gauges.leases[1] + gauges.leases[2]));
}

static bool make_room(struct loop *loop, struct wire_status_reply *reply)
{
	reply->jobs = arena_array(&loop->arena, STATUS_JOBS_MAX, sizeof(*reply->jobs));
	reply->notices.items = arena_array(&loop->arena, NOTICES_MAX, sizeof(struct slice));
	reply->workers = arena_array(&loop->arena, WIRE_WORKERS_MAX, sizeof(*reply->workers));
	reply->counters = arena_array(&loop->arena, FLEET_COUNTERS, sizeof(*reply->counters));
	return reply->jobs && reply->notices.items && reply->workers && reply->counters;
}

/* What does not fit into one message loses its oldest jobs. */
static void send_reply(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		       struct wire_status_reply *reply)
{
	struct buf *frame = loop_send(loop, peer);

	if (!frame)
		return;
	wire_put_status_reply(frame, correlation, reply);
	while (!buf_ok(frame) && reply->jobs_count + reply->workers_count > 0) {
		reply->jobs_count /= 2;
		reply->workers_count /= 2;
		buf_clear(frame);
		wire_put_status_reply(frame, correlation, reply);
	}
}

void loop_status(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_status_reply reply = {0};
	struct listing           listing = {.loop = loop, .reply = &reply};
	struct err               err = {0};
	uint64_t                 job;

	if (!make_room(loop, &reply))
		err_set(&err, ERR_MEM, "broker: out of memory");
	else if (wire_get_number(body, &job, &err) >= 0 && job &&
		 loop_status_of(loop, job, &loop->arena, &reply.jobs[0], &err) >= 0)
		reply.jobs_count = 1;
	else if (!err.code)
		all_jobs(loop, &reply);
	if (err.code) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	list_notices(loop, &reply);
	core_workers_each(loop->core, list_worker, &listing);
	qsort(reply.workers, reply.workers_count, sizeof(*reply.workers), by_number);
	list_counters(loop, &reply);
	send_reply(loop, peer, correlation, &reply);
}

/* --- WATCH --- */

static bool may_watch(const struct loop *loop, const struct wire_peer *peer, struct err *err)
{
	size_t own = 0;

	for (const struct loop_watch *entry = loop->watches; entry; entry = entry->next)
		own += memcmp(&entry->peer, peer, sizeof(*peer)) == 0;
	if (own == LOOP_WATCHES_OF_PEER_MAX)
		err_set(err, ERR_BUSY, "this connection watches %zu times already", own);
	else if (loop->watches_count == LOOP_WATCHES_MAX)
		err_set(err, ERR_BUSY, "the broker is watched by %zu others already", loop->watches_count);
	return !err->code;
}

void loop_watch(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_watch      m;
	struct wire_job_status status;
	struct loop_watch     *entry;
	struct err             err = {0};

	if (wire_get_watch(body, &m, &err) < 0 || loop_status_of(loop, m.job, &loop->arena, &status, &err) < 0 ||
	    !may_watch(loop, peer, &err)) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	if ((entry = calloc(1, sizeof(*entry))) == NULL)
		return;
	loop->watches_count++;
	*entry = (struct loop_watch){.peer = *peer,
				     .correlation = correlation,
				     .job = m.job,
				     .interval_ms = m.interval_ms < WATCH_MIN_MS   ? WATCH_MIN_MS
						    : m.interval_ms > WATCH_MAX_MS ? WATCH_MAX_MS
										   : m.interval_ms,
				     .next = loop->watches};
	loop->watches = entry;
}

uint64_t loop_watches_due(const struct loop *loop)
{
	uint64_t due = UINT64_MAX;

	for (const struct loop_watch *entry = loop->watches; entry; entry = entry->next)
		if (entry->sent_ms + entry->interval_ms < due)
			due = entry->sent_ms + entry->interval_ms;
	return due;
}

/* True while the watch goes on. */
static bool watch_turn(struct loop *loop, struct loop_watch *entry)
{
	const struct loop_job *job = loop_job_find(loop, entry->job);
	struct wire_job_status status;
	struct err             err = {0};
	struct buf            *frame;

	if (job && job->record.state == JOB_RUNNING && entry->sent_ms &&
	    loop->now < entry->sent_ms + entry->interval_ms)
		return true;
	arena_reset(&loop->arena);
	if (loop_status_of(loop, entry->job, &loop->arena, &status, &err) < 0) {
		loop_reply_error(loop, &entry->peer, entry->correlation, &err);
		return false;
	}
	entry->sent_ms = loop->now;
	if ((frame = loop_send(loop, &entry->peer)) != NULL)
		wire_put_job_progress(frame, entry->correlation, &status);
	return status.state == JOB_RUNNING;
}

void loop_watches_turn(struct loop *loop)
{
	struct loop_watch **link = &loop->watches;

	while (*link) {
		struct loop_watch *entry = *link;

		if (watch_turn(loop, entry)) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		loop->watches_count--;
		free(entry);
	}
}

void loop_watches_free(struct loop *loop)
{
	while (loop->watches) {
		struct loop_watch *entry = loop->watches;

		loop->watches = entry->next;
		free(entry);
	}
}

/* --- clients that have gone --- */

void loop_client_gone(struct loop *loop, const struct wire_peer *peer)
{
	struct loop_watch **link = &loop->watches;

	while (*link) {
		struct loop_watch *entry = *link;

		if (memcmp(&entry->peer, peer, sizeof(*peer)) != 0) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		loop->watches_count--;
		free(entry);
	}
	for (struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		if (memcmp(&feed->peer, peer, sizeof(*peer)) == 0)
			feed->gone = true;
	loop_queries_gone(loop, peer);
}
