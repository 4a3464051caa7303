#include "top.h"

#include "match/ecosystem.h"

#include <stdlib.h>

enum { SCRATCH_BYTES_MAX = 1 << 30 };

/* Unknown may be anything: between low and medium. */
static const uint64_t weights[SEVERITY_COUNT] = {
	[SEVERITY_CRITICAL] = 100, [SEVERITY_HIGH] = 40,      [SEVERITY_MEDIUM] = 10, [SEVERITY_UNKNOWN] = 5,
	[SEVERITY_LOW] = 2,        [SEVERITY_NEGLIGIBLE] = 0, [SEVERITY_NONE] = 0};

struct score {
	uint64_t weight, images;
	uint64_t of[SEVERITY_COUNT]; /* findings, image by image */
	uint64_t last_set;           /* whose images are counted */
};

/* Packages that one upgrade puts right: those made of one source of one release of a distribution, or of one name of a language. */
struct upgrade {
	struct slice type, name, os_id, os_version;
	struct slice to;      /* at which nothing that has a fix is left, of the versions that are there */
	struct score score;   /* of findings that have a fix */
	uint64_t     unfixed; /* findings without one, image by image */
};

/* What one unique package weighs. */
struct package_score {
	struct upgrade *upgrade;
	uint64_t        fixable[SEVERITY_COUNT], all[SEVERITY_COUNT], unfixed;
};

struct layer_score {
	struct digest digest;
	struct score  score;
};

/* An image that others may begin with. */
struct base_score {
	uint64_t     set;
	uint64_t     layers;
	struct score score; /* of findings that its layers bring into other images */
};

struct wanted_set {
	uint64_t set, images;
};

struct topping {
	struct question *q;
	struct err      *err;
	struct slice     prefix;
	struct map       packages, upgrades, layers, bases, places; /* places: set -> how many wanted images it is */
	uint64_t         images;
	struct arena     scratch;
};

static int no_memory(struct topping *t)
{
	return err_set(t->err, ERR_MEM, "the answer does not fit into memory");
}

static struct slice key_of(struct topping *t, uint64_t number)
{
	return arena_copy(&t->q->arena, slice_of(&number, sizeof(number)));
}

/* ---- packages ---- */

static struct upgrade *upgrade_of(struct topping *t, const struct question_package *package)
{
	const struct package    *p = &package->unique.package;
	const struct os_release *os = &package->context.os;
	bool                     of_os = package_type_is_os(p->type);
	struct slice             name = of_os && p->source_name.len ? p->source_name : p->name;
	struct slice             id = of_os ? os->id : SLICE_EMPTY, version = of_os ? os->version_id : SLICE_EMPTY;
	struct slice key = arena_printf(&t->q->arena, "%.*s%c%.*s%c%.*s%c%.*s", SLICE_FMT(p->type), 0, SLICE_FMT(name),
					0, SLICE_FMT(id), 0, SLICE_FMT(version));
	struct upgrade *upgrade = map_get(&t->upgrades, key);

	if (upgrade)
		return upgrade;
	upgrade = arena_alloc(&t->q->arena, sizeof(*upgrade));
	if (!upgrade)
		return NULL;
	*upgrade = (struct upgrade){.type = p->type, .name = name, .os_id = id, .os_version = version};
	return map_put(&t->upgrades, key, upgrade) ? upgrade : NULL;
}

static enum version_scheme scheme_of(const struct upgrade *upgrade)
{
	const struct ecosystem *ecosystem = ecosystem_of_type(upgrade->type);

	if (ecosystem)
		return ecosystem->scheme;
	return slice_eq_str(upgrade->type, "deb")   ? VERSION_DEB
	       : slice_eq_str(upgrade->type, "rpm") ? VERSION_RPM
	       : slice_eq_str(upgrade->type, "apk") ? VERSION_APK
						    : VERSION_NONE;
}

/* "1.2-3 (requires Ubuntu Pro)" is a version and a note. */
static void raise_to(struct upgrade *upgrade, struct slice fixed)
{
	struct slice rest = fixed, rest_to = upgrade->to;
	struct slice version = slice_cut(&rest, ' '), to = slice_cut(&rest_to, ' ');
	int          order;

	if (upgrade->to.len == 0 || (version_compare(scheme_of(upgrade), version, to, &order) == 0 && order > 0))
		upgrade->to = fixed;
}

