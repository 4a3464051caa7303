/* Which references of a job are done: the first open number, whatever the order in which they end. */
#include "lib/check.h"

#include "base/rng.h"
#include "loop_marks.h"

#include <string.h>

static void first_open_number_follows_those_that_end(void **state)
{
	struct loop_marks marks = {0};

	(void)state;
	loop_marks_begin(&marks, 5);
	assert_true(loop_marks_set(&marks, 6));
	assert_int_equal(marks.first, 5);
	assert_true(loop_marks_set(&marks, 3)); /* below: nothing new */
	assert_true(loop_marks_set(&marks, 5));
	assert_int_equal(marks.first, 7);
	loop_marks_deinit(&marks);
}

static void any_order_gives_the_same_as_a_plain_list(void **state)
{
	enum { COUNT = 20000, WINDOW = 3000 };
	static bool       done[COUNT];
	struct loop_marks marks = {0};
	struct rng        rng = rng_seeded(7);
	uint64_t          first = 0;

	(void)state;
	memset(done, 0, sizeof(done));
	loop_marks_begin(&marks, 0);
	while (first < COUNT) {
		uint64_t number = first + rng_below(&rng, first + WINDOW < COUNT ? WINDOW : COUNT - first);

		number = rng_below(&rng, 3) ? number : first;
		done[number] = true;
		assert_true(loop_marks_set(&marks, number));
		while (first < COUNT && done[first])
			first++;
		assert_int_equal(marks.first, first);
	}
	assert_true(marks.words < COUNT / 64); /* it has not kept all of them */
	loop_marks_deinit(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_open_number_follows_those_that_end),
		cmocka_unit_test(any_order_gives_the_same_as_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
