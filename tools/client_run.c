/* client_run.c - one job from submission to the last result, over restarts of the broker.
 *
 * Everything that was not answered is kept and said again under new correlations when the broker has been silent for too
 * long, or the connection broke and came back: the same token gives the same job, REFERENCES taken before are acknowledged again, RESULTS go on from the image
 * that is wanted next. While a job runs, JOB_PROGRESS comes every five seconds at least, so silence is a sign. */
#include "client_link.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { REFERENCE_ROOM_BYTES = 8192, TICK_MS = 250, FILL_MS = 100, SILENCE_MAX_MS = 60000, CREDIT = 64, WATCH_MS = 500 };

struct window_slot {
	bool         used;
	uint64_t     correlation;
	uint32_t     number;
	bool         last;
	struct buf   texts; /* the references, one behind the other */
	size_t       lengths[WIRE_REFERENCES_MAX];
	struct slice items[WIRE_REFERENCES_MAX];
	size_t       count;
};

struct client_session {
	struct client      *client;
	struct client_run  *run;
	struct window_slot *window; /* WIRE_REFERENCES_WINDOW */
	struct window_slot *half;   /* of them, filled in part: the list had no more */
	uint32_t            number_next;
	uint32_t            number_wanted;   /* those before are with the broker */
	uint64_t            sum, sum_wanted; /* of those before: as they are read now, and as the broker took them */
	uint64_t            references;      /* read so far */
	bool                job_known, references_done, submitted, job_ended, results_ended, heard_once;
	uint64_t            submit_correlation, watch_correlation, results_correlation, cancel_correlation;
	uint64_t            heard_ms, started_ms, silence_ms, filled_ms;
	struct buf          part; /* the image result that is coming in */
	uint32_t            part_number;
	uint32_t            consumed; /* parts whose credit was not given back yet */
	uint64_t            images_taken;
};

/* A broker that takes nothing is one that is silent: what could not be said now is said again then. */
static int say(struct client_session *s, struct err *err)
{
	struct err send_err = {0};
	int        rc = client_send(s->client, &send_err);

	return rc == 0 || rc == ERR_BUSY ? 0 : err_set(err, rc, "%s", send_err.text);
}

static int send_submit(struct client_session *s, struct err *err)
{
	buf_clear(&s->client->out);
	wire_put_submit(&s->client->out, s->submit_correlation = ++s->client->correlation, s->run->submit);
	return say(s, err);
}

static int send_references(struct client_session *s, struct window_slot *slot, struct err *err)
{
	struct wire_references m = {.job = s->run->job,
				    .number = slot->number,
				    .last = slot->last,
				    .references = {slot->items, slot->count}};

	buf_clear(&s->client->out);
	wire_put_references(&s->client->out, slot->correlation = ++s->client->correlation, &m);
	return say(s, err);
}

/* 1: full; 0: the list has ended; 2: it has none just now; ERR_*. What a slot holds stays in it. */
static int read_into(struct client_session *s, struct window_slot *slot, struct err *err)
{
	struct slice reference;
	int          rc = 1;

	while (rc == 1 && slot->count < WIRE_REFERENCES_MAX &&
	       slot->texts.len + REFERENCE_ROOM_BYTES < LIMIT_CHUNK_BYTES) {
		rc = s->run->reference(s->run->data, &reference, err);
		if (rc != 1)
			break;
		buf_append(&slot->texts, reference);
		slot->lengths[slot->count++] = reference.len;
	}
	return rc >= 0 && !buf_ok(&slot->texts) ? err_set(err, ERR_MEM, "sending references: no memory") : rc;
}

static void empty_slot(struct window_slot *slot)
{
	buf_clear(&slot->texts);
	slot->count = 0;
	slot->used = false;
}

/* Fills a slot from the caller's list; slices are set when the buffer no longer moves. */
static int fill_slot(struct client_session *s, struct window_slot *slot, struct err *err)
{
	size_t at = 0;
	int    rc = read_into(s, slot, err);

	if (rc < 0)
		return rc;
	s->half = rc == 2 && s->run->continues && slot->count ? slot : NULL;
	if (rc == 2 && (s->half || slot->count == 0))
		return 0; /* not yet */
	for (size_t i = 0; i < slot->count; at += slot->lengths[i++])
		slot->items[i] = slice_sub(buf_slice(&slot->texts), at, slot->lengths[i]);
	slot->last = rc == 0;
	s->run->ragged |= rc == 2;
	slot->number = s->number_next++;
	slot->used = true;
	s->references_done |= slot->last;
	s->references += slot->count;
	if (s->run->sent)
		s->run->sent(s->run->data, s->references);
	return 0;
}

