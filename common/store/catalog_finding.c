#include "store/catalog_finding.h"

#include "base/msgpack_write.h"
#include "store/catalog_index_internal.h"

enum { STATE_FIELDS = 6, JUDGEMENT_FIELDS = 10, CHANGE_FIELDS = 2, KEY_CHANGE_BYTES = 16, RECORD_BYTES_MAX = 4 << 20 };

static const struct slice STATE_KEY = {(const uint8_t *)"state", 5};
static const struct slice LAST_CONTENT_KEY = {(const uint8_t *)"last_content", 12};

static int put_record(struct catalog *catalog, unsigned table, struct slice key, struct buf *value, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	int            status = txn ? 0 : ERR_INTERNAL;

	if (!status)
		status = buf_ok(value) ? db_put(txn, table, key, buf_slice(value), err)
				       : err_set(err, ERR_LIMIT, "findings: a record is too long");
	buf_deinit(value);
	return status;
}

/* ---- state ---- */

static bool read_state(struct slice value, struct findings_state *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, STATE_FIELDS);

	out->judgement = msgpack_read_uint(&r);
	out->running = msgpack_read_uint(&r);
	out->index_generation = msgpack_read_uint(&r);
	out->packages = msgpack_read_uint(&r);
	out->told = msgpack_read_uint(&r);
	out->first = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, STATE_FIELDS);
	return msgpack_ok(&r);
}

int catalog_findings_state(struct catalog_view *view, struct findings_state *out, struct err *err)
{
	struct slice value;
	int          status = db_borrow(view->read.txn, TABLE_JUDGEMENTS, STATE_KEY, &value, err);

	*out = (struct findings_state){0};
	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (!status && !read_state(value, out))
		return catalog_malformed(view->catalog, "state of the findings", err);
	return status;
}

int catalog_findings_state_put(struct catalog *catalog, const struct findings_state *state, struct err *err)
{
	struct buf value = {.bytes_max = 128};

	msgpack_write_array(&value, STATE_FIELDS);
	msgpack_write_uint(&value, state->judgement);
	msgpack_write_uint(&value, state->running);
	msgpack_write_uint(&value, state->index_generation);
	msgpack_write_uint(&value, state->packages);
	msgpack_write_uint(&value, state->told);
	msgpack_write_uint(&value, state->first);
	return put_record(catalog, TABLE_JUDGEMENTS, STATE_KEY, &value, err);
}

int catalog_findings_clear(struct catalog *catalog, struct err *err)
{
	static const unsigned tables[] = {TABLE_FINDINGS, TABLE_FINDING_LOG, TABLE_CONTENTS, TABLE_CONTENT_IDS};
	struct db_txn        *txn = catalog_batch(catalog, err);
	int                   status = txn ? 0 : ERR_INTERNAL;

	for (size_t i = 0; !status && i < sizeof(tables) / sizeof(tables[0]); i++)
		status = db_clear(txn, tables[i], err);
	return status;
}

/* ---- judgements ---- */

static bool read_judgement(struct slice value, struct judgement *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, JUDGEMENT_FIELDS);

	out->generation = msgpack_read_bytes(&r);
	out->date = msgpack_read_bytes(&r);
	out->identity = msgpack_read_bytes(&r);
	out->begun_ms = msgpack_read_uint(&r);
	out->ended_ms = msgpack_read_uint(&r);
	out->first = msgpack_read_bool(&r);
	out->packages = msgpack_read_uint(&r);
	out->matched = msgpack_read_uint(&r);
	out->come = msgpack_read_uint(&r);
	out->gone = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, JUDGEMENT_FIELDS);
	return msgpack_ok(&r);
}

int catalog_judgement_get(struct catalog_view *view, uint64_t number, struct arena *arena, struct judgement *out,
			  struct err *err)
{
	uint8_t      key[KEY_NUMBER_BYTES];
	struct slice value;
	int          status = db_borrow(view->read.txn, TABLE_JUDGEMENTS, index_key_number(number, key), &value, err);

	*out = (struct judgement){.number = number};
	if (status)
		return status;
	if (!read_judgement(value, out))
		return catalog_malformed(view->catalog, "judgement", err);
	out->generation = arena_copy(arena, out->generation);
	out->date = arena_copy(arena, out->date);
	out->identity = arena_copy(arena, out->identity);
	return arena_failed(arena) ? err_set(err, ERR_MEM, "findings: out of memory") : 0;
}

int catalog_judgement_put(struct catalog *catalog, const struct judgement *judgement, struct err *err)
{
	struct buf value = {.bytes_max = RECORD_BYTES_MAX};
	uint8_t    key[KEY_NUMBER_BYTES];

	msgpack_write_array(&value, JUDGEMENT_FIELDS);
	msgpack_write_str(&value, judgement->generation);
	msgpack_write_str(&value, judgement->date);
	msgpack_write_str(&value, judgement->identity);
	msgpack_write_uint(&value, judgement->begun_ms);
	msgpack_write_uint(&value, judgement->ended_ms);
	msgpack_write_bool(&value, judgement->first);
	msgpack_write_uint(&value, judgement->packages);
	msgpack_write_uint(&value, judgement->matched);
	msgpack_write_uint(&value, judgement->come);
	msgpack_write_uint(&value, judgement->gone);
	return put_record(catalog, TABLE_JUDGEMENTS, index_key_number(judgement->number, key), &value, err);
}

