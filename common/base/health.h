/* health.h - how a daemon is, for those who look from outside: its service manager (notify.h) and HTTP probes.
 *
 * The daemon's own loop says health_beat() in each turn: it is the heartbeat for the watchdog too, so a loop that hangs is
 * noticed although other threads run. Made by main before threads are started; any thread may read. NULL is fine everywhere:
 * nobody looks. */
#ifndef VARVE_BASE_HEALTH_H
#define VARVE_BASE_HEALTH_H

#include "base/notify.h"

#include <stdatomic.h>

enum { HEALTH_STUCK_MS = 30000, HEALTH_STATUS_BYTES = 200 };

struct health {
	struct notify         notify;
	_Atomic uint64_t      beat_ms; /* of the last turn; 0 = the loop has not begun */
	_Atomic(const char *) unready; /* why not; NULL = ready */
	_Atomic bool          stopping;
	/* the loop's */
	uint64_t              watchdog_ms; /* when it was told last */
	bool                  told_ready;
	char                  status[HEALTH_STATUS_BYTES];
};

void health_init(struct health *health, const char *unready);
void health_deinit(struct health *health);

/* The loop's thread. */
void health_beat(struct health *health);
void health_ready(struct health *health);                       /* the first time tells READY=1 */
void health_unready(struct health *health, const char *reason); /* a text that lives for ever */
void health_status(struct health *health, const char *format, ...) __attribute__((format(printf, 2, 3))); /* one line */

void health_stopping(struct health *health); /* any thread */

/* Any thread: NULL when all is well, else why not. */
const char *health_why_dead(const struct health *health);
const char *health_why_unready(const struct health *health);

#endif
