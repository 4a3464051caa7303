/* sim_plan.h - which faults a seed's world has, how often, and how long. The group is the seed's millions. */
#ifndef VARVE_TESTS_SIM_PLAN_H
#define VARVE_TESTS_SIM_PLAN_H

#include "core.h"

enum { SIM_GROUP_SEEDS = 1000000 }; /* seeds of a group: group * this + 1 … */

enum sim_group {
	SIM_LINKS,      /* tcp-like links: delay, cut, reset, partition and heal */
	SIM_HOSTILE,    /* links that lose, duplicate and reorder each message by itself */
	SIM_CRASHES,    /* the broker dies at any step, disks are slow, planned drains */
	SIM_WORKERS,    /* workers die with and without a sound, hang, deliver late, leave; layers that kill */
	SIM_REGISTRIES, /* hosts that fail, ask to wait, serve garbage, are dead; budgets */
	SIM_CLAIMS,     /* other processes on the same store */
	SIM_SCHEDULING, /* floods, pauses, cancels, budgets; the classes and jobs share */
	SIM_ALL,        /* everything at once */
	SIM_GROUPS,
};

struct sim_plan {
	enum sim_group     group;
	bool               disturbed, hostile;
	uint64_t           quiet_from; /* no fault begins at or after this time */
	uint64_t           delay_max_ms;
	/* per mille of messages (hostile links) */
	uint32_t           lose, duplicate, late;
	/* mean time between, in ms; 0 = never */
	uint64_t           reset_ms, partition_ms;
	uint64_t           broker_crash_ms, broker_drain_ms, clock_jump_ms;
	uint64_t           worker_crash_ms, worker_silent_ms, worker_suspend_ms, worker_drain_ms, worker_bye_ms;
	uint64_t           client_crash_ms, other_claim_ms, flaky_ms;
	uint32_t           hang, lost_task; /* per mille of tasks */
	uint64_t           commit_ms;       /* longest */
	bool               killers;         /* layers that kill their worker */
	bool               bad_hosts, credentials, jobs_paused, jobs_cancelled;
	bool               plain;    /* every worker can do everything */
	uint64_t           bound_ms; /* all jobs have ended so long after quiet_from, or something is stuck */
	struct core_config core;
};

void        sim_plan_make(struct sim_plan *plan, uint64_t seed, bool disturbed);
const char *sim_group_name(enum sim_group group);

#endif
