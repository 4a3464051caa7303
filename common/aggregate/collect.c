#include "aggregate/collect.h"

#include "aggregate/owners.h"

#include "base/limits.h"
#include "base/path.h"
#include "model/purl.h"
#include "model/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One package database as it stands in the image. */
struct place {
	const struct tree_node *node;
	const struct facts     *facts;
	struct slice            path;
	bool                    stale; /* another database of its folder is newer, or no room is left */
};

struct candidate {
	const struct package *package;
	const struct place   *place;
	uint32_t              introduced;
};

struct collection {
	struct fact_store   *store;
	struct arena        *arena;
	struct image_result *result;
	struct place        *places;
	size_t               places_count, places_capacity;
	struct candidate    *candidates;
	size_t               candidates_count;
	struct owned_paths   owned;
	bool                 root_folder; /* rootfs: what lock files ask for is listed */
	struct note_list    *notes;
};

void note_list_add(struct note_list *list, uint32_t layer, struct note note)
{
	struct image_result *result = list->result;

	if (!arena_grow(list->arena, &result->notes, &list->notes_capacity, result->notes_count,
			sizeof(*result->notes)) ||
	    !arena_grow(list->arena, &result->notes_layer, &list->layers_capacity, result->notes_count,
			sizeof(*result->notes_layer)))
		return;
	result->notes[result->notes_count] = note;
	result->notes_layer[result->notes_count] = layer;
	result->notes_count++;
}

/* What was found by its content alone counts once a name that the tools look for leads to it: a symlink, a folder that
 * is one, a hard link. */
static void follow_evidence_names(struct fact_store *store)
{
	const char *kind, *name;

	for (size_t i = 0; (name = evidence_name_at(i, &kind)); i++) {
		struct tree_node *node = tree_walk(store->tree, slice_str(name), TREE_FOLLOW_LAST);

		for (struct facts *facts = node ? node->facts : NULL; facts; facts = facts->next)
			if ((facts->db && slice_eq_str(facts->db->kind, kind)) ||
			    (facts->os && strcmp(kind, "os-release") == 0))
				facts->by_magic = false;
	}
}

/* --- the distribution --- */

static const struct os_release *os_at(struct fact_store *store, const char *path)
{
	struct tree_node *node = tree_walk(store->tree, slice_str(path), TREE_FOLLOW_LAST);

	for (const struct facts *facts = node ? node->facts : NULL; facts; facts = facts->next)
		if (facts->os)
			return facts->os;
	return NULL;
}

static void copy_os(const struct os_release *from, struct arena *arena, struct os_release *to)
{
	*to = (struct os_release){
		.path = arena_copy(arena, from->path),
		.id = arena_copy(arena, from->id),
		.id_like = arena_copy(arena, from->id_like),
		.version_id = arena_copy(arena, from->version_id),
		.version = arena_copy(arena, from->version),
		.version_codename = arena_copy(arena, from->version_codename),
		.pretty_name = arena_copy(arena, from->pretty_name),
		.ubuntu_codename = arena_copy(arena, from->ubuntu_codename),
		.cpe_name = arena_copy(arena, from->cpe_name),
		.variant_id = arena_copy(arena, from->variant_id),
		.build_id = arena_copy(arena, from->build_id),
	};
}

/* os-release(5): /etc/os-release takes precedence, and is often a symlink to the other. */
static void choose_os(struct collection *c)
{
	const struct os_release *os = os_at(c->store, "etc/os-release");

	if (!os)
		os = os_at(c->store, "usr/lib/os-release");
	if (os)
		copy_os(os, c->arena, &c->result->os);
}

/* --- the databases --- */

static void find_places(struct collection *c)
{
	struct tree_node *root = &c->store->tree->root;

	for (struct tree_node *node = root; node; node = tree_next_live(node, root)) {
		for (const struct facts *facts = node->facts; facts; facts = facts->next) {
			if (!facts->db || facts->by_magic ||
			    !arena_grow(c->arena, &c->places, &c->places_capacity, c->places_count, sizeof(*c->places)))
				continue;
			c->places[c->places_count++] =
				(struct place){.node = node, .facts = facts, .path = tree_path(node, c->arena)};
		}
	}
}

static int compare_places(const void *a, const void *b)
{
	const struct place *place_a = a, *place_b = b;
	int                 order = path_cmp(place_a->path, place_b->path);

	return order ? order : slice_cmp(place_a->facts->db->kind, place_b->facts->db->kind);
}

