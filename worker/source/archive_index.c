#include "source/archive_index.h"

#include "base/archive.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/path.h"
#include "source/oci_blob_name.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_ARENA_BYTES = 256 << 20 };

static struct slice canonical(struct arena *arena, struct slice name)
{
	char         path[LIMIT_PATH_BYTES];
	struct slice result;

	if (path_canonical(name, path, &result) == PATH_TOO_LONG)
		return SLICE_EMPTY;
	return arena_copy(arena, result);
}

/* A symlink is relative to its folder unless absolute; a hard link names a member from the top. */
static struct slice link_target(struct arena *arena, const struct archive_member *member, struct slice name)
{
	struct slice dir = path_dirname(name);
	struct slice joined;

	if (member->type == MEMBER_HARDLINK || slice_starts(member->target, "/") || dir.len == 0)
		return canonical(arena, member->target);
	joined = arena_printf(arena, "%.*s/%.*s", SLICE_FMT(dir), SLICE_FMT(member->target));
	return canonical(arena, joined);
}

static int hash_body(struct archive_reader *reader, struct sha256 *hash, struct indexed_member *out, struct err *err)
{
	struct slice block;
	int          status;

	while ((status = archive_reader_body(reader, &block, err)) == STREAM_BLOCK)
		sha256_update(hash, block);
	sha256_final(hash, out->sha256.bytes);
	return status;
}

static int add_member(struct archive_index *index, struct archive_reader *reader, struct sha256 *hash,
		      const struct archive_member *member, struct err *err)
{
	struct indexed_member *slot;

	if (index->count >= LIMIT_ARCHIVE_MEMBERS)
		return err_set(err, ERR_LIMIT, "more than %u members", LIMIT_ARCHIVE_MEMBERS);
	if (!arena_grow(&index->arena, &index->members, &index->capacity, index->count, sizeof(*slot)))
		return err_set(err, ERR_MEM, "out of memory for its index");
	slot = &index->members[index->count];
	memset(slot, 0, sizeof(*slot));
	slot->name = canonical(&index->arena, member->name);
	slot->order = (uint32_t)index->count++;
	slot->is_file = member->type == MEMBER_FILE;
	slot->is_link = member->type == MEMBER_SYMLINK || member->type == MEMBER_HARDLINK;
	slot->offset = member->body_offset;
	slot->size = member->size;
	slot->unreadable = member->sparse;
	if (slot->is_link)
		slot->target = link_target(&index->arena, member, slot->name);
	/* a blob's name is its digest; whoever reads it verifies that, so it need not be hashed twice */
	if (!slot->is_file || oci_blob_name_parse(slot->name, &slot->sha256))
		return 0;
	return hash_body(reader, hash, slot, err);
}

static int by_name_last_first(const void *left, const void *right)
{
	const struct indexed_member *a = left, *b = right;
	int                          order = slice_cmp(a->name, b->name);

	return order ? order : (a->order < b->order) - (a->order > b->order);
}

static int read_members(struct archive_index *index, struct archive_reader *reader, struct sha256 *hash,
			struct err *err)
{
	struct archive_member member;
	bool                  surplus;
	int                   status;

	while ((status = archive_reader_next(reader, &member, err)) == 1) {
		status = add_member(index, reader, hash, &member, err);
		if (status)
			return status;
	}
	return status ? status : archive_reader_finish(reader, &surplus, err);
}

int archive_index_build(struct archive_index *index, struct stream *tar, struct err *err)
{
	struct archive_reader *reader = archive_reader_new(tar, ARCHIVE_KIND_TAR, err);
	struct sha256         *hash = sha256_new();
	int                    status;

	memset(index, 0, sizeof(*index));
	arena_init(&index->arena, INDEX_ARENA_BYTES);
	if (reader && hash)
		status = read_members(index, reader, hash, err);
	else
		status = err_set(err, ERR_MEM, "out of memory for its index");
	archive_reader_free(reader);
	sha256_free(hash);
	if (!status && arena_failed(&index->arena))
		status = err_set(err, ERR_MEM, "out of memory for its index");
	if (!status && index->count)
		qsort(index->members, index->count, sizeof(*index->members), by_name_last_first);
	return status;
}

void archive_index_deinit(struct archive_index *index)
{
	arena_deinit(&index->arena);
}

/* The first of a run of equal names is the one written last. */
static const struct indexed_member *look_up(const struct archive_index *index, struct slice name)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_cmp(index->members[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->count && slice_eq(index->members[low].name, name) ? &index->members[low] : NULL;
}

int archive_index_find(const struct archive_index *index, struct slice name, const struct indexed_member **out,
		       struct err *err)
{
	for (unsigned links = 0; links <= LIMIT_SYMLINK_CHAIN; links++) {
		const struct indexed_member *member = name.len ? look_up(index, name) : NULL;

		if (!member)
			return err_set(err, ERR_NOT_FOUND, links ? "its link leads to no member" : "no such member");
		if (member->is_file && member->unreadable)
			return err_set(err, ERR_UNSUPPORTED, "stored sparse");
		if (member->is_file) {
			*out = member;
			return 0;
		}
		if (!member->is_link)
			return err_set(err, ERR_FORMAT, "not a regular file");
		name = member->target;
	}
	return err_set(err, ERR_FORMAT, "its symlinks go in a circle");
}
