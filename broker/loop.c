#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	MESSAGES_PER_TURN = 512,
	WAIT_MAX_MS = 1000,
	CLEAN_EVERY_MS = 60000,
	LEASES_PER_MS_BITS = 16, /* no broker gives more, so that numbers of one that died are never given again */
};

/* --- writing and sending --- */

void loop_broken(struct loop *loop, const struct err *err)
{
	if (!loop->broken.code)
		loop->broken = *err;
}

bool loop_write(struct loop *loop)
{
	struct err err = {0};

	if (loop->broken.code)
		return false;
	if (loop->batch)
		return true;
	if (catalog_begin(loop->catalog, &err) < 0) {
		loop_broken(loop, &err);
		return false;
	}
	loop->batch = true;
	return true;
}

struct buf *loop_send_task(struct loop *loop, const struct wire_peer *peer, uint64_t lease)
{
	struct loop_frame *frame = calloc(1, sizeof(*frame));

	if (!frame)
		return NULL;
	frame->peer = *peer;
	frame->lease = lease;
	buf_init(&frame->bytes, LIMIT_MESSAGE_BYTES);
	*loop->outbox_end = frame;
	loop->outbox_end = &frame->next;
	return &frame->bytes;
}

struct buf *loop_send(struct loop *loop, const struct wire_peer *peer)
{
	return loop_send_task(loop, peer, 0);
}

void loop_reply_error(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, const struct err *err)
{
	struct wire_error error = {.code = err->code, .text = slice_str(err->text)};
	struct buf       *frame = loop_send(loop, peer);

	if (err->code == ERR_PROTOCOL || err->code == ERR_VERSION || err->code == ERR_AUTH)
		log_line_limited(&loop->refused, LOG_WARNING, "broker", "refused: %s", err->text);
	if (frame)
		wire_put_error(frame, correlation, &error);
}

static struct loop_worker *worker_of(const struct loop *loop, const struct wire_peer *peer)
{
	struct loop_worker *worker = loop->workers;

	while (worker &&
	       !slice_eq(slice_of(worker->peer.bytes, WIRE_PEER_BYTES), slice_of(peer->bytes, WIRE_PEER_BYTES)))
		worker = worker->next;
	return worker;
}

/* What a peer that is gone leaves behind is an event for the core, in the next turn. */
static void unreachable(struct loop *loop, const struct loop_frame *frame, int status)
{
	struct loop_worker *worker = worker_of(loop, &frame->peer);
	struct core_event   event = {.kind = CORE_SEND_FAILED, .lease = frame->lease};

	if (frame->lease)
		loop_queue_event(loop, &event);
	if (status != ERR_NOT_FOUND)
		return;
	loop_client_gone(loop, &frame->peer);
	if (worker) {
		log_line(LOG_WARNING, "broker", "worker %llu: %.*s is gone: its work goes to others",
			 (unsigned long long)worker->id, SLICE_FMT(slice_sub(worker->name, 0, 200)));
		event = (struct core_event){.kind = CORE_WORKER_GONE, .worker = worker->id};
		loop_queue_event(loop, &event);
		loop_worker_forget(loop, worker->id);
	}
}

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

static void flush(struct loop *loop, bool send)
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
}

/* --- stepping --- */

