#include "match/advisory_store.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/msgpack_read.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, FEEDS_MAX = 100000, FEEDS_BYTES_MAX = 64 << 20 };

struct advisory_store {
	struct db *db;
};

struct reader {
	struct advisories     advisories;
	struct db_txn        *txn;
	struct arena          arena; /* feeds, generation, date */
	struct advisory_feed *feeds;
	size_t                feeds_capacity;
};

int advisory_current_folder(const char *dir, char folder[ADVISORY_GENERATION_BYTES], struct err *err)
{
	struct buf   text = {.bytes_max = 256};
	char         path[PATH_BYTES];
	struct slice name;
	int          status;

	if (snprintf(path, sizeof(path), "%s/current", dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "advisory folder %s: path too long", dir);
	status = file_read(path, &text, err);
	name = slice_trim(buf_slice(&text));
	if (!status &&
	    (!slice_starts(name, "gen-") || name.len >= ADVISORY_GENERATION_BYTES || slice_find(name, '/') != SIZE_MAX))
		status = err_set(err, ERR_STORE, "%s does not name a generation", path);
	if (!status)
		snprintf(folder, ADVISORY_GENERATION_BYTES, "%.*s", SLICE_FMT(name));
	buf_deinit(&text);
	return status;
}

int advisory_current(const char *dir, char generation[ADVISORY_GENERATION_BYTES], struct err *err)
{
	char         folder[ADVISORY_GENERATION_BYTES];
	struct slice rest, id;
	int          status = advisory_current_folder(dir, folder, err);

	if (status)
		return status;
	rest = slice_from(slice_str(folder), 4);
	id = slice_cut(&rest, '-');
	snprintf(generation, ADVISORY_GENERATION_BYTES, "%.*s", SLICE_FMT(id));
	return 0;
}

static int open_folder(const char *dir, const char *folder, struct db **out, struct err *err)
{
	struct db_config config = {.tables = advisory_table_names,
				   .kind = "advisories",
				   .version = ADVISORY_FORMAT_VERSION,
				   .read_only = true};
	char             path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/%s", dir, folder) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "advisory folder %s: path too long", dir);
	return db_open(path, &config, out, err);
}

int advisory_store_open(const char *dir, struct advisory_store **out, struct err *err)
{
	struct advisory_store *store = calloc(1, sizeof(*store));
	char                   folder[ADVISORY_GENERATION_BYTES], newer[ADVISORY_GENERATION_BYTES];
	struct err             why = {0};
	int status = store ? advisory_current_folder(dir, folder, &why) : err_set(&why, ERR_MEM, "out of memory");

	*out = NULL;
	if (!status)
		status = open_folder(dir, folder, &store->db, &why);
	if (status && store && !advisory_current_folder(dir, newer, NULL) && strcmp(folder, newer) != 0) {
		err_clear(&why); /* an import replaced it between reading its name and opening it */
		status = open_folder(dir, newer, &store->db, &why);
	}
	if (status) {
		free(store);
		return err_set(err, status, "%s", why.text);
	}
	*out = store;
	return 0;
}

void advisory_store_close(struct advisory_store *store)
{
	if (!store)
		return;
	db_close(store->db);
	free(store);
}

struct db *advisory_store_db(struct advisory_store *store)
{
	return store->db;
}

/* [modified, hash, header] of a record; false when damaged. */
static bool split_record(struct slice value, struct slice *modified, struct slice *header)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, 3);

	*modified = msgpack_read_bytes(&r);
	msgpack_read_bytes(&r);
	*header = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, 3);
	return msgpack_ok(&r);
}

/* The entries of one record from one source while they are gathered. */
struct group {
	struct slice             id, source;
	const struct osv_record *record; /* NULL: withdrawn or damaged, its entries are left out */
};

struct finding {
	struct reader   *reader;
	struct arena    *arena;
	struct slice     ecosystem, name;
	struct advisory *found;
	size_t           count, capacity;
	struct group     group;
	size_t           group_start; /* where the entries of group.id begin in `found` */
};

