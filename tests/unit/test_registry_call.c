/* What a task may say in the calls made for it: stop, watch, do not wait for long. Against tests/e2e/lib/fake_registry.py. */
#include "lib/check.h"
#include "lib/registry_setup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void long_wait_is_told_to_whoever_has_no_time_for_it(void **state)
{
	struct setup             s;
	struct source_stats      stats;
	struct registry_manifest manifest;
	struct source_call       call = {.wait_ms_max = 2000};

	(void)state;
	setup_begin(&s, "{\"rate_limit_first\": 100, \"retry_after\": 60}", NULL, NULL);
	assert_int_equal(registry_get_manifest(s.client, &call, &s.where, NULL, &manifest, &s.err), ERR_RATE);
	assert_true(call.retry_after_ms >= 60000);
	assert_contains(s.err.text, "answered 429");
	registry_manifest_deinit(&manifest);
	err_clear(&s.err);
	call.retry_after_ms = 0; /* the next one is told so without a request */
	assert_int_equal(registry_get_manifest(s.client, &call, &s.where, &s.fake.manifest, &manifest, &s.err),
			 ERR_RATE);
	assert_true(call.retry_after_ms > 2000 && call.retry_after_ms <= 75000);
	registry_manifest_deinit(&manifest);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.rate_limited, 1);
	setup_end(&s);
}

static void service_unavailable_with_a_time_is_as_too_many_requests(void **state)
{
	struct setup             s;
	struct registry_manifest manifest;
	struct source_call       call = {.wait_ms_max = 2000};

	(void)state;
	setup_begin(&s, "{\"fail_first\": 100, \"retry_after\": 60}", NULL, NULL);
	assert_int_equal(registry_get_manifest(s.client, &call, &s.where, NULL, &manifest, &s.err), ERR_RATE);
	assert_true(call.retry_after_ms >= 60000);
	registry_manifest_deinit(&manifest);
	setup_end(&s);
}

struct cancelling {
	_Atomic bool     cancel;
	_Atomic uint64_t moved;
};

static void *cancel_when_something_came(void *data)
{
	struct cancelling *c = data;

	while (!c->moved)
		usleep(1000);
	c->cancel = true;
	return NULL;
}

static void cancelled_call_ends_and_no_other(void **state)
{
	struct cancelling  c = {0};
	struct setup       s;
	struct digest      digest;
	struct source_call call = {.cancel = &c.cancel, .moved = &c.moved};
	struct stream     *stream;
	pthread_t          thread;

	(void)state;
	setup_begin(&s, "{\"stall_blobs\": 1}", NULL, NULL);
	stream = registry_open_blob(s.client, &call, &s.where, &s.fake.layer, s.fake.layer_bytes, &s.err);
	assert_non_null(stream);
	assert_int_equal(pthread_create(&thread, NULL, cancel_when_something_came, &c), 0);
	assert_int_equal(stream_drain(stream, &s.err), ERR_CANCELLED);
	stream_close(stream);
	pthread_join(thread, NULL);
	err_clear(&s.err);
	assert_int_equal(registry_head_manifest(s.client, NULL, &s.where, &digest, &s.err), 0);
	setup_end(&s);
}

static void cancelled_wait_for_a_registry_ends(void **state)
{
	_Atomic bool             cancel = true;
	struct setup             s;
	struct registry_manifest manifest;
	struct source_call       call = {.cancel = &cancel};

	(void)state;
	setup_begin(&s, "{\"rate_limit_first\": 100, \"retry_after\": 600}", NULL, NULL);
	assert_int_equal(registry_get_manifest(s.client, &call, &s.where, NULL, &manifest, &s.err), ERR_CANCELLED);
	registry_manifest_deinit(&manifest);
	setup_end(&s);
}

static void received_bytes_are_told_as_they_come(void **state)
{
	_Atomic uint64_t   moved = 0;
	struct setup       s;
	struct source_call call = {.moved = &moved};
	struct stream     *stream;

	(void)state;
	setup_begin(&s, "{}", NULL, NULL);
	stream = registry_open_blob(s.client, &call, &s.where, &s.fake.layer, s.fake.layer_bytes, &s.err);
	assert_non_null(stream);
	assert_int_equal(stream_drain(stream, &s.err), 0);
	stream_close(stream);
	assert_true(moved >= s.fake.layer_bytes);
	setup_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_wait_is_told_to_whoever_has_no_time_for_it),
		cmocka_unit_test(service_unavailable_with_a_time_is_as_too_many_requests),
		cmocka_unit_test(cancelled_call_ends_and_no_other),
		cmocka_unit_test(cancelled_wait_for_a_registry_ends),
		cmocka_unit_test(received_bytes_are_told_as_they_come),
	};

	return cmocka_run_group_tests(tests, setup_prepare, setup_clean_up);
}
