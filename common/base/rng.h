/* rng.h - seeded pseudo-random numbers for jitter and simulation (splitmix64); never for secrets. */
#ifndef VARVE_BASE_RNG_H
#define VARVE_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

struct rng rng_seeded(uint64_t seed);
uint64_t   rng_next(struct rng *rng);
uint64_t   rng_below(struct rng *rng, uint64_t bound); /* 0 .. bound-1; 0 when bound is 0 */
uint64_t   random_seed(void);                          /* from the kernel */

#endif
