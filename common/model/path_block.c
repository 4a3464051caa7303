#include "model/path_block.h"

#include "base/path.h"

#include <string.h>

static const uint8_t magic[4] = {'V', 'P', 'T', PATH_TABLE_FORMAT_VERSION};

int path_entry_rank(enum path_type type)
{
	return type == PATH_WHITEOUT ? 0 : type == PATH_OPAQUE ? 1 : 2;
}

int path_entry_cmp(const struct path_entry *a, const struct path_entry *b)
{
	int order = path_cmp(a->path, b->path);

	return order ? order : path_entry_rank(a->type) - path_entry_rank(b->type);
}

static void put_u32(struct buf *out, size_t value)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		buf_byte(out, (uint8_t)(value >> shift));
}

static void put_varint(struct buf *out, size_t value)
{
	for (; value > 0x7f; value >>= 7)
		buf_byte(out, (uint8_t)(value | 0x80));
	buf_byte(out, (uint8_t)value);
}

void path_block_writer_init(struct path_block_writer *w, struct zstd_blocks *zstd, struct buf *out)
{
	w->zstd = zstd;
	w->out = out;
	w->path_len = 0;
	buf_init(&w->raw, PATH_BLOCK_BYTES);
	buf_append(out, slice_of(magic, sizeof(magic)));
}

void path_block_writer_deinit(struct path_block_writer *w)
{
	buf_deinit(&w->raw);
}

/* Sizes stand before the packed bytes, whose length is known only after: room is left and filled in. */
static int flush(struct path_block_writer *w, struct err *err)
{
	size_t at, packed;
	int    verdict;

	put_u32(w->out, w->raw.len);
	at = w->out->len;
	put_u32(w->out, 0);
	verdict = zstd_block_compress(w->zstd, buf_slice(&w->raw), PATH_BLOCK_LEVEL, w->out, err);
	if (verdict)
		return verdict;
	packed = w->out->len - at - 4;
	for (size_t i = 0; i < 4; i++)
		w->out->ptr[at + i] = (uint8_t)(packed >> (8 * i));
	buf_clear(&w->raw);
	w->path_len = 0;
	return 0;
}

static size_t shared_prefix(const struct path_block_writer *w, struct slice path)
{
	size_t max = path.len < w->path_len ? path.len : w->path_len, shared = 0;

	while (shared < max && path.ptr[shared] == w->path[shared])
		shared++;
	return shared;
}

static bool has_target(enum path_type type)
{
	return type == PATH_SYMLINK || type == PATH_HARDLINK;
}

int path_block_write(struct path_block_writer *w, const struct path_entry *entry, struct err *err)
{
	size_t       shared, worst = 16 + entry->path.len + entry->target.len;
	struct slice suffix;
	int          verdict;

	if (worst > PATH_BLOCK_BYTES - w->raw.len && w->raw.len && (verdict = flush(w, err)) < 0)
		return verdict;
	shared = shared_prefix(w, entry->path);
	suffix = slice_from(entry->path, shared);
	buf_byte(&w->raw, (uint8_t)entry->type);
	put_varint(&w->raw, shared);
	put_varint(&w->raw, suffix.len);
	buf_append(&w->raw, suffix);
	if (has_target(entry->type)) {
		put_varint(&w->raw, entry->target.len);
		buf_append(&w->raw, entry->target);
	}
	if (suffix.len)
		memcpy(w->path + shared, suffix.ptr, suffix.len);
	w->path_len = entry->path.len;
	return buf_ok(&w->raw) && buf_ok(w->out) ? 0 : err_set(err, ERR_LIMIT, "path table: out of room");
}

int path_block_finish(struct path_block_writer *w, struct err *err)
{
	int verdict = w->raw.len ? flush(w, err) : 0;

	put_u32(w->out, 0);
	put_u32(w->out, 0);
	if (verdict == 0 && !buf_ok(w->out))
		verdict = err_set(err, ERR_LIMIT, "path table: does not fit into %zu bytes", w->out->bytes_max);
	return verdict;
}

static int damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "path table: %s", what);
}

