/* base64: the vectors of RFC 4648, missing padding, and what is refused. */
#include "lib/check.h"

#include "base/base64.h"

static void expect(const char *text, const char *bytes)
{
	struct buf out;

	buf_init(&out, 64);
	assert_true(base64_decode(slice_str(text), &out));
	assert_slice_equal(buf_slice(&out), bytes);
	buf_deinit(&out);
}

static void vectors_decode(void **state)
{
	(void)state;
	expect("", "");
	expect("Zg==", "f");
	expect("Zm8=", "fo");
	expect("Zm9v", "foo");
	expect("Zm9vYg==", "foob");
	expect("Zm9vYmE=", "fooba");
	expect("Zm9vYmFy", "foobar");
	expect("Zm8", "fo");
	expect("Pj8+Pz8/", ">?>???");
}

static void nonsense_is_refused(void **state)
{
	static const char *const cases[] = {"Z", "Zm9vY", "Zm9=v", "Zm9v\n", "Zm9-", "====", "Zg=", "Zm9vZg==Zg=="};
	struct buf               out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&out, 64);
		assert_false(base64_decode(slice_str(cases[i]), &out));
		buf_deinit(&out);
	}
}

static void the_ceiling_of_the_buffer_holds(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 2);
	assert_false(base64_decode(SLICE_LIT("Zm9v"), &out));
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_decode), cmocka_unit_test(nonsense_is_refused),
					   cmocka_unit_test(the_ceiling_of_the_buffer_holds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
