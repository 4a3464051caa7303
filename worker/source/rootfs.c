#include "source/rootfs.h"

#include "base/limits.h"
#include "source/beneath.h"
#include "source/tar_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 * 1024, HEADER_BYTES_MAX = 64 * 1024, END_BYTES = 2 * TAR_BLOCK_BYTES };

struct frame {
	DIR   *dir;
	size_t path_len; /* of the folder itself */
	dev_t  device;
};

struct rootfs_stream {
	struct stream stream;
	struct frame  frames[LIMIT_PATH_DEPTH + 1];
	size_t        depth; /* frames in use */
	char          path[LIMIT_PATH_BYTES];
	struct buf    header;  /* what goes out next */
	int           file;    /* the body being copied, or -1 */
	uint64_t      left;    /* of the body */
	size_t        padding; /* zeros after it */
	struct stat   file_info;
	size_t        file_path_len;
	const char   *file_problem; /* NULL, or why the body is not what the file held */
	bool          ended;
	char          root[256]; /* for messages */
	uint8_t       block[BLOCK_BYTES];
};

/* ---- one entry ---- */

static struct slice current_path(const struct rootfs_stream *self, size_t len)
{
	return slice_of(self->path, len);
}

static void put_header(struct rootfs_stream *self, size_t path_len, const struct stat *info, enum tar_type type,
		       uint64_t size, struct slice target, const char *unreadable)
{
	struct tar_header header = {
		.type = type,
		.name = current_path(self, path_len),
		.target = target,
		.size = size,
		.mode = info->st_mode,
		.uid = info->st_uid,
		.gid = info->st_gid,
		.mtime = info->st_mtime,
		.unreadable = unreadable,
	};

	tar_write_header(&self->header, &header);
}

/* "dir/.wh.name" or "dir/.wh..wh..opq", as layer tars write it. */
static void put_mark(struct rootfs_stream *self, size_t dir_len, const char *name)
{
	char              path[LIMIT_PATH_BYTES + 16];
	struct tar_header header = {.type = TAR_FILE, .mode = 0644};
	int len = snprintf(path, sizeof(path), "%.*s%s%s", (int)dir_len, self->path, dir_len ? "/" : "", name);

	header.name = slice_of(path, (size_t)len);
	tar_write_header(&self->header, &header);
}

static void put_whiteout(struct rootfs_stream *self, size_t dir_len, const char *name)
{
	char mark[NAME_MAX + 8];

	snprintf(mark, sizeof(mark), ".wh.%s", name);
	put_mark(self, dir_len, mark);
}

static void put_symlink(struct rootfs_stream *self, int dir, const char *name, size_t path_len, const struct stat *info)
{
	char    target[LIMIT_PATH_BYTES];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	if (len <= 0)
		put_header(self, path_len, info, TAR_FILE, 0, SLICE_EMPTY,
			   len < 0 ? "the symlink cannot be read" : "empty symlink");
	else
		put_header(self, path_len, info, TAR_SYMLINK, 0, slice_of(target, (size_t)len), NULL);
}

static void put_file(struct rootfs_stream *self, int dir, const char *name, size_t path_len, const struct stat *seen)
{
	struct stat info;
	struct err  why = {0};
	int         fd = beneath_open_file(dir, slice_str(name), false, &info, &why);

	if (fd < 0) {
		put_header(self, path_len, seen, TAR_FILE, 0, SLICE_EMPTY, why.text);
		return;
	}
	if ((uint64_t)info.st_size > LIMIT_SPOOL_BYTES) {
		close(fd);
		put_header(self, path_len, &info, TAR_FILE, 0, SLICE_EMPTY, "larger than LIMIT_SPOOL_BYTES");
		return;
	}
	put_header(self, path_len, &info, TAR_FILE, (uint64_t)info.st_size, SLICE_EMPTY, NULL);
	self->file = fd;
	self->file_info = info;
	self->file_path_len = path_len;
	self->file_problem = NULL;
	self->left = (uint64_t)info.st_size;
	self->padding = tar_padding(self->left);
}

/* ---- folders ---- */

