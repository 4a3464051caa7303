#include "store/store_copy.h"

#include "base/file.h"
#include "store/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20 };
#define GROWTH_BYTES_LEAST (UINT64_C(1) << 30)

static int join(char out[PATH_MAX], const char *dir, const char *name, struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return err_set(err, ERR_CONFIG, "store %s: path too long", dir);
	return 0;
}

/* --- backup --- */

struct backup {
	const struct store_backup_config *config;
	struct db                        *db;
	const char                       *name;
	int                               fd;
	uint64_t                          bytes, file_bytes, growth_max;
};

static int check_growth(const struct backup *backup, struct err *err)
{
	struct db_stats stats;

	db_stats_get(backup->db, &stats);
	if (stats.file_bytes <= backup->file_bytes + backup->growth_max)
		return 0;
	return err_set(
		err, ERR_BUSY,
		"the store has grown by more than %llu MiB while it was copied: the target %s is too slow; take a "
		"faster one, or allow more growth",
		(unsigned long long)(backup->growth_max >> 20), backup->name);
}

static int take_block(void *data, struct slice bytes, struct err *err)
{
	struct backup *backup = data;
	struct pollfd  stop = {.fd = backup->config->interrupt_fd, .events = POLLIN};
	int            status = file_write_all(backup->fd, bytes, backup->name, err);

	if (status < 0)
		return status;
	if (stop.fd >= 0 && poll(&stop, 1, 0) > 0)
		return err_set(err, ERR_CANCELLED, "stopped");
	backup->bytes += bytes.len;
	return check_growth(backup, err);
}

int store_backup(const char *dir, const struct store_backup_config *config, int fd, const char *name, uint64_t *bytes,
		 struct err *err)
{
	static const char *const no_tables[] = {NULL};
	const struct db_config   db_config = {.tables = no_tables, .kind = "catalog", .read_only = true};
	struct backup            backup = {.config = config, .name = name, .fd = fd};
	struct db_stats          stats;
	int                      status = db_open(dir, &db_config, &backup.db, err);

	if (status < 0)
		return status;
	db_stats_get(backup.db, &stats);
	backup.file_bytes = stats.file_bytes;
	backup.growth_max = config->growth_max                          ? config->growth_max
			    : stats.file_bytes / 4 > GROWTH_BYTES_LEAST ? stats.file_bytes / 4
									: GROWTH_BYTES_LEAST;
	status = db_copy(backup.db, config->compact, take_block, &backup, err);
	db_close(backup.db);
	*bytes = backup.bytes;
	return status;
}

/* --- restore --- */

static bool locked(int folder, const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int          fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool         held;

	if (fd < 0)
		return errno != ENOENT && errno != EISDIR && errno != ELOOP;
	held = fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

bool store_in_use(const char *dir)
{
	char           path[PATH_MAX];
	DIR           *folder;
	struct dirent *entry;
	bool           found = false;

	if (join(path, dir, "owners", NULL) < 0 || !(folder = opendir(path)))
		return false;
	while (!found && (entry = readdir(folder)))
		found = entry->d_name[0] != '.' && locked(dirfd(folder), entry->d_name);
	closedir(folder);
	return found;
}

static int copy_in(int from, const char *name, const char *path, struct err *err)
{
	uint8_t *block = malloc(BLOCK_BYTES);
	int      to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), status = 0;
	ssize_t  got = 1;

	if (!block)
		status = err_set(err, ERR_MEM, "out of memory");
	if (to < 0)
		status = err_errno(err, ERR_IO, "creating %s", path);
	while (status == 0 && got != 0) {
		got = read(from, block, BLOCK_BYTES);
		if (got < 0 && errno != EINTR)
			status = err_errno(err, ERR_IO, "reading %s", name);
		else if (got > 0)
			status = file_write_all(to, slice_of(block, (size_t)got), path, err);
	}
	if (status == 0 && fsync(to) < 0)
		status = err_errno(err, ERR_IO, "writing %s", path);
	if (to >= 0)
		close(to);
	free(block);
	return status;
}

static void count_table(void *data, const struct catalog_table_report *report)
{
	struct store_restored *out = data;

	out->records += report->records;
	out->damaged += report->damaged;
}

/* As a writer: what an older Varve wrote is brought to the present format, owners of then are buried. */
static int examine(const char *dir, struct store_restored *out, struct err *err)
{
	const struct catalog_config config = {.read_only = false};
	struct catalog             *catalog;
	int                         status = catalog_open(dir, &config, &catalog, err);

	if (status < 0)
		return status;
	status = catalog_check(catalog, true, count_table, out, err);
	catalog_close(catalog);
	return status;
}

static void remove_staged(const char *stage)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char                     path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (join(path, stage, names[i], NULL) == 0)
			unlink(path);
	if (join(path, stage, "owners", NULL) == 0)
		rmdir(path);
	rmdir(stage);
}

/* The file that is there keeps another name; what belonged to it alone (its reader table) goes. */
static int put_in_place(const char *dir, const char *stage, bool present, struct store_restored *out, struct err *err)
{
	char from[PATH_MAX], data[PATH_MAX], lock[PATH_MAX], before[PATH_MAX];
	int  fd;

	if (join(from, stage, "data.mdb", err) < 0 || join(data, dir, "data.mdb", err) < 0 ||
	    join(lock, dir, "lock.mdb", err) < 0 || join(before, dir, "data.mdb.before-restore", err) < 0)
		return ERR_CONFIG;
	if (present && rename(data, before) < 0)
		return err_errno(err, ERR_IO, "renaming %s", data);
	out->replaced = present;
	if ((unlink(lock) < 0 && errno != ENOENT) || rename(from, data) < 0)
		return err_errno(err, ERR_IO, "renaming %s", from);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		err_errno(err, ERR_IO, "store %s", dir);
	if (fd >= 0)
		close(fd);
	return err->code;
}

int store_restore(const char *dir, int fd, const char *name, bool replace, struct store_restored *out, struct err *err)
{
	char       path[PATH_MAX], stage[PATH_MAX];
	struct err local = {0};
	bool       present;
	int        status;

	err = err ? err : &local;
	*out = (struct store_restored){0};
	if (join(path, dir, "data.mdb", err) < 0 || join(stage, dir, "restoring", err) < 0 ||
	    file_make_dirs(dir, 0700, err) < 0)
		return err->code;
	present = access(path, F_OK) == 0;
	if (store_in_use(dir))
		return err_set(err, ERR_BUSY, "store %s: in use: stop the broker and every scan first", dir);
	if (present && !replace)
		return err_set(err, ERR_CONFIG, "store %s: a store is there; --replace puts the backup in its place",
			       dir);
	remove_staged(stage);
	if (mkdir(stage, 0700) < 0)
		return err_errno(err, ERR_IO, "creating %s", stage);
	if (join(path, stage, "data.mdb", err) == 0 && copy_in(fd, name, path, err) == 0)
		examine(stage, out, err);
	status = err->code ? err->code : put_in_place(dir, stage, present, out, err);
	remove_staged(stage);
	return status;
}
