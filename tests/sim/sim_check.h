/* sim_check.h - what must always hold. The truth is kept here: what workers began, what peers were told, what was sent.
 *
 * Each function is called where its name says; what is wrong goes to sim_fail(). docs/TESTING.md lists the rules. */
#ifndef VARVE_TESTS_SIM_CHECK_H
#define VARVE_TESTS_SIM_CHECK_H

#include "sim_catalog.h"
#include "sim_link.h"

struct sim;
struct sim_known_worker;

enum { SIM_LIVES_MAX = 1024 };

struct sim_lease {
	enum core_task_kind kind;
	size_t              layer, set, reference, host;
	uint64_t            job, worker, at, size, answered_at; /* at: of the broker's clock */
	size_t              before; /* the lease of the same layer before, in this life; SIZE_MAX = none */
	bool counted, committed, sent, not_sent, begun, answered, good, failed_transient, failed_not_here;
};

/* What befell a task, over all its leases. */
struct sim_trouble {
	unsigned unanswered, transient, not_here;
};

struct sim_check {
	struct sim_lease *leases;
	size_t            leases_count, leases_capacity;
	size_t            committed;                       /* of them */
	size_t            first[SIM_LIVES_MAX];            /* lease of each life of the broker */
	uint32_t          begun[SIM_LAYERS_MAX][SIM_SETS]; /* by workers: their start logs */
	uint32_t          others[SIM_LAYERS_MAX][SIM_SETS];
	bool              acknowledged[SIM_LAYERS_MAX][SIM_SETS];
	bool              counted[SIM_LAYERS_MAX][SIM_SETS];                        /* since its last lease */
	uint64_t          image_done[SIM_CATALOG_JOBS_MAX][SIM_CATALOG_IMAGES_MAX]; /* life of the broker */
	uint64_t          blocked_until[SIM_HOSTS_MAX];                             /* of the broker's clock */
	bool              drain_seen;
	uint64_t          steps, tasks, excused, ends_checked;
};

void sim_check_step(struct sim *sim);
void sim_check_count(struct sim *sim, size_t layer, size_t set);
void sim_check_task(struct sim *sim, const struct core_action *action, const struct sim_message *m,
		    const struct sim_known_worker *worker);
void sim_check_sent(struct sim *sim, uint64_t lease);
void sim_check_not_sent(struct sim *sim, uint64_t lease);
void sim_check_begun(struct sim *sim, const struct sim_message *m);
void sim_check_other_began(struct sim *sim, size_t layer, size_t set);
void sim_check_answered(struct sim *sim, uint64_t lease, bool good);
void sim_check_failed(struct sim *sim, const struct sim_message *m);
void sim_check_acknowledged(struct sim *sim, size_t layer, size_t set);
void sim_check_image_done(struct sim *sim, uint64_t job, const struct sim_stored_image *image);
void sim_check_reference_done(struct sim *sim, uint64_t job, uint64_t number);
void sim_check_job_done(struct sim *sim, uint64_t job, bool cancelled);
void sim_check_drained(struct sim *sim);
void sim_check_committed(struct sim *sim);
void sim_check_crashed(struct sim *sim); /* what remains after a broker's death */

/* sim_check_end.c: when all have ended */
void sim_check_end(struct sim *sim);
void sim_check_same(struct sim *sim, const struct sim *quiet); /* the results are those of the undisturbed run */

#endif
