#include "match/match_claims.h"

#include <stdlib.h>

struct candidate {
	const struct advisory         *advisory;
	const struct ecosystem_string *string;
	size_t                         order; /* keeps the record's own order */
};

struct candidates {
	struct candidate *items;
	size_t            count, capacity;
};

/* ---- which entries are about the subject at all ---- */

static struct slice last_fix(const struct osv_affected *affected)
{
	for (size_t i = affected->ranges_count; i-- > 0;)
		for (size_t k = affected->ranges[i].events_count; k-- > 0;)
			if (affected->ranges[i].events[k].kind == OSV_FIXED)
				return affected->ranges[i].events[k].version;
	return SLICE_EMPTY;
}

static bool is_module_fix(struct slice fixed)
{
	return slice_find_str(fixed, ".module") != SIZE_MAX;
}

/* Fixes of module streams judge packages of module streams only, and plain ones plain ones (TRAPS B11). */
static bool same_kind(const struct match_subject *subject, const struct osv_affected *affected)
{
	struct slice fixed = last_fix(affected);

	return fixed.len == 0 || is_module_fix(fixed) == subject->modular;
}

static bool lists(const struct slice *items, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_str(items[i], word))
			return true;
	return count == 0;
}

/* Rust's names of architectures for OCI's. */
static const char *rust_arch(struct slice arch)
{
	static const struct {
		const char *oci, *rust;
	} ARCHES[] = {{"amd64", "x86_64"}, {"386", "x86"}, {"arm64", "aarch64"}, {"ppc64le", "powerpc64"}};

	for (size_t i = 0; i < sizeof(ARCHES) / sizeof(*ARCHES); i++)
		if (slice_eq_str(arch, ARCHES[i].oci))
			return ARCHES[i].rust;
	return NULL;
}

static bool is_for_platform(const struct match_subject *subject, const struct osv_affected *affected)
{
	const char *arch = rust_arch(subject->arch);

	return lists(affected->os, affected->os_count, "linux") &&
	       (!arch || lists(affected->arch, affected->arch_count, arch));
}

static int add_candidates(const struct advisories *advisories, const struct ecosystem_target *target,
			  const struct ecosystem_string *string, const struct match_subject *subject,
			  struct arena *arena, struct candidates *out, struct err *err)
{
	bool             rpm = target->ecosystem->scheme == VERSION_RPM;
	struct advisory *found;
	size_t           count;
	int              rc = advisories_find(advisories, string->name, subject->name, arena, &found, &count, err);

	for (size_t i = 0; !rc && i < count; i++) {
		const struct osv_affected *affected = found[i].affected;

		if (affected->class == OSV_BUGFIX || !is_for_platform(subject, affected) ||
		    (rpm && !same_kind(subject, affected)))
			continue;
		if (!arena_grow(arena, &out->items, &out->capacity, out->count, sizeof(*out->items)))
			return err_set(err, ERR_MEM, "matching: out of memory");
		out->items[out->count] = (struct candidate){&found[i], string, out->count};
		out->count++;
	}
	return rc;
}

/* ---- one record's entries become one claim ---- */

/* "2.0.1" of "1:2.0.1-3.el9". */
static struct slice upstream_of(struct slice version)
{
	struct slice epoch;

	version_take_epoch(&version, &epoch);
	return slice_sub(version, 0, slice_rfind(version, '-'));
}

/* How many leading parts two upstream versions share; all of them: SIZE_MAX. */
static size_t likeness(struct slice a, struct slice b)
{
	size_t parts = 0;

	if (slice_eq(a, b))
		return SIZE_MAX;
	while (a.len && b.len && slice_eq(slice_cut(&a, '.'), slice_cut(&b, '.')))
		parts++;
	return parts;
}

static bool fixes_differ(const struct candidate *group, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (!slice_eq(last_fix(group[i].advisory->affected), last_fix(group[0].advisory->affected)))
			return true;
	return false;
}

/* `direction` > 0 keeps the highest, < 0 the lowest. */
static void note_fix(struct claim *claim, struct slice fixed, enum version_scheme scheme, int direction)
{
	int order;

	if (fixed.len && (claim->fixed.len == 0 || (version_compare(scheme, fixed, claim->fixed, &order) == 0 &&
						    (order > 0) == (direction > 0) && order)))
		claim->fixed = fixed;
}

