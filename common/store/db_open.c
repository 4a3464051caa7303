#include "store/db_internal.h"

#include "base/file.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	READERS_MAX = 1022,
	MAP_BYTES_MIN = 16 << 20,
	DISK_FREE_BYTES_MIN = 64 << 10,
	STORE_LAYOUT = 1, /* version of what this module adds below the callers' formats */
};

/* LMDB's rule, not ours: closing a second environment of one file would drop the first one's locks. So this process
 * remembers which folders are open, by device and inode. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct db      *open_list;

/* LMDB calls a write that was cut short an I/O error; on a full disk that is what it was. */
static bool disk_is_full(const struct db *db)
{
	struct statfs fs;

	return statfs(db->path, &fs) == 0 && (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < DISK_FREE_BYTES_MIN;
}

int db_fail(const struct db *db, int status, const char *doing, struct err *err)
{
	if (status == EIO && disk_is_full(db))
		status = ENOSPC;
	if (status == MDB_MAP_FULL || status == ENOSPC || status == EDQUOT)
		return err_set(err, ERR_FULL, "store %s: %s: %s", db->path, doing,
			       status != MDB_MAP_FULL ? strerror(status)
			       : db->bytes_max        ? "its ceiling is reached, it is full"
						      : "its map is full");
	if (status == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "store %s: %s: no such record", db->path, doing);
	if (status == ENOMEM)
		return err_set(err, ERR_MEM, "store %s: %s: out of memory", db->path, doing);
	if (status == MDB_VERSION_MISMATCH || status == MDB_INVALID)
		return err_set(err, ERR_VERSION, "store %s: %s: not a store of this version of LMDB (%s)", db->path,
			       doing, mdb_strerror(status));
	return err_set(err, ERR_STORE, "store %s: %s: %s", db->path, doing, mdb_strerror(status));
}

/* --- opening --- */

static int refuse_network(const char *dir, struct err *err)
{
	static const struct {
		uint32_t    magic;
		const char *name;
	} kinds[] = {{0x6969, "NFS"},      {0x517B, "SMB"},       {0xFF534D42, "CIFS"},
		     {0xFE534D42, "SMB2"}, {0x5346414F, "AFS"},   {0x00C36400, "Ceph"},
		     {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"}, {0x0BD00BD0, "Lustre"}};
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_errno(err, ERR_IO, "store %s", dir);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((uint32_t)fs.f_type == kinds[i].magic)
			return err_set(
				err, ERR_CONFIG,
				"store %s: on a network file system (%s), where LMDB loses data: use a local folder",
				dir, kinds[i].name);
	return 0;
}

static int remember(struct db *db, struct err *err)
{
	int status = 0;

	pthread_mutex_lock(&open_lock);
	for (struct db *other = open_list; other; other = other->next)
		if (other->identity.st_dev == db->identity.st_dev && other->identity.st_ino == db->identity.st_ino)
			status = err_set(err, ERR_BUSY, "store %s: already open in this process", db->path);
	if (!status) {
		db->next = open_list;
		open_list = db;
	}
	pthread_mutex_unlock(&open_lock);
	return status;
}

static void forget(struct db *db)
{
	pthread_mutex_lock(&open_lock);
	for (struct db **link = &open_list; *link; link = &(*link)->next)
		if (*link == db) {
			*link = db->next;
			break;
		}
	pthread_mutex_unlock(&open_lock);
}

static int prepare_folder(struct db *db, struct err *err)
{
	int status;

	if (!db->read_only && (status = file_make_dirs(db->path, 0700, err)) < 0)
		return status;
	if (stat(db->path, &db->identity) < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "store %s", db->path);
	if (!S_ISDIR(db->identity.st_mode))
		return err_set(err, ERR_CONFIG, "store %s: not a folder", db->path);
	if (!db->read_only && access(db->path, W_OK) < 0)
		return err_errno(err, ERR_IO, "store %s: cannot be written", db->path);
	return refuse_network(db->path, err);
}

/* Root may look into the store of a service. What it makes there becomes the service's, which could not open a lock file of
 * root later. Never what has a second name elsewhere: the folder is the service's to play with. O_PATH, because closing any
 * other descriptor of lock.mdb would drop LMDB's locks. */
static void give_to_owner_of_folder(const struct db *db)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char                     path[sizeof(db->path) + 16];

	for (size_t i = 0; geteuid() == 0 && db->identity.st_uid != 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat file;
		int         fd;

		snprintf(path, sizeof(path), "%s/%s", db->path, names[i]);
		fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == 0 && file.st_nlink == 1 &&
		    fchownat(fd, "", db->identity.st_uid, db->identity.st_gid, AT_EMPTY_PATH) < 0)
			errno = 0; /* a read-only file system: nobody can write there anyway */
		close(fd);
	}
}

static int open_env_once(struct db *db, uint64_t bytes, unsigned extra_flags)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | extra_flags | (db->read_only ? MDB_RDONLY : 0);
	int      status = mdb_env_create(&db->env);

	if (status)
		return status;
	if ((status = mdb_env_set_maxdbs(db->env, DB_TABLES_MAX + 2)) == 0 &&
	    (status = mdb_env_set_maxreaders(db->env, READERS_MAX)) == 0 &&
	    (status = mdb_env_set_mapsize(db->env, (size_t)bytes)) == 0)
		status = mdb_env_open(db->env, db->path, flags, 0600);
	if (status) {
		mdb_env_close(db->env);
		db->env = NULL;
	}
	return status;
}