/* How recent the format of an rpm database is; 0 for anything else. One without packages is no successor. */
static int rpm_rank(const struct facts *facts)
{
	struct slice kind = facts->db->kind;
	int          rank = slice_eq_str(kind, "rpm-sqlite") ? 3
			    : slice_eq_str(kind, "rpm-ndb")  ? 2
			    : slice_eq_str(kind, "rpm-bdb")  ? 1
							     : 0;

	return rank && facts->db->packages_count ? rank + 3 : rank;
}

static void pass_over(struct collection *c, struct place *place, const struct facts *newer)
{
	place->stale = true;
	note_list_add(c->notes, place->node->facts_layer,
		      (struct note){.kind = NOTE_INFO,
				    .path = place->path,
				    .reason = arena_printf(
					    c->arena, "stale_database: passed over for the %.*s database beside it",
					    SLICE_FMT(newer->db->kind))});
}

/* The newest active rpm database in the folder of `place`, or NULL. */
static const struct facts *newest_beside(struct collection *c, const struct place *place)
{
	static const char *const files[] = {"rpmdb.sqlite", "Packages.db", "Packages"};
	const struct facts      *newest = NULL;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const struct tree_node *node = tree_child(c->store->tree, place->node->parent, slice_str(files[i]));

		for (const struct facts *facts = node ? node->facts : NULL; facts; facts = facts->next)
			if (facts->db && !facts->by_magic && rpm_rank(facts) &&
			    (!newest || rpm_rank(facts) > rpm_rank(newest)))
				newest = facts;
	}
	return newest;
}

/* rpm keeps one database in a folder; what else lies there was left behind by a conversion (TRAPS B10). */
static void pass_over_stale(struct collection *c)
{
	for (size_t i = 0; i < c->places_count; i++) {
		struct place       *place = &c->places[i];
		const struct facts *newest = rpm_rank(place->facts) ? newest_beside(c, place) : NULL;

		if (newest && rpm_rank(newest) > rpm_rank(place->facts))
			pass_over(c, place, newest);
	}
}

/* --- the packages --- */

