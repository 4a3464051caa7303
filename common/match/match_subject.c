#include "match/match.h"

#include "match/match_claims.h"

#include <stdlib.h>

/* ---- under which name and version a feed knows a package ---- */

static bool is_modular(const struct package *package)
{
	return package->modularity.len != 0 || slice_find_str(package->version, ".module") != SIZE_MAX;
}

static struct slice epoch_of(struct slice version)
{
	struct slice epoch;

	version_take_epoch(&version, &epoch);
	return epoch;
}

/* The first package of this type and name; packages are sorted by type, name, version, arch. */
static const struct package *find_package(const struct result_package *packages, size_t count, struct slice type,
					  struct slice name)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t                middle = low + (high - low) / 2;
		const struct package *package = &packages[middle].package;
		int                   order = slice_cmp(package->type, type);

		if ((order ? order : slice_cmp(package->name, name)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < count && slice_eq(packages[low].package.type, type) && slice_eq(packages[low].package.name, name))
		return &packages[low].package;
	return NULL;
}

/* SOURCERPM has no epoch: that of the binary with the source's name is taken, else epochs do not count (TRAPS B6). */
struct osv_query match_rpm_source_query(const struct result_package *packages, size_t packages_count, size_t index,
					struct arena *arena)
{
	const struct package *package = &packages[index].package;
	const struct package *bearer =
		slice_eq(package->source_name, package->name)
			? package
			: find_package(packages, packages_count, package->type, package->source_name);
	struct slice epoch = bearer ? epoch_of(bearer->version) : SLICE_EMPTY;

	if (!bearer)
		return (struct osv_query){.version = package->source_version, .ignore_epoch = true};
	if (epoch.len == 0)
		return (struct osv_query){.version = package->source_version};
	return (struct osv_query){
		.version = arena_printf(arena, "%.*s:%.*s", SLICE_FMT(epoch), SLICE_FMT(package->source_version))};
}

struct match_subject match_subject_of(const struct ecosystem_target *target, const struct result_package *packages,
				      size_t packages_count, size_t index, struct arena *arena)
{
	const struct package *package = &packages[index].package;
	struct match_subject  subject = {.name = package->name, .query = {.version = package->version}};
	bool                  by_source = target->ecosystem->key == ECOSYSTEM_BY_SOURCE && package->source_name.len;

	subject.modular = slice_eq_str(package->type, "rpm") && is_modular(package);
	if (by_source) {
		subject.name = package->source_name;
		if (package->source_version.len)
			subject.query.version = package->source_version;
		if (package->source_version.len && slice_eq_str(package->type, "rpm"))
			subject.query = match_rpm_source_query(packages, packages_count, index, arena);
	}
	subject.name = ecosystem_name_key(target->ecosystem, subject.name, arena);
	return subject;
}

/* ---- claims become vulnerabilities, one per CVE ---- */

/* A claim under one of its CVEs, or under none. */
struct item {
	struct slice        cve;
	const struct claim *claim;
	uint32_t            precedence; /* the lowest of a CVE decides */
};

struct items {
	struct item *list;
	size_t       count, capacity;
};

/* A vulnerability while it is gathered. */
struct draft {
	struct result_vulnerability v;
	size_t                      aliases_capacity;
	enum osv_severity_rank      severity_rank;
};

struct drafts {
	struct draft *list;
	size_t        count, capacity;
};

struct grouping {
	struct arena       *arena;
	enum version_scheme scheme;
	struct items        items;
	struct drafts       drafts;
};

static void add_item(struct grouping *g, struct slice cve, const struct claim *claim)
{
	struct items *items = &g->items;

	if (arena_grow(g->arena, &items->list, &items->capacity, items->count, sizeof(*items->list)))
		items->list[items->count++] =
			(struct item){cve, claim, 2 * claim->string->rank + (claim->record->per_cve ? 0 : 1)};
}

static bool is_vulnerability(const struct claim *claim)
{
	return claim->affected->class == OSV_VULNERABILITY;
}

static void expand(struct grouping *g, const struct claims *claims)
{
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];

		for (size_t k = 0; k < claim->record->cves_count && is_vulnerability(claim); k++)
			add_item(g, claim->record->cves[k], claim);
		if (claim->record->cves_count == 0 && claim->hit && is_vulnerability(claim))
			add_item(g, SLICE_EMPTY, claim);
	}
}

static int by_cve(const void *a, const void *b)
{
	const struct item *left = a, *right = b;
	int                order = slice_cmp(left->cve, right->cve);

	if (order == 0)
		order = (left->precedence > right->precedence) - (left->precedence < right->precedence);
	return order ? order : (left->claim > right->claim) - (left->claim < right->claim);
}

