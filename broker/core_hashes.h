/* core_hashes.h - a set of 64-bit hashes at 11 to 16 bytes each: which layers a job's counters hold. Owner: one thread. */
#ifndef VARVE_BROKER_CORE_HASHES_H
#define VARVE_BROKER_CORE_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core_hashes {     /* zeroed = empty */
	uint64_t *slots; /* 0 = free; the hash 0 is kept as 1 */
	size_t    capacity, count;
};

bool core_hashes_has(const struct core_hashes *set, uint64_t hash);
bool core_hashes_add(struct core_hashes *set, uint64_t hash); /* false without memory */
void core_hashes_deinit(struct core_hashes *set);

#endif
