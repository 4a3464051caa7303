#include "aggregate/facts.h"

#include "base/limits.h"

#include <stdlib.h>

/* A name ending in '/' stands for the entries of that folder that end in `suffix`. */
static const struct {
	const char *kind, *name, *suffix;
} names[] = {
	{"os-release", "etc/os-release", ""},
	{"os-release", "usr/lib/os-release", ""},
	{"dpkg", "var/lib/dpkg/status", ""},
	{"opkg", "usr/lib/opkg/status", ""},
	{"opkg", "var/lib/opkg/status", ""},
	{"apk", "lib/apk/db/installed", ""},
	{"apk", "usr/lib/apk/db/installed", ""},
	{"rpm-sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", ""},
	{"rpm-sqlite", "var/lib/rpm/rpmdb.sqlite", ""},
	{"rpm-sqlite", "usr/share/rpm/rpmdb.sqlite", ""},
	{"rpm-ndb", "usr/lib/sysimage/rpm/Packages.db", ""},
	{"rpm-ndb", "var/lib/rpm/Packages.db", ""},
	{"rpm-ndb", "usr/share/rpm/Packages.db", ""},
	{"rpm-bdb", "usr/lib/sysimage/rpm/Packages", ""},
	{"rpm-bdb", "var/lib/rpm/Packages", ""},
	{"rpm-bdb", "usr/share/rpm/Packages", ""},
	{"dpkg-status.d", "var/lib/dpkg/status.d/", ""},
	{"alpm", "var/lib/pacman/local/", "/desc"},
	{"portage", "var/db/pkg/", "/PF"},
	{"chisel", "var/lib/chisel/manifest.wall", ""},
};

enum { NAMES = sizeof(names) / sizeof(*names) };

bool evidence_name(const char *kind, struct slice path)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct slice name = slice_str(names[i].name);

		if (kind && !slice_eq_str(slice_str(kind), names[i].kind))
			continue;
		if (slice_ends(name, "/") ? slice_starts(path, names[i].name) && slice_ends(path, names[i].suffix)
					  : slice_eq(path, name))
			return true;
	}
	return false;
}

const char *evidence_name_at(size_t i, const char **kind)
{
	if (i >= NAMES || slice_ends(slice_str(names[i].name), "/"))
		return NULL;
	*kind = names[i].kind;
	return names[i].name;
}

struct source *source_new(uint32_t layer, size_t *bytes_held)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	inventory_init(&source->inventory);
	source->refs = 1;
	source->layer = layer;
	source->bytes_held = bytes_held;
	return source;
}

int source_decode(struct source *source, struct slice encoded, uint32_t parts, struct err *err)
{
	struct arena *arena = &source->inventory.arena;
	int           verdict;

	if (arena->bytes_max > LIMIT_AGGREGATE_BYTES - *source->bytes_held)
		arena->bytes_max = (size_t)(LIMIT_AGGREGATE_BYTES - *source->bytes_held);
	verdict = inventory_decode_parts(encoded, parts, &source->inventory, err);
	*source->bytes_held += arena->bytes_used;
	return verdict;
}

void source_release(struct source *source)
{
	if (--source->refs)
		return;
	*source->bytes_held -= source->inventory.arena.bytes_used;
	inventory_deinit(&source->inventory);
	free(source);
}

/* Steps of the tree: a database may have been given any number of names. */
static void count_packages(struct fact_store *store, const struct facts *facts, uint32_t layer, bool there)
{
	store->tree->steps += facts->db ? facts->db->packages_count : 0;
	for (size_t i = 0; facts->db && i < facts->db->packages_count; i++) {
		if (there)
			presence_add(&store->presence, &facts->db->packages[i], layer);
		else
			presence_remove(&store->presence, &facts->db->packages[i], layer);
	}
}

static const char *kind_of(const struct facts *facts, char out[32])
{
	struct slice kind = facts->db ? slice_sub(facts->db->kind, 0, 31) : SLICE_LIT("os-release");

	for (size_t i = 0; i < kind.len; i++)
		out[i] = (char)kind.ptr[i];
	out[kind.len] = '\0';
	return out;
}

