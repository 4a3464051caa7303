/* CVSS base scores: the vectors of data/cvss/vectors.data. */
#include "lib/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "match/cvss.h"

static void check_line(struct slice line)
{
	struct slice vector = slice_cut(&line, ' '), score = slice_cut(&line, ' ');
	struct cvss  cvss;
	char         text[16];

	if (slice_eq_str(vector, "!")) {
		if (cvss_parse(score, &cvss))
			fail_msg("%.*s is taken for a vector", SLICE_FMT(score));
		assert_int_equal(cvss.version, CVSS_NONE);
		assert_int_equal(cvss_band(&cvss), SEVERITY_UNKNOWN);
		return;
	}
	if (!cvss_parse(vector, &cvss))
		fail_msg("%.*s is not read", SLICE_FMT(vector));
	snprintf(text, sizeof(text), "%d.%d", cvss.score_tenths / 10, cvss.score_tenths % 10);
	if (!slice_eq_str(score, text))
		fail_msg("%.*s: got %s", SLICE_FMT(vector), text);
}

static void vectors_have_the_scores_of_the_specification(void **state)
{
	struct buf   text;
	struct slice rest;
	size_t       lines = 0;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/cvss/vectors.data", &text, NULL), 0);
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		check_line(line);
		lines++;
	}
	assert_true(lines > 35);
	buf_deinit(&text);
}

static void bands_begin_where_the_specification_says(void **state)
{
	static const struct {
		enum cvss_version version;
		int               tenths;
		enum severity     band;
	} CASES[] = {
		{CVSS_V31, 0, SEVERITY_NONE},    {CVSS_V31, 1, SEVERITY_LOW},       {CVSS_V31, 39, SEVERITY_LOW},
		{CVSS_V31, 40, SEVERITY_MEDIUM}, {CVSS_V31, 69, SEVERITY_MEDIUM},   {CVSS_V31, 70, SEVERITY_HIGH},
		{CVSS_V31, 89, SEVERITY_HIGH},   {CVSS_V31, 90, SEVERITY_CRITICAL}, {CVSS_V40, 100, SEVERITY_CRITICAL},
		{CVSS_V2, 100, SEVERITY_HIGH},   {CVSS_V2, 70, SEVERITY_HIGH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++)
		assert_int_equal(cvss_band(&(struct cvss){CASES[i].version, CASES[i].tenths}), CASES[i].band);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_have_the_scores_of_the_specification),
		cmocka_unit_test(bands_begin_where_the_specification_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