static bool window_is_empty(const struct client_session *s)
{
	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++)
		if (s->window[i].used)
			return false;
	return true;
}

/* A list that differs in what is not sent again would never be missed. */
static int compare_list(struct client_session *s, struct window_slot *slot, struct err *err)
{
	const struct wire_strings texts = {slot->items, slot->count};

	if (slot->number >= s->number_wanted || !s->sum_wanted)
		return 0;
	s->sum = wire_references_sum(s->sum, &texts);
	return slot->number + 1 < s->number_wanted || s->sum == s->sum_wanted
		       ? 0
		       : err_set(err, ERR_USAGE,
				 "job %llu was submitted with another list: another one needs another token",
				 (unsigned long long)s->run->job);
}

/* One slot: filled, and sent unless the broker has it; first and last always, so that another list under the same token is
 * found out. False: the list has none just now. */
static bool fill_and_send(struct client_session *s, struct window_slot *slot, int *rc, struct err *err)
{
	do {
		*rc = fill_slot(s, slot, err);
		if (*rc == 0 && slot->used)
			*rc = compare_list(s, slot, err);
		if (*rc != 0 || !slot->used)
			return false;
		if (slot->number >= s->number_wanted || slot->number == 0 || slot->last) {
			*rc = send_references(s, slot, err);
			return true;
		}
		empty_slot(slot);
	} while (!s->references_done);
	return true;
}

static struct window_slot *free_slot(const struct client_session *s)
{
	if (s->half)
		return s->half;
	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++)
		if (!s->window[i].used)
			return &s->window[i];
	return NULL;
}

static int fill_window(struct client_session *s, struct err *err)
{
	struct window_slot *slot;
	int                 rc = 0;

	while (!s->references_done && (slot = free_slot(s)) != NULL && fill_and_send(s, slot, &rc, err))
		;
	s->submitted = s->references_done && window_is_empty(s);
	s->run->all_sent |= s->submitted;
	return rc;
}

/* A list that had nothing just now is asked again, but not for every frame. */
static int fill_again(struct client_session *s, uint64_t now, struct err *err)
{
	if (!s->job_known || s->references_done || now - s->filled_ms < FILL_MS)
		return 0;
	s->filled_ms = now;
	return fill_window(s, err);
}

/* Asks for progress and results from where they stand. */
static int subscribe(struct client_session *s, struct err *err)
{
	struct wire_watch   watch = {s->run->job, s->run->watch_ms ? s->run->watch_ms : WATCH_MS};
	struct wire_results results = {.job = s->run->job,
				       .from = s->run->from,
				       .credit = CREDIT,
				       .only_failed = s->run->only_failed,
				       .only_news = s->run->only_news};
	int                 rc = 0;

	if (s->run->until_submitted)
		return 0;
	if (!s->job_ended) {
		buf_clear(&s->client->out);
		wire_put_watch(&s->client->out, s->watch_correlation = ++s->client->correlation, &watch);
		rc = say(s, err);
	}
	if (rc == 0 && s->run->result && !s->results_ended) {
		buf_clear(&s->part);
		s->part_number = s->consumed = 0;
		buf_clear(&s->client->out);
		wire_put_results(&s->client->out, s->results_correlation = ++s->client->correlation, &results);
		rc = say(s, err);
	}
	return rc;
}

/* The slot with the least number from `from` on; NULL when there is none. */
static struct window_slot *next_slot(const struct client_session *s, uint32_t from)
{
	struct window_slot *next = NULL;

	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++) {
		struct window_slot *slot = &s->window[i];

		if (slot->used && slot->number >= from && (!next || slot->number < next->number))
			next = slot;
	}
	return next;
}

/* The broker takes REFERENCES in the order of their numbers alone, and slots are filled in any. */
static int begin(struct client_session *s, struct err *err)
{
	struct window_slot *slot;
	int                 rc = 0;

	if (!s->job_known)
		return send_submit(s, err);
	for (uint32_t from = 0; rc == 0 && (slot = next_slot(s, from)) != NULL; from = slot->number + 1)
		rc = send_references(s, slot, err);
	return rc == 0 ? subscribe(s, err) : rc;
}

