/* fake_broker.h - the broker's side of the protocol for one job, as a thread of the test: it does what its fields say. */
#ifndef VARVE_TESTS_FAKE_BROKER_H
#define VARVE_TESTS_FAKE_BROKER_H

#include "client.h"

#include <pthread.h>
#include <stdatomic.h>

enum { IMAGES = 5, JOB = 42 };

/* A broker that knows one job. */
struct fake_broker {
	struct wire_context *context;
	const char          *endpoint;
	pthread_t            thread;
	_Atomic bool         stop;
	bool                 refuse; /* SUBMIT is answered with ERROR */
	bool                 mute;   /* nothing is answered */
	bool                 deaf;   /* to everything but SUBMIT, until somebody else connects */
	uint64_t             hears;  /* when deaf: so many REFERENCES before it is */
	struct wire_peer     first;
	uint64_t             mix_up;                    /* results: part of a wrong image first */
	uint64_t             references, frames, again; /* again: REFERENCES with a number before `taken` */
	uint32_t taken; /* REFERENCES committed before: JOB says so, and the next that comes has this number */
	bool     references_ended, cancelled, only_failed;
	uint64_t credit_seen;
	unsigned ordered; /* the last order, and of what */
	uint64_t ordered_number;
};

void           fake_broker_start(struct fake_broker *b);
void           fake_broker_stop(struct fake_broker *b);                             /* what it has seen is final then */
struct client *fake_broker_client(const struct fake_broker *b, uint64_t answer_ms); /* connected to it */

#endif
