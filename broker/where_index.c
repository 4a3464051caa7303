#include "where_internal.h"

#include "base/glob.h"
#include "model/purl.h"

#include <stdlib.h>

enum { LOOKED_BYTES_MAX = 1 << 30 };

/* What judges the packages of a type in a context. */
struct judge {
	struct unique_judge judge;
	struct slice        key; /* SHA-256 of the context, type */
};

struct layer_cell {
	uint8_t          name[8];
	struct layer_key key;
};

struct evidence_cell {
	uint8_t                 name[8];
	struct package_evidence evidence;
};

struct searching {
	struct where               *w;
	struct map                  judges, layers, evidences; /* in the question's arena */
	struct arena                scratch;                   /* of one package */
	struct arena                set_arena;
	struct index_set            set; /* head of the set that was asked for last */
	uint64_t                   *packages;
	size_t                      packages_count, packages_capacity;
	struct where_row            row;   /* what all rows of the package or layer share */
	const struct unique_judge  *judge; /* of a vulnerability: what judged the package */
	const struct index_posting *posting;
};

static void number_name(uint64_t number, uint8_t out[8])
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(number >> (8 * i));
}

/* --- what is looked up again and again --- */

static int layer_digest(struct searching *s, uint64_t number, struct digest *out)
{
	struct layer_cell *cell;
	uint8_t            name[8];
	int                status;

	number_name(number, name);
	cell = map_get(&s->layers, slice_of(name, sizeof(name)));
	if (!cell) {
		cell = arena_alloc(&s->w->arena, sizeof(*cell));
		if (!cell)
			return where_out_of_memory(s->w);
		number_name(number, cell->name);
		if ((status = catalog_index_layer(s->w->view, number, &cell->key, s->w->err)) < 0)
			return status;
		if (!map_put(&s->layers, slice_of(cell->name, sizeof(cell->name)), cell))
			return where_out_of_memory(s->w);
	}
	*out = cell->key.digest;
	return 0;
}

static int evidence_of(struct searching *s, uint64_t number, const struct package_evidence **out)
{
	struct arena         *arena = &s->w->arena;
	struct evidence_cell *cell;
	struct slice          bytes;
	uint8_t               name[8];
	int                   status;

	number_name(number, name);
	cell = map_get(&s->evidences, slice_of(name, sizeof(name)));
	if (!cell) {
		cell = arena_alloc(arena, sizeof(*cell));
		if (!cell)
			return where_out_of_memory(s->w);
		number_name(number, cell->name);
		if ((status = catalog_index_evidence(s->w->view, number, &bytes, s->w->err)) < 0)
			return status;
		if (package_evidence_decode(arena_copy(arena, bytes), arena, &cell->evidence, s->w->err) < 0)
			return ERR_STORE;
		if (!map_put(&s->evidences, slice_of(cell->name, sizeof(cell->name)), cell))
			return where_out_of_memory(s->w);
	}
	*out = &cell->evidence;
	return 0;
}

static int read_context(struct searching *s, const struct digest *hash, struct arena *arena,
			struct package_context *out)
{
	struct slice bytes;
	int          status = catalog_index_context(s->w->view, hash, &bytes, s->w->err);

	if (status < 0)
		return ERR_STORE; /* it is named by what is there */
	return package_context_decode(bytes, arena, out, s->w->err) < 0 ? ERR_STORE : 0;
}

static int judge_of(struct searching *s, const struct digest *context, struct slice type,
		    const struct unique_judge **out)
{
	struct arena          *arena = &s->w->arena;
	struct package_context decoded;
	struct judge          *judge;
	struct slice           key;
	struct buf             name;
	int                    status;

	buf_init(&name, 1 << 20);
	buf_append(&name, digest_slice(context));
	buf_append(&name, type);
	key = buf_slice(&name);
	judge = map_get(&s->judges, key);
	if (!judge && (judge = arena_alloc(arena, sizeof(*judge))) != NULL) {
		judge->key = arena_copy(arena, key);
		status = read_context(s, context, arena, &decoded);
		if (status >= 0)
			status = match_unique_judge(s->w->advisories, &decoded, type, arena, &judge->judge, s->w->err);
		if (status < 0 || !map_put(&s->judges, judge->key, judge)) {
			buf_deinit(&name);
			return status < 0 ? status : where_out_of_memory(s->w);
		}
	}
	buf_deinit(&name);
	if (!judge)
		return where_out_of_memory(s->w);
	*out = &judge->judge;
	return 0;
}

