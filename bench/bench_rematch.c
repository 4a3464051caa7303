/* bench_rematch.c - from a new generation of advisories to the last byte of what it has changed: bench_rematch [IMAGES [RECORDS]]
 * A store of so many images (10,000) in a fresh folder: 200 base images of 150 packages of Debian, each image with 150 packages of
 * npm and PyPI from a pool. So many advisories (100,000); then 1 % of them get another fix. Then questions (varve where).
 * bench/README.md. */
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "judge.h"
#include "lib/index_fixture.h"
#include "match/advisory_import.h"
#include "rematch.h"
#include "where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	BASES = 200,
	BASE_PACKAGES = 150,
	APP_PACKAGES = 150,
	OS_NAMES = 3000,
	APP_NAMES = 20000,
	VERSIONS = 12,
	CHUNK = 500
};

static struct rng rng;

static void must(int status, const struct err *err)
{
	if (status >= 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(4);
}

/* ---- advisories ---- */

static void put_record(struct buf *json, unsigned number, unsigned fixed)
{
	bool     os = number % 4 != 0;
	unsigned name = number * 7919u % (os ? OS_NAMES : APP_NAMES);

	buf_clear(json);
	buf_printf(
		json,
		"{\"id\":\"%s-2030-%u\",\"aliases\":[\"CVE-2030-%u\"],\"modified\":\"2030-01-0%uT00:00:00Z\","
		"\"summary\":"
		"\"something is wrong in %u\",\"database_specific\":{\"severity\":\"%s\"},\"affected\":[{\"package\":{"
		"\"ecosystem\":\"%s\",\"name\":\"%s%u\"},\"ranges\":[{\"type\":\"%s\",\"events\":[{\"introduced\":"
		"\"0\"},"
		"{\"fixed\":\"1.%u.0\"}]}]}]}",
		os ? "DEBIAN-CVE" : "GHSA-x", number, number, 1 + fixed % 9, number,
		number % 10 ? "medium" : "critical",
		os           ? "Debian:12"
		: number % 8 ? "npm"
			     : "PyPI",
		os ? "os" : "app", name,
		os           ? "ECOSYSTEM"
		: number % 8 ? "SEMVER"
			     : "ECOSYSTEM",
		fixed);
}

static void write_feed(const char *folder, unsigned records, unsigned every, unsigned fixed)
{
	struct buf json = {.bytes_max = 1 << 16};
	struct err err = {0};
	char       path[256];

	for (unsigned i = 0; i < records; i += every) {
		snprintf(path, sizeof(path), "%s/%u", folder, i % 256);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/%u/%u.json", folder, i % 256, i);
		put_record(&json, i, fixed ? fixed : i % VERSIONS);
		must(file_write_atomic(path, buf_slice(&json), 0644, &err), &err);
	}
	buf_deinit(&json);
}

static double import(const char *db, const char *feed)
{
	struct advisory_import_result result;
	struct err                    err = {0};
	uint64_t                      start = clock_ns();

	must(advisory_import(db, &feed, 1, true, NULL, &result, &err), &err);
	return (double)(clock_ns() - start) / 1e9;
}

/* ---- images ---- */

static const struct package_context debian = {
	.os = {.id = {(const uint8_t *)"debian", 6}, .version_id = {(const uint8_t *)"12", 2}},
	.arch = {(const uint8_t *)"amd64", 5}};
static const struct package_context language = {.arch = {(const uint8_t *)"amd64", 5}};

static struct index_fixture_package make_package(struct arena *arena, const char *type, const char *prefix,
						 uint64_t name, uint64_t version, uint32_t layer)
{
	struct index_fixture_package out = {.context = strcmp(type, "deb") == 0 ? &debian : &language,
					    .layer = layer,
					    .path = "var/lib/some/database"};

	out.unique.package.type = slice_str(type);
	out.unique.package.name = arena_printf(arena, "%s%llu", prefix, (unsigned long long)name);
	out.unique.package.version = arena_printf(arena, "1.%llu.0", (unsigned long long)version);
	return out;
}

static void make_image(struct arena *arena, uint64_t number, struct index_fixture_image *image)
{
	struct index_fixture_package *packages = arena_array(arena, BASE_PACKAGES + APP_PACKAGES, sizeof(*packages));
	struct digest                *layers = arena_array(arena, 2, sizeof(*layers));
	uint64_t                      base = rng_below(&rng, BASES), names[2] = {base, ~number};
	struct rng                    of_base = rng_seeded(base);

	for (unsigned i = 0; i < BASE_PACKAGES; i++)
		packages[i] = make_package(arena, "deb", "os", rng_below(&of_base, OS_NAMES),
					   rng_below(&of_base, VERSIONS), 0);
	for (unsigned i = 0; i < APP_PACKAGES; i++) {
		uint64_t name = rng_below(&rng, APP_NAMES);

		packages[BASE_PACKAGES + i] =
			make_package(arena, name % 8 ? "npm" : "pypi", "app", name, rng_below(&rng, VERSIONS), 1);
	}
	digest_of(slice_of(&names[0], sizeof(names[0])), &layers[0]);
	digest_of(slice_of(&names[1], sizeof(names[1])), &layers[1]);
	*image = (struct index_fixture_image){
		.reference = arena_str(arena, arena_printf(arena, "docker://registry.example/team%llu/app%llu:1",
							   (unsigned long long)base, (unsigned long long)number)),
		.digest = layers[1],
		.layers = layers,
		.layers_count = 2,
		.context = &debian,
		.package_context = &language,
		.packages = packages,
		.packages_count = BASE_PACKAGES + APP_PACKAGES};
}

static void put_images(struct catalog *catalog, uint64_t count)
{
	uint64_t     job = index_fixture_job(catalog, "bench");
	struct arena arena;

	arena_init(&arena, 1 << 30);
	for (uint64_t first = 0; first < count; first += CHUNK) {
		static struct index_fixture_image images[CHUNK];
		size_t                            n = count - first < CHUNK ? (size_t)(count - first) : CHUNK;

		arena_reset(&arena);
		for (size_t i = 0; i < n; i++)
			make_image(&arena, first + i, &images[i]);
		index_fixture_put(catalog, job, first, images, n);
	}
	arena_deinit(&arena);
}

/* ---- what is measured ---- */

/* An import needs the generation before for itself, as it would in a process of its own: so nobody holds it meanwhile. */
static void measure(struct catalog *catalog, const char *db, const char *what)
{
	struct advisory_share       *share = advisory_share_new(db);
	struct judge                *judge = judge_open(catalog, share, 0);
	const struct rematch_request request = {0};
	struct rematch_summary       summary;
	struct question              q;
	struct buf                   out = {.bytes_max = 1 << 30};
	struct err                   err = {0};
	uint64_t                     start = clock_ns(), judged, come = 0, gone = 0;

	must(judge_all(catalog, judge, &err), &err);
	judged = clock_ns();
	must(question_open(&q, catalog, share, &err), &err);
	must(rematch_answer(&q, &request, &out, &summary, &err), &err);
	for (int s = 0; s < SEVERITY_COUNT; s++) {
		come += summary.come[s];
		gone += summary.gone[s];
	}
	printf("%-16s %8.1f ms to the last byte (judging %.1f ms): %llu packages, %llu matched; %llu new, %llu gone in "
	       "%llu "
	       "images; %.1f MB\n",
	       what, (double)(clock_ns() - start) / 1e6, (double)(judged - start) / 1e6,
	       (unsigned long long)q.judgement.packages, (unsigned long long)q.judgement.matched,
	       (unsigned long long)come, (unsigned long long)gone, (unsigned long long)summary.images,
	       (double)out.len / 1e6);
	question_close(&q);
	judge_close(judge);
	advisory_share_release(share);
	buf_deinit(&out);
}

enum { WHERE_RUNS = 11 };

static int by_time(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* One question as a broker or a reader's process answers it, the document included; the median of some. */
static void measure_where(struct catalog *catalog, const char *db, const char *what, const char *prefix)
{
	struct advisory_share     *share = advisory_share_new(db);
	const struct where_request request = {.what = slice_str(what), .prefix = slice_str(prefix)};
	struct buf                 out = {.bytes_max = 1 << 30};
	struct err                 err = {0};
	uint64_t                   times[WHERE_RUNS], start;

	for (unsigned run = 0; run < WHERE_RUNS; run++) {
		struct question q;

		buf_clear(&out);
		start = clock_ns();
		must(question_open(&q, catalog, share, &err), &err);
		must(where_answer(&q, &request, &out, &err), &err);
		question_close(&q);
		times[run] = clock_ns() - start;
	}
	qsort(times, WHERE_RUNS, sizeof(times[0]), by_time);
	printf("where %-28s %8.2f ms (%.2f to %.2f), %.2f MB\n", what, (double)times[WHERE_RUNS / 2] / 1e6,
	       (double)times[0] / 1e6, (double)times[WHERE_RUNS - 1] / 1e6, (double)out.len / 1e6);
	advisory_share_release(share);
	buf_deinit(&out);
}

static void measure_questions(struct catalog *catalog, const char *db)
{
	measure_where(catalog, db, "app77<1.6.0", "");
	measure_where(catalog, db, "pkg:npm/app77@1.3.*", "");
	measure_where(catalog, db, "nowhere", "");
	measure_where(catalog, db, "os5*", "docker://registry.example/team7/");
	measure_where(catalog, db, "os77", "");
	measure_where(catalog, db, "os7*", "");
	measure_where(catalog, db, "CVE-2030-77", "");
}

static void print_size(struct catalog *catalog)
{
	struct db_stats stats;

	db_stats_get(catalog_db(catalog), &stats);
	printf("store with its index: %.1f MB used\n", (double)stats.used_bytes / 1e6);
}

int main(int argc, char **argv)
{
	char                  dir[] = "/tmp/varve-bench-rematch-XXXXXX", store[128], feed[128], db[160], command[160];
	uint64_t              images = 10000, records = 100000;
	struct catalog_config config = {0};
	struct catalog       *catalog = NULL;
	struct err            err = {0};
	double                seconds;

	if ((argc > 1 && !slice_u64(slice_str(argv[1]), &images)) ||
	    (argc > 2 && !slice_u64(slice_str(argv[2]), &records)) || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bench_rematch [IMAGES [RECORDS]]\n");
		return 2;
	}
	rng = rng_seeded(1);
	snprintf(store, sizeof(store), "%s/store", dir);
	snprintf(feed, sizeof(feed), "%s/feed", dir);
	snprintf(db, sizeof(db), "%s/advisories", store);
	mkdir(feed, 0755);
	must(catalog_open(store, &config, &catalog, &err), &err);
	put_images(catalog, images);
	print_size(catalog);
	write_feed(feed, (unsigned)records, 1, 0);
	seconds = import(db, feed);
	printf("%llu images, %llu advisories imported in %.1f s\n", (unsigned long long)images,
	       (unsigned long long)records, seconds);
	measure(catalog, db, "first generation");
	for (unsigned round = 1; round <= 3; round++) {
		write_feed(feed, (unsigned)records, 100, VERSIONS - round);
		import(db, feed);
		measure(catalog, db, "1 % changed");
	}
	measure(catalog, db, "nothing changed");
	measure_questions(catalog, db);
	catalog_close(catalog);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : 1;
}
