#include "base/path.h"

#include "base/limits.h"

#include <string.h>

struct builder {
	char  *out;
	size_t len;
	size_t depth;
	bool   clamped;
};

static void pop(struct builder *b)
{
	if (b->depth == 0) {
		b->clamped = true;
		return;
	}
	b->depth--;
	while (b->len && b->out[b->len - 1] != '/')
		b->len--;
	if (b->len)
		b->len--;
}

static bool push(struct builder *b, struct slice part)
{
	size_t separator = b->depth ? 1 : 0;

	if (b->depth == LIMIT_PATH_DEPTH || part.len + separator > LIMIT_PATH_BYTES - b->len)
		return false;
	if (separator)
		b->out[b->len++] = '/';
	memcpy(b->out + b->len, part.ptr, part.len);
	b->len += part.len;
	b->depth++;
	return true;
}

enum path_status path_canonical(struct slice name, char *out, struct slice *result)
{
	struct builder b = {.out = out};

	*result = SLICE_EMPTY;
	while (name.len) {
		struct slice part = slice_cut(&name, '/');

		if (part.len == 0 || (part.len == 1 && part.ptr[0] == '.'))
			continue;
		if (part.len == 2 && part.ptr[0] == '.' && part.ptr[1] == '.')
			pop(&b);
		else if (!push(&b, part))
			return PATH_TOO_LONG;
	}
	*result = slice_of(out, b.len);
	return b.clamped ? PATH_CLAMPED : PATH_OK;
}

struct slice path_dirname(struct slice path)
{
	size_t slash = slice_rfind(path, '/');

	return slash == SIZE_MAX ? slice_sub(path, 0, 0) : slice_sub(path, 0, slash);
}

struct slice path_basename(struct slice path)
{
	size_t slash = slice_rfind(path, '/');

	return slash == SIZE_MAX ? path : slice_from(path, slash + 1);
}

bool path_is_below(struct slice path, struct slice dir)
{
	if (dir.len == 0)
		return path.len > 0;
	return path.len > dir.len && path.ptr[dir.len] == '/' && memcmp(path.ptr, dir.ptr, dir.len) == 0;
}

/* Where two texts first differ: eight bytes at a time, since sorted paths begin alike. */
static size_t first_difference(struct slice a, struct slice b, size_t common)
{
	size_t i = 0;

	for (; common - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t left, right;

		memcpy(&left, a.ptr + i, sizeof(left));
		memcpy(&right, b.ptr + i, sizeof(right));
		if (left != right)
			break;
	}
	while (i < common && a.ptr[i] == b.ptr[i])
		i++;
	return i;
}

int path_cmp(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len, i = first_difference(a, b, common);

	if (i == common)
		return (a.len > b.len) - (a.len < b.len);
	if (a.ptr[i] == '/')
		return -1;
	if (b.ptr[i] == '/')
		return 1;
	return a.ptr[i] < b.ptr[i] ? -1 : 1;
}
