/* core_history.h - a seeded random history for the broker's core: workers that come, go, fail and lie, jobs that are paused and
 * cancelled, claims of every answer. Driven through core_shell.h, which checks after each step. */
#ifndef VARVE_TESTS_LIB_CORE_HISTORY_H
#define VARVE_TESTS_LIB_CORE_HISTORY_H

#include "base/rng.h"
#include "lib/core_shell.h"

struct core_history {
	struct shell *shell; /* borrowed */
	struct rng    rng;
	uint64_t      answered, jobs;
	size_t        not_sent; /* layers whose task did not leave: the next one is not counted */
};

/* Opens the shell with three jobs of eight references; shell->core is the caller's. */
void core_history_open(struct core_history *history, struct shell *shell, uint64_t seed);
void core_history_event(struct core_history *history);
void core_history_finish(struct core_history *history); /* from now on all goes well: until the jobs have ended */

#endif
