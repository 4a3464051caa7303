/* The inventory's encoded form: what goes in comes out, order does not show, damage is an error and never a crash. */
#include "lib/check.h"

#include "base/limits.h"
#include "base/msgpack_write.h"
#include "base/rng.h"
#include "model/inventory.h"

#include <stdlib.h>
#include <string.h>

static void add_package(struct inventory *inv, struct package_db *db, const char *name, const char *version)
{
	struct package package = {.type = SLICE_LIT("deb"),
				  .name = slice_str(name),
				  .version = slice_str(version),
				  .arch = SLICE_LIT("amd64"),
				  .source_name = SLICE_LIT("src"),
				  .source_version = SLICE_LIT("9"),
				  .license = SLICE_LIT("GPL-2"),
				  .vendor = SLICE_LIT("Debian"),
				  .modularity = SLICE_LIT("m:1"),
				  .flags = PACKAGE_VIRTUAL};

	assert_non_null(inventory_add_package(inv, db, &package));
}

static void fill(struct inventory *inv, bool reversed)
{
	static const char *const names[] = {"bash", "libc6", "zlib1g"};
	struct package_db       *db;
	struct owner_list       *list;
	struct digest            hash = {{7, 8, 9}};

	inventory_init(inv);
	inv->blob_digest = (struct digest){{1}};
	inv->diff_id = (struct digest){{2}};
	inv->media_type = SLICE_LIT("tar+gzip");
	inv->blob_bytes = 10;
	inv->tar_bytes = 20;
	inv->entries = 3;
	inv->analyzer_set = SLICE_LIT("apk/1,dpkg/2");
	for (size_t i = 0; i < 2; i++) {
		db = inventory_add_db(inv, i == (size_t)reversed ? SLICE_LIT("a/status") : SLICE_LIT("b/status"),
				      "dpkg");
		for (size_t k = 0; k < 3; k++)
			add_package(inv, db, names[reversed ? 2 - k : k], "1.0");
	}
	inventory_add_os_release(inv, &(struct os_release){.path = SLICE_LIT("etc/os-release"),
							   .id = SLICE_LIT("debian"),
							   .version_id = SLICE_LIT("12"),
							   .by_magic = true});
	list = inventory_add_owner(inv, SLICE_LIT("var/lib/dpkg/info/bash.list"), SLICE_LIT("bash"));
	inventory_add_owned_file(inv, list, reversed ? SLICE_LIT("usr/bin/sh") : SLICE_LIT("usr/bin/bash"));
	inventory_add_owned_file(inv, list, reversed ? SLICE_LIT("usr/bin/bash") : SLICE_LIT("usr/bin/sh"));
	inventory_add_license(inv, SLICE_LIT("usr/share/doc/bash/copyright"), SLICE_LIT("bash"), SLICE_LIT("GPL-3"));
	inventory_add_hash(inv, SLICE_LIT("usr/bin/bash"), &hash, 1234567, true);
	inventory_add_link(inv, SLICE_LIT("usr/bin/rbash"), SLICE_LIT("usr/bin/bash"), true);
	inventory_note(inv, NOTE_SKIPPED, SLICE_LIT("x"), "body_bytes_max: too long");
	inv->notes_dropped = 4;
}

static struct buf encode(const struct inventory *inv)
{
	struct buf out;
	struct err err = {0};

	buf_init(&out, LIMIT_INVENTORY_BYTES);
	assert_int_equal(inventory_encode(inv, &out, &err), 0);
	return out;
}

static void all_fields_survive(void **state)
{
	struct inventory in, out;
	struct err       err = {0};
	struct buf       bytes;

	(void)state;
	fill(&in, false);
	bytes = encode(&in);
	inventory_init(&out);
	assert_int_equal(inventory_decode(buf_slice(&bytes), &out, &err), 0);
	assert_true(digest_eq(&out.blob_digest, &in.blob_digest));
	assert_true(digest_eq(&out.diff_id, &in.diff_id));
	assert_slice_equal(out.media_type, "tar+gzip");
	assert_slice_equal(out.analyzer_set, "apk/1,dpkg/2");
	assert_int_equal(out.blob_bytes, 10);
	assert_int_equal(out.tar_bytes, 20);
	assert_int_equal(out.entries, 3);
	assert_int_equal(out.notes_dropped, 4);
	assert_int_equal(out.dbs_count, 2);
	assert_int_equal(out.dbs[1].packages_count, 3);
	assert_slice_equal(out.dbs[1].path, "b/status");
	assert_slice_equal(out.dbs[0].kind, "dpkg");
	assert_slice_equal(out.dbs[0].packages[2].name, "zlib1g");
	assert_slice_equal(out.dbs[0].packages[2].modularity, "m:1");
	assert_int_equal(out.dbs[0].packages[2].flags, PACKAGE_VIRTUAL);
	assert_slice_equal(out.os_releases[0].version_id, "12");
	assert_true(out.os_releases[0].by_magic);
	assert_int_equal(out.owners[0].files_count, 2);
	assert_slice_equal(out.owners[0].package, "bash");
	assert_slice_equal(out.licenses[0].license, "GPL-3");
	assert_int_equal(out.hashes[0].size, 1234567);
	assert_true(out.hashes[0].executable);
	assert_slice_equal(out.links[0].target, "usr/bin/bash");
	assert_int_equal(out.notes[0].kind, NOTE_SKIPPED);
	inventory_deinit(&in);
	inventory_deinit(&out);
	buf_deinit(&bytes);
}

