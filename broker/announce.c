#include "announce.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/queue.h"
#include "rematch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	AGAIN_MS = 60000, /* after a delivery that was given up */
	LOOK_MS = 600000,
	WHOLE_BYTES_MAX = 4 << 20, /* an event with all its lists */
	CUT_BYTES_MAX = 1 << 20,   /* … and without them, of as many packages as fit */
	ID_BYTES = 120,
};

struct announce {
	struct announce_config config;
	struct deliver        *deliver;
	struct queue          *pokes;
	pthread_t              thread;
	bool                   running;
	_Atomic bool           stopping;
	_Atomic uint64_t       delivered, failed;
};

static void make_id(const struct question *q, const struct rematch_summary *summary, char id[ID_BYTES])
{
	snprintf(id, ID_BYTES, "rematch-%llu-%llu-%.*s", (unsigned long long)summary->from,
		 (unsigned long long)summary->to, SLICE_FMT(slice_sub(q->judgement.generation, 0, 40)));
}

/* Whole, if receivers can be expected to take that much; else without the lists of images. */
static int make_event(struct question *q, uint64_t since, struct buf *body, struct rematch_summary *summary,
		      struct err *err)
{
	struct rematch_request request = {.since = since};
	int                    status;

	buf_init(body, WHOLE_BYTES_MAX);
	status = rematch_answer(q, &request, body, summary, err);
	if (status != ERR_LIMIT)
		return status;
	buf_deinit(body);
	err_clear(err);
	request.brief = true;
	request.bytes_max = CUT_BYTES_MAX;
	return rematch_answer(q, &request, body, summary, err);
}

static bool has_changes(const struct rematch_summary *summary)
{
	return summary->images != 0;
}

/* 1: all is told up to *to; 0: there is nothing to tell. */
static int announce_next(struct announce *announce, struct question *q, uint64_t *to, struct err *err)
{
	struct rematch_summary summary;
	struct buf             body;
	char                   id[ID_BYTES];
	struct deliver_event   event = {.kind = "rematch", .id = id};
	int                    status;

	if (q->state.told >= q->state.judgement)
		return 0;
	*to = q->state.judgement;
	status = make_event(q, q->state.told > q->state.first ? q->state.told : q->state.first, &body, &summary, err);
	if (!status && has_changes(&summary)) {
		make_id(q, &summary, id);
		event.body = buf_slice(&body);
		status = deliver_event(announce->deliver, &event, err);
		if (!status)
			announce->delivered++;
	}
	buf_deinit(&body);
	return status ? status : 1;
}

/* In how many ms to look again. */
static uint64_t look(struct announce *announce)
{
	struct question q;
	struct err      err = {0};
	uint64_t        to = 0;
	int             status = question_open(&q, announce->config.catalog, announce->config.share, &err);

	if (!status)
		status = announce_next(announce, &q, &to, &err);
	question_close(&q);
	if (status > 0)
		announce->config.told(announce->config.data, to);
	if (status >= 0 || status == ERR_CANCELLED)
		return LOOK_MS;
	announce->failed++;
	log_line(LOG_ERROR, "notify", "%s; again in %d s", err.text, AGAIN_MS / 1000);
	return AGAIN_MS;
}

static void *run(void *data)
{
	struct announce *announce = data;

	while (!announce->stopping)
		queue_pop_ms(announce->pokes, look(announce));
	return NULL;
}

int announce_start(const struct announce_config *config, struct announce **out, struct err *err)
{
	struct announce *announce = calloc(1, sizeof(*announce));
	int              status;

	*out = NULL;
	if (!announce)
		return err_set(err, ERR_MEM, "broker: out of memory");
	announce->config = *config;
	announce->config.share = advisory_share_hold(config->share);
	announce->pokes = queue_new(1);
	status = announce->pokes ? deliver_open(config->deliver, &announce->deliver, err)
				 : err_set(err, ERR_MEM, "broker: out of memory");
	if (!status) {
		announce->running = pthread_create(&announce->thread, NULL, run, announce) == 0;
		status = announce->running ? 0 : err_set(err, ERR_MEM, "broker: cannot start a thread");
	}
	if (status) {
		announce_stop(announce);
		return status;
	}
	*out = announce;
	return 0;
}

void announce_look(struct announce *announce)
{
	queue_try_push(announce->pokes, announce);
}

void announce_stop(struct announce *announce)
{
	if (!announce)
		return;
	announce->stopping = true;
	if (announce->deliver)
		deliver_cancel(announce->deliver);
	if (announce->pokes)
		queue_close(announce->pokes);
	if (announce->running)
		pthread_join(announce->thread, NULL);
	deliver_close(announce->deliver);
	queue_free(announce->pokes);
	advisory_share_release(announce->config.share);
	free(announce);
}

void announce_counts_get(struct announce *announce, struct announce_counts *out)
{
	out->delivered = announce->delivered;
	out->failed = announce->failed;
}
