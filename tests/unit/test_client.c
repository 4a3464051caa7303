/* The client against a broker made of a script: submission, windows, results in parts, a broker that restarts. */
#include "client.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { IMAGES = 5, REFERENCES = 5000, JOB = 42 };

/* A broker that knows one job. */
struct fake_broker {
	struct wire_context *context;
	const char          *endpoint;
	pthread_t            thread;
	_Atomic bool         stop;
	bool                 refuse; /* SUBMIT is answered with ERROR */
	bool                 mute;   /* nothing is answered */
	bool                 deaf;   /* to everything but SUBMIT, until somebody else connects */
	struct wire_peer     first;
	uint64_t             mix_up; /* results: part of a wrong image first */
	uint64_t             references, frames;
	uint32_t taken; /* REFERENCES committed before: JOB says so, and the next that comes has this number */
	bool     references_ended, cancelled, only_failed;
	uint64_t credit_seen;
	unsigned ordered; /* the last order, and of what */
	uint64_t ordered_number;
};

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
	assert_int_equal(m.number, b->taken + b->frames);
	b->frames++;
	b->references += m.references.count;
	b->references_ended |= m.last;
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
	if (b->deaf && header.type != WIRE_SUBMIT && memcmp(&b->first, peer, sizeof(*peer)) == 0)
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

static void start(struct fake_broker *b)
{
	struct err err = {0};

	b->endpoint = "inproc://fake";
	b->context = wire_context_new(&err);
	assert_non_null(b->context);
	atomic_store(&b->stop, false);
	assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
}

static void stop(struct fake_broker *b)
{
	atomic_store(&b->stop, true);
	pthread_join(b->thread, NULL);
	wire_context_free(b->context);
}

struct seen {
	uint64_t references, results, submitted, progress;
	bool     slow; /* the list has nothing at every second question */
	uint64_t asked;
};

static int next_reference(void *data, struct slice *reference, struct err *err)
{
	struct seen *seen = data;
	static char  text[64];

	(void)err;
	if (seen->references == REFERENCES)
		return 0;
	if (seen->slow && seen->references % 1000 == 0 && seen->asked++ % 2 == 0)
		return 2;
	snprintf(text, sizeof(text), "docker://registry.example/team/app:%llu", (unsigned long long)seen->references++);
	*reference = slice_str(text);
	return 1;
}

static void on_submitted(void *data, uint64_t job)
{
	assert_int_equal(job, JOB);
	((struct seen *)data)->submitted++;
}

static void on_progress(void *data, const struct wire_job_status *status)
{
	assert_int_equal(status->job, JOB);
	((struct seen *)data)->progress++;
}

static int on_result(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct seen *seen = data;

	(void)err;
	assert_int_equal(image, seen->results);
	assert_true(slice_eq_str(encoded, "abcabcabc"));
	seen->results++;
	return 0;
}

static struct client *connect_to(struct fake_broker *b, uint64_t answer_ms)
{
	struct client_config config = {
		.context = b->context, .wire = {.endpoint = b->endpoint}, .answer_ms = answer_ms};
	struct client *client;
	struct err     err = {0};

	if (client_open(&config, &client, &err) != 0)
		fail_msg("%s", err.text);
	return client;
}

