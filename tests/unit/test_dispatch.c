/* What the order of entries does to facts: replaced files, folders that become files, hard links, companions, hashes.
 */
#include "lib/analyze_run.h"
#include "lib/check.h"

#include "base/file.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID(name) "ID=" name "\nNAME=" name "\nPRETTY_NAME=" name "\n"

struct fixture {
	struct inventory inv;
	struct dispatch *d;
	struct buf       listing;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	inventory_init(&f->inv);
	f->d = dispatch_new(&f->inv, -1, NULL, NULL);
	buf_init(&f->listing, 1 << 20);
	*state = f;
	return f->d ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dispatch_free(f->d);
	inventory_deinit(&f->inv);
	buf_deinit(&f->listing);
	free(f);
	return 0;
}

static void file(struct fixture *f, const char *path, const char *body)
{
	analyze_file(f->d, path, 0644, slice_str(body));
}

static void other(struct fixture *f, enum path_type type, const char *path, const char *target)
{
	struct entry entry = {.path = slice_str(path), .type = type, .target = slice_str(target)};

	assert_int_equal(dispatch_begin(f->d, &entry, SLICE_EMPTY), DISPATCH_NOTHING);
}

/* The listing without the hash lines, which the tests on order do not look at. */
static void assert_listing(struct fixture *f, const char *expected)
{
	struct buf   kept;
	struct slice rest;

	assert_int_equal(dispatch_end(f->d, NULL), 0);
	inventory_listing(&f->inv, &f->listing);
	buf_init(&kept, 1 << 20);
	rest = buf_slice(&f->listing);
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');

		if (!slice_starts(line, "hash "))
			buf_printf(&kept, "%.*s\n", SLICE_FMT(line));
	}
	buf_byte(&kept, '\0');
	assert_string_equal((const char *)kept.ptr, expected);
	buf_deinit(&kept);
}

static void the_last_entry_of_a_path_wins(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	file(*state, "etc/os-release", ID("b"));
	assert_listing(*state, "os etc/os-release id=b pretty_name=b\n");
}

static void a_symlink_over_a_file_takes_its_facts(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	other(*state, PATH_SYMLINK, "etc/os-release", "../usr/lib/os-release");
	assert_listing(*state, "");
}

static void a_folder_that_becomes_a_file_loses_what_was_below(void **state)
{
	file(*state, "var/lib/dpkg/status.d/base", "Package: base\nVersion: 1\n");
	file(*state, "var/lib/dpkg/status", "Package: x\nVersion: 1\nStatus: install ok installed\n");
	file(*state, "etc/os-release", ID("a"));
	file(*state, "var/lib", "not a folder");
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n");
}

static void facts_come_back_after_a_replaced_folder(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	file(*state, "etc", "");
	other(*state, PATH_DIRECTORY, "etc", "");
	file(*state, "etc/os-release", ID("b"));
	file(*state, "etc", "");
	file(*state, "etc/os-release", ID("c"));
	assert_listing(*state, "os etc/os-release id=c pretty_name=c\n");
}

static void a_directory_over_a_directory_merges(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	other(*state, PATH_DIRECTORY, "etc", "");
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n");
}

static void whiteouts_and_opaque_marks_leave_their_own_layer_alone(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	other(*state, PATH_WHITEOUT, "etc/os-release", "");
	other(*state, PATH_OPAQUE, "etc", "");
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n");
}

static void a_link_under_an_evidence_name_is_handed_over(void **state)
{
	file(*state, "sysroot/ostree/repo/objects/ab/c.file", ID("a"));
	other(*state, PATH_HARDLINK, "usr/lib/os-release", "sysroot/ostree/repo/objects/ab/c.file");
	other(*state, PATH_HARDLINK, "var/lib/rpm/rpmdb.sqlite", "lower/layer");
	other(*state, PATH_HARDLINK, "usr/bin/some", "usr/bin/thing");
	assert_listing(*state, "os sysroot/ostree/repo/objects/ab/c.file by_magic id=a pretty_name=a\n"
			       "link var/lib/rpm/rpmdb.sqlite -> lower/layer\n"
			       "link usr/lib/os-release -> sysroot/ostree/repo/objects/ab/c.file\n");
}

