/* fleet_table.h - the workers of a broker and its counters, for people and as JSON: varve status. */
#ifndef VARVE_TOOLS_FLEET_TABLE_H
#define VARVE_TOOLS_FLEET_TABLE_H

#include "base/json_write.h"
#include "wire/message.h"

/* One line: workers, what they do, how many jobs there are. Nothing from a broker that does not tell. */
void fleet_line_put(struct buf *out, const struct wire_status_reply *reply);
void fleet_workers_put(struct buf *out, const struct wire_status_reply *reply, unsigned columns, bool colour);
void fleet_counters_put(struct buf *out, const struct wire_status_reply *reply);   /* "name value" a line */
void fleet_json_put(struct json_writer *w, const struct wire_status_reply *reply); /* members of an object */

#endif
