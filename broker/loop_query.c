/* loop_query.c - questions about the whole catalog (answer.h): computed by the results threads, sent part by part as the
 * asker wants them. */
#include "loop_internal.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { QUERIES_MAX = 64, QUERIES_OF_PEER_MAX = 4, IDLE_MS = 60000 };

static size_t queries_of(const struct loop *loop, const struct wire_peer *peer)
{
	size_t count = 0;

	for (const struct loop_query *query = loop->queries; query; query = query->next)
		count += memcmp(&query->peer, peer, sizeof(*peer)) == 0 && !query->gone;
	return count;
}

static int ask(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice text,
	       struct err *err)
{
	struct loop_query   *query;
	struct loop_request *request;

	if (queries_of(loop, peer) >= QUERIES_OF_PEER_MAX || loop->queries_count >= QUERIES_MAX)
		return err_set(err, ERR_BUSY, "enough questions are being answered: ask again later");
	query = calloc(1, sizeof(*query));
	request = calloc(1, sizeof(*request));
	if (!query || !request) {
		free(query);
		free(request);
		return err_set(err, ERR_MEM, "broker: out of memory");
	}
	*query = (struct loop_query){
		.id = ++loop->feeds_seen, .correlation = correlation, .peer = *peer, .moved = loop->now, .asked = true};
	request->query = query->id;
	buf_init(&request->question, WIRE_QUERY_BYTES_MAX);
	buf_append(&request->question, text);
	if (!buf_ok(&request->question) || !queue_try_push(loop->asked, request)) {
		buf_deinit(&request->question);
		free(request);
		free(query);
		return err_set(err, ERR_BUSY, "the broker has too much to compute: ask again later");
	}
	query->next = loop->queries;
	loop->queries = query;
	loop->queries_count++;
	return 0;
}

void loop_query(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct slice text;
	struct err   err = {0};

	if (wire_get_query(body, &text, &err) < 0 || ask(loop, peer, correlation, text, &err) < 0)
		loop_reply_error(loop, peer, correlation, &err);
}

static void send_part(struct loop *loop, struct loop_query *query)
{
	struct slice           rest = slice_from(buf_slice(&query->bytes), query->offset);
	struct slice           bytes = slice_sub(rest, 0, LIMIT_CHUNK_BYTES);
	struct wire_query_part part = {.number = query->parts, .last = bytes.len == rest.len, .bytes = bytes};
	struct buf            *frame = loop_send(loop, &query->peer);

	query->moved = loop->now;
	if (!frame)
		return; /* it is asked for again, or forgotten */
	wire_put_query_part(frame, query->correlation, &part);
	query->parts++;
	query->offset += bytes.len;
	query->gone = part.last;
}

void loop_query_more(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body)
{
	struct err err = {0};
	uint64_t   number;

	if (wire_get_number(body, &number, &err) < 0) {
		loop_reply_error(loop, peer, correlation, &err);
		return;
	}
	for (struct loop_query *query = loop->queries; query; query = query->next)
		if (query->correlation == correlation && !query->asked && !query->gone && query->parts == number &&
		    memcmp(&query->peer, peer, sizeof(*peer)) == 0)
			send_part(loop, query);
}

/* What a results thread has computed: the first part goes out at once. */
void loop_query_answered(struct loop *loop, struct loop_request *request)
{
	struct loop_query *query = loop->queries;

	while (query && query->id != request->query)
		query = query->next;
	if (!query)
		return;
	query->asked = false;
	if (request->why.code) {
		loop_reply_error(loop, &query->peer, query->correlation, &request->why);
		query->gone = true;
		return;
	}
	query->bytes = request->bytes;
	request->bytes = (struct buf){0};
	loop->feed_bytes += query->bytes.len;
	if (!query->gone)
		send_part(loop, query);
}

static void query_free(struct loop *loop, struct loop_query *query)
{
	loop->feed_bytes -= query->bytes.len;
	loop->queries_count--;
	buf_deinit(&query->bytes);
	free(query);
}

void loop_queries_turn(struct loop *loop)
{
	struct loop_query **link = &loop->queries;

	while (*link) {
		struct loop_query *query = *link;

		query->gone |= !query->asked && loop->now >= query->moved + IDLE_MS;
		if (!query->gone || query->asked) {
			link = &query->next;
			continue;
		}
		*link = query->next;
		query_free(loop, query);
	}
}

void loop_queries_gone(struct loop *loop, const struct wire_peer *peer)
{
	for (struct loop_query *query = loop->queries; query; query = query->next)
		query->gone |= memcmp(&query->peer, peer, sizeof(*peer)) == 0;
}

void loop_queries_free(struct loop *loop)
{
	while (loop->queries) {
		struct loop_query *query = loop->queries;

		loop->queries = query->next;
		query_free(loop, query);
	}
}
