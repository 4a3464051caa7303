/* sim_queue.h - what is to happen, by time and then in the order in which it was put. Owns the messages in it. */
#ifndef VARVE_TESTS_SIM_QUEUE_H
#define VARVE_TESTS_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_message;

enum sim_event_kind {
	SIM_DELIVER,   /* message, who: link */
	SIM_TURN,      /* of the broker; life: its life, number: only the last one asked for counts */
	SIM_COMMITTED, /* of the broker; life */
	SIM_BROKER_START,
	SIM_WORKER_START, /* who */
	SIM_WORKER_BEAT,  /* who, life */
	SIM_TASK_END,     /* who, life, number: lease */
	SIM_CLIENT_TIMER, /* who, life */
	SIM_FAULT,        /* number: what */
	SIM_OTHER_END,    /* number: claim of another process */
};

struct sim_event {
	uint64_t            at, order;
	enum sim_event_kind kind;
	size_t              who;
	uint64_t            life, number;
	struct sim_message *message;
};

struct sim_queue {
	struct sim_event *items;
	size_t            count, capacity;
	uint64_t          order;
};

void sim_queue_put(struct sim_queue *queue, struct sim_event event);
bool sim_queue_take(struct sim_queue *queue, struct sim_event *out);
void sim_queue_free(struct sim_queue *queue);

#endif
