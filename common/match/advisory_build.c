#include "match/advisory_build.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/msgpack_read.h"
#include "base/msgpack_write.h"
#include "match/advisory_delta.h"
#include "store/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4096,
	COMMIT_PUTS = 20000, /* dirty pages of one transaction stay below about 100 MiB */
	FEEDS_MAX = 100000,  /* ecosystem strings of one source; real feeds have a few hundred */
	FEED_BYTES_MAX = 32 << 20,
};

struct feed_count {
	struct slice ecosystem;
	struct slice date;
	uint64_t     records, entries, voided, unfixed;
	uint64_t     last_record; /* number of the last record that was counted, so that it counts once */
};

struct advisory_build {
	char           dir[PATH_BYTES], folder[PATH_BYTES + 32];
	int            lock;
	struct db     *db, *old; /* old: the current generation, once somebody asked for it; NULL = none to use */
	struct db_txn *txn;
	unsigned       puts;
	struct buf     key, value;
	struct arena   arena; /* of the current source */
	struct slice   source;
	struct advisory_source_info info;
	char                        source_date[40], date[40];
	struct feed_count          *feeds; /* sorted by ecosystem */
	size_t                      feeds_count, feeds_capacity;
};

static int take_lock(struct advisory_build *build, struct err *err)
{
	char path[PATH_BYTES + 32];

	snprintf(path, sizeof(path), "%s/lock", build->dir);
	build->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (build->lock < 0)
		return err_errno(err, ERR_IO, "creating %s", path);
	if (flock(build->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_BUSY, "another import into %s is running", build->dir);
	return err_errno(err, ERR_IO, "locking %s", path);
}

static void remove_folder(const char *path)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char                     inside[PATH_BYTES + 64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (snprintf(inside, sizeof(inside), "%s/%s", path, names[i]) < (int)sizeof(inside))
			unlink(inside);
	rmdir(path);
}

/* Generations that are not current, and folders that a killed import left. Only under the lock. */
static void remove_others(const struct advisory_build *build, const char *keep)
{
	DIR           *dir = opendir(build->dir);
	struct dirent *item;
	char           path[PATH_BYTES + 300];

	while (dir && (item = readdir(dir))) {
		if (strncmp(item->d_name, "gen-", 4) != 0 || strcmp(item->d_name, keep) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", build->dir, item->d_name);
		remove_folder(path);
	}
	if (dir)
		closedir(dir);
}

int advisory_build_begin(const char *dir, struct advisory_build **out, struct err *err)
{
	struct db_config config = {
		.tables = advisory_table_names, .kind = "advisories", .version = ADVISORY_FORMAT_VERSION};
	struct advisory_build *build = calloc(1, sizeof(*build));
	char                   current[ADVISORY_GENERATION_BYTES] = "";
	int                    status;

	*out = NULL;
	if (!build)
		return err_set(err, ERR_MEM, "out of memory");
	build->lock = -1;
	buf_init(&build->key, DB_KEY_BYTES_MAX);
	buf_init(&build->value, 2 * LIMIT_ADVISORY_BYTES);
	arena_init(&build->arena, FEED_BYTES_MAX);
	if (snprintf(build->dir, sizeof(build->dir), "%s", dir) >= (int)sizeof(build->dir) - 32)
		status = err_set(err, ERR_CONFIG, "advisory folder %s: path too long", dir);
	else
		status = file_make_dirs(dir, 0755, err);
	if (!status)
		status = take_lock(build, err);
	if (!status) {
		advisory_current_folder(dir, current, NULL);
		remove_others(build, current);
		snprintf(build->folder, sizeof(build->folder), "%s/gen-new", dir);
		status = db_open(build->folder, &config, &build->db, err);
	}
	if (!status)
		status = db_begin(build->db, true, &build->txn, err);
	if (status) {
		advisory_build_abort(build);
		return status;
	}
	*out = build;
	return 0;
}

static void free_build(struct advisory_build *build)
{
	db_abort(build->txn);
	db_close(build->db);
	db_close(build->old);
	if (build->lock >= 0)
		close(build->lock);
	buf_deinit(&build->key);
	buf_deinit(&build->value);
	arena_deinit(&build->arena);
	free(build);
}

void advisory_build_abort(struct advisory_build *build)
{
	if (!build)
		return;
	db_abort(build->txn);
	build->txn = NULL;
	db_close(build->db);
	build->db = NULL;
	if (build->folder[0])
		remove_folder(build->folder);
	free_build(build);
}

/* After a failed call the transaction is gone: later calls must not touch it. */
static int renew(struct advisory_build *build, struct err *err)
{
	struct db_txn *txn = build->txn;
	int            status;

	build->txn = NULL;
	build->puts = 0;
	status = db_commit(txn, err);
	return status ? status : db_begin(build->db, true, &build->txn, err);
}

static int put(struct advisory_build *build, unsigned table, struct slice key, struct slice value, struct err *err)
{
	int status;

	if (!build->txn)
		return err_set(err, ERR_STORE, "the import has failed before");
	status = db_put(build->txn, table, key, value, err);
	if (!status && ++build->puts >= COMMIT_PUTS)
		status = renew(build, err);
	return status;
}

static bool names_one_of(struct slice source, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_str(source, names[i]))
			return true;
	return false;
}

/* The part of a key that holds the source: SOURCES has it alone, in the other tables it follows `skip` parts. */
static struct slice source_of_key(struct slice key, unsigned skip)
{
	struct slice rest = key;

	while (skip--)
		slice_cut(&rest, 0);
	return slice_cut(&rest, 0);
}

static int keep_table(struct advisory_build *build, struct db_txn *old, unsigned table, unsigned skip,
		      const char *const *replaced, size_t count, struct err *err)
{
	struct db_cursor *cursor = NULL;
	struct slice      key, value;
	int               got = db_cursor_open(old, table, SLICE_EMPTY, &cursor, err);

	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0)
		got = names_one_of(source_of_key(key, skip), replaced, count) ? 0 : put(build, table, key, value, err);
	db_cursor_close(cursor);
	return got;
}

