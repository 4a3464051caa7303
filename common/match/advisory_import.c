#include "match/advisory_import.h"

#include "base/archive.h"
#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4096,
	FOLDER_DEPTH_MAX = 16,
	PROGRESS_RECORDS = 1000,
	RECORD_ARENA_BYTES = 256 << 20,
	SOURCES_BYTES_MAX = 64 << 20
};

struct import {
	struct advisory_build         *build;
	const struct advisory_watch   *watch;
	struct advisory_import_result *result;
	const char                    *source;
	struct arena                   arena; /* of one record */
	struct buf                     json;
};

static void tell_broken(struct import *import, const char *where, const char *why)
{
	import->result->broken++;
	advisory_build_broken(import->build);
	if (import->watch && import->watch->broken)
		import->watch->broken(import->watch->data, where, why);
}

static void tell_progress(struct import *import)
{
	if (import->result->records % PROGRESS_RECORDS == 0 && import->watch && import->watch->progress)
		import->watch->progress(import->watch->data, import->source, import->result->records,
					import->result->bytes);
}

/* One record in import->json. Only what fails the whole import is returned. */
static int add_record(struct import *import, const char *where, struct err *err)
{
	struct osv_record record;
	struct err        why = {0};
	int               status;

	import->result->bytes += import->json.len;
	status = osv_parse(buf_slice(&import->json), &import->arena, &record, &why);
	if (status == 0) {
		import->result->records++;
		tell_progress(import);
		status = advisory_build_add(import->build, &record, buf_slice(&import->json), &why);
	}
	arena_reset(&import->arena);
	if (status == ERR_FORMAT || status == ERR_LIMIT || status == ERR_UNSUPPORTED) {
		tell_broken(import, where, why.text);
		return 0;
	}
	return status ? err_set(err, status, "storing %s: %s", where, why.text) : 0;
}

static int add_member(struct import *import, struct archive_reader *reader, const char *where, struct err *err)
{
	struct slice block;
	int          status;

	buf_clear(&import->json);
	while ((status = archive_reader_body(reader, &block, err)) == STREAM_BLOCK) {
		buf_append(&import->json, block);
		if (!buf_ok(&import->json)) {
			tell_broken(import, where, "larger than the ceiling of one advisory");
			return 0;
		}
	}
	return status ? status : add_record(import, where, err);
}

static int import_zip(struct import *import, int fd, const char *path, struct err *err)
{
	struct stream         *stream = stream_of_fd(fd, path);
	struct archive_reader *reader = stream ? archive_reader_new(stream, ARCHIVE_KIND_ZIP, err) : NULL;
	struct archive_member  member;
	char                   where[PATH_BYTES];
	int                    status = reader ? 0 : err_set(err, ERR_MEM, "out of memory");

	while (!status && (status = archive_reader_next(reader, &member, err)) > 0) {
		snprintf(where, sizeof(where), "%s: %.*s", path, (int)(member.name.len < 512 ? member.name.len : 512),
			 (const char *)member.name.ptr);
		status = member.type == MEMBER_FILE && slice_ends(member.name, ".json")
				 ? add_member(import, reader, where, err)
				 : 0;
		if (!status && import->result->bytes > LIMIT_ADVISORY_ZIP_BYTES)
			status = err_set(err, ERR_LIMIT, "more than %llu inflated bytes",
					 (unsigned long long)LIMIT_ADVISORY_ZIP_BYTES);
	}
	archive_reader_free(reader);
	stream_close(stream);
	return status < 0 ? (err_prefix(err, "importing %s", path), status) : 0;
}

