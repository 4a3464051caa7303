#include "base/daemon.h"

#include <signal.h>

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void daemon_block_signals(void)
{
	sigset_t set;

	stop_signals(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static int wait_for(const sigset_t *set)
{
	int number = 0;

	sigwait(set, &number);
	return number;
}

int daemon_wait_signal(void)
{
	sigset_t set;

	stop_signals(&set);
	return wait_for(&set);
}

int daemon_wait_signal_drain(void)
{
	sigset_t set;

	stop_signals(&set);
	sigaddset(&set, SIGUSR1);
	return wait_for(&set);
}

void daemon_wake(pthread_t waiter)
{
	pthread_kill(waiter, SIGTERM);
}

int daemon_exit_status(int code)
{
	if (code >= 0)
		return 0;
	return code == ERR_USAGE || code == ERR_CONFIG ? DAEMON_USAGE : DAEMON_CANNOT_RUN;
}

int daemon_read_options(int argc, char **argv, const struct option *options,
			int (*take)(int id, void *settings, struct err *err), void *settings, const bool *done,
			struct err *err)
{
	int id, status = 0;

	opterr = 0;
	while (status >= 0 && !*done && (id = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = id == '?' || id == ':' ? err_set(err, ERR_USAGE, "%s: unknown option, or without its argument",
							  argv[optind - 1])
						: take(id, settings, err);
	if (status >= 0 && !*done && optind < argc)
		status = err_set(err, ERR_USAGE, "unexpected argument \"%s\"", argv[optind]);
	return status;
}