static bool has_alias(const struct draft *draft, struct slice name)
{
	for (size_t i = 0; i < draft->v.aliases_count; i++)
		if (slice_eq(draft->v.aliases[i], name))
			return true;
	return slice_eq(draft->v.id, name);
}

static void add_alias(struct grouping *g, struct draft *draft, struct slice name)
{
	if (!has_alias(draft, name) && arena_grow(g->arena, &draft->v.aliases, &draft->aliases_capacity,
						  draft->v.aliases_count, sizeof(*draft->v.aliases)))
		draft->v.aliases[draft->v.aliases_count++] = name;
}

/* A record of several CVEs lends its id to each, but its other names to none: they would weld the CVEs together. */
static void add_names(struct grouping *g, struct draft *draft, const struct osv_record *record)
{
	add_alias(g, draft, record->id);
	for (size_t i = 0; i < record->aliases_count && record->cves_count <= 1; i++)
		add_alias(g, draft, record->aliases[i]);
}

static void consider_severity(struct grouping *g, struct draft *draft, const struct claim *claim,
			      const struct osv_severity *severity)
{
	if (severity->rank < draft->severity_rank) {
		draft->severity_rank = severity->rank;
		draft->v.severity = severity->band;
		draft->v.severity_source =
			arena_printf(g->arena, "%.*s %.*s", SLICE_FMT(claim->record->id), SLICE_FMT(severity->source));
	}
	if (severity->vector.len && draft->v.cvss_vector.len == 0) {
		draft->v.cvss_vector = severity->vector;
		draft->v.cvss_score = severity->score_tenths / 10.0;
	}
}

/* Several advisories of one CVE: only the highest fix leaves none of them, so that a fix once made is not reported
 * again. */
static void add_fix(struct grouping *g, struct draft *draft, const struct claim *claim)
{
	int order;

	if (claim->fixed.len && (draft->v.fixed.len == 0 ||
				 (version_compare(g->scheme, claim->fixed, draft->v.fixed, &order) == 0 && order > 0)))
		draft->v.fixed = claim->fixed;
}

/* What a deciding claim says; its entry's severity goes before the record's own where the ranks are equal. */
static void add_claim(struct grouping *g, struct draft *draft, const struct claim *claim)
{
	add_names(g, draft, claim->record);
	consider_severity(g, draft, claim, &claim->affected->severity);
	consider_severity(g, draft, claim, &claim->record->severity);
	add_fix(g, draft, claim);
	draft->v.approximate |= claim->approximate;
	if (draft->v.summary.len == 0)
		draft->v.summary = claim->record->summary;
}

static struct draft *new_draft(struct grouping *g, struct slice id)
{
	struct drafts *drafts = &g->drafts;

	if (!arena_grow(g->arena, &drafts->list, &drafts->capacity, drafts->count, sizeof(*drafts->list)))
		return NULL;
	drafts->list[drafts->count] = (struct draft){.v = {.id = id, .cvss_score = -1}, .severity_rank = OSV_RANK_NONE};
	return &drafts->list[drafts->count++];
}

/* Fixes that need a subscription say so; those of a lower rank never stand beside others. */
static void mark_fix(struct grouping *g, struct draft *draft, const struct claim *claim)
{
	if (draft->v.fixed.len && claim->string->fix_note)
		draft->v.fixed =
			arena_printf(g->arena, "%.*s (%s)", SLICE_FMT(draft->v.fixed), claim->string->fix_note);
}

/* All items of one CVE: those of the lowest precedence decide, hits of the others add their names and, where nobody
 * said, their severity. */
static void group_cve(struct grouping *g, const struct item *items, size_t count)
{
	const struct claim *first = NULL;
	struct draft       *draft;

	for (size_t i = 0; i < count && items[i].precedence == items[0].precedence && !first; i++)
		first = items[i].claim->hit ? items[i].claim : NULL;
	draft = first ? new_draft(g, items[0].cve) : NULL;
	for (size_t i = 0; draft && i < count; i++) {
		const struct claim *claim = items[i].claim;

		if (!claim->hit)
			continue;
		if (items[i].precedence == items[0].precedence) {
			add_claim(g, draft, claim);
			continue;
		}
		add_names(g, draft, claim->record);
		consider_severity(g, draft, claim, &claim->affected->severity);
		consider_severity(g, draft, claim, &claim->record->severity);
	}
	if (draft)
		mark_fix(g, draft, first);
}

