#include "question.h"

#include "base/limits.h"
#include "model/purl.h"

#include <stdlib.h>
#include <string.h>

enum { QUESTION_BYTES_MAX = 1 << 30, IMAGE_BYTES_MAX = 64 << 20 };

/* ---- life ---- */

static int open_generation(struct question *q, struct err *err)
{
	if (!q->share || (q->generation = advisory_share_current(q->share, NULL, NULL)) == NULL)
		return 0; /* nothing to judge by */
	if (advisory_reader_open(advisory_generation_store(q->generation), &q->reader, err) != 0)
		return ERR_STORE;
	q->targets = match_targets_new(q->reader);
	return q->targets ? 0 : err_set(err, ERR_MEM, "question: out of memory");
}

int question_open(struct question *q, struct catalog *catalog, struct advisory_share *share, struct err *err)
{
	int status;

	*q = (struct question){.catalog = catalog, .share = share};
	arena_init(&q->arena, QUESTION_BYTES_MAX);
	arena_init(&q->scratch, QUESTION_BYTES_MAX);
	status = open_generation(q, err);
	if (!status)
		status = catalog_view_open(catalog, true, &q->view, err);
	if (!status)
		status = catalog_findings_state(q->view, &q->state, err);
	if (!status && q->state.judgement)
		status = catalog_judgement_get(q->view, q->state.judgement, &q->arena, &q->judgement, err);
	return status;
}

void question_close(struct question *q)
{
	catalog_view_close(q->view);
	match_targets_free(q->targets);
	advisory_reader_close(q->reader);
	if (q->share)
		advisory_share_drop(q->share, q->generation);
	map_deinit(&q->sets);
	map_deinit(&q->packages);
	map_deinit(&q->findings);
	map_deinit(&q->counts);
	map_deinit(&q->contexts);
	arena_deinit(&q->scratch);
	arena_deinit(&q->arena);
}

int question_fail(const struct question *q, struct err *err)
{
	return arena_failed(&q->arena) ? err_set(err, ERR_MEM, "the answer does not fit into memory") : 0;
}

/* ---- maps by number ---- */

static void *find(const struct map *map, uint64_t number)
{
	return map_get(map, slice_of(&number, sizeof(number)));
}

static bool remember(struct question *q, struct map *map, uint64_t number, void *value)
{
	struct slice key = arena_copy(&q->arena, slice_of(&number, sizeof(number)));

	return !arena_failed(&q->arena) && map_put(map, key, value);
}

static void *no_memory(struct err *err)
{
	err_set(err, ERR_MEM, "the answer does not fit into memory");
	return NULL;
}

/* ---- contexts ---- */

static const struct package_context *context_of(struct question *q, const struct digest *digest, struct err *err)
{
	struct package_context *context = map_get(&q->contexts, digest_slice(digest));
	struct slice            bytes, key;

	if (context)
		return context;
	if (catalog_index_context(q->view, digest, &bytes, err) != 0)
		return NULL;
	context = arena_alloc(&q->arena, sizeof(*context));
	key = arena_copy(&q->arena, digest_slice(digest));
	if (!context || arena_failed(&q->arena))
		return no_memory(err);
	if (package_context_decode(arena_copy(&q->arena, bytes), &q->arena, context, err) != 0)
		return NULL;
	return map_put(&q->contexts, key, context) ? context : no_memory(err);
}

static int judges_os(struct question *q, const struct digest *digest, bool *judged, struct err *err)
{
	const struct package_context *context;
	const struct match_context   *matched;

	*judged = false;
	if (!q->targets)
		return 0;
	matched = match_context_find(q->targets, digest);
	if (!matched && ((context = context_of(q, digest, err)) == NULL ||
			 (matched = match_context_add(q->targets, digest, context, err)) == NULL))
		return err && err->code ? err->code : ERR_STORE;
	*judged = match_context_judges_os(matched);
	return 0;
}

/* ---- sets ---- */

struct placing {
	struct question     *q;
	struct question_set *set;
	size_t               capacity;
	struct err          *err;
};

static int load_image(struct question *q, uint64_t job, uint64_t number, struct question_image *out, struct err *err)
{
	struct job_image stored;
	struct image     record;
	struct arena     arena;
	int              status;

	arena_init(&arena, IMAGE_BYTES_MAX);
	status = catalog_image_get(q->catalog, job, number, &arena, &stored, err);
	if (!status)
		status = image_decode_borrowed(stored.image, &arena, &record, err);
	if (!status) {
		*out = (struct question_image){.reference = arena_copy(&q->arena, record.reference),
					       .digest = record.digest,
					       .job = job,
					       .number = number,
					       .index = SIZE_MAX};
		platform_text(&record.platform, out->platform);
	}
	arena_deinit(&arena);
	return status;
}

static int add_place(void *data, const struct index_place *place)
{
	struct placing      *p = data;
	struct question_set *set = p->set;

	if (!arena_grow(&p->q->arena, &set->images, &p->capacity, set->images_count, sizeof(*set->images)))
		return err_set(p->err, ERR_MEM, "the answer does not fit into memory");
	return load_image(p->q, place->job, place->number, &set->images[set->images_count++], p->err);
}

int question_images(struct question *q, struct question_set *set, struct err *err)
{
	struct placing placing = {.q = q, .set = set, .err = err};

	if (set->images_known)
		return 0;
	set->images_known = true;
	return catalog_index_set_places_each(q->view, set->set.set, add_place, &placing, err);
}

