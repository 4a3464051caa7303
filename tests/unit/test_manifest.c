/* Manifests, indexes and configs: the cases of tests/data/manifests, the documents of containers/image, and what a
 * manifest and a config together say about layers (TRAPS A4-A7). */
#include "lib/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "source/manifest.h"

#include <string.h>

static void describe(const struct manifest *m, char *out, size_t size)
{
	size_t skipped = 0, bad = 0;

	for (size_t i = 0; i < m->items_count; i++) {
		bad += m->items[i].error != 0;
		skipped += m->items[i].error == 0 && m->items[i].skip_reason.len > 0;
	}
	if (m->kind == MANIFEST_ARTIFACT)
		snprintf(out, size, "artifact: %.*s", SLICE_FMT(m->skip_reason));
	else if (m->kind == MANIFEST_IMAGE)
		snprintf(out, size, "image, %zu layers%s", m->items_count, m->config.data.len ? ", inline config" : "");
	else if (bad)
		snprintf(out, size, "index, %zu manifests, %zu skipped, %zu bad", m->items_count, skipped, bad);
	else
		snprintf(out, size, "index, %zu manifests, %zu skipped", m->items_count, skipped);
}

static void check_document(const char *file, struct slice expected)
{
	struct arena    arena;
	struct buf      bytes;
	struct manifest manifest;
	struct err      err = {0};
	char            got[700], words[300];
	int             status;

	buf_init(&bytes, 8 << 20);
	arena_init(&arena, MANIFEST_ARENA_BYTES);
	if (file_read(file, &bytes, &err))
		fail_msg("%s", err.text);
	status = manifest_parse(buf_slice(&bytes), &arena, &manifest, &err);
	if (status)
		snprintf(got, sizeof(got), "error %s: %s", err_name(status), err.text);
	else
		describe(&manifest, got, sizeof(got));
	if (slice_starts(expected, "error ")) {
		struct slice rest = expected, kind = slice_cut(&rest, ':');

		snprintf(words, sizeof(words), "%.*s", SLICE_FMT(slice_trim(rest)));
		if (!slice_starts(slice_str(got), "error ") || !strstr(got, words) ||
		    !slice_eq(slice_sub(slice_str(got), 0, kind.len), kind))
			fail_msg("%s: \"%s\", not \"%.*s\"", file, got, SLICE_FMT(expected));
	} else if (!slice_eq_str(expected, got)) {
		fail_msg("%s: \"%s\", not \"%.*s\"", file, got, SLICE_FMT(expected));
	}
	arena_deinit(&arena);
	buf_deinit(&bytes);
}

static void documents_are_told_apart(void **state)
{
	struct buf   text;
	struct slice rest;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/manifests/expected.txt", &text, NULL), 0);
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');
		size_t       arrow = slice_find_str(line, " -> ");
		char         file[1024];

		if (arrow == SIZE_MAX || line.ptr[0] == '#')
			continue;
		snprintf(file, sizeof(file), TEST_DATA_DIR "/manifests/%.*s.json", (int)arrow, (const char *)line.ptr);
		check_document(file, slice_from(line, arrow + 4));
	}
	buf_deinit(&text);
}

#define CONTAINERS_IMAGE SHARED_DATA_DIR "/truth/images/containers-image/"

