#include "bench_broker/bench_floor.h"

#include "bench_broker/bench_die.h"
#include "bench_broker/bench_fleet.h"

#include "base/clock.h"
#include "base/rng.h"
#include "store/catalog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PUT_BYTES = 200, PAGE = 4096, PAGES = 64 };

void floor_sync(const char *folder, unsigned rounds, struct floor_sync *out)
{
	struct fleet_samples samples = {0};
	char                 path[400], page[PAGE];
	int                  fd;

	snprintf(path, sizeof(path), "%s/sync", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	memset(page, 'v', sizeof(page));
	for (unsigned i = 0; fd >= 0 && i < PAGES; i++)
		if (pwrite(fd, page, PAGE, (off_t)i * PAGE) != PAGE)
			bench_die("%s: cannot be written", path);
	if (fd < 0 || fsync(fd) < 0)
		bench_die("%s: cannot be written", path);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t start = clock_ns();

		if (pwrite(fd, page, PAGE, (off_t)(i % PAGES) * PAGE) != PAGE || fdatasync(fd) < 0)
			bench_die("%s: cannot be written", path);
		fleet_samples_add(&samples, clock_ns() - start);
	}
	close(fd);
	unlink(path);
	fleet_samples_sort(&samples);
	*out = (struct floor_sync){fleet_samples_at(&samples, 0.5), fleet_samples_at(&samples, 0.99)};
	fleet_samples_free(&samples);
}

static void put_some(struct db *db, struct rng *rng, unsigned rows, unsigned count)
{
	uint8_t        value[PUT_BYTES];
	struct db_txn *txn;
	struct err     err = {0};

	if (db_begin(db, true, &txn, &err) < 0)
		bench_die("%s", err.text);
	for (unsigned i = 0; i < count; i++) {
		uint64_t       number = rng_below(rng, rows);
		struct rng     name = rng_seeded(number);
		const uint64_t key[] = {rng_next(&name), rng_next(&name), rng_next(&name), rng_next(&name)};

		memset(value, (int)(number & 0xff), sizeof(value));
		if (db_put(txn, 0, slice_of(key, sizeof(key)), slice_of(value, sizeof(value)), &err) < 0)
			bench_die("%s", err.text);
	}
	if (db_commit(txn, &err) < 0)
		bench_die("%s", err.text);
}

double floor_puts(const char *folder, unsigned rows, unsigned batch, unsigned puts)
{
	static const char *const tables[] = {"puts", NULL};
	const struct db_config   config = {.tables = tables, .kind = "bench", .version = 1};
	struct rng               rng = rng_seeded(batch);
	struct db               *db;
	char                     path[400];
	struct err               err = {0};
	uint64_t                 start;
	double                   seconds;

	snprintf(path, sizeof(path), "%s/puts", folder);
	if (db_open(path, &config, &db, &err) < 0)
		bench_die("%s", err.text);
	start = clock_ns();
	for (unsigned done = 0; done < puts; done += batch)
		put_some(db, &rng, rows, batch);
	seconds = (double)(clock_ns() - start) / 1e9;
	db_close(db);
	return (double)((puts + batch - 1) / batch * batch) / seconds;
}

struct one_task {
	struct layer_key key;
	struct digest    diff_id;
};

static struct one_task task_of(uint64_t seed, uint64_t number)
{
	struct rng      rng = rng_seeded(seed + number * 0x9e3779b97f4a7c15u);
	struct one_task task = {.key.set = 1};

	for (size_t at = 0; at < SHA256_BYTES; at += 8) {
		uint64_t a = rng_next(&rng), b = rng_next(&rng);

		memcpy(task.key.digest.bytes + at, &a, 8);
		memcpy(task.diff_id.bytes + at, &b, 8);
	}
	return task;
}

static int run_task(struct catalog *catalog, const struct one_task *task, struct slice inventory,
		    struct slice path_table, struct err *err)
{
	const struct layer_record record = {.diff_id = task->diff_id,
					    .blob_bytes = 1000000,
					    .tar_bytes = 3000000,
					    .entries = 10,
					    .files_analyzed = 1,
					    .reusable = true,
					    .inventory = task->key.digest,
					    .scanned_ms = clock_unix_ms()};
	struct claim              claim;
	bool                      again;
	int                       status = catalog_claim(catalog, &task->key, &task->diff_id, false, &claim, err);

	if (status >= 0)
		status = catalog_count_start(catalog, &task->key, FLEET_RETRIED_OWNER_DIED, &again, err);
	if (status >= 0)
		status = catalog_layer_put(catalog, &task->key, &record, inventory, path_table, err);
	return status < 0 ? status : catalog_release(catalog, &task->key, err);
}

double floor_catalog(const char *folder, unsigned batch, unsigned tasks, struct slice inventory,
		     struct slice path_table)
{
	const struct catalog_config config = {0};
	struct catalog             *catalog;
	char                        path[400];
	struct err                  err = {0};
	uint64_t                    start, seed = random_seed();
	double                      seconds;
	int                         status;

	snprintf(path, sizeof(path), "%s/catalog", folder);
	if (catalog_open(path, &config, &catalog, &err) < 0)
		bench_die("%s", err.text);
	start = clock_ns();
	for (unsigned done = 0; done < tasks; done += batch) {
		status = catalog_begin(catalog, &err);
		for (unsigned i = 0; i < batch && status >= 0; i++) {
			struct one_task task = task_of(seed, done + i);

			status = run_task(catalog, &task, inventory, path_table, &err);
		}
		if (status < 0 || catalog_commit(catalog, &err) < 0)
			bench_die("%s", err.text);
	}
	seconds = (double)(clock_ns() - start) / 1e9;
	catalog_close(catalog);
	return (double)((tasks + batch - 1) / batch * batch) / seconds;
}
