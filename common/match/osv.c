#include "match/osv.h"

#include "base/limits.h"
#include "match/ecosystem.h"
#include "match/osv_internal.h"

#include <stdlib.h>

/* ---- events and ranges ---- */

/* "introduced: 0" sorts below every version; elsewhere "0" is a version. */
static bool is_bottom(const struct osv_event *event)
{
	return event->kind == OSV_INTRODUCED && slice_eq_str(event->version, "0");
}

struct event_list {
	struct osv_event *items;
	size_t            count, capacity;
};

static void add_event(struct event_list *list, enum osv_event_kind kind, struct slice version, struct arena *arena)
{
	if (version.len == 0 || (kind == OSV_LIMIT && slice_eq_str(version, "*")))
		return;
	if (kind == OSV_FIXED && version.ptr[0] == '<') /* "<end-of-life>", "<unfixed>": there is no fix */
		return;
	if (arena_grow(arena, &list->items, &list->capacity, list->count, sizeof(*list->items)))
		list->items[list->count++] = (struct osv_event){kind, arena_copy(arena, version)};
}

static struct event_list read_events(const struct json *events, struct arena *arena)
{
	static const struct {
		const char         *key;
		enum osv_event_kind kind;
	} KINDS[] = {{"introduced", OSV_INTRODUCED},
		     {"last_affected", OSV_LAST_AFFECTED},
		     {"fixed", OSV_FIXED},
		     {"limit", OSV_LIMIT}};
	struct event_list list = {0};

	for (size_t i = 0; i < json_count(events); i++)
		for (size_t k = 0; k < sizeof(KINDS) / sizeof(*KINDS); k++)
			add_event(&list, KINDS[k].kind, json_get_text(json_at(events, i), KINDS[k].key), arena);
	return list;
}

static int by_version_and_kind(const void *left, const void *right, void *scheme)
{
	const struct osv_event *a = left, *b = right;
	int                     order = 0;

	if (is_bottom(a) != is_bottom(b))
		return is_bottom(a) ? -1 : 1;
	if (!is_bottom(a))
		(void)version_compare(*(enum version_scheme *)scheme, a->version, b->version, &order);
	return order ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

static bool events_readable(const struct event_list *list, enum version_scheme scheme)
{
	if (scheme == VERSION_NONE)
		return list->count > 0;
	for (size_t i = 0; i < list->count; i++)
		if (!is_bottom(&list->items[i]) && !version_valid(scheme, list->items[i].version))
			return false;
	return list->count > 0;
}

struct range_list {
	struct osv_range *items;
	size_t            count, capacity;
};

static void add_ranges(struct range_list *list, const struct json *ranges, struct osv_affected *affected,
		       struct arena *arena)
{
	for (size_t i = 0; i < json_count(ranges); i++) {
		const struct json  *range = json_at(ranges, i);
		struct slice        type = json_get_text(range, "type");
		enum version_scheme scheme = slice_eq_str(type, "SEMVER") ? VERSION_SEMVER : affected->scheme;

		if (!slice_eq_str(type, "SEMVER") && !slice_eq_str(type, "ECOSYSTEM"))
			continue; /* GIT: commits, no versions */
		struct event_list events = read_events(json_get(range, "events"), arena);
		if (!events_readable(&events, scheme)) {
			affected->ranges_voided++;
			continue;
		}
		if (scheme != VERSION_NONE)
			qsort_r(events.items, events.count, sizeof(*events.items), by_version_and_kind, &scheme);
		if (arena_grow(arena, &list->items, &list->capacity, list->count, sizeof(*list->items)))
			list->items[list->count++] = (struct osv_range){scheme, events.items, events.count};
	}
}

static bool is_all_versions(const struct osv_range *range)
{
	return range->events_count == 1 && is_bottom(&range->events[0]);
}

static bool all_are_all_versions(const struct range_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!is_all_versions(&list->items[i]))
			return false;
	return true;
}

/* Go's "introduced: 0" alone stands for "see custom_ranges" where there are some (TRAPS D6). */
static void read_ranges(const struct json *node, struct osv_affected *affected, struct arena *arena)
{
	struct range_list  ranges = {0}, custom = {0};
	const struct json *custom_ranges = json_get(json_get(node, "ecosystem_specific"), "custom_ranges");

	add_ranges(&ranges, json_get(node, "ranges"), affected, arena);
	if (all_are_all_versions(&ranges))
		add_ranges(&custom, custom_ranges, affected, arena);
	if (custom.count)
		ranges = custom;
	affected->ranges = ranges.items;
	affected->ranges_count = ranges.count;
}

/* ---- affected entries ---- */

static struct slice *read_list(const struct json *list, struct arena *arena, size_t *count)
{
	struct slice *items = NULL;
	size_t        capacity = 0;

	*count = 0;
	for (size_t i = 0; i < json_count(list); i++) {
		struct slice text = json_text(json_at(list, i));

		if (text.len && arena_grow(arena, &items, &capacity, *count, sizeof(*items)))
			items[(*count)++] = arena_copy(arena, text);
	}
	return items;
}

enum { COMPARISONS_MAX = 4 << 20 };