static void a_link_made_in_between_keeps_the_earlier_content(void **state)
{
	file(*state, "objects/1", ID("a"));
	other(*state, PATH_HARDLINK, "etc/os-release", "objects/1");
	other(*state, PATH_HARDLINK, "copy", "etc/os-release");
	file(*state, "objects/1", ID("b"));
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n"
			       "os objects/1 by_magic id=b pretty_name=b\n"
			       "link copy -> etc/os-release\n");
}

static void content_lives_until_its_last_link_is_gone(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	other(*state, PATH_HARDLINK, "x/one", "etc/os-release");
	other(*state, PATH_HARDLINK, "x/two", "etc/os-release");
	other(*state, PATH_DIRECTORY, "etc/os-release", "");
	file(*state, "x/one", "other");
	assert_listing(*state, "os x/two by_magic id=a pretty_name=a\n");
}

static void links_inside_a_removed_folder_are_gone(void **state)
{
	file(*state, "a/etc/os-release", ID("a"));
	other(*state, PATH_HARDLINK, "a/link", "a/etc/os-release");
	other(*state, PATH_HARDLINK, "etc/os-release", "a/etc/os-release");
	file(*state, "a", "");
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n");
}

static void a_link_whose_content_was_never_read_is_noted_when_that_is_replaced(void **state)
{
	other(*state, PATH_HARDLINK, "etc/os-release", "lower");
	file(*state, "lower", "new");
	assert_listing(*state,
		       "note skipped etc/os-release: link_target_replaced: a hard link to content that a later entry "
		       "of the layer replaces\n");
}

static void a_link_to_itself_changes_nothing(void **state)
{
	file(*state, "etc/os-release", ID("a"));
	other(*state, PATH_HARDLINK, "etc/os-release", "etc/os-release");
	assert_listing(*state, "os etc/os-release id=a pretty_name=a\n");
}

static void a_hard_link_with_a_body_is_a_file(void **state)
{
	struct fixture *f = *state;
	struct entry    entry = {.path = SLICE_LIT("etc/os-release"), .type = PATH_HARDLINK, .target = SLICE_LIT("x")};
	struct slice    body = SLICE_LIT(ID("a"));

	entry.size = body.len;
	analyze_entry(f->d, &entry, body, 0);
	assert_listing(f, "os etc/os-release id=a pretty_name=a\n");
}

static void executables_are_hashed_as_they_stream_past(void **state)
{
	struct fixture *f = *state;
	struct entry    entry = {.path = SLICE_LIT("usr/bin/x"), .type = PATH_FILE, .mode = 0755};
	struct slice    elf = SLICE_LIT("\x7f"
					   "ELF and so on"),
		     text = SLICE_LIT("text");
	struct digest expected;

	entry.size = elf.len;
	analyze_entry(f->d, &entry, elf, 3);
	entry.path = SLICE_LIT("usr/bin/data");
	entry.size = text.len;
	analyze_entry(f->d, &entry, text, 3);
	analyze_file(f->d, "usr/lib/x.so", 0644, elf);
	analyze_file(f->d, "run.sh", 0700, SLICE_LIT("#!/bin/sh\n"));
	assert_int_equal(dispatch_end(f->d, NULL), 0);
	assert_int_equal(f->inv.hashes_count, 2);
	digest_of(elf, &expected);
	assert_slice_equal(f->inv.hashes[0].path, "usr/bin/x");
	assert_true(digest_eq(&f->inv.hashes[0].sha256, &expected));
	assert_true(f->inv.hashes[0].executable && f->inv.hashes[0].size == elf.len);
	assert_slice_equal(f->inv.hashes[1].path, "run.sh");
}

static void a_body_beyond_its_ceiling_is_noted_and_not_read(void **state)
{
	struct fixture *f = *state;
	struct entry    entry = {.path = SLICE_LIT("etc/os-release"), .type = PATH_FILE, .size = 1 << 20};

	assert_int_equal(dispatch_begin(f->d, &entry, SLICE_LIT(ID("a"))), DISPATCH_NOTHING);
	assert_listing(
		f, "note partial etc/os-release: body_bytes_max: os-release: 1048576 bytes, at most 262144 are read\n");
}

