#include "memo/memo_internal.h"

#include "base/cursor.h"
#include "base/limits.h"

#include <string.h>

enum {
	STATE_BYTES = 8 + 8 + 4 + SHA256_BYTES,
	ENTRY_HEAD_BYTES = 4 + SHA256_BYTES,
	RECORD_BYTES = SHA256_BYTES + 8 + 10 + ENTRY_HEAD_BYTES, /* key, LMDB's and db.h's heads */
	PAGE_BYTES = 4096,
	BATCH = 512,
	COPIES_BYTES_MAX = 768 << 20,
};

static void put_number(struct buf *out, uint64_t number, unsigned bytes)
{
	while (bytes--)
		buf_byte(out, (uint8_t)(number >> (8 * bytes)));
}

bool memo_entry_read(struct slice value, struct memo_entry *entry)
{
	struct cursor c = cursor_of(value);

	entry->epoch = cursor_u32be(&c);
	entry->layer = cursor_take(&c, SHA256_BYTES);
	entry->facts = cursor_rest(&c);
	return cursor_ok(&c);
}

void memo_entry_write(struct buf *out, const struct memo_entry *entry)
{
	put_number(out, entry->epoch, 4);
	buf_append(out, entry->layer);
	buf_append(out, entry->facts);
}

/* What is longer than half a page gets pages of its own. */
uint64_t memo_entry_bytes(size_t facts_len)
{
	uint64_t bytes = RECORD_BYTES + facts_len;

	return bytes < PAGE_BYTES / 2 ? bytes : (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* --- state -------------------------------------------------------------------------------------------------------- */

void memo_state_read(struct db_txn *txn, struct memo_state *state)
{
	struct slice  value = SLICE_EMPTY;
	struct cursor c;

	*state = (struct memo_state){0};
	if (db_borrow(txn, MEMO_STATE, SLICE_LIT("state"), &value, NULL) < 0 || value.len != STATE_BYTES)
		return;
	c = cursor_of(value);
	state->bytes = cursor_u64be(&c);
	state->behind = cursor_u64be(&c);
	state->epoch = cursor_u32be(&c);
	memcpy(state->hand.bytes, cursor_take(&c, SHA256_BYTES).ptr, SHA256_BYTES);
}

int memo_state_write(struct db_txn *txn, const struct memo_state *state, struct err *err)
{
	struct buf value = {.bytes_max = STATE_BYTES};
	int        status;

	put_number(&value, state->bytes, 8);
	put_number(&value, state->behind, 8);
	put_number(&value, state->epoch, 4);
	buf_append(&value, digest_slice(&state->hand));
	status = buf_ok(&value) ? db_put(txn, MEMO_STATE, SLICE_LIT("state"), buf_slice(&value), err)
				: err_set(err, ERR_MEM, "file memo: out of memory");
	buf_deinit(&value);
	return status;
}

int memo_get(struct db_txn *txn, const struct digest *key, struct buf *room, struct memo_entry *entry, struct err *err)
{
	struct slice value;
	int          status = db_borrow(txn, MEMO_FACTS, digest_slice(key), &value, NULL);

	if (status == ERR_UNSUPPORTED) { /* in chunks */
		buf_clear(room);
		status = db_get(txn, MEMO_FACTS, digest_slice(key), room, NULL);
		value = buf_slice(room);
	}
	if (status == ERR_NOT_FOUND || status == ERR_STORE || status == ERR_LIMIT)
		return 0;
	if (status < 0)
		return err_set(err, status, "an entry cannot be read");
	return memo_entry_read(value, entry);
}

/* --- eviction ----------------------------------------------------------------------------------------------------- */

/* Pages are a little more than half full, and a transaction copies every page that it changes, in a small file all of them; the
 * pages of the last two transactions are not free yet. */
uint64_t memo_aim(uint64_t bytes_max)
{
	uint64_t copies = bytes_max / 8 * 3;

	return bytes_max / 2 - (copies < COPIES_BYTES_MAX ? copies : COPIES_BYTES_MAX);
}

/* How many epochs an entry may have been left alone: fewer the fuller it is. What this epoch has asked for stays. */
static uint32_t age_max(const struct memo_state *state, uint64_t bytes_max)
{
	uint64_t most = memo_aim(bytes_max), over = state->bytes > most ? state->bytes - most : 0;

	if (over < most / 10)
		return 4;
	return over < most / 5 ? 2 : 1;
}

struct sweep {
	struct digest keys[BATCH];
	uint64_t      bytes[BATCH];
	size_t        count;
	uint64_t      bytes_left; /* to look at; what lies on the same pages may have to be copied */
	bool          at_end;
};

/* Old entries from the hand on; the hand moves behind what was looked at. */
static int collect(struct db_txn *txn, struct memo_state *state, uint32_t age, struct sweep *sweep, struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	int               status = db_cursor_open(txn, MEMO_FACTS, digest_slice(&state->hand), &cursor, err);

	sweep->count = 0;
	if (status < 0)
		return status;
	while (sweep->count < BATCH && sweep->bytes_left) {
		struct memo_entry entry = {.facts = SLICE_EMPTY};
		uint64_t          bytes;

		status = db_cursor_next(cursor, &key, &value, NULL);
		sweep->at_end = key.len != SHA256_BYTES;
		if (sweep->at_end)
			break;
		memcpy(state->hand.bytes, key.ptr, SHA256_BYTES);
		status = status == 1 && memo_entry_read(value, &entry);
		bytes = memo_entry_bytes(entry.facts.len);
		sweep->bytes_left -= bytes < sweep->bytes_left ? bytes : sweep->bytes_left;
		if (status && state->epoch - entry.epoch < age)
			continue;
		sweep->bytes[sweep->count] = status ? bytes : 0;
		sweep->keys[sweep->count++] = state->hand;
	}
	db_cursor_close(cursor);
	if (sweep->at_end)
		state->hand = (struct digest){0};
	return 0;
}

int memo_evict(struct db_txn *txn, uint64_t bytes_max, struct memo_state *state, struct err *err)
{
	uint64_t     enough = memo_aim(bytes_max) - memo_aim(bytes_max) / 16;
	struct sweep sweep = {.bytes_left = bytes_max / 8};
	int          status = 0;

	if (state->bytes <= memo_aim(bytes_max))
		return 0;
	while (status >= 0 && state->bytes > enough && sweep.bytes_left) {
		status = collect(txn, state, age_max(state, bytes_max), &sweep, err);
		for (size_t i = 0; status >= 0 && i < sweep.count; i++) {
			status = db_delete(txn, MEMO_FACTS, digest_slice(&sweep.keys[i]), err);
			state->bytes -= sweep.bytes[i] < state->bytes ? sweep.bytes[i] : state->bytes;
		}
		if (sweep.at_end && sweep.count == 0)
			break;
	}
	return status < 0 ? status : 0;
}
