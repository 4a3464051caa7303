/* When a job is due: whatever is taken is due after now, and at no other time before.
 *
 * Four bytes: now, in minutes; the rest is what a client may say. */
#include "base/cursor.h"

#include "schedule.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_next(const struct schedule *schedule, uint64_t now)
{
	uint64_t last = now - now % 7 * 1000, next = schedule_next(schedule, last, now);

	if (next <= now || schedule_next(schedule, last, next - 1) != next ||
	    schedule_next(schedule, last, next) <= next)
		abort();
	if (!schedule->every_ms && next % 60000)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor   c = cursor_of(slice_of(data, size));
	uint64_t        minutes = cursor_u32be(&c) % (400u * 366 * 24 * 60);
	struct schedule schedule;
	struct err      err = {0};
	int             rc = schedule_parse(cursor_rest(&c), &schedule, &err);

	if (rc == 0)
		check_next(&schedule, minutes * 60000 + 59999);
	else if (rc != ERR_USAGE || !err.text[0])
		abort();
	return 0;
}
