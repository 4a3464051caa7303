/* window_budget.h - the one big window at a time: zstd windows and xz dictionaries beyond LIMIT_WINDOW_FREE_BYTES.
 *
 * One per process, shared by its scan threads; whoever holds it may use up to LIMIT_WINDOW_BYTES. */
#ifndef VARVE_WORKER_LAYER_WINDOW_BUDGET_H
#define VARVE_WORKER_LAYER_WINDOW_BUDGET_H

#include "base/err.h"

#include <stdbool.h>

struct window_budget;

struct window_budget *window_budget_new(void);                          /* NULL without memory */
void                  window_budget_free(struct window_budget *budget); /* nobody may hold it or wait for it */

/* Blocks until nobody else holds it; ERR_CANCELLED once *cancel (may be NULL) is true. */
int  window_budget_take(struct window_budget *budget, const _Atomic bool *cancel, struct err *err);
void window_budget_give(struct window_budget *budget);

bool window_budget_try(struct window_budget *budget); /* as take, without waiting: false when somebody holds it */

/* One whose keeper is elsewhere: a parser asks its worker. take() blocks until it is given. */
struct window_budget_ops {
	int (*take)(void *data, struct err *err);
	void (*give)(void *data);
};
struct window_budget *window_budget_new_of(const struct window_budget_ops *ops, void *data);

#endif
