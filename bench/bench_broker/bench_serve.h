/* bench_serve.h - the broker that bench_broker measures: the program varve-broker over ipc://, or loop.h in a thread over inproc://.
 *
 * One at a time. Its catalog is a real one in a folder on the disk that --dir names. */
#ifndef VARVE_BENCH_SERVE_H
#define VARVE_BENCH_SERVE_H

#include "wire/socket.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct served {
	struct wire_context *context; /* for whoever talks to it */
	char                 endpoint[512];
	uint64_t             ready_ns; /* from exec (inproc: from opening the catalog) to the first answer */
	/* its own */
	pid_t                pid; /* 0 = inproc */
	struct catalog      *catalog;
	struct loop         *loop;
	pthread_t            thread;
	clockid_t            cpu;
};

/* program: path of varve-broker, NULL = inproc. folder: mode 0700, holds store, socket and the broker's log. */
void serve_start(struct served *served, const char *program, const char *folder);
void serve_stop(struct served *served);

uint64_t serve_cpu_ns(const struct served *served);     /* of the process; inproc: of the loop's thread */
uint64_t serve_anon_bytes(const struct served *served); /* RssAnon of the process that holds the broker */

#endif
