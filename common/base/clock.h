/* clock.h - the time, for shells; pure cores are handed `now` instead of asking. */
#ifndef VARVE_BASE_CLOCK_H
#define VARVE_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_ms(void);      /* monotonic */
uint64_t clock_ns(void);      /* monotonic */
uint64_t clock_unix_ms(void); /* wall clock */
uint64_t clock_cpu_ms(void);  /* CPU time of this process, user + system */
void     clock_sleep_ms(uint64_t ms);

enum { CLOCK_RFC3339_BYTES = 21 };
void clock_rfc3339(uint64_t unix_ms, char out[CLOCK_RFC3339_BYTES]); /* "2026-11-24T21:56:16Z" */

#endif