/* ---- contents ---- */

int catalog_finding_content(struct catalog_view *view, uint64_t content, struct slice *bytes, struct err *err)
{
	uint8_t key[KEY_NUMBER_BYTES];
	int     status = db_borrow(view->read.txn, TABLE_CONTENTS, index_key_number(content, key), bytes, err);

	return status == ERR_NOT_FOUND || status == ERR_UNSUPPORTED
		       ? catalog_malformed(view->catalog, "content of a finding", err)
		       : status;
}

int catalog_finding_content_find(struct catalog_view *view, struct slice bytes, uint64_t *content, struct err *err)
{
	struct digest hash;
	struct slice  known;
	int           status;

	digest_of(bytes, &hash);
	*content = 0;
	status = db_borrow(view->read.txn, TABLE_CONTENT_IDS, digest_slice(&hash), &known, err);
	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (!status)
		*content = index_number_of(known);
	return status;
}

static int new_content(struct db_txn *txn, struct slice hash, struct slice bytes, uint64_t *content, struct err *err)
{
	uint8_t      key[KEY_NUMBER_BYTES];
	struct slice last;
	int          status = db_borrow(txn, TABLE_JUDGEMENTS, LAST_CONTENT_KEY, &last, err);

	if (status && status != ERR_NOT_FOUND)
		return status;
	*content = 1 + (status ? 0 : index_number_of(last));
	index_key_number(*content, key);
	status = db_put(txn, TABLE_JUDGEMENTS, LAST_CONTENT_KEY, slice_of(key, sizeof(key)), err);
	if (!status)
		status = db_put(txn, TABLE_CONTENTS, slice_of(key, sizeof(key)), bytes, err);
	return status ? status : db_put(txn, TABLE_CONTENT_IDS, hash, slice_of(key, sizeof(key)), err);
}

int catalog_finding_intern(struct catalog *catalog, struct slice bytes, uint64_t *content, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	struct digest  hash;
	struct slice   known;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	digest_of(bytes, &hash);
	status = db_borrow(txn, TABLE_CONTENT_IDS, digest_slice(&hash), &known, err);
	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		return new_content(txn, digest_slice(&hash), bytes, content, err);
	}
	if (!status)
		*content = index_number_of(known);
	return status;
}

/* ---- findings of packages: the distances of contents would not be small, so each number stands as it is ---- */

static bool read_findings(struct slice value, struct arena *arena, struct package_findings *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                numbers = msgpack_read_array(&r);

	out->count = 0;
	out->items = numbers > 1 ? arena_array(arena, numbers / 2, sizeof(*out->items)) : NULL;
	for (; out->items && out->count < numbers / 2 && msgpack_ok(&r); out->count++) {
		out->items[out->count].content = msgpack_read_uint(&r);
		out->items[out->count].since = msgpack_read_uint(&r);
	}
	return msgpack_ok(&r) && (out->items || numbers == 0);
}

static int get_long(struct catalog_view *view, unsigned table, struct slice key, struct arena *arena,
		    struct slice *value, struct err *err)
{
	struct buf long_value;
	int        status = db_borrow(view->read.txn, table, key, value, err);

	if (status != ERR_UNSUPPORTED)
		return status;
	err_clear(err);
	buf_init(&long_value, CATALOG_RECORD_BYTES_MAX);
	status = db_get(view->read.txn, table, key, &long_value, err);
	*value = arena_copy(arena, buf_slice(&long_value));
	buf_deinit(&long_value);
	return !status && arena_failed(arena) ? err_set(err, ERR_MEM, "findings: out of memory") : status;
}

int catalog_findings_get(struct catalog_view *view, uint64_t package, struct arena *arena, struct package_findings *out,
			 struct err *err)
{
	uint8_t      key[KEY_NUMBER_BYTES];
	struct slice value;
	int          status = get_long(view, TABLE_FINDINGS, index_key_number(package, key), arena, &value, err);

	*out = (struct package_findings){0};
	if (status == ERR_NOT_FOUND) {
		err_clear(err);
		return 0;
	}
	if (!status && !read_findings(value, arena, out))
		return catalog_malformed(view->catalog, "findings of a package", err);
	return status;
}

int catalog_findings_put(struct catalog *catalog, uint64_t package, const struct package_findings *findings,
			 struct err *err)
{
	struct buf     value = {.bytes_max = CATALOG_RECORD_BYTES_MAX};
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        key[KEY_NUMBER_BYTES];

