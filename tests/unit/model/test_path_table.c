/* Path tables: order, the last entry of a path wins, runs merge to what one run would have been, damage is an error. */
#include "lib/check.h"

#include "base/limits.h"
#include "base/path.h"
#include "base/rng.h"
#include "model/path_table.h"

#include <stdlib.h>
#include <string.h>

static struct path_table_builder *builder_new(void)
{
	struct path_table_builder *builder = path_table_builder_new();

	assert_non_null(builder);
	return builder;
}

static void add(struct path_table_builder *builder, const char *path, enum path_type type, const char *target)
{
	struct path_entry entry = {.path = slice_str(path), .type = type, .target = slice_str(target)};

	assert_int_equal(path_table_add(builder, &entry, NULL), 0);
}

static struct buf finish(struct path_table_builder *builder)
{
	struct buf out;

	buf_init(&out, LIMIT_INVENTORY_BYTES);
	assert_int_equal(path_table_finish(builder, &out, NULL), 0);
	path_table_builder_free(builder);
	return out;
}

/* "path type target;" for each entry. */
static void assert_table(const struct buf *table, const char *expected)
{
	struct path_table_reader *reader = path_table_reader_new(buf_slice(table), NULL);
	struct path_entry         entry;
	struct buf                text;
	int                       more;

	assert_non_null(reader);
	buf_init(&text, 1 << 20);
	while ((more = path_table_next(reader, &entry, NULL)) == 1)
		buf_printf(&text, "%.*s %c%.*s;", SLICE_FMT(entry.path), "fdlhowO"[entry.type],
			   SLICE_FMT(entry.target));
	assert_int_equal(more, 0);
	buf_byte(&text, 0);
	assert_string_equal((const char *)text.ptr, expected);
	buf_deinit(&text);
	path_table_reader_free(reader);
}

static void entries_come_in_path_order(void **state)
{
	struct path_table_builder *builder = builder_new();
	struct buf                 table;

	(void)state;
	add(builder, "usr-x", PATH_FILE, "");
	add(builder, "usr/lib", PATH_DIRECTORY, "");
	add(builder, "lib", PATH_SYMLINK, "usr/lib");
	add(builder, "usr", PATH_DIRECTORY, "");
	add(builder, "usr/lib/a", PATH_HARDLINK, "usr/lib/b");
	add(builder, "dev/null", PATH_OTHER, "");
	table = finish(builder);
	assert_table(&table, "dev/null o;lib lusr/lib;usr d;usr/lib d;usr/lib/a husr/lib/b;usr-x f;");
	buf_deinit(&table);
}

static void the_last_of_a_path_wins_its_type_too(void **state)
{
	struct path_table_builder *builder = builder_new();
	struct buf                 table;

	(void)state;
	add(builder, "a", PATH_FILE, "");
	add(builder, "b", PATH_DIRECTORY, "");
	add(builder, "a", PATH_SYMLINK, "b");
	table = finish(builder);
	assert_table(&table, "a lb;b d;");
	buf_deinit(&table);
}

static void whiteout_and_opaque_stand_before_the_entry_of_their_path(void **state)
{
	struct path_table_builder *builder = builder_new();
	struct buf                 table;

	(void)state;
	add(builder, "etc", PATH_DIRECTORY, "");
	add(builder, "etc", PATH_OPAQUE, "");
	add(builder, "etc/x", PATH_FILE, "");
	add(builder, "etc/x", PATH_WHITEOUT, "");
	add(builder, "", PATH_OPAQUE, "");
	table = finish(builder);
	assert_table(&table, " O;etc O;etc d;etc/x w;etc/x f;");
	buf_deinit(&table);
}

static void an_empty_table_is_a_table(void **state)
{
	struct buf table = finish(builder_new());

	(void)state;
	assert_table(&table, "");
	buf_deinit(&table);
}

enum { MANY = 2500000 };

