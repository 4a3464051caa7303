/* bench_aggregate [LAYERS [PATHS]] - lays LAYERS layers of PATHS paths each over each other (default 127 and 100,000).
 *
 * Each layer rewrites a dpkg database of 500 packages, 500 copyright files, and a twentieth of its paths are symlinks.
 * Prints the time to build the path tables and to aggregate, per entry, and what each took of anonymous memory. */
#include "aggregate/aggregate.h"
#include "base/clock.h"
#include "base/limits.h"
#include "model/path_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKAGES = 500 };

static unsigned long anon_kib(void)
{
	FILE         *file = fopen("/proc/self/status", "r");
	char          line[256];
	unsigned long kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtoul(line + 8, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}

static struct slice build_table(size_t layer, size_t paths, unsigned long *peak_kib)
{
	struct path_table_builder *builder = path_table_builder_new();
	struct buf                 table = {.bytes_max = LIMIT_INVENTORY_BYTES};
	char                       path[256];

	for (size_t i = 0; builder && i < paths; i++) {
		struct path_entry entry = {.type = i % 20 ? PATH_FILE : PATH_SYMLINK};

		snprintf(path, sizeof(path), "usr/lib/python3/dist-packages/package%zu/module%zu/file_%zu_%zu.py",
			 (i / 200) % 997, (i / 20) % 10, layer % 10, i);
		entry.path = slice_str(path);
		if (entry.type == PATH_SYMLINK)
			entry.target = SLICE_LIT("../other/file.py");
		if (path_table_add(builder, &entry, NULL) < 0)
			exit(1);
		if (i % 65536 == 0 && anon_kib() > *peak_kib)
			*peak_kib = anon_kib();
	}
	if (!builder || path_table_finish(builder, &table, NULL) < 0)
		exit(1);
	if (anon_kib() > *peak_kib)
		*peak_kib = anon_kib();
	path_table_builder_free(builder);
	return buf_slice(&table);
}

static struct slice build_inventory(size_t layer)
{
	struct inventory   inv;
	struct buf         out = {.bytes_max = LIMIT_INVENTORY_BYTES};
	struct package_db *db;
	char               name[64], path[128];

	inventory_init(&inv);
	db = inventory_add_db(&inv, SLICE_LIT("var/lib/dpkg/status"), "dpkg");
	for (size_t i = 0; db && i < PACKAGES; i++) {
		struct package package = {
			.type = SLICE_LIT("deb"), .version = SLICE_LIT("1.0-1"), .arch = SLICE_LIT("amd64")};

		snprintf(name, sizeof(name), "package-%zu", i + layer);
		snprintf(path, sizeof(path), "usr/share/doc/%s/copyright", name);
		package.name = slice_str(name);
		inventory_add_package(&inv, db, &package);
		inventory_add_license(&inv, slice_str(path), slice_str(name), SLICE_LIT("GPL-2"));
	}
	if (inventory_encode(&inv, &out, NULL) < 0)
		exit(1);
	inventory_deinit(&inv);
	return buf_slice(&out);
}

static void run(size_t count, size_t paths, struct aggregate_layer *layers, struct image_layer *image_layers)
{
	struct image        image = {.layers = image_layers, .layers_count = count};
	unsigned long       base = anon_kib(), peak = base;
	uint64_t            start = clock_cpu_ms(), built, done;
	double              entries = (double)count * (double)paths;
	struct image_result result;
	struct arena        arena;
	struct err          err = {0};

	for (size_t i = 0; i < count; i++)
		layers[i] = (struct aggregate_layer){.inventory = build_inventory(i),
						     .path_table = build_table(i, paths, &peak)};
	built = clock_cpu_ms();
	printf("path tables: %.0f entries, %.0f ns of CPU each, %zu bytes the first, %lu KiB peak\n", entries,
	       (double)(built - start) * 1e6 / entries, layers[0].path_table.len, peak - base);
	arena_init(&arena, (size_t)1 << 30);
	base = anon_kib();
	if (aggregate_image(&image, layers, count, &arena, &result, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	done = clock_cpu_ms();
	printf("aggregate: %zu layers, %.3f s of CPU, %.0f ns an entry, %zu packages, %lu KiB\n", count,
	       (double)(done - built) / 1e3, (double)(done - built) * 1e6 / entries, result.packages_count,
	       anon_kib() - base);
	arena_deinit(&arena);
}

int main(int argc, char **argv)
{
	size_t                  count = argc > 1 ? strtoul(argv[1], NULL, 10) : 127;
	size_t                  paths = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	struct aggregate_layer *layers;
	struct image_layer     *image_layers;

	if (count == 0 || count > LIMIT_LAYERS_PER_IMAGE || paths == 0 || paths > LIMIT_ENTRIES) {
		fprintf(stderr, "usage: bench_aggregate [LAYERS [PATHS]]\n");
		return 2;
	}
	layers = calloc(count, sizeof(*layers));
	image_layers = calloc(count, sizeof(*image_layers));
	if (!layers || !image_layers)
		return 1;
	run(count, paths, layers, image_layers);
	free(image_layers);
	free(layers);
	return 0;
}
