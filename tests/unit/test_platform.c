/* Platforms: normalised names, and which platform of an index serves a wish (TRAPS A6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "model/platform.h"

#include <stdio.h>
#include <string.h>

static struct platform parsed(struct slice text)
{
	struct platform p;
	struct err      err = {0};

	if (platform_parse(text, &p, &err))
		fail_msg("%s", err.text);
	return p;
}

static void check_line(struct slice line)
{
	bool            best = slice_starts(line, "best: ");
	struct slice    rest = best ? slice_from(line, 6) : line;
	struct platform want = parsed(slice_cut(&rest, ' ')), have = parsed(slice_cut(&rest, ' '));
	int             rank = platform_rank(&want, &have);
	bool            ok;

	if (best) {
		struct platform other = parsed(rest);

		ok = rank > platform_rank(&want, &other) && platform_rank(&want, &other) > 0;
	} else {
		ok = slice_eq_str(rest, rank ? "-> 1" : "-> 0");
	}
	if (!ok)
		fail_msg("%.*s: rank %d", SLICE_FMT(line), rank);
}

static void ranks_follow_the_table(void **state)
{
	struct buf   text;
	struct slice rest;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/platforms/ranks.txt", &text, NULL), 0);
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');

		if (line.len && line.ptr[0] != '#')
			check_line(line);
	}
	buf_deinit(&text);
}

static void texts_are_normalised(void **state)
{
	static const char *const cases[][2] = {
		{"aarch64", "linux/arm64"}, {"Linux/X86_64", "linux/amd64"},    {"linux/arm", "linux/arm/v7"},
		{"armel", "linux/arm/v6"},  {"windows/amd64", "windows/amd64"}, {"all", "all"},
	};
	char out[96];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform p = parsed(slice_str(cases[i][0]));

		platform_text(&p, out);
		assert_string_equal(out, cases[i][1]);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const cases[] = {"",          "/",       "linux/",       "/amd64",
					    "linux//v7", "a/b/c/d", "linux/am d64", "linux/a\x1b"};
	struct platform          p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(platform_parse(slice_str(cases[i]), &p, NULL), ERR_USAGE);
}

static void foreign_platforms_are_cut(void **state)
{
	char            big[4096];
	struct platform p;

	(void)state;
	memset(big, 'A', sizeof(big));
	platform_set(&p, slice_of(big, sizeof(big)), slice_of(big, sizeof(big)), slice_of(big, sizeof(big)));
	assert_int_equal(strlen(p.os), sizeof(p.os) - 1);
	assert_int_equal(strlen(p.variant), sizeof(p.variant) - 1);
	platform_set(&p, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY);
	assert_int_equal(platform_rank(&p, &p), 0);
}

static void the_host_is_linux(void **state)
{
	struct platform p;

	(void)state;
	platform_host(&p);
	assert_string_equal(p.os, "linux");
	assert_true(p.arch[0] && platform_rank(&p, &p) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_follow_the_table), cmocka_unit_test(texts_are_normalised),
		cmocka_unit_test(nonsense_is_refused),    cmocka_unit_test(foreign_platforms_are_cut),
		cmocka_unit_test(the_host_is_linux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
