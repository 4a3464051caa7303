/* job_table.h - job records for people and as JSON: varve status, the last words of watch and submit --wait. */
#ifndef VARVE_TOOLS_JOB_TABLE_H
#define VARVE_TOOLS_JOB_TABLE_H

#include "base/json_write.h"
#include "wire/message.h"

const char *job_state_name(const struct wire_job_status *job); /* "running" "paused" "done" "cancelled" "schedule" */
/* Jobs, schedules, and the notices below. Of jobs that have ended the newest `ended_max` alone; the rest is a number. */
void        job_table_put(struct buf *out, const struct wire_status_reply *reply, size_t ended_max, unsigned columns,
			  bool colour);
void        job_json_put(struct json_writer *w, const struct wire_status_reply *reply); /* members of an object */
void        job_line_put(struct buf *out, const struct wire_job_status *status); /* one line, when it has ended */

#endif
