#include "bench_corpus/corpus_expect.h"

#include "base/file.h"
#include "base/json_write.h"
#include "bench_corpus/corpus_die.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, LINE_BYTES_MAX = 1 << 20, GO_EXTRA = 2 /* the main module and stdlib */ };

struct changes {
	uint64_t found[GENERATIONS], fresh, gone; /* from generation 1 to 2 */
};

struct expect {
	const char               *folder;
	const struct plan        *plan;
	const struct made_layers *layers;
	FILE                     *lines;
	struct buf                line;
	uint64_t                  images, layers_total, bytes_total, packages[FAMILIES], removed;
	struct changes            changes;
	uint64_t                 *image_files;
	struct piece_list         unique; /* packages of all images; sorted and made unique when it grows */
	size_t                    unique_sorted;
};

struct expect *expect_open(const char *folder, const struct plan *plan, const struct made_layers *layers)
{
	struct expect *expect = calloc(1, sizeof(*expect));
	char           path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/expected.jsonl", folder);
	if (!expect || !(expect->lines = fopen(path, "we")))
		corpus_die("cannot write %s", path);
	expect->folder = folder;
	expect->plan = plan;
	expect->layers = layers;
	expect->image_files = calloc(plan->images_count + 1, sizeof(*expect->image_files));
	if (!expect->image_files)
		corpus_die("out of memory");
	buf_init(&expect->line, LINE_BYTES_MAX);
	return expect;
}

/* ---- packages ---- */

static void image_pieces(const struct expect *expect, const struct image_plan *image, struct piece_list *out)
{
	const struct plan *plan = expect->plan;

	for (size_t i = 0; i < image->layers_count; i++) {
		const struct layer_spec *spec = &image->layers[i];

		if (spec->kind == LAYER_BASE)
			plan_base_pieces(plan, spec->base, spec->build, out);
		else if (spec->kind == LAYER_RUNTIME)
			plan_runtime_pieces(plan, spec, out);
		else if (spec->kind == LAYER_DEPENDENCIES ||
			 (spec->kind == LAYER_APPLICATION && image->stack == STACK_GO))
			plan_dependencies(plan, spec->project, spec->tag, spec->built, out);
	}
}

/* Takes out what the application layer deletes. */
static bool remove_one(const struct expect *expect, const struct image_plan *image, struct piece_list *pieces)
{
	enum family family = stack_family(image->stack);
	size_t      first = 0, removed;

	while (first < pieces->count && pieces->items[first].family != family)
		first++;
	removed = plan_removed(expect->plan, image->project, pieces->count - first);
	if (removed == PLAN_NONE)
		return false;
	removed += first;
	memmove(&pieces->items[removed], &pieces->items[removed + 1],
		(pieces->count - removed - 1) * sizeof(*pieces->items));
	pieces->count--;
	return true;
}

static struct changes findings(const struct universe *u, struct piece piece)
{
	struct changes changes = {0};

	for (unsigned i = 0; i < ADVISORIES_OF_ONE_MAX; i++) {
		bool found[GENERATIONS];

		for (unsigned g = 0; g < GENERATIONS; g++) {
			struct corpus_advisory a =
				package_advisory(u, piece.family, package_source(piece.family, piece.number), i, g + 1);

			found[g] = a.exists && !a.withdrawn && piece.n < a.fixed;
			changes.found[g] += found[g];
		}
		changes.fresh += found[1] && !found[0];
		changes.gone += found[0] && !found[1];
	}
	return changes;
}

static void add_changes(struct changes *sum, struct changes one)
{
	for (unsigned g = 0; g < GENERATIONS; g++)
		sum->found[g] += one.found[g];
	sum->fresh += one.fresh;
	sum->gone += one.gone;
}

static int compare_unique(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->family != y->family)
		return x->family > y->family ? 1 : -1;
	if (x->number != y->number)
		return x->number > y->number ? 1 : -1;
	return (x->n > y->n) - (x->n < y->n);
}

