/* Slices, cursors, buffers and arenas: nothing reaches outside, failure is sticky, ceilings hold. */
#include "lib/check.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"

#include <string.h>

static void slice_sub_clamps_on_both_ends(void **state)
{
	struct slice s = slice_str("varve");

	(void)state;
	assert_slice_equal(slice_sub(s, 1, 2), "ar");
	assert_slice_equal(slice_sub(s, 3, SIZE_MAX), "ve");
	assert_int_equal(slice_sub(s, 9, 1).len, 0);
}

static void slice_cut_gives_each_part_once(void **state)
{
	struct slice rest = slice_str("a,,b");

	(void)state;
	assert_slice_equal(slice_cut(&rest, ','), "a");
	assert_slice_equal(slice_cut(&rest, ','), "");
	assert_slice_equal(slice_cut(&rest, ','), "b");
	assert_int_equal(rest.len, 0);
}

static void slice_u64_refuses_sign_space_and_overflow(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"};
	uint64_t                 value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(slice_u64(slice_str(bad[i]), &value));
	assert_int_equal(value, 7);
	assert_true(slice_u64(slice_str("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
}

static void cursor_stops_for_good_at_the_first_bad_read(void **state)
{
	struct cursor c = cursor_of(SLICE_LIT("\x01\x02\x03"));

	(void)state;
	assert_int_equal(cursor_u16be(&c), 0x0102);
	assert_int_equal(cursor_u32le(&c), 0);
	assert_false(cursor_ok(&c));
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_take(&c, 0).len, 0);
	assert_true(cursor_at_end(&c));
}

static void cursor_sub_and_at_fail_when_too_long(void **state)
{
	struct cursor c = cursor_of(SLICE_LIT("abcd"));
	struct cursor sub = cursor_sub(&c, 2), outside;

	(void)state;
	assert_int_equal(cursor_u16le(&sub), 'a' | 'b' << 8);
	assert_false(cursor_ok(&(struct cursor){.failed = true}));
	sub = cursor_sub(&c, 3);
	assert_false(cursor_ok(&sub));
	outside = cursor_at(SLICE_LIT("abcd"), 5);
	assert_false(cursor_ok(&outside));
}

static void cursor_line_takes_crlf_and_a_last_line_without_end(void **state)
{
	struct cursor c = cursor_of(SLICE_LIT("a\r\n\nb"));
	struct slice  line;

	(void)state;
	assert_true(cursor_line(&c, &line));
	assert_slice_equal(line, "a");
	assert_true(cursor_line(&c, &line));
	assert_slice_equal(line, "");
	assert_true(cursor_line(&c, &line));
	assert_slice_equal(line, "b");
	assert_false(cursor_line(&c, &line));
	assert_true(cursor_ok(&c));
}

static void buf_keeps_its_maximum_and_stays_failed(void **state)
{
	struct buf b = {.bytes_max = 10};

	(void)state;
	buf_str(&b, "12345678");
	assert_true(buf_ok(&b));
	buf_str(&b, "901");
	assert_false(buf_ok(&b));
	buf_str(&b, "x");
	assert_int_equal(b.len, 8);
	buf_clear(&b);
	buf_printf(&b, "%d", 12345);
	assert_true(buf_ok(&b));
	assert_slice_equal(buf_slice(&b), "12345");
	buf_deinit(&b);
}

static void arena_fails_at_its_ceiling_without_losing_what_it_gave(void **state)
{
	struct arena arena;
	struct slice kept;

	(void)state;
	arena_init(&arena, 64 * 1024);
	kept = arena_copy(&arena, slice_str("kept"));
	while (arena_alloc(&arena, 1000))
		;
	assert_true(arena_failed(&arena));
	assert_true(arena.bytes_used <= arena.bytes_max);
	assert_null(arena_alloc(&arena, 1));
	assert_slice_equal(kept, "kept");
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 1000));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
	arena_deinit(&arena);
}

static void arena_takes_no_more_than_was_reserved(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 64 * 1024);
	arena_reserve(&arena, 100);
	assert_true(arena.bytes_used < 200);
	assert_non_null(arena_alloc(&arena, 90));
	assert_true(arena.bytes_used < 200);
	arena_reserve(&arena, 64 * 1024);
	assert_true(arena_failed(&arena));
	arena_deinit(&arena);
}

static void arena_grow_keeps_the_items(void **state)
{
	struct arena arena;
	uint32_t    *items = NULL;
	size_t       capacity = 0;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(arena_grow(&arena, &items, &capacity, i, sizeof(*items)));
		items[i] = i;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slice_sub_clamps_on_both_ends),
		cmocka_unit_test(slice_cut_gives_each_part_once),
		cmocka_unit_test(slice_u64_refuses_sign_space_and_overflow),
		cmocka_unit_test(cursor_stops_for_good_at_the_first_bad_read),
		cmocka_unit_test(cursor_sub_and_at_fail_when_too_long),
		cmocka_unit_test(cursor_line_takes_crlf_and_a_last_line_without_end),
		cmocka_unit_test(buf_keeps_its_maximum_and_stays_failed),
		cmocka_unit_test(arena_fails_at_its_ceiling_without_losing_what_it_gave),
		cmocka_unit_test(arena_takes_no_more_than_was_reserved),
		cmocka_unit_test(arena_grow_keeps_the_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