static void a_body_that_cannot_be_had_is_noted_by_what_it_was_for(void **state)
{
	struct fixture *f = *state;
	struct entry    entry = {.path = SLICE_LIT("var/lib/dpkg/status"), .type = PATH_FILE, .size = 9};

	assert_int_equal(dispatch_begin(f->d, &entry, SLICE_EMPTY), DISPATCH_WHOLE);
	dispatch_give_up(f->d, "spool_bytes_max: no room");
	entry.path = SLICE_LIT("var/lib/dpkg/info/x.list");
	assert_int_equal(dispatch_begin(f->d, &entry, SLICE_EMPTY), DISPATCH_WHOLE);
	dispatch_give_up(f->d, "spool_bytes_max: no room");
	assert_listing(f, "note partial var/lib/dpkg/status: spool_bytes_max: no room\n"
			  "note skipped var/lib/dpkg/info/x.list: spool_bytes_max: no room\n");
}

static void read_fixture(const char *name, struct buf *out)
{
	char path[1024];

	snprintf(path, sizeof(path),
		 TEST_DATA_DIR "/analyze/rpm-sqlite/the_wal_is_laid_over/layer/usr/lib/sysimage/rpm/%s", name);
	buf_init(out, 1 << 20);
	assert_int_equal(file_read(path, out, NULL), 0);
}

/* Writes `bytes` into the spool at `offset` and hands them over as a body that lies there. */
static enum dispatch_verdict spooled(struct dispatch *d, int fd, const char *path, struct slice bytes, uint64_t offset)
{
	struct entry         entry = {.path = slice_str(path), .type = PATH_FILE, .size = bytes.len};
	struct dispatch_body body = {.bytes = bytes, .spooled = true, .spool_offset = offset};

	assert_int_equal(pwrite(fd, bytes.ptr, bytes.len, (off_t)offset), bytes.len);
	assert_int_equal(dispatch_begin(d, &entry, bytes), DISPATCH_WHOLE);
	return dispatch_finish(d, &body);
}

static void spooled_companions_wait_for_the_end_of_the_layer(void **state)
{
	struct inventory inv;
	struct buf       main, wal;
	int              fd = file_open_unlinked("/tmp", NULL);
	struct dispatch *d;

	(void)state;
	assert_true(fd >= 0);
	read_fixture("rpmdb.sqlite", &main);
	read_fixture("rpmdb.sqlite-wal", &wal);
	inventory_init(&inv);
	d = dispatch_new(&inv, fd, NULL, NULL);
	assert_int_equal(spooled(d, fd, "var/lib/rpm/rpmdb.sqlite-wal", buf_slice(&wal), 77), DISPATCH_KEPT);
	assert_int_equal(spooled(d, fd, "var/lib/rpm/rpmdb.sqlite", buf_slice(&main), 77 + wal.len), DISPATCH_KEPT);
	assert_int_equal(inv.dbs_count, 0);
	assert_int_equal(dispatch_end(d, NULL), 0);
	assert_int_equal(inv.dbs_count, 1);
	assert_int_equal(inv.dbs[0].packages_count, 3);
	assert_int_equal(inv.notes_count, 0);
	dispatch_free(d);
	inventory_deinit(&inv);
	buf_deinit(&main);
	buf_deinit(&wal);
	close(fd);
}

static void a_replaced_companion_counts_no_more(void **state)
{
	struct fixture *f = *state;
	struct buf      main, wal;

	read_fixture("rpmdb.sqlite", &main);
	read_fixture("rpmdb.sqlite-wal", &wal);
	analyze_file(f->d, "var/lib/rpm/rpmdb.sqlite", 0644, buf_slice(&main));
	analyze_file(f->d, "var/lib/rpm/rpmdb.sqlite-wal", 0644, buf_slice(&wal));
	other(f, PATH_SYMLINK, "var/lib/rpm/rpmdb.sqlite-wal", "x");
	assert_int_equal(dispatch_end(f->d, NULL), 0);
	assert_int_equal(f->inv.dbs[0].packages_count, 1);
	assert_int_equal(f->inv.notes_count, 0);
	buf_deinit(&main);
	buf_deinit(&wal);
}

