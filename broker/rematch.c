#include "rematch.h"

#include <stdlib.h>
#include <string.h>

enum { CLOSING_BYTES = 4096 }; /* what still follows when a document is cut */

/* One name in one package that is not what it was. */
struct change {
	struct finding_name name;
	uint64_t            content;
	bool                come;
	uint64_t            judgement;
};

/* A package with changes: `changes` by what they are called while the log is read. */
struct package_changes {
	uint64_t       package;
	struct change *changes;
	size_t         count, capacity;
	enum severity  worst;
	uint64_t       images; /* occurrences in images */
};

/* Where the package lies: image of the answer, layer of the answer. */
struct occurrence {
	size_t image, layer;
};

struct answer_image {
	const struct question_image *image;
	uint64_t                     come, gone;
};

struct answer_layer {
	struct digest digest; /* zero: without one */
	uint64_t      come, gone, images;
};

struct answer {
	struct question         *q;
	struct err              *err;
	uint64_t                 from;
	struct map               by_package; /* number -> struct package_changes */
	struct package_changes **packages;   /* worst first */
	size_t                   packages_count, packages_capacity;
	struct answer_image     *images;
	size_t                   images_count, images_capacity;
	struct answer_layer     *layers;
	size_t                   layers_count, layers_capacity;
	struct map               layers_by_digest; /* digest -> index + 1 */
	struct map               pairs;            /* struct occurrence: those that have been counted */
	struct rematch_summary  *summary;
	uint64_t                 come[SEVERITY_COUNT], gone[SEVERITY_COUNT]; /* of unique packages */
};

static int no_memory(struct answer *a)
{
	return err_set(a->err, ERR_MEM, "the answer does not fit into memory");
}

/* ---- which judgement ---- */

static int find_by_generation(struct question *q, struct slice generation, uint64_t *since, struct err *err)
{
	struct judgement judgement;
	struct arena     arena;
	int              status = 0;

	arena_init(&arena, 1 << 20);
	for (uint64_t n = q->state.judgement; n >= q->state.first && n && !status && !*since; n--) {
		arena_reset(&arena);
		status = catalog_judgement_get(q->view, n, &arena, &judgement, err);
		if (!status && judgement.generation.len >= generation.len &&
		    slice_eq(slice_sub(judgement.generation, 0, generation.len), generation))
			*since = n;
	}
	arena_deinit(&arena);
	if (!status && !*since)
		status = err_set(err, ERR_NOT_FOUND,
				 "no generation %.*s that can be compared with: the oldest is of judgement %llu",
				 SLICE_FMT(generation), (unsigned long long)q->state.first);
	return status;
}

static int choose(struct answer *a, const struct rematch_request *request)
{
	struct question *q = a->q;
	uint64_t         since = request->since;
	int              status = 0;

	if (!q->state.judgement)
		return err_set(a->err, ERR_NOT_FOUND, "nothing was judged yet: no advisories, or no finished image");
	if (!since && request->generation.len)
		status = find_by_generation(q, request->generation, &since, a->err);
	else if (!since)
		since = q->state.judgement > q->state.first ? q->state.judgement - 1 : q->state.judgement;
	if (!status && (since < q->state.first || since > q->state.judgement))
		status =
			err_set(a->err, ERR_NOT_FOUND, "judgement %llu cannot be compared with: there are %llu to %llu",
				(unsigned long long)since, (unsigned long long)q->state.first,
				(unsigned long long)q->state.judgement);
	a->from = a->summary->from = since;
	a->summary->to = q->state.judgement;
	a->summary->first = q->state.judgement == q->state.first;
	return status;
}

/* ---- the log, netted ---- */

static struct package_changes *changes_of(struct answer *a, uint64_t package)
{
	struct package_changes *changes = map_get(&a->by_package, slice_of(&package, sizeof(package)));

	if (changes)
		return changes;
	changes = arena_alloc(&a->q->arena, sizeof(*changes));
	if (!changes)
		return NULL;
	changes->package = package;
	return map_put(&a->by_package, slice_of(&changes->package, sizeof(changes->package)), changes) ? changes : NULL;
}

