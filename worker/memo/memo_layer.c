#include "memo/memo_internal.h"

#include "base/arena.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHECKED_ONE_IN = 256,
	EPOCHS = 8, /* in which a full memo is filled anew */
	VALUE_BYTES_MAX = LIMIT_MEMO_FACTS_BYTES + 64,
	TOUCHED_BYTES_MAX = 1 << 20,
};

struct held {
	struct digest key;
	struct slice  facts;
	struct held  *next;
};

struct memo_layer {
	struct memo       *memo;
	struct file_memo   calls;
	struct memo_counts counts;
	uint32_t           epoch;  /* when the layer began */
	uint64_t           secret; /* decides which known files are analysed all the same */
	struct buf         room;
	struct arena       arena; /* of what is held aside */
	struct map         by_key;
	struct held       *held, **tail;
	struct buf         touched; /* keys of entries of earlier epochs that were found */
	uint64_t           disagreed;
};

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* Some known files are analysed again, nobody can tell beforehand which, and compared when they are stored: a parser that was
 * taken over and has left lies behind it is found out. */
static bool is_checked(const struct memo_layer *layer, const struct digest *key)
{
	return !layer->memo->unchecked && xxh64_once(digest_slice(key), layer->secret) % CHECKED_ONE_IN == 0;
}

static int give(struct slice known, struct buf *facts)
{
	if (known.len > facts->bytes_max - facts->len)
		return 0;
	buf_append(facts, known);
	return buf_ok(facts);
}

static int look_up(struct memo_layer *layer, const struct digest *key, struct buf *facts, struct err *err)
{
	struct memo_entry entry;
	struct db_txn    *txn;
	int               status = db_begin(layer->memo->db, false, &txn, err);

	if (status < 0)
		return status;
	status = memo_get(txn, key, &layer->room, &entry, err);
	if (status == 1)
		status = give(entry.facts, facts);
	if (status == 1 && entry.epoch != layer->epoch)
		buf_append(&layer->touched, digest_slice(key));
	db_abort(txn);
	return status;
}

static int find(void *data, const struct digest *key, struct buf *facts)
{
	struct memo_layer *layer = data;
	const struct held *held;
	struct err         err = {0};
	int                status = 0;

	if (atomic_load(&layer->memo->off))
		return ERR_STORE;
	layer->counts.lookups++;
	held = map_get(&layer->by_key, digest_slice(key));
	if (held)
		status = give(held->facts, facts);
	else if (!is_checked(layer, key))
		status = look_up(layer, key, facts, &err);
	if (status < 0)
		memo_switch_off(layer->memo, &err);
	layer->counts.hits += status == 1;
	return status;
}

static void keep(void *data, const struct digest *key, struct slice facts)
{
	struct memo_layer *layer = data;
	struct held       *held;

	if (facts.len > LIMIT_MEMO_FACTS_BYTES || arena_failed(&layer->arena) ||
	    map_get(&layer->by_key, digest_slice(key)))
		return;
	held = arena_alloc(&layer->arena, sizeof(*held));
	if (!held)
		return;
	held->key = *key;
	held->facts = arena_copy(&layer->arena, facts);
	if (arena_failed(&layer->arena) || !map_put(&layer->by_key, digest_slice(&held->key), held))
		return;
	*layer->tail = held;
	layer->tail = &held->next;
}

/* --- storing ------------------------------------------------------------------------------------------------------ */

struct store {
	struct memo_layer   *layer;
	const struct digest *digest;
	struct db_txn       *txn;
	struct memo_state    state;
	uint64_t             kept;
};

static int put(struct store *s, const struct digest *key, const struct memo_entry *entry, struct err *err)
{
	struct buf value;
	int        status;

	buf_init(&value, VALUE_BYTES_MAX);
	memo_entry_write(&value, entry);
	status = buf_ok(&value) ? db_put(s->txn, MEMO_FACTS, digest_slice(key), buf_slice(&value), err)
				: err_set(err, ERR_MEM, "file memo: out of memory");
	buf_deinit(&value);
	return status;
}

static int put_new(struct store *s, const struct digest *key, struct slice facts, struct err *err)
{
	struct memo_entry entry = {.epoch = s->state.epoch, .layer = digest_slice(s->digest), .facts = facts};

	s->state.bytes += memo_entry_bytes(facts.len);
	s->state.behind += memo_entry_bytes(facts.len);
	s->kept++;
	return put(s, key, &entry, err);
}

/* Both cannot be true, and which is nobody knows. */
static int forget(struct store *s, const struct digest *key, const struct memo_entry *known, struct err *err)
{
	uint64_t bytes = memo_entry_bytes(known->facts.len);

	s->layer->disagreed++;
	s->state.bytes -= bytes < s->state.bytes ? bytes : s->state.bytes;
	return db_delete(s->txn, MEMO_FACTS, digest_slice(key), err);
}

