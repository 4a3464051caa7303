/* sim_fault.h - what goes wrong, and when: each kind comes again and again until the faults stop; then all is healed. */
#ifndef VARVE_TESTS_SIM_FAULT_H
#define VARVE_TESTS_SIM_FAULT_H

#include "sim_load.h"

struct sim;

enum sim_fault_kind {
	SIM_FAULT_RESET,
	SIM_FAULT_PARTITION,
	SIM_FAULT_BROKER_DIES,
	SIM_FAULT_BROKER_DRAINS,
	SIM_FAULT_CLOCK_JUMPS,
	SIM_FAULT_WORKER_DIES,
	SIM_FAULT_WORKER_VANISHES,
	SIM_FAULT_WORKER_SUSPENDED,
	SIM_FAULT_WORKER_DRAINS,
	SIM_FAULT_WORKER_LEAVES,
	SIM_FAULT_CLIENT_DIES,
	SIM_FAULT_OTHER_CLAIMS,
	SIM_FAULT_KINDS,
	SIM_FAULTS_END = SIM_FAULT_KINDS,
};

enum { SIM_OTHERS_MAX = 512 };

struct sim_other {
	uint64_t owner;
	size_t   layer, set;
};

struct sim_fault {
	bool             broker_to_die;                              /* in its next turn */
	uint8_t          layer_flaky[SIM_LAYERS_MAX][SIM_HOSTS_MAX]; /* failures still to come */
	uint8_t          reference_flaky[SIM_REFERENCES_MAX];
	struct sim_other others[SIM_OTHERS_MAX];
	size_t           others_count;
	bool             other_took[SIM_LAYERS_MAX][SIM_SETS];
};

void sim_faults_make(struct sim *sim);
void sim_fault_happens(struct sim *sim, uint64_t kind);
void sim_other_ends(struct sim *sim, uint64_t number);

#endif
