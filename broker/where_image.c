#include "where_internal.h"

#include "base/glob.h"
#include "base/limits.h"
#include "base/path.h"
#include "image_load.h"
#include "model/path_table.h"

#include <stdlib.h>

/* --- one layer --- */

static int by_path(const void *a, const void *b)
{
	return path_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

int where_layer_files(struct catalog *catalog, const struct layer_key *key, const struct digest *sha256,
		      struct arena *arena, struct slice **paths, size_t *count, struct err *err)
{
	struct inventory inventory;
	struct buf       encoded;
	size_t           capacity = 0;
	int              status;

	*paths = NULL;
	*count = 0;
	buf_init(&encoded, LIMIT_INVENTORY_BYTES);
	inventory_init(&inventory);
	status = catalog_inventory(catalog, key, &encoded, err);
	if (status >= 0)
		status = inventory_decode_parts(buf_slice(&encoded), INVENTORY_HASHES, &inventory, err);
	for (size_t i = 0; i < inventory.hashes_count && status >= 0; i++)
		if (digest_eq(&inventory.hashes[i].sha256, sha256) &&
		    arena_grow(arena, paths, &capacity, *count, sizeof(**paths)))
			(*paths)[(*count)++] = arena_copy(arena, inventory.hashes[i].path);
	inventory_deinit(&inventory);
	buf_deinit(&encoded);
	if (*count)
		qsort(*paths, *count, sizeof(**paths), by_path);
	return status;
}

/* What the glob begins with up to its last '/': nothing before it or behind what is below it can match. */
static struct slice folder_of(const struct where_query *query)
{
	return query->by_name ? SLICE_EMPTY : path_dirname(glob_literal(query->glob));
}

static bool matches(const struct where_query *query, const struct path_entry *entry)
{
	if (entry->type == PATH_WHITEOUT || entry->type == PATH_OPAQUE)
		return false;
	return query->by_name ? glob_match(query->glob, path_basename(entry->path), false)
			      : glob_match(query->glob, entry->path, true);
}

static int read_paths(struct path_table_reader *reader, const struct where_query *query, struct arena *arena,
		      struct slice **paths, size_t *count, struct err *err)
{
	struct slice      folder = folder_of(query);
	struct path_entry entry;
	size_t            capacity = 0;
	int               status;

	while ((status = path_table_next(reader, &entry, err)) > 0) {
		if (folder.len && !path_is_below(entry.path, folder)) {
			if (path_cmp(entry.path, folder) > 0)
				return 0; /* the table is sorted */
			continue;
		}
		if (matches(query, &entry) && arena_grow(arena, paths, &capacity, *count, sizeof(**paths)))
			(*paths)[(*count)++] = arena_copy(arena, entry.path);
	}
	return status;
}

int where_layer_paths(struct catalog *catalog, const struct layer_key *key, const struct where_query *query,
		      struct arena *arena, struct slice **paths, size_t *count, struct err *err)
{
	struct path_table_reader *reader;
	struct buf                encoded;
	int                       status;

	*paths = NULL;
	*count = 0;
	buf_init(&encoded, LIMIT_INVENTORY_BYTES);
	status = catalog_path_table(catalog, key, &encoded, err);
	if (status >= 0 && encoded.len) {
		reader = path_table_reader_new(buf_slice(&encoded), err);
		status = reader ? read_paths(reader, query, arena, paths, count, err) : ERR_FORMAT;
		path_table_reader_free(reader);
	}
	buf_deinit(&encoded);
	return status;
}

/* --- one image --- */

struct looking {
	struct where    *w;
	struct arena     arena;
	struct job_image stored;
	struct image     record;
	uint64_t         job;
	struct where_row row; /* what all rows of the image share */
};

static int emit_layer(struct looking *l, size_t index, enum where_kind kind, struct slice *paths, size_t count)
{
	struct where_row row = l->row;

	row.kind = kind;
	row.layer = (uint32_t)index;
	row.layer_digest = l->record.layers[index].digest;
	row.paths = paths;
	row.paths_count = count;
	if (kind == WHERE_FILE)
		row.sha256 = l->w->query.digest;
	return where_emit(l->w, &row);
}

/* The layer itself: by its digest, or by what its content is. */
static bool is_asked_layer(struct looking *l, const struct layer_key *key)
{
	struct digest found;

	return digest_eq(&key->digest, &l->w->query.digest) ||
	       (catalog_layer_diff_id(l->w->catalog, key, &found, NULL) >= 0 && digest_eq(&found, &l->w->query.digest));
}

/* A layer that cannot be read holds nothing that is known. */
static int look_at_layer(struct looking *l, size_t index)
{
	struct where          *w = l->w;
	bool                   pseudo;
	const struct layer_key key = image_layer_key(l->job, &l->stored, &l->record, index, &pseudo);
	struct slice          *paths = NULL;
	size_t                 count = 0;
	int                    status = 0;

	if (!image_layer_has_content(image_layer_status(&l->stored, index)))
		return 0;
	if (w->query.asked == ASKED_PATH) {
		where_layer_paths(w->catalog, &key, &w->query, &l->arena, &paths, &count, NULL);
		return count ? emit_layer(l, index, WHERE_PATH, paths, count) : 0;
	}
	if (w->query.layers && !pseudo && is_asked_layer(l, &key))
		status = emit_layer(l, index, WHERE_LAYER, NULL, 0);
	if (w->query.files && status == 0) {
		where_layer_files(w->catalog, &key, &w->query.digest, &l->arena, &paths, &count, NULL);
		status = count ? emit_layer(l, index, WHERE_FILE, paths, count) : 0;
	}
	return status;
}

static int emit_package(struct looking *l, const struct image_result *result, size_t index,
			const struct result_vulnerability *v, bool unsure)
{
	const struct result_package *package = &result->packages[index];
	struct where_row             row = l->row;

	row.kind = v ? WHERE_VULNERABILITY : WHERE_PACKAGE;
	row.layer = package->layer;
	row.layer_digest = l->record.layers[package->layer].digest;
	row.type = package->package.type;
	row.name = package->package.name;
	row.version = package->package.version;
	row.arch = package->package.arch;
	row.purl = package->purl;
	row.owner = package->owner;
	row.declared = package->suppressed == PACKAGE_IS_DECLARED;
	row.unsure = v ? v->approximate : unsure;
	row.id = v ? v->id : SLICE_EMPTY;
	row.fixed = v ? v->fixed : SLICE_EMPTY;
	row.severity = v ? slice_str(severity_name(v->severity)) : SLICE_EMPTY;
	row.paths = package->paths;
	row.paths_count = package->paths_count;
	return where_emit(l->w, &row);
}

static int look_at_packages(struct looking *l, const struct image_result *result)
{
	const struct package_pattern *pattern = &l->w->query.pattern;
	int                           status = 0;

	for (size_t i = 0; i < result->packages_count && status == 0; i++) {
		const struct result_package *package = &result->packages[i];
		bool                         unsure;

		if (package_pattern_names(pattern, &package->package) &&
		    package_pattern_holds(pattern, &package->package, package->purl, &unsure))
			status = emit_package(l, result, i, NULL, unsure);
	}
	return status;
}

static int look_at_vulnerabilities(struct looking *l, struct image_result *result)
{
	int status = match_image(l->w->advisories, &l->arena, result, l->w->err);

	for (size_t i = 0; i < result->vulnerabilities_count && status == 0; i++) {
		const struct result_vulnerability *v = &result->vulnerabilities[i];

		if (where_is_vulnerability(l->w, v))
			status = emit_package(l, result, v->package, v, false);
	}
	return status;
}

static int look(struct looking *l)
{
	struct image_result result;
	int status = image_aggregate(l->w->catalog, l->job, &l->record, &l->stored, &l->arena, &result, l->w->err);

	if (status == ERR_LIMIT) { /* as the index has it: nothing is known of it */
		l->w->incomplete++;
		return 0;
	}
	if (status < 0)
		return status;
	l->w->incomplete += !result.complete;
	if (l->w->query.asked == ASKED_PACKAGE)
		return look_at_packages(l, &result);
	if (l->w->query.asked == ASKED_VULNERABILITY)
		return look_at_vulnerabilities(l, &result);
	for (size_t i = 0; i < l->record.layers_count && status == 0; i++)
		status = look_at_layer(l, i);
	return status;
}

int where_image(struct where *w, const struct index_place *place)
{
	struct looking l = {.w = w, .job = place->job};
	int            status;

	arena_init(&l.arena, 4ull << 30);
	status = image_load(w->catalog, place->job, place->number, &l.arena, &l.stored, &l.record, NULL);
	if (status >= 0) {
		w->searched++;
		l.row.image = l.record.digest;
		status = where_place_parts(w, place, &l.arena, &l.row.reference, &l.row.platform);
		if (status >= 0)
			status = look(&l);
	} else if (status != ERR_MEM) {
		status = 0;
	}
	arena_deinit(&l.arena);
	return status;
}
