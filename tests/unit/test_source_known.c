/* What is known of a reference is its answer only as long as the registry has it under the same digest. */
#include "lib/check.h"

#include "agent_task.h"
#include "lib/registry_setup.h"

#include <string.h>

struct night {
	struct setup       setup;
	struct sources    *sources;
	struct agent_task *task;
	struct buf         encoded;
};

static void begin(struct night *night, const char *options)
{
	struct source_config config = {.tls_verify = true, .retries_max = 1};

	setup_begin(&night->setup, options, NULL, NULL);
	night->sources = sources_new(&config, &night->setup.err);
	assert_non_null(night->sources);
	night->task = agent_task_new();
	night->task->reference = night->setup.where;
	assert_int_equal(platform_parse(SLICE_LIT("linux/amd64"), &night->task->platform, NULL), 0);
	buf_init(&night->encoded, 1 << 16);
}

static void end(struct night *night)
{
	agent_task_free(night->task);
	sources_free(night->sources);
	buf_deinit(&night->encoded);
	setup_end(&night->setup);
}

static struct image known_image(const struct night *night, char text[REFERENCE_TEXT_BYTES])
{
	reference_text(&night->setup.where, text);
	return (struct image){.reference = slice_str(text), .digest = night->setup.fake.manifest};
}

enum difference { SAME, BY_INDEX, OTHER_DIGEST, OTHER_REFERENCE, FAILED, NO_DIGEST, TWO_DIGESTS, NONE };

static int still_is(const struct night *night, enum difference difference)
{
	char         text[REFERENCE_TEXT_BYTES];
	struct image known[2] = {known_image(night, text), known_image(night, text)};

	if (difference == BY_INDEX) {
		known[0].index_digest = known[1].index_digest = night->setup.fake.manifest;
		known[0].digest = known[1].digest = night->setup.fake.layer;
	}
	if (difference == OTHER_DIGEST)
		known[0].digest = known[1].digest = night->setup.fake.config;
	if (difference == OTHER_REFERENCE)
		known[1].reference = SLICE_LIT("docker://elsewhere/team/app:1.0");
	if (difference == FAILED)
		known[1].status = IMAGE_FAILED;
	if (difference == NO_DIGEST)
		known[0].digest = known[1].digest = (struct digest){0};
	if (difference == TWO_DIGESTS)
		known[1].digest = night->setup.fake.config;
	return source_still_is(night->sources, NULL, &night->setup.where, known, difference == NONE ? 0 : 2, NULL);
}

static void only_whole_records_under_todays_digest_still_are(void **state)
{
	struct night night;

	(void)state;
	begin(&night, "{}");
	assert_int_equal(still_is(&night, SAME), 1);
	assert_int_equal(still_is(&night, BY_INDEX), 1);
	for (enum difference difference = OTHER_DIGEST; difference <= NONE; difference++)
		assert_int_equal(still_is(&night, difference), 0);
	snprintf(night.setup.where.tag, sizeof(night.setup.where.tag), "absent");
	assert_int_equal(still_is(&night, SAME), 0); /* the GET will say why */
	end(&night);
}

static void registry_that_is_down_is_not_asked_twice(void **state)
{
	struct night night;

	(void)state;
	begin(&night, "{}");
	fake_registry_stop(&night.setup.fake);
	assert_int_equal(still_is(&night, SAME), ERR_NET);
	agent_task_free(night.task);
	sources_free(night.sources);
	buf_deinit(&night.encoded);
	registry_client_free(night.setup.client);
}

static void local_sources_are_always_resolved(void **state)
{
	struct night     night;
	struct image     known = {.reference = SLICE_LIT("oci:/tmp/x:1")};
	struct reference where;

	(void)state;
	begin(&night, "{}");
	known.digest = night.setup.fake.manifest;
	assert_int_equal(reference_parse(known.reference, &where, NULL), 0);
	assert_int_equal(source_still_is(night.sources, NULL, &where, &known, 1, NULL), 0);
	end(&night);
}

/* A record with a mark of its own, to tell it from what the registry would give. */
static void known_records_are_the_answer_without_a_fetch(void **state)
{
	struct night night;
	char         text[REFERENCE_TEXT_BYTES];
	struct image known;
	struct slice bytes;

	(void)state;
	begin(&night, "{}");
	known = known_image(&night, text);
	known.config_digest.bytes[0] = 77;
	assert_int_equal(image_encode(&known, &night.encoded, NULL), 0);
	bytes = buf_slice(&night.encoded);
	night.task->known = &bytes;
	night.task->known_count = 1;
	agent_task_resolve(night.task, night.sources);
	assert_int_equal(night.task->status, 0);
	assert_int_equal(night.task->images_count, 1);
	assert_int_equal(night.task->images[0].config_digest.bytes[0], 77);
	end(&night);
}

static void known_bytes_that_are_no_record_are_ignored(void **state)
{
	static const char *const garbage[] = {"", "\xc1", "not an image", "\x9a"};

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct night night;
		struct slice bytes = slice_str(garbage[i]);

		begin(&night, "{}");
		night.task->known = &bytes;
		night.task->known_count = 1;
		agent_task_resolve(night.task, night.sources);
		assert_int_equal(night.task->status, 0);
		assert_int_equal(night.task->images_count, 1);
		assert_true(digest_eq(&night.task->images[0].config_digest, &night.setup.fake.config));
		end(&night);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_records_under_todays_digest_still_are),
		cmocka_unit_test(registry_that_is_down_is_not_asked_twice),
		cmocka_unit_test(local_sources_are_always_resolved),
		cmocka_unit_test(known_records_are_the_answer_without_a_fetch),
		cmocka_unit_test(known_bytes_that_are_no_record_are_ignored),
	};

	return cmocka_run_group_tests(tests, setup_prepare, setup_clean_up);
}