static int compare_packages(const struct package *a, const struct package *b)
{
	int order = slice_cmp(a->type, b->type);

	if (!order)
		order = slice_cmp(a->name, b->name);
	if (!order)
		order = slice_cmp(a->version, b->version);
	return order ? order : slice_cmp(a->arch, b->arch);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int                     order = compare_packages(x->package, y->package);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* How many packages the databases hold; those that do not fit are passed over. */
static size_t count_candidates(struct collection *c)
{
	size_t total = 0;

	for (size_t i = 0; i < c->places_count; i++) {
		struct place *place = &c->places[i];
		size_t        count = place->stale ? 0 : place->facts->db->packages_count;

		if (count > LIMIT_PACKAGES_PER_IMAGE - total)
			place->stale = c->store->packages_left_out = true;
		else
			total += count;
	}
	return total;
}

static bool list_candidates(struct collection *c)
{
	size_t total = count_candidates(c);

	c->candidates = calloc(total ? total : 1, sizeof(*c->candidates));
	if (!c->candidates)
		return false;
	for (size_t i = 0; i < c->places_count; i++) {
		const struct place      *place = &c->places[i];
		const struct package_db *db = place->facts->db;

		for (size_t k = 0; k < db->packages_count && !place->stale; k++) {
			uint32_t introduced = presence_introduced(&c->store->presence, &db->packages[k]);

			c->candidates[c->candidates_count++] = (struct candidate){
				.package = &db->packages[k],
				.place = place,
				.introduced = introduced == UINT32_MAX ? place->node->facts_layer : introduced};
		}
	}
	qsort(c->candidates, c->candidates_count, sizeof(*c->candidates), compare_candidates);
	return true;
}

/* dpkg keeps a package's licence in a file of its own, perhaps in another layer, perhaps behind a symlinked folder. */
static struct slice copyright_license(struct collection *c, struct slice name)
{
	char              path[512];
	struct tree_node *node;
	int               len = snprintf(path, sizeof(path), "usr/share/doc/%.*s/copyright", SLICE_FMT(name));

	if (len < 0 || (size_t)len >= sizeof(path) || slice_find(name, '/') != SIZE_MAX)
		return SLICE_EMPTY;
	node = tree_walk(c->store->tree, slice_of(path, (size_t)len), TREE_FOLLOW_LAST);
	for (const struct facts *facts = node ? node->facts : NULL; facts; facts = facts->next)
		if (facts->license)
			return facts->license->license;
	return SLICE_EMPTY;
}

static void copy_package(struct collection *c, const struct package *from, struct package *to)
{
	struct slice license = from->license;

	if (license.len == 0 && slice_eq_str(from->type, "deb"))
		license = copyright_license(c, from->name);
	*to = (struct package){
		.type = arena_copy(c->arena, from->type),
		.name = arena_copy(c->arena, from->name),
		.version = arena_copy(c->arena, from->version),
		.arch = arena_copy(c->arena, from->arch),
		.source_name = arena_copy(c->arena, from->source_name),
		.source_version = arena_copy(c->arena, from->source_version),
		.license = arena_copy(c->arena, license),
		.vendor = arena_copy(c->arena, from->vendor),
		.modularity = arena_copy(c->arena, from->modularity),
		.flags = from->flags & ~(uint32_t)PACKAGE_THIRD_PARTY,
	};
	if (vendor_is_third_party(&c->result->os, to))
		to->flags |= PACKAGE_THIRD_PARTY;
}

/* --- which package of the distribution put it there (TRAPS E1) --- */

static bool has_components(const struct collection *c)
{
	for (size_t i = 0; i < c->candidates_count; i++)
		if (!package_type_is_os(c->candidates[i].package->type))
			return true;
	return false;
}

static const struct owned_path *owner_of(const struct collection *c, const struct candidate *candidate)
{
	const struct owned_path *owned = owned_paths_find(&c->owned, candidate->place->path);

	return owned && candidate->place->node->facts_layer <= owned->layer ? owned : NULL;
}

/* Empty when somebody else put any of the evidence there. */
static struct slice common_owner(const struct collection *c, const struct candidate *same, size_t count)
{
	struct slice owner = SLICE_EMPTY;

	if (package_type_is_os(same->package->type))
		return SLICE_EMPTY;
	for (size_t i = 0; i < count; i++) {
		const struct owned_path *owned = owner_of(c, &same[i]);

		if (!owned)
			return SLICE_EMPTY;
		if (i == 0)
			owner = owned->package;
	}
	return owner;
}

/* What all who list it say: it is installed if one says so. */
static void join_flags(const struct candidate *same, size_t count, uint32_t *flags)
{
	for (size_t i = 0; i < count; i++)
		*flags &= same[i].package->flags | ~(uint32_t)(PACKAGE_DEV | PACKAGE_DECLARED | PACKAGE_NO_RELEASE);
}

/* One package of `count` candidates that differ only in where they are listed. */
static void add_package(struct collection *c, const struct candidate *same, size_t count)
{
	struct result_package *package = &c->result->packages[c->result->packages_count++];

	copy_package(c, same->package, &package->package);
	join_flags(same, count, &package->package.flags);
	package->owner = common_owner(c, same, count);
	if ((package->package.flags & PACKAGE_DECLARED) && !c->root_folder)
		package->suppressed = PACKAGE_IS_DECLARED;
	package->purl = purl_of_package(&package->package, &c->result->os, c->arena);
	package->layer = same->introduced;
	package->paths = arena_array(c->arena, count, sizeof(*package->paths));
	for (size_t i = 0; package->paths && i < count; i++) {
		if (i == 0 || same[i].place != same[i - 1].place)
			package->paths[package->paths_count++] = same[i].place->path;
		if (same[i].introduced < package->layer)
			package->layer = same[i].introduced;
	}
}

static size_t same_count(const struct collection *c, size_t from)
{
	size_t to = from + 1;

	while (to < c->candidates_count &&
	       compare_packages(c->candidates[from].package, c->candidates[to].package) == 0)
		to++;
	return to - from;
}

static void list_packages(struct collection *c)
{
	size_t distinct = 0;

	for (size_t i = 0; i < c->candidates_count; i += same_count(c, i))
		distinct++;
	c->result->packages = arena_array(c->arena, distinct, sizeof(*c->result->packages));
	for (size_t i = 0, count; c->result->packages && i < c->candidates_count; i += count) {
		count = same_count(c, i);
		add_package(c, &c->candidates[i], count);
	}
}

int collect(struct fact_store *store, const struct aggregate_layer *layers, size_t layers_count,
	    struct note_list *notes)
{
	struct collection c = {.store = store, .arena = notes->arena, .result = notes->result, .notes = notes};
	int               verdict = 0;

	c.root_folder = slice_starts(c.result->image.reference, "rootfs:");

	follow_evidence_names(store);
	choose_os(&c);
	find_places(&c);
	if (c.places_count)
		qsort(c.places, c.places_count, sizeof(*c.places), compare_places);
	pass_over_stale(&c);
	if (!list_candidates(&c))
		verdict = ERR_MEM;
	else if (has_components(&c))
		verdict = aggregate_owners(layers, layers_count, c.arena, &c.owned, NULL);
	if (!verdict)
		list_packages(&c);
	free(c.candidates);
	return verdict;
}
