/* Rules of archive.h: each case is a layer in the fixture language and the listing that its tar must give. */
#include "base/archive.h"
#include "lib/check.h"
#include "lib/layer_fixture.h"

#include <string.h>

static void list_members(struct archive_reader *reader, struct buf *out, struct err *err)
{
	static const char     letters[] = "fdlho";
	struct archive_member member;
	struct slice          block;
	int                   status;

	while ((status = archive_reader_next(reader, &member, err)) == 1) {
		buf_printf(out, "%c %.*s", letters[member.type], SLICE_FMT(member.name));
		if (member.target.len)
			buf_printf(out, " -> %.*s", SLICE_FMT(member.target));
		if (member.size)
			buf_printf(out, " %d [", (int)member.size);
		while ((status = archive_reader_body(reader, &block, err)) == STREAM_BLOCK)
			for (size_t i = 0; i < block.len; i++)
				if (block.ptr[i])
					buf_byte(out, block.ptr[i]);
		buf_str(out, member.size ? "]\n" : "\n");
		if (status < 0)
			break;
	}
	buf_printf(out, status ? "%s" : "end", err_name(status));
}

static void check_listing(const char *text, const char *expected, bool surplus_expected, enum archive_kind kind)
{
	struct layer_fixture fixture;
	struct err           err = {0};

	if (layer_fixture_parse(slice_str(text), "test", &fixture, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t block_bytes = 0; block_bytes < 1600; block_bytes = block_bytes ? block_bytes * 3 : 1) {
		struct stream         *stream = stream_of_memory(fixture.layers[0].blob, block_bytes);
		struct archive_reader *reader = archive_reader_new(stream, kind, &err);
		struct buf             out = {.bytes_max = 1u << 20};
		bool                   surplus = false;

		list_members(reader, &out, &err);
		buf_byte(&out, 0);
		assert_string_equal((char *)out.ptr, expected);
		assert_int_equal(archive_reader_finish(reader, &surplus, &err), 0);
		if (strstr(expected, "end"))
			assert_int_equal(surplus, surplus_expected);
		archive_reader_free(reader);
		stream_close(stream);
		buf_deinit(&out);
		err_clear(&err);
	}
	layer_fixture_deinit(&fixture);
}

static void members_come_as_written(void **state)
{
	(void)state;
	check_listing("dir a/\n"
		      "file a/b mode=04755 uid=7 = \"text\"\n"
		      "symlink a/l -> ../x\n"
		      "hardlink ./h -> a/b\n"
		      "char dev/null\n"
		      "fifo p\n",
		      "d a/\nf a/b 4 [text]\nl a/l -> ../x\nh ./h -> a/b\no dev/null\no p\nend", false,
		      ARCHIVE_KIND_TAR);
}

static void names_that_are_no_ascii_are_good_members(void **state)
{
	(void)state;
	check_listing("file \"\\xc3\\xa9\" = 1\n"
		      "file \"\\xff\\xfe\" = 2\n"
		      "pax path \"pax-\\xc3\\xa9\"\nfile x = 3\n"
		      "pax path \"pax-e\\xcc\\x81\"\nfile x = 4\n" /* decomposed: must not be composed */
		      "pax path \"pax-\\xff\"\nfile x = 5\n"
		      "file last = 6\n",
		      "f \xc3\xa9 1 [1]\nf \xff\xfe 1 [2]\nf pax-\xc3\xa9 1 [3]\nf pax-e\xcc\x81 1 [4]\nf pax-\xff 1 "
		      "[5]\nf last 1 [6]\nend",
		      false, ARCHIVE_KIND_TAR);
}

static void long_names_come_from_pax_and_gnu_headers(void **state)
{
	char expected[2000];
	char name[301] = {0};

	(void)state;
	memset(name, 'n', 300);
	snprintf(expected, sizeof(expected), "f %s 1 [1]\nf %s 1 [2]\nl s -> %s\nh k -> %s\nend", name, name, name,
		 name);
	check_listing("file \"n\"*300 = 1\n"
		      "file \"n\"*300 format=gnu = 2\n"
		      "symlink s -> \"n\"*300\n"
		      "hardlink k format=gnu -> \"n\"*300\n",
		      expected, false, ARCHIVE_KIND_TAR);
}

static void pax_records_override_the_header(void **state)
{
	(void)state;
	check_listing("pax path real\npax linkpath there\nsymlink fake -> elsewhere\n"
		      "pax size 3\nfile sized size=0 = abc\n"
		      "global comment hello\n"
		      "file after = 1\n",
		      "l real -> there\nf sized 3 [abc]\nf after 1 [1]\nend", false, ARCHIVE_KIND_TAR);
}

static void odd_but_good_headers_are_read(void **state)
{
	(void)state;
	check_listing("file base256 base256 = abc\n"
		      "file v7 format=v7 = 1\n"
		      "file dir/ type=0\n"
		      "file reserved type=7 = 2\n",
		      "f base256 3 [abc]\nf v7 1 [1]\nd dir/\nf reserved 1 [2]\nend", false, ARCHIVE_KIND_TAR);
}

static void holes_of_sparse_files_come_as_zeros(void **state)
{
	(void)state;
	check_listing("pax GNU.sparse.major 1\npax GNU.sparse.minor 0\npax GNU.sparse.name real\npax "
		      "GNU.sparse.realsize 100000\n"
		      "file GNUSparseFile.0/real = \"2\\n10\\n3\\n70000\\n2\\n\"+\"\\0\"*497+abcde\n"
		      "file last = 1\n",
		      "f real 100000 [abcde]\nf last 1 [1]\nend", false, ARCHIVE_KIND_TAR);
}

static void what_lies_behind_the_end_is_told(void **state)
{
	(void)state;
	check_listing("file a = 1\nend\nfile ignored = 2\n", "f a 1 [1]\nend", true, ARCHIVE_KIND_TAR);
	check_listing("file a = 1\nend\nraw \"\\0\"*30000\n", "f a 1 [1]\nend", false, ARCHIVE_KIND_TAR);
	check_listing("file a = 1\nnoend\n", "f a 1 [1]\nend", false, ARCHIVE_KIND_TAR);
}

static void an_empty_archive_is_no_foreign_one(void **state)
{
	(void)state;
	check_listing("noend\n", "end", false, ARCHIVE_KIND_TAR);
	check_listing("noend\n", "end", false, ARCHIVE_KIND_ZIP);
	check_listing("end\n", "end", false, ARCHIVE_KIND_TAR);
	check_listing("raw \"no tar at all \"*100\nnoend\n", "format", false, ARCHIVE_KIND_TAR);
	check_listing("raw x\nnoend\n", "format", false, ARCHIVE_KIND_TAR);
	check_listing("file a = 1\n", "format", false, ARCHIVE_KIND_ZIP);
}

static void members_before_the_damage_are_given(void **state)
{
	(void)state;
	check_listing("file a = 1\nfile b = 0123456789\nnoend\ncut 509\n", "f a 1 [1]\nf b 10 [012]\ntruncated", false,
		      ARCHIVE_KIND_TAR);
	check_listing("file a = 1\nfile b badsum = 2\nfile c = 3\n", "f a 1 [1]\nformat", false, ARCHIVE_KIND_TAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_as_written),
		cmocka_unit_test(names_that_are_no_ascii_are_good_members),
		cmocka_unit_test(long_names_come_from_pax_and_gnu_headers),
		cmocka_unit_test(pax_records_override_the_header),
		cmocka_unit_test(odd_but_good_headers_are_read),
		cmocka_unit_test(holes_of_sparse_files_come_as_zeros),
		cmocka_unit_test(what_lies_behind_the_end_is_told),
		cmocka_unit_test(an_empty_archive_is_no_foreign_one),
		cmocka_unit_test(members_before_the_damage_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
