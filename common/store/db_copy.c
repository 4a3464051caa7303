/* db_copy.c - a consistent copy of an environment that others read and write meanwhile. */
#include "store/db_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20 };

/* LMDB writes into a pipe, in a thread of its own: so a slow target holds no lock, and the one who takes the bytes may
 * stop at any moment by closing his end. */
struct copier {
	struct db *db;
	unsigned   flags;
	int        fd, status;
	pthread_t  thread;
};

static void *run_copier(void *data)
{
	struct copier *copier = data;
	sigset_t       pipe_signal;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	copier->status = mdb_env_copyfd2(copier->db->env, copier->fd, copier->flags);
	close(copier->fd);
	return NULL;
}

static int start_copier(struct copier *copier, int *fd, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, ERR_IO, "store %s: copy", copier->db->path);
	copier->fd = ends[1];
	*fd = ends[0];
	if (pthread_create(&copier->thread, NULL, run_copier, copier) == 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	return err_set(err, ERR_MEM, "store %s: copy: cannot start a thread", copier->db->path);
}

static int hand_over(const struct db *db, int fd, uint8_t *block, int (*take)(void *data, struct slice, struct err *),
		     void *data, struct err *err)
{
	for (;;) {
		size_t  got = 0;
		ssize_t part = 1;
		int     status;

		while (got < BLOCK_BYTES && part != 0) {
			part = read(fd, block + got, BLOCK_BYTES - got);
			if (part < 0 && errno != EINTR)
				return err_errno(err, ERR_IO, "store %s: copy", db->path);
			got += part > 0 ? (size_t)part : 0;
		}
		if (got && (status = take(data, slice_of(block, got), err)) < 0)
			return status;
		if (part == 0)
			return 0;
	}
}

/* The copy's own transaction begins inside LMDB; one of ours adopts a map that another process has grown. */
static int adopt_growth(struct db *db, struct err *err)
{
	struct db_txn *txn;
	int            status = db_begin(db, false, &txn, err);

	if (status == 0)
		db_abort(txn);
	return status;
}

int db_copy(struct db *db, bool compact, int (*take)(void *data, struct slice bytes, struct err *err), void *data,
	    struct err *err)
{
	struct copier copier = {.db = db, .flags = compact ? MDB_CP_COMPACT : 0};
	uint8_t      *block;
	int           fd = -1, status = adopt_growth(db, err);

	if (status < 0)
		return status;
	if (!(block = malloc(BLOCK_BYTES)))
		return err_set(err, ERR_MEM, "store %s: out of memory", db->path);
	pthread_rwlock_rdlock(&db->quiet);
	if ((status = start_copier(&copier, &fd, err)) == 0) {
		status = hand_over(db, fd, block, take, data, err);
		close(fd);
		pthread_join(copier.thread, NULL);
		if (status == 0 && copier.status)
			status = db_fail(db, copier.status, "copy", err);
	}
	pthread_rwlock_unlock(&db->quiet);
	free(block);
	return status;
}
