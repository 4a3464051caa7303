/* bench_parser [-n RUNS] FILE... - what a process per layer costs: the same layers through parse_layer() in this process and
 * through parser_parse(), alternating, medians of wall and CPU (with that of launcher and children) per layer.
 *
 * Both get the same verified stream of the same file. The start of the launcher, once per scan thread, stands beside it. */
#include "base/file.h"
#include "base/limits.h"
#include "base/verify_stream.h"
#include "sandbox/parser.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_DEFAULT = 7, RUNS_MAX = 101 };

struct timing {
	double wall_ms, cpu_ms;
};

struct bench {
	char         **files;
	int            files_count;
	struct digest *digests;
	uint64_t       tar_bytes;
};

static void die(const char *path, const char *why)
{
	fprintf(stderr, "bench_parser: %s: %s\n", path, why);
	exit(4);
}

static double cpu_of(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static struct timing now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (struct timing){(double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6,
			       cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN)};
}

static struct timing since(struct timing start)
{
	struct timing end = now();

	return (struct timing){end.wall_ms - start.wall_ms, end.cpu_ms - start.cpu_ms};
}

static struct stream *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path, "cannot be opened");
	return stream_of_fd(fd, path);
}

/* The digests, and the pages of the files in the cache. */
static void prepare(struct bench *bench)
{
	bench->digests = calloc((size_t)bench->files_count, sizeof(*bench->digests));
	for (int i = 0; i < bench->files_count; i++) {
		struct stream *stream = open_file(bench->files[i]);
		struct sha256 *hash = sha256_new();
		struct slice   block;

		while (stream_next(stream, &block, NULL) == STREAM_BLOCK)
			sha256_update(hash, block);
		sha256_final(hash, bench->digests[i].bytes);
		sha256_free(hash);
		stream_close(stream);
	}
}

static void read_layer(struct bench *bench, int i, struct parser *parser, struct window_budget *window)
{
	struct parse_request request = {.blob_digest = bench->digests[i], .window = window};
	struct parse_result  result;
	struct buf           inventory, path_table;
	struct err           err = {0};
	struct stream *stream = verify_stream_new(open_file(bench->files[i]), &bench->digests[i], UINT64_MAX, &err);
	int            spool = file_open_unlinked("/var/tmp", &err), status;

	buf_init(&inventory, LIMIT_INVENTORY_BYTES);
	buf_init(&path_table, LIMIT_INVENTORY_BYTES);
	status = parser ? parser_parse(parser, stream, spool, &request, &result, &inventory, &path_table, &err)
			: parse_layer(stream, spool, &request, &result, &inventory, &path_table, &err);
	if (status < 0)
		die(bench->files[i], err.text);
	bench->tar_bytes += result.tar_bytes;
	buf_deinit(&inventory);
	buf_deinit(&path_table);
	close(spool);
	stream_close(stream);
}

static struct timing read_all(struct bench *bench, struct parser *parser, struct window_budget *window)
{
	struct timing start = now();

	bench->tar_bytes = 0;
	for (int i = 0; i < bench->files_count; i++)
		read_layer(bench, i, parser, window);
	parser_free(parser);
	return since(start);
}

static struct parser *start_parser(enum sandbox_mode mode)
{
	const struct parser_config config = {.mode = mode};
	struct parser             *parser = parser_new(&config);
	const char                *lacking;
	struct err                 err = {0};

	if (!parser || parser_ready(parser, &lacking, &err) < 0)
		die("varve-parse", err.text);
	return parser;
}

static struct timing start_only(void)
{
	struct timing start = now();

	parser_free(start_parser(SANDBOX_PREFER));
	return since(start);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

int main(int argc, char **argv)
{
	struct bench          bench = {.files = argv + 1, .files_count = argc - 1};
	struct window_budget *window = window_budget_new();
	double                wall[3][RUNS_MAX], cpu[3][RUNS_MAX];
	int                   runs = RUNS_DEFAULT;
	double                n;

	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		runs = (int)strtol(argv[2], NULL, 10);
		bench.files += 2;
		bench.files_count -= 2;
	}
	if (bench.files_count < 1 || runs < 1 || runs > RUNS_MAX)
		die("usage", "bench_parser [-n RUNS] FILE...");
	signal(SIGPIPE, SIG_IGN);
	prepare(&bench);
	for (int run = 0; run < runs; run++) {
		struct timing timings[] = {start_only(), read_all(&bench, NULL, window),
					   read_all(&bench, start_parser(SANDBOX_PREFER), window)};

		for (int i = 0; i < 3; i++) {
			wall[i][run] = timings[i].wall_ms;
			cpu[i][run] = timings[i].cpu_ms;
		}
	}
	n = bench.files_count;
	printf("%d layers, %.1f MB of tar, %d runs: medians\n", bench.files_count, (double)bench.tar_bytes / 1e6, runs);
	printf("start of the launcher: wall %.2f ms, CPU %.2f ms\n", median(wall[0], runs), median(cpu[0], runs));
	for (int i = 1; i < 3; i++)
		printf("%s: a layer takes wall %.3f ms, CPU %.3f ms\n", i == 1 ? "in process" : "in a parser",
		       median(wall[i], runs) / n, median(cpu[i], runs) / n);
	printf("ratio: wall %.3f, CPU %.3f\n", median(wall[2], runs) / median(wall[1], runs),
	       median(cpu[2], runs) / median(cpu[1], runs));
	window_budget_free(window);
	free(bench.digests);
	return 0;
}
