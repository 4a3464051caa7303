#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t clock_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_unix_ms(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000u;
}

uint64_t clock_cpu_ms(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000000u;
}

void clock_sleep_ms(uint64_t ms)
{
	struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

void clock_rfc3339(uint64_t unix_ms, char out[CLOCK_RFC3339_BYTES])
{
	time_t    seconds = (time_t)(unix_ms / 1000);
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) || strftime(out, CLOCK_RFC3339_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		snprintf(out, CLOCK_RFC3339_BYTES, "1970-01-01T00:00:00Z");
}