/* What comes after it has gone, or goes after it has come, is as it was. */
static int note(struct answer *a, struct package_changes *changes, uint64_t content, bool come, uint64_t judgement)
{
	const struct question_finding *finding = question_finding(a->q, content, a->err);
	struct finding_name            name;

	if (!finding)
		return a->err && a->err->code ? a->err->code : ERR_STORE;
	name = (struct finding_name){finding->finding.kind, finding->finding.id};
	for (size_t i = 0; i < changes->count; i++) {
		if (finding_name_cmp(&changes->changes[i].name, &name) != 0)
			continue;
		if (changes->changes[i].come != come)
			changes->changes[i] = changes->changes[--changes->count];
		return 0;
	}
	if (!arena_grow(&a->q->arena, &changes->changes, &changes->capacity, changes->count, sizeof(*changes->changes)))
		return no_memory(a);
	changes->changes[changes->count++] = (struct change){name, content, come, judgement};
	return 0;
}

static int note_row(void *data, const struct finding_change *row)
{
	struct answer          *a = data;
	struct package_changes *changes;
	int                     status = 0;

	if (row->judgement > a->q->state.judgement || row->come_count + row->gone_count == 0)
		return 0; /* of a pass that has not ended; other words for the same */
	if ((changes = changes_of(a, row->package)) == NULL)
		return no_memory(a);
	for (size_t i = 0; !status && i < row->gone_count; i++)
		status = note(a, changes, row->gone[i], false, row->judgement);
	for (size_t i = 0; !status && i < row->come_count; i++)
		status = note(a, changes, row->come[i], true, row->judgement);
	return status;
}

/* ---- where ---- */

static size_t image_index(struct answer *a, struct question_image *image)
{
	if (image->index != SIZE_MAX)
		return image->index;
	if (!arena_grow(&a->q->arena, &a->images, &a->images_capacity, a->images_count, sizeof(*a->images)))
		return SIZE_MAX;
	a->images[a->images_count] = (struct answer_image){.image = image};
	image->index = a->images_count++;
	return image->index;
}

static size_t layer_index(struct answer *a, const struct question_set *set, uint32_t layer)
{
	static const struct digest none = {{0}};
	const struct index_layer  *in = layer < set->set.layers_count ? &set->set.layers[layer] : NULL;
	const struct digest       *digest = in && !in->pseudo ? &in->key.digest : &none;
	uintptr_t                  known = (uintptr_t)map_get(&a->layers_by_digest, digest_slice(digest));

	if (known)
		return known - 1;
	if (!arena_grow(&a->q->arena, &a->layers, &a->layers_capacity, a->layers_count, sizeof(*a->layers)))
		return SIZE_MAX;
	a->layers[a->layers_count] = (struct answer_layer){.digest = *digest};
	if (!map_put(&a->layers_by_digest, arena_copy(&a->q->arena, digest_slice(digest)),
		     (void *)(uintptr_t)(a->layers_count + 1)))
		return SIZE_MAX;
	return a->layers_count++;
}

/* Calls `take` for each image that holds the package where it counts. */
struct visiting {
	struct answer *a;
	int (*take)(void *data, size_t image, size_t layer);
	void *data;
};

static int visit_posting(void *data, const struct index_posting *posting)
{
	struct visiting     *v = data;
	struct question_set *set = question_set(v->a->q, posting->set, v->a->err);
	size_t               layer;
	int                  status = 0;

	if (!set)
		return v->a->err && v->a->err->code ? v->a->err->code : ERR_STORE;
	if (!question_entry_counts(set, posting->flags) || (status = question_images(v->a->q, set, v->a->err)) != 0 ||
	    set->images_count == 0)
		return status;
	layer = layer_index(v->a, set, posting->layer);
	for (size_t i = 0; !status && i < set->images_count; i++) {
		size_t image = image_index(v->a, &set->images[i]);

		status = image == SIZE_MAX || layer == SIZE_MAX ? no_memory(v->a) : v->take(v->data, image, layer);
	}
	return status;
}

static int visit(struct answer *a, uint64_t package, int (*take)(void *data, size_t image, size_t layer), void *data)
{
	struct visiting v = {a, take, data};

	return catalog_index_package_sets_each(a->q->view, package, visit_posting, &v, a->err);
}

/* ---- counting ---- */

struct counting {
	struct answer          *a;
	struct package_changes *changes;
	uint64_t                come, gone;
};

/* A layer is in an image once, whatever many packages of it have changed. */
static int count_pair(struct answer *a, size_t image, size_t layer)
{
	const struct occurrence pair = {image, layer};
	struct slice            key = slice_of(&pair, sizeof(pair));

	if (map_get(&a->pairs, key))
		return 0;
	a->layers[layer].images++;
	return map_put(&a->pairs, arena_copy(&a->q->arena, key), a) ? 0 : no_memory(a);
}

static int count_occurrence(void *data, size_t image, size_t layer)
{
	struct counting     *c = data;
	struct answer_layer *in = &c->a->layers[layer];

	c->changes->images++;
	c->a->images[image].come += c->come;
	c->a->images[image].gone += c->gone;
	in->come += c->come;
	in->gone += c->gone;
	return count_pair(c->a, image, layer);
}

