/* The inventory builder: copies, ceilings, which owned paths are kept. */
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

static void owned_paths_are_kept_where_a_language_package_or_program_could_lie(void **state)
{
	static const char *const kept[] = {"usr/lib/python3/dist-packages/six.py",
					   "usr/bin/docker",
					   "usr/share/java/log4j.jar",
					   "usr/lib/node_modules/npm/package.json",
					   "usr/lib/erlang/lib/ssl-10.9/ebin/ssl.app",
					   "usr/lib/ghc/package.conf.d/base-4.15.conf",
					   "usr/share/lua/rocks/a/1-1/a-1-1.rockspec",
					   "usr/lib/x86_64-linux-gnu/libcrypto.so.3",
					   "lib/libpython3.11.so.1.0"};
	static const char *const left[] = {"usr/share/doc/bash/README",          "etc/passwd",
					   "usr/lib/x86_64-linux-gnu/libc.so.6", "bin",
					   "usr/lib/libcryptsetup.so",           "usr/lib/libssl"};

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
		cmocka_unit_test(owned_paths_are_kept_where_a_language_package_or_program_could_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
