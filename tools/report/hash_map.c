#include "report/hash_map.h"

#include <stdlib.h>

void hash_map_init(struct hash_map *map, size_t entries_max)
{
	*map = (struct hash_map){.entries_max = entries_max};
}

void hash_map_deinit(struct hash_map *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct hash_map){0};
}

static size_t slot_of(const struct hash_map *map, uint64_t key)
{
	size_t slot = (size_t)(key ^ key >> 32) & (map->capacity - 1);

	while (map->keys[slot] && map->keys[slot] != key)
		slot = (slot + 1) & (map->capacity - 1);
	return slot;
}

static bool grow(struct hash_map *map)
{
	struct hash_map wider = *map;

	wider.capacity = map->capacity ? map->capacity * 2 : 64;
	wider.keys = calloc(wider.capacity, sizeof(*wider.keys));
	wider.values = calloc(wider.capacity, sizeof(*wider.values));
	if (!wider.keys || !wider.values) {
		free(wider.keys);
		free(wider.values);
		return false;
	}
	for (size_t i = 0; i < map->capacity; i++) {
		if (!map->keys[i])
			continue;
		size_t slot = slot_of(&wider, map->keys[i]);

		wider.keys[slot] = map->keys[i];
		wider.values[slot] = map->values[i];
	}
	free(map->keys);
	free(map->values);
	*map = wider;
	return true;
}

uint32_t *hash_map_at(struct hash_map *map, uint64_t key, bool *added)
{
	size_t slot;

	*added = false;
	key = key ? key : 1;
	if (map->count * 4 >= map->capacity * 3 && !grow(map)) {
		map->failed = true;
		return NULL;
	}
	slot = slot_of(map, key);
	if (map->keys[slot])
		return &map->values[slot];
	if (map->count == map->entries_max) {
		map->failed = true;
		return NULL;
	}
	*added = true;
	map->count++;
	map->keys[slot] = key;
	return &map->values[slot];
}
