#include "lib/memory_memo.h"

static int find(void *data, const struct digest *key, struct buf *facts)
{
	struct memory_memo *m = data;
	struct slice       *known = map_get(&m->facts, digest_slice(key));

	if (m->answer < 0)
		return m->answer;
	if (!known)
		return 0;
	m->found++;
	buf_append(facts, *known);
	return 1;
}

static void keep(void *data, const struct digest *key, struct slice facts)
{
	struct memory_memo *m = data;
	struct slice        name = arena_copy(&m->arena, digest_slice(key));
	struct slice       *value = arena_alloc(&m->arena, sizeof(*value));

	*value = m->last = arena_copy(&m->arena, facts);
	map_put(&m->facts, name, value);
	m->kept++;
}

void memory_memo_init(struct memory_memo *m)
{
	*m = (struct memory_memo){.memo = {.data = m, .find = find, .keep = keep}};
	arena_init(&m->arena, (size_t)1 << 30);
}

void memory_memo_deinit(struct memory_memo *m)
{
	map_deinit(&m->facts);
	arena_deinit(&m->arena);
}

void memory_memo_lie(struct memory_memo *m, struct slice facts)
{
	size_t        position = 0;
	struct slice *value;

	while ((value = map_next(&m->facts, &position)) != NULL)
		*value = facts;
}
