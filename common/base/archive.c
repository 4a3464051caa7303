#include "base/archive.h"

#include "base/limits.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { HOLE_BYTES = 64 * 1024 };

struct archive_reader {
	struct archive *archive;
	struct stream  *stream;
	const char     *kind;          /* for messages */
	struct slice    block;         /* what libarchive was given last */
	uint64_t        block_offset;  /* of its first byte in the stream */
	int             stream_status; /* STREAM_BLOCK while it gives blocks */
	struct err      stream_err;
	uint64_t        members;
	uint64_t        body_size, body_at; /* of the current member, holes included */
	struct slice    pending;            /* a stored piece that waits for the hole before it */
	uint64_t        pending_at;
	uint64_t        holes_left; /* zeros that may still be given for what is not stored */
	bool            opened, foreign;
	int             status; /* 1 while members may follow; 0 at the end, or the failure */
	struct err      why;
};

static int pull(struct archive_reader *reader)
{
	if (reader->stream_status != STREAM_BLOCK)
		return reader->stream_status;
	reader->block_offset += reader->block.len;
	reader->stream_status = stream_next(reader->stream, &reader->block, &reader->stream_err);
	if (reader->stream_status != STREAM_BLOCK)
		reader->block = SLICE_EMPTY;
	return reader->stream_status;
}

static la_ssize_t read_block(struct archive *archive, void *data, const void **bytes)
{
	struct archive_reader *reader = data;
	int                    status = pull(reader);

	if (status < 0) {
		archive_set_error(archive, EIO, "%s", reader->stream_err.text);
		return ARCHIVE_FATAL;
	}
	*bytes = reader->block.ptr;
	return (la_ssize_t)reader->block.len;
}

static int enable(struct archive *archive, enum archive_kind kind)
{
	if (kind == ARCHIVE_KIND_ZIP)
		return archive_read_support_format_zip_streamable(archive);
	return archive_read_support_format_tar(archive);
}

struct archive_reader *archive_reader_new(struct stream *stream, enum archive_kind kind, struct err *err)
{
	struct archive_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		*reader = (struct archive_reader){.archive = archive_read_new(),
						  .stream = stream,
						  .kind = kind == ARCHIVE_KIND_ZIP ? "zip" : "tar",
						  .stream_status = STREAM_BLOCK,
						  .holes_left = LIMIT_HOLE_BYTES,
						  .status = 1};
	if (!reader || !reader->archive || enable(reader->archive, kind) != ARCHIVE_OK) {
		err_set(err, ERR_MEM, "reading an archive: out of memory");
		archive_reader_free(reader);
		return NULL;
	}
	return reader;
}

void archive_reader_free(struct archive_reader *reader)
{
	if (!reader)
		return;
	archive_read_free(reader->archive);
	free(reader);
}

static int describe(struct archive_reader *reader, struct err *err)
{
	const char *why = archive_error_string(reader->archive);
	bool        cut = reader->stream_status == STREAM_END;

	if (archive_errno(reader->archive) == ENOMEM)
		return err_set(err, ERR_MEM, "reading a %s: out of memory", reader->kind);
	if (reader->members == 0)
		return err_set(err, ERR_FORMAT, "not a %s archive", reader->kind);
	return err_set(err, cut ? ERR_TRUNCATED : ERR_FORMAT, "%s %s in or behind member %" PRIu64 ": %s", reader->kind,
		       cut ? "cut short" : "damaged", reader->members, why ? why : "no reason given");
}

static int tell(const struct err *kept, int status, struct err *err)
{
	if (status < 0 && err && !err->code)
		*err = *kept;
	return status;
}

/* Sticky. The stream's own failure goes first: what libarchive says then is only its echo. */
static int failure(struct archive_reader *reader, struct err *err)
{
	if (reader->stream_status < 0) {
		reader->status = reader->stream_status;
		reader->why = reader->stream_err;
	} else {
		reader->foreign = reader->members == 0;
		reader->status = describe(reader, &reader->why);
	}
	return tell(&reader->why, reader->status, err);
}

static bool is_empty(const struct archive_reader *reader)
{
	return reader->members == 0 && reader->stream_status == STREAM_END && reader->block_offset == 0;
}

/* libarchive looks for the format as it opens; an empty stream has none and is an empty archive. */
static int begin(struct archive_reader *reader, struct err *err)
{
	int status = archive_read_open2(reader->archive, reader, NULL, read_block, NULL, NULL);

	reader->opened = true;
	if (is_empty(reader))
		return reader->status = 0;
	return status == ARCHIVE_OK ? 1 : failure(reader, err);
}