int path_block_reader_init(struct path_block_reader *r, struct zstd_blocks *zstd, struct slice table, struct err *err)
{
	struct slice head;

	r->zstd = zstd;
	r->table = cursor_of(table);
	r->block = cursor_of(SLICE_EMPTY);
	r->entries = 0;
	r->state = 1;
	r->path_len = 0;
	r->rank = -1;
	head = cursor_take(&r->table, sizeof(magic));
	if (head.len != sizeof(magic) || memcmp(head.ptr, magic, 3) != 0)
		return damaged(err, "no path table");
	if (head.ptr[3] != PATH_TABLE_FORMAT_VERSION)
		return err_set(err, ERR_VERSION, "path table: format %u, this program reads %d", head.ptr[3],
			       PATH_TABLE_FORMAT_VERSION);
	return 0;
}

/* 1 with a block to read from, 0 at the end. */
static int next_block(struct path_block_reader *r, struct err *err)
{
	size_t       raw_size = cursor_u32le(&r->table), packed_size = cursor_u32le(&r->table);
	struct slice packed = cursor_take(&r->table, packed_size);
	int          verdict;

	if (!cursor_ok(&r->table))
		return damaged(err, "ends too early");
	if (raw_size == 0 && (packed_size != 0 || !cursor_at_end(&r->table)))
		return damaged(err, "bytes behind the end");
	if (raw_size == 0)
		return 0;
	if (raw_size > PATH_BLOCK_BYTES)
		return damaged(err, "a block is too long");
	verdict = zstd_block_inflate(r->zstd, packed, r->raw, raw_size, err);
	if (verdict)
		return verdict;
	r->block = cursor_of(slice_of(r->raw, raw_size));
	return 1;
}

static size_t read_varint(struct cursor *c)
{
	size_t value = 0;

	for (unsigned shift = 0; shift < 21; shift += 7) {
		uint8_t byte = cursor_u8(c);

		value |= (size_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	cursor_fail(c);
	return 0;
}

/* Whether the path's components from the one that holds byte `from` on are neither empty nor "." nor "..". */
static bool components_ok(const uint8_t *path, size_t len, size_t from)
{
	struct slice rest;

	while (from && path[from - 1] != '/')
		from--;
	rest = slice_of(path + from, len - from);
	if (len && path[len - 1] == '/')
		return false;
	while (rest.len) {
		struct slice part = slice_cut(&rest, '/');

		if (part.len == 0 || slice_eq_str(part, ".") || slice_eq_str(part, ".."))
			return false;
	}
	return true;
}

/* Rebuilds the path in place; false unless it sorts behind the one before it (path_cmp, then rank). */
static bool take_path(struct path_block_reader *r, size_t shared, struct slice suffix, int rank)
{
	int order;

	if (shared > r->path_len || suffix.len > LIMIT_PATH_BYTES - shared)
		return false;
	order = path_cmp(suffix, slice_of(r->path + shared, r->path_len - shared));
	if (order < 0 || (order == 0 && rank <= r->rank))
		return false;
	if (suffix.len)
		memcpy(r->path + shared, suffix.ptr, suffix.len);
	r->path_len = shared + suffix.len;
	r->rank = rank;
	return components_ok(r->path, r->path_len, shared);
}

static int read_entry(struct path_block_reader *r, struct path_entry *entry, struct err *err)
{
	size_t       type = cursor_u8(&r->block), shared = read_varint(&r->block);
	struct slice suffix = cursor_take(&r->block, read_varint(&r->block));

	*entry = (struct path_entry){.type = (enum path_type)type};
	if (type > PATH_OPAQUE || !cursor_ok(&r->block))
		return damaged(err, "an entry is malformed");
	if (has_target(entry->type))
		entry->target = cursor_take(&r->block, read_varint(&r->block));
	if (!cursor_ok(&r->block) || entry->target.len > LIMIT_PATH_BYTES)
		return damaged(err, "a link is malformed");
	if (!take_path(r, shared, suffix, path_entry_rank(entry->type)))
		return damaged(err, "a path is malformed or out of order");
	if (++r->entries > PATH_TABLE_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "path table: more than %llu entries",
			       (unsigned long long)PATH_TABLE_ENTRIES_MAX);
	entry->path = slice_of(r->path, r->path_len);
	return 1;
}

int path_block_read(struct path_block_reader *r, struct path_entry *entry, struct err *err)
{
	if (r->state == 1 && cursor_at_end(&r->block))
		r->state = next_block(r, err);
	if (r->state == 1)
		r->state = read_entry(r, entry, err);
	return r->state < 0 ? err_set(err, r->state, "path table: damaged") : r->state;
}