static void make_unique(struct expect *expect)
{
	struct piece_list *list = &expect->unique;
	size_t             kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_unique);
	for (size_t i = 0; i < list->count; i++)
		if (!kept || compare_unique(&list->items[kept - 1], &list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	list->count = expect->unique_sorted = kept;
}

static void add_unique(struct expect *expect, const struct piece_list *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		piece_list_add(&expect->unique, pieces->items[i]);
	if (expect->unique.count > 2 * expect->unique_sorted + 100000)
		make_unique(expect);
}

/* ---- an image ---- */

static void put_packages(struct json_writer *w, const uint64_t counts[FAMILIES])
{
	static const enum family one_of_each[] = {DEBIAN, ALPINE, ROCKY, PYPI, NPM, MAVEN, GOLANG};

	json_begin_object(w, "packages");
	for (size_t i = 0; i < sizeof(one_of_each) / sizeof(one_of_each[0]); i++) {
		enum family family = one_of_each[i];
		uint64_t    count = counts[family] + (family == DEBIAN ? counts[UBUNTU] : 0);

		if (count)
			json_put_uint(w, family_type(family), count);
	}
	json_end_object(w);
}

static void put_changes(struct json_writer *w, const struct changes *changes)
{
	json_begin_object(w, "vulnerabilities");
	json_put_uint(w, "1", changes->found[0]);
	json_put_uint(w, "2", changes->found[1]);
	json_put_uint(w, "new", changes->fresh);
	json_put_uint(w, "gone", changes->gone);
	json_end_object(w);
}

static void write_line(struct expect *expect, const struct image_plan *image, const struct digest *digest,
		       const uint64_t packages[FAMILIES], const struct changes *changes)
{
	struct json_writer w;
	char               repository[NAME_TEXT_BYTES], text[NAME_TEXT_BYTES + DIGEST_TEXT_BYTES];

	buf_clear(&expect->line);
	w = json_writer_of(&expect->line, 0);
	plan_repository(expect->plan, image->project, repository);
	json_begin_object(&w, NULL);
	snprintf(text, sizeof(text), "%s:v%u", repository, image->tag);
	json_put_str(&w, "reference", text);
	digest_text(digest, text);
	json_put_str(&w, "digest", text);
	json_put_uint(&w, "layers", image->layers_count);
	json_put_uint(&w, "files", expect->image_files[expect->images]);
	put_packages(&w, packages);
	put_changes(&w, changes);
	json_end_object(&w);
	buf_byte(&expect->line, '\n');
	if (fwrite(expect->line.ptr, 1, expect->line.len, expect->lines) != expect->line.len)
		corpus_die("cannot write expected.jsonl");
}

void expect_image(struct expect *expect, const struct image_plan *image, const struct digest *digest)
{
	struct piece_list pieces = {0};
	uint64_t          packages[FAMILIES] = {0};
	struct changes    changes = {0};

	image_pieces(expect, image, &pieces);
	expect->removed += remove_one(expect, image, &pieces);
	for (size_t i = 0; i < pieces.count; i++) {
		packages[pieces.items[i].family]++;
		add_changes(&changes, findings(&expect->plan->universe, pieces.items[i]));
	}
	packages[GOLANG] += image->stack == STACK_GO ? GO_EXTRA : 0;
	for (size_t i = 0; i < image->layers_count; i++) {
		const struct made_layer *layer = layers_get(expect->layers, &image->layers[i]);

		expect->image_files[expect->images] += layer->files;
		expect->bytes_total += layer->bytes;
	}
	write_line(expect, image, digest, packages, &changes);
	expect->images++;
	expect->layers_total += image->layers_count;
	for (int f = 0; f < FAMILIES; f++)
		expect->packages[f] += packages[f];
	add_changes(&expect->changes, changes);
	add_unique(expect, &pieces);
	piece_list_free(&pieces);
}

/* ---- the sums ---- */

struct layer_sums {
	uint64_t  count, bytes, tar_bytes, entries, files, fresh;
	uint64_t *sizes; /* ascending */
};

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct layer_sums sum_layers(const struct made_layers *layers)
{
	struct layer_sums sums = {.sizes = calloc(layers->count + 1, sizeof(*sums.sizes))};

	if (!sums.sizes)
		corpus_die("out of memory");
	for (size_t i = 0; i < layers->count; i++) {
		if (layers->items[i].twin)
			continue;
		sums.bytes += layers->items[i].bytes;
		sums.tar_bytes += layers->items[i].tar_bytes;
		sums.entries += layers->items[i].entries;
		sums.files += layers->items[i].files;
		sums.fresh += !layers->items[i].known;
		sums.sizes[sums.count++] = layers->items[i].bytes;
	}
	qsort(sums.sizes, sums.count, sizeof(*sums.sizes), compare_numbers);
	return sums;
}

static void write_sums(struct expect *expect, const struct layer_sums *sums)
{
	struct json_writer w;
	struct err         err = {0};
	char               path[PATH_BYTES];

	buf_clear(&expect->line);
	w = json_writer_of(&expect->line, 2);
	json_begin_object(&w, NULL);
	json_put_uint(&w, "images", expect->images);
	json_put_uint(&w, "repositories", expect->plan->projects);
	json_put_uint(&w, "layers", expect->layers_total);
	json_put_uint(&w, "layers_unique", sums->count);
	json_put_uint(&w, "layers_made", sums->fresh);
	json_put_uint(&w, "bytes_of_all_images", expect->bytes_total);
	json_put_uint(&w, "bytes", sums->bytes);
	json_put_uint(&w, "tar_bytes", sums->tar_bytes);
	json_put_uint(&w, "entries", sums->entries);
	json_put_uint(&w, "files", sums->files);
	json_put_uint(&w, "files_unique", expect->layers->contents_count);
	put_packages(&w, expect->packages);
	json_put_uint(&w, "packages_unique", expect->unique.count);
	json_put_uint(&w, "packages_removed", expect->removed);
	put_changes(&w, &expect->changes);
	json_put_uint(&w, "layer_bytes_median", sums->sizes[sums->count / 2]);
	json_put_uint(&w, "layer_bytes_90_percent", sums->sizes[sums->count * 9 / 10]);
	json_put_uint(&w, "image_files_median", expect->image_files[expect->images / 2]);
	json_end_object(&w);
	buf_byte(&expect->line, '\n');
	snprintf(path, sizeof(path), "%s/expected.json", expect->folder);
	if (file_write_atomic(path, buf_slice(&expect->line), 0644, &err))
		corpus_die("%s", err.text);
}

void expect_finish(struct expect *expect)
{
	struct layer_sums sums = sum_layers(expect->layers);

	make_unique(expect);
	qsort(expect->image_files, expect->images, sizeof(*expect->image_files), compare_numbers);
	write_sums(expect, &sums);
	fwrite(expect->line.ptr, 1, expect->line.len, stderr);
	if (fclose(expect->lines) != 0)
		corpus_die("cannot write expected.jsonl");
	free(sums.sizes);
	free(expect->image_files);
	piece_list_free(&expect->unique);
	buf_deinit(&expect->line);
	free(expect);
}
