#include "base/daemon.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

int daemon_log_format(const char *format, struct err *err)
{
	if (strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		return err_set(err, ERR_USAGE, "--log-format: text or json, not \"%s\"", format);
	log_format_set(strcmp(format, "json") == 0 ? LOG_JSON : LOG_TEXT);
	return 0;
}

/* The variable may be inherited by a program whose output goes elsewhere: device and inode must be those of stderr. */
void daemon_log_begin(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	const char *colon = stream ? strchr(stream, ':') : NULL;
	uint64_t    device, inode;
	struct stat file;

	if (colon && slice_u64(slice_sub(slice_str(stream), 0, (size_t)(colon - stream)), &device) &&
	    slice_u64(slice_str(colon + 1), &inode) && fstat(STDERR_FILENO, &file) == 0)
		log_journal_set(file.st_dev == device && file.st_ino == inode);
}

void daemon_say_error(const char *program, const struct err *err)
{
	if (log_format_get() == LOG_JSON)
		log_line(LOG_ERROR, program, "%s", err->text);
	else
		fprintf(stderr, "%s: %s\n", program, err->text);
}
