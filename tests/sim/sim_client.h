/* sim_client.h - a client: submits a job with its token, sends references in batches until each is taken, pauses, resumes,
 * cancels, asks until the job has ended, and then for what failed once more. It forgets all but its list when it dies. */
#ifndef VARVE_TESTS_SIM_CLIENT_H
#define VARVE_TESTS_SIM_CLIENT_H

#include "sim_link.h"
#include "sim_load.h"

enum { SIM_BATCHES_MAX = SIM_REFERENCES_MAX, SIM_IN_FLIGHT_MAX = 8 };

struct sim_client {
	bool     up, ended, pause_wanted, paused, cancel_wanted;
	uint64_t life, job, correlation, heard;
	uint64_t asked[SIM_BATCHES_MAX]; /* when it was sent; UINT64_MAX = taken */
	/* what was said to any life of it: must stay true */
	uint64_t told_job;
	bool     told_taken[SIM_BATCHES_MAX], told_ended;
	bool     retries; /* now it is about the job for what failed */
	uint64_t first_job;
};

void     sim_clients_make(struct sim *sim);
void     sim_client_timer(struct sim *sim, size_t client, uint64_t life);
void     sim_client_take(struct sim *sim, size_t client, const struct sim_message *message);
void     sim_client_crash(struct sim *sim, size_t client);
size_t   sim_client_batches(const struct sim *sim, size_t client);
uint64_t sim_client_token(const struct sim *sim, size_t client, bool retry);
bool     sim_clients_ended(const struct sim *sim);

#endif