static const struct osv_record *load_header(struct finding *f, struct slice id, struct slice source, struct err *err)
{
	struct buf         key = {.bytes_max = DB_KEY_BYTES_MAX};
	struct slice       value, modified, header;
	struct osv_record *record = arena_alloc(f->arena, sizeof(*record));
	int                status;

	advisory_key_part(&key, id);
	advisory_key_part(&key, source);
	status = record ? db_borrow(f->reader->txn, ADVISORY_RECORDS, buf_slice(&key), &value, NULL) : ERR_MEM;
	if (status == ERR_UNSUPPORTED) { /* chunked: a very long summary or list of names */
		struct buf copy = {.bytes_max = LIMIT_ADVISORY_BYTES};

		status = db_get(f->reader->txn, ADVISORY_RECORDS, buf_slice(&key), &copy, NULL);
		value = status ? SLICE_EMPTY : arena_copy(f->arena, buf_slice(&copy));
		buf_deinit(&copy);
	}
	buf_deinit(&key);
	if (status || !split_record(value, &modified, &header) || osv_header_decode(header, f->arena, record, NULL)) {
		err_set(err, status == ERR_MEM ? ERR_MEM : ERR_STORE, "advisory %.*s is damaged: import it again",
			SLICE_FMT(id));
		return NULL;
	}
	return record->withdrawn ? NULL : record;
}

/* The same id from two sources: the newer record is the one that counts. */
static void begin_group(struct finding *f, struct slice id, struct slice source, struct err *err)
{
	bool                     same_id = slice_eq(f->group.id, id);
	const struct osv_record *record = load_header(f, id, source, err);

	if (!same_id)
		f->group_start = f->count;
	else if (record && f->group.record && slice_cmp(record->modified, f->group.record->modified) <= 0)
		record = NULL;
	else if (record)
		f->count = f->group_start;
	f->group = (struct group){
		.id = arena_copy(f->arena, id), .source = arena_copy(f->arena, source), .record = record};
}

static int add_entry(struct finding *f, struct slice value, struct err *err)
{
	struct osv_affected *affected = arena_alloc(f->arena, sizeof(*affected));
	struct slice         copy = arena_copy(f->arena, slice_from(value, ADVISORY_MARK_BYTES));
	int                  status;

	if (!affected || !arena_grow(f->arena, &f->found, &f->capacity, f->count, sizeof(*f->found)))
		return err_set(err, ERR_MEM, "more advisories for one package than memory is allowed for");
	status = osv_affected_decode(copy, f->arena, affected, err);
	if (status)
		return status;
	affected->ecosystem = f->ecosystem;
	affected->name = f->name;
	f->found[f->count++] = (struct advisory){.record = f->group.record, .affected = affected};
	return 0;
}

static int walk_entries(struct finding *f, struct slice prefix, struct db_cursor *cursor, struct err *err)
{
	struct slice key, value;
	int          got;

	while ((got = db_cursor_next(cursor, &key, &value, err)) > 0) {
		struct slice rest = slice_from(key, prefix.len), id, source;

		if (!slice_eq(slice_sub(key, 0, prefix.len), prefix))
			return 0;
		id = slice_cut(&rest, 0);
		source = slice_cut(&rest, 0);
		if (!slice_eq(f->group.id, id) || !slice_eq(f->group.source, source))
			begin_group(f, id, source, err);
		if (err && err->code)
			return err->code;
		if (f->group.record && (got = add_entry(f, value, err)) != 0)
			return got;
	}
	return got;
}

static int store_find(const struct advisories *advisories, struct slice ecosystem, struct slice name,
		      struct arena *arena, struct advisory **out, size_t *count, struct err *err)
{
	struct reader    *reader = (struct reader *)(uintptr_t)advisories;
	struct finding    f = {.reader = reader, .arena = arena, .ecosystem = ecosystem, .name = name};
	struct buf        prefix = {.bytes_max = DB_KEY_BYTES_MAX};
	struct db_cursor *cursor = NULL;
	struct err        why = {0};
	int               status;

	advisory_key_part(&prefix, ecosystem);
	advisory_key_part(&prefix, name);
	status = db_cursor_open(reader->txn, ADVISORY_AFFECTED, buf_slice(&prefix), &cursor, &why);
	if (!status)
		status = walk_entries(&f, buf_slice(&prefix), cursor, &why);
	db_cursor_close(cursor);
	buf_deinit(&prefix);
	*out = f.found;
	*count = status ? 0 : f.count;
	return status ? err_set(err, status, "advisories of %.*s %.*s: %s", SLICE_FMT(ecosystem), SLICE_FMT(name),
				why.text)
		      : 0;
}

