/* bench_layer [-n RUNS] FILE... - one thread: wall of a full layer scan against its floor, and the memory that the scan
 * takes.
 *
 * Floor: igzip inflate, SHA-256 of the compressed and of the decompressed bytes of the same file, in blocks. Scan: the
 * same file as a verified stream through parse_layer() with all analyzers. Runs alternate; bench/README.md says what to
 * expect. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/verify_stream.h"
#include "layer/layer_codec.h"
#include "layer/inflate.h"
#include "parse.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_DEFAULT = 11, RUNS_MAX = 101, SAMPLE_MS = 10 };

struct hashed_file { /* what one floor run finds, and the scan is held to */
	struct digest blob, tar;
	uint64_t      blob_bytes, tar_bytes;
};

struct spread {
	double median, min, max;
};

struct timing {
	double wall_ms, cpu_ms; /* cpu: what stays true while others use the machine */
};

static double clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct timing timing_now(void)
{
	return (struct timing){clock_of(CLOCK_MONOTONIC), clock_of(CLOCK_THREAD_CPUTIME_ID)};
}

static struct timing timing_since(struct timing start)
{
	struct timing now = timing_now();

	return (struct timing){now.wall_ms - start.wall_ms, now.cpu_ms - start.cpu_ms};
}

struct counting {
	struct stream  stream;
	struct stream *below;
	struct sha256 *hash;
	uint64_t       bytes;
};

static int die(const char *path, const char *why)
{
	fprintf(stderr, "bench_layer: %s: %s\n", path, why);
	exit(4);
}

static int counting_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct counting *self = (struct counting *)stream;
	int              status = stream_next(self->below, block, err);

	if (status == STREAM_BLOCK)
		sha256_update(self->hash, *block);
	self->bytes += block->len;
	return status;
}

static void counting_close(struct stream *stream)
{
	stream_close(((struct counting *)stream)->below);
}

static struct stream *open_file(const char *path)
{
	int            fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stream *stream = fd < 0 ? NULL : stream_of_fd(fd, path);

	return stream ? stream : (die(path, "cannot be opened"), NULL);
}

static const struct codec *codec_of(const char *path)
{
	static const struct codec *const codecs[] = {&codec_gzip, &codec_zstd, &codec_xz, &codec_bzip2};
	struct stream                   *stream = open_file(path);
	const struct codec              *found = NULL;
	struct slice                     block;

	if (stream_next(stream, &block, NULL) == STREAM_BLOCK)
		for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]) && !found; i++)
			if (codecs[i]->match(slice_sub(block, 0, CODEC_MAGIC_BYTES_MAX)) == CODEC_YES)
				found = codecs[i];
	stream_close(stream);
	return found;
}

static struct timing run_floor(const char *path, const struct codec *codec, struct hashed_file *out)
{
	static const struct stream_ops ops = {.next = counting_next, .close = counting_close};
	struct timing                  start = timing_now();
	struct counting                blob = {.stream.ops = &ops, .below = open_file(path), .hash = sha256_new()};
	struct sha256                 *tar_hash = sha256_new();
	struct codec_config            config = {0};
	struct stream *tar = codec ? inflate_stream_new(&blob.stream, codec, &config, NULL) : &blob.stream;
	struct slice   block;
	int            status;

	out->tar_bytes = 0;
	while ((status = stream_next(tar, &block, NULL)) == STREAM_BLOCK) {
		sha256_update(tar_hash, block);
		out->tar_bytes += block.len;
	}
	if (status < 0)
		die(path, "cannot be decompressed");
	stream_close(tar);
	sha256_final(blob.hash, out->blob.bytes);
	sha256_final(tar_hash, out->tar.bytes);
	out->blob_bytes = blob.bytes;
	sha256_free(blob.hash);
	sha256_free(tar_hash);
	return timing_since(start);
}

static struct timing run_scan(const char *path, const struct hashed_file *file, struct parse_result *result,
			      size_t *result_bytes)
{
	struct timing        start = timing_now();
	int                  spool = file_open_unlinked("/var/tmp", NULL);
	struct parse_request request = {.blob_digest = file->blob};
	struct buf     inventory = {.bytes_max = LIMIT_INVENTORY_BYTES}, paths = {.bytes_max = LIMIT_INVENTORY_BYTES};
	struct err     err = {0};
	struct stream *stream = verify_stream_new(open_file(path), &file->blob, file->blob_bytes, &err);

	if (!stream || parse_layer(stream, spool, &request, result, &inventory, &paths, &err) < 0)
		die(path, err.text);
	stream_close(stream);
	close(spool);
	*result_bytes = inventory.len + paths.len;
	buf_deinit(&inventory);
	buf_deinit(&paths);
	if (!digest_eq(&result->diff_id, &file->tar))
		die(path, "scan and floor differ in the diffID");
	return timing_since(start);
}

