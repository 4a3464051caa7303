#include "lib/oci_fixture.h"

#include "base/file.h"
#include "lib/check.h"
#include "lib/compress.h"
#include "lib/tar_writer.h"

#include <string.h>

enum { BYTES_MAX = 1 << 20 };

static void write_file(const char *dir, const char *name, struct slice bytes)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, bytes, 0644, NULL), 0);
}

static void write_blob(const struct oci_fixture *fixture, struct slice bytes, struct digest *digest)
{
	char text[DIGEST_TEXT_BYTES], name[128];

	digest_of(bytes, digest);
	digest_text(digest, text);
	snprintf(name, sizeof(name), "blobs/sha256/%s", text + strlen("sha256:"));
	write_file(fixture->dir, name, bytes);
}

void oci_fixture_open(struct oci_fixture *fixture, const char *dir)
{
	char blobs[300];

	snprintf(fixture->dir, sizeof(fixture->dir), "%s", dir);
	snprintf(blobs, sizeof(blobs), "%s/blobs/sha256", dir);
	assert_int_equal(file_make_dirs(blobs, 0755, NULL), 0);
	buf_init(&fixture->manifests, BYTES_MAX);
}

void oci_fixture_close(struct oci_fixture *fixture)
{
	struct buf index;

	buf_init(&index, BYTES_MAX);
	buf_printf(&index, "{\"schemaVersion\":2,\"manifests\":[%.*s]}", SLICE_FMT(buf_slice(&fixture->manifests)));
	write_file(fixture->dir, "index.json", buf_slice(&index));
	write_file(fixture->dir, "oci-layout", SLICE_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"));
	buf_deinit(&index);
	buf_deinit(&fixture->manifests);
}

struct oci_layer oci_fixture_layer(struct oci_fixture *fixture, const char *path, const char *body, const char *format)
{
	struct oci_layer layer;
	struct tar_entry entry;
	struct buf       tar, blob;

	buf_init(&tar, BYTES_MAX);
	buf_init(&blob, BYTES_MAX);
	tar_entry_init(&entry, '0', slice_str(path));
	entry.body = slice_str(body);
	tar_append(&tar, &entry);
	tar_append_end(&tar);
	assert_true(compress_append(format, buf_slice(&tar), &blob));
	digest_of(buf_slice(&tar), &layer.diff_id);
	write_blob(fixture, buf_slice(&blob), &layer.digest);
	layer.size = blob.len;
	buf_deinit(&tar);
	buf_deinit(&blob);
	return layer;
}

static void write_config(const struct oci_fixture *fixture, const struct oci_layer *layers, size_t count,
			 struct buf *manifest)
{
	struct buf    config;
	struct digest digest;
	char          text[DIGEST_TEXT_BYTES];

	buf_init(&config, BYTES_MAX);
	buf_str(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < count; i++) {
		digest_text(&layers[i].diff_id, text);
		buf_printf(&config, "%s\"%s\"", i ? "," : "", text);
	}
	buf_str(&config, "]}}");
	write_blob(fixture, buf_slice(&config), &digest);
	digest_text(&digest, text);
	buf_printf(manifest,
		   "\"config\":{\"mediaType\":\"application/"
		   "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu}",
		   text, config.len);
	buf_deinit(&config);
}

void oci_fixture_image(struct oci_fixture *fixture, const char *name, const struct oci_layer *layers, size_t count)
{
	struct buf    manifest;
	struct digest digest;
	char          text[DIGEST_TEXT_BYTES];

	buf_init(&manifest, BYTES_MAX);
	buf_str(&manifest, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",");
	write_config(fixture, layers, count, &manifest);
	buf_str(&manifest, ",\"layers\":[");
	for (size_t i = 0; i < count; i++) {
		digest_text(&layers[i].digest, text);
		buf_printf(&manifest,
			   "%s{\"mediaType\":\"application/"
			   "vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\",\"size\":%llu}",
			   i ? "," : "", text, (unsigned long long)layers[i].size);
	}
	buf_str(&manifest, "]}");
	write_blob(fixture, buf_slice(&manifest), &digest);
	digest_text(&digest, text);
	buf_printf(&fixture->manifests,
		   "%s{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
		   "\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}",
		   fixture->manifests.len ? "," : "", text, manifest.len, name);
	buf_deinit(&manifest);
}

void oci_fixture_break_blob(const struct oci_fixture *fixture, const struct oci_layer *layer)
{
	char       text[DIGEST_TEXT_BYTES], name[128];
	struct buf bytes;

	buf_init(&bytes, BYTES_MAX);
	for (uint64_t i = 0; i < layer->size; i++)
		buf_byte(&bytes, (uint8_t)i);
	digest_text(&layer->digest, text);
	snprintf(name, sizeof(name), "blobs/sha256/%s", text + strlen("sha256:"));
	write_file(fixture->dir, name, buf_slice(&bytes));
	buf_deinit(&bytes);
}
