/* sim_broker.h - what broker/loop*.c does, in a model: takes messages, steps the real core, carries out its actions, commits,
 * and only then sends. It dies at any step, and a new one goes on from the catalog. */
#ifndef VARVE_TESTS_SIM_BROKER_H
#define VARVE_TESTS_SIM_BROKER_H

#include "core.h"
#include "sim_catalog.h"
#include "sim_link.h"

struct sim;

enum { SIM_SILENCE_MS = 20000, SIM_BEAT_MS = 2000, SIM_CHUNKS_MAX = 3, SIM_PEERS_MAX = 256, SIM_UPLOADS_MAX = 512 };

enum sim_broker_end { SIM_STAYS, SIM_DIES_STEPPING, SIM_DIES_COMMITTING, SIM_DIES_SENDING };

/* A worker as the shell knows it. */
struct sim_known_worker {
	uint64_t id, connection, life, heard, pinged;
	size_t   index, set;
	bool     draining;
};

struct sim_upload {
	uint64_t lease;
	uint32_t next;
};

struct sim_outgoing {
	uint64_t           connection;
	struct sim_message message;
};

struct sim_broker {
	bool                    up, committing, draining, drained, turn_asked;
	struct core            *core;
	uint64_t                life, owner, clock_ahead, turn_number, steps;
	enum sim_broker_end     end;       /* of this turn */
	uint64_t                end_after; /* steps */
	struct sim_known_worker workers[SIM_PEERS_MAX];
	size_t                  workers_count, workers_seen;
	struct sim_upload       uploads[SIM_UPLOADS_MAX];
	size_t                  uploads_count;
	struct sim_message     *inbox;
	size_t                  inbox_count, inbox_capacity;
	struct sim_outgoing    *outbox;
	size_t                  outbox_count, outbox_capacity;
	struct core_event      *events;
	size_t                  events_count, events_capacity;
	uint64_t                base[SIM_CATALOG_JOBS_MAX][SIM_COUNTERS]; /* stored by earlier lives */
	struct core_job_stats   ended[SIM_CATALOG_JOBS_MAX];
	bool                    changed[SIM_CATALOG_JOBS_MAX], known[SIM_CATALOG_JOBS_MAX];
	uint64_t                uncommitted[SIM_CATALOG_JOBS_MAX];
};

void     sim_broker_start(struct sim *sim);
void     sim_broker_die(struct sim *sim, const char *how);
void     sim_broker_take(struct sim *sim, const struct sim_message *message);
void     sim_broker_turn(struct sim *sim, uint64_t number);
void     sim_broker_committed(struct sim *sim);
void     sim_broker_drain(struct sim *sim);
void     sim_broker_free(struct sim *sim);
uint64_t sim_broker_clock(const struct sim *sim);

/* sim_shell.c, for sim_messages.c and sim_actions.c */
void                     sim_shell_step(struct sim *sim, const struct core_event *event); /* and what follows from it */
void                     sim_shell_queue(struct sim *sim, const struct core_event *event);
void                     sim_shell_send(struct sim *sim, uint64_t connection, const struct sim_message *message);
void                     sim_shell_alarm(struct sim *sim, uint64_t at);
struct sim_known_worker *sim_shell_worker(struct sim *sim, uint64_t id);
void                     sim_shell_forget(struct sim *sim, struct sim_known_worker *worker);
bool                     sim_shell_open_job(struct sim *sim, uint64_t job);
void                     sim_shell_write_jobs(struct sim *sim);

/* sim_actions.c */
void sim_shell_carry_out(struct sim *sim, const struct core_action *action);

/* sim_messages.c */
void sim_shell_message(struct sim *sim, const struct sim_message *message);
void sim_shell_store_reference(struct sim *sim, uint64_t job, size_t reference);

#endif
