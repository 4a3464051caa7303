/* Budgets of archives within archives: what is damaged costs as much as what is good, and counts as much. */
#include "lib/check.h"

#include "analyze/nested_archive.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void u16(struct buf *out, unsigned value)
{
	buf_byte(out, (uint8_t)value);
	buf_byte(out, (uint8_t)(value >> 8));
}

static void u32(struct buf *out, size_t value)
{
	u16(out, value & 0xffff);
	u16(out, (unsigned)(value >> 16));
}

/* What the local header and the directory have in common, from the flags to the lengths. */
static void describe(struct buf *out, unsigned method, size_t packed, const char *name)
{
	u16(out, 0); /* flags */
	u16(out, method);
	u32(out, 0); /* time */
	u32(out, 0); /* CRC */
	u32(out, packed);
	u32(out, packed); /* what it says of its unpacked length is not believed */
	u16(out, (unsigned)strlen(name));
	u16(out, 0);
}

struct writer {
	struct buf out, directory;
	size_t     entries;
};

static void writer_init(struct writer *w)
{
	*w = (struct writer){0};
	buf_init(&w->out, 1u << 30);
	buf_init(&w->directory, 1u << 30);
}

/* A body, which the directory names `times` times. */
static void add(struct writer *w, const char *name, unsigned method, struct slice body, size_t times)
{
	size_t offset = w->out.len;

	buf_str(&w->out, "PK\3\4");
	u16(&w->out, 20);
	describe(&w->out, method, body.len, name);
	buf_str(&w->out, name);
	buf_append(&w->out, body);
	for (size_t i = 0; i < times; i++) {
		buf_str(&w->directory, "PK\1\2");
		u32(&w->directory, 20);
		describe(&w->directory, method, body.len, name);
		u32(&w->directory, 0); /* comment, disk */
		u16(&w->directory, 0);
		u32(&w->directory, 0); /* attributes */
		u32(&w->directory, offset);
		buf_str(&w->directory, name);
	}
	w->entries += times;
}

static struct slice finish(struct writer *w)
{
	size_t start = w->out.len;

	buf_append(&w->out, buf_slice(&w->directory));
	buf_deinit(&w->directory);
	buf_str(&w->out, "PK\5\6");
	u32(&w->out, 0);
	u16(&w->out, w->entries & 0xffff);
	u16(&w->out, w->entries & 0xffff);
	u32(&w->out, w->out.len - 12 - start);
	u32(&w->out, start);
	u16(&w->out, 0);
	assert_true(buf_ok(&w->out));
	return buf_slice(&w->out);
}

/* So many zeros, deflated raw. */
static void deflate_zeros(size_t count, struct buf *out)
{
	z_stream z = {0};
	uint8_t *zeros = calloc(1, count);

	assert_non_null(zeros);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
	buf_init(out, deflateBound(&z, count));
	z.next_in = zeros;
	z.avail_in = (uInt)count;
	z.next_out = buf_reserve(out, out->bytes_max);
	z.avail_out = (uInt)out->bytes_max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_commit(out, z.total_out);
	deflateEnd(&z);
	free(zeros);
}

/* --- a visitor that counts --- */

struct seen {
	size_t begun, ended, members;
};

static bool is_archive(struct slice name)
{
	return slice_ends(name, ".jar");
}

static void begin(void *data, struct slice name)
{
	(void)name;
	((struct seen *)data)->begun++;
}

static bool wants(void *data, struct slice name)
{
	(void)data;
	(void)name;
	return true;
}

static void member(void *data, struct slice name, struct slice body)
{
	(void)name;
	(void)body;
	((struct seen *)data)->members++;
}

static void end(void *data)
{
	((struct seen *)data)->ended++;
}

static struct seen walk(struct slice zip, struct inventory *inv)
{
	struct seen           seen = {0};
	struct nested_visitor visitor = {
		.data = &seen, .is_archive = is_archive, .begin = begin, .wants = wants, .member = member, .end = end};

	inventory_init(inv);
	assert_int_equal(nested_archive_walk(SLICE_LIT("app.jar"), zip, &visitor, inv, NULL), 0);
	assert_int_equal(seen.begun, seen.ended);
	return seen;
}

static size_t notes(const struct inventory *inv, const char *start)
{
	size_t count = 0;

	for (size_t i = 0; i < inv->notes_count; i++)
		count += slice_starts(inv->notes[i].reason, start);
	return count;
}

/* --- tests --- */

/* Each unpacks 48 MiB and is then too long: 4 GiB in all is the ceiling, however they end. */
static void members_that_fail_count_against_the_bytes(void **state)
{
	struct inventory inv;
	struct writer    zip;
	struct buf       body;
	struct seen      seen;

	(void)state;
	deflate_zeros(LIMIT_NESTED_HELD_BYTES + 1, &body);
	writer_init(&zip);
	add(&zip, "in.jar", 8, buf_slice(&body), LIMIT_NESTED_BYTES / LIMIT_NESTED_HELD_BYTES + 20);
	seen = walk(finish(&zip), &inv);
	assert_int_equal(seen.begun, 1);
	assert_int_equal(notes(&inv, "nested_bytes_max"), 1);
	inventory_deinit(&inv);
	buf_deinit(&zip.out);
	buf_deinit(&body);
}

/* Bytes that may be read and give nothing: here they end at the first. */
static void bytes_that_give_nothing_count_too(void **state)
{
	enum { BODY = 32 << 20 };
	struct inventory inv;
	struct writer    zip;
	struct slice     bytes;
	uint8_t         *body = malloc(BODY);

	(void)state;
	assert_non_null(body);
	memset(body, 0xff, BODY);
	writer_init(&zip);
	add(&zip, "a", 8, slice_of(body, BODY), LIMIT_NESTED_BYTES / BODY + 20);
	bytes = finish(&zip);
	assert_int_equal(walk(bytes, &inv).members, 0);
	assert_int_equal(notes(&inv, "nested_bytes_max"), 1);
	inventory_deinit(&inv);
	buf_deinit(&zip.out);
	free(body);
}

static void archives_that_are_none_count_against_their_number(void **state)
{
	struct inventory inv;
	struct writer    inner, zip;
	struct slice     good;
	struct seen      seen;

	(void)state;
	writer_init(&inner);
	add(&inner, "a", 0, SLICE_LIT("text"), 1);
	good = finish(&inner);
	for (size_t more = 0; more < 2; more++) {
		writer_init(&zip);
		add(&zip, "no.jar", 0, SLICE_LIT("none"), LIMIT_NESTED_ARCHIVES - 2 + more); /* the outer one counts */
		add(&zip, "in.jar", 0, good, 1);
		seen = walk(finish(&zip), &inv);
		assert_int_equal(seen.begun, more ? 1 : 2);
		assert_int_equal(seen.members, more ? 0 : 1);
		inventory_deinit(&inv);
		buf_deinit(&zip.out);
	}
	buf_deinit(&inner.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_that_fail_count_against_the_bytes),
		cmocka_unit_test(bytes_that_give_nothing_count_too),
		cmocka_unit_test(archives_that_are_none_count_against_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
