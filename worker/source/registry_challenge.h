/* registry_challenge.h - WWW-Authenticate: how a registry wants to be authenticated to.
 *
 * Source: RFC 9110 11.2-11.6.1 (several challenges may share one header value), distribution's token authentication
 * (Bearer realm, service, scope). Pure; hostile input. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_CHALLENGE_H
#define VARVE_WORKER_SOURCE_REGISTRY_CHALLENGE_H

#include "base/slice.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_OTHER, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_scheme scheme;
	char                  realm[1024], service[512],
		scope[1024]; /* "" when not given; a longer one makes the scheme CHALLENGE_OTHER */
};

/* Cuts the next challenge off a header value; false at the end or where the grammar breaks. */
bool challenge_next(struct slice *rest, struct challenge *out);

/* The one to answer among all WWW-Authenticate headers of `header_lines`: Bearer, else Basic, else whatever is there. */
void challenge_choose(struct slice header_lines, struct challenge *out);

#endif
