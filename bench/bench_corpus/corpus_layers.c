#include "bench_corpus/corpus_layers.h"

#include "base/file.h"
#include "bench_corpus/corpus_die.h"
#include "bench_corpus/corpus_layer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, THREADS_MAX = 64, MEMORY_BYTES_MAX = 1 << 30 };

/* ---- the memory of earlier runs ---- */

struct known {
	uint64_t      key;
	struct digest digest, diff_id;
	uint64_t      bytes;
};

struct known_list {
	struct known *items;
	size_t        count;
};

static int compare_keys(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_known(const void *a, const void *b)
{
	return compare_keys(((const struct known *)a)->key, ((const struct known *)b)->key);
}

static void read_known(struct known_list *list, const char *folder)
{
	char  path[PATH_BYTES], digest[DIGEST_TEXT_BYTES], diff_id[DIGEST_TEXT_BYTES];
	FILE *file;

	*list = (struct known_list){0};
	snprintf(path, sizeof(path), "%s/corpus.layers", folder);
	file = fopen(path, "re");
	if (!file)
		return;
	for (;;) {
		struct known       known;
		unsigned long long key, bytes;

		if (fscanf(file, "%llx %71s %71s %llu\n", &key, digest, diff_id, &bytes) != 4)
			break;
		known = (struct known){.key = key, .bytes = bytes};
		if (digest_parse(slice_str(digest), &known.digest, NULL) ||
		    digest_parse(slice_str(diff_id), &known.diff_id, NULL))
			break;
		if ((list->count & (list->count + 1)) == 0)
			list->items = realloc(list->items, (2 * list->count + 2) * sizeof(*list->items));
		if (!list->items)
			corpus_die("out of memory");
		list->items[list->count++] = known;
	}
	fclose(file);
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_known);
}

/* What was known stays so, whether this night has it or not. */
static void write_known(const struct known_list *known, const struct made_layers *layers, const char *folder)
{
	struct buf text;
	struct err err = {0};
	char       path[PATH_BYTES], digest[DIGEST_TEXT_BYTES], diff_id[DIGEST_TEXT_BYTES];

	buf_init(&text, MEMORY_BYTES_MAX);
	for (size_t i = 0; i < known->count; i++) {
		digest_text(&known->items[i].digest, digest);
		digest_text(&known->items[i].diff_id, diff_id);
		buf_printf(&text, "%016llx %s %s %llu\n", (unsigned long long)known->items[i].key, digest, diff_id,
			   (unsigned long long)known->items[i].bytes);
	}
	for (size_t i = 0; i < layers->count; i++) {
		const struct made_layer *layer = &layers->items[i];

		if (layer->known)
			continue;
		digest_text(&layer->digest, digest);
		digest_text(&layer->diff_id, diff_id);
		buf_printf(&text, "%016llx %s %s %llu\n", (unsigned long long)layer->spec.key, digest, diff_id,
			   (unsigned long long)layer->bytes);
	}
	snprintf(path, sizeof(path), "%s/corpus.layers", folder);
	if (file_write_atomic(path, buf_slice(&text), 0644, &err))
		corpus_die("%s", err.text);
	buf_deinit(&text);
}

/* ---- which there are ---- */

static int compare_layers(const void *a, const void *b)
{
	return compare_keys(((const struct made_layer *)a)->spec.key, ((const struct made_layer *)b)->spec.key);
}

static void collect(struct made_layers *out, const struct plan *plan)
{
	size_t count = 0, kept = 0;

	out->items = calloc(plan->images_count * IMAGE_LAYERS_MAX + 1, sizeof(*out->items));
	if (!out->items)
		corpus_die("out of memory");
	for (size_t i = 0; i < plan->images_count; i++)
		for (size_t l = 0; l < plan->images[i].layers_count; l++)
			out->items[count++].spec = plan->images[i].layers[l];
	qsort(out->items, count, sizeof(*out->items), compare_layers);
	for (size_t i = 0; i < count; i++)
		if (!kept || out->items[kept - 1].spec.key != out->items[i].spec.key)
			out->items[kept++] = out->items[i];
	out->count = kept;
}

const struct made_layer *layers_get(const struct made_layers *layers, const struct layer_spec *spec)
{
	const struct made_layer key = {.spec = *spec};

	return bsearch(&key, layers->items, layers->count, sizeof(*layers->items), compare_layers);
}

void layers_free(struct made_layers *layers)
{
	free(layers->items);
	*layers = (struct made_layers){0};
}

/* ---- making them ---- */

struct crew {
	const struct plan       *plan;
	const struct pool       *pool;
	const struct known_list *known;
	const char              *folder;
	struct made_layers      *out;
	_Atomic size_t           next;
	pthread_mutex_t          lock; /* of the set of contents */
	uint64_t                *table;
	size_t                   table_size, table_count;
};

