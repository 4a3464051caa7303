#include "layer/window_budget.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { CANCEL_POLL_MS = 100 };

struct window_budget {
	pthread_mutex_t          lock;
	pthread_cond_t           given;
	bool                     held;
	struct window_budget_ops ops; /* take is NULL: our own */
	void                    *data;
};

struct window_budget *window_budget_new(void)
{
	struct window_budget *budget = calloc(1, sizeof(*budget));

	if (!budget)
		return NULL;
	pthread_mutex_init(&budget->lock, NULL);
	pthread_cond_init(&budget->given, NULL);
	return budget;
}

struct window_budget *window_budget_new_of(const struct window_budget_ops *ops, void *data)
{
	struct window_budget *budget = window_budget_new();

	if (budget) {
		budget->ops = *ops;
		budget->data = data;
	}
	return budget;
}

void window_budget_free(struct window_budget *budget)
{
	if (!budget)
		return;
	pthread_cond_destroy(&budget->given);
	pthread_mutex_destroy(&budget->lock);
	free(budget);
}

static void wait_a_little(struct window_budget *budget)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += CANCEL_POLL_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&budget->given, &budget->lock, &until);
}

int window_budget_take(struct window_budget *budget, const _Atomic bool *cancel, struct err *err)
{
	int status = 0;

	if (budget->ops.take)
		return budget->ops.take(budget->data, err);
	pthread_mutex_lock(&budget->lock);
	while (budget->held && !status) {
		wait_a_little(budget);
		if (cancel && *cancel)
			status = err_set(err, ERR_CANCELLED, "cancelled while waiting for window memory");
	}
	if (!status)
		budget->held = true;
	pthread_mutex_unlock(&budget->lock);
	return status;
}

bool window_budget_try(struct window_budget *budget)
{
	bool taken;

	pthread_mutex_lock(&budget->lock);
	taken = !budget->held;
	budget->held = true;
	pthread_mutex_unlock(&budget->lock);
	return taken;
}

void window_budget_give(struct window_budget *budget)
{
	if (budget->ops.take) {
		budget->ops.give(budget->data);
		return;
	}
	pthread_mutex_lock(&budget->lock);
	budget->held = false;
	pthread_cond_signal(&budget->given);
	pthread_mutex_unlock(&budget->lock);
}