/* Where address space is limited (ulimit -v, sanitizers), a smaller map is taken. */
static int open_env(struct db *db, uint64_t bytes, struct err *err)
{
	int status;

	while ((status = open_env_once(db, bytes, 0)) == ENOMEM && bytes > MAP_BYTES_MIN)
		bytes /= 2;
	if (db->read_only && (status == EACCES || status == EROFS || status == EPERM))
		status = open_env_once(db, bytes, MDB_NOLOCK); /* nobody can write it either */
	if (status == EACCES || status == EROFS || status == EPERM)
		return err_set(err, ERR_IO, "store %s: read-only: %s", db->path, strerror(status));
	if (status == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "store %s: no store there", db->path);
	return status ? db_fail(db, status, "open", err) : 0;
}

static int check_length(struct db *db, struct err *err)
{
	MDB_envinfo info;
	MDB_stat    stat_;
	struct stat file;
	int         fd, status;

	if ((status = mdb_env_info(db->env, &info)) || (status = mdb_env_stat(db->env, &stat_)) ||
	    (status = mdb_env_get_fd(db->env, &fd)))
		return db_fail(db, status, "open", err);
	db->page_bytes = stat_.ms_psize;
	if (fstat(fd, &file) < 0)
		return err_errno(err, ERR_IO, "store %s", db->path);
	if (info.me_last_pgno > 1 && (uint64_t)file.st_size / stat_.ms_psize < info.me_last_pgno + 1)
		return err_set(err, ERR_STORE, "store %s: damaged: its file ends after %llu of %llu pages", db->path,
			       (unsigned long long)file.st_size / stat_.ms_psize,
			       (unsigned long long)info.me_last_pgno + 1);
	return 0;
}

static int open_tables(struct db *db, MDB_txn *txn, const struct db_config *config, struct err *err)
{
	unsigned flags = db->read_only ? 0 : MDB_CREATE;
	int      status = mdb_dbi_open(txn, "chunks", flags, &db->chunks);

	for (; !status && config->tables[db->tables_count]; db->tables_count++) {
		if (db->tables_count == DB_TABLES_MAX)
			return err_set(err, ERR_INTERNAL, "store %s: too many tables", db->path);
		status = mdb_dbi_open(txn, config->tables[db->tables_count], flags, &db->tables[db->tables_count]);
	}
	return status ? db_fail(db, status, "open tables", err) : 0;
}

/* --- format --- */

static int write_format(struct db *db, MDB_txn *txn, const struct db_config *config, struct err *err)
{
	char    text[80];
	int     len = snprintf(text, sizeof(text), "%s %d %u", config->kind, STORE_LAYOUT, config->version);
	MDB_val key = db_val(SLICE_LIT("format")), value = db_val(slice_of(text, (size_t)len));
	int     status = mdb_put(txn, db->meta, &key, &value, 0);

	return status ? db_fail(db, status, "write its format", err) : 0;
}

static int refuse_version(const struct db *db, const struct db_config *config, unsigned layout, unsigned version,
			  struct err *err)
{
	bool newer = layout > STORE_LAYOUT || version > config->version;
	bool upgradable = layout == STORE_LAYOUT && config->version_from && version >= config->version_from;

	return err_set(err, ERR_VERSION, "store %s: has format %u.%u, this program reads %d.%u: %s", db->path, layout,
		       version, STORE_LAYOUT, config->version,
		       newer        ? "use a newer Varve"
		       : upgradable ? "a broker or `varve scan` brings it up to date when it opens it; a command that "
				      "only reads cannot"
				    : "an older Varve wrote it; move it away and scan again");
}