static bool is_pseudo(int fd)
{
	static const unsigned long types[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,        CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,    TRACEFS_MAGIC,      SECURITYFS_MAGIC,   PSTOREFS_MAGIC,
		BPF_FS_MAGIC,     DEVPTS_SUPER_MAGIC, HUGETLBFS_MAGIC,    EFIVARFS_MAGIC,
		BINFMTFS_MAGIC,   AUTOFS_SUPER_MAGIC, SELINUX_MAGIC,      NSFS_MAGIC,
	};
	struct statfs info;

	if (fstatfs(fd, &info) != 0)
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((unsigned long)info.f_type == types[i])
			return true;
	return false;
}

static bool is_opaque(int fd)
{
	static const char *const names[] = {"trusted.overlay.opaque", "user.overlay.opaque"};
	char                     value[4];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fgetxattr(fd, names[i], value, sizeof(value)) == 1 && value[0] == 'y')
			return true;
	return false;
}

/* Takes the descriptor. */
static bool push_folder(struct rootfs_stream *self, int fd, size_t path_len, dev_t device)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return false;
	}
	self->frames[self->depth++] = (struct frame){.dir = dir, .path_len = path_len, .device = device};
	return true;
}

static void put_folder(struct rootfs_stream *self, const char *name, size_t path_len, const struct stat *info)
{
	struct frame *parent = &self->frames[self->depth - 1];
	struct err    why = {0};
	int           fd;

	if (self->depth > LIMIT_PATH_DEPTH) {
		put_header(self, path_len, info, TAR_DIRECTORY, 0, SLICE_EMPTY,
			   "not entered: deeper than LIMIT_PATH_DEPTH");
		return;
	}
	fd = beneath_open_folder(dirfd(parent->dir), name, &why);
	if (fd < 0) {
		put_header(self, path_len, info, TAR_DIRECTORY, 0, SLICE_EMPTY, why.text);
		return;
	}
	if (info->st_dev != parent->device && is_pseudo(fd)) {
		close(fd);
		put_header(self, path_len, info, TAR_DIRECTORY, 0, SLICE_EMPTY, NULL);
		return;
	}
	put_header(self, path_len, info, TAR_DIRECTORY, 0, SLICE_EMPTY, NULL);
	if (is_opaque(fd))
		put_mark(self, path_len, ".wh..wh..opq");
	if (!push_folder(self, fd, path_len, info->st_dev))
		put_header(self, path_len, info, TAR_DIRECTORY, 0, SLICE_EMPTY,
			   "not entered: out of descriptors or memory");
}

/* Something below the current folder is missing from the stream: the folder itself says so. */
static void put_missing(struct rootfs_stream *self, const struct frame *frame, const char *why)
{
	struct stat info = {.st_mode = S_IFDIR | 0755};

	if (frame->path_len)
		put_header(self, frame->path_len, &info, TAR_DIRECTORY, 0, SLICE_EMPTY, why);
	else
		tar_write_header(&self->header, &(struct tar_header){.type = TAR_DIRECTORY,
								     .name = SLICE_LIT("./"),
								     .mode = 0755,
								     .unreadable = why});
}

/* ---- the walk ---- */

static bool join(struct rootfs_stream *self, const struct frame *frame, const char *name, size_t *path_len)
{
	size_t len = strlen(name), at = frame->path_len;

	if (at + 1 + len >= sizeof(self->path))
		return false;
	if (at)
		self->path[at++] = '/';
	memcpy(self->path + at, name, len + 1);
	*path_len = at + len;
	return true;
}

static void put_entry(struct rootfs_stream *self, const struct frame *frame, const char *name)
{
	int         dir = dirfd(frame->dir);
	struct stat info;
	size_t      path_len;

	if (!join(self, frame, name, &path_len)) {
		put_missing(self, frame, "a path below it is longer than LIMIT_PATH_BYTES");
		return;
	}
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			put_missing(self, frame, "an entry below it cannot be read");
		return;
	}
	if (S_ISDIR(info.st_mode))
		put_folder(self, name, path_len, &info);
	else if (S_ISREG(info.st_mode))
		put_file(self, dir, name, path_len, &info);
	else if (S_ISLNK(info.st_mode))
		put_symlink(self, dir, name, path_len, &info);
	else if (S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0))
		put_whiteout(self, frame->path_len, name);
	else
		put_header(self, path_len, &info,
			   S_ISCHR(info.st_mode)   ? TAR_CHAR
			   : S_ISBLK(info.st_mode) ? TAR_BLOCK
						   : TAR_FIFO,
			   0, SLICE_EMPTY, NULL);
}

