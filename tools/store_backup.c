#include "store_backup.h"

#include "base/file.h"
#include "exit_status.h"
#include "interrupt.h"
#include "match/advisory_store.h"
#include "report/table_parts.h"
#include "store/store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int join(char out[PATH_MAX], const char *dir, const char *name, struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return err_set(err, ERR_CONFIG, "%s: path too long", dir);
	return 0;
}

static int sync_folder(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = 0;

	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL)) /* some network file systems know no sync of folders */
		status = err_errno(err, ERR_IO, "writing %s", dir);
	if (fd >= 0)
		close(fd);
	return status;
}

/* --- advisories: the current generation, which nobody changes any more --- */

static int copy_file(const char *from, const char *to, struct err *err)
{
	int     in = open(from, O_RDONLY | O_CLOEXEC), out, status = 0;
	ssize_t got = 1;

	if (in < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening %s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		status = err_errno(err, ERR_IO, "creating %s", to);
	while (status == 0 && got != 0)
		if ((got = sendfile(out, in, NULL, 16 << 20)) < 0 && errno != EINTR)
			status = err_errno(err, ERR_IO, "copying %s to %s", from, to);
	if (status == 0 && fsync(out) < 0)
		status = err_errno(err, ERR_IO, "writing %s", to);
	if (out >= 0)
		close(out);
	close(in);
	return status;
}

static int copy_advisories(const char *from_store, const char *to_store, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX], generation[PATH_MAX], data[PATH_MAX];
	char folder[ADVISORY_GENERATION_BYTES], line[ADVISORY_GENERATION_BYTES + 1];
	int  status;

	if ((status = join(from, from_store, "advisories", err)) < 0 ||
	    (status = join(to, to_store, "advisories", err)) < 0 ||
	    (status = advisory_current_folder(from, folder, err)) < 0 ||
	    (status = join(generation, to, folder, err)) < 0 || (status = file_make_dirs(generation, 0755, err)) < 0 ||
	    (status = join(data, from, folder, err)) < 0 || (status = join(from, data, "data.mdb", err)) < 0 ||
	    (status = join(data, generation, "data.mdb", err)) < 0 || (status = copy_file(from, data, err)) < 0 ||
	    (status = sync_folder(generation, err)) < 0 || (status = join(data, to, "current", err)) < 0)
		return status;
	snprintf(line, sizeof(line), "%s\n", folder);
	return file_write_atomic(data, slice_str(line), 0644, err);
}

/* --- backup --- */

static void tell(const char *what, const char *store, uint64_t bytes, const char *target)
{
	char size[24];

	table_bytes_text(bytes, size);
	fprintf(stderr, "%s %s, %s, %s\n", what, store, size, target);
}

static int write_copy(const struct store_backup_options *options, int fd, const char *name, uint64_t *bytes,
		      struct err *err)
{
	struct store_backup_config config = {.compact = options->compact,
					     .growth_max = (uint64_t)options->growth_mib << 20,
					     .interrupt_fd = interrupt_open(err)};
	int                        status = err->code;

	if (status == 0)
		status = store_backup(options->store, &config, fd, name, bytes, err);
	interrupt_close(config.interrupt_fd);
	return status;
}

/* Beside its name first: a folder with a data.mdb is a whole backup. */
static int backup_to_folder(const char *dir, const struct store_backup_options *options, uint64_t *bytes,
			    struct err *err)
{
	char part[PATH_MAX], data[PATH_MAX];
	int  fd, status;

	if ((status = join(part, dir, "data.mdb.part", err)) < 0 || (status = join(data, dir, "data.mdb", err)) < 0 ||
	    (status = file_make_dirs(dir, 0700, err)) < 0)
		return status;
	if (access(data, F_OK) == 0)
		return err_set(err, ERR_CONFIG, "%s holds a store or a backup already: name a new folder", dir);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, ERR_IO, "creating %s", part);
	status = write_copy(options, fd, part, bytes, err);
	if (status == 0 && fsync(fd) < 0)
		status = err_errno(err, ERR_IO, "writing %s", part);
	if (close(fd) < 0 && status == 0)
		status = err_errno(err, ERR_IO, "writing %s", part);
	if (status == 0 && options->advisories)
		status = copy_advisories(options->store, dir, err);
	if (status == 0 && rename(part, data) < 0)
		status = err_errno(err, ERR_IO, "renaming %s", part);
	if (status < 0)
		unlink(part);
	return status < 0 ? status : sync_folder(dir, err);
}

int store_backup_run(const char *target, const struct store_backup_options *options, struct err *err)
{
	uint64_t bytes = 0;
	int      status;

	if (strcmp(target, "-") != 0) {
		status = backup_to_folder(target, options, &bytes, err);
	} else if (options->advisories) {
		status = err_set(err, ERR_USAGE, "store: --advisories needs a folder as target");
	} else if (isatty(STDOUT_FILENO)) {
		status = err_set(err, ERR_USAGE,
				 "store: a backup is no text for a terminal: name a folder, or redirect");
	} else {
		status = write_copy(options, STDOUT_FILENO, "standard output", &bytes, err);
	}
	if (status < 0)
		return status;
	tell("backed up", options->store, bytes, strcmp(target, "-") == 0 ? "to standard output" : target);
	return EXIT_STATUS_DONE;
}

/* --- restore --- */

/* Opens what is to be read; `folder` tells whether advisories may lie beside it. */
static int open_backup(const char *from, bool *folder, struct err *err)
{
	char        data[PATH_MAX];
	struct stat info;
	int         fd;

	*folder = false;
	if (strcmp(from, "-") == 0)
		return STDIN_FILENO;
	if (stat(from, &info) < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "backup %s", from);
	*folder = S_ISDIR(info.st_mode);
	if (*folder && join(data, from, "data.mdb", err) < 0)
		return ERR_CONFIG;
	fd = open(*folder ? data : from, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "backup %s", from);
}

static int restore_advisories(const char *from, const char *store, struct err *err)
{
	char       path[PATH_MAX];
	struct err absent = {0};
	int        status = join(path, from, "advisories/current", err);

	if (status < 0 || access(path, F_OK) < 0)
		return status;
	if (join(path, store, "advisories/current", &absent) == 0 && access(path, F_OK) == 0)
		return 0; /* those that are there are not older than what was saved with an older store */
	return copy_advisories(from, store, err);
}

int store_restore_run(const char *from, const struct store_backup_options *options, struct err *err)
{
	struct store_restored restored;
	bool                  folder;
	int                   fd = open_backup(from, &folder, err), status;

	if (fd < 0)
		return fd;
	status = store_restore(options->store, fd, from, options->replace, &restored, err);
	if (fd != STDIN_FILENO)
		close(fd);
	if (status == 0 && folder)
		status = restore_advisories(from, options->store, err);
	if (status < 0)
		return status;
	fprintf(stderr, "restored %s: %llu records, %llu of them damaged\n", options->store,
		(unsigned long long)restored.records, (unsigned long long)restored.damaged);
	if (restored.replaced)
		fprintf(stderr, "what was there before is %s/data.mdb.before-restore\n", options->store);
	return restored.damaged ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE;
}
