#include "model/inventory_index.h"

#include <string.h>

struct fact {
	struct fact   *next;
	enum fact_kind kind;
	size_t         record;
};

struct slot {
	struct slice path; /* NULL ptr = free; a path whose facts are all gone keeps its slot */
	struct fact *facts;
};

struct inventory_index {
	struct slot *slots;
	size_t       capacity; /* a power of two */
	size_t       used;
};

enum { SLOTS_MIN = 64 };

static struct slot *find_slot(struct slot *slots, size_t capacity, struct slice path)
{
	size_t at = (size_t)xxh64_once(path, 0) & (capacity - 1);

	while (slots[at].path.ptr && !slice_eq(slots[at].path, path))
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static bool grow(struct inventory *inv, struct inventory_index *index)
{
	size_t       capacity = index->capacity ? index->capacity * 2 : SLOTS_MIN;
	struct slot *slots = arena_array(&inv->arena, capacity, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < index->capacity; i++)
		if (index->slots[i].path.ptr)
			*find_slot(slots, capacity, index->slots[i].path) = index->slots[i];
	index->slots = slots;
	index->capacity = capacity;
	return true;
}

static struct slot *get_slot(struct inventory *inv, struct slice path)
{
	struct inventory_index *index = inv->index;
	struct slot            *slot;

	if (!index)
		index = inv->index = arena_alloc(&inv->arena, sizeof(*index));
	if (!index || (index->used * 2 >= index->capacity && !grow(inv, index)))
		return NULL;
	slot = find_slot(index->slots, index->capacity, path);
	if (!slot->path.ptr) {
		slot->path = path.ptr ? path : SLICE_LIT("");
		index->used++;
	}
	return slot;
}

bool inventory_index_add(struct inventory *inv, struct slice path, enum fact_kind kind, size_t record)
{
	struct slot *slot = get_slot(inv, path);
	struct fact *fact = slot ? arena_alloc(&inv->arena, sizeof(*fact)) : NULL;

	if (!fact)
		return false;
	*fact = (struct fact){.next = slot->facts, .kind = kind, .record = record};
	slot->facts = fact;
	return true;
}

static struct slot *lookup(const struct inventory *inv, struct slice path)
{
	struct slot *slot;

	if (!inv->index || !inv->index->capacity)
		return NULL;
	slot = find_slot(inv->index->slots, inv->index->capacity, path);
	return slot->facts ? slot : NULL;
}

/* The first live link among `facts` whose target is the path they belong to. */
static struct hard_link *find_heir(struct inventory *inv, struct slice path, const struct fact *facts)
{
	struct hard_link *heir = NULL;

	for (; facts; facts = facts->next)
		if (facts->kind == FACT_LINKED_BY && !inv->links[facts->record].dropped &&
		    slice_eq(inv->links[facts->record].target, path))
			heir = &inv->links[facts->record]; /* the chain is newest first */
	return heir;
}

static void drop_fact(struct inventory *inv, const struct fact *fact)
{
	switch (fact->kind) {
	case FACT_DB:
		inv->dbs[fact->record].dropped = true;
		break;
	case FACT_OS_RELEASE:
		inv->os_releases[fact->record].dropped = true;
		break;
	case FACT_OWNER:
		inv->owners[fact->record].dropped = true;
		break;
	case FACT_LICENSE:
		inv->licenses[fact->record].dropped = true;
		break;
	case FACT_HASH:
		inv->hashes[fact->record].dropped = true;
		break;
	case FACT_LINK:
		inv->links[fact->record].dropped = true;
		break;
	case FACT_LINKED_BY:
		break;
	}
}

static void rename_fact(struct inventory *inv, const struct fact *fact, struct slice path)
{
	switch (fact->kind) {
	case FACT_DB:
		inv->dbs[fact->record].path = path;
		break;
	case FACT_OS_RELEASE:
		inv->os_releases[fact->record].path = path;
		break;
	case FACT_OWNER:
		inv->owners[fact->record].path = path;
		break;
	case FACT_LICENSE:
		inv->licenses[fact->record].path = path;
		break;
	case FACT_HASH:
		inv->hashes[fact->record].path = path;
		break;
	case FACT_LINK:
		inv->links[fact->record].dropped = true; /* the dropped path was itself a link */
		break;
	case FACT_LINKED_BY:
		inv->links[fact->record].target = path;
		break;
	}
}

/* Moves the chain of `from` to the slot of the heir's path, which held but its own FACT_LINK. */
static void inherit(struct inventory *inv, struct slot *from, struct hard_link *heir)
{
	struct slot *to = lookup(inv, heir->path);
	struct fact *facts = from->facts, *next;

	from->facts = NULL;
	heir->dropped = true;
	for (; facts; facts = next) {
		next = facts->next;
		rename_fact(inv, facts, heir->path);
		facts->next = to->facts;
		to->facts = facts;
	}
}

/* A dropped path that was itself a link passes those that link to it on to its own target. */
static void relink(struct inventory *inv, const struct fact *facts)
{
	const struct hard_link *link = NULL;

	for (const struct fact *fact = facts; fact && !link; fact = fact->next)
		if (fact->kind == FACT_LINK && !inv->links[fact->record].dropped)
			link = &inv->links[fact->record];
	for (const struct fact *fact = facts; fact && link; fact = fact->next) {
		if (fact->kind != FACT_LINKED_BY || inv->links[fact->record].dropped)
			continue;
		if (slice_eq(inv->links[fact->record].path, link->target))
			inv->links[fact->record].dropped = true;
		else if (inventory_index_add(inv, link->target, FACT_LINKED_BY, fact->record))
			inv->links[fact->record].target = link->target;
	}
}

void inventory_drop_path(struct inventory *inv, struct slice path)
{
	struct slot      *slot = lookup(inv, path);
	struct hard_link *heir;

	if (!slot)
		return;
	relink(inv, slot->facts);
	slot = lookup(inv, path); /* the table may have grown */
	heir = find_heir(inv, path, slot->facts);
	if (heir) {
		inherit(inv, slot, heir);
		return;
	}
	for (const struct fact *fact = slot->facts; fact; fact = fact->next)
		drop_fact(inv, fact);
	slot->facts = NULL;
}
