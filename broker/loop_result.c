#include "loop_internal.h"

#include <stdlib.h>
#include <string.h>

static void ack(struct loop *loop, const struct wire_peer *peer, uint64_t lease, int code, const char *text)
{
	struct wire_ack m = {.lease = lease, .code = code, .text = slice_str(text)};
	struct buf     *frame = loop_send(loop, peer);

	if (frame)
		wire_put_ack(frame, 0, &m);
}

/* --- uploads --- */

static struct loop_upload *find_upload(const struct loop *loop, uint64_t lease)
{
	return map_get(&loop->uploads, slice_of(&lease, sizeof(lease)));
}

static void count_bytes(struct loop *loop, const struct loop_upload *upload, size_t more, size_t less)
{
	struct loop_worker *worker = loop_worker_find(loop, upload->worker);

	loop->upload_bytes += more - less;
	if (worker)
		worker->upload_bytes += more - less;
}

static void clear_upload(struct loop *loop, struct loop_upload *upload)
{
	count_bytes(loop, upload, 0, upload->bytes.len);
	buf_deinit(&upload->bytes);
	if (loop->favoured == upload->lease)
		loop->favoured = 0;
}

static void end_upload(struct loop *loop, struct loop_upload *upload)
{
	struct loop_worker *worker;

	if (!upload)
		return;
	if ((worker = loop_worker_find(loop, upload->worker)) != NULL)
		worker->uploads--;
	map_remove(&loop->uploads, slice_of(&upload->lease, sizeof(upload->lease)));
	clear_upload(loop, upload);
	free(upload);
}

void loop_uploads_drop(struct loop *loop, uint64_t worker)
{
	struct loop_upload *upload;
	size_t              position = 0;

	while ((upload = map_next(&loop->uploads, &position)) != NULL)
		if (upload->worker == worker)
			end_upload(loop, upload);
}

static void init_bytes(struct loop_upload *upload)
{
	buf_init(&upload->bytes, 2ull * LIMIT_INVENTORY_BYTES + (1 << 20));
}

static struct loop_upload *add_upload(struct loop *loop, uint64_t lease, struct loop_worker *worker)
{
	struct loop_upload *upload = calloc(1, sizeof(*upload));

	if (!upload)
		return NULL;
	upload->lease = lease;
	upload->worker = worker->id;
	init_bytes(upload);
	if (!map_put(&loop->uploads, slice_of(&upload->lease, sizeof(upload->lease)), upload)) {
		free(upload);
		return NULL;
	}
	worker->uploads++;
	return upload;
}

/* A worker keeps to its credit, but for one result that is larger than it; and of all together one may always go on. */
static bool has_room(struct loop *loop, const struct loop_worker *worker, const struct loop_upload *upload, size_t more)
{
	if (worker->upload_bytes + more > loop->config.worker_bytes_max && worker->upload_bytes > upload->bytes.len)
		return false;
	if (loop->upload_bytes + more <= loop->config.result_bytes_max)
		return true;
	if (!loop->favoured)
		loop->favoured = upload->lease;
	return loop->favoured == upload->lease;
}

/* The worker keeps it and sends it again, from the start; what is on its way meanwhile is passed over. */
static void refuse_for_now(struct loop *loop, const struct loop_worker *worker, struct loop_upload *upload)
{
	clear_upload(loop, upload);
	init_bytes(upload);
	upload->refused = true;
	catalog_count(loop->catalog, FLEET_BUSY, 1);
	ack(loop, &worker->peer, upload->lease, ERR_BUSY, "the broker holds too many unfinished results");
}

/* --- a task ends --- */

static void fail_lease(struct loop *loop, uint64_t lease, enum core_fail_class fail_class, const struct err *err)
{
	struct core_event event = {.kind = CORE_TASK_FAILED,
				   .lease = lease,
				   .fail_class = fail_class,
				   .code = err->code,
				   .text = slice_str(err->text)};

	loop_step(loop, &event);
}

