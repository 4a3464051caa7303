#include "source/member_store.h"

#include "base/archive.h"
#include "base/escape.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "source/archive_index.h"
#include "source/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

struct member_store {
	int                  fd; /* the folder, the archive file, or its spool */
	bool                 is_archive;
	struct archive_index index;
	char                 path[LIMIT_PATH_BYTES + 1];
};

static struct member_store *store_new(const char *path, bool is_archive, struct err *err)
{
	struct member_store *store = calloc(1, sizeof(*store));

	if (!store) {
		err_set(err, ERR_MEM, "opening %s: out of memory", path);
		return NULL;
	}
	store->fd = -1;
	store->is_archive = is_archive;
	snprintf(store->path, sizeof(store->path), "%s", path);
	return store;
}

void member_store_close(struct member_store *store)
{
	if (!store)
		return;
	if (store->fd >= 0)
		close(store->fd);
	if (store->is_archive)
		archive_index_deinit(&store->index);
	free(store);
}

struct member_store *member_store_open_folder(const char *path, struct err *err)
{
	struct member_store *store = store_new(path, false, err);

	if (!store)
		return NULL;
	store->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->fd >= 0)
		return store;
	err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening folder %s", path);
	member_store_close(store);
	return NULL;
}

/* ---- a part of a file as a stream ---- */

struct range_stream {
	struct stream stream;
	int           fd;
	bool          owned;
	uint64_t      offset, left; /* left UINT64_MAX: to the end of the file */
	const char   *path;
	uint8_t       block[READ_BYTES];
};

static int range_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct range_stream *self = (struct range_stream *)stream;
	size_t               want = self->left < sizeof(self->block) ? (size_t)self->left : sizeof(self->block);
	ssize_t              got;

	if (want == 0)
		return STREAM_END;
	do
		got = pread(self->fd, self->block, want, (off_t)self->offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, ERR_IO, "reading %s", self->path);
	if (got == 0)
		return self->left == UINT64_MAX ? STREAM_END
						: err_set(err, ERR_TRUNCATED, "%s ends too early", self->path);
	self->offset += (uint64_t)got;
	if (self->left != UINT64_MAX)
		self->left -= (uint64_t)got;
	*block = slice_of(self->block, (size_t)got);
	return STREAM_BLOCK;
}

static void range_close(struct stream *stream)
{
	struct range_stream *self = (struct range_stream *)stream;

	if (self->owned)
		close(self->fd);
	free(self);
}

static struct stream *range_new(int fd, bool owned, uint64_t offset, uint64_t size, const char *path, struct err *err)
{
	static const struct stream_ops ops = {.next = range_next, .close = range_close};
	struct range_stream           *self = malloc(sizeof(*self));

	if (!self) {
		if (owned)
			close(fd);
		err_set(err, ERR_MEM, "reading %s: out of memory", path);
		return NULL;
	}
	self->stream.ops = &ops;
	self->fd = fd;
	self->owned = owned;
	self->offset = offset;
	self->left = size;
	self->path = path;
	return &self->stream;
}

/* ---- archives ---- */

/* Copies what passes to the spool. */
struct tee_stream {
	struct stream  stream;
	struct stream *below;
	int            fd;
	uint64_t       bytes;
};

static int tee_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct tee_stream *self = (struct tee_stream *)stream;
	int                status = stream_next(self->below, block, err);

	if (status != STREAM_BLOCK)
		return status;
	self->bytes += block->len;
	if (self->bytes > LIMIT_ARCHIVE_BYTES)
		return err_set(err, ERR_LIMIT, "inflates to more than %llu bytes", LIMIT_ARCHIVE_BYTES);
	status = file_write_all(self->fd, *block, "the spool file", err);
	return status ? status : STREAM_BLOCK;
}

static void tee_close(struct stream *stream)
{
	stream_close(((struct tee_stream *)stream)->below);
}

static bool is_compressed(int fd)
{
	static const struct {
		const char *bytes;
		size_t      len;
	} magics[] = {{"\x1f\x8b", 2},
		      {"\x28\xb5\x2f\xfd", 4},
		      {"\xfd"
		       "7zXZ\0",
		       6},
		      {"BZh", 3}};
	uint8_t head[8];
	ssize_t got = pread(fd, head, sizeof(head), 0);

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (got >= (ssize_t)magics[i].len && memcmp(head, magics[i].bytes, magics[i].len) == 0)
			return true;
	/* a skippable zstd frame may come first */
	return got >= 4 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0;
}