static int score_findings(struct topping *t, const struct question_package *package, struct package_score *score)
{
	struct package_findings stored;
	struct arena            arena;
	int                     status;

	arena_init(&arena, SCRATCH_BYTES_MAX);
	status = catalog_findings_get(t->q->view, package->number, &arena, &stored, t->err);
	for (size_t i = 0; !status && i < stored.count; i++) {
		const struct question_finding *f = question_finding(t->q, stored.items[i].content, t->err);

		if (!f) {
			status = t->err && t->err->code ? t->err->code : ERR_STORE;
			break;
		}
		if (f->finding.kind.len)
			continue;
		score->all[f->finding.severity]++;
		if (f->finding.fixed.len == 0) {
			score->unfixed++;
			continue;
		}
		score->fixable[f->finding.severity]++;
		raise_to(score->upgrade, f->finding.fixed);
	}
	arena_deinit(&arena);
	return status;
}

static struct package_score *package_score(struct topping *t, uint64_t number)
{
	struct package_score          *score = map_get(&t->packages, slice_of(&number, sizeof(number)));
	const struct question_package *package;

	if (score)
		return score;
	package = question_package(t->q, number, t->err);
	score = package ? arena_alloc(&t->q->arena, sizeof(*score)) : NULL;
	if (!score || (score->upgrade = upgrade_of(t, package)) == NULL || score_findings(t, package, score) != 0)
		return NULL;
	return map_put(&t->packages, key_of(t, number), score) ? score : NULL;
}

/* ---- scores ---- */

static void add_score(struct score *score, const uint64_t findings[SEVERITY_COUNT], uint64_t images, uint64_t set)
{
	bool any = false;

	for (int s = 0; s < SEVERITY_COUNT; s++) {
		score->of[s] += findings[s] * images;
		score->weight += findings[s] * images * weights[s];
		any |= findings[s] != 0;
	}
	if (any && score->last_set != set) {
		score->last_set = set;
		score->images += images;
	}
}

static struct layer_score *layer_score(struct topping *t, const struct index_layer *layer)
{
	struct layer_score *score = map_get(&t->layers, digest_slice(&layer->key.digest));

	if (score)
		return score;
	score = arena_alloc(&t->q->arena, sizeof(*score));
	if (!score)
		return NULL;
	score->digest = layer->key.digest;
	return map_put(&t->layers, digest_slice(&score->digest), score) ? score : NULL;
}

/* ---- base images: the longest proper beginning that is an image itself ---- */

/* The digest of layers 0 to `count` - 1 together; false: one of them has none. */
static bool chain_of(const struct index_set *set, size_t count, struct digest *out)
{
	struct sha256 *hash = sha256_new();
	bool           whole = hash && count != 0;

	for (size_t i = 0; whole && i < count; i++) {
		whole = !set->layers[i].pseudo;
		sha256_update(hash, digest_slice(&set->layers[i].key.digest));
	}
	if (hash)
		sha256_final(hash, out->bytes);
	sha256_free(hash);
	return whole;
}

static struct base_score *base_of(struct topping *t, const struct index_set *set)
{
	struct digest chain;

	for (size_t count = set->layers_count; count-- > 1;)
		if (chain_of(set, count, &chain)) {
			struct base_score *base = map_get(&t->bases, digest_slice(&chain));

			if (base)
				return base;
		}
	return NULL;
}

