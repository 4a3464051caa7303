/* hash_map.h - 64-bit keys to 32-bit values, open addressing; for counting distinct things in a report.
 *
 * Keys are hashes of what is counted (xxh64_once): two things with one hash count once, which a report can bear.
 * Owner: one thread. Past `entries_max`, or without memory, nothing more is added and `failed` is set. */
#ifndef VARVE_TOOLS_REPORT_HASH_MAP_H
#define VARVE_TOOLS_REPORT_HASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_map {
	uint64_t *keys; /* 0 = free slot */
	uint32_t *values;
	size_t    capacity, count, entries_max;
	bool      failed;
};

void hash_map_init(struct hash_map *map, size_t entries_max);
void hash_map_deinit(struct hash_map *map);

/* The value of `key`, made 0 if it was not there (*added tells); NULL when the map cannot grow. Until the next call. */
uint32_t *hash_map_at(struct hash_map *map, uint64_t key, bool *added);

#endif
