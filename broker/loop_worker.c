#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	UPLOAD_BYTES_MAX = 1 << 30, /* of all workers; beyond it a result is asked for again later */
	PING_AFTER_MS = WIRE_HEARTBEAT_MS + WIRE_HEARTBEAT_MS / 2,
};

struct loop_worker *loop_worker_find(const struct loop *loop, uint64_t id)
{
	struct loop_worker *worker = loop->workers;

	while (worker && worker->id != id)
		worker = worker->next;
	return worker;
}

static void end_upload(struct loop *loop, struct loop_upload *upload)
{
	if (!upload)
		return;
	map_remove(&loop->uploads, slice_of(&upload->lease, sizeof(upload->lease)));
	loop->upload_bytes -= upload->bytes.len;
	buf_deinit(&upload->bytes);
	free(upload);
}

void loop_worker_forget(struct loop *loop, uint64_t id)
{
	struct loop_worker **link = &loop->workers;
	struct loop_worker  *worker;
	struct loop_upload  *upload;
	size_t               position = 0;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	if ((worker = *link) == NULL)
		return;
	*link = worker->next;
	while ((upload = map_next(&loop->uploads, &position)) != NULL)
		if (upload->worker == id)
			end_upload(loop, upload);
	free((void *)(uintptr_t)worker->name.ptr);
	free(worker);
}

static struct loop_worker *find_peer(const struct loop *loop, const struct wire_peer *peer)
{
	struct loop_worker *worker = loop->workers;

	while (worker && memcmp(&worker->peer, peer, sizeof(*peer)) != 0)
		worker = worker->next;
	return worker;
}

static void ack(struct loop *loop, const struct wire_peer *peer, uint64_t lease, int code, const char *text)
{
	struct wire_ack m = {.lease = lease, .code = code, .text = slice_str(text)};
	struct buf     *frame = loop_send(loop, peer);

	if (frame)
		wire_put_ack(frame, 0, &m);
}

/* --- hello, heartbeat, bye --- */

static struct loop_worker *add_worker(struct loop *loop, const struct wire_peer *peer, struct slice name,
				      uint32_t resolver)
{
	struct loop_worker *worker = calloc(1, sizeof(*worker));
	uint8_t            *copy = malloc(name.len + 1);

	if (!worker || !copy) {
		free(worker);
		free(copy);
		return NULL;
	}
	memcpy(copy, name.ptr ? (const char *)name.ptr : "", name.len);
	worker->id = ++loop->workers_seen;
	worker->heard = loop->now;
	worker->peer = *peer;
	worker->name = slice_of(copy, name.len);
	worker->resolver = resolver;
	worker->next = loop->workers;
	loop->workers = worker;
	return worker;
}

void loop_worker_gone(struct loop *loop, struct loop_worker *worker, bool orderly, const char *how)
{
	struct core_event event = {.kind = CORE_WORKER_GONE, .worker = worker->id, .orderly = orderly};

	log_line(!orderly                ? LOG_WARNING
		 : loop->config.embedded ? LOG_DEBUG
					 : LOG_INFO,
		 "broker", "worker %llu: %.*s %s", (unsigned long long)worker->id,
		 SLICE_FMT(slice_sub(worker->name, 0, 200)), how);
	loop_worker_forget(loop, event.worker);
	loop_step(loop, &event);
}

static void welcome(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		    const struct loop_worker *worker)
{
	const struct wire_welcome m = {
		.worker = worker->id, .heartbeat_ms = WIRE_HEARTBEAT_MS, .silence_ms = WIRE_SILENCE_MS};
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_welcome(frame, correlation, &m);
}

static void hello(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header, struct slice body)
{
	struct wire_hello   m;
	struct err          err = {0};
	struct loop_worker *worker = find_peer(loop, peer);
	struct core_event   event = {.kind = CORE_WORKER_HELLO};

	if (wire_get_hello(body, &loop->arena, &m, &err) < 0) {
		loop_reply_error(loop, peer, header->correlation, &err);
		return;
	}
	if (worker) { /* greetings queue up while no broker answers; over one connection nothing was lost */
		welcome(loop, peer, header->correlation, worker);
		return;
	}
	if ((worker = add_worker(loop, peer, m.name, m.resolver)) == NULL)
		return;
	log_line(loop->config.embedded ? LOG_DEBUG : LOG_INFO, "broker", "worker %llu: %.*s has joined",
		 (unsigned long long)worker->id, SLICE_FMT(slice_sub(m.name, 0, 200)));
	welcome(loop, peer, header->correlation, worker);
	event.worker = worker->id;
	event.set = worker->set = catalog_set_id(m.analyzer_set);
	event.hosts = m.hosts.items;
	event.hosts_count = m.hosts.count;
	event.layer_slots = m.layer_slots < WIRE_LEASES_MAX ? m.layer_slots : WIRE_LEASES_MAX;
	event.light_slots = m.light_slots < WIRE_LEASES_MAX ? m.light_slots : WIRE_LEASES_MAX;
	event.local = m.local && loop->config.embedded;
	loop_step(loop, &event);
}