/* The schema's rule: any entry that holds the version; so only the highest fix leaves them all. */
static struct claim claim_of_any(const struct candidate *group, size_t count, const struct match_subject *subject,
				 enum version_scheme scheme)
{
	struct claim   claim = {.record = group[0].advisory->record,
				.affected = group[0].advisory->affected,
				.string = group[0].string};
	struct osv_hit hit;

	for (size_t i = 0; i < count; i++) {
		if (!osv_affects(group[i].advisory->affected, &subject->query, &hit))
			continue;
		if (!claim.hit)
			claim.affected = group[i].advisory->affected;
		claim.hit = true;
		claim.approximate |= hit.unsure;
		note_fix(&claim, hit.fixed, scheme, 1);
	}
	return claim;
}

/* An rpm record with several fixes of one package has one per stream or minor release, without saying which: those
 * whose upstream version is most like the installed one count, and all of them must hold it (TRAPS B11). */
static struct claim claim_of_nearest(const struct candidate *group, size_t count, const struct match_subject *subject,
				     enum version_scheme scheme)
{
	struct claim claim = {
		.record = group[0].advisory->record, .string = group[0].string, .hit = true, .approximate = true};
	struct slice   installed = upstream_of(subject->query.version);
	size_t         best = 0;
	struct osv_hit hit;

	for (size_t i = 0; i < count; i++) {
		size_t like = likeness(upstream_of(last_fix(group[i].advisory->affected)), installed);

		best = like > best ? like : best;
	}
	for (size_t i = 0; i < count; i++) {
		const struct osv_affected *affected = group[i].advisory->affected;

		if (likeness(upstream_of(last_fix(affected)), installed) != best)
			continue;
		claim.affected = affected;
		claim.hit = osv_affects(affected, &subject->query, &hit) && claim.hit;
		note_fix(&claim, hit.fixed, scheme, -1);
	}
	return claim;
}

static int by_record_and_rank(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;
	int                     order = slice_cmp(left->advisory->record->id, right->advisory->record->id);

	if (order == 0)
		order = (left->string->rank > right->string->rank) - (left->string->rank < right->string->rank);
	return order ? order : (left->order > right->order) - (left->order < right->order);
}

static bool same_group(const struct candidate *a, const struct candidate *b)
{
	return slice_eq(a->advisory->record->id, b->advisory->record->id) && a->string->rank == b->string->rank;
}

static int make_claims(const struct candidates *candidates, const struct match_subject *subject,
		       enum version_scheme scheme, struct arena *arena, struct claims *out, struct err *err)
{
	for (size_t start = 0, stop; start < candidates->count; start = stop) {
		const struct candidate *group = &candidates->items[start];
		bool                    several;

		for (stop = start + 1; stop < candidates->count && same_group(group, &candidates->items[stop]); stop++)
			;
		several = scheme == VERSION_RPM && subject->query.version.len && fixes_differ(group, stop - start);
		if (!arena_grow(arena, &out->items, &out->capacity, out->count, sizeof(*out->items)))
			return err_set(err, ERR_MEM, "matching: out of memory");
		out->items[out->count++] = several ? claim_of_nearest(group, stop - start, subject, scheme)
						   : claim_of_any(group, stop - start, subject, scheme);
	}
	return 0;
}

int claims_collect(const struct advisories *advisories, const struct ecosystem_target *target,
		   const struct match_subject *subject, struct arena *arena, struct claims *out, struct err *err)
{
	struct candidates candidates = {0};
	int               rc = 0;

	*out = (struct claims){0};
	for (size_t i = 0; !rc && i < target->strings_count; i++)
		rc = add_candidates(advisories, target, &target->strings[i], subject, arena, &candidates, err);
	if (rc || candidates.count == 0)
		return rc;
	qsort(candidates.items, candidates.count, sizeof(*candidates.items), by_record_and_rank);
	return make_claims(&candidates, subject, target->ecosystem->scheme, arena, out, err);
}
