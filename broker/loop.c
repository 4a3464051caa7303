#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	MESSAGES_PER_TURN = 4096, /* a larger commit costs less a message: results share pages of the file */
	BYTES_PER_TURN = 32 << 20,
	TURN_MAX_MS = 25, /* however dear they are: others wait for the commit */
	WAIT_MAX_MS = 1000,
	CLEAN_EVERY_MS = 60000,
	LEASES_PER_MS_BITS = 16, /* no broker gives more, so that numbers of one that died are never given again */
	EVENT_TEXT_BYTES_MAX = 1 << 30,
};

/* --- writing --- */

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

static void step_queued(struct loop *loop)
{
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

/* What waits is older: a connection that was found to have ended is told before the greeting over the next one. */
void loop_step(struct loop *loop, const struct core_event *event)
{
	step_queued(loop);
	step_once(loop, event);
	step_queued(loop);
	arena_reset(&loop->event_texts);
}

/* --- messages --- */

static void refuse(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header, int code,
		   const char *why)
{
	struct err err = {0};

	err_set(&err, code, "message of type %u: %s", header->type, why);
	loop_reply_error(loop, peer, header->correlation, &err);
}

/* Says which roles would do: a number of a message type helps nobody who has to change a list. */
static void refuse_role(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header)
{
	struct loop_worker *worker = loop_worker_of(loop, peer);
	char                names[40], why[120];
	unsigned            roles = 0;

	for (unsigned role = 1; role <= ROLE_ALL; role <<= 1)
		roles |= auth_allows(role, header->type) ? role : 0;
	auth_roles_text(roles, names);
	snprintf(why, sizeof(why), "this key's role does not allow it (varve keys authorize: one of %s)", names);
	refuse(loop, peer, header, ERR_AUTH, why);
	if (worker) /* its key was revoked: what it is given from now on would be lost */
		loop_worker_away(loop, worker, "its key is a worker's no longer");
}

struct client_handler {
	enum wire_type type;
	void (*handle)(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
};

static const struct client_handler client_handlers[] = {
	{WIRE_SUBMIT, loop_submit}, {WIRE_REFERENCES, loop_references}, {WIRE_CANCEL, loop_cancel},
	{WIRE_PAUSE, loop_pause},   {WIRE_RESUME, loop_resume},         {WIRE_STATUS, loop_status},
	{WIRE_WATCH, loop_watch},   {WIRE_RESULTS, loop_results},       {WIRE_RESULTS_CREDIT, loop_results_credit},
	{WIRE_QUERY, loop_query},   {WIRE_QUERY_MORE, loop_query_more}, {WIRE_DRAIN_WORKER, loop_drain_worker}};

/* False: no client may ask for that. */
static bool client_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			   struct slice body)
{
	for (size_t i = 0; i < sizeof(client_handlers) / sizeof(client_handlers[0]); i++)
		if (header->type == client_handlers[i].type) {
			client_handlers[i].handle(loop, peer, header->correlation, body);
			return true;
		}
	return false;
}

static void dispatch(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
		     struct slice body)
{
	switch (header->type) {
	case WIRE_PING:
		loop_reply_empty(loop, peer, WIRE_PONG, header->correlation);
		break;
	case WIRE_PONG:
	case WIRE_HELLO:
	case WIRE_PROGRESS:
	case WIRE_RESULT:
	case WIRE_FAIL:
	case WIRE_BYE:
	case WIRE_DRAIN:
		loop_worker_message(loop, peer, header, body);
		break;
	default:
		if (!client_message(loop, peer, header, body))
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
		refuse_role(loop, peer, &header);
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
	uint64_t         wait = wait_ms(loop), begun = 0;
	uint64_t         woken;
	unsigned         roles;
	size_t           bytes = 0;
	int              got;

	for (unsigned taken = 0; taken < MESSAGES_PER_TURN && !loop->broken.code; taken++, wait = 0) {
		got = wire_server_receive(loop->server, loop->wake_fd, wait, &peer, &roles, &loop->in, &err);
		loop->now = clock_ms();
		if (taken == 0)
			loop_metrics_woke(loop);
		if (got < 0)
			loop_broken(loop, &err);
		if (got <= 0)
			break;
		loop_metrics_message(loop, loop->in.len);
		begun = taken ? begun : loop->now;
		bytes += loop->in.len;
		take_message(loop, &peer, roles);
		loop_outbox_count(loop);
		if (loop->outbox_bytes > LOOP_OUTBOX_BYTES_MAX || bytes > BYTES_PER_TURN ||
		    loop->now > begun + TURN_MAX_MS)
			break;
	}
	if (read(loop->wake_fd, &woken, sizeof(woken)) < 0)
		return; /* nobody woke us */
}

/* --- turns --- */

static void commit(struct loop *loop)
{
	struct err err = {0};
	uint64_t   began;

	loop_jobs_write(loop);
	if (loop->batch && !loop->broken.code) {
		loop->batch = false;
		began = clock_ns();
		if (catalog_commit(loop->catalog, &err) < 0)
			loop_broken(loop, &err);
		loop_metrics_commit(loop, clock_ns() - began);
	}
	if (loop->broken.code) {
		if (loop->batch)
			catalog_abort(loop->catalog);
		loop->batch = false;
		loop_tell_broken(loop);
		return;
	}
	loop_jobs_committed(loop);
	loop_index_committed(loop);
	loop_judge_committed(loop);
	loop_flush(loop, true);
	loop->again |= loop->batch; /* what could not be sent was written down: nobody is to wait for our commit */
}

static void turn(struct loop *loop)
{
	const struct core_event tick = {.kind = CORE_TICK};

	take_messages(loop);
	loop->again = false;
	if (atomic_load(&loop->drain_asked))
		loop_drain_begin(loop);
	loop_step(loop, &tick);
	loop_workers_turn(loop);
	loop_schedules_turn(loop);
	loop_fill_turn(loop);
	loop_lists_turn(loop);
	loop_jobs_clean(loop);
	loop_retire_turn(loop);
	loop_feeds_turn(loop);
	loop_queries_turn(loop);
	loop_index_turn(loop);
	loop_judge_turn(loop);
	loop_watches_turn(loop);
	if (loop->now > loop->cleaned + CLEAN_EVERY_MS && catalog_counted(loop->catalog))
		loop_write(loop);
	commit(loop);
	if (loop->now > loop->cleaned + CLEAN_EVERY_MS) {
		db_reader_check(catalog_db(loop->catalog));
		loop->cleaned = loop->now;
	}
	loop_metrics_turn(loop);
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
		loop_flush(loop, true);
	}
}

/* Nobody may come after a scan to do it. */
static void finish_for_scan(struct loop *loop)
{
	loop_index_finish(loop, commit);
	loop_judge_finish(loop, commit);
}

int loop_run(struct loop *loop, struct err *err)
{
	while (!atomic_load(&loop->stopping) && !loop->broken.code && !loop->drained)
		turn(loop);
	while (loop->config.embedded && loop->retiring && !loop->broken.code) {
		loop_retire_turn(loop); /* nobody may come after a scan to do it */
		commit(loop);
	}
	if (loop->config.embedded)
		finish_for_scan(loop);
	if (catalog_counted(loop->catalog) && loop_write(loop))
		commit(loop);
	if (!loop->broken.code)
		return 0;
	if (loop->config.embedded)
		answer_broken(loop);
	return err_set(err, loop->broken.code, "%s", loop->broken.text);
}

static void wake(struct loop *loop, _Atomic bool *flag)
{
	uint64_t one = 1;

	atomic_store(flag, true);
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

void loop_stop(struct loop *loop)
{
	wake(loop, &loop->stopping);
}

void loop_drain(struct loop *loop)
{
	wake(loop, &loop->drain_asked);
}

/* --- life --- */

static void begin(struct loop *loop, const struct loop_config *config)
{
	loop->config = *config;
	if (!loop->config.result_bytes_max)
		loop->config.result_bytes_max = 512 << 20;
	if (!loop->config.list_idle_ms)
		loop->config.list_idle_ms = 24ull * 3600 * 1000;
	if (!loop->config.worker_bytes_max)
		loop->config.worker_bytes_max = 64 << 20;
	loop->config.core.lease_base = (uint64_t)clock_unix_ms() << LEASES_PER_MS_BITS;
	loop->catalog = config->catalog;
	loop->now = loop->cleaned = clock_ms();
	loop->outbox_end = &loop->outbox;
	loop->retry_reason = FLEET_RETRIED_OWNER_DIED;
	arena_init(&loop->arena, 512 << 20);
	arena_init(&loop->event_texts, EVENT_TEXT_BYTES_MAX);
	buf_init(&loop->in, LIMIT_MESSAGE_BYTES);
	loop->core = core_new(&loop->config.core);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int loop_open(const struct loop_config *config, struct loop **out, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int          status = 0;

	if (!loop)
		return err_set(err, ERR_MEM, "broker: out of memory");
	begin(loop, config);
	if (!loop->core || loop->wake_fd < 0)
		status = err_set(err, ERR_MEM, "broker: out of memory");
	if (status >= 0)
		status = loop_feeds_start(loop, err);
	if (status >= 0)
		status = loop_index_start(loop, err);
	if (status >= 0)
		status = loop_judge_start(loop, err);
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
	loop_judge_stop(loop);
	loop_feeds_stop(loop);
	loop_index_stop(loop);
	if (loop->batch)
		catalog_abort(loop->catalog);
	loop_flush(loop, false);
	loop_watches_free(loop);
	while (loop->workers)
		loop_worker_forget(loop, loop->workers->id);
	map_deinit(&loop->workers_by_peer);
	map_deinit(&loop->workers_by_id);
	map_deinit(&loop->uploads);
	loop_jobs_free(loop);
	map_deinit(&loop->jobs_by_id);
	wire_server_close(loop->server);
	core_free(loop->core);
	free(loop->events);
	arena_deinit(&loop->arena);
	arena_deinit(&loop->event_texts);
	buf_deinit(&loop->in);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	free(loop);
}