static void progress(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct core_event    event = {.kind = CORE_WORKER_PROGRESS, .worker = worker->id};
	struct wire_progress m;
	struct err           err = {0};
	uint64_t            *leases, *bytes;
	struct buf          *frame;

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
	loop_step(loop, &event);
	if ((frame = loop_send(loop, &worker->peer)) != NULL)
		wire_put_empty(frame, WIRE_PONG, correlation);
}

void loop_workers_turn(struct loop *loop)
{
	struct loop_worker *next;

	for (struct loop_worker *worker = loop->workers; worker; worker = next) {
		struct buf *frame;

		next = worker->next;
		if (loop->now >= worker->heard + WIRE_SILENCE_MS) {
			loop_worker_gone(loop, worker, false, "is silent: its work goes to others");
			continue;
		}
		if (loop->now < worker->heard + PING_AFTER_MS || loop->now < worker->pinged + PING_AFTER_MS)
			continue;
		worker->pinged = loop->now;
		if ((frame = loop_send(loop, &worker->peer)) != NULL)
			wire_put_empty(frame, WIRE_PING, 0);
	}
}

/* --- uploads --- */

static struct loop_upload *find_upload(const struct loop *loop, uint64_t lease)
{
	return map_get(&loop->uploads, slice_of(&lease, sizeof(lease)));
}

static struct loop_upload *add_upload(struct loop *loop, uint64_t lease, uint64_t worker)
{
	struct loop_upload *upload = calloc(1, sizeof(*upload));

	if (!upload)
		return NULL;
	upload->lease = lease;
	upload->worker = worker;
	buf_init(&upload->bytes, 2ull * LIMIT_INVENTORY_BYTES + (1 << 20));
	if (!map_put(&loop->uploads, slice_of(&upload->lease, sizeof(upload->lease)), upload)) {
		free(upload);
		return NULL;
	}
	return upload;
}

static void fail_lease(struct loop *loop, uint64_t lease, enum core_fail_class fail_class, const struct err *err)
{
	struct core_event event = {.kind = CORE_TASK_FAILED,
				   .lease = lease,
				   .fail_class = fail_class,
				   .code = err->code,
				   .text = slice_str(err->text)};

	loop_step(loop, &event);
}

/* --- results of each kind --- */

static int take_layer(struct loop *loop, const struct core_lease_info *info, struct slice bytes,
		      struct core_event *event, struct err *err)
{
	struct layer_key         key = {.digest = info->key.digest, .set = info->key.set};
	struct wire_layer_result m;
	struct layer_record      record;
	int                      status = wire_get_layer_result(bytes, &m, err);

	if (status < 0)
		return status;
	record = (struct layer_record){.diff_id = m.diff_id,
				       .blob_bytes = m.blob_bytes,
				       .tar_bytes = m.tar_bytes,
				       .entries = m.entries,
				       .files_analyzed = m.files_analyzed,
				       .partial = m.partial,
				       .reusable = !m.by_resource && !info->pseudo,
				       .inventory = key.digest,
				       .scanned_ms = clock_unix_ms()};
	if (m.verified) {
		if (!info->verify || !digest_eq(&m.diff_id, &info->diff_id))
			return err_set(err, ERR_PROTOCOL, "layer result: verified what was not asked for");
		if ((status = catalog_diff_id_find(loop->catalog, &m.diff_id, key.set, &record.inventory, err)) < 0)
			return status;
	}
	if (!loop_write(loop))
		return 0; /* the loop ends; nothing is acknowledged */
	status = catalog_layer_put(loop->catalog, &key, &record, m.inventory, m.path_table, err);
	if (status < 0)
		loop_broken(loop, err);
	event->partial = m.partial;
	event->reusable = !m.by_resource;
	event->verified = m.verified;
	event->bytes_fetched = m.bytes_fetched;
	event->tar_bytes = m.tar_bytes;
	event->entries = m.entries;
	event->files_analyzed = m.files_analyzed;
	return status;
}