/* meta "format": "KIND LAYOUT VERSION"; before the other tables, which another format may not have. *from: the version
 * that a writer is to bring up to date, 0 = none. */
static int check_format(struct db *db, MDB_txn *txn, const struct db_config *config, uint32_t *from, struct err *err)
{
	char     text[80], kind[40];
	MDB_val  key = db_val(SLICE_LIT("format")), value;
	unsigned layout, version;
	int      status = mdb_dbi_open(txn, "meta", db->read_only ? 0 : MDB_CREATE, &db->meta);

	*from = 0;
	if (status == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "store %s: no %s there", db->path, config->kind);
	if (!status)
		status = mdb_get(txn, db->meta, &key, &value);
	if (status == MDB_NOTFOUND && !db->read_only)
		return write_format(db, txn, config, err);
	if (status)
		return db_fail(db, status, "read its format", err);
	snprintf(text, sizeof(text), "%.*s", (int)(value.mv_size < 79 ? value.mv_size : 79),
		 (const char *)value.mv_data);
	if (sscanf(text, "%39s %u %u", kind, &layout, &version) != 3)
		return err_set(err, ERR_STORE, "store %s: damaged: its format record cannot be read", db->path);
	if (strcmp(kind, config->kind) != 0)
		return err_set(err, ERR_CONFIG, "store %s: holds \"%s\", not \"%s\"", db->path, kind, config->kind);
	if (layout == STORE_LAYOUT && (version == config->version || !config->version))
		return 0;
	if (db->read_only || layout != STORE_LAYOUT || version > config->version || !config->version_from ||
	    version < config->version_from)
		return refuse_version(db, config, layout, version, err);
	*from = version;
	return write_format(db, txn, config, err);
}

static int open_content(struct db *db, const struct db_config *config, struct err *err)
{
	struct db_txn txn = {.db = db, .write = !db->read_only};
	uint32_t      from;
	int           status = mdb_txn_begin(db->env, NULL, db->read_only ? MDB_RDONLY : 0, &txn.txn);

	if (status)
		return db_fail(db, status, "open", err);
	if ((status = check_format(db, txn.txn, config, &from, err)) < 0 ||
	    (status = open_tables(db, txn.txn, config, err)) < 0 ||
	    (from && config->upgrade && (status = config->upgrade(&txn, from, err)) < 0)) {
		mdb_txn_abort(txn.txn);
		return status;
	}
	status = mdb_txn_commit(txn.txn);
	return status ? db_fail(db, status, "open", err) : 0;
}

/* A ceiling of the file is a smaller map: LMDB itself then refuses what would go beyond. */
static uint64_t map_bytes(const struct db_config *config)
{
	uint64_t bytes = config->map_bytes ? config->map_bytes : LIMIT_STORE_MAP_BYTES;

	return config->bytes_max && config->bytes_max < bytes ? config->bytes_max : bytes;
}

int db_open(const char *dir, const struct db_config *config, struct db **out, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int        status;

	if (!db)
		return err_set(err, ERR_MEM, "store %s: out of memory", dir);
	snprintf(db->path, sizeof(db->path), "%s", dir);
	db->read_only = config->read_only;
	db->bytes_max = config->bytes_max;
	pthread_rwlock_init(&db->quiet, NULL);
	if ((status = prepare_folder(db, err)) < 0 || (status = remember(db, err)) < 0) {
		pthread_rwlock_destroy(&db->quiet);
		free(db);
		return status;
	}
	if ((status = open_env(db, map_bytes(config), err)) < 0 || (status = check_length(db, err)) < 0 ||
	    (status = open_content(db, config, err)) < 0) {
		db_close(db);
		return status;
	}
	give_to_owner_of_folder(db);
	db_reader_check(db);
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (db->env)
		mdb_env_close(db->env);
	forget(db);
	pthread_rwlock_destroy(&db->quiet);
	free(db);
}

void db_reader_check(struct db *db)
{
	int dead;

	mdb_reader_check(db->env, &dead);
}

void db_stats_get(struct db *db, struct db_stats *out)
{
	MDB_envinfo info = {0};
	struct stat file = {0};
	int         fd;

	*out = (struct db_stats){0};
	if (mdb_env_info(db->env, &info) || mdb_env_get_fd(db->env, &fd) || fstat(fd, &file))
		return;
	out->file_bytes = (uint64_t)file.st_size;
	out->used_bytes = (info.me_last_pgno + 1) * db->page_bytes;
	out->map_bytes = info.me_mapsize;
	out->readers = info.me_numreaders;
	out->readers_max = info.me_maxreaders;
}