/* Every place: how many images a set is, and which beginnings are images. */
static int note_place(void *data, const struct index_place *place)
{
	struct topping      *t = data;
	struct question_set *set;
	struct base_score   *base;
	struct digest        chain;
	uint64_t             key = place->set;
	struct wanted_set   *counted;
	bool                 wanted = slice_eq(slice_sub(place->place, 0, t->prefix.len), t->prefix) ||
		      (slice_starts(place->place, "docker://") &&
		       slice_eq(slice_sub(place->place, 9, t->prefix.len), t->prefix));

	if (!place->set)
		return 0;
	if (wanted) {
		counted = map_get(&t->places, slice_of(&key, sizeof(key)));
		if (!counted && ((counted = arena_alloc(&t->q->arena, sizeof(*counted))) == NULL ||
				 !map_put(&t->places, key_of(t, key), counted)))
			return no_memory(t);
		counted->set = key;
		counted->images++;
		t->images++;
	}
	if ((set = question_set(t->q, place->set, t->err)) == NULL)
		return t->err && t->err->code ? t->err->code : ERR_STORE;
	if (!chain_of(&set->set, set->set.layers_count, &chain) || map_get(&t->bases, digest_slice(&chain)))
		return 0;
	base = arena_alloc(&t->q->arena, sizeof(*base));
	if (!base)
		return no_memory(t);
	base->set = place->set;
	base->layers = set->set.layers_count;
	return map_put(&t->bases, arena_copy(&t->q->arena, digest_slice(&chain)), base) ? 0 : no_memory(t);
}

/* ---- sets ---- */

static int score_entry(struct topping *t, const struct question_set *set, const struct index_entry *entry,
		       uint64_t images, struct base_score *base)
{
	struct package_score     *score = package_score(t, entry->package);
	const struct index_layer *layer = entry->layer < set->set.layers_count ? &set->set.layers[entry->layer] : NULL;
	struct layer_score       *of_layer;

	if (!score)
		return t->err && t->err->code ? t->err->code : no_memory(t);
	add_score(&score->upgrade->score, score->fixable, images, set->set.set);
	score->upgrade->unfixed += score->unfixed * images;
	if (base && entry->layer < base->layers)
		add_score(&base->score, score->all, images, set->set.set);
	if (!layer || layer->pseudo)
		return 0;
	if ((of_layer = layer_score(t, layer)) == NULL)
		return no_memory(t);
	add_score(&of_layer->score, score->all, images, set->set.set);
	return 0;
}

static int score_set(struct topping *t, uint64_t number, uint64_t images)
{
	struct question_set set;
	struct base_score  *base;
	int                 status;

	arena_reset(&t->scratch);
	status = question_load_set(t->q, number, &t->scratch, &set, t->err);
	base = status ? NULL : base_of(t, &set.set);
	for (size_t i = 0; !status && i < set.set.entries_count; i++)
		if (question_entry_counts(&set, set.set.entries[i].flags))
			status = score_entry(t, &set, &set.set.entries[i], images, base);
	return status;
}

static int score_all(struct topping *t)
{
	int status = catalog_index_places_each(t->q->view, SLICE_EMPTY, note_place, t, t->err);

	struct wanted_set *wanted;
	size_t             at = 0;

	while (!status && (wanted = map_next(&t->places, &at)) != NULL)
		status = score_set(t, wanted->set, wanted->images);
	return status;
}

/* ---- the document ---- */

static int by_score(const struct score *a, const struct score *b)
{
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return (a->images < b->images) - (a->images > b->images);
}

static int by_upgrade(const void *a, const void *b)
{
	const struct upgrade *left = *(struct upgrade *const *)a, *right = *(struct upgrade *const *)b;
	int                   order = by_score(&left->score, &right->score);

	order = order ? order : slice_cmp(left->name, right->name);
	order = order ? order : slice_cmp(left->os_id, right->os_id);
	order = order ? order : slice_cmp(left->os_version, right->os_version);
	return order ? order : slice_cmp(left->type, right->type);
}

static int by_layer(const void *a, const void *b)
{
	const struct layer_score *left = *(struct layer_score *const *)a, *right = *(struct layer_score *const *)b;
	int                       order = by_score(&left->score, &right->score);

	return order ? order : digest_cmp(&left->digest, &right->digest);
}

static int by_base(const void *a, const void *b)
{
	const struct base_score *left = *(struct base_score *const *)a, *right = *(struct base_score *const *)b;
	int                      order = by_score(&left->score, &right->score);

	return order ? order : (left->set > right->set) - (left->set < right->set);
}

/* Everything in the map, in order. NULL without memory. */
static void **sorted(struct topping *t, const struct map *map, int (*order)(const void *a, const void *b))
{
	void **items = arena_array(&t->q->arena, map->count + 1, sizeof(*items));
	size_t at = 0, count = 0;

	for (void *item; items && (item = map_next(map, &at)) != NULL;)
		items[count++] = item;
	if (count > 1)
		qsort(items, count, sizeof(*items), order);
	return items;
}