static int index_plain(struct member_store *store, struct err *err)
{
	struct stream *tar = range_new(store->fd, false, 0, UINT64_MAX, store->path, err);
	int            status = tar ? archive_index_build(&store->index, tar, err) : ERR_MEM;

	stream_close(tar);
	return status;
}

/* The spool takes the file's place: it is what members are read from later. */
static int index_spooled(struct member_store *store, const char *spool_dir, struct err *err)
{
	static const struct stream_ops ops = {.next = tee_next, .close = tee_close};
	struct tee_stream              tee = {.stream.ops = &ops, .fd = file_open_unlinked(spool_dir, err)};
	int                            status;

	if (tee.fd < 0)
		return tee.fd;
	tee.below = archive_inflate_new(stream_of_fd(store->fd, store->path), err);
	store->fd = tee.fd;
	if (!tee.below)
		return ERR_MEM;
	status = archive_index_build(&store->index, &tee.stream, err);
	stream_close(&tee.stream);
	return status;
}

static int open_archive(struct member_store *store, const char *spool_dir, struct err *err)
{
	struct stat info;

	store->fd = open(store->path, O_RDONLY | O_CLOEXEC);
	if (store->fd < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening archive %s", store->path);
	if (fstat(store->fd, &info) != 0)
		return err_errno(err, ERR_IO, "opening archive %s", store->path);
	if (S_ISDIR(info.st_mode))
		return err_set(err, ERR_FORMAT, "%s is a folder, not an archive file", store->path);
	if (!S_ISREG(info.st_mode) || is_compressed(store->fd))
		return index_spooled(store, spool_dir, err);
	return index_plain(store, err);
}

struct member_store *member_store_open_archive(const char *path, const char *spool_dir, struct err *err)
{
	struct member_store *store = store_new(path, true, err);
	struct err           why = {0};

	if (!store)
		return NULL;
	if (open_archive(store, spool_dir, &why) == 0)
		return store;
	err_set(err, why.code, slice_find_str(slice_str(why.text), path) == SIZE_MAX ? "archive %s: %s" : "%.0s%s",
		path, why.text);
	member_store_close(store);
	return NULL;
}

/* ---- both ---- */

/* "path: name", for messages. */
static int in_member(const struct member_store *store, struct slice name, const struct err *why, struct err *err)
{
	struct buf shown;

	buf_init(&shown, 4096);
	escape_terminal(&shown, slice_sub(name, 0, 200));
	err_set(err, why->code, "%s: %.*s: %s", store->path, SLICE_FMT(buf_slice(&shown)), why->text);
	buf_deinit(&shown);
	return why->code;
}

static struct stream *open_stream(const struct member_store *store, struct slice name, struct err *err)
{
	const struct indexed_member *member;
	char                         path[LIMIT_PATH_BYTES];
	struct slice                 canonical;
	int                          fd;

	if (path_canonical(name, path, &canonical) != PATH_OK) {
		err_set(err, ERR_FORMAT, "name leads outside");
		return NULL;
	}
	if (store->is_archive) {
		if (archive_index_find(&store->index, canonical, &member, err))
			return NULL;
		return range_new(store->fd, false, member->offset, member->size, store->path, err);
	}
	fd = beneath_open_file(store->fd, canonical, true, NULL, err);
	return fd < 0 ? NULL : range_new(fd, true, 0, UINT64_MAX, store->path, err);
}

struct stream *member_store_stream(const struct member_store *store, struct slice name, struct err *err)
{
	struct err     why = {0};
	struct stream *stream = open_stream(store, name, &why);

	if (!stream)
		in_member(store, name, &why, err);
	return stream;
}

int member_store_read(const struct member_store *store, struct slice name, struct buf *out, struct err *err)
{
	struct err     why = {0};
	struct stream *stream = open_stream(store, name, &why);
	int            status = stream ? stream_read_all(stream, out, &why) : why.code;

	stream_close(stream);
	return status ? in_member(store, name, &why, err) : 0;
}

int member_store_identify(const struct member_store *store, struct slice name, struct digest *digest, uint64_t *size,
			  struct err *err)
{
	const struct indexed_member *member;
	char                         path[LIMIT_PATH_BYTES];
	struct slice                 canonical;
	struct err                   why = {0};

	if (path_canonical(name, path, &canonical) != PATH_OK)
		err_set(&why, ERR_FORMAT, "name leads outside");
	else if (!store->is_archive)
		err_set(&why, ERR_INTERNAL, "a folder keeps no digests");
	else
		archive_index_find(&store->index, canonical, &member, &why);
	if (why.code)
		return in_member(store, name, &why, err);
	*digest = member->sha256;
	*size = member->size;
	return 0;
}
