/* loop_driver.h - the broker's shell in a thread, and peers that say exactly what a test wants. Every failure is a failed test.
 *
 * References are docker://r.example/LETTERS:TAG: the image has one layer per letter of its repository, equal letters are equal
 * layers, 'a' is larger than 'b', '1' claims to be the content of 'a'; '-' stands between the images of one reference. While the broker is halted, the test may look inside. */
#ifndef VARVE_TESTS_LIB_LOOP_DRIVER_H
#define VARVE_TESTS_LIB_LOOP_DRIVER_H

#include "loop_internal.h"

enum {
	DRIVER_ANSWER_MS = 20000,
	DRIVER_TYPES = 128,
	DRIVER_PEERS_MAX = 6,
	DRIVER_TASKS_MAX = 256,
	DRIVER_TRIES = 1000
};

struct peer_task {
	uint64_t      lease, job;
	uint32_t      kind;
	bool          verify;
	struct digest digest, diff_id;
	char          reference[256];
	size_t        known;
};

struct peer {
	struct wire_client *socket;
	struct buf          out, in;
	struct arena        arena;
	size_t              seen[DRIVER_TYPES];      /* messages by type */
	struct peer_task    tasks[DRIVER_TASKS_MAX]; /* that came and were not taken yet */
	size_t              tasks_count;
	uint64_t            acks[DRIVER_TASKS_MAX]; /* leases acknowledged with code 0 */
	size_t              acks_count;
};

struct broker {
	struct wire_context *context;
	struct catalog      *catalog;
	struct loop         *loop;
	struct loop_config   config;
	pthread_t            thread;
	bool                 running;
	struct peer peers[DRIVER_PEERS_MAX]; /* those with a socket are closed at the end, after a failure too */
	char        dir[64];
};

int  broker_set_up(void **state); /* cmocka: *state is a struct broker */
int  broker_tear_down(void **state);
void broker_go(struct broker *broker);
void broker_halt(struct broker *broker);
void broker_restart(struct broker *broker); /* on the same store, running; peers have to be opened again */

struct peer *peer_open(struct broker *broker);
void         peer_close(struct peer *peer);
void         say(struct peer *peer); /* what is in peer->out */

/* The body of the next message of that type; tasks and acknowledgements that come before it are kept, others counted only. */
struct slice hear(struct peer *peer, enum wire_type type);
void         settle(struct peer *peer); /* everything said so far has been answered when this returns */

/* --- clients --- */
uint64_t submit(struct peer *peer, struct slice *references, size_t count);
uint64_t submit_as(struct peer *peer, struct wire_submit *m, struct slice *references,
		   size_t count); /* none: no REFERENCES */
void     send_references(struct peer *peer, uint64_t job, uint32_t number, bool last, struct slice *references,
			 size_t count);
void     ask_number(struct peer *peer, enum wire_type type, uint64_t number); /* answered by OK */
struct wire_job_status job_status(struct peer *peer, uint64_t job);
uint64_t               fleet_counter(struct peer *peer, const char *name);

/* --- workers --- */
uint64_t         greet(struct peer *peer); /* its number */
uint64_t         greet_as(struct peer *peer, uint8_t instance, uint64_t *leases, size_t count);
struct peer_task next_task(struct peer *peer); /* waits for one */
uint64_t         take_task(struct peer *peer); /* its lease */
void             answer_task(struct peer *peer, const struct peer_task *task);
void             answer_layer(struct peer *peer, const struct peer_task *task, const struct wire_layer_result *m);
void             fail_task(struct peer *peer, uint64_t lease);
void             fail_task_as(struct peer *peer, uint64_t lease, enum wire_fail_class fail_class, int code);
void             tell_progress(struct peer *peer, const uint64_t *leases, size_t count);
size_t work(struct peer *peer, size_t max); /* answers tasks until none comes any more, or so many; how many */

#endif
