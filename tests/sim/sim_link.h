/* sim_link.h - the ways between the broker and its peers, and what goes over them.
 *
 * A peer has one link; what the broker knows of it is the number of its present connection. tcp-like: in order, nothing
 * lost or doubled within a connection; a reset gives a new number and loses what is on its way, and neither side is told
 * (as with ZeroMQ), but sending to a connection that has ended fails. Hostile: each message may be lost, doubled, late. */
#ifndef VARVE_TESTS_SIM_LINK_H
#define VARVE_TESTS_SIM_LINK_H

#include "core.h"

struct sim;

enum {
	SIM_WORKERS_MAX = 5,
	SIM_CLIENTS_MAX = 6,
	SIM_LINKS_MAX = SIM_WORKERS_MAX + SIM_CLIENTS_MAX,
	SIM_HELD_MAX = 24,
	SIM_BATCH_MAX = 16
};

enum sim_message_kind {
	SIM_HELLO,
	SIM_WELCOME,
	SIM_PROGRESS,
	SIM_PING,
	SIM_PONG,
	SIM_TASK,
	SIM_RESULT,
	SIM_ACK,
	SIM_FAILURE,
	SIM_DROP,
	SIM_DRAIN,
	SIM_BYE,
	SIM_SUBMIT,
	SIM_JOB,
	SIM_REFERENCES,
	SIM_OK,
	SIM_CANCEL,
	SIM_PAUSE,
	SIM_RESUME,
	SIM_STATUS,
	SIM_STATUS_REPLY,
	SIM_ERROR,
};

struct sim_message {
	enum sim_message_kind kind;
	bool                  to_broker;
	uint64_t              connection;
	uint64_t              life; /* of the peer's process that sent it, or that it is for */
	uint64_t              correlation, lease, job, token, worker; /* lease of an OK: 1 = for references */
	uint32_t              number, attempt;
	bool                  last;
	int                   code;
	/* hello, progress */
	size_t                set, count;
	uint32_t              layer_slots, light_slots;
	uint64_t              leases[SIM_HELD_MAX], bytes[SIM_HELD_MAX];
	/* task, result, failure */
	enum core_task_kind   task_kind;
	size_t                layer, reference, host;
	bool                  verify, lies, partial, reusable, verified;
	uint32_t              claimed;
	enum core_fail_class  fail_class;
	uint64_t              retry_after_ms;
	/* submit, references, status */
	uint32_t              priority;
	bool                  no_reuse, running, paused, cancelled;
	uint64_t              retry_of;
	uint8_t               references[SIM_BATCH_MAX];
};

struct sim_link {
	uint64_t connection, partition_until;
	uint64_t arrived[2]; /* of the last message, by direction: order is kept */
	bool     peer_up;    /* the process is there … */
	bool     half_open;  /* … or has gone without a word: what is sent to it vanishes */
};

struct sim_links {
	struct sim_link items[SIM_LINKS_MAX]; /* workers, then clients */
	uint64_t        connections;
};

size_t sim_link_of_worker(size_t worker);
size_t sim_link_of_client(size_t client);

/* From a peer's process; what cannot be sent is lost. */
void sim_send_to_broker(struct sim *sim, size_t link, const struct sim_message *message);
/* From the broker; false: the connection has ended. */
bool sim_send_to_peer(struct sim *sim, uint64_t connection, const struct sim_message *message);
void sim_link_deliver(struct sim *sim, size_t link, const struct sim_message *message);
void sim_link_reset(struct sim *sim, size_t link);
void sim_link_partition(struct sim *sim, size_t link, uint64_t ms);
void sim_link_process(struct sim *sim, size_t link, bool up, bool half_open); /* a process of the peer comes or goes */

const char *sim_message_name(enum sim_message_kind kind);

#endif
