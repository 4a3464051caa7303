#include "store/catalog_internal.h"

#include "base/clock.h"
#include "base/cursor.h"

#include <stdlib.h>
#include <string.h>

enum { LATEST_PER_READ = 1024 };

/* --- one place --- */

struct slice catalog_key_place(struct slice place, uint8_t out[KEY_PLACE_BYTES_MAX])
{
	struct slice text = slice_sub(place, 0, PLACE_TEXT_BYTES);

	if (text.len)
		memcpy(out, text.ptr, text.len);
	xxh128_once(place, out + text.len);
	return slice_of(out, text.len + XXH128_BYTES);
}

struct slice catalog_place_text(struct slice key)
{
	return slice_sub(key, 0, key.len < XXH128_BYTES ? 0 : key.len - XXH128_BYTES);
}

static int put(struct db_txn *txn, struct slice key, const struct catalog_latest *latest, struct err *err)
{
	const uint64_t fields[] = {latest->job, latest->number, latest->seen_ms, latest->retired_ms,
				   latest->retired_job};
	uint8_t        bytes[sizeof(fields)];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		catalog_key_u64(bytes + 8 * i, fields[i]);
	return db_put(txn, TABLE_LATEST, key, slice_of(bytes, sizeof(bytes)), err);
}

/* What was written before places could be retired ends with the number. */
bool catalog_latest_decode(struct slice key, struct slice value, struct catalog_latest *out)
{
	struct cursor c = cursor_of(value);

	*out = (struct catalog_latest){.job = cursor_u64be(&c)};
	out->number = cursor_u64be(&c);
	if (c.left) {
		out->seen_ms = cursor_u64be(&c);
		out->retired_ms = cursor_u64be(&c);
		out->retired_job = cursor_u64be(&c);
	}
	if (key.len >= XXH128_BYTES && key.len < KEY_PLACE_BYTES_MAX)
		out->place = slice_sub(key, 0, key.len - XXH128_BYTES);
	return cursor_ok(&c);
}

int catalog_latest_put(struct db_txn *txn, struct slice place, uint64_t job, uint64_t number, struct err *err)
{
	const struct catalog_latest latest = {.job = job, .number = number, .seen_ms = clock_unix_ms()};
	uint8_t                     name[KEY_PLACE_BYTES_MAX], pair[KEY_PAIR_BYTES];
	struct slice                key = catalog_key_place(place, name);
	int                         status = put(txn, key, &latest, err);

	/* The index is told. */
	return status < 0 ? status : db_put(txn, TABLE_INDEX_QUEUE, catalog_key_pair(job, number, pair), key, err);
}

int catalog_latest_get(struct db_txn *txn, struct slice place, struct catalog_latest *out)
{
	uint8_t      name[KEY_PLACE_BYTES_MAX];
	struct slice key = catalog_key_place(place, name), value;
	int          status = db_borrow(txn, TABLE_LATEST, key, &value, NULL);

	return status < 0 ? status : catalog_latest_decode(key, value, out) ? 0 : ERR_STORE;
}

bool catalog_latest_is(struct db_txn *txn, struct slice key, uint64_t job, uint64_t number)
{
	struct catalog_latest latest;
	struct slice          value;

	return key.len && db_borrow(txn, TABLE_LATEST, key, &value, NULL) == 0 &&
	       catalog_latest_decode(key, value, &latest) && !latest.retired_ms && latest.job == job &&
	       latest.number == number;
}

int catalog_latest_retire(struct catalog *catalog, const struct catalog_latest *latest, uint64_t job, struct err *err)
{
	struct db_txn        *txn = catalog_batch(catalog, err);
	struct catalog_latest now;
	uint8_t               name[KEY_PLACE_BYTES_MAX];
	int                   status;

	if (!txn)
		return ERR_INTERNAL;
	if (catalog_latest_get(txn, latest->place, &now) < 0 || now.job != latest->job || now.retired_ms)
		return 0; /* it was seen meanwhile */
	now.retired_ms = clock_unix_ms();
	now.retired_job = job;
	status = index_place_move(txn, catalog_key_place(latest->place, name), NULL, err);
	return status < 0 ? status : put(txn, catalog_key_place(latest->place, name), &now, err);
}

