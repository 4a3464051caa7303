/* job_table.h - job records for people and as JSON: varve status, the last words of watch and submit --wait. */
#ifndef VARVE_TOOLS_JOB_TABLE_H
#define VARVE_TOOLS_JOB_TABLE_H

#include "base/buf.h"
#include "wire/message.h"

const char *job_state_name(uint32_t state); /* "running" "done" "cancelled" */
void        job_table_put(struct buf *out, const struct wire_status_reply *reply, unsigned columns, bool colour);
void        job_json_put(struct buf *out, const struct wire_status_reply *reply);
void        job_line_put(struct buf *out, const struct wire_job_status *status); /* one line, when it has ended */

#endif