static void set_places(struct core_image *image, const struct job_record *job)
{
	struct reference reference;
	char             platform[96] = "";

	if (slice_eq_str(job->platform, "all"))
		platform_text(&image->image.platform, platform);
	else
		snprintf(platform, sizeof(platform), "%.*s", (int)(job->platform.len < 95 ? job->platform.len : 95),
			 (const char *)job->platform.ptr);
	image->place = arena_printf(&image->arena, "%.*s %s", SLICE_FMT(image->image.reference), platform);
	if (reference_parse(image->image.reference, &reference, NULL) < 0)
		return;
	if (!reference_is_local(&reference))
		image->host = arena_copy(&image->arena, slice_str(reference.host));
	image->location = arena_printf(&image->arena, "%s/%s", reference.host, reference.path);
}

static int take_image(struct loop *loop, const struct core_lease_info *info, struct slice encoded, uint64_t set,
		      struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, info->job);
	struct core_image     *image = core_image_new();
	struct core_event      event = {.kind = CORE_IMAGE_FOUND, .image = image, .set = set};
	int                    status;

	if (!image)
		return err_set(err, ERR_MEM, "broker: out of memory");
	image->encoded = arena_copy(&image->arena, encoded);
	status = image_decode(image->encoded, &image->arena, &image->image, err);
	if (status >= 0 && image->image.layers_count > LIMIT_LAYERS_PER_IMAGE)
		status = err_set(err, ERR_LIMIT, "image of %zu layers", image->image.layers_count);
	if (status >= 0 && job) {
		image->job = info->job;
		image->reference = info->reference;
		set_places(image, &job->record);
		if (arena_failed(&image->arena))
			status = err_set(err, ERR_LIMIT, "image record is too large");
	}
	if (status < 0 || !job) {
		core_image_free(image);
		return status;
	}
	loop_step(loop, &event);
	return 0;
}

/* *whole stays true for what is worth remembering: nothing failed or was odd, and it is what was asked for. */
static int check_image(struct slice encoded, struct slice reference, bool *whole, struct err *err)
{
	struct arena scratch;
	struct image image;
	int          status;

	arena_init(&scratch, 64 << 20);
	status = image_decode(encoded, &scratch, &image, err);
	*whole &= status >= 0 && image.status != IMAGE_FAILED && image.warnings_count == 0 &&
		  slice_eq(image.reference, reference);
	arena_deinit(&scratch);
	return status;
}

static int take_images(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		       struct slice bytes, struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, info->job);
	const uint64_t         set = worker->set;
	struct wire_strings    images;
	bool                   whole = true;
	int status = wire_get_strings(bytes, &loop->arena, LIMIT_INDEX_MANIFESTS * LIMIT_INDEX_DEPTH, &images, err);

	if (status >= 0 && images.count == 0)
		status = err_set(err, ERR_PROTOCOL, "resolve result holds no image");
	for (size_t i = 0; i < images.count && status >= 0; i++)
		status = check_image(images.items[i], info->text, &whole,
				     err); /* all must be good before the first is taken */
	if (status >= 0 && whole && job)
		status = loop_known_put(loop, job, worker, info->text, &images, err);
	for (size_t i = 0; i < images.count && status >= 0; i++)
		status = take_image(loop, info, images.items[i], set, err);
	return status;
}

static int take_listed(struct loop *loop, const struct core_lease_info *info, struct slice bytes, struct err *err)
{
	struct loop_job    *job = loop_job_find(loop, info->job);
	struct wire_strings found;
	int                 status = wire_get_strings(bytes, &loop->arena, WIRE_REFERENCES_MAX, &found, err);

	for (size_t i = 0; i < found.count && status >= 0 && job; i++)
		if (!loop_reference_add(loop, job, found.items[i], err))
			status = err->code;
	return status;
}

/* --- RESULT and FAIL --- */

static void finish(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		   uint64_t lease, struct slice bytes)
{
	struct core_event event = {.kind = CORE_TASK_DONE, .lease = lease};
	struct wire_peer  peer = worker->peer;
	struct err        err = {0};
	int               status = 0;

	if (info->kind == CORE_LAYER)
		status = take_layer(loop, info, bytes, &event, &err);
	else if (info->kind == CORE_RESOLVE)
		status = take_images(loop, worker, info, bytes, &err);
	if (loop->broken.code)
		return;
	if (status < 0) {
		ack(loop, &peer, lease, err.code, err.text);
		fail_lease(loop, lease, err.code == ERR_NOT_FOUND ? CORE_TRANSIENT : CORE_PERMANENT, &err);
		return;
	}
	loop_step(loop, &event);
	ack(loop, &peer, lease, 0, "");
}

