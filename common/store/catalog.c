#include "store/catalog.h"
#include "store/catalog_internal.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/msgpack_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const catalog_table_names[] = {
	"counters",    "owners",      "jobs",          "tokens",     "references",  "reference_index",
	"images",      "image_index", "image_records", "latest",     "layers",      "inventories",
	"path_tables", "diff_ids",    "claims",        "scans",      "failures",    "resolves",
	"job_layers",  "quarantine",  "failed_images", "retiring",   "index_queue", "interned",
	"intern_ids",  "names",       "sets",          "postings",   "layer_files", "layer_epochs",
	"place_sets",  "set_places",  "image_sets",    "judgements", "findings",    "finding_log",
	"contents",    "content_ids", "history",       NULL};

/* --- keys --- */

void catalog_key_u64(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * (7 - i)));
}

struct slice catalog_key_layer(const struct digest *digest, uint64_t set, uint8_t out[KEY_LAYER_BYTES])
{
	memcpy(out, digest->bytes, sizeof(digest->bytes));
	catalog_key_u64(out + sizeof(digest->bytes), set);
	return slice_of(out, KEY_LAYER_BYTES);
}

struct slice catalog_key_pair(uint64_t a, uint64_t b, uint8_t out[KEY_PAIR_BYTES])
{
	catalog_key_u64(out, a);
	catalog_key_u64(out + 8, b);
	return slice_of(out, KEY_PAIR_BYTES);
}

struct slice catalog_key_hashed(uint64_t a, struct slice text, uint8_t out[KEY_HASHED_BYTES])
{
	catalog_key_u64(out, a);
	xxh128_once(text, out + 8);
	return slice_of(out, KEY_HASHED_BYTES);
}

uint64_t catalog_set_id(struct slice analyzer_set)
{
	return xxh64_once(analyzer_set, 0);
}

int catalog_malformed(const struct catalog *catalog, const char *what, struct err *err)
{
	return err_set(err, ERR_STORE, "store %s: damaged record: %s", catalog->dir, what);
}

/* --- transactions --- */

int catalog_begin(struct catalog *catalog, struct err *err)
{
	struct db_txn *txn;
	int            status = db_begin(catalog->db, true, &txn, err);

	if (status < 0)
		return status;
	atomic_store(&catalog->batch_thread, pthread_self());
	atomic_store(&catalog->batch, txn);
	return 0;
}

int catalog_commit(struct catalog *catalog, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	status = catalog_counters_write(catalog, txn, err);
	atomic_store(&catalog->batch, NULL);
	if (status < 0) {
		db_abort(txn);
		return status;
	}
	return db_commit(txn, err);
}

void catalog_abort(struct catalog *catalog)
{
	struct db_txn *txn = catalog_batch(catalog, NULL);

	atomic_store(&catalog->batch, NULL);
	db_abort(txn);
	memset(catalog->counts, 0, sizeof(catalog->counts));
	catalog->counted = false;
}

struct db_txn *catalog_batch(struct catalog *catalog, struct err *err)
{
	struct db_txn *txn = atomic_load(&catalog->batch);

	if (!txn)
		err_set(err, ERR_INTERNAL, "store %s: write outside of a batch", catalog->dir);
	return txn;
}

int catalog_read_begin(struct catalog *catalog, struct catalog_read *read, struct err *err)
{
	struct db_txn *batch = atomic_load(&catalog->batch);

	if (batch && pthread_equal(atomic_load(&catalog->batch_thread), pthread_self())) {
		*read = (struct catalog_read){.txn = batch};
		return 0;
	}
	read->own = true;
	return db_begin(catalog->db, false, &read->txn, err);
}

void catalog_read_end(struct catalog_read *read)
{
	if (read->own)
		db_abort(read->txn);
}

void catalog_place_behind(struct catalog_place *place, struct slice key)
{
	if (key.len > DB_KEY_BYTES_MAX)
		key.len = DB_KEY_BYTES_MAX;
	if (key.len)
		memcpy(place->key, key.ptr, key.len);
	place->key[key.len] = 0; /* the smallest key that is greater */
	place->len = key.len + 1;
}

