/* varve store check: every record is counted, a damaged one is found and the walk goes on behind it. */
#include "store/catalog.h"

#include <setjmp.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { JOBS = 50 };

struct seen {
	uint64_t jobs, damaged, bytes, tables;
};

static void on_table(void *data, const struct catalog_table_report *report)
{
	struct seen *seen = data;

	seen->tables++;
	seen->damaged += report->damaged;
	seen->bytes += report->bytes;
	if (strcmp(report->name, "jobs") == 0)
		seen->jobs = report->records;
}

static void fill(const char *dir)
{
	struct catalog_config config = {.map_bytes = 64 << 20};
	struct catalog       *catalog;
	struct err            err = {0};

	if (catalog_open(dir, &config, &catalog, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(catalog_begin(catalog, &err), 0);
	for (uint8_t i = 0; i < JOBS; i++) {
		struct job_record job = {.token = {i, 1},
					 .label =
						 i == 30 ? SLICE_LIT("the one that is damaged") : SLICE_LIT("a label")};

		assert_int_equal(catalog_job_new(catalog, &job, &err), 0);
	}
	assert_int_equal(catalog_commit(catalog, &err), 0);
	catalog_close(catalog);
}

/* One byte of the record of job 31 becomes another, in every copy of its page. */
static void damage(const char *dir)
{
	static const char label[] = "the one that is damaged";
	char              path[300];
	struct stat       info;
	char             *bytes;
	int               fd, found = 0;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0 && fstat(fd, &info) == 0);
	bytes = malloc((size_t)info.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)info.st_size, 0), info.st_size);
	for (char *at = bytes; at + sizeof(label) < bytes + info.st_size; at++)
		if (memcmp(at, label, sizeof(label) - 1) == 0)
			found += pwrite(fd, "X", 1, at - bytes) == 1;
	assert_true(found > 0);
	free(bytes);
	close(fd);
}

static struct seen check(const char *dir, bool read_values)
{
	struct catalog_config config = {.read_only = true, .map_bytes = 64 << 20};
	struct catalog       *catalog;
	struct seen           seen = {0};
	struct err            err = {0};

	if (catalog_open(dir, &config, &catalog, &err) != 0)
		fail_msg("%s", err.text);
	if (catalog_check(catalog, read_values, on_table, &seen, &err) != 0)
		fail_msg("%s", err.text);
	catalog_close(catalog);
	return seen;
}

static void damaged_record_is_found_and_the_rest_is_read(void **state)
{
	char        dir[] = "/tmp/varve-check-XXXXXX", command[64];
	struct seen seen;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fill(dir);
	seen = check(dir, true);
	assert_int_equal(seen.jobs, JOBS);
	assert_int_equal(seen.damaged, 0);
	assert_true(seen.bytes > JOBS * 7);
	damage(dir);
	seen = check(dir, true);
	assert_int_equal(seen.damaged, 1);
	assert_int_equal(seen.jobs, JOBS);
	seen = check(dir, false);
	assert_int_equal(seen.damaged, 0);
	assert_int_equal(seen.jobs, JOBS);
	assert_true(seen.tables >= 21);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_record_is_found_and_the_rest_is_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