static int import_json(struct import *import, const char *path, struct err *err)
{
	int status;

	buf_clear(&import->json);
	status = file_read(path, &import->json, err);
	if (status == ERR_LIMIT) {
		tell_broken(import, path, "larger than the ceiling of one advisory");
		err_clear(err);
		return 0;
	}
	return status ? status : add_record(import, path, err);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int import_folder(struct import *import, const char *path, unsigned depth, struct err *err);

static int import_item(struct import *import, const char *path, unsigned depth, struct err *err)
{
	struct stat info, link;

	if (lstat(path, &link) != 0 || stat(path, &info) != 0) {
		tell_broken(import, path, "cannot be read: a link that leads nowhere, or gone meanwhile");
		return 0;
	}
	if (S_ISDIR(info.st_mode) && S_ISLNK(link.st_mode))
		return 0; /* not followed: it may lead back */
	if (S_ISDIR(info.st_mode))
		return import_folder(import, path, depth + 1, err);
	return S_ISREG(info.st_mode) && slice_ends(slice_str(path), ".json") ? import_json(import, path, err) : 0;
}

/* Depth is bounded by FOLDER_DEPTH_MAX, so this recursion over the user's own folders is too. */
static int import_folder(struct import *import, const char *path, unsigned depth, struct err *err)
{
	struct dirent **items = NULL;
	int             count, status = 0;

	if (depth > FOLDER_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "folders deeper than %d below the advisory folder: %s", FOLDER_DEPTH_MAX,
			       path);
	count = scandir(path, &items, NULL, compare_names);
	if (count < 0)
		return err_errno(err, ERR_IO, "reading folder %s", path);
	for (int i = 0; i < count; i++) {
		char inside[PATH_BYTES];

		if (!status && items[i]->d_name[0] != '.') {
			if (snprintf(inside, sizeof(inside), "%s/%s", path, items[i]->d_name) >= (int)sizeof(inside))
				status = err_set(err, ERR_LIMIT, "path too long below %s", path);
			else
				status = import_item(import, inside, depth, err);
		}
		free(items[i]);
	}
	free(items);
	return status;
}

static int import_any(struct import *import, const char *path, struct err *err)
{
	struct stat info;
	uint8_t     magic[2] = {0};
	int         fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not block */

	if (fd < 0 || fstat(fd, &info) != 0) {
		int status = err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening %s", path);

		if (fd >= 0)
			close(fd);
		return status;
	}
	if (S_ISREG(info.st_mode) && pread(fd, magic, 2, 0) == 2 && magic[0] == 'P' && magic[1] == 'K')
		return import_zip(import, fd, path, err);
	close(fd);
	if (S_ISDIR(info.st_mode))
		return import_folder(import, path, 0, err);
	return S_ISREG(info.st_mode) ? import_json(import, path, err)
				     : err_set(err, ERR_FORMAT, "%s is neither a file nor a folder", path);
}

int advisory_import_path(struct advisory_build *build, const char *path, struct slice name, struct slice origin,
			 struct slice etag, const struct advisory_watch *watch, struct advisory_import_result *result,
			 struct err *err)
{
	char          source[ADVISORY_KEY_PART_MAX + 1];
	struct import import = {.build = build,
				.watch = watch,
				.result = result,
				.source = source,
				.json = {.bytes_max = LIMIT_ADVISORY_BYTES}};
	uint64_t      records = result->records, broken = result->broken;
	int           status = advisory_build_source(build, name, origin, etag, err);

	if (status)
		return status;
	snprintf(source, sizeof(source), "%.*s", SLICE_FMT(name));
	arena_init(&import.arena, RECORD_ARENA_BYTES);
	status = import_any(&import, path, err);
	if (!status && result->records == records && result->broken > broken)
		status = err_set(err, ERR_FORMAT, "importing %s: nothing in it can be read as an advisory", path);
	arena_deinit(&import.arena);
	buf_deinit(&import.json);
	return status;
}

/* "…/Debian/all.zip" and "…/Debian/all" -> "Debian"; "…/x.json" -> "x"; "…/folder" -> "folder". Needs an absolute path. */
static void name_source(const char *absolute, char name[ADVISORY_KEY_PART_MAX + 1])
{
	struct slice path = slice_str(absolute), base;

	base = slice_from(path, slice_rfind(path, '/') + 1);
	if (slice_eq_str(base, "all.zip") || slice_eq_str(base, "all")) {
		path = slice_sub(path, 0, slice_rfind(path, '/'));
		base = slice_from(path, slice_rfind(path, '/') + 1);
	} else if (slice_ends(base, ".zip")) {
		base.len -= 4;
	} else if (slice_ends(base, ".json")) {
		base.len -= 5;
	}
	snprintf(name, ADVISORY_KEY_PART_MAX + 1, "%.*s", SLICE_FMT(base));
}

/* What the user's paths come to: each is a source of its own. */
struct sources {
	struct arena arena;
	const char **paths, **names;
	size_t       count, paths_capacity, names_capacity;
};

static int add_source(struct sources *sources, const char *path, struct err *err)
{
	char   name[ADVISORY_KEY_PART_MAX + 1];
	char  *absolute = realpath(path, NULL);
	size_t n = sources->count;

	if (!absolute)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening %s", path);
	name_source(absolute, name);
	free(absolute);
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, sources->names[i]) == 0)
			return err_set(err, ERR_USAGE, "%s and %s are both named \"%s\": rename one of them",
				       sources->paths[i], path, name);
	if (!arena_grow(&sources->arena, &sources->paths, &sources->paths_capacity, n, sizeof(*sources->paths)) ||
	    !arena_grow(&sources->arena, &sources->names, &sources->names_capacity, n, sizeof(*sources->names)))
		return err_set(err, ERR_MEM, "out of memory");
	sources->paths[n] = arena_str(&sources->arena, slice_str(path));
	sources->names[n] = arena_str(&sources->arena, slice_str(name));
	sources->count = n + 1;
	return arena_failed(&sources->arena) ? err_set(err, ERR_MEM, "out of memory") : 0;
}