static int store_one(struct store *s, const struct digest *key, struct slice facts, struct err *err)
{
	struct memo_entry known;
	int               status;

	status = memo_get(s->txn, key, &s->layer->room, &known, err);
	if (status < 0)
		return status;
	if (status == 0)
		return put_new(s, key, facts, err);
	return slice_eq(known.facts, facts) ? 0 : forget(s, key, &known, err);
}

static int store_held(struct store *s, struct err *err)
{
	int status = 0;

	for (const struct held *held = s->layer->held; held && status >= 0; held = held->next)
		status = store_one(s, &held->key, held->facts, err);
	return status;
}

static int store_touched(struct store *s, struct err *err)
{
	struct cursor c = cursor_of(buf_slice(&s->layer->touched));
	int           status = 0;

	while (status >= 0 && c.left >= SHA256_BYTES) {
		struct memo_entry entry;
		struct digest     key;

		memcpy(key.bytes, cursor_take(&c, SHA256_BYTES).ptr, sizeof(key.bytes));
		status = memo_get(s->txn, &key, &s->layer->room, &entry, err);
		if (status != 1 || entry.epoch == s->state.epoch)
			continue;
		entry.epoch = s->state.epoch;
		status = put(s, &key, &entry, err);
	}
	return status < 0 ? status : 0;
}

static int store_all(struct store *s, struct err *err)
{
	uint64_t bytes_max = s->layer->memo->bytes_max;
	int      status;

	memo_state_read(s->txn, &s->state);
	if ((status = store_touched(s, err)) < 0 || (status = memo_evict(s->txn, bytes_max, &s->state, err)) < 0 ||
	    (status = store_held(s, err)) < 0)
		return status;
	if (s->state.behind > memo_aim(bytes_max) / EPOCHS) {
		s->state.epoch++;
		s->state.behind = 0;
	}
	return memo_state_write(s->txn, &s->state, err);
}

/* The file cannot grow. If that is its own ceiling, old entries go, and this layer is not remembered; if it is the disk's,
 * there is nothing to be done here. */
static int make_room(struct memo *memo, struct err *err)
{
	struct memo_state state;
	struct db_txn    *txn;
	uint64_t          before;
	int               status = db_begin(memo->db, true, &txn, NULL);

	if (status < 0)
		return status;
	memo_state_read(txn, &state);
	before = state.bytes;
	if (memo_evict(txn, memo->bytes_max / 2, &state, NULL) < 0 || state.bytes == before ||
	    memo_state_write(txn, &state, NULL) < 0) {
		db_abort(txn);
		return ERR_FULL;
	}
	return db_commit(txn, err);
}

static void warn_of_lies(const struct memo_layer *layer, const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	log_line(LOG_WARNING, "memo",
		 "layer %s: %llu files came to other facts than the memo had of them: forgotten. If a parser was taken "
		 "over, see `varve store memo purge`",
		 text, (unsigned long long)layer->disagreed);
}

static void store(struct memo_layer *layer, const struct digest *digest)
{
	struct store s = {.layer = layer, .digest = digest};
	struct err   err = {0};
	int          status = db_begin(layer->memo->db, true, &s.txn, &err);

	if (status >= 0 && (status = store_all(&s, &err)) < 0)
		db_abort(s.txn);
	else if (status >= 0)
		status = db_commit(s.txn, &err);
	if (status == 0)
		layer->counts.kept = s.kept;
	else if (status != ERR_FULL || make_room(layer->memo, &err) < 0)
		memo_switch_off(layer->memo, &err);
	if (status == 0 && layer->disagreed)
		warn_of_lies(layer, digest);
}

/* --- the object --------------------------------------------------------------------------------------------------- */

struct memo_layer *memo_layer_begin(struct memo *memo)
{
	struct memo_layer *layer = memo && !atomic_load(&memo->off) ? calloc(1, sizeof(*layer)) : NULL;
	struct memo_state  state;
	struct db_txn     *txn;

	if (!layer)
		return NULL;
	layer->memo = memo;
	layer->calls = (struct file_memo){.data = layer, .find = find, .keep = keep};
	layer->secret = layer->by_key.seed = random_seed();
	layer->tail = &layer->held;
	buf_init(&layer->room, VALUE_BYTES_MAX);
	arena_init(&layer->arena, LIMIT_MEMO_HELD_BYTES);
	buf_init(&layer->touched, TOUCHED_BYTES_MAX);
	if (db_begin(memo->db, false, &txn, NULL) == 0) {
		memo_state_read(txn, &state);
		layer->epoch = state.epoch;
		db_abort(txn);
	}
	return layer;
}

const struct file_memo *memo_layer_calls(struct memo_layer *layer)
{
	return layer ? &layer->calls : NULL;
}

void memo_layer_end(struct memo_layer *layer, const struct digest *digest, struct memo_counts *counts)
{
	*counts = (struct memo_counts){0};
	if (!layer)
		return;
	if (digest && (layer->held || layer->touched.len) && !atomic_load(&layer->memo->off))
		store(layer, digest);
	*counts = layer->counts;
	map_deinit(&layer->by_key);
	buf_deinit(&layer->room);
	arena_deinit(&layer->arena);
	buf_deinit(&layer->touched);
	free(layer);
}