static int count_package(struct answer *a, struct package_changes *changes)
{
	struct counting c = {.a = a, .changes = changes};
	int             status;

	changes->worst = SEVERITY_UNKNOWN;
	for (size_t i = 0; i < changes->count; i++)
		*(changes->changes[i].come ? &c.come : &c.gone) += 1;
	status = visit(a, changes->package, count_occurrence, &c);
	for (size_t i = 0; !status && changes->images && i < changes->count; i++) {
		const struct question_finding *f = question_finding(a->q, changes->changes[i].content, a->err);
		enum severity                  severity = f ? f->finding.severity : SEVERITY_UNKNOWN;

		*(changes->changes[i].come ? &a->come[severity] : &a->gone[severity]) += 1;
		*(changes->changes[i].come ? &a->summary->come[severity] : &a->summary->gone[severity]) +=
			changes->images;
		changes->worst = severity > changes->worst ? severity : changes->worst;
	}
	return status;
}

static int by_name(const void *a, const void *b)
{
	const struct change *left = a, *right = b;
	int                  order = finding_name_cmp(&left->name, &right->name);

	return order ? order : left->come - right->come;
}

static int by_weight(const void *a, const void *b)
{
	const struct package_changes *left = *(struct package_changes *const *)a,
				     *right = *(struct package_changes *const *)b;

	if (left->worst != right->worst)
		return left->worst > right->worst ? -1 : 1;
	if (left->images != right->images)
		return left->images > right->images ? -1 : 1;
	return (left->package > right->package) - (left->package < right->package);
}

/* The log's packages that are in an image now, counted and in order. */
static int gather(struct answer *a)
{
	struct package_changes *changes;
	size_t                  at = 0;
	int                     status = a->from == a->summary->to
						 ? 0
						 : catalog_finding_changes_each(a->q->view, a->from + 1, note_row, a, a->err);

	while (!status && (changes = map_next(&a->by_package, &at)) != NULL) {
		if (changes->count == 0)
			continue;
		if (!arena_grow(&a->q->arena, &a->packages, &a->packages_capacity, a->packages_count,
				sizeof(struct package_changes *)))
			return no_memory(a);
		a->packages[a->packages_count++] = changes;
	}
	return status;
}

static int by_number(const void *a, const void *b)
{
	const struct package_changes *left = *(struct package_changes *const *)a,
				     *right = *(struct package_changes *const *)b;

	return (left->package > right->package) - (left->package < right->package);
}

static int count_all(struct answer *a)
{
	size_t kept = 0;

	if (a->packages_count)
		qsort(a->packages, a->packages_count, sizeof(struct package_changes *), by_number);
	for (size_t i = 0; i < a->packages_count; i++) {
		struct package_changes *changes = a->packages[i];
		int                     status = count_package(a, changes);

		if (status)
			return status;
		if (changes->images == 0)
			continue; /* in no image any more */
		qsort(changes->changes, changes->count, sizeof(*changes->changes), by_name);
		a->packages[kept++] = changes;
	}
	a->packages_count = kept;
	if (kept)
		qsort(a->packages, kept, sizeof(struct package_changes *), by_weight);
	a->summary->images = a->images_count;
	return question_fail(a->q, a->err);
}

/* ---- the document ---- */

static void put_judgement(struct json_writer *w, const char *key, const struct judgement *judgement)
{
	json_begin_object(w, key);
	json_put_uint(w, "judgement", judgement->number);
	json_put_text(w, "generation", judgement->generation);
	json_put_text(w, "date", judgement->date);
	json_end_object(w);
}

static int put_head(struct answer *a, struct json_writer *w)
{
	struct judgement from;
	int              status = catalog_judgement_get(a->q->view, a->from, &a->q->arena, &from, a->err);

	json_put_str(w, "schema", "varve.rematch/1");
	put_judgement(w, "from", &from);
	put_judgement(w, "to", &a->q->judgement);
	json_put_bool(w, "first", a->summary->first);
	json_begin_object(w, "counts");
	json_put_uint(w, "images", a->summary->images);
	json_put_uint(w, "packages", a->packages_count);
	question_put_severities(w, "new", a->summary->come);
	question_put_severities(w, "gone", a->summary->gone);
	question_put_severities(w, "new_of_packages", a->come);
	question_put_severities(w, "gone_of_packages", a->gone);
	json_end_object(w);
	return status;
}

