#include "match/advisory_update.h"

#include "base/file.h"
#include "base/limits.h"
#include "net/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, URL_BYTES = 2048, ECOSYSTEMS_MAX = 256, UPDATE_ARENA_BYTES = 8 << 20, DOWNLOAD_RETRIES = 4 };

/* Everything that an OS package may be judged by. Language ecosystems are asked for by name. */
static const char *const distributions[] = {
	"AlmaLinux", "Alpaquita",   "Alpine", "Azure Linux", "Chainguard", "Debian",    "Mageia",   "MinimOS",
	"Red Hat",   "Rocky Linux", "SUSE",   "Ubuntu",      "Wolfi",      "openEuler", "openSUSE",
};

struct ecosystem_download {
	const char          *name;
	char                 url[URL_BYTES];
	char                 path[PATH_BYTES];
	struct http_download download;
	bool                 changed;
};

struct update {
	const char                           *dir, *from;
	const struct advisory_update_request *request;
	const struct advisory_watch          *watch;
	struct advisory_update_result        *result;
	struct arena                          arena;
	const char                          **names;
	size_t                                names_count, names_capacity;
	struct ecosystem_download            *downloads;
};

/* Becomes part of a URL and of a file name. */
static bool name_usable(struct slice name)
{
	return name.len && name.len <= ADVISORY_KEY_PART_MAX && name.ptr[0] != '.' &&
	       slice_find(name, '/') == SIZE_MAX && slice_find(name, 0) == SIZE_MAX;
}

static int add_name(struct update *update, struct slice name, struct err *err)
{
	if (!name_usable(name))
		return err_set(err, ERR_USAGE, "\"%.*s\" is no name of an ecosystem", SLICE_FMT(name));
	if (update->names_count == ECOSYSTEMS_MAX)
		return err_set(err, ERR_USAGE, "more than %d ecosystems", ECOSYSTEMS_MAX);
	if (!arena_grow(&update->arena, &update->names, &update->names_capacity, update->names_count,
			sizeof(*update->names)))
		return err_set(err, ERR_MEM, "out of memory");
	update->names[update->names_count++] = arena_str(&update->arena, name);
	return arena_failed(&update->arena) ? err_set(err, ERR_MEM, "out of memory") : 0;
}

/* "<from>/<Ecosystem>/all.zip", with everything but unreserved characters percent-encoded (RFC 3986). */
static bool url_of(const char *from, const char *name, char url[URL_BYTES])
{
	struct buf out = {.bytes_max = URL_BYTES};

	buf_str(&out, from);
	if (!slice_ends(buf_slice(&out), "/"))
		buf_byte(&out, '/');
	for (const char *c = name; *c; c++) {
		if ((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
		    strchr("-._~", *c))
			buf_byte(&out, (uint8_t)*c);
		else
			buf_printf(&out, "%%%02X", (unsigned)(uint8_t)*c);
	}
	buf_str(&out, "/all.zip");
	buf_byte(&out, 0);
	if (buf_ok(&out))
		memcpy(url, out.ptr, out.len);
	buf_deinit(&out);
	return url[0] != '\0';
}

static int collect_known(void *data, struct slice name, const struct advisory_source_info *info)
{
	struct update *update = data;
	char           text[ADVISORY_KEY_PART_MAX + 1], url[URL_BYTES] = "";

	snprintf(text, sizeof(text), "%.*s", SLICE_FMT(name));
	return url_of(update->from, text, url) && slice_eq_str(info->origin, url) ? add_name(update, name, NULL) : 0;
}

static int copy_etag(void *data, struct slice name, const struct advisory_source_info *info)
{
	struct update *update = data;

	for (size_t i = 0; i < update->names_count; i++) {
		struct ecosystem_download *item = &update->downloads[i];

		if (slice_eq_str(name, item->name) && slice_eq_str(info->origin, item->url) &&
		    info->etag.len < sizeof(item->download.etag))
			snprintf(item->download.etag, sizeof(item->download.etag), "%.*s", SLICE_FMT(info->etag));
	}
	return 0;
}

static int choose_names(struct update *update, struct advisory_store *store, struct err *err)
{
	const struct advisory_update_request *request = update->request;
	int                                   status = 0;

	for (size_t i = 0; !status && i < request->ecosystems_count; i++)
		status = add_name(update, slice_str(request->ecosystems[i]), err);
	if (!status && update->names_count == 0 && store)
		status = advisory_sources(store, collect_known, update, err);
	if (status || update->names_count)
		return status;
	for (size_t i = 0; !status && i < sizeof(distributions) / sizeof(distributions[0]); i++)
		status = add_name(update, slice_str(distributions[i]), err);
	return status;
}

static int prepare(struct update *update, struct advisory_store *store, struct err *err)
{
	update->downloads = arena_array(&update->arena, update->names_count, sizeof(*update->downloads));
	if (!update->downloads)
		return err_set(err, ERR_MEM, "out of memory");
	for (size_t i = 0; i < update->names_count; i++) {
		struct ecosystem_download *item = &update->downloads[i];

		item->name = update->names[i];
		if (!url_of(update->from, item->name, item->url))
			return err_set(err, ERR_USAGE, "%s: URL too long", update->from);
		if (snprintf(item->path, sizeof(item->path), "%s/downloads/%s.zip", update->dir, item->name) >=
		    (int)sizeof(item->path))
			return err_set(err, ERR_CONFIG, "advisory folder %s: path too long", update->dir);
		item->download = (struct http_download){
			.path = item->path, .bytes_max = LIMIT_ADVISORY_ZIP_BYTES, .retries_max = DOWNLOAD_RETRIES};
	}
	return store ? advisory_sources(store, copy_etag, update, err) : 0;
}

/* A portal's or proxy's page with status 200 is no archive: what is known of the ecosystem stays. */
static int check_zip(const char *path, const char *url, struct err *err)
{
	uint8_t magic[2] = {0};
	int     fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, magic, sizeof(magic));

	if (got < 0)
		err_errno(err, ERR_IO, "reading %s", path);
	else if (got != 2 || magic[0] != 'P' || magic[1] != 'K')
		err_set(err, ERR_FORMAT, "downloading %s: what came is no zip archive", url);
	if (fd >= 0)
		close(fd);
	return got == 2 && magic[0] == 'P' && magic[1] == 'K' ? 0 : err->code;
}

