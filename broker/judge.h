/* judge.h - keeps the findings of the catalog's unique packages up to date: new packages are matched, and when a generation of
 * advisories lands, those whose advisories have changed are matched again; the others cannot have other findings.
 *
 * One thread computes (judge_step), the catalog's writing thread puts what it computed (judge_put, within its batch), in small
 * steps. A pass that was broken off, by a crash or by yet another generation, is made again from its beginning under the same
 * number, and ends with the same records as an undisturbed one. Blocking. */
#ifndef VARVE_BROKER_JUDGE_H
#define VARVE_BROKER_JUDGE_H

#include "advisory_share.h"
#include "store/catalog_finding.h"

struct judge;
struct judge_batch;

/* `share` is held. batch_packages: that many in one batch at most, 0 = the usual. NULL without memory. */
struct judge *judge_open(struct catalog *catalog, struct advisory_share *share, size_t batch_packages);
void          judge_close(struct judge *judge);

/* The next that is to be put: 1; 0 when everything is judged by the generation that is current now, or there is none. After an
 * error the step may be tried again. One batch at a time: put (and committed), then judge_batch_free(), then the next step. */
int  judge_step(struct judge *judge, struct judge_batch **out, struct err *err);
int  judge_put(struct catalog *catalog, struct judge_batch *batch, struct err *err); /* [w] of the catalog */
void judge_batch_free(struct judge_batch *batch);                                    /* NULL is fine */

/* Whether judge_step() would have anything to do. */
int judge_is_needed(struct judge *judge, bool *needed, struct err *err);

/* The judgement that ends with this batch; 0 = none does. */
uint64_t judge_batch_ends(const struct judge_batch *batch);

/* All steps, each committed: for commands that have the catalog to themselves or beside a broker. */
int judge_all(struct catalog *catalog, struct judge *judge, struct err *err);

#endif
