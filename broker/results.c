#include "results.h"

#include "advisory_share.h"
#include "aggregate/aggregate.h"
#include "base/limits.h"
#include "core.h"
#include "match/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct results {
	struct catalog             *catalog;
	struct advisory_share      *share;
	struct advisory_generation *generation;
	struct advisories          *advisories; /* NULL: no matching */
	char                        notice[512];
};

static void close_advisories(struct results *results)
{
	advisory_reader_close(results->advisories);
	results->advisories = NULL;
}

/* Reads from the current generation, from another one when that has become current. */
static void refresh_advisories(struct results *results)
{
	struct advisory_generation *before = results->generation;
	struct err                  err = {0};

	if (before && advisory_share_is_current(results->share, before))
		return;
	close_advisories(results); /* before its generation may be closed */
	results->generation = advisory_share_current(results->share, before, &err);
	if (results->generation &&
	    advisory_reader_open(advisory_generation_store(results->generation), &results->advisories, &err) < 0)
		results->advisories = NULL;
	snprintf(results->notice, sizeof(results->notice), "%s", results->advisories ? "" : err.text);
}

static struct results *results_new(struct catalog *catalog, struct advisory_share *share)
{
	struct results *results = calloc(1, sizeof(*results));

	if (!results) {
		advisory_share_release(share);
		return NULL;
	}
	results->catalog = catalog;
	results->share = share;
	refresh_advisories(results);
	return results;
}

int results_open(struct catalog *catalog, const char *db_dir, struct results **out, struct err *err)
{
	struct advisory_share *share;
	char                   dir[4200];

	snprintf(dir, sizeof(dir), db_dir ? "%s" : "%s/advisories", db_dir ? db_dir : catalog_dir(catalog));
	share = advisory_share_new(dir);
	*out = share ? results_new(catalog, share) : NULL;
	return *out ? 0 : err_set(err, ERR_MEM, "results: out of memory");
}

struct results *results_open_beside(const struct results *other)
{
	return results_new(other->catalog, advisory_share_hold(other->share));
}

void results_close(struct results *results)
{
	if (!results)
		return;
	close_advisories(results);
	advisory_share_drop(results->share, results->generation);
	advisory_share_release(results->share);
	free(results);
}

const char *results_notice(const struct results *results)
{
	return results->notice;
}

/* --- one image --- */

struct content {
	struct buf inventory, path_table;
};

static bool has_content(enum layer_status status)
{
	return status == LAYER_SCANNED || status == LAYER_REUSED || status == LAYER_PARTIAL;
}

/* A layer whose record is damaged is a failed layer of this image, with the reason; the others are reported. */
static void load_layer(struct results *results, uint64_t job, const struct image *image, size_t index, uint64_t set,
		       struct content *content, struct aggregate_layer *layer, struct arena *arena)
{
	struct layer_key key = {.digest = image->layers[index].digest, .set = set};
	struct err       err = {0};
	int              status;

	buf_init(&content->inventory, LIMIT_INVENTORY_BYTES);
	buf_init(&content->path_table, LIMIT_INVENTORY_BYTES);
	if (!has_content(layer->status))
		return;
	if (digest_is_zero(&key.digest))
		core_pseudo_digest(job, image->reference, index, &key.digest);
	status = catalog_inventory(results->catalog, &key, &content->inventory, &err);
	if (status >= 0)
		status = catalog_path_table(results->catalog, &key, &content->path_table, &err);
	if (status < 0) {
		layer->status = LAYER_FAILED;
		layer->reason = arena_printf(arena, "%s; scan the image again", err.text);
		return;
	}
	layer->inventory = buf_slice(&content->inventory);
	layer->path_table = buf_slice(&content->path_table);
}

static int compute(struct results *results, uint64_t job, const struct image *image, const struct job_image *stored,
		   struct arena *arena, struct image_result *out, struct err *err)
{
	size_t                  count = image->layers_count;
	struct content         *contents = calloc(count + 1, sizeof(*contents));
	struct aggregate_layer *layers = arena_array(arena, count + 1, sizeof(*layers));
	int                     status;

	if (!contents || !layers) {
		free(contents);
		return err_set(err, ERR_MEM, "result: out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		layers[i].status =
			i < stored->layers_count ? (enum layer_status)stored->layers[i].status : LAYER_FAILED;
		layers[i].reason =
			i < stored->layers_count ? stored->layers[i].reason : SLICE_LIT("no outcome was stored");
		load_layer(results, job, image, i, stored->set, &contents[i], &layers[i], arena);
	}
	status = aggregate_image(image, layers, count, arena, out, err);
	for (size_t i = 0; i < count; i++) {
		buf_deinit(&contents[i].inventory);
		buf_deinit(&contents[i].path_table);
	}
	free(contents);
	return status < 0 ? status : match_image(results->advisories, arena, out, err);
}

int results_load(struct results *results, uint64_t job, uint64_t image, struct arena *arena, struct image_result *out,
		 struct err *err)
{
	struct job_image stored;
	struct image     record;
	int              status;

	*out = (struct image_result){0};
	refresh_advisories(results);
	if ((status = catalog_image_get(results->catalog, job, image, arena, &stored, err)) < 0)
		return status;
	if ((status = image_decode(stored.image, arena, &record, err)) < 0)
		return status;
	return compute(results, job, &record, &stored, arena, out, err);
}