static enum member_type type_of(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry))
		return MEMBER_HARDLINK;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return MEMBER_FILE;
	case AE_IFDIR:
		return MEMBER_DIRECTORY;
	case AE_IFLNK:
		return MEMBER_SYMLINK;
	default:
		return MEMBER_OTHER;
	}
}

static uint32_t clamp_id(la_int64_t id)
{
	return id < 0 || id > UINT32_MAX ? UINT32_MAX : (uint32_t)id;
}

static struct slice target_of(struct archive_entry *entry, enum member_type type)
{
	if (type == MEMBER_HARDLINK)
		return slice_str(archive_entry_hardlink(entry));
	return type == MEMBER_SYMLINK ? slice_str(archive_entry_symlink(entry)) : SLICE_EMPTY;
}

static struct slice name_of(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);

	return slice_str(name ? name : archive_entry_pathname_utf8(entry));
}

static struct slice unreadable_of(struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t      size;

	if (archive_entry_xattr_reset(entry) == 0)
		return SLICE_EMPTY;
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
		if (name && slice_eq_str(slice_str(name), "user.varve.unreadable"))
			return slice_of(value, size);
	return SLICE_EMPTY;
}

static void fill(struct archive_reader *reader, struct archive_entry *entry, struct archive_member *member)
{
	enum member_type type = type_of(entry);
	bool             sized = archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0;

	*member = (struct archive_member){
		.name = name_of(entry),
		.type = type,
		.target = target_of(entry, type),
		.size = sized                 ? (uint64_t)archive_entry_size(entry)
			: type == MEMBER_FILE ? UINT64_MAX
					      : 0,
		.body_offset = (uint64_t)archive_filter_bytes(reader->archive, 0),
		.sparse = archive_entry_sparse_count(entry) > 0,
		.mode = (uint32_t)archive_entry_perm(entry),
		.uid = clamp_id(archive_entry_uid(entry)),
		.gid = clamp_id(archive_entry_gid(entry)),
		.mtime = archive_entry_mtime(entry),
		.unreadable = unreadable_of(entry),
	};
	reader->body_size = member->size;
	reader->body_at = 0;
	reader->pending = SLICE_EMPTY;
}

int archive_reader_next(struct archive_reader *reader, struct archive_member *member, struct err *err)
{
	struct archive_entry *entry;
	int                   status;

	if (reader->status != 1)
		return tell(&reader->why, reader->status, err);
	if (!reader->opened && begin(reader, err) != 1)
		return reader->status;
	status = archive_read_next_header(reader->archive, &entry);
	if (status == ARCHIVE_EOF)
		return reader->status = 0;
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return failure(reader, err);
	reader->members++;
	fill(reader, entry, member);
	return 1;
}

/* A piece of the hole that ends at `until`: STREAM_BLOCK, STREAM_END without one, or ERR_LIMIT, which ends this body. */
static int take_hole(struct archive_reader *reader, uint64_t until, struct slice *block, struct err *err)
{
	static const uint8_t zeros[HOLE_BYTES];
	uint64_t             size;

	if (until > reader->body_size)
		until = reader->body_size;
	if (until <= reader->body_at)
		return STREAM_END;
	size = until - reader->body_at < HOLE_BYTES ? until - reader->body_at : HOLE_BYTES;
	if (size > reader->holes_left)
		return err_set(err, ERR_LIMIT, "hole_bytes_max: more than %llu bytes of holes in sparse files",
			       LIMIT_HOLE_BYTES);
	reader->holes_left -= size;
	reader->body_at += size;
	*block = slice_of(zeros, (size_t)size);
	return STREAM_BLOCK;
}

/* Fills `pending` with the next piece that is stored; 1, 0 at the end of the body, ERR_*. */
static int read_pending(struct archive_reader *reader, struct err *err)
{
	const void *bytes;
	size_t      size = 0;
	la_int64_t  offset;
	int         status;

	while (reader->pending.len == 0) {
		status = archive_read_data_block(reader->archive, &bytes, &size, &offset);
		if (status == ARCHIVE_EOF)
			return 0;
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return failure(reader, err);
		reader->pending = slice_of(bytes, size);
		reader->pending_at = offset < 0 ? 0 : (uint64_t)offset;
	}
	return 1;
}

int archive_reader_body(struct archive_reader *reader, struct slice *block, struct err *err)
{
	int status = reader->status == 1 ? read_pending(reader, err) : tell(&reader->why, reader->status, err);

	*block = SLICE_EMPTY;
	if (status < 0 || (status == 0 && reader->body_size == UINT64_MAX))
		return status;
	status = take_hole(reader, status ? reader->pending_at : reader->body_size, block, err);
	if (status != STREAM_END || reader->pending.len == 0)
		return status;
	*block = reader->pending;
	reader->body_at += block->len;
	reader->pending = SLICE_EMPTY;
	return STREAM_BLOCK;
}