/* The node that a fact's path leads to; past the symlinks where they loop, so that the fact is not lost. */
static struct tree_node *place_of(struct fact_store *store, struct slice path)
{
	struct tree_node *node = tree_walk(store->tree, path, TREE_MAKE);

	return node ? node : tree_make_plain(store->tree, path);
}

/* Copies `facts` into the tree at `path`, in front of what the same layer put there. */
static void put(struct fact_store *store, struct slice path, struct facts facts, uint32_t layer)
{
	struct tree_node *node = place_of(store, path);
	struct facts     *copy = node ? arena_alloc(&store->tree->arena, sizeof(*copy)) : NULL;
	char              kind[32];

	if (!copy)
		return;
	tree_clear(store->tree, node, layer);
	facts.counted = facts.db && (!facts.by_magic || evidence_name(kind_of(&facts, kind), path));
	facts.by_magic = facts.by_magic && !evidence_name(kind_of(&facts, kind), path);
	facts.next = node->facts;
	*copy = facts;
	copy->source->refs++;
	if (node->facts)
		node->facts = copy;
	else
		tree_set_facts(store->tree, node, copy, layer);
	if (copy->counted)
		count_packages(store, copy, layer, true);
}

/* What a hard link of `layer` leads to: what the layer itself put there, or what was there before the layer. */
static const struct facts *linked_facts(struct fact_store *store, struct slice target, uint32_t layer)
{
	struct tree_node *node = tree_walk(store->tree, target, TREE_FIND);

	if (!node)
		return NULL;
	if (node->facts)
		return node->facts;
	return node->removed && node->removed_layer == layer ? node->removed : NULL;
}

static void attach_link(struct fact_store *store, const struct hard_link *link, uint32_t layer)
{
	const struct facts *facts = linked_facts(store, link->target, layer);

	for (; facts && !tree_failed(store->tree); facts = facts->next) {
		struct facts linked = *facts;

		linked.by_magic = true; /* a second name counts only where the tools look for it */
		put(store, link->path, linked, layer);
	}
}

void facts_attach(struct fact_store *store, struct source *source)
{
	const struct inventory *inv = &source->inventory;

	for (size_t i = 0; i < inv->dbs_count; i++)
		put(store, inv->dbs[i].path,
		    (struct facts){.source = source, .db = &inv->dbs[i], .by_magic = inv->dbs[i].by_magic},
		    source->layer);
	for (size_t i = 0; i < inv->os_releases_count; i++)
		put(store, inv->os_releases[i].path,
		    (struct facts){
			    .source = source, .os = &inv->os_releases[i], .by_magic = inv->os_releases[i].by_magic},
		    source->layer);
	for (size_t i = 0; i < inv->licenses_count; i++)
		put(store, inv->licenses[i].path, (struct facts){.source = source, .license = &inv->licenses[i]},
		    source->layer);
	for (size_t i = 0; i < inv->owners_count; i++)
		put(store, inv->owners[i].path, (struct facts){.source = source, .owners = &inv->owners[i]},
		    source->layer);
	for (size_t i = 0; i < inv->links_count; i++)
		attach_link(store, &inv->links[i], source->layer);
}

bool facts_are_at(const struct fact_store *store, struct slice path)
{
	const struct tree_node *node = tree_walk(store->tree, path, TREE_FIND);

	return node && node->facts;
}

void facts_settle(struct fact_store *store)
{
	struct tree_node *node = store->tree->removed;

	store->tree->removed = NULL;
	for (; node; node = node->removed_next) {
		for (struct facts *facts = node->removed; facts; facts = facts->next) {
			if (facts->counted)
				count_packages(store, facts, node->removed_layer, false);
			source_release(facts->source);
		}
		node->removed = NULL;
	}
}

void facts_release_all(struct fact_store *store)
{
	tree_remove(store->tree, &store->tree->root, UINT32_MAX);
	facts_settle(store);
	presence_deinit(&store->presence);
}
