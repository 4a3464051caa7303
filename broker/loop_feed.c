#include "loop_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS_MAX = 1024, THREADS_DEFAULT = 4 };

/* --- the results threads: the only ones that decode inventories --- */

static size_t threads_wanted(const struct loop *loop)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (loop->config.results_threads)
		return loop->config.results_threads < LOOP_RESULTS_THREADS_MAX ? loop->config.results_threads
									       : LOOP_RESULTS_THREADS_MAX;
	return cpus < 1 ? 1 : cpus < THREADS_DEFAULT ? (size_t)cpus : THREADS_DEFAULT;
}

static int start_thread(struct loop *loop, struct err *err)
{
	size_t i = loop->results_running;

	if (i == 0 && results_open(loop->catalog, loop->config.db_dir, &loop->results[0], err) < 0)
		return err->code;
	if (i > 0)
		loop->results[i] = results_open_beside(loop->results[0]);
	if (!loop->results[i])
		return err_set(err, ERR_MEM, "broker: out of memory");
	if (pthread_create(&loop->results_threads[i], NULL, loop_compute_run, loop) != 0)
		return err_set(err, ERR_MEM, "broker: cannot start a thread");
	loop->results_running++;
	return 0;
}

int loop_feeds_start(struct loop *loop, struct err *err)
{
	size_t wanted = threads_wanted(loop);
	int    status = 0;

	loop->asked = queue_new(REQUESTS_MAX);
	loop->answered = queue_new(REQUESTS_MAX);
	if (!loop->asked || !loop->answered)
		return err_set(err, ERR_MEM, "broker: out of memory");
	while (status == 0 && loop->results_running < wanted)
		status = start_thread(loop, err);
	return status;
}

void loop_request_free(struct loop_request *request)
{
	buf_deinit(&request->bytes);
	buf_deinit(&request->question);
	free(request);
}

static void free_requests(struct queue *queue)
{
	struct loop_request *request;

	while (queue && (request = queue_pop_ms(queue, 0)) != NULL)
		loop_request_free(request);
	queue_free(queue);
}

static void drop_bytes(struct loop *loop, struct loop_feed *feed)
{
	loop->feed_bytes -= feed->bytes.len;
	buf_deinit(&feed->bytes);
	feed->ready = false;
}

static void feed_free(struct loop *loop, struct loop_feed *feed)
{
	drop_bytes(loop, feed);
	free(feed);
}

void loop_feeds_stop(struct loop *loop)
{
	if (loop->asked)
		queue_close(loop->asked);
	if (loop->answered)
		queue_close(loop->answered);
	while (loop->results_running)
		pthread_join(loop->results_threads[--loop->results_running], NULL);
	for (size_t i = 0; i < LOOP_RESULTS_THREADS_MAX; i++)
		results_close(loop->results[i]);
	free_requests(loop->asked);
	free_requests(loop->answered);
	loop->asked = loop->answered = NULL;
	loop_queries_free(loop);
	while (loop->feeds) {
		struct loop_feed *feed = loop->feeds;

		loop->feeds = feed->next;
		feed_free(loop, feed);
	}
}

/* --- RESULTS and RESULTS_CREDIT --- */