static int on_job(struct client_session *s, struct slice body, struct err *err)
{
	struct wire_job job;
	int             rc = wire_get_job(body, &job, err);

	if (rc != 0)
		return rc;
	s->run->job = job.job;
	s->number_wanted = s->run->continues ? job.number : 0;
	s->sum_wanted = s->run->continues ? job.sum : 0;
	s->job_known = true;
	if (s->run->submitted)
		s->run->submitted(s->run->data, s->run->job);
	rc = subscribe(s, err);
	if (rc == 0 && s->run->reference)
		rc = fill_window(s, err);
	else
		s->submitted = s->references_done = s->run->all_sent = true;
	return rc;
}

static int on_ok(struct client_session *s, uint64_t correlation, struct err *err)
{
	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++) {
		if (!s->window[i].used || s->window[i].correlation != correlation)
			continue;
		empty_slot(&s->window[i]);
		return fill_window(s, err);
	}
	return 0;
}

static int on_progress(struct client_session *s, struct slice body, struct err *err)
{
	int rc = wire_get_job_progress(body, &s->run->status, err);

	if (rc != 0)
		return rc;
	s->run->status.label = s->run->status.every = SLICE_EMPTY; /* borrowed from the frame */
	s->job_ended |= s->run->status.state != JOB_RUNNING;
	if (s->run->progress)
		s->run->progress(s->run->data, &s->run->status);
	return 0;
}

static int give_credit(struct client_session *s, struct err *err)
{
	if (++s->consumed < CREDIT / 2)
		return 0;
	buf_clear(&s->client->out);
	wire_put_number(&s->client->out, WIRE_RESULTS_CREDIT, s->results_correlation, s->consumed);
	s->consumed = 0;
	return say(s, err);
}

static int on_part(struct client_session *s, struct slice body, struct err *err)
{
	struct wire_result_part part;
	int                     rc = wire_get_result_part(body, &part, err);

	if (rc != 0)
		return rc;
	if ((s->run->only_failed || s->run->only_news) && s->part_number == 0 && part.image > s->run->from)
		s->run->from = part.image; /* the others went well */
	if (part.image != s->run->from || part.number != s->part_number)
		return err_set(err, ERR_PROTOCOL,
			       "the broker sent part %u of image %llu instead of part %u of image %llu", part.number,
			       (unsigned long long)part.image, s->part_number, (unsigned long long)s->run->from);
	buf_append(&s->part, part.bytes);
	if (!buf_ok(&s->part))
		return err_set(err, ERR_LIMIT, "the result of image %llu is longer than %u MiB (report bytes)",
			       (unsigned long long)part.image, LIMIT_REPORT_BYTES >> 20);
	s->part_number++;
	if (part.last) {
		rc = s->run->result(s->run->data, part.image, buf_slice(&s->part), err);
		buf_clear(&s->part);
		s->part_number = 0;
		s->run->from++;
		s->images_taken++;
	}
	return rc == 0 ? give_credit(s, err) : rc;
}

static int on_error(struct client_session *s, uint64_t correlation, struct slice body, struct err *err)
{
	bool ours = correlation == s->submit_correlation || correlation == s->watch_correlation ||
		    correlation == s->results_correlation || correlation == s->cancel_correlation;

	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++)
		ours |= s->window[i].used && s->window[i].correlation == correlation;
	return ours || correlation == 0 ? client_refused(body, err) : 0; /* else: of a request that was given up */
}

static int on_frame(struct client_session *s, const struct wire_header *header, struct slice body, struct err *err)
{
	uint64_t correlation = header->correlation;

	switch (header->type) {
	case WIRE_ERROR:
		return on_error(s, correlation, body, err);
	case WIRE_JOB:
		return correlation == s->submit_correlation && !s->job_known ? on_job(s, body, err) : 0;
	case WIRE_OK:
		return on_ok(s, correlation, err);
	case WIRE_JOB_PROGRESS:
		return correlation == s->watch_correlation ? on_progress(s, body, err) : 0;
	case WIRE_RESULT_PART:
		return correlation == s->results_correlation ? on_part(s, body, err) : 0;
	case WIRE_RESULTS_END:
		s->results_ended |= correlation == s->results_correlation;
		return 0;
	default:
		return 0;
	}
}

