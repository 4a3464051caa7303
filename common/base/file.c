#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static int read_fd(int fd, const char *path, struct buf *out, struct err *err)
{
	uint8_t block[READ_BYTES];

	for (;;) {
		ssize_t got = read(fd, block, sizeof(block));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_IO, "reading %s", path);
		if (got == 0)
			return 0;
		buf_append(out, slice_of(block, (size_t)got));
		if (!buf_ok(out))
			return err_set(err, ERR_LIMIT, "%s has more than %zu bytes", path, out->bytes_max);
	}
}

int file_read(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status;

	if (fd < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening %s", path);
	status = read_fd(fd, path, out, err);
	close(fd);
	return status;
}

int file_write_all(int fd, struct slice bytes, const char *name, struct err *err)
{
	while (bytes.len) {
		ssize_t put = write(fd, bytes.ptr, bytes.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(err, ERR_IO, "writing %s", name);
		bytes = slice_from(bytes, (size_t)put);
	}
	return 0;
}

/* like: whose owner, group and mode it gets; NULL: `mode`, and it belongs to this process. */
static int write_beside(const char *path, struct slice bytes, unsigned mode, const struct stat *like, struct err *err)
{
	char temporary[PATH_MAX];
	int  fd, status;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp.XXXXXX", path) >= (int)sizeof(temporary))
		return err_set(err, ERR_IO, "writing %s: path too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_IO, "creating %s", temporary);
	status = file_write_all(fd, bytes, temporary, err);
	if (!status && like && fchown(fd, like->st_uid, like->st_gid) != 0)
		status = err_errno(err, ERR_IO, "giving %s the owner of %s", temporary, path);
	if (!status && (fchmod(fd, like ? like->st_mode & 0777 : mode) != 0 || fsync(fd) != 0))
		status = err_errno(err, ERR_IO, "writing %s", temporary);
	if (close(fd) != 0 && !status)
		status = err_errno(err, ERR_IO, "closing %s", temporary);
	if (!status && rename(temporary, path) != 0)
		status = err_errno(err, ERR_IO, "renaming %s to %s", temporary, path);
	if (status)
		unlink(temporary);
	return status;
}

int file_write_atomic(const char *path, struct slice bytes, unsigned mode, struct err *err)
{
	return write_beside(path, bytes, mode, NULL, err);
}

int file_rewrite(const char *path, struct slice bytes, unsigned mode, struct err *err)
{
	struct stat there;

	return write_beside(path, bytes, mode, lstat(path, &there) == 0 && S_ISREG(there.st_mode) ? &there : NULL, err);
}

int file_make_dirs(const char *path, unsigned mode, struct err *err)
{
	char   part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set(err, ERR_IO, "creating %s: path too long", path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return err_errno(err, ERR_IO, "creating folder %s", part);
		part[i] = path[i];
	}
	return 0;
}

int file_open_unlinked(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int  fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (snprintf(path, sizeof(path), "%s/varve-spool-XXXXXX", dir) >= (int)sizeof(path))
		return err_set(err, ERR_IO, "spool folder %s: path too long", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_IO, "creating a spool file in %s", dir);
	unlink(path);
	return fd;
}
