/* deliver_internal.h - what the receivers of deliver.h share; nobody else includes it. */
#ifndef VARVE_DELIVER_DELIVER_INTERNAL_H
#define VARVE_DELIVER_DELIVER_INTERNAL_H

#include "deliver/deliver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DELIVER_ID_BYTES = 128 };

struct http;

/* One receiver: whether it has taken the event under way. */
struct deliver_receiver {
	char taken[DELIVER_ID_BYTES]; /* id of the last event it took */
};

struct deliver {
	struct deliver_config   config; /* texts owned */
	struct buf              key, ca;
	struct http            *http;
	struct deliver_receiver command, webhook;
	_Atomic bool            cancelled;
	pthread_mutex_t         lock;
	pthread_cond_t          woken; /* by deliver_cancel() */
};

/* One attempt. 0; ERR_NET, ERR_RATE: worth another, not before *retry_after_ms (0 = nothing was asked for). */
int deliver_command_once(struct deliver *deliver, const struct deliver_event *event, struct err *err);
int deliver_webhook_once(struct deliver *deliver, const struct deliver_event *event, uint64_t *retry_after_ms,
			 struct err *err);

#endif