static void whole_job_from_submission_to_last_result(void **state)
{
	struct fake_broker b = {0};
	struct wire_submit submit = {.label = SLICE_LIT("test"), .platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = {.submit = &submit,
				  .reference = next_reference,
				  .submitted = on_submitted,
				  .progress = on_progress,
				  .result = on_result,
				  .data = &seen,
				  .interrupt_fd = -1};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(seen.results, IMAGES);
	assert_int_equal(seen.submitted, 1);
	assert_true(seen.progress > 0);
	assert_int_equal(run.status.images_done, IMAGES);
	client_close(client);
	stop(&b);
}

static void submission_ends_when_all_references_are_acknowledged(void **state)
{
	struct fake_broker b = {0};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = {.submit = &submit,
				  .reference = next_reference,
				  .data = &seen,
				  .interrupt_fd = -1,
				  .until_submitted = true};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	stop(&b);
	assert_int_equal(run.job, JOB);
	assert_int_equal(b.references, REFERENCES);
	assert_true(b.references_ended);
	assert_int_equal(b.frames, (REFERENCES + WIRE_REFERENCES_MAX - 1) / WIRE_REFERENCES_MAX);
}

/* As a broker that was killed behind the SUBMIT and came back: everything unanswered is said again. */
static void what_a_lost_broker_did_not_answer_is_said_again(void **state)
{
	struct fake_broker b = {.deaf = true};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = {
		 .submit = &submit, .reference = next_reference, .result = on_result, .data = &seen, .interrupt_fd = -1};
	struct client_config config = {.wire = {.endpoint = "inproc://fake"}, .silence_ms = 100};
	struct client       *client;
	struct err           err = {0};

	(void)state;
	start(&b);
	config.context = b.context;
	assert_int_equal(client_open(&config, &client, &err), 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	stop(&b);
	assert_int_equal(b.references, REFERENCES);
	assert_true(b.references_ended);
	assert_int_equal(seen.results, IMAGES);
	assert_int_equal(seen.references, REFERENCES);
}

static void list_that_comes_slowly_is_sent_as_it_comes(void **state)
{
	struct fake_broker b = {0};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {.slow = true};
	struct client_run  run = {
		 .submit = &submit, .reference = next_reference, .result = on_result, .data = &seen, .interrupt_fd = -1};
	struct client *client;
	struct err     err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	stop(&b);
	assert_int_equal(b.references, REFERENCES);
	assert_true(b.references_ended);
	assert_true(b.frames >= REFERENCES / 1000);
}

static struct client_run submission(const struct wire_submit *submit, struct seen *seen)
{
	return (struct client_run){.submit = submit,
				   .reference = next_reference,
				   .continues = true,
				   .data = seen,
				   .interrupt_fd = -1,
				   .until_submitted = true};
}

static void submission_that_was_broken_off_goes_on_where_the_broker_is(void **state)
{
	struct fake_broker b = {.taken = 2};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = submission(&submit, &seen);
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	stop(&b);
	assert_int_equal(seen.references, REFERENCES);
	assert_int_equal(b.references, REFERENCES - 2 * WIRE_REFERENCES_MAX);
	assert_true(b.references_ended);
	assert_true(run.all_sent);
}

static void submission_that_the_broker_has_in_full_sends_nothing(void **state)
{
	struct fake_broker b = {.taken = 3};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = submission(&submit, &seen);
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	stop(&b);
	assert_int_equal(b.frames, 0);
	assert_true(run.all_sent);
}

/* Else messages of the same number would hold other references, and some would be lost. */
static void slow_list_under_a_token_is_cut_as_a_fast_one(void **state)
{
	struct fake_broker b = {0};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {.slow = true};
	struct client_run  run = submission(&submit, &seen);
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	stop(&b);
	assert_int_equal(b.references, REFERENCES);
	assert_int_equal(b.frames, (REFERENCES + WIRE_REFERENCES_MAX - 1) / WIRE_REFERENCES_MAX);
	assert_false(run.ragged);
}

static int on_failed(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct seen *seen = data;

	(void)encoded;
	(void)err;
	assert_int_equal(image, 2 * seen->results++ + 1);
	return 0;
}

static void failed_images_come_with_the_numbers_that_they_have_among_all(void **state)
{
	struct fake_broker b = {0};
	struct seen        seen = {0};
	struct client_run  run = {
		 .job = JOB, .result = on_failed, .only_failed = true, .data = &seen, .interrupt_fd = -1};
	struct client *client;
	struct err     err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	stop(&b);
	assert_true(b.only_failed);
	assert_int_equal(seen.results, 2);
	assert_int_equal(run.from, 4);
}

static void order_names_what_it_is_for(void **state)
{
	struct fake_broker b = {0};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_order(client, WIRE_DRAIN_WORKER, 7, &err), 0);
	client_close(client);
	stop(&b);
	assert_int_equal(b.ordered, WIRE_DRAIN_WORKER);
	assert_int_equal(b.ordered_number, 7);
}

static void refusal_is_the_brokers_words_made_harmless(void **state)
{
	struct fake_broker b = {.refuse = true};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct client_run  run = {.submit = &submit, .interrupt_fd = -1};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), ERR_FULL);
	assert_non_null(strstr(err.text, "no room"));
	assert_null(strchr(err.text, 0x1b));
	client_close(client);
	stop(&b);
}

