#include "match/osv_internal.h"

#include "match/version.h"

#include <stdlib.h>
#include <string.h>

/* Advisories of a distribution name the CVEs they fix in `related` where they have no `upstream` (all of AlmaLinux's,
 * older ones of the others). Elsewhere `related` means other vulnerabilities. */
static bool is_distribution_advisory(struct slice id)
{
	static const char *const PREFIXES[] = {
		"DSA-",  "DLA-",  "DTSA-",  "USN-",  "RHSA-", "RHBA-", "RHEA-", "ALSA-",
		"ALBA-", "ALEA-", "RLSA-",  "RLBA-", "RLEA-", "RXSA-", "SUSE-", "openSUSE-",
		"CGA-",  "OESA-", "MGASA-", "AZL-",  "PHSA-", "BELL-", "MINI-",
	};

	for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(*PREFIXES); i++)
		if (slice_starts(id, PREFIXES[i]))
			return true;
	return false;
}

static bool is_bugfix_advisory(struct slice id)
{
	static const char *const PREFIXES[] = {
		"ALBA-",    "ALEA-",    "RHBA-",    "RHEA-",        "RLBA-",        "RLEA-",
		"SUSE-RU-", "SUSE-FU-", "SUSE-OU-", "openSUSE-RU-", "openSUSE-FU-",
	};

	for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(*PREFIXES); i++)
		if (slice_starts(id, PREFIXES[i]))
			return true;
	return false;
}

bool osv_is_livepatch(struct slice id)
{
	return slice_starts(id, "LSN-");
}

/* "CVE-2020-1234" out of itself or of "DEBIAN-CVE-2020-1234"; empty if the name is none of a CVE. */
static struct slice cve_of(struct slice name)
{
	size_t       dash = slice_find(name, '-');
	struct slice rest = dash == SIZE_MAX ? SLICE_EMPTY : slice_from(name, dash + 1);

	if (slice_starts(name, "CVE-") && rest.len && version_is_digit(rest.ptr[0]))
		return name;
	return slice_starts(rest, "CVE-") && rest.len > 4 && version_is_digit(rest.ptr[4]) ? rest : SLICE_EMPTY;
}

struct names {
	struct slice *items;
	size_t        count, capacity;
};

static void add(struct names *names, struct slice name, struct arena *arena)
{
	if (name.len && arena_grow(arena, &names->items, &names->capacity, names->count, sizeof(*names->items)))
		names->items[names->count++] = name;
}

/* CVEs of a list go to `cves`, the other names to `others` (which may be NULL). */
static void add_list(const struct json *list, struct names *cves, struct names *others, struct arena *arena)
{
	for (size_t i = 0; i < json_count(list); i++) {
		struct slice name = json_text(json_at(list, i)), cve = cve_of(name);

		if (cve.len)
			add(cves, cve, arena);
		else if (others)
			add(others, name, arena);
	}
}

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Sorted, each once, copied into the arena. */
static void seal(struct names *names, struct arena *arena)
{
	size_t kept = 0;

	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_bytes);
	for (size_t i = 0; i < names->count; i++)
		if (kept == 0 || !slice_eq(names->items[kept - 1], names->items[i]))
			names->items[kept++] = arena_copy(arena, names->items[i]);
	names->count = kept;
}

void osv_read_names(const struct json *record, struct arena *arena, struct osv_record *out)
{
	struct names       cves = {0}, aliases = {0}, upstream = {0};
	struct slice       own = cve_of(out->id);
	const struct json *upstream_list = json_get(record, "upstream");

	add(&cves, own, arena);
	add_list(json_get(record, "aliases"), &cves, &aliases, arena);
	add_list(upstream_list, &cves, &upstream, arena);
	if (is_distribution_advisory(out->id))
		add_list(json_get(record, "related"), &cves, NULL, arena);
	if (json_count(upstream_list) == 1 && upstream.count == 1)
		add(&aliases, upstream.items[0], arena);
	seal(&cves, arena);
	seal(&aliases, arena);
	out->per_cve = own.len && own.len < out->id.len;
	out->cves = cves.items;
	out->cves_count = cves.count;
	out->aliases = aliases.items;
	out->aliases_count = aliases.count;
}

enum osv_class osv_read_class(const struct osv_record *record, const struct json *affected)
{
	struct slice informational = json_get_text(json_get(affected, "database_specific"), "informational");

	if (slice_starts(record->id, "MAL-"))
		return OSV_MALWARE;
	if (slice_eq_str(informational, "unmaintained"))
		return OSV_UNMAINTAINED;
	if (slice_eq_str(informational, "unsound"))
		return OSV_UNSOUND;
	if (informational.len)
		return OSV_NOTICE;
	return is_bugfix_advisory(record->id) && record->cves_count == 0 ? OSV_BUGFIX : OSV_VULNERABILITY;
}