static void equal_inventories_are_equal_bytes_in_any_order(void **state)
{
	struct inventory a, b;
	struct buf       bytes_a, bytes_b;

	(void)state;
	fill(&a, false);
	fill(&b, true);
	bytes_a = encode(&a);
	bytes_b = encode(&b);
	assert_true(slice_eq(buf_slice(&bytes_a), buf_slice(&bytes_b)));
	inventory_deinit(&a);
	inventory_deinit(&b);
	buf_deinit(&bytes_a);
	buf_deinit(&bytes_b);
}

static void dropped_records_leave_no_trace(void **state)
{
	struct inventory a, b;
	struct buf       bytes_a, bytes_b;

	(void)state;
	fill(&a, false);
	fill(&b, false);
	inventory_add_db(&b, SLICE_LIT("c/status"), "dpkg");
	b.dbs[2].dropped = true;
	bytes_a = encode(&a);
	bytes_b = encode(&b);
	assert_true(slice_eq(buf_slice(&bytes_a), buf_slice(&bytes_b)));
	inventory_deinit(&a);
	inventory_deinit(&b);
	buf_deinit(&bytes_a);
	buf_deinit(&bytes_b);
}

static void unwanted_parts_stay_empty(void **state)
{
	struct inventory in, out;
	struct buf       bytes;

	(void)state;
	fill(&in, false);
	bytes = encode(&in);
	inventory_init(&out);
	assert_int_equal(inventory_decode_parts(buf_slice(&bytes), INVENTORY_DBS | INVENTORY_NOTES, &out, NULL), 0);
	assert_int_equal(out.dbs_count, 2);
	assert_int_equal(out.notes_count, 1);
	assert_int_equal(out.hashes_count + out.owners_count + out.licenses_count + out.os_releases_count, 0);
	inventory_deinit(&in);
	inventory_deinit(&out);
	buf_deinit(&bytes);
}

static int decode_once(struct slice bytes)
{
	struct inventory out;
	int              verdict;

	inventory_init(&out);
	verdict = inventory_decode(bytes, &out, NULL);
	inventory_deinit(&out);
	return verdict;
}

static void another_format_version_is_refused(void **state)
{
	struct inventory in;
	struct buf       bytes;

	(void)state;
	fill(&in, false);
	bytes = encode(&in);
	assert_int_equal(bytes.ptr[3], INVENTORY_FORMAT_VERSION); /* array16, count, then the version */
	bytes.ptr[3]++;
	assert_int_equal(decode_once(buf_slice(&bytes)), ERR_VERSION);
	inventory_deinit(&in);
	buf_deinit(&bytes);
}

static void every_cut_is_an_error(void **state)
{
	struct inventory in;
	struct buf       bytes;

	(void)state;
	fill(&in, false);
	bytes = encode(&in);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode_once(slice_of(bytes.ptr, len)), ERR_FORMAT);
	buf_byte(&bytes, 0);
	assert_int_equal(decode_once(buf_slice(&bytes)), ERR_FORMAT);
	inventory_deinit(&in);
	buf_deinit(&bytes);
}

static void mutations_never_crash(void **state)
{
	struct inventory in;
	struct buf       bytes;
	struct rng       rng = rng_seeded(1);

	(void)state;
	fill(&in, false);
	bytes = encode(&in);
	for (unsigned i = 0; i < 20000; i++) {
		size_t  at = (size_t)rng_below(&rng, bytes.len);
		uint8_t old = bytes.ptr[at];

		bytes.ptr[at] = (uint8_t)rng_next(&rng);
		decode_once(buf_slice(&bytes));
		bytes.ptr[at] = old;
	}
	assert_int_equal(decode_once(buf_slice(&bytes)), 0);
	inventory_deinit(&in);
	buf_deinit(&bytes);
}

static void paths_that_are_not_canonical_are_refused(void **state)
{
	static const char *const paths[] = {"/etc/x", "etc//x", "etc/../x", "etc/", "./etc", ".."};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct inventory in;
		struct buf       bytes;

		inventory_init(&in);
		inventory_add_db(&in, slice_str(paths[i]), "dpkg");
		bytes = encode(&in);
		assert_int_equal(decode_once(buf_slice(&bytes)), ERR_FORMAT);
		buf_deinit(&bytes);
		inventory_deinit(&in);
	}
}

static void an_output_ceiling_is_kept(void **state)
{
	struct inventory in;
	struct buf       out;

	(void)state;
	fill(&in, false);
	buf_init(&out, 100);
	assert_int_equal(inventory_encode(&in, &out, NULL), ERR_LIMIT);
	buf_deinit(&out);
	inventory_deinit(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields_survive),
		cmocka_unit_test(equal_inventories_are_equal_bytes_in_any_order),
		cmocka_unit_test(dropped_records_leave_no_trace),
		cmocka_unit_test(unwanted_parts_stay_empty),
		cmocka_unit_test(another_format_version_is_refused),
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(mutations_never_crash),
		cmocka_unit_test(paths_that_are_not_canonical_are_refused),
		cmocka_unit_test(an_output_ceiling_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