/* A folder of osv.dev's layout stands for each <Ecosystem>/all.zip in it; anything else for itself. */
static int expand_source(struct sources *sources, const char *path, struct err *err)
{
	struct dirent **items = NULL;
	int             count = scandir(path, &items, NULL, compare_names), status = 0;
	size_t          before = sources->count;

	for (int i = 0; i < count; i++) {
		char inside[PATH_BYTES];

		if (!status && items[i]->d_name[0] != '.' &&
		    snprintf(inside, sizeof(inside), "%s/%s/all.zip", path, items[i]->d_name) < (int)sizeof(inside) &&
		    access(inside, F_OK) == 0)
			status = add_source(sources, inside, err);
		free(items[i]);
	}
	free(items);
	return status || sources->count > before ? status : add_source(sources, path, err);
}

static int import_sources(struct advisory_build *build, const struct sources *sources, bool replace_all,
			  const struct advisory_watch *watch, struct advisory_import_result *result, struct err *err)
{
	int dropped = 0, status = 0;

	if (!replace_all)
		status = advisory_build_keep(build, sources->names, sources->count, &dropped, err);
	result->dropped_old = dropped != 0;
	for (size_t i = 0; !status && i < sources->count; i++)
		status = advisory_import_path(build, sources->paths[i], slice_str(sources->names[i]),
					      slice_str(sources->paths[i]), SLICE_EMPTY, watch, result, err);
	return status;
}

int advisory_import(const char *dir, const char *const *paths, size_t paths_count, bool replace_all,
		    const struct advisory_watch *watch, struct advisory_import_result *result, struct err *err)
{
	struct sources         sources = {0};
	struct advisory_build *build = NULL;
	int                    status = 0;

	*result = (struct advisory_import_result){0};
	arena_init(&sources.arena, SOURCES_BYTES_MAX);
	for (size_t i = 0; !status && i < paths_count; i++)
		status = expand_source(&sources, paths[i], err);
	if (!status)
		status = advisory_build_begin(dir, &build, err);
	if (!status) {
		status = import_sources(build, &sources, replace_all, watch, result, err);
		if (status)
			advisory_build_abort(build);
		else
			status = advisory_build_finish(build, &result->build, err);
	}
	arena_deinit(&sources.arena);
	return status;
}
