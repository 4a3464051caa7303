/* announce.h - tells the configured receivers (deliver/deliver.h) of every judgement that has changed something: at least once.
 *
 * A thread of its own, so that a receiver that is slow or away keeps nobody waiting. What was told is in the catalog
 * (findings_state.told); until that is committed, it is told again, under the same id. */
#ifndef VARVE_BROKER_ANNOUNCE_H
#define VARVE_BROKER_ANNOUNCE_H

#include "advisory_share.h"
#include "deliver/deliver.h"
#include "store/catalog_finding.h"

struct announce;

struct announce_config {
	struct catalog              *catalog; /* borrowed */
	struct advisory_share       *share;   /* held */
	const struct deliver_config *deliver;
	/* Judgements up to this one are told: to be written down; any thread. */
	void (*told)(void *data, uint64_t judgement);
	void *data;
};

int  announce_start(const struct announce_config *config, struct announce **out, struct err *err);
void announce_look(struct announce *announce); /* a judgement has ended; any thread */
void announce_stop(struct announce *announce); /* NULL is fine */

struct announce_counts {
	uint64_t delivered, failed; /* events, attempts that were given up for now */
};
void announce_counts_get(struct announce *announce, struct announce_counts *out);

#endif
