/* The system calls of the parse side. The list was found with strace over all fixtures and images, and by reading what malloc,
 * threads and the libraries may call besides. What is forbidden is what is not here: sockets, exec, fork, signals, ptrace … */
#include "sandbox/lockdown.h"

#ifdef VARVE_HAVE_SECCOMP

#include "sandbox/parser_program.h"

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

struct lockdown_filter {
	struct sock_filter *code;
	unsigned short      count;
};

/* Of descriptors that it has: none of them can open another. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(close),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(sysinfo),
	/* threads */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	/* time, chance, itself */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
};

/* Libraries may try these and go on without: answered with EACCES and, where the handler below knows the registers, told.
 * tgkill is there for abort(). */
static const int refused[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(openat2),    SCMP_SYS(creat),  SCMP_SYS(stat),
	SCMP_SYS(lstat),      SCMP_SYS(newfstatat), SCMP_SYS(statx),      SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(tgkill),
};

/* Harmless to ask, of no use to have: answered as by a kernel that does not know them. */
static const int unknown[] = {
	SCMP_SYS(clone3), /* its flags cannot be looked at: the C library then uses clone() */
	SCMP_SYS(prctl),  SCMP_SYS(ioctl), SCMP_SYS(uname), SCMP_SYS(membarrier),
};

#ifdef __x86_64__
#define ACT_REFUSED SCMP_ACT_TRAP
#else
#define ACT_REFUSED SCMP_ACT_ERRNO(EACCES)
#endif

static int add_list(scmp_filter_ctx context, uint32_t action, const int *calls, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count && !failed; i++)
		failed = seccomp_rule_add(context, action, calls[i], 0);
	return failed;
}

enum {
	OF_A_THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
	OF_NO_THREAD = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
		       CLONE_NEWNET | CLONE_PTRACE | CLONE_PARENT | CLONE_VFORK,
};

/* Memory that can be written never becomes code. */
static int add_conditions(scmp_filter_ctx context)
{
	int failed =
		seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (!failed)
		failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!failed)
		failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
					  SCMP_A0(SCMP_CMP_MASKED_EQ, OF_A_THREAD | OF_NO_THREAD, OF_A_THREAD));
	for (int number = 32; number < SIGRTMIN && !failed; number++) /* of the C library, for its threads */
		failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
					  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)number, 0));
	return failed;
}

static int add_rules(scmp_filter_ctx context)
{
	int failed = add_list(context, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));

	if (!failed)
		failed = add_list(context, ACT_REFUSED, refused, sizeof(refused) / sizeof(refused[0]));
	if (!failed)
		failed = add_list(context, SCMP_ACT_ERRNO(ENOSYS), unknown, sizeof(unknown) / sizeof(unknown[0]));
	return failed ? failed : add_conditions(context);
}

/* The program as the kernel takes it: made once, loaded by every child. */
static bool export_code(scmp_filter_ctx context, struct lockdown_filter *filter)
{
	int   fd = memfd_create("seccomp", MFD_CLOEXEC);
	off_t size = fd >= 0 && seccomp_export_bpf(context, fd) == 0 ? lseek(fd, 0, SEEK_END) : -1;
	bool  ok = size > 0 && (size_t)size % sizeof(*filter->code) == 0 &&
		  (size_t)size / sizeof(*filter->code) <= BPF_MAXINSNS;

	filter->code = ok ? malloc((size_t)size) : NULL;
	ok = filter->code && pread(fd, filter->code, (size_t)size, 0) == size;
	filter->count = ok ? (unsigned short)((size_t)size / sizeof(*filter->code)) : 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

struct lockdown_filter *lockdown_filter_new(const char **lacking)
{
	struct lockdown_filter *filter = calloc(1, sizeof(*filter));
	scmp_filter_ctx         context = filter ? seccomp_init(SCMP_ACT_KILL_PROCESS) : NULL;
	bool                    ok = context && add_rules(context) == 0 && export_code(context, filter);

	if (context)
		seccomp_release(context);
	if (ok && prctl(PR_GET_SECCOMP) >= 0)
		return filter;
	*lacking = ok ? "seccomp: the kernel has no filters" : "seccomp: the filter cannot be made";
	if (filter)
		free(filter->code);
	free(filter);
	return NULL;
}

#ifdef __x86_64__

/* The page that the handler writes to: a signal handler has no other way to know it. */
static struct parser_page *told_to;

/* What malloc and SQLite look at by themselves now and then; to be told of it would hide what matters. */
static bool is_expected(const char *path)
{
	return strcmp(path, "/proc/sys/vm/overcommit_memory") == 0 || strcmp(path, "/dev/urandom") == 0;
}

static const char *path_of(int call, const greg_t *registers)
{
	switch (call) {
	case SCMP_SYS(openat):
	case SCMP_SYS(openat2):
	case SCMP_SYS(newfstatat):
	case SCMP_SYS(statx):
	case SCMP_SYS(faccessat):
	case SCMP_SYS(faccessat2):
	case SCMP_SYS(readlinkat):
		return (const char *)registers[REG_RSI];
	case SCMP_SYS(getcwd):
		return "";
	default:
		return (const char *)registers[REG_RDI];
	}
}

static void on_refused(int number, siginfo_t *info, void *context)
{
	greg_t     *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const char *path;

	(void)number;
	if (info->si_syscall == SCMP_SYS(tgkill))
		_exit(PARSER_EXIT_ABORTED);
	path = path_of(info->si_syscall, registers);
	if (!path || !is_expected(path))
		parser_page_refused(told_to, (uint32_t)info->si_syscall, path ? path : "");
	registers[REG_RAX] = -EACCES;
}

static bool listen_to_refusals(struct parser_page *page)
{
	struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER};

	told_to = page;
	return sigaction(SIGSYS, &action, NULL) == 0;
}

#else

static bool listen_to_refusals(struct parser_page *page)
{
	(void)page;
	return true;
}

#endif

bool lockdown_filter_load(const struct lockdown_filter *filter, struct parser_page *page)
{
	struct sock_fprog program = {.len = filter->count, .filter = filter->code};

	return listen_to_refusals(page) && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

struct lockdown_filter *lockdown_filter_new(const char **lacking)
{
	*lacking = "seccomp: built without libseccomp";
	return NULL;
}

bool lockdown_filter_load(const struct lockdown_filter *filter, struct parser_page *page)
{
	(void)filter;
	(void)page;
	return true;
}

#endif
