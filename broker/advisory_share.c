#include "advisory_share.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct advisory_generation {
	struct advisory_store *store;
	char                   folder[ADVISORY_GENERATION_BYTES];
	size_t                 holders; /* the share itself is one while this is the current one */
};

struct advisory_share {
	pthread_mutex_t             lock;
	size_t                      holders;
	struct advisory_generation *current;
	char                        db_dir[4200];
};

static void drop_locked(struct advisory_generation *generation)
{
	if (!generation || --generation->holders)
		return;
	advisory_store_close(generation->store);
	free(generation);
}

struct advisory_share *advisory_share_new(const char *db_dir)
{
	struct advisory_share *share = calloc(1, sizeof(*share));

	if (!share)
		return NULL;
	pthread_mutex_init(&share->lock, NULL);
	share->holders = 1;
	snprintf(share->db_dir, sizeof(share->db_dir), "%s", db_dir);
	return share;
}

struct advisory_share *advisory_share_hold(struct advisory_share *share)
{
	pthread_mutex_lock(&share->lock);
	share->holders++;
	pthread_mutex_unlock(&share->lock);
	return share;
}

void advisory_share_release(struct advisory_share *share)
{
	bool last;

	if (!share)
		return;
	pthread_mutex_lock(&share->lock);
	last = --share->holders == 0;
	pthread_mutex_unlock(&share->lock);
	if (!last)
		return;
	drop_locked(share->current);
	pthread_mutex_destroy(&share->lock);
	free(share);
}

/* The generation in `folder` becomes the current one; NULL when it cannot be opened. */
static struct advisory_generation *open_locked(struct advisory_share *share, const char *folder, struct err *err)
{
	struct advisory_generation *generation = calloc(1, sizeof(*generation));

	drop_locked(share->current);
	share->current = NULL;
	if (!generation) {
		err_set(err, ERR_MEM, "advisories: out of memory");
		return NULL;
	}
	if (advisory_store_open(share->db_dir, &generation->store, err) < 0) {
		free(generation);
		return NULL;
	}
	snprintf(generation->folder, sizeof(generation->folder), "%s", folder);
	generation->holders = 1;
	share->current = generation;
	return generation;
}

struct advisory_generation *advisory_share_current(struct advisory_share *share, struct advisory_generation *held,
						   struct err *err)
{
	struct advisory_generation *current = NULL;
	char                        folder[ADVISORY_GENERATION_BYTES];

	pthread_mutex_lock(&share->lock);
	if (advisory_current_folder(share->db_dir, folder, err) >= 0) {
		current = share->current;
		if (!current || strcmp(current->folder, folder) != 0)
			current = open_locked(share, folder, err);
	}
	if (current != held) {
		if (current)
			current->holders++;
		drop_locked(held);
	}
	pthread_mutex_unlock(&share->lock);
	return current;
}

bool advisory_share_is_current(struct advisory_share *share, const struct advisory_generation *held)
{
	char folder[ADVISORY_GENERATION_BYTES];

	return advisory_current_folder(share->db_dir, folder, NULL) >= 0 && strcmp(held->folder, folder) == 0;
}

struct advisory_store *advisory_generation_store(const struct advisory_generation *generation)
{
	return generation->store;
}

void advisory_share_drop(struct advisory_share *share, struct advisory_generation *held)
{
	pthread_mutex_lock(&share->lock);
	drop_locked(held);
	pthread_mutex_unlock(&share->lock);
}