static uint64_t rss_kib(void)
{
	FILE         *status = fopen("/proc/self/status", "re");
	char          line[256];
	uint64_t      total = 0;
	unsigned long kib;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %lu", &kib) == 1 || sscanf(line, "RssShmem: %lu", &kib) == 1)
			total += kib;
	if (status)
		fclose(status);
	return total;
}

struct sampler {
	_Atomic bool stop;
	uint64_t     peak_kib;
};

static void *sample(void *data)
{
	struct sampler *sampler = data;

	while (!sampler->stop) {
		uint64_t now = rss_kib();

		if (now > sampler->peak_kib)
			sampler->peak_kib = now;
		clock_sleep_ms(SAMPLE_MS);
	}
	return NULL;
}

/* Peak above start, of one scan in a process that has done nothing else of the kind. */
static double measure_memory(const char *path, const struct hashed_file *file)
{
	struct sampler      sampler = {.peak_kib = 0};
	struct parse_result result;
	size_t              result_bytes;
	pthread_t           thread;
	uint64_t            start = rss_kib();

	if (pthread_create(&thread, NULL, sample, &sampler) != 0)
		die(path, "no thread");
	run_scan(path, file, &result, &result_bytes);
	sampler.stop = true;
	pthread_join(thread, NULL);
	return sampler.peak_kib > start ? (double)(sampler.peak_kib - start) / 1024 : 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What the runs of one kind come to. */
static struct spread spread_of(double *values, int runs)
{
	qsort(values, (size_t)runs, sizeof(*values), compare_doubles);
	return (struct spread){.median = values[runs / 2], .min = values[0], .max = values[runs - 1]};
}

static void print_times(const char *what, const struct timing *timings, int runs, uint64_t tar_bytes)
{
	double        walls[RUNS_MAX], cpus[RUNS_MAX];
	struct spread wall, cpu;

	for (int i = 0; i < runs; i++) {
		walls[i] = timings[i].wall_ms;
		cpus[i] = timings[i].cpu_ms;
	}
	wall = spread_of(walls, runs);
	cpu = spread_of(cpus, runs);
	printf("  %-6s wall %8.1f ms  (%.1f .. %.1f)  %5.0f MB/s of tar;  cpu %8.1f ms  (%.1f .. %.1f)\n", what,
	       wall.median, wall.min, wall.max, (double)tar_bytes / 1e3 / wall.median, cpu.median, cpu.min, cpu.max);
}

/* Of each scan to the floor just before it. */
static void print_ratio(const struct timing *floors, const struct timing *scans, int runs)
{
	double        walls[RUNS_MAX], cpus[RUNS_MAX];
	struct spread wall, cpu;

	for (int i = 0; i < runs; i++) {
		walls[i] = scans[i].wall_ms / floors[i].wall_ms;
		cpus[i] = scans[i].cpu_ms / floors[i].cpu_ms;
	}
	wall = spread_of(walls, runs);
	cpu = spread_of(cpus, runs);
	printf("  ratio  wall %8.3f     (%.3f .. %.3f);  cpu %8.3f  (%.3f .. %.3f)\n", wall.median, wall.min, wall.max,
	       cpu.median, cpu.min, cpu.max);
}

static void bench_file(const char *path, int runs)
{
	const struct codec *codec = codec_of(path);
	struct hashed_file  file;
	struct parse_result result = {0};
	struct timing       floors[RUNS_MAX], scans[RUNS_MAX];
	double              memory_mib;
	size_t              result_bytes = 0;

	run_floor(path, codec, &file); /* warms the page cache */
	memory_mib = measure_memory(path, &file);
	for (int i = 0; i < runs; i++) {
		floors[i] = run_floor(path, codec, &file);
		scans[i] = run_scan(path, &file, &result, &result_bytes);
	}
	printf("%s: %.1f MB %s, %.1f MB tar, %" PRIu64 " entries, %" PRIu64 " files analyzed, %zu bytes of result%s\n",
	       path, (double)file.blob_bytes / 1e6, codec ? codec->name : "plain", (double)file.tar_bytes / 1e6,
	       result.entries, result.files_analyzed, result_bytes, result.partial ? " (partial)" : "");
	print_times("floor", floors, runs, file.tar_bytes);
	print_times("scan", scans, runs, file.tar_bytes);
	print_ratio(floors, scans, runs);
	printf("  memory peak RssAnon+RssShmem %.1f MiB above start\n", memory_mib);
}

int main(int argc, char **argv)
{
	int runs = RUNS_DEFAULT, first = 1;

	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		runs = (int)strtol(argv[2], NULL, 10);
		first = 3;
	}
	if (first >= argc || runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: bench_layer [-n RUNS] FILE...   (layers; make one with bench/make_layer)\n");
		return 2;
	}
	for (int i = first; i < argc; i++)
		bench_file(argv[i], runs);
	return 0;
}
