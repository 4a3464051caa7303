#include "bench_corpus/corpus_os.h"

#include "bench_corpus/corpus_roll.h"

#include <stdio.h>
#include <string.h>

enum { DATABASE_BYTES_MAX = 256 << 20 };

/* Stands for a text that holds sums of the files of these packages. */
static uint64_t key_of(const struct piece_list *pieces, size_t from, size_t to, uint64_t kind)
{
	uint64_t key = kind;

	for (size_t i = from; i < to; i++)
		key = roll(key, ROLL_BYTES, pieces->items[i].family, pieces->items[i].number, pieces->items[i].n);
	return key;
}

/* ---- dpkg ---- */

static void dpkg_stanza(struct buf *out, const struct universe *u, struct piece piece)
{
	uint32_t source = package_source(piece.family, piece.number);
	char     name[NAME_TEXT_BYTES], source_name[NAME_TEXT_BYTES], version[VERSION_TEXT_BYTES];

	package_name(u, piece.family, piece.number, name);
	package_name(u, piece.family, source, source_name);
	package_version(u, piece, version);
	buf_printf(out,
		   "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: libs\n"
		   "Installed-Size: %u\nMaintainer: Corpus <corpus@example.com>\nArchitecture: amd64\n",
		   name, package_files(u, piece.family, piece.number) * 40);
	if (source != piece.number)
		buf_printf(out, "Source: %s\n", source_name);
	buf_printf(out, "Version: %s\nDescription: the %s package\n a package of the corpus.\n\n", version, name);
}

static void list_folders(struct buf *list, const char *path)
{
	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/'))
		buf_printf(list, "/%.*s\n", (int)(at - path), path);
}

/* Its files, then info/NAME.list and info/NAME.md5sums, and a copyright. */
static void dpkg_package(struct layer_tar *tar, const struct universe *u, const struct piece_list *pieces, size_t at)
{
	static const char   copyright[] = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
					  "\nFiles: *\nCopyright: 2020 the authors\nLicense: MIT\n";
	struct piece        piece = pieces->items[at];
	struct buf          list, md5sums;
	char                name[NAME_TEXT_BYTES], path[PATH_TEXT_BYTES];
	struct content_sums sums;

	buf_init(&list, DATABASE_BYTES_MAX);
	buf_init(&md5sums, DATABASE_BYTES_MAX);
	package_name(u, piece.family, piece.number, name);
	buf_str(&list, "/.\n");
	for (uint32_t i = 0; i < package_files(u, piece.family, piece.number); i++) {
		struct corpus_file file = package_file(u, piece, i);

		package_file_path(u, piece, i, path);
		layer_tar_file(tar, path, &file, &sums);
		list_folders(&list, path);
		buf_printf(&list, "/%s\n", path);
		buf_printf(&md5sums, "%s  %s\n", sums.md5, path);
	}
	snprintf(path, sizeof(path), "usr/share/doc/%s/copyright", name);
	layer_tar_text(tar, path, 0644, SLICE_LIT(copyright), 0);
	buf_printf(&list, "/%s\n", path);
	snprintf(path, sizeof(path), "var/lib/dpkg/info/%s.list", name);
	layer_tar_text(tar, path, 0644, buf_slice(&list), 0);
	snprintf(path, sizeof(path), "var/lib/dpkg/info/%s.md5sums", name);
	layer_tar_text(tar, path, 0644, buf_slice(&md5sums), key_of(pieces, at, at + 1, 1));
	buf_deinit(&list);
	buf_deinit(&md5sums);
}

static void dpkg_write(struct layer_tar *tar, const struct universe *u, const struct piece_list *pieces, size_t fresh)
{
	struct buf status;

	buf_init(&status, DATABASE_BYTES_MAX);
	for (size_t i = fresh; i < pieces->count; i++)
		dpkg_package(tar, u, pieces, i);
	for (size_t i = 0; i < pieces->count; i++)
		dpkg_stanza(&status, u, pieces->items[i]);
	layer_tar_text(tar, "var/lib/dpkg/status", 0644, buf_slice(&status), 0);
	buf_deinit(&status);
}

/* ---- apk ---- */

static void apk_file(struct buf *out, struct layer_tar *tar, const struct universe *u, struct piece piece,
		     uint32_t index, bool fresh)
{
	struct corpus_file  file = package_file(u, piece, index);
	struct content_sums sums;
	char                path[PATH_TEXT_BYTES];
	const char         *base;

	package_file_path(u, piece, index, path);
	base = strrchr(path, '/');
	if (fresh)
		layer_tar_file(tar, path, &file, &sums);
	else
		layer_tar_sums(tar, &file, &sums);
	buf_printf(out, "F:%.*s\nR:%s\n%sZ:Q1%s\n", (int)(base - path), path, base + 1,
		   file.program ? "a:0:0:755\n" : "", sums.sha1);
}

static void apk_package(struct buf *out, struct layer_tar *tar, const struct universe *u, struct piece piece,
			bool fresh)
{
	uint32_t source = package_source(piece.family, piece.number);
	char     name[NAME_TEXT_BYTES], origin[NAME_TEXT_BYTES], version[VERSION_TEXT_BYTES];

	package_name(u, piece.family, piece.number, name);
	package_name(u, piece.family, source, origin);
	package_version(u, piece, version);
	buf_printf(out,
		   "C:Q1%026u=\nP:%s\nV:%s\nA:x86_64\nS:1000\nI:4000\nT:the %s "
		   "package\nU:https://example.com\nL:MIT\no:%s\n",
		   piece.number * 20 + piece.n, name, version, name, origin);
	buf_str(out, "m:Corpus <corpus@example.com>\nt:1700000000\n");
	for (uint32_t i = 0; i < package_files(u, piece.family, piece.number); i++)
		apk_file(out, tar, u, piece, i, fresh);
	buf_byte(out, '\n');
}

static void apk_write(struct layer_tar *tar, const struct universe *u, const struct piece_list *pieces, size_t fresh)
{
	struct buf installed;

	buf_init(&installed, DATABASE_BYTES_MAX);
	for (size_t i = 0; i < pieces->count; i++)
		apk_package(&installed, tar, u, pieces->items[i], i >= fresh);
	layer_tar_text(tar, "lib/apk/db/installed", 0644, buf_slice(&installed), key_of(pieces, 0, pieces->count, 2));
	buf_deinit(&installed);
}

/* ---- rpm ---- */

static void rpm_write(struct layer_tar *tar, const struct universe *u, const struct piece_list *pieces, size_t fresh)
{
	struct buf database;
	char       path[PATH_TEXT_BYTES];

	for (size_t i = fresh; i < pieces->count; i++)
		for (uint32_t k = 0; k < package_files(u, ROCKY, pieces->items[i].number); k++) {
			struct corpus_file file = package_file(u, pieces->items[i], k);

			package_file_path(u, pieces->items[i], k, path);
			layer_tar_file(tar, path, &file, NULL);
		}
	buf_init(&database, DATABASE_BYTES_MAX);
	rpm_database(&database, u, pieces);
	layer_tar_text(tar, "var/lib/rpm/rpmdb.sqlite", 0644, buf_slice(&database), 0);
	buf_deinit(&database);
}

void os_packages_write(struct layer_tar *tar, const struct universe *u, enum family family,
		       const struct piece_list *pieces, size_t fresh)
{
	if (family == ALPINE)
		apk_write(tar, u, pieces, fresh);
	else if (family == ROCKY)
		rpm_write(tar, u, pieces, fresh);
	else
		dpkg_write(tar, u, pieces, fresh);
}
