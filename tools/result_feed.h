/* result_feed.h - image results of a job, from a broker or from a store, into an output: the same bytes from both. */
#ifndef VARVE_TOOLS_RESULT_FEED_H
#define VARVE_TOOLS_RESULT_FEED_H

#include "broker_link.h"
#include "output.h"
#include "store/catalog.h"

struct result_feed {
	const struct broker_options *broker;
	const char                  *store, *db; /* directories */
	uint64_t                     job;        /* 0 = the newest */
	const char       *prefix; /* latest: only references that begin so, with or without "docker://"; NULL = all */
	bool              latest; /* store only: the latest result of every reference, over all jobs */
	enum latest_which which;  /* … of those */
	bool              since_last; /* only what is new or has changed since the last scan */
	bool              finished_only, quiet;
};

int result_feed_broker(struct result_feed *feed, struct output *output, struct err *err);
int result_feed_store(struct result_feed *feed, struct output *output, struct err *err);

/* Closes the output: exit status, or `rc` if the feed failed. */
int result_feed_end(struct output *output, int rc, enum exit_status *status, struct err *err);

#endif
