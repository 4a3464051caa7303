/* advisory_share.h - the current generation of advisories, opened once for all threads of the process (LMDB allows no more).
 *
 * A generation stays open as long as somebody holds it. All functions: any thread. */
#ifndef VARVE_BROKER_ADVISORY_SHARE_H
#define VARVE_BROKER_ADVISORY_SHARE_H

#include "match/advisory_store.h"

struct advisory_share;
struct advisory_generation;

struct advisory_share *advisory_share_new(const char *db_dir); /* one holder; NULL without memory */
struct advisory_share *advisory_share_hold(struct advisory_share *share);
void                   advisory_share_release(struct advisory_share *share); /* NULL is fine */

/* What is current now: `held` again when it still is, else it is given back and the newer one is held. NULL: there is
 * none that can be used, `err` says why. */
struct advisory_generation *advisory_share_current(struct advisory_share *share, struct advisory_generation *held,
						   struct err *err);
bool                   advisory_share_is_current(struct advisory_share *share, const struct advisory_generation *held);
struct advisory_store *advisory_generation_store(const struct advisory_generation *generation);
void advisory_share_drop(struct advisory_share *share, struct advisory_generation *held); /* NULL is fine */

#endif
