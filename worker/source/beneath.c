#include "source/beneath.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TRIES_MAX = 100 };

static int open_below(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
			       .resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long            fd = -1;

	/* EAGAIN: something was renamed meanwhile, so that "beneath" could not be decided */
	for (int i = 0; i < TRIES_MAX; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return (int)fd;
}

static int failure(struct err *err)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return err_errno(err, ERR_NOT_FOUND, "opening it");
	if (errno == EXDEV)
		return err_set(err, ERR_FORMAT, "a symlink leads outside");
	return err_errno(err, errno == ELOOP ? ERR_FORMAT : ERR_IO, "opening it");
}

/* What it is is asked of an O_PATH descriptor first: opening a device or a FIFO can have effects of its own. */
int beneath_open_file(int dir, struct slice path, bool follow, struct stat *info, struct err *err)
{
	char        name[LIMIT_PATH_BYTES + 1], again[40];
	struct stat own;
	int         handle, fd;

	if (!info)
		info = &own;
	if (path.len == 0 || path.len >= sizeof(name) || slice_find(path, '\0') != SIZE_MAX)
		return err_set(err, ERR_FORMAT, "no usable name");
	snprintf(name, sizeof(name), "%.*s", SLICE_FMT(path));
	handle = open_below(dir, name, O_PATH | (follow ? 0 : O_NOFOLLOW), follow ? 0 : RESOLVE_NO_SYMLINKS);
	if (handle < 0)
		return failure(err);
	if (fstat(handle, info) != 0 || !S_ISREG(info->st_mode)) {
		close(handle);
		return err_set(err, ERR_FORMAT, "not a regular file");
	}
	snprintf(again, sizeof(again), "/proc/self/fd/%d", handle);
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		fd = failure(err);
	close(handle);
	return fd;
}

int beneath_open_folder(int dir, const char *name, struct err *err)
{
	int fd = open_below(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);

	return fd < 0 ? failure(err) : fd;
}
