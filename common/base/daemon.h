/* daemon.h - what long-running programs share: stop on SIGTERM and SIGINT without a handler, exit status of an error. */
#ifndef VARVE_BASE_DAEMON_H
#define VARVE_BASE_DAEMON_H

#include "base/err.h"

#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>

/* Call before any thread is started: SIGTERM, SIGINT, SIGUSR1 (and SIGHUP, SIGPIPE, which are ignored) no longer end the
 * process. */
void daemon_block_signals(void);

int  daemon_wait_signal(void);       /* blocks until SIGTERM or SIGINT comes, or daemon_wake() */
int  daemon_wait_signal_drain(void); /* or SIGUSR1, which asks to finish what was begun; the signal's number */
void daemon_wake(pthread_t waiter);  /* ends the wait of that thread */

/* Long options only. `take` is given each option's id, its argument in optarg, until it fails or sets `*done` (--help). No
 * operands are allowed. ERR_USAGE. */
int daemon_read_options(int argc, char **argv, const struct option *options,
			int (*take)(int id, void *settings, struct err *err), void *settings, const bool *done,
			struct err *err);

/* How lines of the log are written: "text" or "json"; ERR_USAGE for anything else. */
int daemon_log_format(const char *format, struct err *err);

/* To be called first of all: when standard error is the journal's ($JOURNAL_STREAM), lines carry their priority. */
void daemon_log_begin(void);

/* Why the program ends: "varve-broker: text" on stderr, or a line of the log where that is JSON. */
void daemon_say_error(const char *program, const struct err *err);

enum { DAEMON_USAGE = 2, DAEMON_CANNOT_RUN = 4 };
int daemon_exit_status(int code); /* of a negative ERR_*: 2 usage or configuration, 4 could not run; 0 for 0 */

#endif