/* --- rows --- */

static int set_head(struct searching *s, uint64_t set)
{
	if (s->set.set == set)
		return 0;
	arena_reset(&s->set_arena);
	return catalog_index_set_head(s->w->view, set, &s->set_arena, &s->set, s->w->err);
}

static int fill_layer(struct searching *s, struct where_row *row)
{
	const struct index_layer *layer;

	if (s->posting->layer >= s->set.layers_count)
		return err_set(s->w->err, ERR_STORE, "index: postings are damaged");
	layer = &s->set.layers[s->posting->layer];
	row->layer = s->posting->layer;
	row->layer_digest = layer->key.digest;
	if (layer->pseudo) {
		row->layer_digest = (struct digest){0};
		return 0;
	}
	return layer->number ? layer_digest(s, layer->number, &row->layer_digest) : 0;
}

static int on_place(void *data, const struct index_place *place)
{
	struct searching *s = data;
	struct where_row  row = s->row;
	struct slice      prefix = s->w->query.prefix;
	int               status;

	if (!slice_eq(slice_sub(place->place, 0, prefix.len), slice_sub(prefix, 0, 400)) ||
	    map_get(&s->w->pending, place->key))
		return 0;
	status = set_head(s, s->posting->set);
	if (status >= 0)
		status = fill_layer(s, &row);
	row.image = place->image;
	if (status >= 0)
		status = where_place_parts(s->w, place, &s->scratch, &row.reference, &row.platform);
	return status < 0 ? status : where_emit(s->w, &row);
}

/* Whether the image holds the package in a way that its vulnerabilities do not count there. */
static int is_suppressed(struct searching *s, const struct index_posting *posting, bool *out)
{
	const struct unique_judge *os;
	int                        status = set_head(s, posting->set);

	if (status >= 0)
		status = judge_of(s, &s->set.context, SLICE_LIT("deb"), &os);
	if (status >= 0)
		*out = match_unique_suppressed(os, s->judge, (posting->flags & INDEX_ENTRY_OWNED) != 0,
					       (posting->flags & INDEX_ENTRY_DECLARED) != 0);
	return status;
}

static int on_package_set(void *data, const struct index_posting *posting)
{
	struct searching              *s = data;
	const struct package_evidence *evidence;
	bool                           suppressed = false;
	int                            status = 0;

	s->posting = posting;
	if (s->judge && posting->flags)
		status = is_suppressed(s, posting, &suppressed);
	if (status < 0 || suppressed)
		return status;
	if ((status = evidence_of(s, posting->evidence, &evidence)) < 0)
		return status;
	s->row.paths = evidence->paths;
	s->row.paths_count = evidence->paths_count;
	s->row.owner = evidence->owner;
	s->row.declared = (posting->flags & INDEX_ENTRY_DECLARED) != 0;
	return catalog_index_set_places_each(s->w->view, posting->set, on_place, s, s->w->err);
}

/* --- packages --- */

static int purl_of(struct searching *s, const struct unique_package *unique, struct slice *out)
{
	struct package_context context;
	int                    status = read_context(s, &unique->context, &s->scratch, &context);

	if (status >= 0)
		*out = purl_of_package(&unique->package, &context.os, &s->scratch);
	return status;
}

static int emit_package(struct searching *s, uint64_t number, const struct unique_package *unique, struct slice purl)
{
	s->row.type = unique->package.type;
	s->row.name = unique->package.name;
	s->row.version = unique->package.version;
	s->row.arch = unique->package.arch;
	s->row.purl = purl;
	return catalog_index_package_sets_each(s->w->view, number, on_package_set, s, s->w->err);
}

