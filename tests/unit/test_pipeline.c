/* Rules of pipeline.h, over an OCI layout made in a temporary folder: verify mode, false claims, bytes that lie. */
#include "base/file.h"
#include "lib/check.h"
#include "lib/layer_fixture.h"
#include "model/inventory.h"
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
	char                 dir[64];
	struct layer_fixture fixture;
	struct image_layer   layer;
	struct sources      *sources;
	struct reference     reference;
};

static void write_file(const char *dir, const char *name, struct slice bytes)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, bytes, 0600, NULL), 0);
}

/* `served`: what lies under the digest of the fixture's blob. */
static void make_place(struct place *place, const char *text, struct slice served)
{
	struct source_config config = {.tls_verify = true};
	struct err           err = {0};
	char                 path[256], hex[65];

	*place = (struct place){.dir = "/tmp/varve-pipeline-XXXXXX"};
	assert_non_null(mkdtemp(place->dir));
	assert_int_equal(layer_fixture_parse(slice_str(text), "test", &place->fixture, &err), 0);
	digest_of(place->fixture.layers[0].blob, &place->layer.digest);
	digest_of(place->fixture.layers[0].tar, &place->layer.diff_id);
	place->layer.size = place->fixture.layers[0].blob.len;
	snprintf(path, sizeof(path), "%s/blobs/sha256", place->dir);
	assert_int_equal(file_make_dirs(path, 0700, &err), 0);
	digest_hex(place->layer.digest.bytes, SHA256_BYTES, hex);
	write_file(path, hex, served.ptr ? served : place->fixture.layers[0].blob);
	write_file(place->dir, "oci-layout", SLICE_LIT("{\"imageLayoutVersion\":\"1.0.0\"}"));
	write_file(place->dir, "index.json", SLICE_LIT("{\"schemaVersion\":2,\"manifests\":[]}"));
	snprintf(path, sizeof(path), "oci:%s", place->dir);
	assert_int_equal(reference_parse(slice_str(path), &place->reference, &err), 0);
	place->sources = sources_new(&config, &err);
	assert_non_null(place->sources);
}

static void drop_place(struct place *place)
{
	char command[128];

	sources_free(place->sources);
	layer_fixture_deinit(&place->fixture);
	snprintf(command, sizeof(command), "rm -r '%s'", place->dir);
	assert_int_equal(system(command), 0);
}

struct scanned {
	struct scan_outcome outcome;
	struct buf          inventory, paths;
	struct err          err;
	int                 status;
};

static struct scanned scan_by(const char *program, struct place *place, bool verify, bool spare)
{
	const struct parser_config parser = {.program = program};
	struct scan_config         config = {.spool_dir = place->dir, .spare = spare, .parser = parser_new(&parser)};
	struct scanned             s = {.inventory.bytes_max = 1u << 24, .paths.bytes_max = 1u << 24};

	s.status = pipeline_scan_layer(place->sources, &place->reference, &place->layer, verify, &config, &s.outcome,
				       &s.inventory, &s.paths, &s.err);
	parser_free(config.parser);
	return s;
}

static struct scanned scan(struct place *place, bool verify)
{
	return scan_by(TEST_PARSER, place, verify, false);
}

static void scanned_deinit(struct scanned *s)
{
	buf_deinit(&s->inventory);
	buf_deinit(&s->paths);
}

static const char text[] = "layer gzip\nfile etc/os-release = \"ID=debian\\n\"\n";

static void a_scan_gives_the_inventory_of_the_digest(void **state)
{
	struct place     place;
	struct scanned   s;
	struct inventory inv;

	(void)state;
	make_place(&place, text, SLICE_EMPTY);
	s = scan(&place, false);
	assert_int_equal(s.status, 0);
	assert_false(s.outcome.verified);
	assert_int_equal(s.outcome.blob_bytes_read, place.layer.size);
	inventory_init(&inv);
	assert_int_equal(inventory_decode(buf_slice(&s.inventory), &inv, NULL), 0);
	assert_true(digest_eq(&inv.blob_digest, &place.layer.digest));
	assert_true(digest_eq(&inv.diff_id, &place.layer.diff_id));
	assert_int_equal(inv.os_releases_count, 1);
	assert_slice_equal(inv.media_type, "tar+gzip");
	inventory_deinit(&inv);
	scanned_deinit(&s);
	drop_place(&place);
}

