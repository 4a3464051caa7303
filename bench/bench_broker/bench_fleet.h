/* bench_fleet.h - no-op workers for bench_broker: one thread and one connection each, real messages, nothing fetched or parsed.
 *
 * A resolve is answered with an image of unique layers, a layer at once with the same inventory bytes; what is timed is
 * the broker. A fleet belongs to the thread that started it; its workers end in fleet_stop(). */
#ifndef VARVE_BENCH_FLEET_H
#define VARVE_BENCH_FLEET_H

#include "base/slice.h"
#include "wire/socket.h"

#include <stdatomic.h>

struct fleet_config {
	struct wire_context *context;
	const char          *endpoint;
	unsigned             workers;                  /* threads */
	unsigned             layer_slots, light_slots; /* of each worker */
	struct slice         inventory, path_table;    /* what every layer "holds" */
	unsigned             layers_per_image;
	bool                 shared; /* all images have the same layers */
	uint64_t             seed;   /* of the digests: another one, other layers */
};

/* Microseconds, in order of coming until fleet_samples_sort(). */
struct fleet_samples {
	uint32_t *items;
	size_t    count, capacity;
};

/* Of the encoded record of the image that a bulk reference with this number gets. */
size_t fleet_record_bytes(const struct fleet_config *config, uint64_t number);

struct fleet_worker;

struct fleet {
	struct fleet_config  config;
	struct fleet_worker *workers;
	_Atomic uint64_t     acked;    /* layers */
	_Atomic uint64_t     resolved; /* resolves acknowledged */
	_Atomic uint64_t
		adhoc_seen; /* clock_ns() when the resolve of an "adhoc" reference came; 0 = not since it was cleared */
	_Atomic uint64_t refused; /* ACK with a code, ERROR */
	_Atomic bool     stopping;
};

void fleet_start(struct fleet *fleet, const struct fleet_config *config);
void fleet_stop(struct fleet *fleet); /* BYE; joins the threads */
void fleet_free(struct fleet *fleet);

/* Of all workers, after fleet_stop(): result sent -> acknowledged; acknowledged -> next task (0: it came before);
 * result sent -> next task. */
enum fleet_latency { FLEET_ACK, FLEET_ACK_TO_TASK, FLEET_TURN, FLEET_LATENCIES };
void     fleet_samples(const struct fleet *fleet, enum fleet_latency which, struct fleet_samples *out);
void     fleet_samples_sort(struct fleet_samples *samples);
uint32_t fleet_samples_at(const struct fleet_samples *samples, double share); /* 0.5 = the median; sorted ones */
void     fleet_samples_add(struct fleet_samples *samples, uint64_t ns);
void     fleet_samples_free(struct fleet_samples *samples);

#endif
