/* schedule.h - when a job that repeats is due: "24h" (an interval) or five fields of cron, in UTC. Pure: no clock.
 *
 * Interval: a number and m, h, d or w; one minute to a year. Cron (crontab(5)): minute, hour, day of month, month, day of
 * week; numbers, ranges, lists, steps and English names; 0 and 7 are Sunday. When both days are restricted, either of
 * them makes a day match. What would never be due is refused. */
#ifndef VARVE_BROKER_SCHEDULE_H
#define VARVE_BROKER_SCHEDULE_H

#include "base/err.h"
#include "base/slice.h"

enum { SCHEDULE_TEXT_BYTES_MAX = 256 };

struct schedule {
	uint64_t every_ms; /* 0: cron, below */
	uint64_t minutes;  /* bit sets */
	uint32_t hours, days, months, weekdays;
	bool     any_day, any_weekday;
};

int schedule_parse(struct slice text, struct schedule *out, struct err *err); /* ERR_USAGE */

/* The first time it is due after `now_ms` (Unix time). An interval counts from `last_ms`, when it was due or begun. */
uint64_t schedule_next(const struct schedule *schedule, uint64_t last_ms, uint64_t now_ms);

#endif