	if (!txn)
		return ERR_INTERNAL;
	if (findings->count == 0)
		return db_delete(txn, TABLE_FINDINGS, index_key_number(package, key), err);
	msgpack_write_array(&value, 2 * findings->count);
	for (size_t i = 0; i < findings->count; i++) {
		msgpack_write_uint(&value, findings->items[i].content);
		msgpack_write_uint(&value, findings->items[i].since);
	}
	return put_record(catalog, TABLE_FINDINGS, index_key_number(package, key), &value, err);
}

int catalog_findings_each(struct catalog_view *view,
			  int (*each)(void *data, uint64_t package, const struct package_findings *findings),
			  void *data, struct err *err)
{
	struct index_walk       walk;
	struct package_findings findings;
	struct arena            arena;
	struct slice            key, value;
	int status = index_walk_begin(&walk, view, TABLE_FINDINGS, SLICE_EMPTY, SLICE_EMPTY, true, err);

	arena_init(&arena, RECORD_BYTES_MAX * 8);
	while (!status && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		arena_reset(&arena);
		status = read_findings(value, &arena, &findings)
				 ? each(data, index_number_of(key), &findings)
				 : catalog_malformed(view->catalog, "findings of a package", err);
	}
	index_walk_end(&walk);
	arena_deinit(&arena);
	return status;
}

/* ---- the log ---- */

static struct slice change_key(uint64_t judgement, uint64_t package, uint8_t out[KEY_CHANGE_BYTES])
{
	index_key_number(judgement, out);
	index_key_number(package, out + KEY_NUMBER_BYTES);
	return slice_of(out, KEY_CHANGE_BYTES);
}

static void write_numbers(struct buf *out, const uint64_t *numbers, size_t count)
{
	msgpack_write_array(out, count);
	for (size_t i = 0; i < count; i++)
		msgpack_write_uint(out, numbers[i]);
}

static uint64_t *read_numbers(struct msgpack_reader *r, struct arena *arena, size_t *count)
{
	size_t    announced = msgpack_read_array(r);
	uint64_t *numbers = announced ? arena_array(arena, announced, sizeof(*numbers)) : NULL;

	for (*count = 0; numbers && *count < announced && msgpack_ok(r); ++*count)
		numbers[*count] = msgpack_read_uint(r);
	if (announced && !numbers)
		msgpack_fail(r);
	return numbers;
}

static bool read_change(struct slice key, struct slice value, struct arena *arena, struct finding_change *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, CHANGE_FIELDS);

	out->judgement = index_number_of(slice_sub(key, 0, KEY_NUMBER_BYTES));
	out->package = index_number_of(slice_from(key, KEY_NUMBER_BYTES));
	out->come = read_numbers(&r, arena, &out->come_count);
	out->gone = read_numbers(&r, arena, &out->gone_count);
	msgpack_end_record(&r, fields, CHANGE_FIELDS);
	return msgpack_ok(&r) && key.len == KEY_CHANGE_BYTES;
}

int catalog_finding_change_get(struct catalog_view *view, uint64_t judgement, uint64_t package, struct arena *arena,
			       struct finding_change *out, struct err *err)
{
	uint8_t      bytes[KEY_CHANGE_BYTES];
	struct slice key = change_key(judgement, package, bytes), value;
	int          status = get_long(view, TABLE_FINDING_LOG, key, arena, &value, err);

	*out = (struct finding_change){.judgement = judgement, .package = package};
	if (!status && !read_change(key, value, arena, out))
		return catalog_malformed(view->catalog, "log of findings", err);
	return status;
}

int catalog_finding_change_put(struct catalog *catalog, const struct finding_change *change, struct err *err)
{
	struct buf     value = {.bytes_max = CATALOG_RECORD_BYTES_MAX};
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        bytes[KEY_CHANGE_BYTES];
	struct slice   key = change_key(change->judgement, change->package, bytes);

	if (!txn)
		return ERR_INTERNAL;
	msgpack_write_array(&value, CHANGE_FIELDS);
	write_numbers(&value, change->come, change->come_count);
	write_numbers(&value, change->gone, change->gone_count);
	return put_record(catalog, TABLE_FINDING_LOG, key, &value, err);
}

int catalog_finding_changes_each(struct catalog_view *view, uint64_t                                 from,
				 int (*each)(void *data, const struct finding_change *change), void *data,
				 struct err *err)
{
	struct index_walk     walk;
	struct finding_change change;
	struct arena          arena;
	struct slice          key, value;
	uint8_t               start[KEY_NUMBER_BYTES];
	int                   status =
		index_walk_begin(&walk, view, TABLE_FINDING_LOG, index_key_number(from, start), SLICE_EMPTY, true, err);

	arena_init(&arena, RECORD_BYTES_MAX * 8);
	while (!status && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		arena_reset(&arena);
		status = read_change(key, value, &arena, &change)
				 ? each(data, &change)
				 : catalog_malformed(view->catalog, "log of findings", err);
	}
	index_walk_end(&walk);
	arena_deinit(&arena);
	return status;
}