/* The same path comes again in later runs, so that entries of one path meet in merges of every level. */
static void runs_merge_and_the_newest_wins(void **state)
{
	struct path_table_builder *builder = builder_new();
	struct path_table_reader  *reader;
	struct path_entry          entry;
	struct rng                 rng = rng_seeded(7);
	uint8_t                   *newest = calloc(MANY, 1);
	size_t                     seen = 0, distinct = 0;
	char                       path[64], before[64] = "";
	struct buf                 table;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		size_t            k = (size_t)rng_below(&rng, MANY);
		enum path_type    type = (enum path_type)rng_below(&rng, 2);
		struct path_entry add_entry = {.type = type};

		snprintf(path, sizeof(path), "opt/d%03zu/n%zu", k % 500, k);
		add_entry.path = slice_str(path);
		assert_int_equal(path_table_add(builder, &add_entry, NULL), 0);
		distinct += newest[k] == 0;
		newest[k] = (uint8_t)(type + 1);
	}
	table = finish(builder);
	reader = path_table_reader_new(buf_slice(&table), NULL);
	while (path_table_next(reader, &entry, NULL) == 1) {
		size_t number;

		snprintf(path, sizeof(path), "%.*s", SLICE_FMT(entry.path));
		assert_true(path_cmp(slice_str(before), entry.path) < 0);
		number = strtoul(strrchr(path, 'n') + 1, NULL, 10);
		assert_int_equal(entry.type + 1, newest[number]);
		memcpy(before, path, sizeof(path));
		seen++;
	}
	assert_int_equal(seen, distinct);
	path_table_reader_free(reader);
	buf_deinit(&table);
	free(newest);
}

static void a_path_beyond_the_ceiling_is_refused(void **state)
{
	struct path_table_builder *builder = builder_new();
	char                      *path = malloc(LIMIT_PATH_BYTES + 1);
	struct path_entry          entry = {.path = slice_of(path, LIMIT_PATH_BYTES + 1)};

	(void)state;
	memset(path, 'a', LIMIT_PATH_BYTES + 1);
	assert_int_equal(path_table_add(builder, &entry, NULL), ERR_LIMIT);
	entry.path.len--;
	assert_int_equal(path_table_add(builder, &entry, NULL), 0);
	path_table_builder_free(builder);
	free(path);
}

static struct buf sample(void)
{
	struct path_table_builder *builder = builder_new();
	char                       path[64];

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "usr/share/d%u/file%u", i % 30, i);
		add(builder, path, i % 7 ? PATH_FILE : PATH_SYMLINK, i % 7 ? "" : "../target");
	}
	return finish(builder);
}

static int read_all(struct slice table)
{
	struct err                err = {0};
	struct path_table_reader *reader = path_table_reader_new(table, &err);
	struct path_entry         entry;
	int                       more = 1;

	while (reader && (more = path_table_next(reader, &entry, &err)) == 1)
		;
	path_table_reader_free(reader);
	return reader ? more : err.code;
}

static void every_cut_is_an_error(void **state)
{
	struct buf table = sample();

	(void)state;
	assert_int_equal(read_all(buf_slice(&table)), 0);
	for (size_t len = 0; len < table.len; len += 1 + len / 50)
		assert_int_equal(read_all(slice_of(table.ptr, len)), ERR_FORMAT);
	buf_byte(&table, 0);
	assert_int_equal(read_all(buf_slice(&table)), ERR_FORMAT);
	table.ptr[3]++;
	assert_int_equal(read_all(buf_slice(&table)), ERR_VERSION);
	buf_deinit(&table);
}

static void mutations_never_crash(void **state)
{
	struct buf table = sample();
	struct rng rng = rng_seeded(3);

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		size_t  at = (size_t)rng_below(&rng, i % 2 ? table.len : 64);
		uint8_t old = table.ptr[at];

		table.ptr[at] = (uint8_t)rng_next(&rng);
		read_all(buf_slice(&table));
		table.ptr[at] = old;
	}
	assert_int_equal(read_all(buf_slice(&table)), 0);
	buf_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_in_path_order),
		cmocka_unit_test(the_last_of_a_path_wins_its_type_too),
		cmocka_unit_test(whiteout_and_opaque_stand_before_the_entry_of_their_path),
		cmocka_unit_test(an_empty_table_is_a_table),
		cmocka_unit_test(runs_merge_and_the_newest_wins),
		cmocka_unit_test(a_path_beyond_the_ceiling_is_refused),
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(mutations_never_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
