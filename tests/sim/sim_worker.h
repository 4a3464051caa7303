/* sim_worker.h - a worker: takes tasks, scans in virtual time, keeps results until they are acknowledged; and all that befalls it.
 *
 * Its start log is the truth about how often a layer was begun (struct sim_check). */
#ifndef VARVE_TESTS_SIM_WORKER_H
#define VARVE_TESTS_SIM_WORKER_H

#include "sim_link.h"

enum { SIM_TASKS_MAX = 64, SIM_SEEN_MAX = 4096 };

enum sim_task_state { SIM_TASK_NONE, SIM_TASK_RUNS, SIM_TASK_HANGS, SIM_TASK_ANSWERED };

struct sim_running {
	enum sim_task_state state;
	struct sim_message  task, answer;
	uint64_t            begun, chunks, sent;
};

struct sim_worker {
	bool               up, welcomed, draining, suspended;
	uint64_t           life, heard, id, suspended_until;
	size_t             set;
	unsigned           reaches; /* bits of hosts */
	uint32_t           layer_slots, light_slots;
	struct sim_running tasks[SIM_TASKS_MAX];
	uint64_t           seen[SIM_SEEN_MAX]; /* leases that came in */
	size_t             seen_count;
};

void sim_workers_make(struct sim *sim);
bool sim_worker_reaches(const struct sim *sim, size_t worker, size_t host);
void sim_worker_start(struct sim *sim, size_t worker);
void sim_worker_take(struct sim *sim, size_t worker, const struct sim_message *message);
void sim_worker_beat(struct sim *sim, size_t worker, uint64_t life);
void sim_worker_task_end(struct sim *sim, size_t worker, uint64_t life, uint64_t lease);
void sim_worker_crash(struct sim *sim, size_t worker, bool silent); /* silent: its connection stays half open */
void sim_worker_suspend(struct sim *sim, size_t worker, uint64_t ms);
void sim_worker_leave(struct sim *sim, size_t worker);

#endif
