/* The inventory builder: copies, ceilings, and what is left when a later entry of the layer replaces an earlier one. */
#include "base/limits.h"
#include "model/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_slice(actual, text)                                                                                     \
	do {                                                                                                           \
		assert_int_equal((actual).len, strlen(text));                                                          \
		assert_memory_equal((actual).ptr, text, strlen(text));                                                 \
	} while (0)

static struct package_db *add_db(struct inventory *inv, const char *path, const char *name)
{
	struct package_db *db = inventory_add_db(inv, slice_str(path), "dpkg");
	struct package     package = {.type = SLICE_LIT("deb"), .name = slice_str(name), .version = SLICE_LIT("1.0-1")};

	assert_non_null(db);
	assert_non_null(inventory_add_package(inv, db, &package));
	return db;
}

static void strings_are_copied(void **state)
{
	char             path[] = "var/lib/dpkg/status";
	struct inventory inv;

	(void)state;
	inventory_init(&inv);
	add_db(&inv, path, "bash");
	memset(path, 'x', sizeof(path));
	assert_slice(inv.dbs[0].path, "var/lib/dpkg/status");
	assert_slice(inv.dbs[0].packages[0].name, "bash");
	assert_false(inventory_failed(&inv));
	inventory_deinit(&inv);
}

static void long_strings_are_cut_and_noted(void **state)
{
	char            *text = malloc(LIMIT_STRING_BYTES + 10);
	struct inventory inv;

	(void)state;
	memset(text, 'a', LIMIT_STRING_BYTES + 10);
	inventory_init(&inv);
	inventory_add_license(&inv, SLICE_LIT("usr/share/doc/x/copyright"), SLICE_LIT("x"),
			      slice_of(text, LIMIT_STRING_BYTES + 10));
	assert_int_equal(inv.licenses[0].license.len, LIMIT_STRING_BYTES);
	assert_int_equal(inv.notes_count, 1);
	assert_true(slice_starts(inv.notes[0].reason, "string_bytes_max: "));
	assert_false(inventory_is_partial(&inv));
	inventory_deinit(&inv);
	free(text);
}

static void notes_have_a_ceiling_that_a_partial_note_passes(void **state)
{
	struct inventory inv;

	(void)state;
	inventory_init(&inv);
	for (unsigned i = 0; i < LIMIT_NOTES_PER_LAYER + 5; i++)
		inventory_note(&inv, NOTE_SKIPPED, SLICE_LIT("p"), "n%u: x", i);
	assert_int_equal(inv.notes_count, LIMIT_NOTES_PER_LAYER);
	assert_int_equal(inv.notes_dropped, 5);
	inventory_note(&inv, NOTE_PARTIAL, SLICE_EMPTY, "entries_max: more than %u entries", 4u);
	assert_true(inventory_is_partial(&inv));
	inventory_deinit(&inv);
}

static void dropping_a_path_drops_all_its_facts_and_no_others(void **state)
{
	struct inventory inv;
	struct digest    digest = {{1}};

	(void)state;
	inventory_init(&inv);
	add_db(&inv, "var/lib/dpkg/status", "bash");
	add_db(&inv, "var/lib/dpkg/status.d/x", "libc6");
	inventory_add_hash(&inv, SLICE_LIT("var/lib/dpkg/status"), &digest, 10, false);
	inventory_add_owner(&inv, SLICE_LIT("var/lib/dpkg/status"), SLICE_LIT("bash"));
	inventory_add_os_release(&inv, &(struct os_release){.path = SLICE_LIT("etc/os-release")});
	inventory_drop_path(&inv, SLICE_LIT("var/lib/dpkg/status"));
	inventory_drop_path(&inv, SLICE_LIT("never/seen"));
	assert_true(inv.dbs[0].dropped);
	assert_false(inv.dbs[1].dropped);
	assert_true(inv.hashes[0].dropped);
	assert_true(inv.owners[0].dropped);
	assert_false(inv.os_releases[0].dropped);
	add_db(&inv, "var/lib/dpkg/status", "dash");
	assert_false(inv.dbs[2].dropped);
	inventory_deinit(&inv);
}

static void a_hard_link_made_in_between_keeps_the_earlier_content(void **state)
{
	struct inventory inv;

	(void)state;
	inventory_init(&inv);
	add_db(&inv, "objects/aa.file", "bash");
	inventory_add_link(&inv, SLICE_LIT("usr/share/rpm/Packages"), SLICE_LIT("objects/aa.file"));
	inventory_add_link(&inv, SLICE_LIT("copy"), SLICE_LIT("usr/share/rpm/Packages"));
	inventory_add_link(&inv, SLICE_LIT("itself"), SLICE_LIT("itself"));
	assert_int_equal(inv.links_count, 2);
	inventory_drop_path(&inv, SLICE_LIT("usr/share/rpm/Packages"));
	assert_false(inv.dbs[0].dropped);
	assert_slice(inv.dbs[0].path, "objects/aa.file");
	inventory_drop_path(&inv, SLICE_LIT("objects/aa.file"));
	assert_false(inv.dbs[0].dropped);
	assert_slice(inv.dbs[0].path, "copy");
	inventory_drop_path(&inv, SLICE_LIT("copy"));
	assert_true(inv.dbs[0].dropped);
	inventory_deinit(&inv);
}

static void owned_paths_are_kept_where_a_language_package_or_program_could_lie(void **state)
{
	static const char *const kept[] = {"usr/lib/python3/dist-packages/six.py", "usr/bin/docker",
					   "usr/share/java/log4j.jar", "usr/lib/node_modules/npm/package.json"};
	static const char *const left[] = {"usr/share/doc/bash/README", "etc/passwd",
					   "usr/lib/x86_64-linux-gnu/libc.so.6", "bin"};

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_true(owned_path_kept(slice_str(kept[i])));
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		assert_false(owned_path_kept(slice_str(left[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(long_strings_are_cut_and_noted),
		cmocka_unit_test(notes_have_a_ceiling_that_a_partial_note_passes),
		cmocka_unit_test(dropping_a_path_drops_all_its_facts_and_no_others),
		cmocka_unit_test(a_hard_link_made_in_between_keeps_the_earlier_content),
		cmocka_unit_test(owned_paths_are_kept_where_a_language_package_or_program_could_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
