/* registry_patience.h - when to try again, and how long to wait before. Pure: time and chance are handed in.
 *
 * Transient failures (ERR_NET) are tried `retries_max` times again, with pauses that double from 0.5 s up to 30 s, half
 * of each by chance. "Too many requests" (ERR_RATE, and ERR_NET with a Retry-After) has a budget of its own: it is the
 * registry that says when, and a night's bulk should outlast it: at most 10 waits and 15 minutes in all per request. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_PATIENCE_H
#define VARVE_WORKER_SOURCE_REGISTRY_PATIENCE_H

#include "base/rng.h"

#include <stdbool.h>

struct patience {
	struct rng rng;
	unsigned   retries_max, failures, rate_waits;
	uint64_t   rate_waited_ms;
};

struct patience patience_new(unsigned retries_max, uint64_t seed);

/* After a failure with `code`: true = try again after *wait_ms. `retry_after_ms` 0 = the registry did not say. */
bool patience_again(struct patience *patience, int code, uint64_t retry_after_ms, uint64_t *wait_ms);

#endif
