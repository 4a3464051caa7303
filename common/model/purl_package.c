#include "base/limits.h"
#include "model/purl.h"

/* Vendors as the purl types name them, where os-release's ID says it otherwise. */
static const struct {
	const char *id, *vendor;
} vendors[] = {
	{"rhel", "redhat"},
	{"opensuse-leap", "opensuse"},
	{"opensuse-tumbleweed", "opensuse"},
	{"sles", "suse"},
	{"sled", "suse"},
	{"sle-micro", "suse"},
	{"sle_hpc", "suse"},
	{"sl-micro", "suse"},
	{"opensuse-leap-micro", "opensuse"},
	{"opensuse-microos", "opensuse"},
};

static bool is_os_type(struct slice type)
{
	return slice_eq_str(type, "deb") || slice_eq_str(type, "apk") || slice_eq_str(type, "rpm") ||
	       slice_eq_str(type, "alpm");
}

static struct slice vendor_of(struct slice id)
{
	for (size_t i = 0; i < sizeof(vendors) / sizeof(*vendors); i++)
		if (slice_eq_str(id, vendors[i].id))
			return slice_str(vendors[i].vendor);
	return id;
}

/* rpm keeps the epoch out of the version (TRAPS G3); everywhere else it is part of it. */
static void split_epoch(struct purl *purl)
{
	size_t colon = slice_find(purl->version, ':');

	if (colon == SIZE_MAX)
		return;
	purl_set(purl, "epoch", slice_sub(purl->version, 0, colon));
	purl->version = slice_from(purl->version, colon + 1);
}

static void set_os_parts(struct purl *purl, const struct package *package, const struct os_release *os,
			 struct arena *arena)
{
	purl->namespace = vendor_of(os->id);
	purl_set(purl, "arch", package->arch);
	if (os->id.len && os->version_id.len)
		purl_set(purl, "distro",
			 arena_printf(arena, "%.*s-%.*s", SLICE_FMT(os->id), SLICE_FMT(os->version_id)));
	else
		purl_set(purl, "distro", os->id);
	if (slice_eq_str(package->type, "rpm"))
		split_epoch(purl);
	if (package->source_name.len == 0 || slice_eq(package->source_name, package->name))
		return;
	if (package->source_version.len && !slice_eq(package->source_version, package->version))
		purl_set(purl, "upstream",
			 arena_printf(arena, "%.*s@%.*s", SLICE_FMT(package->source_name),
				      SLICE_FMT(package->source_version)));
	else
		purl_set(purl, "upstream", package->source_name);
}

static void split_name(struct purl *purl)
{
	bool   maven = slice_eq_str(purl->type, "maven");
	size_t at = slice_rfind(purl->name, maven ? ':' : '/');

	if (at == SIZE_MAX || at + 1 == purl->name.len)
		return;
	purl->namespace = slice_sub(purl->name, 0, at);
	purl->name = slice_from(purl->name, at + 1);
}

struct slice purl_of_package(const struct package *package, const struct os_release *os, struct arena *arena)
{
	struct purl  purl = {.type = package->type, .name = package->name, .version = package->version};
	struct buf   text;
	struct slice copy;

	if (package->type.len == 0 || package->name.len == 0)
		return SLICE_EMPTY;
	if (is_os_type(package->type))
		set_os_parts(&purl, package, os, arena);
	else
		split_name(&purl);
	buf_init(&text, LIMIT_STRING_BYTES);
	purl_write(&purl, &text);
	copy = arena_copy(arena, buf_slice(&text));
	buf_deinit(&text);
	return copy;
}
