/* bench_layer [-n RUNS] FILE... - wall of a full layer scan against its floor, and the memory that the scan takes.
 *
 * Floor: igzip inflate, SHA-256 of the compressed and of the decompressed bytes of the same file, in blocks, on one thread.
 * Scan: the same file as a verified stream through parse_layer() with all analyzers, on one thread. Ahead: the same, on two.
 * Runs alternate; bench/README.md says what to expect. */
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

/* busier: CPU of the busier of two threads, what a run takes at least on idle cores; cpu: of all. Both stay true while
 * others use the machine. */
enum figure { WALL, CPU, BUSIER, FIGURES };

struct timing {
	double ms[FIGURES];
	double own_ms; /* CPU of the calling thread */
};

static double clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct timing timing_now(void)
{
	return (struct timing){.ms = {[WALL] = clock_of(CLOCK_MONOTONIC), [CPU] = clock_of(CLOCK_PROCESS_CPUTIME_ID)},
			       .own_ms = clock_of(CLOCK_THREAD_CPUTIME_ID)};
}

static struct timing timing_since(struct timing start)
{
	struct timing took = timing_now();
	double        others;

	took.ms[WALL] -= start.ms[WALL];
	took.ms[CPU] -= start.ms[CPU];
	took.own_ms -= start.own_ms;
	others = took.ms[CPU] - took.own_ms;
	took.ms[BUSIER] = others > took.own_ms ? others : took.own_ms;
	return took;
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
	struct stream *tar = codec ? inflate_stream_new(&blob.stream, codec, &config, 1, NULL) : &blob.stream;
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

static struct timing run_scan(const char *path, const struct hashed_file *file, bool ahead, struct parse_result *result,
			      size_t *result_bytes)
{
	struct timing        start = timing_now();
	int                  spool = file_open_unlinked("/var/tmp", NULL);
	struct parse_request request = {.blob_digest = file->blob, .ahead = ahead};
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
static double measure_memory(const char *path, const struct hashed_file *file, bool ahead)
{
	struct sampler      sampler = {.peak_kib = 0};
	struct parse_result result;
	size_t              result_bytes;
	pthread_t           thread;
	uint64_t            start = rss_kib();

	if (pthread_create(&thread, NULL, sample, &sampler) != 0)
		die(path, "no thread");
	run_scan(path, file, ahead, &result, &result_bytes);
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

static const char *const figure_names[FIGURES] = {"wall", "cpu", "busier thread"};

static void print_times(const char *what, const struct timing *timings, int runs, uint64_t tar_bytes)
{
	double values[RUNS_MAX];

	printf("  %-5s", what);
	for (int figure = 0; figure < BUSIER; figure++) {
		struct spread spread;

		for (int i = 0; i < runs; i++)
			values[i] = timings[i].ms[figure];
		spread = spread_of(values, runs);
		printf("  %s %.1f ms (%.1f .. %.1f), %.0f MB/s of tar;", figure_names[figure], spread.median,
		       spread.min, spread.max, (double)tar_bytes / 1e3 / spread.median);
	}
	printf("\n");
}

/* Of each scan to the floor just before it. */
static void print_ratio(const char *what, const struct timing *floors, const struct timing *scans, int runs)
{
	double values[RUNS_MAX];

	printf("  %s / floor", what);
	for (int figure = 0; figure < FIGURES; figure++) {
		struct spread spread;

		for (int i = 0; i < runs; i++)
			values[i] = scans[i].ms[figure] / floors[i].ms[figure];
		spread = spread_of(values, runs);
		printf("  %s %.3f (%.3f .. %.3f);", figure_names[figure], spread.median, spread.min, spread.max);
	}
	printf("\n");
}

static void bench_file(const char *path, int runs)
{
	const struct codec *codec = codec_of(path);
	struct hashed_file  file;
	struct parse_result result = {0};
	struct timing       floors[RUNS_MAX], scans[RUNS_MAX], aheads[RUNS_MAX];
	double              memory_mib, ahead_memory_mib;
	size_t              result_bytes = 0;

	run_floor(path, codec, &file); /* warms the page cache */
	memory_mib = measure_memory(path, &file, false);
	ahead_memory_mib = measure_memory(path, &file, true);
	for (int i = 0; i < runs; i++) {
		floors[i] = run_floor(path, codec, &file);
		scans[i] = run_scan(path, &file, false, &result, &result_bytes);
		aheads[i] = run_scan(path, &file, true, &result, &result_bytes);
	}
	printf("%s: %.1f MB %s, %.1f MB tar, %" PRIu64 " entries, %" PRIu64 " files analyzed, %zu bytes of result%s\n",
	       path, (double)file.blob_bytes / 1e6, codec ? codec->name : "plain", (double)file.tar_bytes / 1e6,
	       result.entries, result.files_analyzed, result_bytes, result.partial ? " (partial)" : "");
	print_times("floor", floors, runs, file.tar_bytes);
	print_times("scan", scans, runs, file.tar_bytes);
	print_times("ahead", aheads, runs, file.tar_bytes);
	print_ratio("scan", floors, scans, runs);
	print_ratio("ahead", floors, aheads, runs);
	printf("  memory peak RssAnon+RssShmem above start: scan %.1f MiB, ahead %.1f MiB\n", memory_mib,
	       ahead_memory_mib);
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
