/* loop.h - the broker's shell: one thread owns the sockets and the catalog's writes and drives the core.
 *
 * Each turn takes the messages that are there, steps the core, writes all that follows in one transaction, commits, and
 * only then sends: nothing is acknowledged or granted before its commit. Further threads compute image results. What peers
 * can make it hold is bounded: bytes of unfinished results, of answers, and of image results on their way to readers. */
#ifndef VARVE_BROKER_LOOP_H
#define VARVE_BROKER_LOOP_H

#include "core.h"
#include "deliver/deliver.h"
#include "loop_metrics.h"
#include "store/catalog.h"
#include "wire/socket.h"

struct loop_config {
	struct wire_context      *context;
	struct wire_server_config server;
	struct catalog           *catalog; /* borrowed, writable */
	const char               *db_dir;  /* advisories; NULL = inside the store */
	struct core_config        core;
	bool                      embedded;         /* local transports allowed; jobs end with this process */
	unsigned                  results_threads;  /* 0 = the CPUs it may use, four at most */
	uint64_t                  result_bytes_max; /* of unfinished results, all workers; 0 = 512 MiB */
	uint64_t                  worker_bytes_max; /* … of one worker: its credit; 0 = 64 MiB */
	uint64_t                  list_idle_ms;     /* a list that nobody continues for so long is closed; 0 = a day */
	struct loop_metrics      *metrics;          /* borrowed; NULL: nothing is counted */
	struct health            *health;           /* borrowed; NULL: nobody looks */
	const struct deliver_config
		*deliver; /* who is told of new and gone findings, borrowed until loop_open() returns; NULL */
};

struct loop;

int         loop_open(const struct loop_config *config, struct loop **out, struct err *err); /* bound when it returns */
const char *loop_endpoint(const struct loop *loop, size_t index);

/* Runs until loop_stop(), or until drained: 0; or until the store fails: its error, clients have been told. In any one thread. */
int  loop_run(struct loop *loop, struct err *err);
void loop_stop(struct loop *loop);  /* any thread, signal handlers too */
void loop_drain(struct loop *loop); /* … : no new work; loop_run() ends when none is out */
void loop_close(struct loop *loop);

#endif