static void put_score(struct json_writer *w, const struct score *score)
{
	json_put_uint(w, "weight", score->weight);
	json_put_uint(w, "images", score->images);
	question_put_severities(w, "vulnerabilities", score->of);
}

static void put_upgrade(struct json_writer *w, const struct upgrade *upgrade)
{
	json_begin_object(w, NULL);
	json_put_text(w, "type", upgrade->type);
	json_put_text(w, "name", upgrade->name);
	if (upgrade->os_id.len) {
		json_begin_object(w, "os");
		json_put_text(w, "id", upgrade->os_id);
		json_put_text(w, "version_id", upgrade->os_version);
		json_end_object(w);
	}
	json_put_text(w, "upgrade_to", upgrade->to);
	put_score(w, &upgrade->score);
	json_put_uint(w, "without_fix", upgrade->unfixed);
	json_end_object(w);
}

static int put_base(struct topping *t, struct json_writer *w, const struct base_score *base)
{
	struct question_set *set = question_set(t->q, base->set, t->err);
	int                  status = set ? question_images(t->q, set, t->err) : ERR_STORE;

	if (status || set->images_count == 0)
		return status;
	json_begin_object(w, NULL);
	json_begin_array(w, "references");
	for (size_t i = 0; i < set->images_count; i++)
		json_put_text(w, NULL, set->images[i].reference);
	json_end_array(w);
	question_put_digest(w, "digest", &set->images[0].digest);
	json_put_uint(w, "layers", base->layers);
	put_score(w, &base->score);
	json_end_object(w);
	return 0;
}

static int put_lists(struct topping *t, struct json_writer *w, size_t limit)
{
	struct upgrade     **upgrades = (struct upgrade **)sorted(t, &t->upgrades, by_upgrade);
	struct layer_score **layers = (struct layer_score **)sorted(t, &t->layers, by_layer);
	struct base_score  **bases = (struct base_score **)sorted(t, &t->bases, by_base);
	int                  status = 0;

	if (!upgrades || !layers || !bases)
		return no_memory(t);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < t->upgrades.count && i < limit && upgrades[i]->score.images; i++)
		put_upgrade(w, upgrades[i]);
	json_end_array(w);
	json_begin_array(w, "bases");
	for (size_t i = 0; !status && i < t->bases.count && i < limit && bases[i]->score.images; i++)
		status = put_base(t, w, bases[i]);
	json_end_array(w);
	json_begin_array(w, "layers");
	for (size_t i = 0; i < t->layers.count && i < limit && layers[i]->score.images; i++) {
		json_begin_object(w, NULL);
		question_put_digest(w, "digest", &layers[i]->digest);
		put_score(w, &layers[i]->score);
		json_end_object(w);
	}
	json_end_array(w);
	return status;
}

static int put_document(struct topping *t, const struct top_request *request, struct buf *out)
{
	struct json_writer w = json_writer_of(out, 0);
	int                status;

	json_begin_object(&w, NULL);
	json_put_str(&w, "schema", "varve.top/1");
	question_put_severities(&w, "weights", weights);
	json_put_text(&w, "prefix", request->prefix);
	json_put_uint(&w, "images", t->images);
	status = put_lists(t, &w, request->limit ? request->limit : SIZE_MAX);
	json_end_object(&w);
	buf_byte(out, '\n');
	if (!status && !buf_ok(out))
		status = err_set(t->err, ERR_LIMIT, "the answer is too long");
	return status ? status : question_fail(t->q, t->err);
}

int top_answer(struct question *q, const struct top_request *request, struct buf *out, struct err *err)
{
	struct topping t = {.q = q, .err = err, .prefix = request->prefix};
	int            status;

	arena_init(&t.scratch, SCRATCH_BYTES_MAX);
	status = score_all(&t);
	if (!status)
		status = put_document(&t, request, out);
	map_deinit(&t.packages);
	map_deinit(&t.upgrades);
	map_deinit(&t.layers);
	map_deinit(&t.bases);
	map_deinit(&t.places);
	arena_deinit(&t.scratch);
	return status;
}