static size_t count_events(const struct osv_affected *affected)
{
	size_t count = 0;

	for (size_t i = 0; i < affected->ranges_count; i++)
		count += affected->ranges[i].events_count;
	return count;
}

/* Keeps what the ranges do not say already: feeds enumerate every version of a range. All of them where telling would
 * take long, which no feed comes near. */
static void read_versions(const struct json *list, struct osv_affected *affected, struct arena *arena)
{
	size_t         count, kept = 0;
	struct slice  *versions = read_list(list, arena, &count);
	bool           ask = count_events(affected) <= COMPARISONS_MAX / (count + 1);
	struct osv_hit hit;

	for (size_t i = 0; i < count; i++)
		if (!ask || !osv_affects(affected, &(struct osv_query){.version = versions[i]}, &hit))
			versions[kept++] = versions[i];
	affected->versions = versions;
	affected->versions_count = kept;
}

static bool read_affected(const struct json *node, const struct osv_record *record, struct arena *arena,
			  struct osv_affected *out)
{
	const struct json      *package = json_get(node, "package"), *affects;
	struct slice            ecosystem = json_get_text(package, "ecosystem"), name = json_get_text(package, "name");
	const struct ecosystem *row = ecosystem_find(ecosystem);

	*out = (struct osv_affected){.scheme = row ? row->scheme : VERSION_NONE};
	if (ecosystem.len == 0 || name.len == 0)
		return false;
	out->ecosystem = arena_copy(arena, ecosystem);
	out->name = arena_copy(arena, ecosystem_name_key(row, name, arena));
	out->class = osv_read_class(record, node);
	out->severity = osv_affected_severity(node, arena);
	read_ranges(node, out, arena);
	read_versions(json_get(node, "versions"), out, arena);
	affects = json_get(json_get(node, "ecosystem_specific"), "affects");
	out->os = read_list(json_get(affects, "os"), arena, &out->os_count);
	out->arch = read_list(json_get(affects, "arch"), arena, &out->arch_count);
	return true;
}

/* ---- records ---- */

static void read_all_affected(const struct json *list, struct arena *arena, struct osv_record *out)
{
	size_t count = json_count(list);

	out->affected = count ? arena_array(arena, count, sizeof(*out->affected)) : NULL;
	for (size_t i = 0; out->affected && i < count; i++)
		if (read_affected(json_at(list, i), out, arena, &out->affected[out->affected_count]))
			out->affected_count++;
}

/* RFC 3339 in UTC, as the schema demands; dates are compared as text, and anything else would be newer than all. */
static struct slice timestamp(struct slice text)
{
	static const char shape[] = "0000-00-00T00:00:00";
	size_t            at = sizeof(shape) - 1;

	if (text.len <= at || text.len > 40 || text.ptr[text.len - 1] != 'Z')
		return SLICE_EMPTY;
	for (size_t i = 0; i < text.len - 1; i++) {
		bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

		if (i >= at           ? !digit && !(i == at && text.ptr[i] == '.')
		    : shape[i] == '0' ? !digit
				      : text.ptr[i] != (uint8_t)shape[i])
			return SLICE_EMPTY;
	}
	return text;
}

static int read_record(const struct json *root, struct arena *arena, struct osv_record *out, struct err *err)
{
	const struct json *affected = json_get(root, "affected");
	struct slice       id = json_get_text(root, "id");

	if (json_kind(root) != JSON_KIND_OBJECT)
		return err_set(err, ERR_FORMAT, "advisory: not a JSON object");
	if (id.len == 0)
		return err_set(err, ERR_FORMAT, "advisory: no id");
	if (affected && json_kind(affected) != JSON_KIND_ARRAY && json_kind(affected) != JSON_KIND_NULL)
		return err_set(err, ERR_FORMAT, "advisory %.*s: affected is not an array", SLICE_FMT(id));
	out->id = arena_copy(arena, id);
	out->modified = arena_copy(arena, timestamp(json_get_text(root, "modified")));
	out->published = arena_copy(arena, timestamp(json_get_text(root, "published")));
	out->withdrawn = json_get_text(root, "withdrawn").len != 0;
	out->summary = arena_copy(arena, json_get_text(root, "summary"));
	osv_read_names(root, arena, out);
	out->severity = osv_record_severity(root, arena);
	if (!osv_is_livepatch(id))
		read_all_affected(affected, arena, out);
	return arena_failed(arena) ? err_set(err, ERR_LIMIT, "advisory %.*s: decoded it does not fit into %zu bytes",
					     SLICE_FMT(slice_sub(id, 0, 200)), arena->bytes_max)
				   : 0;
}

int osv_parse(struct slice json, struct arena *arena, struct osv_record *out, struct err *err)
{
	struct json *root;
	int          rc;

	*out = (struct osv_record){0};
	if (json.len > LIMIT_ADVISORY_BYTES)
		return err_set(err, ERR_LIMIT, "advisory_bytes: more than %u bytes", LIMIT_ADVISORY_BYTES);
	rc = json_parse(json, &root, err);
	if (rc)
		return err_prefix(err, "advisory");
	rc = read_record(root, arena, out, err);
	json_free(root);
	return rc;
}
