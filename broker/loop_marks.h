/* loop_marks.h - which numbers are done, from a first one on that is not: a bit each, so that a job knows where it is. */
#ifndef VARVE_BROKER_LOOP_MARKS_H
#define VARVE_BROKER_LOOP_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_marks {      /* zeroed: nothing is done */
	uint64_t  first; /* no number below it is open */
	uint64_t *bits;  /* of `base`, base + 1 … */
	uint64_t  base;  /* a multiple of 64, at or below `first` */
	size_t    words;
};

void loop_marks_begin(struct loop_marks *marks, uint64_t first);
bool loop_marks_set(struct loop_marks *marks,
		    uint64_t           number); /* false without memory: `first` stays behind, no harm */
void loop_marks_deinit(struct loop_marks *marks);

#endif
