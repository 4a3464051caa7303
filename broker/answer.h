/* answer.h - questions about the whole catalog: a request as JSON text in, a document as JSON text out.
 *
 * Requests are objects: {"ask": "rematch", …}; members that a question does not know are refused, so that a mistake is no
 * other question. The documents are described in docs/schema. The request may come from a stranger. Blocking; any thread. */
#ifndef VARVE_BROKER_ANSWER_H
#define VARVE_BROKER_ANSWER_H

#include "advisory_share.h"
#include "base/buf.h"
#include "store/catalog.h"

/* Appends the document. ERR_USAGE: no such question, or a member that it does not take; ERR_NOT_FOUND and what the question
 * itself answers. `share` may be NULL: no advisories. */
int answer(struct catalog *catalog, struct advisory_share *share, struct slice request, struct buf *out,
	   struct err *err);

#endif
