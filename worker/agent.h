/* agent.h - a worker's threads: one socket, some that list and resolve, some that open transfers ahead, N that scan.
 *
 * Joins messaging and scanning; the only file of the worker (but its main) that speaks docs/PROTOCOL.md. Results are kept
 * until the broker has acknowledged them, over reconnects and restarts of the broker too: the agent goes on scanning
 * while there is none, and says HELLO, at growing intervals, until there is. */
#ifndef VARVE_WORKER_AGENT_H
#define VARVE_WORKER_AGENT_H

#include "agent_metrics.h"
#include "base/health.h"
#include "base/log.h"
#include "sandbox/parser.h"
#include "source/source.h"
#include "wire/socket.h"

struct agent_config {
	struct wire_context      *context;
	struct wire_client_config broker;
	struct sources           *sources;   /* borrowed; agent_stop() stops it */
	const char               *name;      /* shown by the broker; NULL = host name */
	const char               *spool_dir; /* NULL = $TMPDIR, else /var/tmp */
	unsigned                  threads;   /* scan threads; 0 = CPUs this process may use */
	struct parser_config      parser;    /* of each scan thread */
	const char *const        *hosts;     /* registries it may reach, NULL-terminated; NULL = any */
	bool                      embedded;  /* may be given local transports */
	struct memo              *memo;      /* borrowed; NULL: every file is analysed */
	enum log_level            scan_log;  /* level of the line that each scan of a layer begins with */
	void (*drained)(void *data);         /* all is finished and BYE said; from the agent's thread; may be NULL */
	void                 *drained_data;
	struct agent_metrics *metrics; /* borrowed; NULL: nothing is counted */
	struct health        *health;  /* borrowed; NULL: nobody looks */
};

struct agent;

/* ERR_UNSUPPORTED: a sandbox is required that the kernel does not have; ERR_NOT_FOUND: there is no varve-parse. */
int  agent_start(const struct agent_config *config, struct agent **out, struct err *err);
void agent_drain(
	struct agent *agent); /* takes no more, finishes what it holds; then `drained`. A broker may ask for it too */
void     agent_stop(struct agent *agent); /* cancels what runs, says BYE; NULL is fine */
unsigned agent_cpus(void);                /* that this process may use */

#endif
