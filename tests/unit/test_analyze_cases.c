/* The OS package cases of ../shared/data/truth/packages/cases.jsonl (osv-scalibr's own): agree, or a reason is listed
 * in tests/data/analyze/cases_disagree.txt ("input | case | reason", one a line). */
#include "lib/analyze_run.h"
#include "lib/check.h"

#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASES    SHARED_DATA_DIR "/truth/packages/"
#define OS_TESTS "extractor/filesystem/os/"

struct tally {
	unsigned   dpkg, apk, rpm, pacman, listed, failed;
	struct buf reasons;
};

/* Where a file of a case would lie in an image; NULL: not a kind that is analysed. */
static const char *place_of(struct slice input, char *out, size_t out_bytes)
{
	struct slice base = slice_from(input, slice_rfind(input, '/') + 1);

	if (slice_find_str(input, "/apk/testdata/") != SIZE_MAX)
		snprintf(out, out_bytes, "lib/apk/db/installed");
	else if (slice_find_str(input, "/dpkg/testdata/dpkg/status.d/") != SIZE_MAX)
		snprintf(out, out_bytes, "var/lib/dpkg/status.d/%.*s", SLICE_FMT(base));
	else if (slice_find_str(input, "/dpkg/testdata/dpkg/") != SIZE_MAX)
		snprintf(out, out_bytes, "var/lib/dpkg/status");
	else if (slice_find_str(input, "/dpkg/testdata/opkg/") != SIZE_MAX)
		snprintf(out, out_bytes, "usr/lib/opkg/status");
	else if (slice_find_str(input, "/pacman/testdata/") != SIZE_MAX)
		snprintf(out, out_bytes, "var/lib/pacman/local/name-1-1/desc");
	else if (slice_find_str(input, "/rpm/testdata/") != SIZE_MAX)
		snprintf(out, out_bytes, "var/lib/rpm/%s", slice_ends(input, ".sqlite") ? "rpmdb.sqlite" : "Packages");
	else
		return NULL;
	return out;
}

static unsigned *counter_of(struct tally *tally, struct slice test)
{
	if (slice_starts(test, OS_TESTS "dpkg/"))
		return &tally->dpkg;
	if (slice_starts(test, OS_TESTS "apk/"))
		return &tally->apk;
	if (slice_starts(test, OS_TESTS "rpm/"))
		return &tally->rpm;
	return slice_starts(test, OS_TESTS "pacman/") ? &tally->pacman : NULL;
}

static bool field_agrees(struct slice actual, struct slice expected)
{
	return expected.len == 0 || slice_eq(actual, expected);
}

static bool package_agrees(const struct package *package, const struct json *expected)
{
	const struct json *metadata = json_get(expected, "Metadata");
	struct slice       epoch = json_get_text(metadata, "Epoch"), version = json_get_text(expected, "Version"), have;
	struct slice       license = json_text(json_at(json_get(expected, "Licenses"), 0));

	have = package->version;
	if (epoch.len) {
		if (!slice_eq(slice_cut(&have, ':'), epoch))
			return false;
	}
	return slice_eq(package->name, json_get_text(expected, "Name")) && slice_eq(have, version) &&
	       field_agrees(package->arch, json_get_text(metadata, "Architecture")) &&
	       field_agrees(package->arch, json_get_text(expected, "Arch")) &&
	       field_agrees(package->source_name, json_get_text(metadata, "SourceName")) &&
	       field_agrees(package->source_name, json_get_text(expected, "Origin")) &&
	       field_agrees(package->vendor, json_get_text(metadata, "Maintainer")) &&
	       field_agrees(package->vendor, json_get_text(expected, "Maintainer")) &&
	       field_agrees(package->license, json_get_text(expected, "License")) &&
	       field_agrees(package->license, license);
}

static bool is_partial(const struct inventory *inv)
{
	for (size_t i = 0; i < inv->notes_count; i++)
		if (inv->notes[i].kind == NOTE_PARTIAL)
			return true;
	return false;
}