/* build->old: the current generation, to be read. ERR_NOT_FOUND when there is none; ERR_VERSION, ERR_STORE … */
static int open_old(struct advisory_build *build, struct err *err)
{
	struct db_config config = {.tables = advisory_table_names,
				   .kind = "advisories",
				   .version = ADVISORY_FORMAT_VERSION,
				   .read_only = true};
	char             current[ADVISORY_GENERATION_BYTES], path[PATH_BYTES + 128];

	if (build->old)
		return 0;
	if (advisory_current_folder(build->dir, current, NULL) != 0)
		return ERR_NOT_FOUND;
	snprintf(path, sizeof(path), "%s/%s", build->dir, current);
	return db_open(path, &config, &build->old, err);
}

static bool has_current(const struct advisory_build *build)
{
	char current[ADVISORY_GENERATION_BYTES];

	return advisory_current_folder(build->dir, current, NULL) == 0;
}

int advisory_build_keep(struct advisory_build *build, const char *const *replaced, size_t replaced_count,
			int *dropped_format, struct err *err)
{
	static const struct {
		unsigned table, skip;
	} tables[] = {{ADVISORY_SOURCES, 0}, {ADVISORY_RECORDS, 1}, {ADVISORY_AFFECTED, 3}, {ADVISORY_FEEDS, 1}};
	struct db_txn *txn = NULL;
	struct err     why = {0};
	int            status;

	*dropped_format = 0;
	if (!has_current(build))
		return 0;
	status = open_old(build, &why);
	if (status == ERR_VERSION || status == ERR_NOT_FOUND || status == ERR_STORE) {
		*dropped_format = status;
		return 0;
	}
	if (status)
		return err_set(err, status, "opening the current advisories: %s", why.text);
	status = db_begin(build->old, false, &txn, err);
	for (size_t i = 0; !status && i < sizeof(tables) / sizeof(tables[0]); i++)
		status = keep_table(build, txn, tables[i].table, tables[i].skip, replaced, replaced_count, err);
	db_abort(txn);
	return status;
}

static int put_feeds(struct advisory_build *build, struct err *err)
{
	int status = 0;

	for (size_t i = 0; !status && i < build->feeds_count; i++) {
		const struct feed_count *feed = &build->feeds[i];

		buf_clear(&build->key);
		buf_clear(&build->value);
		advisory_key_part(&build->key, feed->ecosystem);
		advisory_key_part(&build->key, build->source);
		msgpack_write_array(&build->value, 5);
		msgpack_write_str(&build->value, feed->date);
		msgpack_write_uint(&build->value, feed->records);
		msgpack_write_uint(&build->value, feed->entries);
		msgpack_write_uint(&build->value, feed->voided);
		msgpack_write_uint(&build->value, feed->unfixed);
		status = put(build, ADVISORY_FEEDS, buf_slice(&build->key), buf_slice(&build->value), err);
	}
	return status;
}

static int end_source(struct advisory_build *build, struct err *err)
{
	int status;

	if (build->source.len == 0)
		return 0;
	status = put_feeds(build, err);
	buf_clear(&build->value);
	build->info.date = slice_str(build->source_date);
	advisory_source_encode(&build->info, &build->value);
	if (!status)
		status = put(build, ADVISORY_SOURCES, build->source, buf_slice(&build->value), err);
	build->source = SLICE_EMPTY;
	build->feeds = NULL;
	build->feeds_count = build->feeds_capacity = 0;
	arena_reset(&build->arena);
	return status;
}

