#include "aggregate/presence.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

struct presence_entry {
	uint8_t  key[XXH128_BYTES];
	uint32_t introduced;
	uint32_t gone;  /* layer that took the last one away; meaningful while count is 0 */
	uint32_t count; /* databases that list it */
	bool     taken;
};

enum { CAPACITY_START = 1024 };

void presence_deinit(struct presence *p)
{
	free(p->entries);
	*p = (struct presence){0};
}

/* The hashes of the four fields and the seed, hashed: only the attribution to a layer hangs on it, never whether a package is
 * listed. */
static void make_key(const struct presence *p, const struct package *package, uint8_t key[XXH128_BYTES])
{
	const struct slice fields[] = {package->type, package->name, package->version, package->arch};
	uint8_t            parts[5][XXH128_BYTES] = {{0}};

	for (size_t i = 0; i < 4; i++)
		xxh128_once(fields[i], parts[i]);
	memcpy(parts[4], &p->seed, sizeof(p->seed));
	xxh128_once(slice_of(parts, sizeof(parts)), key);
}

static struct presence_entry *find(struct presence_entry *entries, size_t capacity, const uint8_t key[XXH128_BYTES])
{
	size_t at;

	memcpy(&at, key, sizeof(at));
	for (at &= capacity - 1; entries[at].taken; at = (at + 1) & (capacity - 1))
		if (memcmp(entries[at].key, key, XXH128_BYTES) == 0)
			break;
	return &entries[at];
}

static bool grow(struct presence *p)
{
	size_t                 capacity = p->capacity ? p->capacity * 2 : CAPACITY_START;
	struct presence_entry *bigger = calloc(capacity, sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < p->capacity; i++)
		if (p->entries[i].taken)
			*find(bigger, capacity, p->entries[i].key) = p->entries[i];
	if (p->capacity == 0)
		p->seed = random_seed();
	free(p->entries);
	p->entries = bigger;
	p->capacity = capacity;
	return true;
}

void presence_add(struct presence *p, const struct package *package, uint32_t layer)
{
	uint8_t                key[XXH128_BYTES];
	struct presence_entry *entry;

	if (p->used * 2 >= p->capacity && !grow(p)) {
		p->failed = true;
		return;
	}
	make_key(p, package, key);
	entry = find(p->entries, p->capacity, key);
	if (!entry->taken) {
		*entry = (struct presence_entry){.taken = true};
		memcpy(entry->key, key, sizeof(key));
		entry->introduced = layer;
		p->used++;
	} else if (entry->count == 0 && entry->gone != layer) {
		entry->introduced = layer;
	}
	entry->count++;
}

void presence_remove(struct presence *p, const struct package *package, uint32_t layer)
{
	uint8_t                key[XXH128_BYTES];
	struct presence_entry *entry;

	if (p->capacity == 0)
		return;
	make_key(p, package, key);
	entry = find(p->entries, p->capacity, key);
	if (!entry->taken || entry->count == 0)
		return;
	if (--entry->count == 0)
		entry->gone = layer;
}

uint32_t presence_introduced(const struct presence *p, const struct package *package)
{
	uint8_t                      key[XXH128_BYTES];
	const struct presence_entry *entry;

	if (p->capacity == 0)
		return UINT32_MAX;
	make_key(p, package, key);
	entry = find(p->entries, p->capacity, key);
	return entry->taken && entry->count ? entry->introduced : UINT32_MAX;
}