/* Why the inventory is another answer than the case's; "" when it is the same. */
static void compare(const struct inventory *inv, const struct json *row, char *why, size_t why_bytes)
{
	const struct json *expected = json_get(row, "expected");
	const struct json *error = json_get(json_get(row, "err"), "wantErr");
	size_t             count = 0;

	why[0] = '\0';
	for (size_t i = 0; i < inv->dbs_count; i++)
		for (size_t j = 0; j < inv->dbs[i].packages_count; j++, count++)
			if (count < json_count(expected) &&
			    !package_agrees(&inv->dbs[i].packages[j], json_at(expected, count)))
				snprintf(why, why_bytes, "package %.*s differs",
					 SLICE_FMT(inv->dbs[i].packages[j].name));
	if (count != json_count(expected))
		snprintf(why, why_bytes, "%zu packages, not %zu", count, json_count(expected));
	else if (!why[0] && is_partial(inv) != (json_text(error).len > 0))
		snprintf(why, why_bytes, is_partial(inv) ? "an error here only" : "an error there only");
}

/* Whether "input | case |" stands in the list of reasons. */
static bool is_listed(const struct tally *tally, struct slice input, struct slice name)
{
	char line[1024];

	snprintf(line, sizeof(line), "%.*s | %.*s | ", SLICE_FMT(slice_from(input, strlen("inputs/" OS_TESTS))),
		 SLICE_FMT(name));
	return slice_find_str(buf_slice(&tally->reasons), line) != SIZE_MAX;
}

static void run_case(const struct json *row, struct tally *tally)
{
	struct slice     input = json_text(json_at(json_get(row, "inputs"), 0)), name = json_get_text(row, "case");
	unsigned        *counter = counter_of(tally, json_get_text(row, "test"));
	char             place[256], path[1024], why[256];
	struct buf       body;
	struct inventory inv;
	struct dispatch *d;

	if (!counter || !place_of(input, place, sizeof(place)))
		return;
	snprintf(path, sizeof(path), CASES "%.*s", SLICE_FMT(input));
	buf_init(&body, 64 << 20);
	assert_int_equal(file_read(path, &body, NULL), 0);
	inventory_init(&inv);
	d = dispatch_new(&inv, -1, NULL, NULL);
	assert_non_null(d);
	analyze_file(d, place, 0644, buf_slice(&body));
	assert_int_equal(dispatch_end(d, NULL), 0);
	compare(&inv, row, why, sizeof(why));
	(*counter)++;
	if (why[0] && is_listed(tally, input, name)) {
		tally->listed++;
	} else if (why[0] || is_listed(tally, input, name)) {
		print_error("%.*s | %.*s | %s\n", SLICE_FMT(input), SLICE_FMT(name),
			    why[0] ? why : "listed, but agrees");
		tally->failed++;
	}
	dispatch_free(d);
	inventory_deinit(&inv);
	buf_deinit(&body);
}

static void os_package_cases_agree_or_have_a_reason(void **state)
{
	struct tally tally = {0};
	struct buf   cases;
	struct slice rest, line;

	(void)state;
	if (access(CASES "cases.jsonl", R_OK) != 0) {
		print_message("SKIP %s: needs ../shared/data\n", __func__);
		skip();
	}
	buf_init(&cases, 64 << 20);
	buf_init(&tally.reasons, 1 << 20);
	assert_int_equal(file_read(CASES "cases.jsonl", &cases, NULL), 0);
	assert_int_equal(file_read(TEST_DATA_DIR "/analyze/cases_disagree.txt", &tally.reasons, NULL), 0);
	rest = buf_slice(&cases);
	while (rest.len) {
		struct json *row = NULL;

		line = slice_cut(&rest, '\n');
		assert_int_equal(json_parse(line, &row, NULL), 0);
		run_case(row, &tally);
		json_free(row);
	}
	print_message("dpkg %u, apk %u, rpm %u, pacman %u; %u differ for a listed reason\n", tally.dpkg, tally.apk,
		      tally.rpm, tally.pacman, tally.listed);
	assert_int_equal(tally.failed, 0);
	assert_int_equal(tally.dpkg, 30);
	assert_int_equal(tally.apk, 8);
	assert_int_equal(tally.rpm, 6);
	assert_int_equal(tally.pacman, 7);
	buf_deinit(&cases);
	buf_deinit(&tally.reasons);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(os_package_cases_agree_or_have_a_reason)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
