/* rootfs: a folder becomes a tar that base/archive.h reads back; nothing outside is followed, nothing is opened that
 * should not be; overlay upper directories keep their whiteouts. */
#include "lib/check.h"

#include "base/archive.h"
#include "base/limits.h"
#include "lib/local_fixture.h"
#include "source/rootfs.h"
#include "source/tar_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct tree {
	char folder[FIXTURE_PATH_BYTES];
	char outside[FIXTURE_PATH_BYTES];
};

static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	fixture_folder(t->folder);
	fixture_folder(t->outside);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;

	fixture_remove(t->folder);
	fixture_remove(t->outside);
	free(t);
	return 0;
}

/* One line per member, sorted: "TYPE name [-> target] [= body] [! reason]". */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum { LINES_MAX = 700, LINE_BYTES = 6000 };

static void describe(struct archive_reader *reader, const struct archive_member *member, char *line)
{
	static const char types[] = {[MEMBER_FILE] = 'f',
				     [MEMBER_DIRECTORY] = 'd',
				     [MEMBER_SYMLINK] = 'l',
				     [MEMBER_HARDLINK] = 'h',
				     [MEMBER_OTHER] = 'o'};
	struct buf        body;
	struct slice      block;
	int               len = snprintf(line, LINE_BYTES, "%c %.*s", types[member->type], SLICE_FMT(member->name));

	buf_init(&body, 64 << 20);
	while (archive_reader_body(reader, &block, NULL) == STREAM_BLOCK)
		buf_append(&body, block);
	assert_int_equal(body.len, member->size);
	if (member->target.len)
		len += snprintf(line + len, LINE_BYTES - (size_t)len, " -> %.*s", SLICE_FMT(member->target));
	if (body.len)
		len += snprintf(line + len, LINE_BYTES - (size_t)len, " = %.*s", (int)(body.len < 40 ? body.len : 40),
				(char *)body.ptr);
	if (member->unreadable.len)
		snprintf(line + len, LINE_BYTES - (size_t)len, " ! %.*s", SLICE_FMT(member->unreadable));
	buf_deinit(&body);
}

/* All lines in one text; the caller frees it. */
static char *listing(const char *folder)
{
	struct err             err = {0};
	struct stream         *stream = rootfs_open(folder, &err);
	struct archive_reader *reader = stream ? archive_reader_new(stream, ARCHIVE_KIND_TAR, &err) : NULL;
	struct archive_member  member;
	char                  *lines[LINES_MAX], *text = calloc(LINES_MAX, LINE_BYTES);
	size_t                 count = 0, at = 0;
	bool                   surplus = true;
	int                    status;

	if (!reader)
		fail_msg("%s", err.text);
	while ((status = archive_reader_next(reader, &member, &err)) == 1) {
		assert_true(count < LINES_MAX);
		lines[count] = malloc(LINE_BYTES);
		describe(reader, &member, lines[count++]);
	}
	if (status || archive_reader_finish(reader, &surplus, &err))
		fail_msg("%s", err.text);
	assert_false(surplus);
	qsort(lines, count, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		at += (size_t)snprintf(text + at, LINE_BYTES, "%s\n", lines[i]);
		free(lines[i]);
	}
	archive_reader_free(reader);
	stream_close(stream);
	return text;
}

static void expect(const struct tree *t, const char *lines)
{
	char *text = listing(t->folder);

	assert_string_equal(text, lines);
	free(text);
}

static void make_link(const struct tree *t, const char *name, const char *target)
{
	char path[FIXTURE_PATH_BYTES + 100];

	snprintf(path, sizeof(path), "%s/%s", t->folder, name);
	assert_int_equal(symlink(target, path), 0);
}

static void files_folders_and_links_are_entries(void **state)
{
	struct tree *t = *state;

	fixture_write_text(t->folder, "etc/os-release", "ID=x");
	fixture_write_text(t->folder, "empty", "");
	make_link(t, "lib", "usr/lib");
	expect(t, "d etc\nf empty\nf etc/os-release = ID=x\nl lib -> usr/lib\n");
}

static void an_empty_folder_is_an_empty_tar(void **state)
{
	expect(*state, "");
}

static void links_that_lead_outside_are_not_followed(void **state)
{
	struct tree *t = *state;
	char         expected[FIXTURE_PATH_BYTES + 200];

	fixture_write_text(t->outside, "secret", "password");
	make_link(t, "dir", t->outside);
	make_link(t, "file", "/etc/passwd");
	make_link(t, "loop", "loop");
	snprintf(expected, sizeof(expected), "l dir -> %s\nl file -> /etc/passwd\nl loop -> loop\n", t->outside);
	expect(t, expected);
}

static void fifos_and_sockets_are_never_opened(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES + 20];

	snprintf(path, sizeof(path), "%s/fifo", t->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect(t, "o fifo\n");
}

