/* bench_classify FOLDER [FILES] - nanoseconds of CPU that dispatch_begin() takes for one file, all analyzers asked.
 *
 * Takes the first FILES (50,000) regular files below FOLDER in the order of their names, each with its mode and its first
 * 4 KiB, and asks for all of them ROUNDS times. Bodies are not read: this is the price of having analyzers at all. */
#include "analyze/dispatch.h"
#include "base/limits.h"

#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FILES_DEFAULT = 50000, ROUNDS = 5 };

struct sample {
	char        *path;
	struct entry entry;
	uint8_t     *head;
	size_t       head_bytes;
};

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool take(struct sample *sample, const FTSENT *file, size_t root_bytes)
{
	FILE *f = fopen(file->fts_accpath, "rb");

	sample->path = strdup(file->fts_path + root_bytes);
	sample->head = malloc(LIMIT_HEAD_BYTES);
	if (!f || !sample->path || !sample->head) {
		if (f)
			fclose(f);
		free(sample->path);
		free(sample->head);
		return false;
	}
	sample->head_bytes = fread(sample->head, 1, LIMIT_HEAD_BYTES, f);
	fclose(f);
	sample->entry = (struct entry){.type = PATH_FILE,
				       .path = slice_str(sample->path),
				       .mode = file->fts_statp->st_mode & 07777,
				       .size = (uint64_t)file->fts_statp->st_size};
	return true;
}

static size_t collect(char *folder, struct sample *samples, size_t max)
{
	char  *roots[] = {folder, NULL};
	FTS   *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	size_t count = 0;

	for (FTSENT *file; tree && count < max && (file = fts_read(tree));)
		if (file->fts_info == FTS_F && take(&samples[count], file, strspn(file->fts_path, "/")))
			count++;
	if (tree)
		fts_close(tree);
	return count;
}

/* One layer of all files; how many of them an analyzer or the hash wants. */
static size_t ask_all(struct dispatch *d, const struct sample *samples, size_t count)
{
	size_t wanted = 0;

	for (size_t i = 0; i < count; i++)
		wanted += dispatch_begin(d, &samples[i].entry, slice_of(samples[i].head, samples[i].head_bytes)) !=
			  DISPATCH_NOTHING;
	return wanted;
}

static int measure(const struct sample *samples, size_t count)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct inventory inv;
		struct err       err = {0};
		struct dispatch *d;
		double           start;
		size_t           wanted;

		inventory_init(&inv);
		d = dispatch_new(&inv, -1, NULL, &err);
		if (!d) {
			fprintf(stderr, "bench_classify: %s\n", err.text);
			return 1;
		}
		start = cpu_ns();
		wanted = ask_all(d, samples, count);
		start = cpu_ns() - start;
		printf("%zu files, %zu wanted: %.1f ms, %.0f ns a file\n", count, wanted, start / 1e6,
		       start / (double)count);
		dispatch_free(d);
		inventory_deinit(&inv);
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t         max = argc > 2 ? strtoul(argv[2], NULL, 10) : FILES_DEFAULT, count;
	struct sample *samples = argc > 1 ? calloc(max, sizeof(*samples)) : NULL;
	int            rc;

	if (!samples) {
		fprintf(stderr, "usage: bench_classify FOLDER [FILES]\n");
		return 2;
	}
	count = collect(argv[1], samples, max);
	rc = count ? measure(samples, count) : 1;
	for (size_t i = 0; i < count; i++) {
		free(samples[i].path);
		free(samples[i].head);
	}
	free(samples);
	return rc;
}
