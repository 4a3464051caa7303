#include "bench_broker/bench_start.h"

#include "bench_broker/bench_die.h"
#include "bench_broker/bench_serve.h"

#include "base/clock.h"
#include "base/rng.h"
#include "store/catalog.h"
#include "wire/protocol.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PER_COMMIT = 10000, TASK_WAIT_MS = 600000 };

static void commit(struct catalog *catalog)
{
	struct err err = {0};

	if (catalog_commit(catalog, &err) < 0 || catalog_begin(catalog, &err) < 0)
		bench_die("%s", err.text);
}

static void put_layer(struct catalog *catalog, struct rng *rng)
{
	struct layer_key    key = {.set = catalog_set_id(SLICE_LIT("bench/1"))};
	struct layer_record record = {.blob_bytes = 1000000,
				      .tar_bytes = 3000000,
				      .entries = 10,
				      .files_analyzed = 1,
				      .reusable = true,
				      .scanned_ms = clock_unix_ms()};
	struct err          err = {0};
	bool                again;

	for (size_t at = 0; at < SHA256_BYTES; at += 8) {
		uint64_t a = rng_next(rng), b = rng_next(rng);

		memcpy(key.digest.bytes + at, &a, 8);
		memcpy(record.diff_id.bytes + at, &b, 8);
	}
	record.inventory = key.digest;
	if (catalog_count_start(catalog, &key, FLEET_RETRIED_OWNER_DIED, &again, &err) < 0 ||
	    catalog_layer_put(catalog, &key, &record, SLICE_LIT("inventory"), SLICE_LIT("paths"), &err) < 0)
		bench_die("%s", err.text);
}

static void put_job(struct catalog *catalog, uint64_t references)
{
	struct job_record job = {.label = SLICE_LIT("bench"),
				 .platform = SLICE_LIT("linux/amd64"),
				 .state = JOB_RUNNING,
				 .priority = WIRE_PRIORITY_BULK,
				 .submitted_ms = clock_unix_ms(),
				 .owner = catalog_owner(catalog),
				 .references_closed = true,
				 .references_count = references,
				 .failed_indexed = true,
				 .token = "bench"};
	struct err        err = {0};
	struct rng        rng = rng_seeded(references);
	char              text[64];
	bool              added;

	if (catalog_job_new(catalog, &job, &err) < 0)
		bench_die("%s", err.text);
	for (uint64_t i = 0; i < references; i++) {
		snprintf(text, sizeof(text), "docker://bench.example/bulk:%" PRIu64, i);
		if (catalog_reference_add(catalog, job.job, i, slice_str(text), &added, &err) < 0 ||
		    catalog_job_layer_put(catalog, job.job, rng_next(&rng), &err) < 0)
			bench_die("%s", err.text);
		if (i % PER_COMMIT == PER_COMMIT - 1)
			commit(catalog);
	}
}

void start_make(const char *folder, uint64_t layers, uint64_t references)
{
	const struct catalog_config config = {0};
	struct rng                  rng = rng_seeded(layers);
	struct catalog             *catalog;
	struct err                  err = {0};
	char                        store[400];

	snprintf(store, sizeof(store), "%s/store", folder);
	if (catalog_open(store, &config, &catalog, &err) < 0 || catalog_begin(catalog, &err) < 0)
		bench_die("%s", err.text);
	for (uint64_t i = 0; i < layers; i++) {
		put_layer(catalog, &rng);
		if (i % PER_COMMIT == PER_COMMIT - 1)
			commit(catalog);
	}
	if (references)
		put_job(catalog, references);
	commit(catalog);
	catalog_abort(catalog);
	catalog_close(catalog);
}

static void drop_cached(const char *folder)
{
	char path[400];
	int  fd;

	snprintf(path, sizeof(path), "%s/store/data.mdb", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		bench_die("%s: cannot be dropped from the cache", path);
	close(fd);
}

/* A worker with one slot for listings and images, and none for layers: what it gets first is the job's. */
static uint64_t wait_task(const struct served *served)
{
	const struct fleet_config config = {.context = served->context,
					    .endpoint = served->endpoint,
					    .workers = 1,
					    .light_slots = 1,
					    .layers_per_image = 1};
	struct fleet              fleet;
	uint64_t                  now, deadline = clock_ms() + TASK_WAIT_MS;

	fleet_start(&fleet, &config);
	while (!atomic_load(&fleet.resolved)) {
		if (clock_ms() > deadline)
			bench_die("the job does not go on");
		clock_sleep_ms(1);
	}
	now = clock_ns();
	fleet_stop(&fleet);
	fleet_free(&fleet);
	return now;
}

void start_measure(const char *folder, const char *program, const char *what, bool job, bool cold,
		   struct report_start *out)
{
	struct served served;
	uint64_t      start;

	*out = (struct report_start){.what = what};
	if (cold)
		drop_cached(folder);
	start = clock_ns();
	serve_start(&served, program, folder);
	out->ready_ms = (double)served.ready_ns / 1e6;
	if (job)
		out->task_ms = (double)(wait_task(&served) - start) / 1e6;
	out->anon_bytes = serve_anon_bytes(&served);
	serve_stop(&served);
}