static void put_changes(struct answer *a, struct json_writer *w, const struct package_changes *changes, bool come)
{
	json_begin_array(w, come ? "new" : "gone");
	for (size_t i = 0; i < changes->count; i++) {
		const struct change           *change = &changes->changes[i];
		const struct question_finding *finding = question_finding(a->q, change->content, a->err);

		if (change->come != come || !finding)
			continue;
		json_begin_object(w, NULL);
		question_put_finding(w, &finding->finding);
		json_put_uint(w, "judgement", change->judgement);
		json_end_object(w);
	}
	json_end_array(w);
}

static int put_occurrence(void *data, size_t image, size_t layer)
{
	struct json_writer *w = data;

	json_begin_array(w, NULL);
	json_put_uint(w, NULL, image);
	json_put_uint(w, NULL, layer);
	json_end_array(w);
	return 0;
}

static int put_package(struct answer *a, struct json_writer *w, const struct package_changes *changes, bool brief)
{
	const struct question_package *package = question_package(a->q, changes->package, a->err);
	int                            status = 0;

	if (!package)
		return a->err && a->err->code ? a->err->code : ERR_STORE;
	json_begin_object(w, NULL);
	question_put_package(w, package);
	json_put_uint(w, "images", changes->images);
	put_changes(a, w, changes, true);
	put_changes(a, w, changes, false);
	if (!brief) {
		json_begin_array(w, "in");
		status = visit(a, changes->package, put_occurrence, w);
		json_end_array(w);
	}
	json_end_object(w);
	return status;
}

/* Packages as far as they fit; what is cut is worth least. */
static int put_packages(struct answer *a, struct json_writer *w, const struct rematch_request *request)
{
	size_t ceiling = request->bytes_max, put = 0;
	int    status = 0;

	json_begin_array(w, "packages");
	for (; !status && put < a->packages_count; put++) {
		struct buf         part = {.bytes_max = w->out->bytes_max};
		struct json_writer inner = json_writer_of(&part, 0);

		status = put_package(a, &inner, a->packages[put], request->brief);
		if (ceiling && w->out->len + part.len + CLOSING_BYTES > ceiling) {
			buf_deinit(&part);
			break;
		}
		json_put_raw(w, NULL, buf_slice(&part));
		w->out->failed |= !buf_ok(&part);
		buf_deinit(&part);
	}
	json_end_array(w);
	json_put_uint(w, "packages_left_out", a->packages_count - put);
	return status;
}

static void put_images(struct answer *a, struct json_writer *w)
{
	json_begin_array(w, "images");
	for (size_t i = 0; i < a->images_count; i++) {
		const struct answer_image *image = &a->images[i];

		json_begin_object(w, NULL);
		json_put_text(w, "reference", image->image->reference);
		json_put_str(w, "platform", image->image->platform);
		question_put_digest(w, "digest", &image->image->digest);
		json_put_uint(w, "new", image->come);
		json_put_uint(w, "gone", image->gone);
		json_end_object(w);
	}
	json_end_array(w);
	json_begin_array(w, "layers");
	for (size_t i = 0; i < a->layers_count; i++) {
		json_begin_object(w, NULL);
		question_put_digest(w, "digest", &a->layers[i].digest);
		json_put_uint(w, "images", a->layers[i].images);
		json_put_uint(w, "new", a->layers[i].come);
		json_put_uint(w, "gone", a->layers[i].gone);
		json_end_object(w);
	}
	json_end_array(w);
}

static int put_document(struct answer *a, const struct rematch_request *request, struct buf *out)
{
	struct json_writer w = json_writer_of(out, 0);
	int                status;

	json_begin_object(&w, NULL);
	status = put_head(a, &w);
	if (!status)
		status = put_packages(a, &w, request);
	if (!status && !request->bytes_max)
		put_images(a, &w);
	json_end_object(&w);
	buf_byte(out, '\n');
	if (!status && !buf_ok(out))
		status = err_set(a->err, ERR_LIMIT, "the answer is longer than %zu bytes", out->bytes_max);
	return status;
}

int rematch_answer(struct question *q, const struct rematch_request *request, struct buf *out,
		   struct rematch_summary *summary, struct err *err)
{
	struct answer a = {.q = q, .err = err, .summary = summary};
	int           status;

	*summary = (struct rematch_summary){0};
	status = choose(&a, request);
	if (!status)
		status = gather(&a);
	if (!status)
		status = count_all(&a);
	if (!status)
		status = put_document(&a, request, out);
	map_deinit(&a.by_package);
	map_deinit(&a.layers_by_digest);
	map_deinit(&a.pairs);
	return status;
}