static bool store_feed_at(const struct advisories *advisories, size_t index, struct advisory_feed *out)
{
	const struct reader *reader = (const struct reader *)advisories;

	if (index >= advisories->feeds_count)
		return false;
	*out = reader->feeds[index];
	return true;
}

/* Adds one source's share to the feed of its ecosystem; shares of one ecosystem follow each other in key order. */
static bool add_feed(struct reader *reader, struct slice ecosystem, struct slice value)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, 5);
	struct slice          date = msgpack_read_bytes(&r);
	uint64_t records = msgpack_read_uint(&r), entries = msgpack_read_uint(&r), voided = msgpack_read_uint(&r);
	uint64_t unfixed = msgpack_read_uint(&r);
	size_t   count = reader->advisories.feeds_count;
	struct advisory_feed *feed = count ? &reader->feeds[count - 1] : NULL;

	msgpack_end_record(&r, fields, 5);
	if (!msgpack_ok(&r) || count == FEEDS_MAX)
		return false;
	if (!feed || !slice_eq(feed->ecosystem, ecosystem)) {
		if (!arena_grow(&reader->arena, &reader->feeds, &reader->feeds_capacity, count, sizeof(*feed)))
			return false;
		feed = &reader->feeds[reader->advisories.feeds_count++];
		*feed = (struct advisory_feed){.ecosystem = arena_copy(&reader->arena, ecosystem)};
	}
	if (slice_cmp(date, feed->date) > 0)
		feed->date = arena_copy(&reader->arena, date);
	feed->records += records;
	feed->entries += entries;
	feed->ranges_voided += voided;
	feed->unfixed += unfixed;
	return !arena_failed(&reader->arena);
}

static int load_feeds(struct reader *reader, struct err *err)
{
	struct db_cursor *cursor = NULL;
	struct slice      key, value;
	int               got = db_cursor_open(reader->txn, ADVISORY_FEEDS, SLICE_EMPTY, &cursor, err);

	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0)
		got = add_feed(reader, slice_cut(&key, 0), value)
			      ? 0
			      : err_set(err, ERR_STORE, "the list of advisory feeds is damaged");
	db_cursor_close(cursor);
	return got;
}

static int load_text(struct reader *reader, const char *key, struct slice *out, struct err *err)
{
	struct slice value;
	int          status = db_borrow(reader->txn, ADVISORY_META, slice_str(key), &value, err);

	if (!status)
		*out = arena_copy(&reader->arena, value);
	return status;
}

int advisory_reader_open(struct advisory_store *store, struct advisories **out, struct err *err)
{
	static const struct advisories_ops ops = {.find = store_find, .feed_at = store_feed_at};
	struct reader                     *reader = calloc(1, sizeof(*reader));
	int                                status;

	*out = NULL;
	if (!reader)
		return err_set(err, ERR_MEM, "out of memory");
	reader->advisories.ops = &ops;
	arena_init(&reader->arena, FEEDS_BYTES_MAX);
	status = db_begin(store->db, false, &reader->txn, err);
	if (!status)
		status = load_text(reader, "id", &reader->advisories.generation, err);
	if (!status)
		status = load_text(reader, "date", &reader->advisories.date, err);
	if (!status)
		status = load_feeds(reader, err);
	if (status) {
		advisory_reader_close(&reader->advisories);
		return status;
	}
	*out = &reader->advisories;
	return 0;
}

void advisory_reader_close(struct advisories *advisories)
{
	struct reader *reader = (struct reader *)advisories;

	if (!reader)
		return;
	db_abort(reader->txn);
	arena_deinit(&reader->arena);
	free(reader);
}

int advisory_sources(struct advisory_store *store,
		     int (*each)(void *data, struct slice name, const struct advisory_source_info *info), void *data,
		     struct err *err)
{
	struct advisory_source_info info;
	struct db_cursor           *cursor = NULL;
	struct db_txn              *txn = NULL;
	struct slice                key, value;
	int                         got = db_begin(store->db, false, &txn, err);

	if (!got)
		got = db_cursor_open(txn, ADVISORY_SOURCES, SLICE_EMPTY, &cursor, err);
	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0)
		got = advisory_source_decode(value, &info)
			      ? each(data, key, &info)
			      : err_set(err, ERR_STORE, "the list of advisory sources is damaged");
	db_cursor_close(cursor);
	db_abort(txn);
	return got;
}
