#include "sandbox/lockdown.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h of newer kernels than the headers here may be of; documentation: kernel.org, userspace-api/landlock. */
struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
enum { ASK_VERSION = 1, ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPED = 6 };
enum {
	FS_OF_ABI_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
	NET_BIND_AND_CONNECT_TCP = 3,
	SCOPED_ABSTRACT_SOCKET_AND_SIGNAL = 3,
};

static struct ruleset all_that(long abi)
{
	struct ruleset all = {.handled_access_fs = FS_OF_ABI_1};

	if (abi >= ABI_REFER)
		all.handled_access_fs |= FS_REFER;
	if (abi >= ABI_TRUNCATE)
		all.handled_access_fs |= FS_TRUNCATE;
	if (abi >= ABI_NET)
		all.handled_access_net = NET_BIND_AND_CONNECT_TCP;
	if (abi >= ABI_IOCTL)
		all.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= ABI_SCOPED)
		all.scoped = SCOPED_ABSTRACT_SOCKET_AND_SIGNAL;
	return all;
}

int lockdown_landlock(void)
{
	long           abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION), fd;
	struct ruleset ruleset = all_that(abi);
	int            error = 0;

	if (abi < 1)
		return errno;
	fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (fd < 0)
		return errno;
	if (syscall(SYS_landlock_restrict_self, (int)fd, 0) != 0)
		error = errno;
	close((int)fd);
	return error;
}
