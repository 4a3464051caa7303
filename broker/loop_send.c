#include "loop_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct loop_frame *loop_send_frame(struct loop *loop, const struct wire_peer *peer)
{
	struct loop_frame *frame = calloc(1, sizeof(*frame));

	if (!frame)
		return NULL;
	frame->peer = *peer;
	buf_init(&frame->bytes, LIMIT_MESSAGE_BYTES);
	*loop->outbox_end = frame;
	loop->outbox_end = &frame->next;
	return frame;
}

struct buf *loop_send(struct loop *loop, const struct wire_peer *peer)
{
	struct loop_frame *frame = loop_send_frame(loop, peer);

	return frame ? &frame->bytes : NULL;
}

void loop_reply_error(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, const struct err *err)
{
	struct wire_error error = {.code = err->code, .text = slice_str(err->text)};
	struct buf       *frame = loop_send(loop, peer);

	if (err->code == ERR_PROTOCOL || err->code == ERR_VERSION || err->code == ERR_AUTH) {
		catalog_count(loop->catalog, FLEET_REFUSED, 1); /* with the next commit: no stranger makes us write */
		loop_metrics_refused(loop, err->code);
		log_line_limited(&loop->refused, LOG_WARNING, "broker", "refused: %s", err->text);
	}
	if (frame)
		wire_put_error(frame, correlation, &error);
}

void loop_reply_number(struct loop *loop, const struct wire_peer *peer, enum wire_type type, uint64_t correlation,
		       uint64_t number)
{
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_number(frame, type, correlation, number);
}

void loop_reply_empty(struct loop *loop, const struct wire_peer *peer, enum wire_type type, uint64_t correlation)
{
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_empty(frame, type, correlation);
}

/* --- what cannot be sent --- */

/* A start that never left is none. */
static void uncount(struct loop *loop, const struct loop_frame *frame)
{
	struct err err = {0};

	if (frame->counted && loop_write(loop) &&
	    catalog_count_unstart(loop->catalog, &frame->key, frame->reason, &err) < 0)
		loop_broken(loop, &err);
}

void loop_worker_away(struct loop *loop, struct loop_worker *worker, const char *why)
{
	const struct core_event away = {.kind = CORE_WORKER_AWAY, .worker = worker->id};

	if (worker->away)
		return;
	loop_queue_event(loop, &away); /* before its tasks are given to others */
	worker->away = loop->now;
	log_about(LOG_INFO, "broker", LOG_WORKER(worker->id), "worker %llu: %.*s: %s", (unsigned long long)worker->id,
		  SLICE_FMT(slice_sub(worker->name, 0, 200)), why);
}

/* A connection that has ended is no loss of work yet: the same worker may come back over another one. */
static void unreachable(struct loop *loop, const struct loop_frame *frame, int status)
{
	struct loop_worker *worker = loop_worker_of(loop, &frame->peer);
	struct core_event   event = {.kind = CORE_SEND_FAILED, .lease = frame->lease};

	if (!worker)
		loop_client_gone(loop, &frame->peer); /* or it does not read what it asked for */
	else if (status == ERR_NOT_FOUND)
		loop_worker_away(loop, worker, "its connection has ended");
	if (frame->lease) {
		uncount(loop, frame);
		loop_queue_event(loop, &event);
	}
}

void loop_flush(struct loop *loop, bool send)
{
	while (loop->outbox) {
		struct loop_frame *frame = loop->outbox;
		int                status = 0;

		loop->outbox = frame->next;
		if (!loop->outbox)
			loop->outbox_end = &loop->outbox;
		if (send && buf_ok(&frame->bytes))
			status = wire_server_send(loop->server, &frame->peer, buf_slice(&frame->bytes));
		if (status < 0)
			unreachable(loop, frame, status);
		buf_deinit(&frame->bytes);
		free(frame);
	}
	loop->outbox_bytes = 0;
	loop->outbox_counted = NULL;
}

/* Frames are filled after they were queued: those that came since the last time are added now. */
void loop_outbox_count(struct loop *loop)
{
	struct loop_frame *frame = loop->outbox_counted ? loop->outbox_counted->next : loop->outbox;

	for (; frame; frame = frame->next) {
		loop->outbox_bytes += frame->bytes.capacity;
		loop->outbox_counted = frame;
	}
}

/* --- the store has failed --- */

/* Nothing of this turn was committed: whoever waits for an answer gets the reason instead of it. */
static void put_broken(const struct loop *loop, struct buf *frame)
{
	struct wire_error  error = {.code = loop->broken.code, .text = slice_str(loop->broken.text)};
	struct wire_header header;
	struct slice       body;

	if (wire_open_frame(buf_slice(frame), &header, &body, NULL) < 0 || header.type == WIRE_ERROR)
		return;
	buf_clear(frame);
	wire_put_error(frame, header.correlation, &error);
}

void loop_tell_broken(struct loop *loop)
{
	for (struct loop_frame *frame = loop->outbox; frame; frame = frame->next)
		put_broken(loop, &frame->bytes);
	for (const struct loop_watch *watch = loop->watches; watch; watch = watch->next)
		loop_reply_error(loop, &watch->peer, watch->correlation, &loop->broken);
	for (const struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		loop_reply_error(loop, &feed->peer, feed->correlation, &loop->broken);
	while (loop->outbox) { /* whoever cannot be reached any more is no event either */
		struct loop_frame *frame = loop->outbox;

		loop->outbox = frame->next;
		wire_server_send(loop->server, &frame->peer, buf_slice(&frame->bytes));
		buf_deinit(&frame->bytes);
		free(frame);
	}
	loop->outbox_end = &loop->outbox;
	loop->outbox_counted = NULL;
}
