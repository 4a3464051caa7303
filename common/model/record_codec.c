#include "model/record_codec.h"

#include "base/limits.h"
#include "base/msgpack_write.h"

#include <stdlib.h>
#include <string.h>

struct decoder decoder_of(struct slice bytes, struct arena *arena)
{
	return (struct decoder){.r = msgpack_reader_of(bytes), .arena = arena};
}

int decoder_verdict(const struct decoder *d, const char *what, struct err *err)
{
	if (d->limit)
		return err_set(err, ERR_LIMIT, "%s: more than %s", what, d->limit);
	if (arena_failed(d->arena))
		return err_set(err, ERR_LIMIT, "%s: does not fit into %zu bytes of memory", what, d->arena->bytes_max);
	if (!msgpack_ok(&d->r))
		return err_set(err, ERR_FORMAT, "%s: malformed", what);
	return 0;
}

static void fail_limit(struct decoder *d, const char *limit)
{
	if (!d->limit)
		d->limit = limit;
	msgpack_fail(&d->r);
}

struct slice decode_string(struct decoder *d, size_t bytes_max)
{
	struct slice text = msgpack_read_bytes(&d->r);

	if (text.len > bytes_max) {
		fail_limit(d, "a string may hold");
		return SLICE_EMPTY;
	}
	return text.len && !d->borrow ? arena_copy(d->arena, text) : text;
}

struct slice decode_text(struct decoder *d)
{
	return decode_string(d, LIMIT_STRING_BYTES);
}

static bool is_canonical(struct slice path)
{
	size_t depth = 0;

	if (path.len && path.ptr[path.len - 1] == '/')
		return false;
	while (path.len) {
		struct slice part = slice_cut(&path, '/');

		if (part.len == 0 || slice_eq_str(part, ".") || slice_eq_str(part, "..") || ++depth > LIMIT_PATH_DEPTH)
			return false;
	}
	return true;
}

struct slice decode_path(struct decoder *d)
{
	struct slice path = decode_string(d, LIMIT_PATH_BYTES);

	if (!is_canonical(path))
		msgpack_fail(&d->r);
	return path;
}

void decode_digest(struct decoder *d, struct digest *out)
{
	struct slice bytes = msgpack_read_bytes(&d->r);

	*out = (struct digest){0};
	if (bytes.len == sizeof(out->bytes))
		memcpy(out->bytes, bytes.ptr, sizeof(out->bytes));
	else if (bytes.len)
		msgpack_fail(&d->r);
}

uint32_t decode_enum(struct decoder *d, uint32_t values_count)
{
	uint64_t value = msgpack_read_uint(&d->r);

	if (value >= values_count) {
		msgpack_fail(&d->r);
		return 0;
	}
	return (uint32_t)value;
}

uint32_t decode_u32(struct decoder *d)
{
	uint64_t value = msgpack_read_uint(&d->r);

	if (value > UINT32_MAX) {
		msgpack_fail(&d->r);
		return 0;
	}
	return (uint32_t)value;
}

size_t decode_array(struct decoder *d, void *items, size_t item_size, size_t bytes_min, size_t count_max,
		    const char *limit)
{
	size_t count = msgpack_read_array(&d->r);
	void  *room = NULL;

	if (count > count_max)
		fail_limit(d, limit);
	else if (count > d->r.cursor.left / bytes_min)
		msgpack_fail(&d->r);
	if (msgpack_ok(&d->r) && count) {
		room = arena_array(d->arena, count, item_size);
		if (!room)
			msgpack_fail(&d->r);
	}
	memcpy(items, &room, sizeof(room));
	return room ? count : 0;
}

size_t decode_texts(struct decoder *d, struct slice **texts, size_t count_max, const char *limit)
{
	size_t count = decode_array(d, texts, sizeof(**texts), 1, count_max, limit);

	for (size_t i = 0; i < count && msgpack_ok(&d->r); i++)
		(*texts)[i] = decode_text(d);
	return count;
}

void encode_digest(struct buf *out, const struct digest *digest)
{
	msgpack_write_bin(out, digest_is_zero(digest) ? SLICE_EMPTY : digest_slice(digest));
}

void encode_texts(struct buf *out, const struct slice *texts, size_t count)
{
	msgpack_write_array(out, count);
	for (size_t i = 0; i < count; i++)
		msgpack_write_str(out, texts[i]);
}

static int compare_records(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Writes the records one behind the other into `scratch`; ends[i] is where record i ends. */
static void write_records(struct buf *scratch, const void *context, size_t count, size_t *ends,
			  void (*write)(const void *context, size_t index, struct buf *out))
{
	for (size_t i = 0; i < count; i++) {
		write(context, i, scratch);
		ends[i] = scratch->len;
	}
}

static size_t cut_records(const struct buf *scratch, const size_t *ends, size_t count, struct slice *records)
{
	size_t from = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (ends[i] > from)
			records[kept++] = slice_of(scratch->ptr + from, ends[i] - from);
		from = ends[i];
	}
	return kept;
}

bool encode_sorted(struct buf *out, const void *context, size_t count,
		   void (*write)(const void *context, size_t index, struct buf *out))
{
	struct buf    scratch;
	size_t       *ends = calloc(count ? count : 1, sizeof(*ends));
	struct slice *records = calloc(count ? count : 1, sizeof(*records));
	size_t        kept;

	buf_init(&scratch, out->bytes_max);
	if (ends && records)
		write_records(&scratch, context, count, ends, write);
	if (ends && records && buf_ok(&scratch)) {
		kept = cut_records(&scratch, ends, count, records);
		qsort(records, kept, sizeof(*records), compare_records);
		msgpack_write_array(out, kept);
		for (size_t i = 0; i < kept; i++)
			buf_append(out, records[i]);
	} else {
		out->failed = true;
	}
	buf_deinit(&scratch);
	free(records);
	free(ends);
	return buf_ok(out);
}

int encode_verdict(const struct buf *out, const char *what, struct err *err)
{
	if (buf_ok(out))
		return 0;
	return err_set(err, ERR_LIMIT, "%s: does not fit into %zu bytes", what, out->bytes_max);
}
