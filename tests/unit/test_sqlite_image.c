/* SQLite on borrowed bytes: several threads at once, files cut anywhere, pages out of the write-ahead log. */
#include "lib/check.h"

#include "analyze/sqlite_image.h"
#include "base/file.h"

#include <pthread.h>
#include <string.h>

#define FIXTURE TEST_DATA_DIR "/analyze/rpm-sqlite/the_wal_is_laid_over/layer/usr/lib/sysimage/rpm/rpmdb.sqlite"

enum { THREADS = 4, ROUNDS = 25 };

struct files {
	struct buf main, wal;
};

static void read_files(struct files *files)
{
	buf_init(&files->main, 1 << 20);
	buf_init(&files->wal, 1 << 20);
	assert_int_equal(file_read(FIXTURE, &files->main, NULL), 0);
	assert_int_equal(file_read(FIXTURE "-wal", &files->wal, NULL), 0);
}

static void free_files(struct files *files)
{
	buf_deinit(&files->main);
	buf_deinit(&files->wal);
}

static void count_row(void *data, struct slice value)
{
	*(unsigned *)data += value.len > 0;
}

static int read_packages(struct slice bytes, const struct rpm_wal *wal, unsigned *rows)
{
	struct sqlite_image image = {.bytes = bytes, .wal = wal};
	struct sqlite_query query = {
		.table = "Packages", .column = "blob", .value_bytes_max = 1 << 20, .row = count_row, .data = rows};
	struct err err = {0};

	*rows = 0;
	return sqlite_image_read(&image, &query, &err);
}

static void *read_many_times(void *data)
{
	struct files *files = data;
	uintptr_t     good = 0;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned rows;

		good += read_packages(buf_slice(&files->main), NULL, &rows) == 0 && rows == 2;
	}
	return (void *)good; /* NOLINT: a count */
}

static void threads_read_beside_each_other(void **state)
{
	struct files files;
	pthread_t    threads[THREADS];

	(void)state;
	read_files(&files);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_many_times, &files), 0);
	for (int i = 0; i < THREADS; i++) {
		void *good;

		pthread_join(threads[i], &good);
		assert_int_equal((uintptr_t)good, ROUNDS);
	}
	free_files(&files);
}

static void pages_of_the_log_count_up_to_the_last_commit(void **state)
{
	struct files   files;
	struct arena   arena;
	struct rpm_wal wal;
	unsigned       rows;

	(void)state;
	read_files(&files);
	arena_init(&arena, 1 << 20);
	assert_int_equal(rpm_wal_read(&wal, buf_slice(&files.wal), 1024, &arena, NULL), 0);
	assert_true(wal.database_pages > files.main.len / 1024);
	assert_int_equal(rpm_wal_page(&wal, wal.database_pages).len, 1024);
	assert_int_equal(rpm_wal_page(&wal, wal.database_pages + 1).len, 0);
	assert_int_equal(read_packages(buf_slice(&files.main), &wal, &rows), 0);
	assert_int_equal(rows, 4);
	files.wal.ptr[32 + 24] ^= 1; /* the first frame's content: its sum and all later ones are wrong now */
	assert_int_equal(rpm_wal_read(&wal, buf_slice(&files.wal), 1024, &arena, NULL), 0);
	assert_int_equal(wal.database_pages, 0);
	arena_deinit(&arena);
	free_files(&files);
}

static void a_file_cut_anywhere_is_an_error_or_has_fewer_rows(void **state)
{
	struct files files;
	unsigned     rows;

	(void)state;
	read_files(&files);
	for (size_t len = 0; len < files.main.len; len += 97) {
		int rc = read_packages(slice_sub(buf_slice(&files.main), 0, len), NULL, &rows);

		assert_true(rc < 0 || rows <= 2);
	}
	free_files(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_read_beside_each_other),
		cmocka_unit_test(pages_of_the_log_count_up_to_the_last_commit),
		cmocka_unit_test(a_file_cut_anywhere_is_an_error_or_has_fewer_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