static void documents_of_containers_image(void **state)
{
	static const char *const cases[][2] = {
		{"manifest/fixtures/ociv1.encrypted.manifest.json", "image, 3 layers"},
		{"manifest/fixtures/ociv1.everything.json", "artifact: artifact of type application/our-artifact"},
		{"manifest/fixtures/ociv1.invalid.mediatype.manifest.json", "image, 3 layers"},
		{"manifest/fixtures/ociv1.nondistributable.gzip.manifest.json", "image, 1 layers"},
		{"manifest/fixtures/ociv1.nondistributable.zstd.manifest.json", "image, 1 layers"},
		{"manifest/fixtures/ociv1.uncompressed.manifest.json", "image, 3 layers"},
		{"manifest/fixtures/ociv1.zstd.manifest.json", "image, 3 layers"},
		{"manifest/fixtures/v2s1.everything.json", "error unsupported: schema 1"},
		{"manifest/fixtures/v2s2.everything.json", "image, 1 layers"},
		{"manifest/fixtures/v2s2.nondistributable.manifest.json", "image, 1 layers"},
		{"manifest/fixtures/v2s2.uncompressed.manifest.json", "image, 3 layers"},
		{"internal/manifest/testdata/non-json.manifest.json", "error format: not JSON"},
		{"internal/manifest/testdata/unknown-version.manifest.json", "error unsupported: schema version 99999"},
		{"internal/manifest/testdata/ociv1.artifact.json",
		 "artifact: artifact of type application/vnd.oci.custom.artifact.config.v1+json"},
		{"internal/manifest/testdata/ociv1nomime.artifact.json",
		 "artifact: artifact of type application/vnd.oci.custom.artifact.config.v1+json"},
		{"internal/manifest/testdata/ociv1.image.index.json", "index, 2 manifests, 0 skipped"},
		{"internal/manifest/testdata/ociv1nomime.image.index.json", "index, 2 manifests, 0 skipped"},
		{"internal/manifest/testdata/oci1.index.zstd-selection.json", "index, 6 manifests, 0 skipped"},
		{"internal/manifest/testdata/v2list.manifest.json", "index, 5 manifests, 0 skipped"},
		{"internal/manifest/testdata/v2s1.manifest.json", "error unsupported: schema 1"},
		{"internal/manifest/testdata/v2s1-unsigned.manifest.json", "error unsupported: schema 1"},
		{"internal/manifest/testdata/v2s1-invalid-signatures.manifest.json", "error unsupported: schema 1"},
		{"internal/manifest/testdata/v2s2.manifest.json", "image, 3 layers"},
		{"internal/manifest/testdata/v2s2nomime.manifest.json", "image, 0 layers"},
		{"internal/manifest/testdata/ociv1.manifest.json", "image, 3 layers"},
	};
	char file[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(file, sizeof(file), CONTAINERS_IMAGE "%s", cases[i][0]);
		if (i == 0) {
			struct buf probe;
			int        status;

			buf_init(&probe, 1 << 20);
			status = file_read(file, &probe, NULL);
			buf_deinit(&probe);
			if (status == ERR_NOT_FOUND) {
				print_message("SKIP documents_of_containers_image: needs ../shared/data\n");
				skip();
			}
		}
		check_document(file, slice_str(cases[i][1]));
	}
}

/* ---- a manifest and its config ---- */

struct pair {
	struct arena        arena;
	struct manifest     manifest;
	struct image_config config;
	struct image        image;
};

#define DIGEST_OF(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define LAYER(c)     "{\"digest\":\"" DIGEST_OF(c) "\",\"size\":1}"

static void fill_pair(struct pair *p, const char *config)
{
	static const char manifest[] =
		"{\"schemaVersion\":2,\"config\":" LAYER("0f") ",\"layers\":[" LAYER("0a") "," LAYER("0b") "]}";
	struct err err = {0};

	memset(p, 0, sizeof(*p));
	arena_init(&p->arena, MANIFEST_ARENA_BYTES);
	if (manifest_parse(slice_str(manifest), &p->arena, &p->manifest, &err) ||
	    image_config_parse(slice_str(config), &p->arena, &p->config, &err) ||
	    image_fill(&p->image, &p->manifest, &p->config, &p->arena, &err))
		fail_msg("%s", err.text);
	assert_int_equal(p->image.layers_count, 2);
}

static void claims_and_history_go_with_their_layers(void **state)
{
	struct pair p;
	char        text[DIGEST_TEXT_BYTES];

	(void)state;
	fill_pair(
		&p,
		"{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\",\"created\":\"2024-01-01T00:00:00Z\","
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST_OF("1a") "\",\"" DIGEST_OF(
			"1b") "\"]},"
			      "\"history\":[{\"created_by\":\"ADD a\"},{\"created_by\":\"ENV "
			      "x\",\"empty_layer\":true},{\"created_by\":\"RUN b\"}]}");
	assert_int_equal(p.image.warnings_count, 0);
	digest_text(&p.image.layers[1].diff_id, text);
	assert_string_equal(text, DIGEST_OF("1b"));
	assert_slice_equal(p.image.layers[0].created_by, "ADD a");
	assert_slice_equal(p.image.layers[1].created_by, "RUN b");
	assert_string_equal(p.image.platform.arch, "arm64");
	assert_slice_equal(p.config.created, "2024-01-01T00:00:00Z");
	arena_deinit(&p.arena);
}

