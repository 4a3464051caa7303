#include "match/osv.h"

#include "match/ecosystem.h"

/* The evaluation algorithm of the schema ("Evaluation"), on events that osv_parse() has sorted. */

/* "introduced: 0" sorts below every version; elsewhere "0" is a version. */
static bool is_bottom(const struct osv_event *event)
{
	return event->kind == OSV_INTRODUCED && slice_eq_str(event->version, "0");
}

static struct slice without_epoch(struct slice version)
{
	struct slice rest = version, epoch;

	return version_take_epoch(&rest, &epoch) ? rest : version;
}

/* Order of the installed version and an event's. */
static int compare_event(const struct osv_range *range, const struct osv_query *query, const struct osv_event *event)
{
	int order = 0;

	if (is_bottom(event))
		return 1;
	(void)version_compare(range->scheme, query->version,
			      query->ignore_epoch ? without_epoch(event->version) : event->version, &order);
	return order;
}

static bool before_limits(const struct osv_range *range, const struct osv_query *query)
{
	bool limited = false;

	for (size_t i = 0; i < range->events_count; i++) {
		if (range->events[i].kind != OSV_LIMIT)
			continue;
		if (compare_event(range, query, &range->events[i]) < 0)
			return true;
		limited = true;
	}
	return !limited;
}

/* Folds the events; `*fixed` becomes the fix that ends the interval which holds the version, if it ends in one. */
static bool fold(const struct osv_range *range, const struct osv_query *query, struct slice *fixed)
{
	bool affected = false, ended = false;

	*fixed = SLICE_EMPTY;
	for (size_t i = 0; i < range->events_count; i++) {
		const struct osv_event *event = &range->events[i];
		int                     order = event->kind == OSV_LIMIT ? 0 : compare_event(range, query, event);

		switch (event->kind) {
		case OSV_INTRODUCED:
			affected = affected || order >= 0;
			ended = ended || order < 0;
			break;
		case OSV_LAST_AFFECTED:
			affected = affected && order <= 0;
			ended = ended || order <= 0;
			break;
		case OSV_FIXED:
			affected = affected && order < 0;
			if (affected && !ended)
				*fixed = event->version;
			ended = ended || order < 0;
			break;
		case OSV_LIMIT:
			break;
		}
	}
	return affected;
}

static bool is_all_versions(const struct osv_range *range)
{
	for (size_t i = 0; i < range->events_count; i++)
		if (!is_bottom(&range->events[i]))
			return false;
	return range->events_count > 0;
}

static bool in_range(const struct osv_range *range, const struct osv_query *query, struct slice *fixed)
{
	*fixed = SLICE_EMPTY;
	if (is_all_versions(range))
		return true;
	return version_valid(range->scheme, query->version) && before_limits(range, query) && fold(range, query, fixed);
}

static bool in_versions(const struct osv_affected *affected, const struct osv_query *query)
{
	for (size_t i = 0; i < affected->versions_count; i++) {
		struct slice version = affected->versions[i];
		int          order;

		if (slice_eq(version, query->version))
			return true;
		if (query->ignore_epoch)
			version = without_epoch(version);
		if (version_compare(affected->scheme, version, query->version, &order) == 0 && order == 0)
			return true;
	}
	return false;
}

bool osv_affects(const struct osv_affected *affected, const struct osv_query *query, struct osv_hit *hit)
{
	bool found = false;

	*hit = (struct osv_hit){.unsure = query->version.len == 0};
	if (hit->unsure)
		return affected->ranges_count + affected->versions_count > 0;
	for (size_t i = 0; i < affected->ranges_count; i++) {
		struct slice fixed;
		int          order;

		if (!in_range(&affected->ranges[i], query, &fixed))
			continue;
		found = true;
		if (fixed.len &&
		    (hit->fixed.len == 0 ||
		     (version_compare(affected->ranges[i].scheme, fixed, hit->fixed, &order) == 0 && order > 0)))
			hit->fixed = fixed;
	}
	return found || in_versions(affected, query);
}

static bool has_fix(const struct osv_range *range)
{
	for (size_t i = 0; i < range->events_count; i++)
		if (range->events[i].kind == OSV_FIXED)
			return true;
	return false;
}

bool osv_affected_is_unfixed(const struct osv_affected *affected)
{
	for (size_t i = 0; i < affected->ranges_count; i++)
		if (!has_fix(&affected->ranges[i]))
			return true;
	return affected->ranges_count == 0 && affected->versions_count > 0;
}

bool osv_is_affected(const struct osv_record *record, struct slice ecosystem, struct slice name, struct slice version)
{
	struct osv_query query = {.version = version};
	struct arena     arena;
	struct osv_hit   hit;
	bool             found = false;

	arena_init(&arena, (name.len + 4096) * 2);
	name = ecosystem_name_key(ecosystem_find(ecosystem), name, &arena);
	for (size_t i = 0; i < record->affected_count && !record->withdrawn && !found; i++) {
		const struct osv_affected *affected = &record->affected[i];

		found = slice_eq(affected->ecosystem, ecosystem) && slice_eq(affected->name, name) &&
			osv_affects(affected, &query, &hit);
	}
	arena_deinit(&arena);
	return found;
}