static int download_one(struct update *update, struct http *http, struct ecosystem_download *item, struct err *err)
{
	struct http_tls     tls = {.insecure = update->request->tls_insecure, .ca_pem = update->request->ca_pem};
	struct http_request request = {.url = item->url, .tls = &tls};
	int                 status = http_download(http, &request, &item->download, err);

	if (!status && !item->download.unchanged)
		status = check_zip(item->path, item->url, err);
	if (status) {
		update->result->failed++;
		if (update->request->failed)
			update->request->failed(update->watch ? update->watch->data : NULL, item->name, err->text);
		return status;
	}
	item->changed = !item->download.unchanged;
	update->result->bytes_fetched += item->changed ? item->download.bytes : 0;
	if (item->changed)
		update->result->changed++;
	else
		update->result->unchanged++;
	return 0;
}

/* 0 when at least one could be asked; else the last failure. */
static int download_all(struct update *update, struct err *err)
{
	struct http *http = http_new(NULL, err);
	struct err   last = {0};
	int          status = 0;

	if (!http)
		return err ? err->code : ERR_MEM;
	for (size_t i = 0; i < update->names_count; i++) {
		struct err why = {0};

		status = download_one(update, http, &update->downloads[i], &why);
		if (status)
			last = why;
	}
	http_free(http);
	if (update->result->failed == update->names_count)
		return err_set(err, last.code, "%s", last.text);
	return 0;
}

static int import_changed(struct update *update, struct advisory_build *build, struct err *err)
{
	const char **replaced = arena_array(&update->arena, update->names_count, sizeof(*replaced));
	size_t       count = 0;
	int          dropped = 0, status = replaced ? 0 : err_set(err, ERR_MEM, "out of memory");

	for (size_t i = 0; !status && i < update->names_count; i++)
		if (update->downloads[i].changed)
			replaced[count++] = update->downloads[i].name;
	if (!status)
		status = advisory_build_keep(build, replaced, count, &dropped, err);
	update->result->import.dropped_old = dropped != 0;
	for (size_t i = 0; !status && i < update->names_count; i++) {
		struct ecosystem_download *item = &update->downloads[i];

		if (item->changed)
			status = advisory_import_path(build, item->path, slice_str(item->name), slice_str(item->url),
						      slice_str(item->download.etag), update->watch,
						      &update->result->import, err);
	}
	return status;
}

static int build_generation(struct update *update, struct err *err)
{
	struct advisory_build *build = NULL;
	int                    status = advisory_build_begin(update->dir, &build, err);

	if (status)
		return status;
	status = import_changed(update, build, err);
	if (status) {
		advisory_build_abort(build);
		return status;
	}
	return advisory_build_finish(build, &update->result->import.build, err);
}

static int run_update(struct update *update, struct err *err)
{
	struct advisory_store *store = NULL;
	char                   path[PATH_BYTES];
	int                    status;

	if (snprintf(path, sizeof(path), "%s/downloads", update->dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "advisory folder %s: path too long", update->dir);
	status = file_make_dirs(path, 0755, err);
	if (status)
		return status;
	advisory_store_open(update->dir, &store, NULL); /* none, or damaged: everything is downloaded */
	status = choose_names(update, store, err);
	if (!status)
		status = prepare(update, store, err);
	advisory_store_close(store);
	if (!status)
		status = download_all(update, err);
	if (!status && update->result->changed)
		status = build_generation(update, err);
	for (size_t i = 0; update->downloads && !status && i < update->names_count; i++)
		unlink(update->downloads[i].path);
	return status;
}

int advisory_update(const char *dir, const struct advisory_update_request *request, const struct advisory_watch *watch,
		    struct advisory_update_result *result, struct err *err)
{
	struct update update = {.dir = dir,
				.from = request->from ? request->from : ADVISORY_UPDATE_FROM,
				.request = request,
				.watch = watch,
				.result = result};
	int           status;

	*result = (struct advisory_update_result){0};
	arena_init(&update.arena, UPDATE_ARENA_BYTES);
	status = run_update(&update, err);
	arena_deinit(&update.arena);
	return status;
}
