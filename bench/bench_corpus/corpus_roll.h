/* corpus_roll.h - dice without state: the same seed, topic and numbers always give the same throw, in any order and on any thread. */
#ifndef VARVE_BENCH_CORPUS_ROLL_H
#define VARVE_BENCH_CORPUS_ROLL_H

#include <stdint.h>

enum roll_topic {
	ROLL_NAME,
	ROLL_FILES,
	ROLL_FILE_SIZE,
	ROLL_FILE_VERSION,
	ROLL_PROGRAM,
	ROLL_ADVISORY,
	ROLL_CHANGED,
	ROLL_BASE,
	ROLL_BASE_PACKAGE,
	ROLL_BASE_BUILD,
	ROLL_PROJECT,
	ROLL_PROJECT_PACKAGE,
	ROLL_PROJECT_FILE,
	ROLL_TAG,
	ROLL_NIGHT,
	ROLL_BYTES,
	ROLL_ZSTD,
};

static inline uint64_t roll_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t roll(uint64_t seed, enum roll_topic topic, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x = roll_mix(seed + 0x9e3779b97f4a7c15u * ((uint64_t)topic + 1));

	x = roll_mix(x + a * 0xd1342543de82ef95u);
	x = roll_mix(x + b * 0xaf251af3b0f025b5u);
	return roll_mix(x + c * 0xb564ef22ec7aece5u);
}

/* 0 … count-1, the low ones far more often: the tenth that is best liked gets nearly half of all throws. */
static inline uint32_t roll_popular(uint64_t throw, uint32_t count)
{
	uint64_t x = throw >> 48;

	return (uint32_t)((count * (x * x >> 16) >> 16) * x >> 16);
}

#endif
