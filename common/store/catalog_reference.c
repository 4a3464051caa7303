#include "store/catalog_internal.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "base/msgpack_write.h"

static int put_reference(struct db_txn *txn, uint64_t job, uint64_t number, struct slice reference,
			 enum reference_state state, struct err *err)
{
	uint8_t    name[KEY_PAIR_BYTES];
	struct buf record;
	int        status;

	buf_init(&record, LIMIT_PATH_BYTES + 4096);
	msgpack_write_array(&record, 2);
	msgpack_write_uint(&record, (uint64_t)state);
	msgpack_write_str(&record, reference);
	status = buf_ok(&record)
			 ? db_put(txn, TABLE_REFERENCES, catalog_key_pair(job, number, name), buf_slice(&record), err)
			 : err_set(err, ERR_LIMIT, "reference of %zu bytes: too long", reference.len);
	buf_deinit(&record);
	return status;
}

int catalog_reference_add(struct catalog *catalog, uint64_t job, uint64_t number, struct slice reference, bool *added,
			  struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_HASHED_BYTES], bytes[8];
	struct slice   id = catalog_key_hashed(job, reference, name);
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	*added = !db_has(txn, TABLE_REFERENCE_INDEX, id);
	if (!*added)
		return 0;
	catalog_key_u64(bytes, number);
	if ((status = db_put(txn, TABLE_REFERENCE_INDEX, id, slice_of(bytes, sizeof(bytes)), err)) < 0)
		return status;
	return put_reference(txn, job, number, reference, REFERENCE_OPEN, err);
}

static bool decode_reference(struct slice value, struct slice *reference, enum reference_state *state)
{
	struct msgpack_reader r = msgpack_reader_of(value);

	msgpack_begin_record(&r, 2);
	*state = msgpack_read_uint(&r) == REFERENCE_DONE ? REFERENCE_DONE : REFERENCE_OPEN;
	*reference = msgpack_read_bytes(&r);
	return msgpack_ok(&r);
}

int catalog_reference_done(struct catalog *catalog, uint64_t job, uint64_t number, struct buf *text, struct err *err)
{
	struct db_txn       *txn = catalog_batch(catalog, err);
	uint8_t              name[KEY_PAIR_BYTES];
	struct slice         value, reference = SLICE_EMPTY;
	enum reference_state state = REFERENCE_OPEN;
	size_t               before = text->len;
	int                  status;

	if (!txn)
		return ERR_INTERNAL;
	status = db_borrow(txn, TABLE_REFERENCES, catalog_key_pair(job, number, name), &value, err);
	if (status < 0 && status != ERR_STORE)
		return status;
	if (status < 0 || !decode_reference(value, &reference, &state))
		reference = SLICE_EMPTY;
	if (state == REFERENCE_DONE)
		return 0;
	buf_append(text, reference); /* what is borrowed ends with the writing */
	return put_reference(txn, job, number, slice_from(buf_slice(text), before), REFERENCE_DONE, err);
}

/* Appends a copy of what is open; false: there is no room, it is to be read again next time. */
static bool take_open(struct arena *arena, struct open_reference *out, size_t *count, uint64_t number,
		      struct slice reference)
{
	out[*count] = (struct open_reference){.number = number, .text = arena_copy(arena, reference)};
	if (arena_failed(arena))
		return false;
	++*count;
	return true;
}

static int read_open(struct db_txn *txn, uint64_t job, uint64_t from, size_t max, struct arena *arena,
		     struct open_reference *out, struct references_read *read, struct err *err)
{
	struct db_cursor    *cursor;
	struct slice         key, value, reference;
	enum reference_state state;
	uint8_t              name[KEY_PAIR_BYTES];
	int status = db_cursor_open(txn, TABLE_REFERENCES, catalog_key_pair(job, from, name), &cursor, err);

	if (status < 0)
		return status;
	while (read->count < max && read->passed < CATALOG_REFERENCES_PASSED_MAX) {
		int           got = db_cursor_next(cursor, &key, &value, NULL);
		struct cursor c = cursor_of(key);
		uint64_t      number;

		if (got == 0 || key.len != KEY_PAIR_BYTES || cursor_u64be(&c) != job) {
			read->ended = true;
			break;
		}
		number = cursor_u64be(&c);
		if (got < 0 || !decode_reference(value, &reference, &state)) {
			reference = SLICE_EMPTY;
			state = REFERENCE_OPEN;
		}
		if (state == REFERENCE_OPEN && !take_open(arena, out, &read->count, number, reference))
			break;
		read->next = number + 1;
		read->passed++;
	}
	db_cursor_close(cursor);
	return 0;
}

int catalog_references_open(struct catalog *catalog, uint64_t job, uint64_t from, size_t max, struct arena *arena,
			    struct open_reference **out, struct references_read *read, struct err *err)
{
	struct catalog_read txn = {0};
	int                 status;

	*read = (struct references_read){.next = from};
	*out = arena_array(arena, max + 1, sizeof(**out));
	if (!*out)
		return err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);
	if ((status = catalog_read_begin(catalog, &txn, err)) < 0)
		return status;
	status = read_open(txn.txn, job, from, max, arena, *out, read, err);
	catalog_read_end(&txn);
	return status;
}

int catalog_reference_text(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena,
			   struct slice *text, struct err *err)
{
	struct catalog_read  read = {0};
	enum reference_state state;
	struct slice         value, borrowed;
	uint8_t              name[KEY_PAIR_BYTES];
	int                  status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = db_borrow(read.txn, TABLE_REFERENCES, catalog_key_pair(job, number, name), &value, err);
	if (status >= 0 && !decode_reference(value, &borrowed, &state))
		status = catalog_malformed(catalog, "reference", err);
	if (status >= 0)
		*text = arena_copy(arena, borrowed);
	catalog_read_end(&read);
	return status;
}

int catalog_reference_known(struct catalog *catalog, uint64_t job, struct slice reference, bool *known, struct err *err)
{
	struct catalog_read read = {0};
	uint8_t             name[KEY_HASHED_BYTES];
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	*known = db_has(read.txn, TABLE_REFERENCE_INDEX, catalog_key_hashed(job, reference, name));
	catalog_read_end(&read);
	return 0;
}
