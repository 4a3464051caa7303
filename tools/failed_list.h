/* failed_list.h - what went wrong in a job: each image or layer with its reason, the same bytes from a broker and a store. */
#ifndef VARVE_TOOLS_FAILED_LIST_H
#define VARVE_TOOLS_FAILED_LIST_H

#include "broker_link.h"

struct failed_query {
	const struct broker_options *broker; /* asked, unless there is a store */
	const char                  *store;  /* folder; NULL = the broker's */
	uint64_t                     job;
	bool                         json, colour;
	unsigned                     columns; /* of the terminal; 0 = any */
};

/* Written to `fd`, as it comes. ERR_NOT_FOUND: no such job. */
int failed_list(const struct failed_query *query, int fd, struct err *err);

#endif
