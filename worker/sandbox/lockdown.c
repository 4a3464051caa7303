#include "sandbox/lockdown.h"

#include "base/limits.h"
#include "sandbox/parser_program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NOBODY = 65534,
	FILES_MAX = 32,
	CPU_FACTOR = 4, /* the ceiling is of time; several threads spend more of CPU */
};

static void lack(struct buf *lacking, const char *what, int error)
{
	buf_printf(lacking, "%s%s%s%s", lacking->len ? ", " : "", what, error ? ": " : "",
		   error ? strerror(error) : "");
}

/* An out-of-memory kernel is to end a parser rather than its worker. Not being able to say so is no lack. */
static void volunteer_for_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "500", 3) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

/* Where the number is not mapped (a user namespace of one user), root without capabilities has to do. */
static void stop_being_root(void)
{
	if (geteuid() != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0)
		errno = 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct   none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

static int set_limit(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return errno;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value)
		value = limit.rlim_max;
	limit.rlim_cur = limit.rlim_max = value;
	return setrlimit((__rlimit_resource_t)resource, &limit) == 0 ? 0 : errno;
}

void lockdown_begin(struct lockdown *lockdown, bool off, struct buf *lacking)
{
	const char *no_filter = NULL;
	int         error;

	*lockdown = (struct lockdown){.on = !off && !PARSER_SANITIZED};
	if (PARSER_SANITIZED && !off)
		lack(lacking, "the program is built with a sanitizer, which cannot live in a sandbox", 0);
	if (!lockdown->on)
		return;
	volunteer_for_oom();
	stop_being_root();
	error = drop_capabilities();
	if (error)
		lack(lacking, "capabilities cannot be dropped", error);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		lack(lacking, "no_new_privs", errno);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		lack(lacking, "PR_SET_DUMPABLE", errno);
	error = set_limit(RLIMIT_CORE, 0);
	if (error)
		lack(lacking, "resource limits", error);
	error = lockdown_landlock();
	if (error)
		lack(lacking, "Landlock", error);
	lockdown->filter = lockdown_filter_new(&no_filter);
	if (!lockdown->filter)
		lack(lacking, no_filter, 0);
}

static bool limit_child(const struct parser_order *order)
{
	uint64_t seconds = order->seconds_max ? order->seconds_max : LIMIT_LAYER_SECONDS;
	uint64_t spool = order->spool_bytes_max ? order->spool_bytes_max : LIMIT_SPOOL_BYTES;

	return set_limit(RLIMIT_CPU, CPU_FACTOR * seconds) == 0 && set_limit(RLIMIT_NOFILE, FILES_MAX) == 0 &&
	       set_limit(RLIMIT_FSIZE, spool + LIMIT_BODY_MEMORY_BYTES) == 0 &&
	       set_limit(RLIMIT_DATA, LIMIT_PARSER_DATA_BYTES) == 0 &&
	       set_limit(RLIMIT_AS, LIMIT_PARSER_ADDRESS_BYTES) == 0;
}

bool lockdown_child(const struct lockdown *lockdown, const struct parser_order *order, struct parser_page *page)
{
	if (!lockdown->on)
		return true;
	return limit_child(order) && (!lockdown->filter || lockdown_filter_load(lockdown->filter, page));
}
