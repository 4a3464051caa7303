#include "analyze/analyzer_index.h"

#include "base/path.h"

enum { DOTS_MAX = 3 }; /* endings with more dots than that would not be found: analyzer_index_init() refuses them */

void analyzer_bits_set(struct analyzer_bits *bits, size_t analyzer)
{
	bits->words[analyzer / 64] |= UINT64_C(1) << analyzer % 64;
}

bool analyzer_bits_any(const struct analyzer_bits *bits)
{
	uint64_t any = 0;

	for (size_t i = 0; i < ANALYZERS_MAX / 64; i++)
		any |= bits->words[i];
	return any != 0;
}

size_t analyzer_bits_next(const struct analyzer_bits *bits, size_t from)
{
	for (size_t i = from / 64; i < ANALYZERS_MAX / 64; i++, from = i * 64) {
		uint64_t rest = bits->words[i] >> from % 64;

		if (rest)
			return from + (size_t)__builtin_ctzll(rest);
	}
	return SIZE_MAX;
}

static size_t count_dots(struct slice text)
{
	size_t dots = 0;

	for (size_t i = 0; i < text.len; i++)
		dots += text.ptr[i] == '.';
	return dots;
}

static bool add_name(struct analyzer_index *index, const char *name, size_t analyzer, struct arena *arena)
{
	bool                  ending = name[0] == '*';
	struct slice          key = slice_str(ending ? name + 1 : name);
	bool                  beginning = slice_ends(key, ".*");
	struct map           *map = ending ? &index->endings : beginning ? &index->beginnings : &index->names;
	struct analyzer_bits *bits;

	if (beginning)
		key.len--;
	if ((ending && (beginning || key.ptr[0] != '.' || count_dots(key) > DOTS_MAX)) ||
	    (beginning && count_dots(key) != 1))
		return false;
	bits = map_get(map, key);
	if (!bits) {
		bits = arena_alloc(arena, sizeof(*bits));
		if (!bits || !map_put(map, key, bits))
			return false;
		*bits = (struct analyzer_bits){0};
	}
	analyzer_bits_set(bits, analyzer);
	return true;
}

bool analyzer_index_init(struct analyzer_index *index, struct arena *arena)
{
	bool good = true;

	*index = (struct analyzer_index){0};
	for (size_t i = 0; i < analyzer_count(); i++) {
		const char *const *names = analyzer_at(i)->names;

		if (!names)
			analyzer_bits_set(&index->every, i);
		for (; names && *names; names++)
			good &= add_name(index, *names, i, arena);
	}
	return good;
}

void analyzer_index_deinit(struct analyzer_index *index)
{
	map_deinit(&index->names);
	map_deinit(&index->beginnings);
	map_deinit(&index->endings);
}

static void add_bits(struct analyzer_bits *to, const struct analyzer_bits *from)
{
	for (size_t i = 0; from && i < ANALYZERS_MAX / 64; i++)
		to->words[i] |= from->words[i];
}

struct analyzer_bits analyzer_index_find(const struct analyzer_index *index, struct slice path)
{
	struct analyzer_bits found = index->every;
	struct slice         name = path_basename(path);
	size_t               dots = 0, dot = slice_find(name, '.');

	add_bits(&found, map_get(&index->names, name));
	if (dot == SIZE_MAX)
		return found;
	add_bits(&found, map_get(&index->beginnings, slice_sub(name, 0, dot + 1)));
	for (size_t i = name.len; i-- > dot && dots < DOTS_MAX;) {
		if (name.ptr[i] != '.')
			continue;
		add_bits(&found, map_get(&index->endings, slice_from(name, i)));
		dots++;
	}
	return found;
}
