#include "bench_corpus/corpus_language.h"

#include "bench_corpus/corpus_zip.h"

#include <stdio.h>
#include <string.h>

#define SITE_PACKAGES "usr/local/lib/python3.11/site-packages"
#define NODE_MODULES  "srv/app/node_modules"
#define JARS          "opt/app/lib"

enum { TEXT_BYTES_MAX = 16 << 20, JAR_BYTES_MAX = 1 << 30 };

struct named {
	char name[NAME_TEXT_BYTES], version[VERSION_TEXT_BYTES];
};

static struct named name_of(const struct universe *u, struct piece piece)
{
	struct named named;

	package_name(u, piece.family, piece.number, named.name);
	package_version(u, piece, named.version);
	return named;
}

static void put_files(struct layer_tar *tar, const struct universe *u, struct piece piece, const char *folder,
		      struct buf *record)
{
	for (uint32_t i = 0; i < package_files(u, piece.family, piece.number); i++) {
		struct corpus_file file = package_file(u, piece, i);
		char               name[PATH_TEXT_BYTES], path[2 * PATH_TEXT_BYTES];

		package_file_path(u, piece, i, name);
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		layer_tar_file(tar, path, &file, NULL);
		if (record)
			buf_printf(record, "%s,,%zu\n", strstr(path, "site-packages/") + 14, file.bytes);
	}
}

void python_package(struct layer_tar *tar, const struct universe *u, struct piece piece)
{
	struct named named = name_of(u, piece);
	struct buf   text, record;
	char         info[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES + 32];

	buf_init(&text, TEXT_BYTES_MAX);
	buf_init(&record, TEXT_BYTES_MAX);
	snprintf(path, sizeof(path), SITE_PACKAGES "/%s", named.name);
	put_files(tar, u, piece, path, &record);
	language_evidence_path(u, piece, info);
	buf_printf(&text,
		   "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: the %s package\nLicense: MIT\n\nText.\n",
		   named.name, named.version, named.name);
	snprintf(path, sizeof(path), "%s/METADATA", info);
	layer_tar_text(tar, path, 0644, buf_slice(&text), 0);
	snprintf(path, sizeof(path), "%s/RECORD", info);
	layer_tar_text(tar, path, 0644, buf_slice(&record), 0);
	snprintf(path, sizeof(path), "%s/WHEEL", info);
	layer_tar_text(tar, path, 0644,
		       SLICE_LIT("Wheel-Version: 1.0\nGenerator: corpus\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
		       0);
	buf_deinit(&text);
	buf_deinit(&record);
}

void node_package(struct layer_tar *tar, const struct universe *u, struct piece piece)
{
	struct named named = name_of(u, piece);
	struct buf   text;
	char         folder[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES + 32];

	buf_init(&text, TEXT_BYTES_MAX);
	language_evidence_path(u, piece, folder);
	put_files(tar, u, piece, folder, NULL);
	buf_printf(&text,
		   "{\n  \"name\": \"%s\",\n  \"version\": \"%s\",\n  \"license\": \"MIT\",\n  \"main\": "
		   "\"index.js\"\n}\n",
		   named.name, named.version);
	snprintf(path, sizeof(path), "%s/package.json", folder);
	layer_tar_text(tar, path, 0644, buf_slice(&text), 0);
	buf_deinit(&text);
}

/* ---- jars ---- */

static void put_bytes(void *data, struct slice bytes)
{
	buf_append(data, bytes);
}

static void put_classes(struct zip_writer *jar, const struct universe *u, const struct pool *pool, struct piece piece)
{
	struct buf body;

	buf_init(&body, JAR_BYTES_MAX);
	for (uint32_t i = 0; i < package_files(u, piece.family, piece.number); i++) {
		struct corpus_file file = package_file(u, piece, i);
		char               name[PATH_TEXT_BYTES];

		buf_clear(&body);
		pool_content(pool, &file, put_bytes, &body);
		package_file_path(u, piece, i, name);
		zip_writer_add(jar, name, buf_slice(&body));
	}
	buf_deinit(&body);
}

void java_package(struct layer_tar *tar, const struct universe *u, const struct pool *pool, struct piece piece)
{
	struct named      named = name_of(u, piece);
	struct zip_writer jar;
	struct buf        text;
	const char       *artifact = strchr(named.name, ':') + 1;
	int               group = (int)(artifact - 1 - named.name);
	char              path[PATH_TEXT_BYTES];

	zip_writer_init(&jar);
	buf_init(&text, TEXT_BYTES_MAX);
	zip_writer_add(&jar, "META-INF/MANIFEST.MF", SLICE_LIT("Manifest-Version: 1.0\r\n\r\n"));
	buf_printf(&text, "groupId=%.*s\nartifactId=%s\nversion=%s\n", group, named.name, artifact, named.version);
	snprintf(path, sizeof(path), "META-INF/maven/%.*s/%s/pom.properties", group, named.name, artifact);
	zip_writer_add(&jar, path, buf_slice(&text));
	put_classes(&jar, u, pool, piece);
	language_evidence_path(u, piece, path);
	layer_tar_text(tar, path, 0644, zip_writer_end(&jar), 0);
	zip_writer_deinit(&jar);
	buf_deinit(&text);
}

void language_evidence_path(const struct universe *u, struct piece piece, char out[PATH_TEXT_BYTES])
{
	struct named named = name_of(u, piece);

	if (piece.family == PYPI)
		snprintf(out, PATH_TEXT_BYTES, SITE_PACKAGES "/%.96s-%s.dist-info", named.name, named.version);
	else if (piece.family == NPM)
		snprintf(out, PATH_TEXT_BYTES, NODE_MODULES "/%.96s", named.name);
	else
		snprintf(out, PATH_TEXT_BYTES, JARS "/%.96s-%s.jar", strchr(named.name, ':') + 1, named.version);
}
