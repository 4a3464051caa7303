#include "image_load.h"

#include "aggregate/aggregate.h"
#include "base/limits.h"
#include "core.h"

#include <stdlib.h>

int image_load(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena, struct job_image *stored,
	       struct image *record, struct err *err)
{
	int status = catalog_image_get(catalog, job, number, arena, stored, err);

	return status < 0 ? status : image_decode(stored->image, arena, record, err);
}

struct layer_key image_layer_key(uint64_t job, const struct job_image *stored, const struct image *record, size_t index,
				 bool *pseudo)
{
	struct layer_key key = {.digest = record->layers[index].digest, .set = stored->set};

	*pseudo = digest_is_zero(&key.digest);
	if (*pseudo)
		core_pseudo_digest(job, record->reference, index, &key.digest);
	return key;
}

enum layer_status image_layer_status(const struct job_image *stored, size_t index)
{
	return index < stored->layers_count ? (enum layer_status)stored->layers[index].status : LAYER_FAILED;
}

bool image_layer_has_content(enum layer_status status)
{
	return status == LAYER_SCANNED || status == LAYER_REUSED || status == LAYER_PARTIAL;
}

/* --- what its layers hold --- */

struct content {
	struct buf inventory, path_table;
};

static void load_layer(struct catalog *catalog, const struct layer_key *key, struct content *content,
		       struct aggregate_layer *layer, struct arena *arena)
{
	struct err err = {0};
	int        status;

	buf_init(&content->inventory, LIMIT_INVENTORY_BYTES);
	buf_init(&content->path_table, LIMIT_INVENTORY_BYTES);
	if (!image_layer_has_content(layer->status))
		return;
	status = catalog_inventory(catalog, key, &content->inventory, &err);
	if (status >= 0)
		status = catalog_path_table(catalog, key, &content->path_table, &err);
	if (status < 0) {
		layer->status = LAYER_FAILED;
		layer->reason = arena_printf(arena, "%s; scan the image again", err.text);
		return;
	}
	layer->inventory = buf_slice(&content->inventory);
	layer->path_table = buf_slice(&content->path_table);
}

static void load_layers(struct catalog *catalog, uint64_t job, const struct image *record,
			const struct job_image *stored, struct content *contents, struct aggregate_layer *layers,
			struct arena *arena)
{
	for (size_t i = 0; i < record->layers_count; i++) {
		bool             pseudo;
		struct layer_key key = image_layer_key(job, stored, record, i, &pseudo);

		layers[i].status = image_layer_status(stored, i);
		layers[i].reason =
			i < stored->layers_count ? stored->layers[i].reason : SLICE_LIT("no outcome was stored");
		load_layer(catalog, &key, &contents[i], &layers[i], arena);
	}
}

int image_aggregate(struct catalog *catalog, uint64_t job, const struct image *record, const struct job_image *stored,
		    struct arena *arena, struct image_result *out, struct err *err)
{
	size_t                  count = record->layers_count;
	struct content         *contents = calloc(count + 1, sizeof(*contents));
	struct aggregate_layer *layers = arena_array(arena, count + 1, sizeof(*layers));
	int                     status;

	if (!contents || !layers) {
		free(contents);
		return err_set(err, ERR_MEM, "result: out of memory");
	}
	load_layers(catalog, job, record, stored, contents, layers, arena);
	status = aggregate_image(record, layers, count, arena, out, err);
	for (size_t i = 0; i < count; i++) {
		buf_deinit(&contents[i].inventory);
		buf_deinit(&contents[i].path_table);
	}
	free(contents);
	return status;
}
