/* The client against a broker made of a script: submission, windows, results in parts, a broker that restarts. */
#include "lib/check.h"
#include "lib/fake_broker.h"

#include <string.h>

enum { REFERENCES = 5000 };

struct seen {
	uint64_t limit; /* of the list, if not REFERENCES */
	uint64_t references, results, submitted, progress;
	bool     slow; /* the list has nothing at every second question */
	uint64_t asked;
};

static int next_reference(void *data, struct slice *reference, struct err *err)
{
	struct seen *seen = data;
	static char  text[64];

	(void)err;
	if (seen->references == (seen->limit ? seen->limit : REFERENCES))
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(seen.results, IMAGES);
	assert_int_equal(seen.submitted, 1);
	assert_true(seen.progress > 0);
	assert_int_equal(run.status.images_done, IMAGES);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	config.context = b.context;
	assert_int_equal(client_open(&config, &client, &err), 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	fake_broker_stop(&b);
	assert_int_equal(b.references, REFERENCES);
	assert_true(b.references_ended);
	assert_int_equal(seen.results, IMAGES);
	assert_int_equal(seen.references, REFERENCES);
}

/* As a broker that was killed in the middle of a long list: places of the window are used again long before that. */
static void what_is_said_again_comes_in_the_order_of_the_list(void **state)
{
	struct fake_broker   b = {.deaf = true, .hears = 3};
	struct wire_submit   submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen          seen = {.limit = 2 * WIRE_REFERENCES_WINDOW * WIRE_REFERENCES_MAX};
	struct client_run    run = {.submit = &submit,
				    .reference = next_reference,
				    .data = &seen,
				    .interrupt_fd = -1,
				    .until_submitted = true};
	struct client_config config = {.wire = {.endpoint = "inproc://fake"}, .silence_ms = 100};
	struct client       *client;
	struct err           err = {0};

	(void)state;
	fake_broker_start(&b);
	config.context = b.context;
	assert_int_equal(client_open(&config, &client, &err), 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	fake_broker_stop(&b);
	assert_int_equal(b.references, seen.limit);
	assert_true(b.references_ended);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	fake_broker_stop(&b);
	assert_int_equal(seen.references, REFERENCES);
	assert_int_equal(b.references, REFERENCES - 2 * WIRE_REFERENCES_MAX);
	assert_int_equal(b.again, 1);
	assert_true(b.references_ended);
	assert_true(run.all_sent);
}

static void submission_that_the_broker_has_in_full_says_its_ends_only(void **state)
{
	struct fake_broker b = {.taken = 3};
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct seen        seen = {0};
	struct client_run  run = submission(&submit, &seen);
	struct client     *client;
	struct err         err = {0};

	(void)state;
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	fake_broker_stop(&b);
	assert_int_equal(b.frames, 0);
	assert_int_equal(b.again, 2); /* the first and the last of three */
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	if (client_run(client, &run, &err) != 0)
		fail_msg("%s", err.text);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_order(client, WIRE_DRAIN_WORKER, 7, &err), 0);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), ERR_FULL);
	assert_non_null(strstr(err.text, "no room"));
	assert_null(strchr(err.text, 0x1b));
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 100);
	arena_init(&arena, 1 << 20);
	assert_int_equal(client_status(client, 0, &arena, &reply, &err), ERR_NET);
	assert_non_null(strstr(err.text, "inproc://fake"));
	assert_int_equal(client_run(client, &run, &run_err), ERR_NET);
	arena_deinit(&arena);
	client_close(client);
	fake_broker_stop(&b);
}

static void unknown_job_is_not_found(void **state)
{
	struct fake_broker       b = {0};
	struct wire_status_reply reply;
	struct arena             arena;
	struct client           *client;
	struct err               err = {0};

	(void)state;
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(client_status(client, JOB, &arena, &reply, &err), 0);
	assert_int_equal(reply.jobs[0].images_total, IMAGES);
	assert_int_equal(client_status(client, 7, &arena, &reply, &err), ERR_NOT_FOUND);
	assert_int_equal(client_order(client, WIRE_CANCEL, JOB, &(struct err){0}), 0);
	arena_deinit(&arena);
	client_close(client);
	fake_broker_stop(&b);
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
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), ERR_PROTOCOL);
	assert_int_equal(seen.results, 0);
	client_close(client);
	fake_broker_stop(&b);
}

static void results_stop_at_the_number_asked_for(void **state)
{
	struct fake_broker b = {0};
	struct seen        seen = {0};
	struct client_run  run = {.job = JOB, .result = on_result, .data = &seen, .interrupt_fd = -1, .images_max = 2};
	struct client     *client;
	struct err         err = {0};

	(void)state;
	fake_broker_start(&b);
	client = fake_broker_client(&b, 0);
	assert_int_equal(client_run(client, &run, &err), 0);
	assert_int_equal(seen.results, 2);
	client_close(client);
	fake_broker_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_job_from_submission_to_last_result),
		cmocka_unit_test(submission_ends_when_all_references_are_acknowledged),
		cmocka_unit_test(what_a_lost_broker_did_not_answer_is_said_again),
		cmocka_unit_test(what_is_said_again_comes_in_the_order_of_the_list),
		cmocka_unit_test(list_that_comes_slowly_is_sent_as_it_comes),
		cmocka_unit_test(submission_that_was_broken_off_goes_on_where_the_broker_is),
		cmocka_unit_test(submission_that_the_broker_has_in_full_says_its_ends_only),
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
