#include "report/tally.h"

#include "base/hash.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TALLY_ARENA_BYTES = 256 << 20, TALLY_DISTINCT_MAX = 1 << 24 };

void tally_init(struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
	arena_init(&tally->arena, TALLY_ARENA_BYTES);
	hash_map_init(&tally->layers_seen, TALLY_DISTINCT_MAX);
	hash_map_init(&tally->layers_read_seen, TALLY_DISTINCT_MAX);
	hash_map_init(&tally->vulnerabilities_seen, TALLY_DISTINCT_MAX);
	hash_map_init(&tally->fix_of, TALLY_DISTINCT_MAX);
	hash_map_init(&tally->fix_seen, TALLY_DISTINCT_MAX);
}

void tally_deinit(struct tally *tally)
{
	arena_deinit(&tally->arena);
	hash_map_deinit(&tally->layers_seen);
	hash_map_deinit(&tally->layers_read_seen);
	hash_map_deinit(&tally->vulnerabilities_seen);
	hash_map_deinit(&tally->fix_of);
	hash_map_deinit(&tally->fix_seen);
}

struct tally_counts tally_counts_of(const struct image_result *result)
{
	struct tally_counts counts = {{0}};

	for (size_t i = 0; i < result->vulnerabilities_count; i++)
		if ((unsigned)result->vulnerabilities[i].severity < SEVERITY_COUNT)
			counts.severity[result->vulnerabilities[i].severity]++;
	return counts;
}

int tally_counts_cmp(const struct tally_counts *a, const struct tally_counts *b)
{
	static const enum severity order[] = {SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_MEDIUM, SEVERITY_LOW,
					      SEVERITY_UNKNOWN};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (a->severity[order[i]] != b->severity[order[i]])
			return a->severity[order[i]] > b->severity[order[i]] ? -1 : 1;
	return 0;
}

bool coverage_was_matched(enum coverage_state state)
{
	return state == COVERAGE_MATCHED || state == COVERAGE_EOL;
}

bool tally_is_matched(const struct image_result *result)
{
	for (size_t i = 0; i < result->coverage_count; i++)
		if (coverage_was_matched(result->coverage[i].state))
			return true;
	return false;
}

bool tally_is_judged(const struct image_result *result)
{
	for (size_t i = 0; i < result->coverage_count; i++)
		if (result->coverage[i].remark.len || (result->coverage[i].state != COVERAGE_MATCHED &&
						       result->coverage[i].state != COVERAGE_NO_PACKAGES))
			return false;
	return result->complete && result->advisories_generation.len && tally_is_matched(result);
}

static uint64_t hash_of(struct slice text, uint64_t seed)
{
	return xxh64_once(text, seed);
}

/* True the first time this is seen (and when it can no longer be told). */
static bool first_time(struct hash_map *map, uint64_t key)
{
	bool added;

	return !hash_map_at(map, key, &added) || added;
}

static void add_layers(struct tally *t, const struct image_result *r)
{
	for (size_t i = 0; i < r->layers_count; i++) {
		const struct result_layer *l = &r->layers[i];
		uint64_t                   size = l->size == UINT64_MAX ? 0 : l->size;
		uint64_t                   key = hash_of(digest_slice(&l->digest), 0);
		bool                       read = l->status == LAYER_SCANNED || l->status == LAYER_PARTIAL;

		if (digest_is_zero(&l->digest)) /* rootfs: a layer of its own each time */
			key = hash_of(r->image.reference, t->images);
		t->layer_uses++;
		t->bytes_uses += size;
		if (first_time(&t->layers_seen, key)) {
			t->layers++;
			t->bytes += size;
			t->layers_bad +=
				l->status == LAYER_FAILED || l->status == LAYER_PARTIAL || l->status == LAYER_SKIPPED;
		}
		if (read && first_time(&t->layers_read_seen, key)) {
			t->layers_read++;
			t->bytes_read += size;
		}
	}
}