static void silent_broker_is_no_broker(void **state)
{
	struct fake_broker       b = {.mute = true};
	struct wire_status_reply reply;
	struct arena             arena;
	struct client_run        run = {.job = JOB, .interrupt_fd = -1};
	struct client           *client;
	struct err               err = {0}, run_err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 100);
	arena_init(&arena, 1 << 20);
	assert_int_equal(client_status(client, 0, &arena, &reply, &err), ERR_NET);
	assert_non_null(strstr(err.text, "inproc://fake"));
	assert_int_equal(client_run(client, &run, &run_err), ERR_NET);
	arena_deinit(&arena);
	client_close(client);
	stop(&b);
}

static void unknown_job_is_not_found(void **state)
{
	struct fake_broker       b = {0};
	struct wire_status_reply reply;
	struct arena             arena;
	struct client           *client;
	struct err               err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(client_status(client, JOB, &arena, &reply, &err), 0);
	assert_int_equal(reply.jobs[0].images_total, IMAGES);
	assert_int_equal(client_status(client, 7, &arena, &reply, &err), ERR_NOT_FOUND);
	assert_int_equal(client_order(client, WIRE_CANCEL, JOB, &(struct err){0}), 0);
	arena_deinit(&arena);
	client_close(client);
	stop(&b);
	assert_true(b.cancelled);
}

static void results_out_of_order_are_refused(void **state)
{
	struct fake_broker b = {.mix_up = 1};
	struct seen        seen = {0};
	struct client_run  run = {.job = JOB, .result = on_result, .data = &seen, .interrupt_fd = -1};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), ERR_PROTOCOL);
	assert_int_equal(seen.results, 0);
	client_close(client);
	stop(&b);
}

static void results_stop_at_the_number_asked_for(void **state)
{
	struct fake_broker b = {0};
	struct seen        seen = {0};
	struct client_run  run = {.job = JOB, .result = on_result, .data = &seen, .interrupt_fd = -1, .images_max = 2};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	start(&b);
	client = connect_to(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	assert_int_equal(seen.results, 2);
	client_close(client);
	stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_job_from_submission_to_last_result),
		cmocka_unit_test(submission_ends_when_all_references_are_acknowledged),
		cmocka_unit_test(what_a_lost_broker_did_not_answer_is_said_again),
		cmocka_unit_test(list_that_comes_slowly_is_sent_as_it_comes),
		cmocka_unit_test(submission_that_was_broken_off_goes_on_where_the_broker_is),
		cmocka_unit_test(submission_that_the_broker_has_in_full_sends_nothing),
		cmocka_unit_test(slow_list_under_a_token_is_cut_as_a_fast_one),
		cmocka_unit_test(failed_images_come_with_the_numbers_that_they_have_among_all),
		cmocka_unit_test(order_names_what_it_is_for),
		cmocka_unit_test(refusal_is_the_brokers_words_made_harmless),
		cmocka_unit_test(silent_broker_is_no_broker),
		cmocka_unit_test(unknown_job_is_not_found),
		cmocka_unit_test(results_out_of_order_are_refused),
		cmocka_unit_test(results_stop_at_the_number_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
