/* Golden files of every format: tests/data/report/<case>.<format>. VARVE_UPDATE_GOLDEN=1 writes them anew: read the diff. */
#include "base/file.h"
#include "base/json.h"
#include "lib/result_fixture.h"
#include "report/report.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

/* What a report over `which` (ended by FIXTURE_COUNT) looks like. */
static void render(const char *format, const enum result_fixture *which, const struct report_options *options,
		   const struct report_run *run, struct buf *out)
{
	int            fd = memfd_create("report", MFD_CLOEXEC);
	struct err     err = {0};
	struct report *report;
	char           path[64];

	assert_true(fd >= 0);
	assert_int_equal(report_open(format, fd, "test", options, &report, &err), 0);
	for (; *which != FIXTURE_COUNT; which++) {
		struct arena        arena;
		struct image_result result;

		arena_init(&arena, 1 << 20);
		result_fixture_make(*which, &arena, &result);
		assert_int_equal(report_image(report, &result, &err), 0);
		arena_deinit(&arena);
	}
	assert_int_equal(report_close(report, run, &err), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	buf_init(out, 1 << 24);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(file_read(path, out, &err), 0);
	close(fd);
}

static void assert_golden(const char *name, struct slice text)
{
	char       path[512];
	struct buf golden = {.bytes_max = 1 << 24};
	struct err err = {0};

	snprintf(path, sizeof(path), "%s/report/%s", TEST_DATA_DIR, name);
	if (getenv("VARVE_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, 0644, &err), 0);
	assert_int_equal(file_read(path, &golden, &err), 0);
	if (!slice_eq(buf_slice(&golden), text))
		fail_msg("%s differs from what is written now:\n%.*s", path, SLICE_FMT(text));
	buf_deinit(&golden);
}

/* No byte that a terminal acts on, whatever the image said. */
static void assert_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		assert_true(text.ptr[i] == '\n' || text.ptr[i] >= 0x20);
		assert_true(text.ptr[i] != 0x7f && text.ptr[i] != 0xff);
	}
	assert_true(slice_find_str(text, "\xe2\x80\xae") == SIZE_MAX);
}

static void check_each(const char *format, const char *suffix)
{
	struct report_options options = {.columns = 100};

	for (int i = 0; i < FIXTURE_COUNT; i++) {
		enum result_fixture which[] = {(enum result_fixture)i, FIXTURE_COUNT};
		struct buf          out;
		char                name[128];

		render(format, which, &options, NULL, &out);
		assert_printable(buf_slice(&out));
		snprintf(name, sizeof(name), "%s.%s", result_fixture_names[i], suffix);
		assert_golden(name, buf_slice(&out));
		buf_deinit(&out);
	}
}

static void table_of_one_image(void **state)
{
	(void)state;
	check_each("table", "table");
}

static void json_of_one_image(void **state)
{
	(void)state;
	check_each("json", "json");
}

static void jsonl_of_one_image(void **state)
{
	(void)state;
	check_each("jsonl", "jsonl");
}

static void cyclonedx_of_one_image(void **state)
{
	(void)state;
	check_each("cyclonedx", "cdx.json");
}

static const enum result_fixture everything[] = {
	FIXTURE_DEBIAN,     FIXTURE_NASTY,   FIXTURE_NO_SOURCE,   FIXTURE_CLEAN,  FIXTURE_FAILED,
	FIXTURE_INCOMPLETE, FIXTURE_SKIPPED, FIXTURE_NO_DATABASE, FIXTURE_DEBIAN, FIXTURE_COUNT,
};

static void check_all(const char *format, const char *name, const struct report_options *options,
		      const struct report_run *run)
{
	struct buf out;

	render(format, everything, options, run, &out);
	if (!options->colour)
		assert_printable(buf_slice(&out));
	assert_golden(name, buf_slice(&out));
	buf_deinit(&out);
}

static void formats_of_a_registry(void **state)
{
	static const struct report_run run = {.wall_ms = 83000, .bytes_fetched = 70000000};

	(void)state;
	check_all("table", "registry.table", &(struct report_options){.columns = 100}, &run);
	check_all("table", "registry-80.table", &(struct report_options){.columns = 80}, NULL);
	check_all("table", "registry-negligible.table", &(struct report_options){.negligible = true}, NULL);
	check_all("table", "registry-details.table",
		  &(struct report_options){.columns = 100, .detail = REPORT_DETAIL_ALL}, NULL);
	check_all("table", "registry-colour.table", &(struct report_options){.columns = 100, .colour = true}, NULL);
	check_all("json", "registry.json", &(struct report_options){0}, NULL);
	check_all("jsonl", "registry.jsonl", &(struct report_options){.negligible = true}, NULL);
	check_all("cyclonedx", "registry.cdx.json", &(struct report_options){0}, NULL);
}

static void empty_run_is_still_a_document(void **state)
{
	static const enum result_fixture none[] = {FIXTURE_COUNT};
	struct report_options            options = {0};
	struct buf                       out;
	struct json                     *root;
	struct err                       err = {0};

	(void)state;
	render("json", none, &options, NULL, &out);
	assert_int_equal(json_parse(buf_slice(&out), &root, &err), 0);
	assert_int_equal(json_kind(root), JSON_KIND_ARRAY);
	json_free(root);
	buf_deinit(&out);
	render("cyclonedx", none, &options, NULL, &out);
	assert_int_equal(json_parse(buf_slice(&out), &root, &err), 0);
	json_free(root);
	buf_deinit(&out);
}

/* "A clean result is earned": no table shows a lone zero where nothing, or not everything, was compared. */
static void table_never_shows_a_bare_zero_without_proof(void **state)
{
	static const enum result_fixture unproven[] = {FIXTURE_NO_SOURCE, FIXTURE_NO_DATABASE, FIXTURE_INCOMPLETE,
						       FIXTURE_FAILED};
	struct report_options            options = {.detail = REPORT_DETAIL_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(unproven) / sizeof(*unproven); i++) {
		enum result_fixture which[] = {unproven[i], FIXTURE_COUNT};
		struct slice        rest;
		struct buf          out;

		render("table", which, &options, NULL, &out);
		rest = buf_slice(&out);
		slice_cut(&rest, '\n');
		for (rest = slice_cut(&rest, '\n'); rest.len;) {
			struct slice word = slice_cut(&rest, ' ');

			assert_false(slice_eq_str(word, "0"));
		}
		buf_deinit(&out);
	}
}

static void unknown_format_is_a_usage_error(void **state)
{
	struct report_options options = {0};
	struct report        *report;
	struct err            err = {0};

	(void)state;
	assert_int_equal(report_open("pdf", 1, "test", &options, &report, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "cyclonedx"));
}

static void full_disk_is_an_error(void **state)
{
	struct report_options options = {0};
	struct image_result   result;
	struct report        *report;
	struct arena          arena;
	struct err            err = {0};
	FILE                 *full = fopen("/dev/full", "w");

	(void)state;
	if (!full)
		skip();
	arena_init(&arena, 1 << 20);
	result_fixture_make(FIXTURE_CLEAN, &arena, &result);
	assert_int_equal(report_open("json", fileno(full), "/dev/full", &options, &report, &err), 0);
	assert_int_equal(report_image(report, &result, &err), ERR_FULL);
	assert_non_null(strstr(err.text, "/dev/full"));
	assert_int_equal(report_close(report, NULL, &err), 0); /* frees; what is wrong was said */
	arena_deinit(&arena);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_of_one_image),
		cmocka_unit_test(json_of_one_image),
		cmocka_unit_test(jsonl_of_one_image),
		cmocka_unit_test(cyclonedx_of_one_image),
		cmocka_unit_test(formats_of_a_registry),
		cmocka_unit_test(empty_run_is_still_a_document),
		cmocka_unit_test(table_never_shows_a_bare_zero_without_proof),
		cmocka_unit_test(unknown_format_is_a_usage_error),
		cmocka_unit_test(full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
