#include "lib/analyze_run.h"

#include "base/archive.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "layer/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 512 << 20 };

void analyze_entry(struct dispatch *d, const struct entry *entry, struct slice body, size_t block_bytes)
{
	enum dispatch_need   need = dispatch_begin(d, entry, slice_sub(body, 0, LIMIT_HEAD_BYTES));
	struct dispatch_body whole = {.bytes = body};

	if (need == DISPATCH_WHOLE)
		dispatch_finish(d, &whole);
	if (need != DISPATCH_STREAM)
		return;
	for (size_t at = 0; at < body.len; at += block_bytes ? block_bytes : body.len)
		dispatch_feed(d, slice_sub(body, at, block_bytes ? block_bytes : body.len));
	dispatch_finish(d, NULL);
}

void analyze_file(struct dispatch *d, const char *path, unsigned mode, struct slice body)
{
	struct entry entry = {.path = slice_str(path), .type = PATH_FILE, .size = body.len, .mode = mode};

	analyze_entry(d, &entry, body, 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(struct dispatch *d, const char *root, const char *below)
{
	char            folder[PATH_MAX], path[PATH_MAX], full[PATH_MAX];
	struct dirent **names;
	int             count;

	snprintf(folder, sizeof(folder), "%s/%s", root, below);
	count = scandir(folder, &names, NULL, by_name);
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		struct stat st;
		struct buf  body = {.bytes_max = FILE_BYTES_MAX};

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    snprintf(path, sizeof(path), "%s%s%s", below, *below ? "/" : "", name) < (int)sizeof(path) &&
		    snprintf(full, sizeof(full), "%s/%s", root, path) < (int)sizeof(full) && lstat(full, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				walk(d, root, path);
			else if (S_ISREG(st.st_mode) && file_read(full, &body, NULL) == 0)
				analyze_file(d, path, st.st_mode & 07777, buf_slice(&body));
		}
		buf_deinit(&body);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

void analyze_folder(struct dispatch *d, const char *folder)
{
	walk(d, folder, "");
}

static enum path_type path_type_of(enum member_type type)
{
	switch (type) {
	case MEMBER_FILE:
		return PATH_FILE;
	case MEMBER_DIRECTORY:
		return PATH_DIRECTORY;
	case MEMBER_SYMLINK:
		return PATH_SYMLINK;
	case MEMBER_HARDLINK:
		return PATH_HARDLINK;
	case MEMBER_OTHER:
		break;
	}
	return PATH_OTHER;
}

static int read_members(struct archive_reader *reader, struct dispatch *d, struct err *err)
{
	struct archive_member member;
	int                   rc;

	while ((rc = archive_reader_next(reader, &member, err)) == 1) {
		char         name[LIMIT_PATH_BYTES], target[LIMIT_PATH_BYTES];
		struct entry entry = {.type = path_type_of(member.type), .size = member.size, .mode = member.mode};
		struct buf   body = {.bytes_max = FILE_BYTES_MAX};
		struct slice block;

		path_canonical(member.name, name, &entry.path);
		path_canonical(member.target, target, &entry.target);
		while ((rc = archive_reader_body(reader, &block, err)) == STREAM_BLOCK)
			buf_append(&body, block);
		if (rc == 0)
			analyze_entry(d, &entry, buf_slice(&body), 1000);
		buf_deinit(&body);
		if (rc)
			return rc;
	}
	return rc;
}

int analyze_tarball(struct dispatch *d, const char *file, struct err *err)
{
	struct layer_config    config = {0};
	int                    fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stream         *stream = fd < 0 ? NULL : stream_of_fd(fd, file);
	struct layer          *layer = stream ? layer_open(stream, &config, err) : NULL;
	struct archive_reader *reader = layer ? archive_reader_new(layer_tar(layer), ARCHIVE_KIND_TAR, err) : NULL;
	int rc = reader ? read_members(reader, d, err) : err_set(err, ERR_IO, "%s: cannot be read", file);

	archive_reader_free(reader);
	layer_close(layer);
	stream_close(stream);
	return rc;
}

/* -- the listing --------------------------------------------------------------------------------------------------- */

static void put(struct buf *out, const char *key, struct slice value)
{
	if (value.len)
		buf_printf(out, " %s=%.*s", key, SLICE_FMT(value));
}

static void list_package(const struct package *p, struct buf *out)
{
	buf_printf(out, "  %.*s %.*s %.*s", SLICE_FMT(p->type), SLICE_FMT(p->name), SLICE_FMT(p->version));
	put(out, "arch", p->arch);
	put(out, "source", p->source_name);
	put(out, "source_version", p->source_version);
	put(out, "license", p->license);
	put(out, "vendor", p->vendor);
	put(out, "modularity", p->modularity);
	if (p->flags & PACKAGE_DEV)
		buf_str(out, " dev");
	if (p->flags & PACKAGE_DECLARED)
		buf_str(out, " declared");
	if (p->flags & PACKAGE_NO_RELEASE)
		buf_str(out, " no_release");
	buf_printf(out, "%s%s\n", p->flags & PACKAGE_VIRTUAL ? " virtual" : "",
		   p->flags & PACKAGE_NOT_CONFIGURED ? " not_configured" : "");
}

static void list_dbs(const struct inventory *inv, struct buf *out)
{
	for (size_t i = 0; i < inv->dbs_count; i++) {
		const struct package_db *db = &inv->dbs[i];

		if (db->dropped)
			continue;
		buf_printf(out, "db %.*s %.*s%s\n", SLICE_FMT(db->kind), SLICE_FMT(db->path),
			   db->by_magic ? " by_magic" : "");
		for (size_t j = 0; j < db->packages_count; j++)
			list_package(&db->packages[j], out);
	}
}

static void list_systems(const struct inventory *inv, struct buf *out)
{
	for (size_t i = 0; i < inv->os_releases_count; i++) {
		const struct os_release *os = &inv->os_releases[i];

		if (os->dropped)
			continue;
		buf_printf(out, "os %.*s%s", SLICE_FMT(os->path), os->by_magic ? " by_magic" : "");
		put(out, "id", os->id);
		put(out, "id_like", os->id_like);
		put(out, "version_id", os->version_id);
		put(out, "version", os->version);
		put(out, "version_codename", os->version_codename);
		put(out, "pretty_name", os->pretty_name);
		put(out, "ubuntu_codename", os->ubuntu_codename);
		put(out, "cpe_name", os->cpe_name);
		put(out, "variant_id", os->variant_id);
		put(out, "build_id", os->build_id);
		buf_str(out, "\n");
	}
}

static void list_half_facts(const struct inventory *inv, struct buf *out)
{
	for (size_t i = 0; i < inv->owners_count; i++) {
		const struct owner_list *owner = &inv->owners[i];

		if (owner->dropped)
			continue;
		buf_printf(out, "owner %.*s %.*s:", SLICE_FMT(owner->path), SLICE_FMT(owner->package));
		for (size_t j = 0; j < owner->files_count; j++)
			buf_printf(out, " %.*s", SLICE_FMT(owner->files[j]));
		buf_str(out, "\n");
	}
	for (size_t i = 0; i < inv->licenses_count; i++)
		if (!inv->licenses[i].dropped)
			buf_printf(out, "license %.*s %.*s: %.*s\n", SLICE_FMT(inv->licenses[i].path),
				   SLICE_FMT(inv->licenses[i].package), SLICE_FMT(inv->licenses[i].license));
}

static void list_files(const struct inventory *inv, struct buf *out)
{
	for (size_t i = 0; i < inv->hashes_count; i++)
		if (!inv->hashes[i].dropped)
			buf_printf(out, "hash %.*s %" PRIu64 "%s\n", SLICE_FMT(inv->hashes[i].path),
				   inv->hashes[i].size, inv->hashes[i].executable ? " executable" : "");
	for (size_t i = 0; i < inv->links_count; i++)
		buf_printf(out, "link %.*s -> %.*s\n", SLICE_FMT(inv->links[i].path), SLICE_FMT(inv->links[i].target));
}

void inventory_listing(const struct inventory *inv, struct buf *out)
{
	static const char *const kinds[] = {
		[NOTE_INFO] = "info", [NOTE_SKIPPED] = "skipped", [NOTE_PARTIAL] = "partial"};

	list_dbs(inv, out);
	list_systems(inv, out);
	list_half_facts(inv, out);
	list_files(inv, out);
	for (size_t i = 0; i < inv->notes_count; i++)
		buf_printf(out, "note %s %.*s: %.*s\n", kinds[inv->notes[i].kind], SLICE_FMT(inv->notes[i].path),
			   SLICE_FMT(inv->notes[i].reason));
}
