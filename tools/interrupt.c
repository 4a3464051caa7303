#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void both_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

int interrupt_open(struct err *err)
{
	sigset_t set;
	int      fd;

	both_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : err_errno(err, ERR_IO, "waiting for signals");
}

void interrupt_close(int fd)
{
	sigset_t set;

	if (fd < 0)
		return;
	close(fd);
	both_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_came(int fd)
{
	struct signalfd_siginfo info;

	return fd >= 0 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}