static bool is_over(const struct client_session *s)
{
	const struct client_run *run = s->run;

	if (!s->job_known || !s->submitted)
		return false;
	if (run->until_submitted)
		return true;
	if (run->result && run->images_max && s->images_taken >= run->images_max)
		return true;
	return s->job_ended && (!run->result || s->results_ended);
}

/* The broker has said nothing for too long: connect anew and say again what stands open. */
static int on_silence(struct client_session *s, uint64_t now, struct err *err)
{
	int refused = wire_client_refused(s->client->socket, err);

	if (refused != 0)
		return refused;
	if (!s->heard_once && now - s->started_ms >= s->client->config.answer_ms)
		return client_absent(s->client, now - s->started_ms, err);
	if (s->run->until_submitted && s->job_known && window_is_empty(s))
		s->heard_ms = now; /* nothing was asked: the list is slow */
	if (now - s->heard_ms < s->silence_ms)
		return 0;
	log_line(LOG_WARNING, "client", "no word from the broker at %s for %llu s: connecting again",
		 s->client->config.wire.endpoint, (unsigned long long)((now - s->heard_ms) / 1000));
	s->heard_ms = now;
	s->silence_ms = s->silence_ms * 2 > SILENCE_MAX_MS ? SILENCE_MAX_MS : s->silence_ms * 2;
	return client_connect(s->client, err) == 0 ? begin(s, err) : err->code;
}

static int on_interrupt(struct client_session *s, struct err *err)
{
	if (!s->run->cancel_on_interrupt || !s->job_known)
		return err_set(err, ERR_CANCELLED, "interrupted");
	if (s->run->interrupted)
		return err_set(err, ERR_CANCELLED, "interrupted twice");
	log_line(LOG_WARNING, "scan", "interrupted: reporting what is finished (once more to leave at once)");
	s->run->interrupted = true;
	s->submitted = s->references_done = true;
	buf_clear(&s->client->out);
	wire_put_number(&s->client->out, WIRE_CANCEL, s->cancel_correlation = ++s->client->correlation, s->run->job);
	return say(s, err);
}

static int session_loop(struct client_session *s, struct err *err)
{
	uint64_t tick_ms = s->client->config.silence_ms < TICK_MS ? s->client->config.silence_ms : TICK_MS;
	int      rc = begin(s, err);

	while (rc == 0 && !is_over(s)) {
		struct wire_header header;
		struct slice       body;
		int                got = client_receive(s->client, s->run->interrupt_fd, tick_ms, &header, &body, err);

		if (got < 0)
			return got;
		if (interrupt_came(s->run->interrupt_fd))
			rc = on_interrupt(s, err);
		if (rc == 0 && wire_client_reconnected(s->client->socket))
			rc = begin(s, err);
		if (rc == 0 && got > 0) {
			s->heard_ms = clock_ms();
			s->heard_once = true;
			s->silence_ms = s->client->config.silence_ms;
			rc = on_frame(s, &header, body, err);
		} else if (rc == 0) {
			rc = on_silence(s, clock_ms(), err);
		}
		if (rc == 0)
			rc = fill_again(s, clock_ms(), err);
		if (rc == 0 && got == 0 && s->run->progress && s->run->status.job)
			s->run->progress(s->run->data, &s->run->status);
	}
	return rc;
}

int client_run(struct client *client, struct client_run *run, struct err *err)
{
	struct client_session s = {.client = client,
				   .run = run,
				   .job_known = !run->submit,
				   .submitted = !run->submit,
				   .references_done = !run->submit,
				   .silence_ms = client->config.silence_ms};
	int                   rc;

	run->status = (struct wire_job_status){0};
	s.started_ms = s.heard_ms = clock_ms();
	buf_init(&s.part, LIMIT_REPORT_BYTES);
	s.window = calloc(WIRE_REFERENCES_WINDOW, sizeof(*s.window));
	if (!s.window)
		return err_set(err, ERR_MEM, "running a job: no memory");
	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++)
		buf_init(&s.window[i].texts, LIMIT_CHUNK_BYTES);
	rc = session_loop(&s, err);
	for (size_t i = 0; i < WIRE_REFERENCES_WINDOW; i++)
		buf_deinit(&s.window[i].texts);
	free(s.window);
	buf_deinit(&s.part);
	return rc;
}