/* --- all places --- */

static int read_some(struct catalog *catalog, struct catalog_place *at, size_t max, struct arena *arena,
		     struct catalog_latest *out, size_t *count, struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key, value;
	int                 status = catalog_read_begin(catalog, &read, err);

	*count = 0;
	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_LATEST, slice_of(at->key, at->len), &cursor, err);
	while (status >= 0 && !at->ended && *count < max) {
		at->ended = db_cursor_next(cursor, &key, &value, NULL) == 0 || !key.len;
		if (at->ended || !catalog_latest_decode(key, value, &out[*count])) {
			catalog_place_behind(at, key);
			continue;
		}
		out[*count].place = arena_copy(arena, out[*count].place);
		if (arena_failed(arena))
			break; /* read again next time */
		++*count;
		catalog_place_behind(at, key);
	}
	if (status >= 0)
		db_cursor_close(cursor);
	catalog_read_end(&read);
	if (status >= 0 && *count == 0 && !at->ended)
		return err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);
	return status;
}

int catalog_latest_read(struct catalog *catalog, struct slice from, size_t max, struct arena *arena,
			struct catalog_latest **out, size_t *count, struct buf *next, bool *ended, struct err *err)
{
	struct catalog_place at = {.len = from.len < sizeof(at.key) ? from.len : sizeof(at.key)};
	int                  status;

	if (at.len)
		memcpy(at.key, from.ptr, at.len);
	if ((*out = arena_array(arena, max, sizeof(**out))) == NULL)
		return err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);
	status = read_some(catalog, &at, max, arena, *out, count, err);
	*ended = at.ended;
	buf_clear(next);
	buf_append(next, slice_of(at.key, at.len));
	return status;
}

static bool is_wanted(const struct catalog_latest *latest, enum latest_which which)
{
	return which == LATEST_ALL || (which == LATEST_RETIRED) == (latest->retired_ms != 0);
}

int catalog_latest_each(struct catalog *catalog, enum latest_which                          which,
			int (*each)(void *data, const struct catalog_latest *latest), void *data, struct err *err)
{
	struct catalog_place   at = {.ended = false};
	struct arena           arena;
	struct catalog_latest *some = calloc(LATEST_PER_READ, sizeof(*some));
	size_t                 count;
	int                    status = some ? 0 : err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);

	arena_init(&arena, 2 * LATEST_PER_READ * KEY_PLACE_BYTES_MAX);
	while (status == 0 && !at.ended) {
		arena_reset(&arena);
		status = read_some(catalog, &at, LATEST_PER_READ, &arena, some, &count, err);
		for (size_t i = 0; i < count && status == 0; i++)
			if (is_wanted(&some[i], which))
				status = each(data, &some[i]);
	}
	arena_deinit(&arena);
	free(some);
	return status;
}

/* --- listings that have ended --- */

int catalog_retiring_put(struct catalog *catalog, uint64_t job, uint64_t number, struct slice from, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_PAIR_BYTES];

	return txn ? db_put(txn, TABLE_RETIRING, catalog_key_pair(job, number, name), from, err) : ERR_INTERNAL;
}

int catalog_retiring_end(struct catalog *catalog, uint64_t job, uint64_t number, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_PAIR_BYTES];

	return txn ? db_delete(txn, TABLE_RETIRING, catalog_key_pair(job, number, name), err) : ERR_INTERNAL;
}

int catalog_retiring_first(struct catalog *catalog, uint64_t *job, uint64_t *number, struct buf *from, struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key = SLICE_EMPTY, value = SLICE_EMPTY;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_RETIRING, SLICE_EMPTY, &cursor, err);
	if (status >= 0) {
		struct cursor c;

		db_cursor_next(cursor, &key, &value, NULL);
		c = cursor_of(key);
		*job = cursor_u64be(&c);
		*number = cursor_u64be(&c);
		buf_clear(from);
		buf_append(from, value);
		db_cursor_close(cursor);
		if (!cursor_ok(&c))
			status = err_set(err, ERR_NOT_FOUND, "store %s: no listing has just ended", catalog->dir);
	}
	catalog_read_end(&read);
	return status;
}
