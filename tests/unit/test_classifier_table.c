/* The table of programs against the index of names and the CPE dictionary, and what CPE names look like. */
#include "lib/check.h"

#include "analyze/classifier_table.h"
#include "model/cpe.h"

#include <string.h>

static bool is_listed(const char *name)
{
	for (size_t i = 0; classifier_names[i]; i++)
		if (strcmp(classifier_names[i], name) == 0)
			return true;
	return false;
}

static bool is_used(const char *name)
{
	for (size_t i = 0; i < classifier_count(); i++)
		for (size_t k = 0; k < CLASSIFIER_FILES_MAX && classifier_at(i)->files[k]; k++)
			if (strcmp(classifier_at(i)->files[k], name) == 0)
				return true;
	return false;
}

static void the_names_are_those_of_the_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < classifier_count(); i++)
		for (size_t k = 0; k < CLASSIFIER_FILES_MAX && classifier_at(i)->files[k]; k++)
			if (!is_listed(classifier_at(i)->files[k]))
				fail_msg("%s is not among classifier_names", classifier_at(i)->files[k]);
	for (size_t i = 0; classifier_names[i]; i++)
		if (!is_used(classifier_names[i]))
			fail_msg("no row has %s", classifier_names[i]);
}

static void expect_cpe(const struct package *package, const char *expected)
{
	struct buf out;

	buf_init(&out, 1024);
	cpe_of_package(package, &out);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s, not %s", SLICE_FMT(buf_slice(&out)), expected);
	buf_deinit(&out);
}

static void every_row_has_a_cpe(void **state)
{
	(void)state;
	for (size_t i = 0; i < classifier_count(); i++) {
		const struct classifier *row = classifier_at(i);
		struct package           package = {.type = slice_str(row->type ? row->type : "generic"),
						    .name = slice_str(row->name),
						    .version = SLICE_LIT("1")};
		struct buf               out;

		buf_init(&out, 1024);
		cpe_of_package(&package, &out);
		if (!out.len)
			fail_msg("%s has none", row->name);
		buf_deinit(&out);
	}
}

static void cpe_names_are_bound_as_the_standard_says(void **state)
{
	struct package node = {
		.type = SLICE_LIT("generic"), .name = SLICE_LIT("node"), .version = SLICE_LIT("18.20.4")};
	struct package npm = {.type = SLICE_LIT("npm"), .name = SLICE_LIT("node"), .version = SLICE_LIT("18.20.4")};
	struct package erlang = {
		.type = SLICE_LIT("generic"), .name = SLICE_LIT("erlang"), .version = SLICE_LIT("25:3+x")};
	struct package consul = {.type = SLICE_LIT("golang"),
				 .name = SLICE_LIT("github.com/hashicorp/consul"),
				 .version = SLICE_LIT("v1.16.2")};

	(void)state;
	expect_cpe(&node, "cpe:2.3:a:nodejs:node.js:18.20.4:*:*:*:*:*:*:*");
	expect_cpe(&npm, "");
	expect_cpe(&erlang, "cpe:2.3:a:erlang:erlang\\/otp:25\\:3\\+x:*:*:*:*:*:*:*");
	expect_cpe(&consul, "cpe:2.3:a:hashicorp:consul:1.16.2:*:*:*:*:*:*:*");
	consul.flags = PACKAGE_NO_RELEASE;
	expect_cpe(&consul, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_names_are_those_of_the_rows),
		cmocka_unit_test(every_row_has_a_cpe),
		cmocka_unit_test(cpe_names_are_bound_as_the_standard_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
