#include "lib/fake_broker.h"

#include "lib/check.h"

#include <stdlib.h>
#include <string.h>

static void answer(struct wire_server *server, const struct wire_peer *peer, struct buf *frame)
{
	assert_true(buf_ok(frame));
	wire_server_send(server, peer, buf_slice(frame));
	buf_clear(frame);
}

static void send_results(struct fake_broker *b, struct wire_server *server, const struct wire_peer *peer,
			 uint64_t correlation, uint64_t from, struct buf *out)
{
	for (uint64_t image = from; image < IMAGES; image++)
		for (uint32_t number = 0; number < 3; number++) {
			struct wire_result_part part = {.image = image + b->mix_up,
							.number = number,
							.last = number == 2,
							.bytes = SLICE_LIT("abc")};

			wire_put_result_part(out, correlation, &part);
			answer(server, peer, out);
		}
	wire_put_number(out, WIRE_RESULTS_END, correlation, IMAGES);
	answer(server, peer, out);
}

/* Images 1 and 3 have failed. */
static void send_failed(struct wire_server *server, const struct wire_peer *peer, uint64_t correlation, uint64_t from,
			struct buf *out)
{
	for (uint64_t image = from | 1; image < IMAGES; image += 2) {
		struct wire_result_part part = {.image = image, .last = true, .bytes = SLICE_LIT("abcabcabc")};

		wire_put_result_part(out, correlation, &part);
		answer(server, peer, out);
	}
	wire_put_number(out, WIRE_RESULTS_END, correlation, IMAGES);
	answer(server, peer, out);
}

static void on_references(struct fake_broker *b, struct wire_server *server, const struct wire_peer *peer,
			  const struct wire_header *header, struct slice body, struct buf *out)
{
	struct wire_references m;
	struct arena           arena;
	struct err             err = {0};

	arena_init(&arena, 1 << 22);
	assert_int_equal(wire_get_references(body, &arena, &m, &err), 0);
	assert_int_equal(m.job, JOB);
	if (m.number >= b->taken) {
		assert_int_equal(m.number, b->taken + b->frames);
		b->frames++;
		b->references += m.references.count;
		b->references_ended |= m.last;
	} else {
		b->again++;
	}
	arena_deinit(&arena);
	wire_put_empty(out, WIRE_OK, header->correlation);
	answer(server, peer, out);
}

static void on_frame(struct fake_broker *b, struct wire_server *server, const struct wire_peer *peer,
		     struct slice frame, struct buf *out)
{
	struct wire_job_status status = {.job = JOB, .images_total = IMAGES, .images_done = IMAGES, .state = JOB_DONE};
	struct wire_header     header;
	struct wire_results    results;
	struct slice           body;
	struct err             err = {0};
	uint64_t               number;

	assert_int_equal(wire_open_frame(frame, &header, &body, &err), 0);
	if (b->deaf && header.type == WIRE_SUBMIT)
		b->first = *peer;
	if (b->deaf && header.type != WIRE_SUBMIT && memcmp(&b->first, peer, sizeof(*peer)) == 0 &&
	    (header.type != WIRE_REFERENCES || b->frames >= b->hears))
		return;
	switch (b->mute ? 0 : header.type) {
	case WIRE_SUBMIT:
		if (b->refuse)
			wire_put_error(out, header.correlation,
				       &(struct wire_error){ERR_FULL, SLICE_LIT("no room \x1b[2J")});
		else if (b->taken)
			wire_put_job(out, header.correlation, &(struct wire_job){.job = JOB, .number = b->taken});
		else
			wire_put_number(out, WIRE_JOB, header.correlation, JOB); /* as an older broker */
		answer(server, peer, out);
		return;
	case WIRE_REFERENCES:
		on_references(b, server, peer, &header, body, out);
		return;
	case WIRE_WATCH:
		wire_put_job_progress(out, header.correlation, &status);
		answer(server, peer, out);
		return;
	case WIRE_RESULTS:
		assert_int_equal(wire_get_results(body, &results, &err), 0);
		b->only_failed = results.only_failed;
		if (results.only_failed) {
			send_failed(server, peer, header.correlation, results.from, out);
			return;
		}
		send_results(b, server, peer, header.correlation, results.from, out);
		return;
	case WIRE_RESULTS_CREDIT:
		assert_int_equal(wire_get_number(body, &number, &err), 0);
		b->credit_seen += number;
		return;
	case WIRE_STATUS: {
		struct wire_status_reply reply = {.jobs = &status, .jobs_count = 1};

		assert_int_equal(wire_get_number(body, &number, &err), 0);
		reply.jobs_count = number == 0 || number == JOB;
		wire_put_status_reply(out, header.correlation, &reply);
		answer(server, peer, out);
		return;
	}
	case WIRE_PAUSE:
	case WIRE_RESUME:
	case WIRE_DRAIN_WORKER:
		assert_int_equal(wire_get_number(body, &number, &err), 0);
		b->ordered = header.type;
		b->ordered_number = number;
		wire_put_empty(out, WIRE_OK, header.correlation);
		answer(server, peer, out);
		return;
	case WIRE_CANCEL:
		b->cancelled = true;
		wire_put_empty(out, WIRE_OK, header.correlation);
		answer(server, peer, out);
		return;
	default:
		return;
	}
}

static void *serve(void *data)
{
	struct fake_broker       *b = data;
	const char               *endpoints[] = {b->endpoint, NULL};
	struct wire_server_config config = {.endpoints = endpoints};
	struct wire_server       *server;
	struct buf                in, out;
	struct err                err = {0};

	buf_init(&in, LIMIT_MESSAGE_BYTES);
	buf_init(&out, LIMIT_MESSAGE_BYTES);
	if (wire_server_open(b->context, &config, &server, &err) != 0)
		abort();
	while (!atomic_load(&b->stop)) {
		struct wire_peer peer;
		unsigned         roles;

		buf_clear(&in);
		if (wire_server_receive(server, -1, 20, &peer, &roles, &in, &err) > 0)
			on_frame(b, server, &peer, buf_slice(&in), &out);
	}
	wire_server_close(server);
	buf_deinit(&in);
	buf_deinit(&out);
	return NULL;
}

void fake_broker_start(struct fake_broker *b)
{
	struct err err = {0};

	b->endpoint = "inproc://fake";
	b->context = wire_context_new(&err);
	assert_non_null(b->context);
	atomic_store(&b->stop, false);
	assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
}

void fake_broker_stop(struct fake_broker *b)
{
	atomic_store(&b->stop, true);
	pthread_join(b->thread, NULL);
	wire_context_free(b->context);
}

struct client *fake_broker_client(const struct fake_broker *b, uint64_t answer_ms)
{
	struct client_config config = {
		.context = b->context, .wire = {.endpoint = b->endpoint}, .answer_ms = answer_ms};
	struct client *client;
	struct err     err = {0};

	if (client_open(&config, &client, &err) != 0)
		fail_msg("%s", err.text);
	return client;
}
