/* References: what is accepted and its canonical text, what is refused and why; parts of some of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "model/reference.h"

#include <stdio.h>
#include <string.h>

/* Calls `each` for every "left -> right" line. */
static void for_lines(const char *file, void (*each)(struct slice left, const char *right))
{
	struct buf   text;
	struct slice rest;
	size_t       seen = 0;

	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(file, &text, NULL), 0);
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		size_t       arrow = slice_find_str(line, " -> ");
		char         right[1024];

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		assert_true(arrow != SIZE_MAX);
		snprintf(right, sizeof(right), "%.*s", SLICE_FMT(slice_from(line, arrow + 4)));
		each(slice_sub(line, 0, arrow), right);
		seen++;
	}
	assert_true(seen > 10);
	buf_deinit(&text);
}

static void accepted(struct slice input, const char *canonical)
{
	struct reference first, second;
	struct err       err = {0};
	char             text[REFERENCE_TEXT_BYTES];

	if (reference_parse(input, &first, &err))
		fail_msg("%.*s: %s", SLICE_FMT(input), err.text);
	reference_text(&first, text);
	assert_string_equal(text, canonical);
	assert_int_equal(reference_parse(slice_str(text), &second, &err), 0);
	assert_memory_equal(&first, &second, sizeof(first));
}

static void refused(struct slice input, const char *words)
{
	struct reference out;
	struct err       err = {0};

	if (reference_parse(input, &out, &err) != ERR_USAGE)
		fail_msg("%.*s: accepted", SLICE_FMT(input));
	if (!strstr(err.text, words))
		fail_msg("%.*s: \"%s\" does not say \"%s\"", SLICE_FMT(input), err.text, words);
}

static void accepted_references_have_a_canonical_text(void **state)
{
	(void)state;
	for_lines(TEST_DATA_DIR "/references/accepted.txt", accepted);
}

static void refused_references_say_why(void **state)
{
	(void)state;
	for_lines(TEST_DATA_DIR "/references/refused.txt", refused);
}

static void parts_are_split(void **state)
{
	struct reference r;

	(void)state;
	assert_int_equal(reference_parse(SLICE_LIT("[::1]:5000/team/app:1"), &r, NULL), 0);
	assert_int_equal(r.transport, TRANSPORT_DOCKER);
	assert_string_equal(r.host, "[::1]:5000");
	assert_string_equal(r.path, "team/app");
	assert_string_equal(r.tag, "1");
	assert_false(reference_is_local(&r) || reference_is_listing(&r));
	assert_int_equal(reference_parse(SLICE_LIT("docker-archive:/tmp/x.tar:a:1"), &r, NULL), 0);
	assert_string_equal(r.path, "/tmp/x.tar");
	assert_string_equal(r.tag, "a:1");
	assert_true(reference_is_local(&r));
	assert_int_equal(reference_parse(SLICE_LIT("registry://h.example/p"), &r, NULL), 0);
	assert_true(reference_is_listing(&r) && !reference_is_local(&r));
}

static void hostile_references_are_refused_visibly(void **state)
{
	static char      long_path[LIMIT_PATH_BYTES + 64];
	struct reference r;
	struct err       err = {0};

	(void)state;
	assert_int_equal(reference_parse(SLICE_LIT("a\x1b[2Jb"), &r, &err), ERR_USAGE);
	assert_null(strchr(err.text, 0x1b));
	assert_int_equal(reference_parse(SLICE_LIT("rootfs:/a\0b"), &r, NULL), ERR_USAGE);
	assert_int_equal(reference_parse(SLICE_EMPTY, &r, NULL), ERR_USAGE);
	memset(long_path, 'a', sizeof(long_path));
	memcpy(long_path, "rootfs:", 7);
	assert_int_equal(reference_parse(slice_of(long_path, 7 + LIMIT_PATH_BYTES), &r, NULL), 0);
	assert_int_equal(reference_parse(slice_of(long_path, 8 + LIMIT_PATH_BYTES), &r, NULL), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_references_have_a_canonical_text),
		cmocka_unit_test(refused_references_say_why),
		cmocka_unit_test(parts_are_split),
		cmocka_unit_test(hostile_references_are_refused_visibly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