/* Fills `header` with what comes next: an entry, or the end of the archive. */
static void step(struct rootfs_stream *self)
{
	while (self->depth && self->header.len == 0) {
		struct frame   frame = self->frames[self->depth - 1];
		struct dirent *entry;

		errno = 0;
		entry = readdir(frame.dir);
		if (entry && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			put_entry(self, &frame, entry->d_name);
		} else if (!entry) {
			if (errno)
				put_missing(self, &frame, "reading the folder failed");
			closedir(frame.dir);
			self->depth--;
		}
	}
	if (self->header.len == 0 && !self->ended) {
		memset(self->block, 0, END_BYTES);
		buf_append(&self->header, slice_of(self->block, END_BYTES));
		self->ended = true;
	}
}

/* A block of the open file; one that became shorter is filled with zeros. */
static void read_body(struct rootfs_stream *self, struct slice *block)
{
	size_t  want = self->left < BLOCK_BYTES ? (size_t)self->left : BLOCK_BYTES;
	ssize_t got;

	do
		got = read(self->file, self->block, want);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		self->file_problem = got < 0 ? "reading it failed" : "became shorter while it was read";
		memset(self->block, 0, want);
		got = (ssize_t)want;
	}
	self->left -= (uint64_t)got;
	*block = slice_of(self->block, (size_t)got);
}

/* A body that went wrong is followed by a second entry of the same name, which replaces it. */
static void end_body(struct rootfs_stream *self)
{
	close(self->file);
	self->file = -1;
	memset(self->block, 0, self->padding);
	buf_append(&self->header, slice_of(self->block, self->padding));
	if (self->file_problem)
		put_header(self, self->file_path_len, &self->file_info, TAR_FILE, 0, SLICE_EMPTY, self->file_problem);
}

static int rootfs_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct rootfs_stream *self = (struct rootfs_stream *)stream;

	buf_clear(&self->header);
	if (self->file >= 0 && self->left) {
		read_body(self, block);
		return STREAM_BLOCK;
	}
	if (self->file >= 0)
		end_body(self);
	if (self->header.len == 0)
		step(self);
	if (!buf_ok(&self->header))
		return err_set(err, ERR_MEM, "reading %s: out of memory", self->root);
	*block = buf_slice(&self->header);
	return block->len ? STREAM_BLOCK : STREAM_END;
}

static void rootfs_close(struct stream *stream)
{
	struct rootfs_stream *self = (struct rootfs_stream *)stream;

	while (self->depth)
		closedir(self->frames[--self->depth].dir);
	if (self->file >= 0)
		close(self->file);
	buf_deinit(&self->header);
	free(self);
}

struct stream *rootfs_open(const char *path, struct err *err)
{
	static const struct stream_ops ops = {.next = rootfs_next, .close = rootfs_close};
	struct rootfs_stream          *self;
	struct stat                    info;
	int                            fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening root folder %s", path);
		return NULL;
	}
	self = calloc(1, sizeof(*self));
	if (!self || fstat(fd, &info) != 0) {
		close(fd);
		free(self);
		err_set(err, ERR_MEM, "reading %s: out of memory", path);
		return NULL;
	}
	self->stream.ops = &ops;
	self->file = -1;
	buf_init(&self->header, HEADER_BYTES_MAX);
	snprintf(self->root, sizeof(self->root), "%s", path);
	if (push_folder(self, fd, 0, info.st_dev))
		return &self->stream;
	rootfs_close(&self->stream);
	err_set(err, ERR_MEM, "reading %s: out of memory", path);
	return NULL;
}
