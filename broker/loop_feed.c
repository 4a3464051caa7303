#include "loop_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS_MAX = 1024, RESULT_BYTES_MAX = 512 << 20 };

/* --- the results thread: the only one that decodes inventories --- */

/* Stands for an image whose result cannot be computed; `known` is as far as it came. */
static struct image_result failed_result(const struct image_result *known, const struct err *why)
{
	struct image_result out = {.incomplete_reason = slice_str(why->text)};

	out.image.reference =
		known->image.reference.len ? known->image.reference : SLICE_LIT("(image record that cannot be read)");
	out.image.status = IMAGE_FAILED;
	out.image.error = why->code;
	out.image.reason = slice_str(why->text);
	return out;
}

static void compute(struct results *results, struct loop_request *request)
{
	struct image_result result;
	struct arena        arena;
	struct err          err = {0};

	arena_init(&arena, 4ull << 30);
	buf_init(&request->bytes, RESULT_BYTES_MAX);
	if (results_load(results, request->job, request->image, &arena, &result, &err) < 0 ||
	    result_encode(&result, &request->bytes, &err) < 0) {
		struct image_result failed = failed_result(&result, &err);

		buf_clear(&request->bytes);
		result_encode(&failed, &request->bytes, NULL);
	}
	arena_deinit(&arena);
}

static void *results_run(void *data)
{
	struct loop         *loop = data;
	struct results      *results = NULL;
	struct loop_request *request;
	struct err           err = {0};
	uint64_t             one = 1;

	if (results_open(loop->catalog, loop->config.db_dir, &results, &err) < 0)
		log_line(LOG_ERROR, "broker", "%s", err.text);
	while (results && (request = queue_pop(loop->asked)) != NULL) {
		compute(results, request);
		if (!queue_push(loop->answered, request)) {
			buf_deinit(&request->bytes);
			free(request);
		}
		if (write(loop->wake_fd, &one, sizeof(one)) < 0)
			continue; /* it is readable already */
	}
	results_close(results);
	return NULL;
}

int loop_feeds_start(struct loop *loop, struct err *err)
{
	loop->asked = queue_new(REQUESTS_MAX);
	loop->answered = queue_new(REQUESTS_MAX);
	if (!loop->asked || !loop->answered || pthread_create(&loop->results_thread, NULL, results_run, loop) != 0)
		return err_set(err, ERR_MEM, "broker: out of memory");
	loop->results_running = true;
	return 0;
}

static void free_requests(struct queue *queue)
{
	struct loop_request *request;

	while (queue && (request = queue_pop_ms(queue, 0)) != NULL) {
		buf_deinit(&request->bytes);
		free(request);
	}
	queue_free(queue);
}

static void feed_free(struct loop_feed *feed)
{
	buf_deinit(&feed->bytes);
	free(feed);
}

void loop_feeds_stop(struct loop *loop)
{
	if (loop->asked)
		queue_close(loop->asked);
	if (loop->answered)
		queue_close(loop->answered);
	if (loop->results_running)
		pthread_join(loop->results_thread, NULL);
	loop->results_running = false;
	free_requests(loop->asked);
	free_requests(loop->answered);
	loop->asked = loop->answered = NULL;
	while (loop->feeds) {
		struct loop_feed *feed = loop->feeds;

		loop->feeds = feed->next;
		feed_free(feed);
	}
}

/* --- feeds, in the loop's thread --- */

void loop_feed_open(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		    const struct wire_results *request)
{
	struct loop_feed *feed;
	struct err        err = {0};

	if (loop->feeds_count == LOOP_FEEDS_MAX || (feed = calloc(1, sizeof(*feed))) == NULL) {
		err_set(&err, ERR_BUSY, "the broker sends results to %zu others already", loop->feeds_count);
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	loop->feeds_count++;
	feed->moved = loop->now;
	feed->id = ++loop->feeds_seen;
	feed->peer = *peer;
	feed->correlation = correlation;
	feed->job = request->job;
	feed->image = request->from;
	feed->credit = request->credit < WIRE_RESULTS_CREDIT_MAX ? request->credit : WIRE_RESULTS_CREDIT_MAX;
	feed->next = loop->feeds;
	loop->feeds = feed;
}

void loop_feed_credit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, uint64_t credit)
{
	for (struct loop_feed *feed = loop->feeds; feed; feed = feed->next)
		if (feed->correlation == correlation && memcmp(&feed->peer, peer, sizeof(*peer)) == 0) {
			feed->credit += credit < WIRE_RESULTS_CREDIT_MAX ? credit : WIRE_RESULTS_CREDIT_MAX;
			if (feed->credit > WIRE_RESULTS_CREDIT_MAX)
				feed->credit = WIRE_RESULTS_CREDIT_MAX;
		}
}

static void take_answers(struct loop *loop)
{
	struct loop_request *request;

	while ((request = queue_pop_ms(loop->answered, 0)) != NULL) {
		struct loop_feed *feed = loop->feeds;

		while (feed && feed->id != request->feed)
			feed = feed->next;
		if (feed) {
			buf_deinit(&feed->bytes);
			feed->bytes = request->bytes;
			feed->offset = feed->parts = 0;
			feed->ready = true;
			feed->asked = false;
		} else {
			buf_deinit(&request->bytes);
		}
		free(request);
	}
}

static void send_parts(struct loop *loop, struct loop_feed *feed)
{
	while (feed->ready && feed->credit) {
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
			feed->ready = false;
			feed->image++;
			buf_deinit(&feed->bytes);
		}
	}
}

/* How many images of the job are committed, and whether no more will come. False: the job cannot be read. */
static bool images_of(struct loop *loop, uint64_t id, uint64_t *count, bool *ended, struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, id);
	struct job_record      record;

	if (job) {
		*count = job->images_committed;
		*ended = false;
		return true;
	}
	arena_reset(&loop->arena);
	if (catalog_job_get(loop->catalog, id, &loop->arena, &record, err) < 0)
		return false;
	*count = record.images_count;
	*ended = record.state != JOB_RUNNING;
	return true;
}

static void ask(struct loop *loop, struct loop_feed *feed)
{
	struct loop_request *request = calloc(1, sizeof(*request));

	if (!request)
		return;
	request->feed = feed->id;
	request->job = feed->job;
	request->image = feed->image;
	feed->asked = queue_try_push(loop->asked, request);
	if (!feed->asked)
		free(request);
}

/* A reader that takes nothing may have gone without a word: sending to it would tell. */
static void ask_alive(struct loop *loop, struct loop_feed *feed)
{
	struct buf *frame = loop_send(loop, &feed->peer);

	feed->moved = loop->now;
	if (frame)
		wire_put_empty(frame, WIRE_PING, 0);
}

/* True while the feed goes on. */
static bool feed_turn(struct loop *loop, struct loop_feed *feed)
{
	struct err  err = {0};
	uint64_t    count;
	bool        ended;
	struct buf *frame;

	send_parts(loop, feed);
	if (feed->gone && !feed->asked)
		return false;
	if (loop->now >= feed->moved + WIRE_SILENCE_MS)
		ask_alive(loop, feed);
	if (feed->asked || feed->ready)
		return true;
	if (!images_of(loop, feed->job, &count, &ended, &err)) {
		loop_reply_error(loop, &feed->peer, feed->correlation, &err);
		return false;
	}
	if (feed->image < count) {
		ask(loop, feed);
		return true;
	}
	if (!ended)
		return true;
	if ((frame = loop_send(loop, &feed->peer)) != NULL)
		wire_put_number(frame, WIRE_RESULTS_END, feed->correlation, count);
	return false;
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
		feed_free(feed);
	}
}
