#include "match/advisories_cached.h"

#include "base/map.h"

#include <stdlib.h>

enum { CACHED_BYTES_MAX = 1 << 30 };

struct found {
	struct advisory *items;
	size_t           count;
};

struct cached {
	struct advisories        advisories;
	const struct advisories *inner;
	struct arena             arena;
	struct map               found; /* "ecosystem NUL name" -> struct found */
};

static int cached_find(const struct advisories *advisories, struct slice ecosystem, struct slice name,
		       struct arena *arena, struct advisory **out, size_t *count, struct err *err)
{
	struct cached *cached = (struct cached *)(uintptr_t)advisories;
	struct slice   key = arena_printf(arena, "%.*s%c%.*s", SLICE_FMT(ecosystem), 0, SLICE_FMT(name));
	struct found  *found = map_get(&cached->found, key);
	int            status;

	if (!found) {
		if ((found = arena_alloc(&cached->arena, sizeof(*found))) == NULL)
			return err_set(err, ERR_MEM, "advisories: out of memory");
		ecosystem = arena_copy(&cached->arena, ecosystem);
		name = arena_copy(&cached->arena, name);
		status = advisories_find(cached->inner, ecosystem, name, &cached->arena, &found->items, &found->count,
					 err);
		if (status)
			return status;
		if (arena_failed(&cached->arena) || !map_put(&cached->found, arena_copy(&cached->arena, key), found))
			return err_set(err, ERR_MEM, "advisories: out of memory");
	}
	*out = found->items;
	*count = found->count;
	return 0;
}

static bool cached_feed_at(const struct advisories *advisories, size_t index, struct advisory_feed *out)
{
	const struct cached *cached = (const struct cached *)advisories;

	return cached->inner->ops->feed_at(cached->inner, index, out);
}

struct advisories *advisories_cached_new(const struct advisories *inner)
{
	static const struct advisories_ops ops = {.find = cached_find, .feed_at = cached_feed_at};
	struct cached                     *cached = calloc(1, sizeof(*cached));

	if (!cached)
		return NULL;
	cached->advisories = *inner;
	cached->advisories.ops = &ops;
	cached->inner = inner;
	arena_init(&cached->arena, CACHED_BYTES_MAX);
	return &cached->advisories;
}

void advisories_cached_free(struct advisories *advisories)
{
	struct cached *cached = (struct cached *)advisories;

	if (!cached)
		return;
	map_deinit(&cached->found);
	arena_deinit(&cached->arena);
	free(cached);
}

void advisories_cached_rest(struct advisories *advisories, size_t bytes_max)
{
	struct cached *cached = (struct cached *)advisories;

	if (cached->arena.bytes_used <= bytes_max && !arena_failed(&cached->arena))
		return;
	map_deinit(&cached->found);
	cached->found = (struct map){0};
	arena_reset(&cached->arena);
}
