/* sim.h - one world in virtual time: the broker's real core behind a model of its shell, with a catalog, workers, clients and links.
 *
 * Everything follows from a seed. Times are milliseconds from the start of the world. A broken rule stops the run:
 * sim_fail() keeps the first one. docs/TESTING.md says what is simulated and what must hold. */
#ifndef VARVE_TESTS_SIM_H
#define VARVE_TESTS_SIM_H

#include "sim_broker.h"
#include "sim_catalog.h"
#include "sim_check.h"
#include "sim_client.h"
#include "sim_fault.h"
#include "sim_link.h"
#include "sim_load.h"
#include "sim_plan.h"
#include "sim_queue.h"
#include "sim_share.h"
#include "sim_worker.h"

#include "base/rng.h"

enum { SIM_TRACE_LINES = 60, SIM_TRACE_BYTES = 200 };

struct sim {
	uint64_t           seed, now, events_done;
	struct rng         rng; /* of faults, delays and durations; the load has its own */
	struct sim_plan    plan;
	struct sim_load    load;
	struct sim_queue   queue;
	struct sim_catalog catalog;
	struct sim_broker  broker;
	struct sim_links   links;
	struct sim_worker  workers[SIM_WORKERS_MAX];
	struct sim_client  clients[SIM_CLIENTS_MAX];
	struct sim_fault   fault;
	struct sim_check   check;
	struct sim_share   share;
	bool               tracing, printing;
	size_t             trace_count;
	char               trace[SIM_TRACE_LINES][SIM_TRACE_BYTES];
	bool               failed;
	char               failure[400];
};

/* Zeroed memory in; runs the world of the seed to its end. `disturbed` false: the same work with nothing in its way. */
void sim_run(struct sim *sim, uint64_t seed, bool disturbed);
void sim_free(struct sim *sim);

void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_say(struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* one line of the trace */

/* True in `per_mille` of 1,000 cases, never after the faults have stopped. */
bool     sim_chance(struct sim *sim, uint64_t per_mille);
uint64_t sim_between(struct sim *sim, uint64_t low, uint64_t high);

#define SIM_SAY(sim, ...)                                                                                              \
	do {                                                                                                           \
		if ((sim)->tracing)                                                                                    \
			sim_say((sim), __VA_ARGS__);                                                                   \
	} while (0)

#endif