static void no_claims_when_counts_differ(void **state)
{
	struct pair p;

	(void)state;
	fill_pair(&p, "{\"rootfs\":{\"diff_ids\":[\"" DIGEST_OF("1a") "\"]}}");
	assert_true(digest_is_zero(&p.image.layers[0].diff_id));
	assert_int_equal(p.image.warnings_count, 1);
	assert_slice_equal(p.image.warnings[0], "config: 1 diff_ids for 2 layers");
	arena_deinit(&p.arena);
}

static void no_claims_when_one_is_unreadable(void **state)
{
	struct pair p;

	(void)state;
	fill_pair(&p, "{\"rootfs\":{\"diff_ids\":[\"" DIGEST_OF("1a") "\",\"sha512:1234\"]}}");
	assert_true(digest_is_zero(&p.image.layers[0].diff_id));
	assert_int_equal(p.image.warnings_count, 1);
	assert_slice_equal(p.image.warnings[0],
			   "config: diff_id 2: digest algorithm sha512 (only sha256 is supported)");
	arena_deinit(&p.arena);
}

static void no_instruction_rather_than_a_shifted_one(void **state)
{
	struct pair p;

	(void)state;
	fill_pair(&p, "{\"rootfs\":{\"diff_ids\":[\"" DIGEST_OF("1a") "\",\"" DIGEST_OF(
			      "1b") "\"]},"
				    "\"history\":[{\"created_by\":\"bazel build ...\"}]}");
	assert_int_equal(p.image.layers[0].created_by.len, 0);
	assert_int_equal(p.image.warnings_count, 0);
	arena_deinit(&p.arena);
}

static void configs_of_the_wrong_shape_say_nothing(void **state)
{
	static const char *const odd[] = {"{}", "{\"rootfs\":3,\"history\":{}}",
					  "{\"rootfs\":{\"diff_ids\":{}},\"history\":[1,null]}",
					  "{\"os\":7,\"architecture\":[],\"rootfs\":{\"diff_ids\":null}}"};
	struct image_config      config;
	struct arena             arena;
	struct pair              p;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		fill_pair(&p, odd[i]);
		assert_true(digest_is_zero(&p.image.layers[0].diff_id));
		assert_string_equal(p.image.platform.os, "");
		arena_deinit(&p.arena);
	}
	arena_init(&arena, MANIFEST_ARENA_BYTES);
	assert_int_equal(image_config_parse(SLICE_LIT("[]"), &arena, &config, NULL), ERR_FORMAT);
	assert_int_equal(image_config_parse(SLICE_LIT("<html>"), &arena, &config, NULL), ERR_FORMAT);
	arena_deinit(&arena);
}

static void disagreement_about_the_platform_is_shown(void **state)
{
	struct pair       p;
	struct err        err = {0};
	const char *const config =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"" DIGEST_OF(
			"1a") "\",\"" DIGEST_OF("1b") "\"]}}";

	(void)state;
	fill_pair(&p, config);
	platform_set(&p.image.platform, SLICE_LIT("linux"), SLICE_LIT("arm64"), SLICE_EMPTY);
	assert_int_equal(image_fill(&p.image, &p.manifest, &p.config, &p.arena, &err), 0);
	assert_slice_equal(p.image.warnings[0], "the index says linux/arm64, the config linux/amd64");
	assert_string_equal(p.image.platform.arch, "amd64");
	arena_deinit(&p.arena);
}

static void a_small_arena_is_an_error(void **state)
{
	static const char manifest[] = "{\"config\":" LAYER("0f") ",\"layers\":[" LAYER("0a") "]}";
	struct arena      arena;
	struct manifest   out;

	(void)state;
	arena_init(&arena, 64);
	assert_int_equal(manifest_parse(slice_str(manifest), &arena, &out, NULL), ERR_MEM);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_told_apart),
		cmocka_unit_test(documents_of_containers_image),
		cmocka_unit_test(claims_and_history_go_with_their_layers),
		cmocka_unit_test(no_claims_when_counts_differ),
		cmocka_unit_test(no_claims_when_one_is_unreadable),
		cmocka_unit_test(no_instruction_rather_than_a_shifted_one),
		cmocka_unit_test(configs_of_the_wrong_shape_say_nothing),
		cmocka_unit_test(disagreement_about_the_platform_is_shown),
		cmocka_unit_test(a_small_arena_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