static void add_worst(struct tally *t, const struct image_result *r, const struct tally_counts *counts)
{
	static const struct tally_counts none;
	size_t                           at = t->worst_count;
	struct tally_image              *w;

	if (tally_counts_cmp(counts, &none) >= 0)
		return;
	for (size_t i = 0; i < t->worst_count; i++)
		if (tally_counts_cmp(counts, &t->worst[i].counts) == 0 &&
		    slice_eq(slice_str(t->worst[i].reference), slice_sub(r->image.reference, 0, TALLY_TEXT_BYTES - 1)))
			return; /* asked for twice, or another platform that is as bad */
	while (at > 0 && tally_counts_cmp(counts, &t->worst[at - 1].counts) < 0)
		at--;
	if (at == TALLY_WORST)
		return;
	if (t->worst_count < TALLY_WORST)
		t->worst_count++;
	memmove(&t->worst[at + 1], &t->worst[at], (t->worst_count - at - 1) * sizeof(*t->worst));
	w = &t->worst[at];
	*w = (struct tally_image){.counts = *counts, .complete = r->complete};
	snprintf(w->reference, sizeof(w->reference), "%.*s", SLICE_FMT(r->image.reference));
	snprintf(w->os, sizeof(w->os), "%.*s %.*s", SLICE_FMT(slice_sub(r->os.id, 0, 30)),
		 SLICE_FMT(slice_sub(r->os.version_id, 0, 30)));
}

static struct tally_fix *fix_at(struct tally *t, struct slice package, struct slice os_id, struct slice os_version)
{
	uint64_t  key = hash_of(package, hash_of(os_version, hash_of(os_id, 7)));
	bool      added;
	uint32_t *index = hash_map_at(&t->fix_of, key, &added);

	if (!index)
		return NULL;
	if (!added)
		return *index < t->fixes_count ? &t->fixes[*index] : NULL;
	if (!arena_grow(&t->arena, &t->fixes, &t->fixes_capacity, t->fixes_count, sizeof(*t->fixes)))
		return NULL;
	*index = (uint32_t)t->fixes_count;
	t->fixes[t->fixes_count] = (struct tally_fix){
		.package = arena_copy(&t->arena, slice_sub(package, 0, 128)),
		.os = arena_printf(&t->arena, "%.*s %.*s", SLICE_FMT(slice_sub(os_id, 0, 40)),
				   SLICE_FMT(slice_sub(os_version, 0, 40))),
	};
	return &t->fixes[t->fixes_count++];
}

static void add_fix(struct tally *t, const struct image_result *r, const struct result_vulnerability *v)
{
	const struct result_package *p = v->package < r->packages_count ? &r->packages[v->package] : NULL;
	struct slice                 name = p && p->package.source_name.len ? p->package.source_name
					    : p                             ? p->package.name
									    : SLICE_EMPTY;
	struct tally_fix            *fix = p ? fix_at(t, name, r->os.id, r->os.version_id) : NULL;
	uint64_t                     key;

	if (!fix)
		return;
	key = (uint64_t)(fix - t->fixes) + 1;
	fix->distinct.severity[v->severity] += first_time(&t->fix_seen, hash_of(v->id, key));
	if (v->fixed.len)
		fix->fixable = true;
	else
		fix->unfixed = true;
	fix->images += fix->image_last != t->images;
	fix->image_last = t->images;
	if (p->layer < r->layers_count)
		fix->layers += first_time(&t->fix_seen, hash_of(digest_slice(&r->layers[p->layer].digest), ~key));
}

static void add_vulnerabilities(struct tally *t, const struct image_result *r)
{
	struct tally_counts counts = tally_counts_of(r);

	for (int s = 0; s < SEVERITY_COUNT; s++) {
		t->findings.severity[s] += counts.severity[s];
		t->images_with.severity[s] += counts.severity[s] != 0;
	}
	for (size_t i = 0; i < r->vulnerabilities_count; i++) {
		const struct result_vulnerability *v = &r->vulnerabilities[i];

		if ((unsigned)v->severity >= SEVERITY_COUNT)
			continue;
		t->distinct.severity[v->severity] += first_time(&t->vulnerabilities_seen, hash_of(v->id, v->severity));
		if (v->severity != SEVERITY_NEGLIGIBLE)
			add_fix(t, r, v);
	}
	add_worst(t, r, &counts);
}