static bool accept_chunk(struct loop *loop, struct loop_upload *upload, const struct wire_result *m, struct err *err)
{
	if (m->number != upload->next_number) {
		err_set(err, ERR_PROTOCOL, "result chunk %u came instead of %u", m->number, upload->next_number);
		return false;
	}
	upload->next_number++;
	if (loop->upload_bytes + m->bytes.len > UPLOAD_BYTES_MAX) {
		err_set(err, ERR_BUSY, "the broker holds too many unfinished results");
		return false;
	}
	buf_append(&upload->bytes, m->bytes);
	if (!buf_ok(&upload->bytes)) {
		err_set(err, ERR_LIMIT, "result longer than %zu bytes", upload->bytes.bytes_max);
		return false;
	}
	loop->upload_bytes += m->bytes.len;
	return true;
}

/* A listing is used chunk by chunk; everything else when it is whole. */
static void take_chunk(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		       const struct wire_result *m)
{
	struct loop_upload *upload = find_upload(loop, m->lease);
	struct err          err = {0};
	bool                good;

	if (m->number == 0 && upload) { /* sent again from the start, after a reconnect */
		end_upload(loop, upload);
		upload = NULL;
	}
	if (!upload)
		upload = add_upload(loop, m->lease, worker->id);
	if (!upload)
		return;
	if (info->kind == CORE_ENUMERATE) {
		good = m->number == upload->next_number++ && take_listed(loop, info, m->bytes, &err) >= 0;
		if (!good)
			err_set(&err, ERR_PROTOCOL, "listing chunk %u out of order", m->number);
	} else {
		good = accept_chunk(loop, upload, m, &err);
	}
	if (good && m->last)
		finish(loop, worker, info, m->lease, buf_slice(&upload->bytes));
	if (!good) {
		ack(loop, &worker->peer, m->lease, err.code, err.text);
		fail_lease(loop, m->lease, err.code == ERR_BUSY ? CORE_TRANSIENT : CORE_PERMANENT, &err);
	}
	if (!good || m->last)
		end_upload(loop, upload);
}

static bool may_deliver(const struct core_lease_info *info, const struct loop_worker *worker)
{
	return info->current ? info->worker == worker->id : info->kind == CORE_LAYER;
}

static void result(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct wire_result     m;
	struct core_lease_info info;
	struct err             err = {0};

	if (wire_get_result(body, &m, &err) < 0) {
		loop_reply_error(loop, &worker->peer, correlation, &err);
		return;
	}
	if (core_lease_info(loop->core, m.lease, &info) && may_deliver(&info, worker))
		take_chunk(loop, worker, &info, &m);
	else {
		end_upload(loop, find_upload(loop, m.lease));
		if (m.last)
			ack(loop, &worker->peer, m.lease, ERR_NOT_FOUND, "nobody waits for this result");
	}
}

static void failed(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct wire_fail       m;
	struct core_lease_info info;
	struct err             err = {0};

	if (wire_get_fail(body, &m, &err) < 0) {
		loop_reply_error(loop, &worker->peer, correlation, &err);
		return;
	}
	end_upload(loop, find_upload(loop, m.lease));
	if (core_lease_info(loop->core, m.lease, &info) && info.current && info.worker == worker->id) {
		struct core_event event = {.kind = CORE_TASK_FAILED,
					   .lease = m.lease,
					   .fail_class = (enum core_fail_class)m.fail_class,
					   .code = m.code ? m.code : ERR_INTERNAL,
					   .retry_after_ms = m.retry_after_ms,
					   .text = slice_sub(m.text, 0, 4096)};

		loop_step(loop, &event);
	}
	ack(loop, &worker->peer, m.lease, 0, "");
}

static void heard(struct loop *loop, struct loop_worker *worker)
{
	struct core_event event = {.kind = CORE_WORKER_HEARD, .worker = worker->id};

	worker->heard = loop->now;
	loop_step(loop, &event);
}

void loop_worker_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			 struct slice body)
{
	struct loop_worker *worker = find_peer(loop, peer);
	struct err          err = {0};

	if (worker)
		heard(loop, worker);
	if (header->type == WIRE_HELLO) {
		hello(loop, peer, header, body);
	} else if (!worker) {
		err_set(&err, ERR_NOT_FOUND, "say HELLO first");
		loop_reply_error(loop, peer, header->correlation, &err);
	} else if (header->type == WIRE_PROGRESS) {
		progress(loop, worker, header->correlation, body);
	} else if (header->type == WIRE_RESULT) {
		result(loop, worker, header->correlation, body);
	} else if (header->type == WIRE_FAIL) {
		failed(loop, worker, header->correlation, body);
	} else {
		loop_worker_gone(loop, worker, true, "has left");
	}
}