int catalog_counter_next(struct catalog *catalog, struct db_txn *txn, struct slice name, uint64_t *value,
			 struct err *err)
{
	struct slice stored;
	uint8_t      bytes[8];
	int          status = db_borrow(txn, TABLE_COUNTERS, name, &stored, NULL);

	*value = 1;
	if (status == 0) {
		struct cursor c = cursor_of(stored);

		*value = cursor_u64be(&c) + 1;
	} else if (status != ERR_NOT_FOUND) {
		return catalog_malformed(catalog, "counter", err);
	}
	catalog_key_u64(bytes, *value);
	return db_put(txn, TABLE_COUNTERS, name, slice_of(bytes, sizeof(bytes)), err);
}

/* --- owners: alive as long as their lock is held --- */

enum { OWNER_PATH_BYTES = 4200 };

static void owner_path(const struct catalog *catalog, uint64_t owner, char out[OWNER_PATH_BYTES])
{
	snprintf(out, OWNER_PATH_BYTES, "%s/owners/%" PRIu64, catalog->dir, owner);
}

bool catalog_owner_alive(const struct catalog *catalog, uint64_t owner)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char         path[OWNER_PATH_BYTES];
	int          fd, status;

	if (owner == catalog->owner)
		return true;
	owner_path(catalog, owner, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT; /* not to be asked: better to wait than to scan twice */
	status = fcntl(fd, F_OFD_GETLK, &lock);
	close(fd);
	return status < 0 || lock.l_type != F_UNLCK;
}

static int lock_owner_file(struct catalog *catalog, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char         path[OWNER_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/owners", catalog->dir);
	if (file_make_dirs(path, 0700, err) < 0)
		return err->code;
	owner_path(catalog, catalog->owner, path);
	catalog->owner_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (catalog->owner_fd < 0)
		return err_errno(err, ERR_IO, "store %s: owner file", catalog->dir);
	if (fcntl(catalog->owner_fd, F_OFD_SETLK, &lock) < 0)
		return err_errno(err, ERR_IO, "store %s: lock of the owner file", catalog->dir);
	return 0;
}

/* Records and files of owners that died; their claims fall to whoever asks next. */
static int bury_owners(struct catalog *catalog, struct db_txn *txn, struct err *err)
{
	uint64_t          dead[64];
	size_t            count = 0;
	struct db_cursor *cursor;
	struct slice      key, value;
	int               status = db_cursor_open(txn, TABLE_OWNERS, SLICE_EMPTY, &cursor, err);

	if (status < 0)
		return status;
	while (count < 64 && (status = db_cursor_next(cursor, &key, &value, NULL)) != 0) {
		struct cursor c = cursor_of(key);
		uint64_t      owner = cursor_u64be(&c);

		if (status < 0 && key.len == 0)
			break;
		if (!catalog_owner_alive(catalog, owner))
			dead[count++] = owner;
	}
	db_cursor_close(cursor);
	for (size_t i = 0; i < count; i++) {
		char    path[OWNER_PATH_BYTES];
		uint8_t name[8];

		owner_path(catalog, dead[i], path);
		unlink(path);
		catalog_key_u64(name, dead[i]);
		if ((status = db_delete(txn, TABLE_OWNERS, slice_of(name, sizeof(name)), err)) < 0)
			return status;
	}
	return 0;
}

static int put_owner(struct catalog *catalog, struct db_txn *txn, struct err *err)
{
	struct buf record;
	uint8_t    name[8];
	char       host[256] = "";
	int        status;

	gethostname(host, sizeof(host) - 1);
	buf_init(&record, 1024);
	msgpack_write_array(&record, 3);
	msgpack_write_uint(&record, (uint64_t)getpid());
	msgpack_write_uint(&record, clock_unix_ms());
	msgpack_write_str(&record, slice_str(host));
	catalog_key_u64(name, catalog->owner);
	status = db_put(txn, TABLE_OWNERS, slice_of(name, sizeof(name)), buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

static int become_owner(struct catalog *catalog, struct err *err)
{
	struct db_txn *txn;
	int            status = db_begin(catalog->db, true, &txn, err);

	if (status < 0)
		return status;
	if ((status = catalog_counter_next(catalog, txn, SLICE_LIT("owner"), &catalog->owner, err)) < 0 ||
	    (status = lock_owner_file(catalog, err)) < 0 || (status = bury_owners(catalog, txn, err)) < 0 ||
	    (status = put_owner(catalog, txn, err)) < 0) {
		db_abort(txn);
		return status;
	}
	return db_commit(txn, err);
}

/* Gives back what this owner still holds; without it others would find the lock gone, and count a death. */
static int release_all(struct catalog *catalog, struct db_txn *txn)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	struct buf        keys;
	int               status = db_cursor_open(txn, TABLE_CLAIMS, SLICE_EMPTY, &cursor, NULL);

	if (status < 0)
		return status;
	buf_init(&keys, 64 << 20);
	while (db_cursor_next(cursor, &key, &value, NULL) != 0 && key.len) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 2);
		if (msgpack_read_uint(&r) == catalog->owner && msgpack_ok(&r) && key.len == KEY_LAYER_BYTES)
			buf_append(&keys, key);
	}
	db_cursor_close(cursor);
	for (size_t at = 0; at + KEY_LAYER_BYTES <= keys.len && status >= 0; at += KEY_LAYER_BYTES)
		status = db_delete(txn, TABLE_CLAIMS, slice_of(keys.ptr + at, KEY_LAYER_BYTES), NULL);
	buf_deinit(&keys);
	return status;
}