static void long_and_odd_names_pass(void **state)
{
	struct tree *t = *state;
	char         name[256], target[300], expected[2000];

	memset(name, 'n', sizeof(name));
	memcpy(name,
	       "\xff\xfe"
	       "odd/",
	       6);
	name[210] = '\0';
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	fixture_write_text(t->folder, name, "body");
	make_link(t, "link", target);
	snprintf(expected, sizeof(expected), "d \xff\xfeodd\nf %s = body\nl link -> %s\n", name, target);
	expect(t, expected);
}

static void trees_deeper_than_the_limit_say_so(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES * 2], *text;
	size_t       len = 0;

	for (unsigned i = 0; i < LIMIT_PATH_DEPTH + 10; i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "d/");
	snprintf(path + len, sizeof(path) - len, "x");
	fixture_write_text(t->folder, path, "deep");
	text = listing(t->folder);
	assert_non_null(strstr(text, "! not entered: deeper than"));
	assert_null(strstr(text, "deep\n"));
	free(text);
}

static void unreadable_files_are_told_from_empty_ones(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES + 20];

	if (geteuid() == 0) {
		struct buf        out;
		struct tar_header header = {.type = TAR_FILE, .name = SLICE_LIT("f"), .unreadable = "reason"};

		/* root reads everything: at least the header says it */
		buf_init(&out, 1 << 16);
		tar_write_header(&out, &header);
		assert_true(slice_find_str(buf_slice(&out), "SCHILY.xattr.user.varve.unreadable=reason\n") != SIZE_MAX);
		buf_deinit(&out);
		return;
	}
	fixture_write_text(t->folder, "status", "secret");
	snprintf(path, sizeof(path), "%s/status", t->folder);
	chmod(path, 0);
	snprintf(path, sizeof(path), "%s/closed", t->folder);
	mkdir(path, 0);
	expect(t, "d closed ! opening it: Permission denied\nf status ! opening it: Permission denied\n");
	chmod(path, 0700);
}

static void huge_files_are_not_sent(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES + 20];

	fixture_write_text(t->folder, "lastlog", "");
	snprintf(path, sizeof(path), "%s/lastlog", t->folder);
	if (truncate(path, (off_t)LIMIT_SPOOL_BYTES + 1) != 0)
		skip();
	expect(t, "f lastlog ! larger than LIMIT_SPOOL_BYTES\n");
}

static void large_bodies_come_whole(void **state)
{
	struct tree *t = *state;
	struct buf   body;
	char        *text;

	buf_init(&body, 2 << 20);
	for (int i = 0; i < 700001; i++)
		buf_byte(&body, 'b');
	fixture_write(t->folder, "big", buf_slice(&body));
	text = listing(t->folder);
	assert_string_equal(text, "f big = bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n");
	free(text);
	buf_deinit(&body);
}

static void overlay_whiteouts_become_whiteouts(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES + 20];

	snprintf(path, sizeof(path), "%s/gone", t->folder);
	if (mknod(path, S_IFCHR | 0600, makedev(0, 0)) != 0) {
		print_message("SKIP overlay_whiteouts_become_whiteouts: devices 0:0 cannot be made here\n");
		skip();
	}
	fixture_write_text(t->folder, "d/x", "");
	expect(t, "d d\nf .wh.gone\nf d/x\n");
}

static void overlay_opaque_folders_become_opaque_marks(void **state)
{
	struct tree *t = *state;
	char         path[FIXTURE_PATH_BYTES + 20];

	fixture_write_text(t->folder, "d/x", "");
	snprintf(path, sizeof(path), "%s/d", t->folder);
	if (setxattr(path, "user.overlay.opaque", "y", 1, 0) != 0) {
		print_message("SKIP overlay_opaque_folders_become_opaque_marks: no user attributes here\n");
		skip();
	}
	expect(t, "d d\nf d/.wh..wh..opq\nf d/x\n");
}

static void a_missing_root_is_an_error(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(rootfs_open("/nonexistent/folder", &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	err_clear(&err);
	assert_null(rootfs_open("/etc/passwd", &err));
	assert_int_equal(err.code, ERR_IO);
}

static void streams_may_be_closed_at_any_point(void **state)
{
	struct tree   *t = *state;
	struct slice   block;
	struct stream *stream;

	fixture_write_text(t->folder, "a/b/c", "body");
	for (int blocks = 0; blocks < 6; blocks++) {
		stream = rootfs_open(t->folder, NULL);
		for (int i = 0; i < blocks; i++)
			assert_int_equal(stream_next(stream, &block, NULL), STREAM_BLOCK);
		stream_close(stream);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(files_folders_and_links_are_entries),
		TEST(an_empty_folder_is_an_empty_tar),
		TEST(links_that_lead_outside_are_not_followed),
		TEST(fifos_and_sockets_are_never_opened),
		TEST(long_and_odd_names_pass),
		TEST(trees_deeper_than_the_limit_say_so),
		TEST(unreadable_files_are_told_from_empty_ones),
		TEST(huge_files_are_not_sent),
		TEST(large_bodies_come_whole),
		TEST(overlay_whiteouts_become_whiteouts),
		TEST(overlay_opaque_folders_become_opaque_marks),
		TEST(a_missing_root_is_an_error),
		TEST(streams_may_be_closed_at_any_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