static bool shares_name(const struct draft *draft, const struct osv_record *record)
{
	for (size_t i = 0; i < record->aliases_count; i++)
		if (has_alias(draft, record->aliases[i]))
			return true;
	return has_alias(draft, record->id);
}

/* A record without a CVE joins whatever is known under one of its names, or stands for itself under its id. */
static void group_nameless(struct grouping *g, const struct claim *claim)
{
	struct draft *draft;
	bool          joined = false;

	for (size_t i = 0; i < g->drafts.count; i++) {
		if (!shares_name(&g->drafts.list[i], claim->record))
			continue;
		add_claim(g, &g->drafts.list[i], claim);
		joined = true;
	}
	draft = joined ? NULL : new_draft(g, claim->record->id);
	if (draft) {
		add_claim(g, draft, claim);
		mark_fix(g, draft, claim);
	}
}

static void group(struct grouping *g)
{
	size_t start = 0, stop;

	if (g->items.count)
		qsort(g->items.list, g->items.count, sizeof(*g->items.list), by_cve);
	while (start < g->items.count && g->items.list[start].cve.len == 0)
		start++;
	for (size_t i = start; i < g->items.count; i = stop) {
		for (stop = i + 1; stop < g->items.count && slice_eq(g->items.list[stop].cve, g->items.list[i].cve);
		     stop++)
			;
		group_cve(g, &g->items.list[i], stop - i);
	}
	for (size_t i = 0; i < start; i++)
		group_nameless(g, g->items.list[i].claim);
}

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int by_id(const void *a, const void *b)
{
	return slice_cmp(((const struct result_vulnerability *)a)->id, ((const struct result_vulnerability *)b)->id);
}

static void take_drafts(struct grouping *g, struct match_found *out)
{
	out->vulnerabilities = arena_array(g->arena, g->drafts.count, sizeof(*out->vulnerabilities));
	for (size_t i = 0; out->vulnerabilities && i < g->drafts.count; i++) {
		struct result_vulnerability *v = &g->drafts.list[i].v;

		if (v->aliases_count)
			qsort(v->aliases, v->aliases_count, sizeof(*v->aliases), by_bytes);
		out->vulnerabilities[out->vulnerabilities_count++] = *v;
	}
	if (out->vulnerabilities_count)
		qsort(out->vulnerabilities, out->vulnerabilities_count, sizeof(*out->vulnerabilities), by_id);
}

/* ---- advisories that are no vulnerabilities ---- */

static const char *finding_kind(enum osv_class class)
{
	switch (class) {
	case OSV_UNMAINTAINED:
		return "unmaintained";
	case OSV_UNSOUND:
		return "unsound";
	case OSV_NOTICE:
		return "notice";
	case OSV_MALWARE:
		return "malware";
	case OSV_VULNERABILITY:
	case OSV_BUGFIX:
		break;
	}
	return NULL;
}

static void add_findings(const struct claims *claims, const struct match_subject *subject, struct arena *arena,
			 struct match_found *out)
{
	size_t capacity = 0;

	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		const char         *kind = finding_kind(claim->affected->class);

		if (!claim->hit || !kind ||
		    !arena_grow(arena, &out->findings, &capacity, out->findings_count, sizeof(*out->findings)))
			continue;
		out->findings[out->findings_count++] = (struct result_finding){
			.kind = slice_str(kind),
			.text = arena_printf(arena, "%.*s %.*s: %.*s%s%.*s", SLICE_FMT(subject->name),
					     SLICE_FMT(subject->query.version), SLICE_FMT(claim->record->id),
					     claim->record->summary.len ? ": " : "", SLICE_FMT(claim->record->summary)),
			.severity = claim->affected->class == OSV_MALWARE ? SEVERITY_CRITICAL : SEVERITY_NONE,
		};
	}
}

int match_subject(const struct advisories *advisories, const struct ecosystem_target *target,
		  const struct match_subject *subject, struct arena *arena, struct match_found *out, struct err *err)
{
	struct grouping g = {.arena = arena, .scheme = target->ecosystem->scheme};
	struct claims   claims;
	int             rc = claims_collect(advisories, target, subject, arena, &claims, err);

	*out = (struct match_found){0};
	if (rc || claims.count == 0)
		return rc;
	expand(&g, &claims);
	group(&g);
	take_drafts(&g, out);
	add_findings(&claims, subject, arena, out);
	return arena_failed(arena) ? err_set(err, ERR_MEM, "matching: out of memory") : 0;
}
