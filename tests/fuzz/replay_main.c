/* replay_main.c - runs a fuzz target over files and folders without libFuzzer: each input as it is, then cut short and
 * with bytes changed, from a fixed seed. A crash or a sanitizer report is the failure. */
#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS_PER_INPUT = 64, INPUT_BYTES_MAX = 8 << 20, MUTATED_BYTES_MAX = 256 << 10 };

static void run_copy(struct slice bytes)
{
	struct buf copy = {.bytes_max = INPUT_BYTES_MAX};

	buf_append(&copy, bytes); /* a heap block of its own, so that a sanitizer sees the first byte past the end */
	LLVMFuzzerTestOneInput(copy.ptr ? copy.ptr : (const uint8_t *)"", copy.len);
	buf_deinit(&copy);
}

static void run_mutations(struct buf *input, struct rng *rng)
{
	struct slice all = buf_slice(input);

	for (int i = 0; i < MUTATIONS_PER_INPUT && all.len; i++) {
		size_t  at = rng_below(rng, all.len);
		uint8_t old = input->ptr[at];

		input->ptr[at] = (uint8_t)rng_next(rng);
		run_copy(i % 4 == 3 ? slice_sub(all, 0, rng_below(rng, all.len)) : all);
		if (i % 3)
			input->ptr[at] = old;
	}
}

static int run_file(const char *path)
{
	struct buf input = {.bytes_max = INPUT_BYTES_MAX};
	struct rng rng = rng_seeded(1);
	struct err err = {0};
	int        status = file_read(path, &input, &err);

	if (status == 0) {
		run_copy(buf_slice(&input));
		if (input.len <= MUTATED_BYTES_MAX)
			run_mutations(&input, &rng);
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	buf_deinit(&input);
	return status;
}

static int run_path(const char *path, int depth)
{
	struct stat    info;
	struct dirent *item;
	DIR           *folder;
	int            status = 0;

	if (stat(path, &info) != 0 || depth > 32)
		return -1;
	if (S_ISREG(info.st_mode))
		return run_file(path);
	folder = opendir(path);
	if (!folder)
		return -1;
	while (!status && (item = readdir(folder))) {
		char inside[4096];

		if (item->d_name[0] != '.' &&
		    snprintf(inside, sizeof(inside), "%s/%s", path, item->d_name) < (int)sizeof(inside))
			status = run_path(inside, depth + 1);
	}
	closedir(folder);
	return status;
}

int main(int argc, char **argv)
{
	run_copy(SLICE_EMPTY);
	for (int i = 1; i < argc; i++)
		if (run_path(argv[i], 0) != 0) {
			fprintf(stderr, "cannot replay %s\n", argv[i]);
			return 1;
		}
	return 0;
}