static void add_gap(struct tally *t, const struct result_coverage *c)
{
	struct tally_gap *gap = t->gaps;

	while (gap < t->gaps + t->gaps_count &&
	       !(gap->state == c->state && slice_eq(gap->ecosystem, c->ecosystem) && slice_eq(gap->remark, c->remark) &&
		 slice_eq(gap->feed_date, c->feed_date)))
		gap++;
	if (gap == t->gaps + TALLY_GAPS_MAX) {
		t->gaps_dropped++;
		return;
	}
	if (gap == t->gaps + t->gaps_count) {
		t->gaps_count++;
		*gap = (struct tally_gap){.ecosystem = arena_copy(&t->arena, c->ecosystem),
					  .state = c->state,
					  .remark = arena_copy(&t->arena, c->remark),
					  .feed_date = arena_copy(&t->arena, c->feed_date)};
	}
	gap->images++;
	gap->packages += c->packages;
}

static void add_trouble(struct tally *t, const struct image_result *r, bool failed)
{
	if (t->troubles_count == TALLY_TROUBLES_MAX) {
		t->troubles_dropped++;
		return;
	}
	t->troubles[t->troubles_count++] = (struct tally_trouble){
		.reference = arena_copy(&t->arena, r->image.reference),
		.reason = arena_copy(&t->arena, failed ? r->image.reason : r->incomplete_reason),
		.failed = failed,
	};
}

static void add_generation(struct tally *t, const struct image_result *r)
{
	char generation[sizeof(t->generation)];

	if (!r->advisories_generation.len) {
		t->without_database++;
		return;
	}
	snprintf(generation, sizeof(generation), "%.*s", SLICE_FMT(r->advisories_generation));
	t->generations_differ |= t->generation[0] && strcmp(t->generation, generation) != 0;
	memcpy(t->generation, generation, sizeof(generation));
	snprintf(t->advisories_date, sizeof(t->advisories_date), "%.*s", SLICE_FMT(r->advisories_date));
}

void tally_add(struct tally *t, const struct image_result *r)
{
	t->images++;
	if (r->image.status == IMAGE_SKIPPED) {
		t->skipped++;
		return;
	}
	if (r->image.status == IMAGE_FAILED) {
		t->failed++;
		add_trouble(t, r, true);
		return;
	}
	t->ok++;
	t->complete += r->complete;
	if (!r->complete)
		add_trouble(t, r, false);
	t->packages += r->packages_count;
	add_layers(t, r);
	add_vulnerabilities(t, r);
	add_generation(t, r);
	for (size_t i = 0; i < r->coverage_count; i++)
		add_gap(t, &r->coverage[i]);
}

static int fix_cmp(const void *a, const void *b)
{
	const struct tally_fix *x = a, *y = b;
	int                     by_counts = tally_counts_cmp(&x->distinct, &y->distinct);

	if (x->distinct.severity[SEVERITY_CRITICAL] * x->images != y->distinct.severity[SEVERITY_CRITICAL] * y->images)
		return x->distinct.severity[SEVERITY_CRITICAL] * x->images >
				       y->distinct.severity[SEVERITY_CRITICAL] * y->images
			       ? -1
			       : 1;
	if (x->distinct.severity[SEVERITY_HIGH] * x->images != y->distinct.severity[SEVERITY_HIGH] * y->images)
		return x->distinct.severity[SEVERITY_HIGH] * x->images > y->distinct.severity[SEVERITY_HIGH] * y->images
			       ? -1
			       : 1;
	if (by_counts)
		return by_counts;
	return x->images != y->images ? (x->images > y->images ? -1 : 1) : slice_cmp(x->package, y->package);
}

size_t tally_top_fixes(struct tally *t, const struct tally_fix **fixes, size_t count)
{
	if (t->fixes_count)
		qsort(t->fixes, t->fixes_count, sizeof(*t->fixes),
		      fix_cmp); /* the last use of fix_of's indexes was before */
	*fixes = t->fixes;
	return t->fixes_count < count ? t->fixes_count : count;
}

unsigned tally_reuse_percent(const struct tally *t)
{
	return t->layer_uses ? (unsigned)(100 - t->layers_read * 100 / t->layer_uses) : 0;
}
