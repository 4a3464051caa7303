#include "analyze/zip_file.h"

#include "base/zlib_inflate.h"

enum {
	END_BYTES = 22,
	COMMENT_BYTES_MAX = 65535,
	LOCATOR_BYTES = 20,
	LOCAL_BYTES = 30,
	STORED = 0,
	DEFLATED = 8,
	ENCRYPTED = 1,
	EXTRA_ZIP64 = 1,
};

static uint64_t read_u64(struct cursor *c)
{
	uint64_t low = cursor_u32le(c);

	return (uint64_t)cursor_u32le(c) << 32 | low;
}

static struct cursor cursor_from(struct slice bytes, uint64_t offset)
{
	return cursor_at(bytes, offset < SIZE_MAX ? (size_t)offset : SIZE_MAX);
}

/* Offset of the end record, which is the last thing but for a comment; SIZE_MAX: none. */
static size_t find_end(struct slice bytes)
{
	size_t at = bytes.len < END_BYTES ? SIZE_MAX : bytes.len - END_BYTES, tried = 0;

	for (; at != SIZE_MAX && tried <= COMMENT_BYTES_MAX; at = at ? at - 1 : SIZE_MAX, tried++)
		if (memcmp(bytes.ptr + at, "PK\5\6", 4) == 0)
			return at;
	return SIZE_MAX;
}

struct end {
	uint64_t size, offset, at; /* of the directory; where the record that says so stands */
};

/* The ZIP64 record replaces what the old one cannot hold. */
static void read_end64(struct slice bytes, size_t end, struct end *out)
{
	struct cursor c = cursor_from(bytes, end < LOCATOR_BYTES ? SIZE_MAX : end - LOCATOR_BYTES);
	uint64_t      at;

	if (cursor_u32le(&c) != 0x07064b50)
		return;
	cursor_skip(&c, 4);
	at = read_u64(&c);
	for (unsigned i = 0; i < 2; i++) { /* with something before the archive it stands right before its locator */
		c = cursor_from(bytes, i == 0 ? at : (uint64_t)end - LOCATOR_BYTES - 56);
		if (cursor_u32le(&c) != 0x06064b50)
			continue;
		out->at = i == 0 ? at : (uint64_t)end - LOCATOR_BYTES - 56;
		cursor_skip(&c, 36);
		out->size = read_u64(&c);
		out->offset = read_u64(&c);
		return;
	}
}

static bool read_end(struct slice bytes, struct end *out)
{
	size_t        end = find_end(bytes);
	struct cursor c = cursor_from(bytes, end);

	cursor_skip(&c, 12);
	out->size = cursor_u32le(&c);
	out->offset = cursor_u32le(&c);
	out->at = end;
	if (!cursor_ok(&c))
		return false;
	if (out->size == UINT32_MAX || out->offset == UINT32_MAX)
		read_end64(bytes, end, out);
	return out->size <= out->at && out->offset <= out->at - out->size;
}

int zip_open(struct slice bytes, struct zip_file *zip, struct err *err)
{
	struct end end;

	*zip = (struct zip_file){0};
	if (!read_end(bytes, &end))
		return err_set(err, ERR_FORMAT, "not a zip: no directory at its end");
	/* The directory ends where the end record begins: what its offset falls short of stands before the archive. */
	zip->bytes = slice_from(bytes, (size_t)(end.at - end.size - end.offset));
	zip->entries = cursor_of(slice_sub(zip->bytes, (size_t)end.offset, (size_t)end.size));
	return 0;
}

/* Fields that did not fit into 32 bits stand in the extra field, in this order. */
static void read_extra(struct cursor extra, struct zip_member *member)
{
	while (cursor_ok(&extra) && extra.left >= 4) {
		uint16_t      id = cursor_u16le(&extra), size = cursor_u16le(&extra);
		struct cursor c = cursor_sub(&extra, size);

		if (id != EXTRA_ZIP64)
			continue;
		if (member->bytes == UINT32_MAX)
			member->bytes = read_u64(&c);
		if (member->packed_bytes == UINT32_MAX)
			member->packed_bytes = read_u64(&c);
		if (member->header == UINT32_MAX)
			member->header = read_u64(&c);
	}
}

bool zip_next(struct zip_file *zip, struct zip_member *member)
{
	struct cursor *c = &zip->entries;
	uint16_t       name, extra, comment;

	if (cursor_at_end(c) || cursor_u32le(c) != 0x02014b50)
		return false;
	cursor_skip(c, 4);
	member->flags = cursor_u16le(c);
	member->method = cursor_u16le(c);
	cursor_skip(c, 8);
	member->packed_bytes = cursor_u32le(c);
	member->bytes = cursor_u32le(c);
	name = cursor_u16le(c);
	extra = cursor_u16le(c);
	comment = cursor_u16le(c);
	cursor_skip(c, 8);
	member->header = cursor_u32le(c);
	member->name = cursor_take(c, name);
	read_extra(cursor_sub(c, extra), member);
	cursor_skip(c, comment);
	return cursor_ok(c);
}

/* The packed bytes: behind the local header, whose own lengths count. */
static bool find_body(const struct zip_file *zip, const struct zip_member *member, struct slice *body)
{
	struct cursor c = cursor_from(zip->bytes, member->header);
	uint16_t      name, extra;

	if (cursor_u32le(&c) != 0x04034b50)
		return false;
	cursor_skip(&c, LOCAL_BYTES - 4 - 4);
	name = cursor_u16le(&c);
	extra = cursor_u16le(&c);
	cursor_skip(&c, (size_t)name + extra);
	*body = cursor_take(&c, member->packed_bytes < SIZE_MAX ? (size_t)member->packed_bytes : SIZE_MAX);
	return cursor_ok(&c);
}

struct slice zip_stored(const struct zip_file *zip, const struct zip_member *member)
{
	struct slice body;

	if (member->method != STORED || (member->flags & ENCRYPTED) || !find_body(zip, member, &body))
		return SLICE_EMPTY;
	return body;
}

int zip_read(const struct zip_file *zip, const struct zip_member *member, struct buf *out, struct err *err)
{
	struct slice body;

	if (member->flags & ENCRYPTED)
		return err_set(err, ERR_UNSUPPORTED, "zip: an encrypted member");
	if (member->method != STORED && member->method != DEFLATED)
		return err_set(err, ERR_UNSUPPORTED, "zip: a member of method %u", member->method);
	if (!find_body(zip, member, &body))
		return err_set(err, ERR_FORMAT, "zip: a member that lies outside of the file");
	if (member->method == DEFLATED)
		return deflate_inflate(body, out, err);
	buf_append(out, body);
	return buf_ok(out) ? 0 : err_set(err, ERR_LIMIT, "zip: a member of more than %zu bytes", out->bytes_max);
}
