/* registry_link.h - Link headers (RFC 8288) of paged listings: where the next page is. Pure; hostile input. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_LINK_H
#define VARVE_WORKER_SOURCE_REGISTRY_LINK_H

#include "base/slice.h"

/* The target of rel="next" in one header value (which may hold several links); empty when there is none. Borrowed. */
struct slice link_next(struct slice value);

#endif