static int decode(struct searching *s, struct slice identity, struct unique_package *out)
{
	return unique_package_decode_borrowed(identity, out, s->w->err) < 0 ? ERR_STORE : 0;
}

static int look_at_package(struct searching *s, uint64_t number, struct slice identity)
{
	const struct package_pattern *pattern = &s->w->query.pattern;
	struct unique_package         unique;
	struct slice                  purl;
	int                           status = decode(s, identity, &unique);

	if (status < 0 || !package_pattern_names(pattern, &unique.package))
		return status;
	arena_reset(&s->scratch);
	if ((status = purl_of(s, &unique, &purl)) < 0)
		return status;
	s->row = (struct where_row){.kind = WHERE_PACKAGE};
	if (!package_pattern_holds(pattern, &unique.package, purl, &s->row.unsure))
		return 0;
	return emit_package(s, number, &unique, purl);
}

static int on_any_package(void *data, uint64_t number, struct slice identity)
{
	return look_at_package(data, number, identity);
}

static int on_name(void *data, enum index_name_kind kind, uint64_t package)
{
	struct searching *s = data;

	if (kind == INDEX_NAME_SOURCE && !s->w->query.pattern.by_source)
		return 0;
	if (!arena_grow(&s->w->arena, &s->packages, &s->packages_capacity, s->packages_count, sizeof(*s->packages)))
		return where_out_of_memory(s->w);
	s->packages[s->packages_count++] = package;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static int search_packages(struct searching *s)
{
	struct slice name = s->w->query.pattern.name, literal = glob_literal(name);
	struct slice identity;
	int          status;

	if (literal.len == 0)
		return catalog_index_packages_each(s->w->view, 0, on_any_package, s, s->w->err);
	status = catalog_index_names_each(s->w->view, literal, glob_is_literal(name), on_name, s, s->w->err);
	if (s->packages_count)
		qsort(s->packages, s->packages_count, sizeof(*s->packages), by_number);
	for (size_t i = 0; i < s->packages_count && status >= 0; i++) {
		if (i && s->packages[i] == s->packages[i - 1])
			continue;
		status = catalog_index_package(s->w->view, s->packages[i], &identity, s->w->err);
		if (status >= 0)
			status = look_at_package(s, s->packages[i], identity);
		if (status >= 0)
			status = catalog_view_rest(s->w->view, s->w->err);
	}
	return status;
}

/* --- vulnerabilities --- */

static int emit_vulnerable(struct searching *s, uint64_t number, const struct unique_package *unique,
			   const struct result_vulnerability *v)
{
	struct slice purl;
	int          status = purl_of(s, unique, &purl);

	s->row = (struct where_row){.kind = WHERE_VULNERABILITY,
				    .id = v->id,
				    .fixed = v->fixed,
				    .severity = slice_str(severity_name(v->severity)),
				    .unsure = v->approximate};
	return status < 0 ? status : emit_package(s, number, unique, purl);
}

static int on_judged_package(void *data, uint64_t number, struct slice identity)
{
	struct searching     *s = data;
	struct unique_package unique;
	struct match_found    found;
	int                   status = decode(s, identity, &unique);

	arena_reset(&s->scratch);
	if (status >= 0)
		status = judge_of(s, &unique.context, unique.package.type, &s->judge);
	if (status >= 0)
		status = match_unique(s->w->advisories, s->judge, &unique, &s->scratch, &found, s->w->err);
	for (size_t i = 0; status >= 0 && i < found.vulnerabilities_count; i++)
		if (where_is_vulnerability(s->w, &found.vulnerabilities[i]))
			status = emit_vulnerable(s, number, &unique, &found.vulnerabilities[i]);
	return status;
}

/* --- layers --- */

static int on_layer_set(void *data, const struct index_posting *posting)
{
	struct searching *s = data;

	s->posting = posting;
	return catalog_index_set_places_each(s->w->view, posting->set, on_place, s, s->w->err);
}

static int emit_layer(struct searching *s, uint64_t layer, struct where_row row)
{
	s->row = row;
	return catalog_index_layer_sets_each(s->w->view, layer, on_layer_set, s, s->w->err);
}

static int on_file_layer(void *data, uint64_t layer)
{
	struct searching *s = data;
	struct where_row  row = {.kind = WHERE_FILE, .sha256 = s->w->query.digest};
	struct layer_key  key;
	int               status = catalog_index_layer(s->w->view, layer, &key, s->w->err);

	arena_reset(&s->scratch);
	if (status < 0)
		return status;
	where_layer_files(s->w->catalog, &key, &s->w->query.digest, &s->scratch, &row.paths, &row.paths_count, NULL);
	return row.paths_count ? emit_layer(s, layer, row) : 0;
}

static int on_path_layer(void *data, uint64_t layer)
{
	struct searching *s = data;
	struct where_row  row = {.kind = WHERE_PATH};
	struct layer_key  key;
	int               status = catalog_index_layer(s->w->view, layer, &key, s->w->err);

	arena_reset(&s->scratch);
	if (status < 0)
		return status;
	where_layer_paths(s->w->catalog, &key, &s->w->query, &s->scratch, &row.paths, &row.paths_count, NULL);
	return row.paths_count ? emit_layer(s, layer, row) : 0;
}

static int on_digest_layer(void *data, uint64_t layer, const struct layer_key *key)
{
	struct searching *s = data;

	(void)key;
	arena_reset(&s->scratch);
	return emit_layer(s, layer, (struct where_row){.kind = WHERE_LAYER});
}

static int on_diff_id_layer(void *data, uint64_t layer, const struct layer_key *key)
{
	struct searching *s = data;

	return digest_eq(&key->digest, &s->w->query.digest) ? 0 : on_digest_layer(data, layer, key);
}

static int search_digest(struct searching *s)
{
	const struct digest *digest = &s->w->query.digest;
	int                  status = 0;

	if (s->w->query.layers)
		status = catalog_index_layers_of_digest(s->w->view, digest, on_digest_layer, s, s->w->err);
	if (s->w->query.layers && status >= 0)
		status = catalog_index_layers_of_diff_id(s->w->view, digest, on_diff_id_layer, s, s->w->err);
	if (s->w->query.files && status >= 0)
		status = catalog_index_file_layers_each(s->w->view, digest, on_file_layer, s, s->w->err);
	return status;
}

/* --- what is not whole --- */

static int count_place(void *data, const struct index_place *place)
{
	struct searching *s = data;
	struct slice      prefix = s->w->query.prefix;

	s->w->incomplete += slice_eq(slice_sub(place->place, 0, prefix.len), slice_sub(prefix, 0, 400)) &&
			    !map_get(&s->w->pending, place->key);
	return 0;
}

static int on_incomplete_set(void *data, const struct index_posting *posting)
{
	struct searching *s = data;

	return catalog_index_set_places_each(s->w->view, posting->set, count_place, s, s->w->err);
}

static int search(struct searching *s)
{
	struct where *w = s->w;
	int           status = catalog_index_places_count(w->view, w->query.prefix, &w->searched, w->err);

	if (status >= 0)
		status = catalog_index_incomplete_each(w->view, on_incomplete_set, s, w->err);
	if (status < 0)
		return status;
	switch (w->query.asked) {
	case ASKED_PACKAGE:
		return search_packages(s);
	case ASKED_VULNERABILITY:
		return w->advisories ? catalog_index_packages_each(w->view, 0, on_judged_package, s, w->err) : 0;
	case ASKED_DIGEST:
		return search_digest(s);
	case ASKED_PATH:
		return catalog_index_layers_each(w->view, on_path_layer, s, w->err);
	}
	return 0;
}

int where_index(struct where *w)
{
	struct searching s = {.w = w};
	int              status;

	arena_init(&s.scratch, LOOKED_BYTES_MAX);
	arena_init(&s.set_arena, LOOKED_BYTES_MAX);
	status = search(&s);
	map_deinit(&s.judges);
	map_deinit(&s.layers);
	map_deinit(&s.evidences);
	arena_deinit(&s.scratch);
	arena_deinit(&s.set_arena);
	return status;
}