bool archive_reader_is_foreign(const struct archive_reader *reader)
{
	return reader->foreign;
}

static bool has_nonzero(struct slice bytes)
{
	while (bytes.len && bytes.ptr[0] == 0)
		bytes = slice_from(bytes, 1);
	return bytes.len > 0;
}

/* What libarchive has looked at without taking it is no end marker, hence not zeros: surplus too. */
int archive_reader_finish(struct archive_reader *reader, bool *surplus, struct err *err)
{
	uint64_t     taken = (uint64_t)archive_filter_bytes(reader->archive, 0);
	struct slice rest = reader->block;

	*surplus = taken < reader->block_offset;
	if (!*surplus)
		rest = slice_from(rest, taken - reader->block_offset);
	do
		*surplus = *surplus || has_nonzero(rest);
	while (pull(reader) == STREAM_BLOCK && (rest = reader->block, true));
	return tell(&reader->stream_err, reader->stream_status, err);
}

/* ---- inflating a whole archive file ---- */

struct inflate_stream {
	struct stream   stream;
	struct stream  *below;
	struct archive *archive;
	struct err      below_err;
	int             below_status;
	bool            opened;
};

static la_ssize_t inflate_read(struct archive *archive, void *data, const void **bytes)
{
	struct inflate_stream *self = data;
	struct slice           block = SLICE_EMPTY;

	if (self->below_status == STREAM_BLOCK)
		self->below_status = stream_next(self->below, &block, &self->below_err);
	if (self->below_status < 0) {
		archive_set_error(archive, EIO, "%s", self->below_err.text);
		return ARCHIVE_FATAL;
	}
	*bytes = block.ptr;
	return (la_ssize_t)block.len;
}

static int inflate_failure(const struct inflate_stream *self, struct err *err)
{
	const char *why = archive_error_string(self->archive);

	if (self->below_status < 0)
		return tell(&self->below_err, self->below_status, err);
	if (archive_errno(self->archive) == ENOMEM)
		return err_set(err, ERR_MEM, "inflating an archive: out of memory");
	return err_set(err, ERR_FORMAT, "damaged compressed archive: %s", why ? why : "no reason given");
}

/* One member of unknown size: the inflated bytes. An empty input has none. */
static int inflate_begin(struct inflate_stream *self)
{
	struct archive_entry *entry;
	int                   status = archive_read_open2(self->archive, self, NULL, inflate_read, NULL, NULL);

	self->opened = true;
	return status == ARCHIVE_OK ? archive_read_next_header(self->archive, &entry) : status;
}

static int inflate_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct inflate_stream *self = (struct inflate_stream *)stream;
	const void            *bytes = NULL;
	size_t                 size = 0;
	la_int64_t             offset;
	int                    status = self->opened ? ARCHIVE_OK : inflate_begin(self);

	while (status == ARCHIVE_OK && size == 0)
		status = archive_read_data_block(self->archive, &bytes, &size, &offset);
	if (status == ARCHIVE_EOF)
		return STREAM_END;
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return inflate_failure(self, err);
	*block = slice_of(bytes, size);
	return STREAM_BLOCK;
}

static void inflate_close(struct stream *stream)
{
	struct inflate_stream *self = (struct inflate_stream *)stream;

	if (self->archive)
		archive_read_free(self->archive);
	stream_close(self->below);
	free(self);
}

static bool enable_filters(struct archive *archive)
{
	return archive && archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
	       archive_read_support_filter_zstd(archive) == ARCHIVE_OK &&
	       archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
	       archive_read_support_filter_bzip2(archive) == ARCHIVE_OK &&
	       archive_read_support_format_raw(archive) == ARCHIVE_OK &&
	       archive_read_support_format_empty(archive) == ARCHIVE_OK;
}

struct stream *archive_inflate_new(struct stream *below, struct err *err)
{
	static const struct stream_ops ops = {.next = inflate_next, .close = inflate_close};
	struct inflate_stream         *self = below ? calloc(1, sizeof(*self)) : NULL;

	if (!self) {
		stream_close(below);
		err_set(err, ERR_MEM, "inflating an archive: out of memory");
		return NULL;
	}
	*self = (struct inflate_stream){
		.stream.ops = &ops, .below = below, .archive = archive_read_new(), .below_status = STREAM_BLOCK};
	if (!enable_filters(self->archive)) {
		inflate_close(&self->stream);
		err_set(err, ERR_MEM, "inflating an archive: out of memory");
		return NULL;
	}
	return &self->stream;
}