static void a_true_claim_is_told_and_the_layer_read_all_the_same(void **state)
{
	struct place   place;
	struct scanned s;

	(void)state;
	make_place(&place, text, SLICE_EMPTY);
	s = scan(&place, true);
	assert_int_equal(s.status, 0);
	assert_true(s.outcome.verified);
	assert_true(s.inventory.len > 0);
	scanned_deinit(&s);
	drop_place(&place);
}

static void a_false_claim_hides_nothing(void **state)
{
	struct place   place;
	struct scanned s;

	(void)state;
	make_place(&place, text, SLICE_EMPTY);
	place.layer.diff_id.bytes[0] ^= 1;
	s = scan(&place, true);
	assert_int_equal(s.status, 0);
	assert_false(s.outcome.verified);
	assert_true(s.inventory.len > 0);
	assert_int_equal(s.outcome.blob_bytes_read, place.layer.size);
	scanned_deinit(&s);
	drop_place(&place);
}

static void other_bytes_under_the_digest_fail_the_layer(void **state)
{
	struct place   place;
	struct scanned s;

	(void)state;
	for (int verify = 0; verify < 2; verify++) {
		make_place(&place, text, SLICE_LIT("something else"));
		s = scan(&place, verify);
		assert_int_equal(s.status, ERR_DIGEST);
		assert_non_null(strstr(s.err.text, "layer sha256:"));
		assert_int_equal(s.inventory.len + s.paths.len, 0);
		scanned_deinit(&s);
		drop_place(&place);
	}
}

static void a_missing_spool_folder_is_said(void **state)
{
	struct place       place;
	struct scan_config config = {.spool_dir = "/nonexistent"};
	struct scanned     s = {0};

	(void)state;
	make_place(&place, text, SLICE_EMPTY);
	s.status = pipeline_scan_layer(place.sources, &place.reference, &place.layer, false, &config, &s.outcome,
				       &s.inventory, &s.paths, &s.err);
	assert_int_equal(s.status, ERR_IO);
	assert_non_null(strstr(s.err.text, "/nonexistent"));
	drop_place(&place);
}

/* How many threads a parser process had started, by a file of the layer that has tests/sandbox/hostile_analyzer.c say so. */
static void check_threads(const char *layer_text, bool spare, const char *note)
{
	struct place     place;
	struct scanned   s;
	struct inventory inv;

	make_place(&place, layer_text, SLICE_EMPTY);
	s = scan_by(TEST_HOSTILE_PARSER, &place, false, spare);
	if (s.status < 0)
		fail_msg("%s", s.err.text);
	inventory_init(&inv);
	assert_int_equal(inventory_decode(buf_slice(&s.inventory), &inv, NULL), 0);
	assert_int_equal(inv.notes_count, 1);
	assert_slice_equal(inv.notes[0].reason, note);
	inventory_deinit(&inv);
	scanned_deinit(&s);
	drop_place(&place);
}

/* Inside the sandbox, where a second thread that the kernel refused would end the parser. */
static void a_large_layer_is_parsed_on_two_threads_while_a_core_is_idle(void **state)
{
	static const char small[] = "layer gzip\nfile a.hostile = \"threads\"\n";
	static const char large[] = "layer gzip\nfile a.hostile = \"threads\"\ntail \"\\0\"*5000000\n";

	(void)state;
	check_threads(large, true, "threads: 1");
	check_threads(large, false, "threads: 0");
	check_threads(small, true, "threads: 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_gives_the_inventory_of_the_digest),
		cmocka_unit_test(a_true_claim_is_told_and_the_layer_read_all_the_same),
		cmocka_unit_test(a_false_claim_hides_nothing),
		cmocka_unit_test(other_bytes_under_the_digest_fail_the_layer),
		cmocka_unit_test(a_missing_spool_folder_is_said),
		cmocka_unit_test(a_large_layer_is_parsed_on_two_threads_while_a_core_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
