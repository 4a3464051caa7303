#include "memo/memo_internal.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORMAT_VERSION = 1, PURGE_BATCH = 4096, PURGE_LOOKED_AT_MAX = 200000 };

static const char *const tables[] = {[MEMO_FACTS] = "facts", [MEMO_STATE] = "state", NULL};

/* A file that is larger than it may be now is opened all the same, and loses entries as new ones come. */
static uint64_t room_for_file(const char *dir, uint64_t bytes_max)
{
	char        path[4096];
	struct stat file;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	if (stat(path, &file) < 0 || (uint64_t)file.st_size < bytes_max)
		return bytes_max;
	return (uint64_t)file.st_size + bytes_max / 2;
}

int memo_open(const struct memo_config *config, struct memo **out, struct err *err)
{
	struct db_config db = {.tables = tables, .kind = "memo", .version = FORMAT_VERSION};
	struct memo     *memo = calloc(1, sizeof(*memo));
	int              status;

	if (!memo)
		return err_set(err, ERR_MEM, "file memo: out of memory");
	memo->bytes_max = config->bytes_max ? config->bytes_max : MEMO_BYTES_DEFAULT;
	if (memo->bytes_max < MEMO_BYTES_MIN)
		memo->bytes_max = MEMO_BYTES_MIN;
	memo->unchecked = config->unchecked;
	db.bytes_max = room_for_file(config->dir, memo->bytes_max);
	status = db_open(config->dir, &db, &memo->db, err);
	if (status < 0) {
		free(memo);
		return status;
	}
	*out = memo;
	return 0;
}

struct memo *memo_open_if_can(const struct memo_config *config)
{
	struct memo *memo = NULL;
	struct err   err = {0};

	if (memo_open(config, &memo, &err) < 0)
		log_line(LOG_WARNING, "memo", "none, every file is analysed: %s", err.text);
	return memo;
}

void memo_close(struct memo *memo)
{
	if (!memo)
		return;
	db_close(memo->db);
	free(memo);
}

void memo_switch_off(struct memo *memo, const struct err *why)
{
	if (!atomic_exchange(&memo->off, true))
		log_line(LOG_WARNING, "memo", "off until the next start, every file is analysed: %s", why->text);
}

int memo_stats_get(struct memo *memo, struct memo_stats *out, struct err *err)
{
	struct memo_state state;
	struct db_stats   stats;
	struct db_txn    *txn;
	int               status = db_begin(memo->db, false, &txn, err);

	if (status < 0)
		return status;
	memo_state_read(txn, &state);
	db_stats_get(memo->db, &stats);
	*out = (struct memo_stats){.entries = db_count(txn, MEMO_FACTS),
				   .bytes = state.bytes,
				   .file_bytes = stats.file_bytes,
				   .bytes_max = memo->bytes_max};
	db_abort(txn);
	return 0;
}

/* --- purging ------------------------------------------------------------------------------------------------------ */

struct purge {
	struct memo         *memo;
	const struct digest *layer;
	struct digest        keys[PURGE_BATCH], from;
	size_t               count;
	bool                 at_end;
};

static bool is_of_layer(const struct purge *purge, struct slice value)
{
	struct memo_entry entry;

	return memo_entry_read(value, &entry) && slice_eq(entry.layer, digest_slice(purge->layer));
}

static int collect(struct purge *purge, struct err *err)
{
	struct db_cursor *cursor;
	struct db_txn    *txn;
	struct slice      key, value;
	int               status = db_begin(purge->memo->db, false, &txn, err);

	purge->count = 0;
	if (status < 0)
		return status;
	status = db_cursor_open(txn, MEMO_FACTS, digest_slice(&purge->from), &cursor, err);
	for (size_t i = 0; status >= 0 && i < PURGE_LOOKED_AT_MAX && purge->count < PURGE_BATCH; i++) {
		int got = db_cursor_next(cursor, &key, &value, NULL);

		purge->at_end = key.len != SHA256_BYTES;
		if (purge->at_end)
			break;
		memcpy(purge->from.bytes, key.ptr, SHA256_BYTES);
		if (got == 1 && is_of_layer(purge, value))
			purge->keys[purge->count++] = purge->from;
	}
	if (status >= 0)
		db_cursor_close(cursor);
	db_abort(txn);
	return status;
}

/* Another process may have replaced or evicted it meanwhile. */
static int remove_one(struct purge *purge, struct db_txn *txn, const struct digest *key, struct memo_state *state,
		      struct buf *value, uint64_t *removed, struct err *err)
{
	struct memo_entry entry;
	uint64_t          bytes;
	int               status;

	buf_clear(value);
	status = memo_get(txn, key, value, &entry, err);
	if (status != 1 || !slice_eq(entry.layer, digest_slice(purge->layer)))
		return status < 0 ? status : 0;
	bytes = memo_entry_bytes(entry.facts.len);
	state->bytes -= bytes < state->bytes ? bytes : state->bytes;
	++*removed;
	return db_delete(txn, MEMO_FACTS, digest_slice(key), err);
}

static int remove_batch(struct purge *purge, struct buf *value, uint64_t *removed, struct err *err)
{
	struct memo_state state;
	struct db_txn    *txn;
	int               status = db_begin(purge->memo->db, true, &txn, err);

	if (status < 0)
		return status;
	memo_state_read(txn, &state);
	for (size_t i = 0; status >= 0 && i < purge->count; i++)
		status = remove_one(purge, txn, &purge->keys[i], &state, value, removed, err);
	if (status >= 0)
		status = memo_state_write(txn, &state, err);
	if (status >= 0)
		return db_commit(txn, err);
	db_abort(txn);
	return status;
}

int memo_purge(struct memo *memo, const struct digest *layer, uint64_t *removed, struct err *err)
{
	struct purge *purge = calloc(1, sizeof(*purge));
	struct buf    value = {.bytes_max = (size_t)2 << 20};
	int           status = purge ? 0 : err_set(err, ERR_MEM, "file memo: out of memory");

	*removed = 0;
	if (purge)
		*purge = (struct purge){.memo = memo, .layer = layer};
	while (status >= 0 && !purge->at_end) {
		status = collect(purge, err);
		if (status >= 0 && purge->count)
			status = remove_batch(purge, &value, removed, err);
	}
	buf_deinit(&value);
	free(purge);
	return status;
}
