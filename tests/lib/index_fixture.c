#include "lib/index_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/image.h"
#include "model/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 1 << 30, RECORD_BYTES_MAX = 4 << 20, FIXTURE_SET = 7 };

static void must(int status, const struct err *err)
{
	if (status >= 0)
		return;
	log_line(LOG_ERROR, "fixture", "%s", err->text);
	abort();
}

uint64_t index_fixture_job(struct catalog *catalog, const char *label)
{
	struct job_record record = {.label = slice_str(label),
				    .platform = SLICE_LIT("linux/amd64"),
				    .analyzer_set = SLICE_LIT("fixture"),
				    .submitted_ms = clock_unix_ms(),
				    .owner = catalog_owner(catalog)};
	struct err        err = {0};
	uint64_t          now = clock_ns();

	memcpy(record.token, &now, sizeof(now));
	must(catalog_begin(catalog, &err), &err);
	must(catalog_job_new(catalog, &record, &err), &err);
	must(catalog_commit(catalog, &err), &err);
	return record.job;
}

static struct slice encode_image(const struct index_fixture_image *image, struct arena *arena)
{
	struct image record = {.reference = slice_str(image->reference), .digest = image->digest};
	struct buf   out = {.bytes_max = RECORD_BYTES_MAX};
	struct slice copy;

	platform_set(&record.platform, SLICE_LIT("linux"), SLICE_LIT("amd64"), SLICE_EMPTY);
	record.layers = arena_array(arena, image->layers_count + 1, sizeof(*record.layers));
	record.layers_count = image->layers_count;
	for (size_t i = 0; i < image->layers_count; i++)
		record.layers[i] = (struct image_layer){.digest = image->layers[i], .size = 1000};
	must(image_encode(&record, &out, NULL), &(struct err){0});
	copy = arena_copy(arena, buf_slice(&out));
	buf_deinit(&out);
	return copy;
}

static void add_image(struct catalog *catalog, uint64_t job, uint64_t number, const struct index_fixture_image *image,
		      struct arena *arena)
{
	struct job_image stored = {.number = number,
				   .image = encode_image(image, arena),
				   .set = FIXTURE_SET,
				   .layers = arena_array(arena, image->layers_count + 1, sizeof(*stored.layers)),
				   .layers_count = image->layers_count};
	struct err       err = {0};
	bool             added;

	must(catalog_image_add(catalog, job, &stored, arena_printf(arena, "%s linux/amd64", image->reference), &added,
			       &err),
	     &err);
}

static struct slice encode_context(const struct package_context *context, struct arena *arena, struct digest *digest)
{
	struct buf   out = {.bytes_max = RECORD_BYTES_MAX};
	struct err   err = {0};
	struct slice copy;

	must(package_context_encode(context, &out, &err), &err);
	digest_of(buf_slice(&out), digest);
	copy = arena_copy(arena, buf_slice(&out));
	buf_deinit(&out);
	return copy;
}

static struct index_new_package new_package(const struct index_fixture_package *in, struct arena *arena)
{
	struct unique_package    unique = in->unique;
	struct slice             path = slice_str(in->path);
	struct package_evidence  evidence = {.paths = &path, .paths_count = in->path ? 1 : 0};
	struct index_new_package out = {.layer = in->layer, .flags = in->flags};
	struct buf               bytes = {.bytes_max = RECORD_BYTES_MAX};
	struct err               err = {0};

	encode_context(in->context, arena, &unique.context);
	must(unique_package_encode(&unique, &bytes, &err), &err);
	out.identity = arena_copy(arena, buf_slice(&bytes));
	buf_clear(&bytes);
	must(package_evidence_encode(&evidence, &bytes, &err), &err);
	out.evidence_bytes = arena_copy(arena, buf_slice(&bytes));
	buf_deinit(&bytes);
	digest_of(out.identity, &out.identity_hash);
	digest_of(out.evidence_bytes, &out.evidence_hash);
	out.names[INDEX_NAME_WHOLE] = unique.package.name;
	return out;
}

static struct index_new_image new_image(const struct index_queued *queued, const struct index_fixture_image *image,
					struct arena *arena)
{
	struct digest          ignored;
	struct sha256         *hash = sha256_new();
	struct index_new_image out = {.job = queued->job,
				      .number = queued->number,
				      .place = queued->place,
				      .complete = true,
				      .context = encode_context(image->context, arena, &ignored),
				      .package_context = encode_context(image->package_context, arena, &ignored),
				      .layers_count = image->layers_count,
				      .packages_count = image->packages_count};

	out.layers = arena_array(arena, image->layers_count + 1, sizeof(*out.layers));
	for (size_t i = 0; i < image->layers_count; i++)
		out.layers[i] = (struct index_new_layer){
			.layer = {.key = {.digest = image->layers[i], .set = FIXTURE_SET}, .status = LAYER_SCANNED},
			.content = true};
	out.packages = arena_array(arena, image->packages_count + 1, sizeof(*out.packages));
	for (size_t i = 0; i < image->packages_count; i++) {
		out.packages[i] = new_package(&image->packages[i], arena);
		sha256_update(hash, digest_slice(&out.packages[i].identity_hash));
	}
	for (size_t i = 0; i < image->layers_count; i++)
		sha256_update(hash, digest_slice(&image->layers[i]));
	sha256_final(hash, out.content.bytes);
	sha256_free(hash);
	return out;
}

void index_fixture_put(struct catalog *catalog, uint64_t job, uint64_t first, const struct index_fixture_image *images,
		       size_t count)
{
	struct index_queued *queued;
	struct catalog_view *view = NULL;
	struct index_stamp   stamp;
	struct arena         arena;
	struct err           err = {0};
	uint64_t             at_job = job, at_number = first ? first - 1 : UINT64_MAX;
	size_t               found;

	arena_init(&arena, ARENA_BYTES_MAX);
	must(catalog_begin(catalog, &err), &err);
	for (size_t i = 0; i < count; i++)
		add_image(catalog, job, first + i, &images[i], &arena);
	must(catalog_commit(catalog, &err), &err);
	if (first == 0)
		at_job--;
	must(catalog_index_queue_read(catalog, &at_job, &at_number, count, &arena, &queued, &found, &err), &err);
	must(catalog_view_open(catalog, false, &view, &err), &err);
	must(catalog_index_stamp(view, &stamp, &err), &err);
	catalog_view_close(view);
	must(catalog_begin(catalog, &err), &err);
	for (size_t i = 0; i < found; i++) {
		struct index_new_image image = new_image(&queued[i], &images[queued[i].number - first], &arena);

		image.stamp = stamp;
		must(catalog_index_put(catalog, &image, 1, &err), &err);
		must(catalog_view_open(catalog, false, &view, &err), &err);
		must(catalog_index_stamp(view, &stamp, &err), &err);
		catalog_view_close(view);
	}
	must(catalog_commit(catalog, &err), &err);
	arena_deinit(&arena);
}
