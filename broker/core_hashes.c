#include "core_hashes.h"

#include <stdlib.h>

/* The slot of this hash, or the free one where it belongs. */
static uint64_t *find(uint64_t *slots, size_t capacity, uint64_t hash)
{
	size_t at = (size_t)hash & (capacity - 1);

	while (slots[at] && slots[at] != hash)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

static bool grow(struct core_hashes *set)
{
	size_t    capacity = set->capacity ? set->capacity * 2 : 64;
	uint64_t *slots = calloc(capacity, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->slots[i])
			*find(slots, capacity, set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->capacity = capacity;
	return true;
}

bool core_hashes_has(const struct core_hashes *set, uint64_t hash)
{
	return set->capacity && *find(set->slots, set->capacity, hash ? hash : 1) != 0;
}

bool core_hashes_add(struct core_hashes *set, uint64_t hash)
{
	uint64_t *slot;

	if (set->count + 1 > set->capacity - set->capacity / 4 && !grow(set))
		return false;
	slot = find(set->slots, set->capacity, hash ? hash : 1);
	set->count += *slot == 0;
	*slot = hash ? hash : 1;
	return true;
}

void core_hashes_deinit(struct core_hashes *set)
{
	free(set->slots);
	*set = (struct core_hashes){0};
}