static size_t feeds_of(const struct loop *loop, const struct wire_peer *peer)
{
	size_t count = 0;

	for (const struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		count += memcmp(&feed->peer, peer, sizeof(*peer)) == 0;
	return count;
}

static int feed_open(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		     const struct wire_results *request, struct err *err)
{
	struct loop_feed *feed;

	if (feeds_of(loop, peer) >= LOOP_FEEDS_OF_PEER_MAX)
		return err_set(err, ERR_BUSY, "%d streams of results over one connection are enough",
			       LOOP_FEEDS_OF_PEER_MAX);
	if (loop->feeds_count == LOOP_FEEDS_MAX || (feed = calloc(1, sizeof(*feed))) == NULL)
		return err_set(err, ERR_BUSY, "the broker sends results to %zu others already", loop->feeds_count);
	loop->feeds_count++;
	feed->moved = loop->now;
	feed->id = ++loop->feeds_seen;
	feed->peer = *peer;
	feed->correlation = correlation;
	feed->job = request->job;
	feed->image = request->from;
	feed->only_failed = request->only_failed;
	feed->only_news = request->only_news;
	feed->credit = request->credit < WIRE_RESULTS_CREDIT_MAX ? request->credit : WIRE_RESULTS_CREDIT_MAX;
	feed->next = loop->feeds;
	loop->feeds = feed;
	return 0;
}

void loop_results(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct wire_results    m;
	struct wire_job_status status;
	struct err             err = {0};

	if (wire_get_results(body, &m, &err) < 0 || loop_status_of(loop, m.job, &loop->arena, &status, &err) < 0 ||
	    feed_open(loop, peer, correlation, &m, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
}

void loop_results_credit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct err err = {0};
	uint64_t   credit;

	if (wire_get_number(body, &credit, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	for (struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		if (feed->correlation == correlation && memcmp(&feed->peer, peer, sizeof(*peer)) == 0) {
			feed->credit += credit < WIRE_RESULTS_CREDIT_MAX ? credit : WIRE_RESULTS_CREDIT_MAX;
			if (feed->credit > WIRE_RESULTS_CREDIT_MAX)
				feed->credit = WIRE_RESULTS_CREDIT_MAX;
		}
}

/* --- what was computed goes out --- */

static void take_answer(struct loop *loop, struct loop_feed *feed, struct loop_request *request)
{
	feed->asked = false;
	feed->image = request->none ? request->end : request->image;
	if (request->none)
		return;
	feed->bytes = request->bytes;
	request->bytes = (struct buf){0};
	feed->offset = feed->parts = 0;
	feed->ready = true;
	loop->feed_bytes += feed->bytes.len;
}

static void take_answers(struct loop *loop)
{
	struct loop_request *request;

	while ((request = queue_pop_ms(loop->answered, 0)) != NULL) {
		struct loop_feed *feed = loop->feeds;

		if (request->query) {
			loop_query_answered(loop, request);
			loop_request_free(request);
			continue;
		}
		loop->feeds_asked--;
		while (feed && feed->id != request->feed)
			feed = feed->next;
		if (feed)
			take_answer(loop, feed, request);
		loop_request_free(request);
	}
}

static void send_parts(struct loop *loop, struct loop_feed *feed)
{
	while (feed->ready && feed->credit && !feed->gone) {
		struct slice            rest = slice_from(buf_slice(&feed->bytes), feed->offset);
		struct slice            bytes = slice_sub(rest, 0, LIMIT_CHUNK_BYTES);
		struct wire_result_part part = {
			.image = feed->image, .number = feed->parts++, .last = bytes.len == rest.len, .bytes = bytes};
		struct buf *frame = loop_send(loop, &feed->peer);

		if (!frame)
			return;
		wire_put_result_part(frame, feed->correlation, &part);
		feed->credit--;
		feed->moved = loop->now;
		feed->offset += bytes.len;
		if (part.last) {
			drop_bytes(loop, feed);
			feed->image++;
		}
	}
}

/* How many images of the job are committed, and whether no more will come. False: the job cannot be read. */
static bool images_of(struct loop *loop, uint64_t id, struct loop_request *request, bool *ended, struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, id);
	struct job_record      record;

	if (job) {
		request->end = job->images_committed;
		request->indexed = job->record.failed_indexed;
		*ended = job->record.state == JOB_SCHEDULED;
		return true;
	}
	arena_reset(&loop->arena);
	if (catalog_job_get(loop->catalog, id, &loop->arena, &record, err) < 0)
		return false;
	request->end = record.images_count;
	request->indexed = record.failed_indexed;
	*ended = record.state != JOB_RUNNING;
	return true;
}

/* Nothing is computed for a reader that takes nothing; beyond the ceiling one result at a time is, so that those who do
 * take theirs wait for nobody. */
static bool may_ask(const struct loop *loop, const struct loop_feed *feed)
{
	return feed->credit && (loop->feed_bytes < LOOP_FEED_BYTES_MAX || loop->feeds_asked == 0);
}

static void ask(struct loop *loop, struct loop_feed *feed, const struct loop_request *what)
{
	struct loop_request *request = calloc(1, sizeof(*request));

	if (!request)
		return;
	*request = *what;
	request->feed = feed->id;
	request->job = feed->job;
	request->image = feed->image;
	request->only_failed = feed->only_failed;
	request->only_news = feed->only_news;
	feed->asked = queue_try_push(loop->asked, request);
	if (feed->asked)
		loop->feeds_asked++;
	else
		free(request);
}

/* A reader that takes nothing may have gone without a word: sending to it would tell. */
static void ask_alive(struct loop *loop, struct loop_feed *feed)
{
	feed->moved = loop->now;
	loop_reply_empty(loop, &feed->peer, WIRE_PING, 0);
}

/* True while the feed goes on. */
static bool feed_turn(struct loop *loop, struct loop_feed *feed)
{
	struct loop_request request = {0};
	struct err          err = {0};
	bool                ended;

	send_parts(loop, feed);
	if (feed->gone && !feed->asked)
		return false;
	if (loop->now >= feed->moved + WIRE_SILENCE_MS)
		ask_alive(loop, feed);
	if (feed->asked || feed->ready)
		return true;
	if (!images_of(loop, feed->job, &request, &ended, &err)) {
		loop_reply_error(loop, &feed->peer, feed->correlation, &err);
		return false;
	}
	if (feed->image < request.end) {
		if (may_ask(loop, feed))
			ask(loop, feed, &request);
		return true;
	}
	if (ended)
		loop_reply_number(loop, &feed->peer, WIRE_RESULTS_END, feed->correlation, request.end);
	return !ended;
}

void loop_feeds_turn(struct loop *loop)
{
	struct loop_feed **link = &loop->feeds;

	take_answers(loop);
	while (*link) {
		struct loop_feed *feed = *link;

		if (feed_turn(loop, feed)) {
			link = &feed->next;
			continue;
		}
		*link = feed->next;
		loop->feeds_count--;
		feed_free(loop, feed);
	}
}
