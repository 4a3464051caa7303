/* Image and result in their encoded form: every field survives; damage, and indexes that lead nowhere, are errors. */
#include "lib/check.h"
#include "lib/sample_result.h"

#include "base/rng.h"

#include <string.h>

enum { MEMORY = 64 << 20 };

static struct buf encode_image(void)
{
	struct arena arena;
	struct image image;
	struct buf   out;

	arena_init(&arena, MEMORY);
	buf_init(&out, MEMORY);
	sample_image(&arena, &image);
	assert_int_equal(image_encode(&image, &out, NULL), 0);
	arena_deinit(&arena);
	return out;
}

static struct buf encode_result(void (*change)(struct image_result *result))
{
	struct arena        arena;
	struct image_result result;
	struct buf          out;

	arena_init(&arena, MEMORY);
	buf_init(&out, MEMORY);
	sample_result(&arena, &result);
	if (change)
		change(&result);
	assert_int_equal(result_encode(&result, &out, NULL), 0);
	arena_deinit(&arena);
	return out;
}

static int decode_image(struct slice bytes)
{
	struct arena arena;
	struct image image;
	int          verdict;

	arena_init(&arena, MEMORY);
	verdict = image_decode(bytes, &arena, &image, NULL);
	arena_deinit(&arena);
	return verdict;
}

static bool lies_in(struct slice part, struct slice whole)
{
	return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

static void a_borrowed_image_is_the_same_and_points_into_its_record(void **state)
{
	struct buf   bytes = encode_image(), again;
	struct arena arena;
	struct image image;

	(void)state;
	arena_init(&arena, MEMORY);
	buf_init(&again, MEMORY);
	assert_int_equal(image_decode_borrowed(buf_slice(&bytes), &arena, &image, NULL), 0);
	assert_true(lies_in(image.reference, buf_slice(&bytes)));
	assert_true(lies_in(image.layers[0].location, buf_slice(&bytes)));
	assert_true(lies_in(image.warnings[0], buf_slice(&bytes)));
	assert_int_equal(image_encode(&image, &again, NULL), 0);
	assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
	arena_deinit(&arena);
	buf_deinit(&again);
	buf_deinit(&bytes);
}

static int decode_result(struct slice bytes)
{
	struct arena        arena;
	struct image_result result;
	int                 verdict;

	arena_init(&arena, MEMORY);
	verdict = result_decode(bytes, &arena, &result, NULL);
	arena_deinit(&arena);
	return verdict;
}

static void an_image_survives(void **state)
{
	struct buf   bytes = encode_image(), again;
	struct arena arena;
	struct image image;

	(void)state;
	arena_init(&arena, MEMORY);
	assert_int_equal(image_decode(buf_slice(&bytes), &arena, &image, NULL), 0);
	assert_slice_equal(image.reference, "docker://localhost:5000/app:1");
	assert_string_equal(image.platform.variant, "v7");
	assert_int_equal(image.error, ERR_NET);
	assert_int_equal(image.layers_count, 2);
	assert_int_equal(image.layers[0].size, 77);
	assert_true(image.layers[1].size == UINT64_MAX);
	assert_slice_equal(image.layers[0].location, "abc/layer.tar");
	assert_slice_equal(image.warnings[0], "config: 1 diff_ids for 2 layers");
	buf_init(&again, MEMORY);
	assert_int_equal(image_encode(&image, &again, NULL), 0);
	assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
	arena_deinit(&arena);
	buf_deinit(&bytes);
	buf_deinit(&again);
}

static void a_result_survives(void **state)
{
	struct buf          bytes = encode_result(NULL), again;
	struct arena        arena;
	struct image_result result;

	(void)state;
	arena_init(&arena, MEMORY);
	assert_int_equal(result_decode(buf_slice(&bytes), &arena, &result, NULL), 0);
	assert_slice_equal(result.os.version_id, "12");
	assert_false(result.complete);
	assert_slice_equal(result.incomplete_reason, "layer 1: partial");
	assert_int_equal(result.layers[1].status, LAYER_PARTIAL);
	assert_slice_equal(result.packages[0].paths[0], "var/lib/dpkg/status");
	assert_slice_equal(result.vulnerabilities[0].aliases[0], "DSA-1-1");
	assert_true(result.vulnerabilities[0].cvss_score > 7.79 && result.vulnerabilities[0].cvss_score < 7.81);
	assert_int_equal(result.findings[0].layer, UINT32_MAX);
	assert_slice_equal(result.coverage[0].ecosystem, "Debian:12");
	assert_int_equal(result.notes_layer[0], 1);
	buf_init(&again, MEMORY);
	assert_int_equal(result_encode(&result, &again, NULL), 0);
	assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
	arena_deinit(&arena);
	buf_deinit(&bytes);
	buf_deinit(&again);
}

static void no_such_layer(struct image_result *result)
{
	result->packages[0].layer = 2;
}

static void no_such_package(struct image_result *result)
{
	result->vulnerabilities[0].package = 1;
}

static void no_such_note_layer(struct image_result *result)
{
	result->notes_layer[0] = 2;
}

static void a_score_beyond_ten(struct image_result *result)
{
	result->vulnerabilities[0].cvss_score = 10.1;
}

static void indexes_that_lead_nowhere_are_refused(void **state)
{
	void (*const changes[])(struct image_result *) = {no_such_layer, no_such_package, no_such_note_layer,
							  a_score_beyond_ten};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct buf bytes = encode_result(changes[i]);

		assert_int_equal(decode_result(buf_slice(&bytes)), ERR_FORMAT);
		buf_deinit(&bytes);
	}
}

static void damage_is_an_error_and_never_a_crash(void **state)
{
	int (*const decode[])(struct slice) = {decode_image, decode_result};

	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		struct buf bytes = kind ? encode_result(NULL) : encode_image();
		struct rng rng = rng_seeded(kind);

		for (size_t len = 0; len < bytes.len; len++)
			assert_int_equal(decode[kind](slice_of(bytes.ptr, len)), ERR_FORMAT);
		for (unsigned i = 0; i < 5000; i++) {
			size_t  at = (size_t)rng_below(&rng, bytes.len);
			uint8_t old = bytes.ptr[at];

			bytes.ptr[at] = (uint8_t)rng_next(&rng);
			decode[kind](buf_slice(&bytes));
			bytes.ptr[at] = old;
		}
		buf_deinit(&bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_survives),
		cmocka_unit_test(a_borrowed_image_is_the_same_and_points_into_its_record),
		cmocka_unit_test(a_result_survives),
		cmocka_unit_test(indexes_that_lead_nowhere_are_refused),
		cmocka_unit_test(damage_is_an_error_and_never_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
