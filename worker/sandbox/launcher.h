/* launcher.h - the worker's hold on one varve-parse process, which forks a fresh child for each layer.
 *
 * The process is started with posix_spawn + exec: an empty environment, no descriptors but a control socket and the page,
 * a session of its own (a Ctrl-C at the terminal is not for it). It never sees a foreign byte; its children do, one layer
 * each (docs/decisions/0007-parser-process.md). When the worker dies, the socket ends and with it launcher and child.
 * Owner: one thread. launcher_start() returns before the process has spoken; launcher_ready() waits for that. */
#ifndef VARVE_WORKER_SANDBOX_LAUNCHER_H
#define VARVE_WORKER_SANDBOX_LAUNCHER_H

#include "base/err.h"
#include "base/slice.h"
#include "sandbox/parser_page.h"

#include <stdbool.h>

enum sandbox_mode {
	SANDBOX_PREFER,  /* all that the kernel has; what it lacks is told */
	SANDBOX_REQUIRE, /* all, or nothing is read */
	SANDBOX_OFF,     /* a process of its own, without restrictions */
};

/* "require", "prefer" or "off"; ERR_USAGE. */
int sandbox_mode_parse(const char *text, enum sandbox_mode *mode, struct err *err);

struct launcher;

/* program: NULL = found beside this program, or where it was installed. ERR_IO, ERR_NOT_FOUND, ERR_MEM. */
int  launcher_start(const char *program, enum sandbox_mode mode, struct launcher **out, struct err *err);
void launcher_stop(struct launcher *launcher); /* its child dies; NULL is fine */

/* Blocks, for LAUNCHER_START_MS_MAX at most, until it has said hello. *lacking: what the kernel refused, "" = nothing;
 * borrowed. ERR_UNSUPPORTED: something is lacking and the mode is SANDBOX_REQUIRE; ERR_IO: it did not start. */
int launcher_ready(struct launcher *launcher, const char **lacking, struct err *err);

/* Has a child started for `order` (parser_wire.h) with up to three descriptors, which stay the caller's. */
int launcher_order(struct launcher *launcher, struct slice order, const int *fds, size_t fds_count, struct err *err);

void                launcher_kill(struct launcher *launcher);     /* the child */
int                 launcher_fd(const struct launcher *launcher); /* readable: launcher_ended() has something to say */
struct parser_page *launcher_page(struct launcher *launcher);

/* 1: the child has ended, with *wait_status; 0: not yet; ERR_*: the launcher itself is gone. Never blocks. */
int launcher_ended(struct launcher *launcher, int *wait_status, struct err *err);

#endif