static void finish(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		   uint64_t lease, struct slice bytes)
{
	struct core_event event = {.kind = CORE_TASK_DONE, .lease = lease};
	struct wire_peer  peer = worker->peer;
	struct err        err = {0};
	int               status = 0;

	if (info->kind == CORE_LAYER)
		status = loop_take_layer(loop, info, bytes, &event, &err);
	else if (info->kind == CORE_RESOLVE)
		status = loop_take_images(loop, worker, info, bytes, &err);
	else if ((status = loop_retire_listed(loop, info, &err)) < 0)
		loop_broken(loop, &err);
	if (loop->broken.code)
		return;
	if (status < 0) {
		loop_metrics_task_ended(loop, info, "refused");
		ack(loop, &peer, lease, err.code, err.text);
		fail_lease(loop, lease, err.code == ERR_NOT_FOUND ? CORE_TRANSIENT : CORE_PERMANENT, &err);
		return;
	}
	loop_metrics_task_ended(loop, info, "done");
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
	buf_append(&upload->bytes, m->bytes);
	if (!buf_ok(&upload->bytes)) {
		err_set(err, ERR_LIMIT, "result longer than %zu bytes", upload->bytes.bytes_max);
		return false;
	}
	count_bytes(loop, upload, m->bytes.len, 0);
	return true;
}

/* A listing is used chunk by chunk; one that is sent again from the start says what is known. */
static bool take_listed(struct loop *loop, const struct core_lease_info *info, struct loop_upload *upload,
			const struct wire_result *m, struct err *err)
{
	if (m->number == upload->next_number++)
		return loop_take_listed(loop, info, m->bytes, err) >= 0;
	err_set(err, ERR_PROTOCOL, "listing chunk %u out of order", m->number);
	return false;
}

static struct loop_upload *upload_for(struct loop *loop, struct loop_worker *worker, const struct wire_result *m)
{
	struct loop_upload *upload = find_upload(loop, m->lease);

	if (m->number == 0 && upload) { /* sent again from the start, after a reconnect or because we were busy */
		end_upload(loop, upload);
		upload = NULL;
	}
	return upload ? upload : add_upload(loop, m->lease, worker);
}

static void take_chunk(struct loop *loop, struct loop_worker *worker, const struct core_lease_info *info,
		       const struct wire_result *m)
{
	struct loop_upload *upload = upload_for(loop, worker, m);
	struct err          err = {0};
	bool                good;

	if (!upload || upload->refused || upload->worker != worker->id)
		return;
	if (info->kind == CORE_ENUMERATE) {
		good = take_listed(loop, info, upload, m, &err);
	} else if (!has_room(loop, worker, upload, m->bytes.len)) {
		refuse_for_now(loop, worker, upload);
		return;
	} else {
		good = accept_chunk(loop, upload, m, &err);
	}
	if (good && m->last)
		finish(loop, worker, info, m->lease, buf_slice(&upload->bytes));
	if (!good) {
		loop_metrics_task_ended(loop, info, "refused");
		ack(loop, &worker->peer, m->lease, err.code, err.text);
		fail_lease(loop, m->lease, CORE_PERMANENT, &err);
	}
	if (!good || m->last)
		end_upload(loop, find_upload(loop, m->lease));
}

static bool may_deliver(const struct core_lease_info *info, const struct loop_worker *worker)
{
	return info->current ? info->worker == worker->id : info->kind == CORE_LAYER;
}

void loop_result(struct loop *loop, struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct wire_result     m;
	struct core_lease_info info;
	struct loop_upload    *upload;
	struct err             err = {0};

	if (wire_get_result(body, &m, &err) < 0) {
		loop_reply_error(loop, &worker->peer, correlation, &err);
		return;
	}
	if (core_lease_info(loop->core, m.lease, &info) && may_deliver(&info, worker)) {
		take_chunk(loop, worker, &info, &m);
		return;
	}
	upload = find_upload(loop, m.lease);
	if (upload && upload->worker == worker->id)
		end_upload(loop, upload);
	if (!m.last)
		return;
	catalog_count(loop->catalog, FLEET_DUPLICATES, 1);
	ack(loop, &worker->peer, m.lease, ERR_NOT_FOUND, "nobody waits for this result");
}

void loop_failed(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body)
{
	struct wire_fail       m;
	struct core_lease_info info;
	struct err             err = {0};

	if (wire_get_fail(body, &m, &err) < 0) {
		loop_reply_error(loop, &worker->peer, correlation, &err);
		return;
	}
	if (core_lease_info(loop->core, m.lease, &info) && info.current && info.worker == worker->id) {
		struct core_event event = {.kind = CORE_TASK_FAILED,
					   .lease = m.lease,
					   .fail_class = (enum core_fail_class)m.fail_class,
					   .code = m.code ? m.code : ERR_INTERNAL,
					   .retry_after_ms = m.retry_after_ms,
					   .text = slice_sub(m.text, 0, 4096)};

		end_upload(loop, find_upload(loop, m.lease));
		loop_metrics_task_failed(loop, &info, event.fail_class);
		loop_step(loop, &event);
	}
	ack(loop, &worker->peer, m.lease, 0, "");
}
