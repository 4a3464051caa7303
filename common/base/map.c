#include "base/map.h"

#include "base/hash.h"

#include <stdlib.h>

static char gone_mark;
#define MAP_GONE ((void *)&gone_mark)

void map_deinit(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

/* The slot that holds `key`, else the first one free for it; NULL only in a table without slots. */
static struct map_slot *locate(const struct map *map, struct slice key, uint64_t hash)
{
	struct map_slot *free_slot = NULL;

	for (size_t i = 0; i < map->capacity; i++) {
		struct map_slot *slot = &map->slots[(hash + i) & (map->capacity - 1)];

		if (!slot->value)
			return free_slot ? free_slot : slot;
		if (slot->value == MAP_GONE) {
			if (!free_slot)
				free_slot = slot;
		} else if (slot->hash == hash && slice_eq(slot->key, key)) {
			return slot;
		}
	}
	return free_slot;
}

void *map_get(const struct map *map, struct slice key)
{
	struct map_slot *slot = locate(map, key, xxh64_once(key, map->seed));

	return slot && slot->value != MAP_GONE ? slot->value : NULL;
}

static bool grow(struct map *map)
{
	struct map bigger = {.capacity = map->count * 2 < 16 ? 32
							     : map->capacity * (map->count * 2 > map->capacity ? 2 : 1),
			     .seed = map->seed};

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct map_slot *slot = &map->slots[i];

		if (slot->value && slot->value != MAP_GONE)
			*locate(&bigger, slot->key, slot->hash) = *slot;
	}
	bigger.count = bigger.used = map->count;
	free(map->slots);
	*map = bigger;
	return true;
}

bool map_put(struct map *map, struct slice key, void *value)
{
	uint64_t         hash = xxh64_once(key, map->seed);
	struct map_slot *slot;

	if (map->used * 4 >= map->capacity * 3 && !grow(map))
		return false;
	slot = locate(map, key, hash);
	if (!slot->value)
		map->used++;
	if (!slot->value || slot->value == MAP_GONE)
		map->count++;
	*slot = (struct map_slot){.hash = hash, .key = key, .value = value};
	return true;
}

void *map_remove(struct map *map, struct slice key)
{
	struct map_slot *slot = locate(map, key, xxh64_once(key, map->seed));
	void            *value = slot && slot->value != MAP_GONE ? slot->value : NULL;

	if (value) {
		slot->value = MAP_GONE;
		slot->key = SLICE_EMPTY;
		map->count--;
	}
	return value;
}

void *map_next(const struct map *map, size_t *position)
{
	while (*position < map->capacity) {
		void *value = map->slots[(*position)++].value;

		if (value && value != MAP_GONE)
			return value;
	}
	return NULL;
}
