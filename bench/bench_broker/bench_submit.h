/* bench_submit.h - the client of bench_broker: jobs of references that only its no-op workers can resolve. */
#ifndef VARVE_BENCH_SUBMIT_H
#define VARVE_BENCH_SUBMIT_H

#include "client.h"

struct client *submit_client(struct wire_context *context, const char *endpoint);

/* `count` references from number `from` on; acknowledged when it returns. The job's number. */
uint64_t submit_bulk(struct client *client, uint64_t from, uint64_t count);
uint64_t submit_adhoc(struct client *client, uint64_t number);

void submit_cancel(struct client *client, uint64_t job);
void submit_status(struct client *client, uint64_t job, struct wire_job_status *out); /* numbers only */

#endif