int advisory_build_source(struct advisory_build *build, struct slice name, struct slice origin, struct slice etag,
			  struct err *err)
{
	int status = end_source(build, err);

	if (status)
		return status;
	if (name.len == 0 || name.len > ADVISORY_KEY_PART_MAX || slice_find(name, 0) != SIZE_MAX)
		return err_set(err, ERR_USAGE, "the name of an advisory source has 1 to %d bytes",
			       ADVISORY_KEY_PART_MAX);
	build->source = arena_copy(&build->arena, name);
	build->info = (struct advisory_source_info){.origin = arena_copy(&build->arena, origin),
						    .etag = arena_copy(&build->arena, etag),
						    .imported_ms = clock_unix_ms()};
	build->source_date[0] = '\0';
	return arena_failed(&build->arena) ? err_set(err, ERR_MEM, "out of memory") : 0;
}

void advisory_build_broken(struct advisory_build *build)
{
	build->info.broken++;
}

static void newer_date(char *date, size_t size, struct slice modified)
{
	if (modified.len < size && slice_cmp(modified, slice_str(date)) > 0)
		snprintf(date, size, "%.*s", SLICE_FMT(modified));
}

static struct feed_count *feed_of(struct advisory_build *build, struct slice ecosystem)
{
	size_t low = 0, high = build->feeds_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_cmp(build->feeds[middle].ecosystem, ecosystem) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < build->feeds_count && slice_eq(build->feeds[low].ecosystem, ecosystem))
		return &build->feeds[low];
	if (build->feeds_count == FEEDS_MAX || !arena_grow(&build->arena, &build->feeds, &build->feeds_capacity,
							   build->feeds_count, sizeof(*build->feeds)))
		return NULL;
	memmove(&build->feeds[low + 1], &build->feeds[low], (build->feeds_count - low) * sizeof(*build->feeds));
	build->feeds[low] =
		(struct feed_count){.ecosystem = arena_copy(&build->arena, ecosystem), .last_record = UINT64_MAX};
	build->feeds_count++;
	return &build->feeds[low];
}

static int count_feed(struct advisory_build *build, const struct osv_record *record,
		      const struct osv_affected *affected, struct err *err)
{
	struct feed_count *feed = feed_of(build, affected->ecosystem);

	if (!feed)
		return err_set(err, ERR_LIMIT, "more than %d ecosystem names in one source", FEEDS_MAX);
	feed->entries++;
	feed->voided += affected->ranges_voided;
	feed->unfixed += osv_affected_is_unfixed(affected);
	if (feed->last_record != build->info.records)
		feed->records++;
	feed->last_record = build->info.records;
	if (slice_cmp(record->modified, feed->date) > 0)
		feed->date = arena_copy(&build->arena, record->modified);
	return arena_failed(&build->arena) ? err_set(err, ERR_MEM, "out of memory") : 0;
}

static int put_affected(struct advisory_build *build, const struct osv_record *record, struct slice mark, size_t index,
			struct err *err)
{
	const struct osv_affected *affected = &record->affected[index];
	int                        status = count_feed(build, record, affected, err);

	if (status || record->withdrawn)
		return status;
	buf_clear(&build->key);
	buf_clear(&build->value);
	advisory_key_part(&build->key, affected->ecosystem);
	advisory_key_part(&build->key, affected->name);
	advisory_key_part(&build->key, record->id);
	advisory_key_part(&build->key, build->source);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_byte(&build->key, (uint8_t)(index >> shift));
	buf_append(&build->value, mark);
	osv_affected_encode(affected, &build->value);
	if (!buf_ok(&build->value) || !buf_ok(&build->key))
		return err_set(err, ERR_LIMIT, "an entry of the advisory is too large");
	return put(build, ADVISORY_AFFECTED, buf_slice(&build->key), buf_slice(&build->value), err);
}

int advisory_build_add(struct advisory_build *build, const struct osv_record *record, struct slice json,
		       struct err *err)
{
	struct buf header = {.bytes_max = LIMIT_ADVISORY_BYTES};
	uint8_t    hash[SHA256_BYTES];
	int        status = 0;