static void leave(struct catalog *catalog)
{
	struct db_txn *txn;
	char           path[OWNER_PATH_BYTES];
	uint8_t        name[8];

	catalog_key_u64(name, catalog->owner);
	if (db_begin(catalog->db, true, &txn, NULL) == 0) {
		if (release_all(catalog, txn) < 0 ||
		    db_delete(txn, TABLE_OWNERS, slice_of(name, sizeof(name)), NULL) < 0)
			db_abort(txn);
		else
			db_commit(txn, NULL);
	}
	owner_path(catalog, catalog->owner, path);
	unlink(path);
	close(catalog->owner_fd);
}

/* --- open and close --- */

/* Format 3 has new tables and new fields at the end of job records; the fleet's counters begin with what is known. Format 4
 * has an index, in which everything that is there has yet to be entered. */
static int upgrade(struct db_txn *txn, uint32_t from, struct err *err)
{
	int status = from < 3 ? catalog_counters_begin(txn, err) : 0;

	return status < 0 ? status : catalog_index_queue_all(txn, err);
}

int catalog_open(const char *dir, const struct catalog_config *config, struct catalog **out, struct err *err)
{
	struct db_config db_config = {.tables = catalog_table_names,
				      .kind = "catalog",
				      .version = CATALOG_FORMAT_VERSION,
				      .version_from = CATALOG_FORMAT_OLDEST,
				      .upgrade = upgrade,
				      .read_only = config->read_only,
				      .map_bytes = config->map_bytes,
				      .bytes_max = config->bytes_max};
	struct err       local = {0};
	struct catalog  *catalog = calloc(1, sizeof(*catalog));
	int              status;

	err = err ? err : &local;
	if (!catalog)
		return err_set(err, ERR_MEM, "store %s: out of memory", dir);
	snprintf(catalog->dir, sizeof(catalog->dir), "%s", dir);
	catalog->owner_fd = -1;
	buf_init(&catalog->scratch, LIMIT_INVENTORY_BYTES + (1 << 20));
	status = db_open(dir, &db_config, &catalog->db, err);
	if (status >= 0 && !config->read_only)
		status = become_owner(catalog, err);
	if (status < 0) {
		if (catalog->owner_fd >= 0)
			close(catalog->owner_fd);
		db_close(catalog->db);
		buf_deinit(&catalog->scratch);
		free(catalog);
		return status;
	}
	*out = catalog;
	return 0;
}

void catalog_close(struct catalog *catalog)
{
	if (!catalog)
		return;
	if (atomic_load(&catalog->batch))
		catalog_abort(catalog);
	if (catalog->owner_fd >= 0)
		leave(catalog);
	db_close(catalog->db);
	buf_deinit(&catalog->scratch);
	free(catalog);
}

struct db *catalog_db(struct catalog *catalog)
{
	return catalog->db;
}

const char *catalog_dir(const struct catalog *catalog)
{
	return catalog->dir;
}

uint64_t catalog_owner(const struct catalog *catalog)
{
	return catalog->owner;
}