static void step_once(struct loop *loop, const struct core_event *event)
{
	const struct core_action *actions;
	size_t                    count;
	struct err                err = {0};

	if (core_step(loop->core, event, loop->now, &actions, &count) < 0) {
		err_set(&err, ERR_MEM, "broker: out of memory");
		loop_broken(loop, &err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		loop_carry_out(loop, &actions[i]);
}

void loop_step(struct loop *loop, const struct core_event *event)
{
	step_once(loop, event);
	while (loop->events_count && !loop->broken.code) {
		struct core_event *events = loop->events;
		size_t             count = loop->events_count;

		loop->events = NULL; /* what the steps add is a new list */
		loop->events_count = loop->events_capacity = 0;
		for (size_t i = 0; i < count; i++)
			step_once(loop, &events[i]);
		free(events);
	}
}

/* --- messages --- */

static void refuse(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header, int code,
		   const char *why)
{
	struct err err = {0};

	err_set(&err, code, "message type %u: %s", header->type, why);
	loop_reply_error(loop, peer, header->correlation, &err);
}

static void pong(struct loop *loop, const struct wire_peer *peer, uint64_t correlation)
{
	struct buf *frame = loop_send(loop, peer);

	if (frame)
		wire_put_empty(frame, WIRE_PONG, correlation);
}

static void dispatch(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
		     struct slice body)
{
	switch (header->type) {
	case WIRE_PING:
		pong(loop, peer, header->correlation);
		break;
	case WIRE_PONG:
		break;
	case WIRE_HELLO:
	case WIRE_PROGRESS:
	case WIRE_RESULT:
	case WIRE_FAIL:
	case WIRE_BYE:
		loop_worker_message(loop, peer, header, body);
		break;
	case WIRE_SUBMIT:
	case WIRE_REFERENCES:
	case WIRE_CANCEL:
	case WIRE_STATUS:
	case WIRE_WATCH:
	case WIRE_RESULTS:
	case WIRE_RESULTS_CREDIT:
		loop_client_message(loop, peer, header, body);
		break;
	default:
		refuse(loop, peer, header, ERR_PROTOCOL, "unknown, or not for a broker");
	}
}

static void take_message(struct loop *loop, const struct wire_peer *peer, unsigned roles)
{
	struct wire_header header;
	struct slice       body;
	struct err         err = {0};

	arena_reset(&loop->arena);
	if (wire_open_frame(buf_slice(&loop->in), &header, &body, &err) < 0)
		loop_reply_error(loop, peer, err.code == ERR_VERSION ? header.correlation : 0,
				 &err); /* else it may be anything */
	else if (!auth_allows(roles, header.type))
		refuse(loop, peer, &header, ERR_AUTH, "this key's role does not allow it");
	else
		dispatch(loop, peer, &header, body);
}

static uint64_t wait_ms(const struct loop *loop)
{
	uint64_t due = core_next_wake(loop->core), watch = loop_watches_due(loop), now = clock_ms();

	if (watch < due)
		due = watch;
	if (loop->events_count || loop->again)
		return 0;
	if (due <= now)
		return 1;
	return due - now < WAIT_MAX_MS ? due - now : WAIT_MAX_MS;
}

static void take_messages(struct loop *loop)
{
	struct wire_peer peer;
	struct err       err = {0};
	uint64_t         wait = wait_ms(loop);
	uint64_t         woken;
	unsigned         roles;
	int              got;

	for (unsigned taken = 0; taken < MESSAGES_PER_TURN && !loop->broken.code; taken++, wait = 0) {
		got = wire_server_receive(loop->server, loop->wake_fd, wait, &peer, &roles, &loop->in, &err);
		loop->now = clock_ms();
		if (got < 0)
			loop_broken(loop, &err);
		if (got <= 0)
			break;
		take_message(loop, &peer, roles);
	}
	if (read(loop->wake_fd, &woken, sizeof(woken)) < 0)
		return; /* nobody woke us */
}

/* --- turns --- */

static void commit(struct loop *loop)
{
	struct err err = {0};

	loop_jobs_write(loop);
	if (loop->batch && !loop->broken.code) {
		loop->batch = false;
		if (catalog_commit(loop->catalog, &err) < 0)
			loop_broken(loop, &err);
	}
	if (loop->broken.code) {
		if (loop->batch)
			catalog_abort(loop->catalog);
		loop->batch = false;
		for (struct loop_frame *frame = loop->outbox; frame; frame = frame->next)
			put_broken(loop, &frame->bytes);
		flush(loop, true);
		return;
	}
	loop_jobs_committed(loop);
	flush(loop, true);
}

static void turn(struct loop *loop)
{
	const struct core_event tick = {.kind = CORE_TICK};

	take_messages(loop);
	loop->again = false;
	loop_step(loop, &tick);
	loop_workers_turn(loop);
	loop_feeds_turn(loop);
	loop_watches_turn(loop);
	commit(loop);
	if (loop->now > loop->cleaned + CLEAN_EVERY_MS) {
		db_reader_check(catalog_db(loop->catalog));
		loop->cleaned = loop->now;
	}
}

/* Everybody who waits for something hears why it will not come. */
static void tell_broken(struct loop *loop)
{
	for (const struct loop_watch *watch = loop->watches; watch; watch = watch->next)
		loop_reply_error(loop, &watch->peer, watch->correlation, &loop->broken);
	for (const struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		loop_reply_error(loop, &feed->peer, feed->correlation, &loop->broken);
	flush(loop, true);
}

/* Inside a scan's process the asker may come later than the failure: it hears the reason too, until it stops us. */
static void answer_broken(struct loop *loop)
{
	struct wire_peer   peer;
	struct wire_header header;
	struct slice       body;
	unsigned           roles;

	while (!atomic_load(&loop->stopping)) {
		if (wire_server_receive(loop->server, loop->wake_fd, WAIT_MAX_MS, &peer, &roles, &loop->in, NULL) <= 0)
			continue;
		if (wire_open_frame(buf_slice(&loop->in), &header, &body, NULL) >= 0)
			loop_reply_error(loop, &peer, header.correlation, &loop->broken);
		flush(loop, true);
	}
}

int loop_run(struct loop *loop, struct err *err)
{
	while (!atomic_load(&loop->stopping) && !loop->broken.code)
		turn(loop);
	if (!loop->broken.code)
		return 0;
	tell_broken(loop);
	if (loop->config.embedded)
		answer_broken(loop);
	return err_set(err, loop->broken.code, "%s", loop->broken.text);
}

void loop_stop(struct loop *loop)
{
	uint64_t one = 1;

	atomic_store(&loop->stopping, true);
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

/* --- life --- */

int loop_open(const struct loop_config *config, struct loop **out, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int          status = 0;

	if (!loop)
		return err_set(err, ERR_MEM, "broker: out of memory");
	loop->config = *config;
	loop->config.core.lease_base = (uint64_t)clock_unix_ms() << LEASES_PER_MS_BITS;
	loop->catalog = config->catalog;
	loop->now = loop->cleaned = clock_ms();
	loop->outbox_end = &loop->outbox;
	arena_init(&loop->arena, 512 << 20);
	buf_init(&loop->in, LIMIT_MESSAGE_BYTES);
	loop->core = core_new(&loop->config.core);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!loop->core || loop->wake_fd < 0)
		status = err_set(err, ERR_MEM, "broker: out of memory");
	if (status >= 0)
		status = loop_feeds_start(loop, err);
	if (status >= 0)
		status = loop_jobs_resume(loop, err);
	if (status >= 0)
		status = wire_server_open(config->context, &config->server, &loop->server, err);
	if (status < 0) {
		loop_close(loop);
		return status;
	}
	*out = loop;
	return 0;
}

const char *loop_endpoint(const struct loop *loop, size_t index)
{
	return wire_server_endpoint(loop->server, index);
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	loop_feeds_stop(loop);
	if (loop->batch)
		catalog_abort(loop->catalog);
	flush(loop, false);
	loop_clients_free(loop);
	while (loop->workers)
		loop_worker_forget(loop, loop->workers->id);
	map_deinit(&loop->uploads);
	loop_jobs_free(loop);
	wire_server_close(loop->server);
	core_free(loop->core);
	free(loop->events);
	arena_deinit(&loop->arena);
	buf_deinit(&loop->in);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	free(loop);
}
