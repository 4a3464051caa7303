#include "bench_corpus/corpus_store.h"

#include "base/file.h"
#include "base/json_write.h"
#include "bench_corpus/corpus_die.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, INDEX_BYTES_MAX = 1 << 30, DOCUMENT_BYTES_MAX = 1 << 20, HEX_BYTES = 2 * SHA256_BYTES + 1 };

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"

struct store {
	const char        *folder;
	bool               registry;
	struct buf         index, document;
	struct json_writer writer; /* of `index` */
};

static void make_dirs(const char *path)
{
	struct err err = {0};

	if (file_make_dirs(path, 0755, &err))
		corpus_die("%s", err.text);
}

/* Not synced: whoever loses power makes the corpus again. */
static void write_file(const char *path, struct slice bytes)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
		corpus_die("cannot write %s", path);
}

static int remove_item(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind, (void)where;
	return remove(path);
}

struct store *store_open(const char *folder, bool registry)
{
	struct store *store = calloc(1, sizeof(*store));
	char          path[PATH_BYTES];

	if (!store)
		corpus_die("out of memory");
	store->folder = folder;
	store->registry = registry;
	buf_init(&store->index, INDEX_BYTES_MAX);
	buf_init(&store->document, DOCUMENT_BYTES_MAX);
	snprintf(path, sizeof(path), "%s/registry/docker/registry/v2/repositories", folder);
	if (registry && nftw(path, remove_item, 64, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		corpus_die("cannot remove %s", path);
	if (registry)
		make_dirs(path);
	store->writer = json_writer_of(&store->index, 0);
	json_begin_object(&store->writer, NULL);
	json_put_uint(&store->writer, "schemaVersion", 2);
	json_put_str(&store->writer, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_begin_array(&store->writer, "manifests");
	return store;
}

void store_finish(struct store *store)
{
	char path[PATH_BYTES];

	json_end_array(&store->writer);
	json_end_object(&store->writer);
	if (!buf_ok(&store->index))
		corpus_die("the index is too large");
	snprintf(path, sizeof(path), "%s/layout/index.json", store->folder);
	write_file(path, buf_slice(&store->index));
	snprintf(path, sizeof(path), "%s/layout/oci-layout", store->folder);
	write_file(path, SLICE_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"));
	buf_deinit(&store->index);
	buf_deinit(&store->document);
	free(store);
}

/* ---- the registry's links ---- */

static void link_blob(const struct store *store, const char *hex)
{
	char from[PATH_BYTES], to[PATH_BYTES], *data;

	if (!store->registry)
		return;
	snprintf(from, sizeof(from), "%s/layout/blobs/sha256/%s", store->folder, hex);
	snprintf(to, sizeof(to), "%s/registry/docker/registry/v2/blobs/sha256/%.2s/%s/data", store->folder, hex, hex);
	data = strrchr(to, '/');
	if (access(to, F_OK) == 0)
		return;
	*data = 0;
	make_dirs(to);
	*data = '/';
	if (link(from, to) != 0)
		corpus_die("cannot link %s", to);
}

/* REPOSITORY/PLACE/link holds the digest. */
static void put_link(const struct store *store, const char *repository, const char *place, const char *hex)
{
	char path[PATH_BYTES], text[DIGEST_TEXT_BYTES];

	if (!store->registry)
		return;
	snprintf(path, sizeof(path), "%s/registry/docker/registry/v2/repositories/%s/%s", store->folder, repository,
		 place);
	make_dirs(path);
	strncat(path, "/link", sizeof(path) - strlen(path) - 1);
	snprintf(text, sizeof(text), "sha256:%s", hex);
	write_file(path, slice_str(text));
}

static void link_content(const struct store *store, const char *repository, const struct digest *digest)
{
	char place[PATH_BYTES], hex[HEX_BYTES];

	digest_hex(digest->bytes, SHA256_BYTES, hex);
	link_blob(store, hex);
	snprintf(place, sizeof(place), "_layers/sha256/%s", hex);
	put_link(store, repository, place, hex);
}

static void link_manifest(const struct store *store, const char *repository, const char *tag,
			  const struct digest *digest)
{
	char place[PATH_BYTES], hex[HEX_BYTES];

	digest_hex(digest->bytes, SHA256_BYTES, hex);
	link_blob(store, hex);
	snprintf(place, sizeof(place), "_manifests/revisions/sha256/%s", hex);
	put_link(store, repository, place, hex);
	snprintf(place, sizeof(place), "_manifests/tags/%s/index/sha256/%s", tag, hex);
	put_link(store, repository, place, hex);
	snprintf(place, sizeof(place), "_manifests/tags/%s/current", tag);
	put_link(store, repository, place, hex);
}

/* ---- documents ---- */

static void put_digest(struct json_writer *w, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	json_put_str(w, key, text);
}

static void put_descriptor(struct json_writer *w, const char *key, const char *type, const struct digest *digest,
			   uint64_t bytes)
{
	json_begin_object(w, key);
	json_put_str(w, "mediaType", type);
	put_digest(w, "digest", digest);
	json_put_uint(w, "size", bytes);
	json_end_object(w);
}

static void put_document(struct store *store, struct digest *digest)
{
	char path[PATH_BYTES], hex[HEX_BYTES];

	digest_of(buf_slice(&store->document), digest);
	digest_hex(digest->bytes, SHA256_BYTES, hex);
	snprintf(path, sizeof(path), "%s/layout/blobs/sha256/%s", store->folder, hex);
	if (access(path, F_OK) != 0)
		write_file(path, buf_slice(&store->document));
}

static struct json_writer begin_document(struct store *store)
{
	struct json_writer w;

	buf_clear(&store->document);
	w = json_writer_of(&store->document, 0);
	json_begin_object(&w, NULL);
	return w;
}

static void write_config(struct store *store, const struct made_layers *layers, const struct image_plan *image,
			 const char *name, struct digest *digest)
{
	static const char *const made_by[] = {"ADD rootfs.tar /", "RUN install packages", "RUN install dependencies",
					      "COPY . /srv/app", "COPY app.conf /etc/app/"};
	struct json_writer       w = begin_document(store);

	json_put_str(&w, "created", "2025-11-25T00:00:00Z");
	json_put_str(&w, "architecture", "amd64");
	json_put_str(&w, "os", "linux");
	json_begin_object(&w, "config");
	json_begin_object(&w, "Labels");
	json_put_str(&w, "org.opencontainers.image.title", name);
	json_end_object(&w);
	json_end_object(&w);
	json_begin_object(&w, "rootfs");
	json_put_str(&w, "type", "layers");
	json_begin_array(&w, "diff_ids");
	for (size_t i = 0; i < image->layers_count; i++)
		put_digest(&w, NULL, &layers_get(layers, &image->layers[i])->diff_id);
	json_end_array(&w);
	json_end_object(&w);
	json_begin_array(&w, "history");
	for (size_t i = 0; i < image->layers_count; i++) {
		json_begin_object(&w, NULL);
		json_put_str(&w, "created_by", made_by[image->layers[i].kind]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	put_document(store, digest);
}

static void write_manifest(struct store *store, const struct made_layers *layers, const struct image_plan *image,
			   const struct digest *config, struct digest *digest)
{
	uint64_t           config_bytes = store->document.len;
	struct json_writer w = begin_document(store);

	json_put_uint(&w, "schemaVersion", 2);
	json_put_str(&w, "mediaType", MANIFEST_TYPE);
	put_descriptor(&w, "config", CONFIG_TYPE, config, config_bytes);
	json_begin_array(&w, "layers");
	for (size_t i = 0; i < image->layers_count; i++) {
		const struct made_layer *layer = layers_get(layers, &image->layers[i]);

		put_descriptor(&w, NULL,
			       layer->spec.zstd ? "application/vnd.oci.image.layer.v1.tar+zstd"
						: "application/vnd.oci.image.layer.v1.tar+gzip",
			       &layer->digest, layer->bytes);
	}
	json_end_array(&w);
	json_end_object(&w);
	put_document(store, digest);
}

static void put_index_entry(struct store *store, const char *name, const struct digest *digest)
{
	struct json_writer *w = &store->writer;

	json_begin_object(w, NULL);
	json_put_str(w, "mediaType", MANIFEST_TYPE);
	put_digest(w, "digest", digest);
	json_put_uint(w, "size", store->document.len);
	json_begin_object(w, "annotations");
	json_put_str(w, "org.opencontainers.image.ref.name", name);
	json_end_object(w);
	json_end_object(w);
}

void store_put_image(struct store *store, const struct plan *plan, const struct made_layers *layers,
		     const struct image_plan *image, struct digest *digest)
{
	char          repository[NAME_TEXT_BYTES], tag[16], name[NAME_TEXT_BYTES + 17];
	struct digest config;

	plan_repository(plan, image->project, repository);
	snprintf(tag, sizeof(tag), "v%u", image->tag);
	snprintf(name, sizeof(name), "%s:%s", repository, tag);
	write_config(store, layers, image, name, &config);
	write_manifest(store, layers, image, &config, digest);
	put_index_entry(store, name, digest);
	link_content(store, repository, &config);
	for (size_t i = 0; i < image->layers_count; i++)
		link_content(store, repository, &layers_get(layers, &image->layers[i])->digest);
	link_manifest(store, repository, tag, digest);
}