/* As many turns as there are names: passing the content on must not touch the names that are left. */
static void a_content_outlives_many_names(void **state)
{
	enum { NAMES = 60000 };
	struct fixture *f = *state;
	char            name[32];

	file(f, "etc/os-release", ID("a"));
	for (int i = 0; i <= NAMES; i++) {
		snprintf(name, sizeof(name), "x/%d", i);
		other(f, PATH_HARDLINK, name, "etc/os-release");
	}
	other(f, PATH_DIRECTORY, "etc/os-release", "");
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "x/%d", i);
		other(f, PATH_OTHER, name, "");
	}
	assert_listing(f, "os x/60000 by_magic id=a pretty_name=a\n");
}

static void a_waiting_database_that_lost_its_name_counts_by_its_content(void **state)
{
	struct fixture *f = *state;
	struct buf      main;

	read_fixture("rpmdb.sqlite", &main);
	analyze_file(f->d, "var/lib/rpm/rpmdb.sqlite", 0644, buf_slice(&main));
	other(f, PATH_HARDLINK, "backup", "var/lib/rpm/rpmdb.sqlite");
	other(f, PATH_OTHER, "var/lib/rpm/rpmdb.sqlite", "");
	assert_int_equal(dispatch_end(f->d, NULL), 0);
	assert_int_equal(f->inv.dbs_count, 1);
	assert_slice_equal(f->inv.dbs[0].path, "backup");
	assert_true(f->inv.dbs[0].by_magic);
	buf_deinit(&main);
}

/* Each body stays under a link of its own while the next takes its first name. */
static void bodies_that_wait_for_companions_have_a_ceiling(void **state)
{
	struct fixture *f = *state;
	size_t          size = LIMIT_BODY_MEMORY_BYTES, kept = LIMIT_PENDING_BYTES / size;
	uint8_t        *zeros = calloc(1, size);
	char            name[32];

	for (size_t i = 0; i <= kept; i++) {
		analyze_file(f->d, "var/lib/rpm/rpmdb.sqlite", 0644, slice_of(zeros, size));
		snprintf(name, sizeof(name), "x%zu", i);
		other(f, PATH_HARDLINK, name, "var/lib/rpm/rpmdb.sqlite");
	}
	free(zeros);
	assert_int_equal(f->inv.notes_count, 1);
	assert_int_equal(f->inv.notes[0].kind, NOTE_PARTIAL);
	assert_true(slice_starts(f->inv.notes[0].reason, "pending_bytes_max: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_last_entry_of_a_path_wins),
		TEST(a_symlink_over_a_file_takes_its_facts),
		TEST(a_folder_that_becomes_a_file_loses_what_was_below),
		TEST(facts_come_back_after_a_replaced_folder),
		TEST(a_directory_over_a_directory_merges),
		TEST(whiteouts_and_opaque_marks_leave_their_own_layer_alone),
		TEST(a_link_under_an_evidence_name_is_handed_over),
		TEST(a_link_made_in_between_keeps_the_earlier_content),
		TEST(content_lives_until_its_last_link_is_gone),
		TEST(links_inside_a_removed_folder_are_gone),
		TEST(a_link_whose_content_was_never_read_is_noted_when_that_is_replaced),
		TEST(a_link_to_itself_changes_nothing),
		TEST(a_hard_link_with_a_body_is_a_file),
		TEST(executables_are_hashed_as_they_stream_past),
		TEST(a_body_beyond_its_ceiling_is_noted_and_not_read),
		TEST(a_body_that_cannot_be_had_is_noted_by_what_it_was_for),
		TEST(spooled_companions_wait_for_the_end_of_the_layer),
		TEST(a_replaced_companion_counts_no_more),
		TEST(a_content_outlives_many_names),
		TEST(a_waiting_database_that_lost_its_name_counts_by_its_content),
		TEST(bodies_that_wait_for_companions_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