int question_load_set(struct question *q, uint64_t set, struct arena *arena, struct question_set *out, struct err *err)
{
	int status;

	*out = (struct question_set){0};
	status = catalog_index_set(q->view, set, arena, &out->set, err);
	return status ? status : judges_os(q, &out->set.context, &out->owned_hidden, err);
}

struct question_set *question_set(struct question *q, uint64_t number, struct err *err)
{
	struct question_set *set = find(&q->sets, number);
	struct index_layer  *layers;

	if (set)
		return set;
	set = arena_alloc(&q->arena, sizeof(*set));
	arena_reset(&q->scratch);
	if (!set || !remember(q, &q->sets, number, set))
		return no_memory(err);
	if (question_load_set(q, number, &q->scratch, set, err) != 0)
		return NULL;
	layers = arena_array(&q->arena, set->set.layers_count + 1, sizeof(*layers));
	if (!layers)
		return no_memory(err);
	for (size_t i = 0; i < set->set.layers_count; i++)
		layers[i] = set->set.layers[i];
	set->set.layers = layers;
	set->set.entries = NULL;
	set->set.entries_count = 0;
	return set;
}

bool question_entry_counts(const struct question_set *set, uint32_t entry_flags)
{
	return !(entry_flags & INDEX_ENTRY_DECLARED) && !((entry_flags & INDEX_ENTRY_OWNED) && set->owned_hidden);
}

/* ---- packages and findings ---- */

const struct question_package *question_package(struct question *q, uint64_t number, struct err *err)
{
	struct question_package      *package = find(&q->packages, number);
	const struct package_context *context;
	struct slice                  identity;

	if (package)
		return package;
	if (catalog_index_package(q->view, number, &identity, err) != 0)
		return NULL;
	package = arena_alloc(&q->arena, sizeof(*package));
	if (!package || !remember(q, &q->packages, number, package))
		return no_memory(err);
	package->number = number;
	if (unique_package_decode(identity, &q->arena, &package->unique, err) != 0 ||
	    (context = context_of(q, &package->unique.context, err)) == NULL)
		return NULL;
	package->context = *context;
	package->purl = purl_of_package(&package->unique.package, &context->os, &q->arena);
	return package;
}

const struct question_finding *question_finding(struct question *q, uint64_t content, struct err *err)
{
	struct question_finding *finding = find(&q->findings, content);
	struct slice             bytes;

	if (finding)
		return finding;
	if (catalog_finding_content(q->view, content, &bytes, err) != 0)
		return NULL;
	finding = arena_alloc(&q->arena, sizeof(*finding));
	if (!finding || !remember(q, &q->findings, content, finding))
		return no_memory(err);
	finding->content = content;
	bytes = arena_copy(&q->arena, bytes);
	return finding_decode(bytes, &q->arena, &finding->finding, err) == 0 ? finding : NULL;
}

const struct question_counts *question_counts(struct question *q, uint64_t package, struct err *err)
{
	struct question_counts *counts = find(&q->counts, package);
	struct package_findings findings;
	struct slice            bytes;

	if (counts)
		return counts;
	counts = arena_alloc(&q->arena, sizeof(*counts));
	arena_reset(&q->scratch);
	if (!counts || !remember(q, &q->counts, package, counts))
		return no_memory(err);
	if (catalog_findings_get(q->view, package, &q->scratch, &findings, err) != 0)
		return NULL;
	for (size_t i = 0; i < findings.count; i++) {
		if (catalog_finding_content(q->view, findings.items[i].content, &bytes, err) != 0)
			return NULL;
		if (finding_name_of(bytes).kind.len == 0)
			counts->of[finding_severity_of(bytes)]++;
	}
	return counts;
}

/* ---- parts of documents ---- */

void question_put_digest(struct json_writer *w, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	if (digest_is_zero(digest))
		json_put_null(w, key);
	else
		json_put_str(w, key, text);
}

void question_put_package(struct json_writer *w, const struct question_package *package)
{
	json_put_text(w, "purl", package->purl);
	json_put_text(w, "name", package->unique.package.name);
	json_put_text(w, "version", package->unique.package.version);
	json_put_text(w, "type", package->unique.package.type);
}

void question_put_finding(struct json_writer *w, const struct finding *finding)
{
	json_put_text_if(w, "kind", finding->kind);
	json_put_text(w, "id", finding->id);
	json_begin_array(w, "aliases");
	for (size_t i = 0; i < finding->aliases_count; i++)
		json_put_text(w, NULL, finding->aliases[i]);
	json_end_array(w);
	json_put_str(w, "severity", severity_name(finding->severity));
	json_put_text_if(w, "severity_source", finding->severity_source);
	if (finding->cvss_tenths >= 0)
		json_put_fixed(w, "cvss", finding->cvss_tenths / 10.0, 1);
	if (finding->fixed.len)
		json_put_text(w, "fixed", finding->fixed);
	else
		json_put_null(w, "fixed");
	json_put_text_if(w, "summary", finding->summary);
}

void question_put_severities(struct json_writer *w, const char *key, const uint64_t counts[SEVERITY_COUNT])
{
	json_begin_object(w, key);
	for (int i = SEVERITY_COUNT; i-- > 0;)
		if (i != SEVERITY_NONE || counts[i])
			json_put_uint(w, severity_name((enum severity)i), counts[i]);
	json_end_object(w);
}
