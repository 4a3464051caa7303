/* bench_corpus - makes a registry of N images of a realistic shape from a seed (bench/README.md), with what a scan must find. */
#include "base/file.h"
#include "bench_corpus/corpus_advisories.h"
#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_expect.h"
#include "bench_corpus/corpus_store.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct options {
	uint64_t    seed;
	double      scale;
	uint32_t    images, night;
	unsigned    zstd_percent, threads;
	bool        registry, advisories;
	const char *folder;
};

static const char usage[] =
	"usage: bench_corpus [OPTION…] FOLDER\n"
	"Makes FOLDER/layout (an OCI image layout), expected.json and expected.jsonl (what a scan must find).\n"
	"  --images N        10 to 100000; default 1000\n"
	"  --scale X         of the sizes of files, not of their number; 1 = as in public registries; default 0.05\n"
	"  --night K         the same registry K nights later; in a FOLDER that has an earlier night only what is new "
	"is made\n"
	"  --registry        FOLDER/registry too: the store of a docker-registry, hard links to the same blobs\n"
	"  --advisories      FOLDER/advisories/1 and /2 too: OSV records for `varve db import`, of which 1 % differ\n"
	"  --seed N          default 1\n"
	"  --zstd PERCENT    of the layers, the others are gzip; default 10\n"
	"  --threads N       default: one for each processor\n";

static double number(const char *name, const char *text, double least, double most)
{
	char  *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most)) {
		fprintf(stderr, "bench_corpus: --%s %s: a number from %g to %g is wanted\n", name, text, least, most);
		exit(2);
	}
	return value;
}

static void set_option(struct options *o, const char *name, const char *text)
{
	if (strcmp(name, "images") == 0)
		o->images = (uint32_t)number(name, text, 1, 100000);
	else if (strcmp(name, "scale") == 0)
		o->scale = number(name, text, 0, 10);
	else if (strcmp(name, "night") == 0)
		o->night = (uint32_t)number(name, text, 0, NIGHTS_MAX);
	else if (strcmp(name, "seed") == 0)
		o->seed = (uint64_t)number(name, text, 0, 1e15);
	else if (strcmp(name, "zstd") == 0)
		o->zstd_percent = (unsigned)number(name, text, 0, 100);
	else if (strcmp(name, "threads") == 0)
		o->threads = (unsigned)number(name, text, 1, 64);
	else if (strcmp(name, "registry") == 0)
		o->registry = true;
	else
		o->advisories = true;
}

static void read_options(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{"images", required_argument, NULL, 'o'}, {"scale", required_argument, NULL, 'o'},
		{"night", required_argument, NULL, 'o'},  {"seed", required_argument, NULL, 'o'},
		{"zstd", required_argument, NULL, 'o'},   {"threads", required_argument, NULL, 'o'},
		{"registry", no_argument, NULL, 'o'},     {"advisories", no_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},         {0}};
	int row, c;

	while ((c = getopt_long(argc, argv, "", known, &row)) != -1) {
		if (c == 'h')
			fputs(usage, stdout);
		else if (c != 'o')
			fputs(usage, stderr);
		if (c != 'o')
			exit(c == 'h' ? 0 : 2);
		set_option(o, known[row].name, optarg);
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		exit(2);
	}
	o->folder = argv[optind];
}

static void make_blobs_folder(const char *folder)
{
	char       path[PATH_BYTES];
	struct err err = {0};

	snprintf(path, sizeof(path), "%s/layout/blobs/sha256", folder);
	if (file_make_dirs(path, 0755, &err))
		corpus_die("%s", err.text);
}

static void write_advisories(const struct options *o, const struct universe *u)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/advisories", o->folder);
	for (unsigned generation = 1; generation <= GENERATIONS; generation++)
		fprintf(stderr, "advisories, generation %u: %llu\n", generation,
			(unsigned long long)advisories_write(u, path, generation));
}

int main(int argc, char **argv)
{
	struct options     o = {.seed = 1, .scale = 0.05, .images = 1000, .zstd_percent = 10};
	struct plan        plan;
	struct made_layers layers;
	struct store      *store;
	struct expect     *expect;

	o.threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	read_options(&o, argc, argv);
	plan_make(&plan, o.seed, o.scale, o.images, o.night, o.zstd_percent);
	make_blobs_folder(o.folder);
	layers_make(&layers, &plan, o.folder, o.threads);
	store = store_open(o.folder, o.registry);
	expect = expect_open(o.folder, &plan, &layers);
	for (size_t i = 0; i < plan.images_count; i++) {
		struct digest digest;

		store_put_image(store, &plan, &layers, &plan.images[i], &digest);
		expect_image(expect, &plan.images[i], &digest);
	}
	store_finish(store);
	expect_finish(expect);
	if (o.advisories)
		write_advisories(&o, &plan.universe);
	layers_free(&layers);
	plan_free(&plan);
	return 0;
}
