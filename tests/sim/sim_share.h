/* sim_share.h - nobody starves: bulk gets its share beside ad hoc work, and each job of a class beside the others.
 *
 * Judged in worlds where every worker can do everything (struct sim_plan: plain), so that who waits, waits for its turn. */
#ifndef VARVE_TESTS_SIM_SHARE_H
#define VARVE_TESTS_SIM_SHARE_H

#include "sim_catalog.h"

struct sim;

struct sim_share {
	uint64_t bulk_ready[2];   /* before this step, less what went out in it; by slot: light, layer */
	unsigned adhoc_in_row[2]; /* while bulk was ready */
	unsigned
		passed_over[SIM_CATALOG_JOBS_MAX]; /* light tasks of its class that went before it while it was ready */
	bool    leased[SIM_CATALOG_JOBS_MAX][SIM_REFERENCES_MAX];
};

void sim_share_before_step(struct sim *sim);
void sim_share_task(struct sim *sim, const struct core_action *action);

#endif