static bool put_content(uint64_t *table, size_t size, uint64_t key)
{
	size_t at = key & (size - 1);

	while (table[at] && table[at] != key)
		at = (at + 1) & (size - 1);
	if (table[at])
		return false;
	table[at] = key;
	return true;
}

static void grow(struct crew *crew)
{
	size_t    size = crew->table_size ? 2 * crew->table_size : 1 << 16;
	uint64_t *table = calloc(size, sizeof(*table));

	if (!table)
		corpus_die("out of memory");
	for (size_t i = 0; i < crew->table_size; i++)
		if (crew->table[i])
			put_content(table, size, crew->table[i]);
	free(crew->table);
	crew->table = table;
	crew->table_size = size;
}

static void add_contents(struct crew *crew, const struct tar_counts *counts)
{
	pthread_mutex_lock(&crew->lock);
	for (uint64_t i = 0; i < counts->files; i++) {
		if (crew->table_count * 2 >= crew->table_size)
			grow(crew);
		crew->table_count += put_content(crew->table, crew->table_size, counts->contents[i] | 1);
	}
	pthread_mutex_unlock(&crew->lock);
}

static void move_into_place(const struct crew *crew, const char *from, const struct digest *digest)
{
	char path[PATH_BYTES], hex[2 * SHA256_BYTES + 1];

	digest_hex(digest->bytes, SHA256_BYTES, hex);
	snprintf(path, sizeof(path), "%s/layout/blobs/sha256/%s", crew->folder, hex);
	if (rename(from, path) != 0)
		corpus_die("cannot rename a blob to %s", path);
}

static void make_layer(struct crew *crew, struct made_layer *layer)
{
	struct known        key = {.key = layer->spec.key}, *known = NULL;
	struct blob_writer *blob = NULL;
	struct tar_counts   counts;
	char                path[PATH_BYTES];

	if (crew->known->count)
		known = bsearch(&key, crew->known->items, crew->known->count, sizeof(key), compare_known);
	layer->known = known != NULL;
	snprintf(path, sizeof(path), "%s/layout/blobs/sha256/.%016llx", crew->folder,
		 (unsigned long long)layer->spec.key);
	if (!known)
		blob = blob_writer_new(path, layer->spec.zstd);
	layer_write(crew->plan, crew->pool, &layer->spec, blob, &counts);
	layer->tar_bytes = counts.bytes;
	layer->entries = counts.entries;
	layer->files = counts.files;
	add_contents(crew, &counts);
	free(counts.contents);
	if (blob) {
		blob_writer_end(blob, &layer->digest, &layer->diff_id, &layer->bytes);
		move_into_place(crew, path, &layer->digest);
	} else {
		layer->digest = known->digest;
		layer->diff_id = known->diff_id;
		layer->bytes = known->bytes;
	}
}

static int compare_digests(const void *a, const void *b)
{
	return digest_cmp(&(*(struct made_layer *const *)a)->digest, &(*(struct made_layer *const *)b)->digest);
}

static void mark_twins(const struct made_layers *layers)
{
	struct made_layer **by_digest = calloc(layers->count + 1, sizeof(struct made_layer *));

	if (!by_digest)
		corpus_die("out of memory");
	for (size_t i = 0; i < layers->count; i++)
		by_digest[i] = &layers->items[i];
	qsort(by_digest, layers->count, sizeof(*by_digest), compare_digests);
	for (size_t i = 1; i < layers->count; i++)
		by_digest[i]->twin = digest_eq(&by_digest[i]->digest, &by_digest[i - 1]->digest);
	free(by_digest);
}

static void *work(void *data)
{
	struct crew *crew = data;
	size_t       next;

	while ((next = atomic_fetch_add(&crew->next, 1)) < crew->out->count)
		make_layer(crew, &crew->out->items[next]);
	return NULL;
}

void layers_make(struct made_layers *out, const struct plan *plan, const char *folder, unsigned threads)
{
	struct known_list known;
	struct pool      *pool = pool_new(plan->universe.seed);
	struct crew       crew = {.plan = plan, .pool = pool, .known = &known, .folder = folder, .out = out};
	pthread_t         ids[THREADS_MAX];

	*out = (struct made_layers){0};
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	read_known(&known, folder);
	collect(out, plan);
	pthread_mutex_init(&crew.lock, NULL);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, &crew) != 0)
			corpus_die("cannot start a thread");
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	write_known(&known, out, folder);
	mark_twins(out);
	free(crew.table);
	out->contents_count = crew.table_count;
	pthread_mutex_destroy(&crew.lock);
	free(known.items);
	pool_free(pool);
}