	sha256_once(json, hash);
	osv_header_encode(record, &header);
	buf_clear(&build->key);
	buf_clear(&build->value);
	advisory_key_part(&build->key, record->id);
	advisory_key_part(&build->key, build->source);
	msgpack_write_array(&build->value, 3);
	msgpack_write_str(&build->value, record->modified);
	msgpack_write_bin(&build->value, slice_of(hash, sizeof(hash)));
	msgpack_write_bin(&build->value, buf_slice(&header));
	if (!buf_ok(&header) || !buf_ok(&build->value))
		status = err_set(err, ERR_LIMIT, "the advisory's header is too large");
	buf_deinit(&header);
	if (!status)
		status = put(build, ADVISORY_RECORDS, buf_slice(&build->key), buf_slice(&build->value), err);
	for (size_t i = 0; !status && i < record->affected_count; i++)
		status = put_affected(build, record, slice_of(hash, ADVISORY_MARK_BYTES), i, err);
	newer_date(build->source_date, sizeof(build->source_date), record->modified);
	build->info.records++;
	return status;
}

/* The generation's id covers which records there are, under which source, and what their JSON said. */
static int identify(struct advisory_build *build, struct advisory_build_result *result, struct err *err)
{
	struct sha256    *hash = sha256_new();
	struct db_cursor *cursor = NULL;
	struct slice      key, value;
	uint8_t           id[SHA256_BYTES], format = OSV_FORMAT_VERSION;
	int got = hash ? db_cursor_open(build->txn, ADVISORY_RECORDS, SLICE_EMPTY, &cursor, err) : ERR_MEM;

	if (hash)
		sha256_update(hash, slice_of(&format, 1));
	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_read_array(&r);
		newer_date(build->date, sizeof(build->date), msgpack_read_bytes(&r));
		sha256_update(hash, key);
		sha256_update(hash, msgpack_read_bytes(&r));
		result->records++;
		got = 0;
	}
	db_cursor_close(cursor);
	if (!got) {
		sha256_final(hash, id);
		digest_hex(id, 8, result->generation);
		snprintf(result->date, sizeof(result->date), "%s", build->date);
	}
	sha256_free(hash);
	return got;
}

static int make_current(struct advisory_build *build, const char *generation, struct err *err)
{
	char folder[ADVISORY_GENERATION_BYTES], path[PATH_BYTES + 128], text[ADVISORY_GENERATION_BYTES + 1];
	int  status;

	snprintf(folder, sizeof(folder), "gen-%.32s-%llx", generation, (unsigned long long)clock_unix_ms());
	snprintf(path, sizeof(path), "%s/%s", build->dir, folder);
	if (rename(build->folder, path) != 0)
		return err_errno(err, ERR_IO, "renaming %s to %s", build->folder, path);
	snprintf(text, sizeof(text), "%s\n", folder);
	snprintf(path, sizeof(path), "%s/current", build->dir);
	status = file_write_atomic(path, slice_str(text), 0644, err);
	if (!status)
		remove_others(build, folder);
	return status;
}

static int put_delta(void *data, unsigned table, struct slice key, struct slice value, struct err *err)
{
	return put(data, table, key, value, err);
}

/* What differs from the generation before, which may be of no use: then all of it does. */
static int compare(struct advisory_build *build, const struct advisory_build_result *result, struct err *err)
{
	struct advisory_delta_writer writer = {.db = build->db,
					       .generation = slice_str(result->generation),
					       .date = slice_str(result->date),
					       .put = put_delta,
					       .data = build};
	int                          status = renew(build, err); /* the rows are to be read while names are written */

	if (!status && open_old(build, NULL) == 0)
		writer.old = build->old;
	return status ? status : advisory_delta_write(&writer, err);
}

static int seal(struct advisory_build *build, struct advisory_build_result *result, struct err *err)
{
	struct db_txn *txn;
	int            status = end_source(build, err);

	if (!status)
		status = identify(build, result, err);
	if (!status)
		status = compare(build, result, err);
	if (!status)
		status = put(build, ADVISORY_META, SLICE_LIT("id"), slice_str(result->generation), err);
	if (!status)
		status = put(build, ADVISORY_META, SLICE_LIT("date"), slice_str(result->date), err);
	if (status)
		return status;
	txn = build->txn;
	build->txn = NULL;
	status = db_commit(txn, err);
	db_close(build->db);
	build->db = NULL;
	return status;
}

int advisory_build_finish(struct advisory_build *build, struct advisory_build_result *result, struct err *err)
{
	char current[ADVISORY_GENERATION_BYTES] = "";
	int  status;

	*result = (struct advisory_build_result){0};
	status = seal(build, result, err);
	advisory_current(build->dir, current, NULL);
	result->unchanged = !status && strcmp(current, result->generation) == 0;
	if (!status)
		status = make_current(build, result->generation, err);
	if (status) {
		advisory_build_abort(build);
		return status;
	}
	free_build(build);
	return 0;
}
