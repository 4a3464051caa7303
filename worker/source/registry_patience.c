#include "source/registry_patience.h"

#include "base/err.h"

enum {
	PAUSE_MS_MIN = 500,
	PAUSE_MS_MAX = 30000,
	RATE_WAITS_MAX = 10,
	RATE_WAITED_MS_MAX = 15 * 60 * 1000,
};

struct patience patience_new(unsigned retries_max, uint64_t seed)
{
	return (struct patience){.rng = rng_seeded(seed), .retries_max = retries_max};
}

static uint64_t pause_ms(struct patience *patience, unsigned nth)
{
	uint64_t pause = nth < 6 ? (uint64_t)PAUSE_MS_MIN << nth : PAUSE_MS_MAX;

	return pause / 2 + rng_below(&patience->rng, pause / 2 + 1);
}

bool patience_again(struct patience *patience, int code, uint64_t retry_after_ms, uint64_t *wait_ms)
{
	if (code == ERR_RATE || (code == ERR_NET && retry_after_ms)) {
		*wait_ms = retry_after_ms ? retry_after_ms + rng_below(&patience->rng, retry_after_ms / 4 + 1)
					  : pause_ms(patience, patience->rate_waits + 1);
		patience->rate_waits++;
		patience->rate_waited_ms += *wait_ms;
		return patience->rate_waits <= RATE_WAITS_MAX && patience->rate_waited_ms <= RATE_WAITED_MS_MAX;
	}
	if (code != ERR_NET)
		return false;
	*wait_ms = pause_ms(patience, patience->failures);
	return patience->failures++ < patience->retries_max;
}
