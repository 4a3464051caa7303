/* The broker, its store and a worker in one process, from submission to the last result, by real sources. */
#include "lib/check.h"

#include "base/log.h"
#include "client.h"
#include "embedded.h"
#include "lib/oci_fixture.h"
#include "model/result.h"
#include "store/catalog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IMAGES_MAX = 64 };

#define STATUS_STANZA "Package: one\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n"

struct seen {
	const char *const     *references;
	size_t                 next;
	size_t                 images, complete, failed;
	size_t                 packages;
	char                   reasons[4096];
	enum layer_status      layers[IMAGES_MAX][8];
	struct wire_job_status status;
};

static int next_reference(void *data, struct slice *reference, struct err *err)
{
	struct seen *seen = data;

	(void)err;
	if (!seen->references[seen->next])
		return 0;
	*reference = slice_str(seen->references[seen->next++]);
	return 1;
}

static int take_result(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct seen        *seen = data;
	struct arena        arena;
	struct image_result result;

	assert_int_equal(image, seen->images);
	arena_init(&arena, 64 << 20);
	assert_int_equal(result_decode(encoded, &arena, &result, err), 0);
	seen->complete += result.complete;
	seen->failed += result.image.status == IMAGE_FAILED;
	seen->packages += result.packages_count;
	snprintf(seen->reasons + strlen(seen->reasons), sizeof(seen->reasons) - strlen(seen->reasons), "%.*s%.*s;",
		 SLICE_FMT(result.incomplete_reason), SLICE_FMT(result.image.reason));
	for (size_t i = 0; i < result.layers_count && i < 8; i++)
		seen->layers[seen->images][i] = result.layers[i].status;
	seen->images++;
	arena_deinit(&arena);
	return 0;
}

static const char *parser_program = TEST_PARSER;

static void scan(const char *store, const char *const *references, uint32_t flags, struct seen *seen)
{
	struct source_config   source = {.tls_verify = true};
	struct embedded_config config = {
		.store_dir = store, .threads = 2, .parser.program = parser_program, .source = &source};
	struct wire_submit submit = {.label = SLICE_LIT("test"), .platform = SLICE_LIT("linux/amd64"), .flags = flags};
	struct client_run  run = {.submit = &submit,
				  .reference = next_reference,
				  .result = take_result,
				  .data = seen,
				  .interrupt_fd = -1};
	struct client_config client_config = {0};
	struct embedded     *embedded;
	struct client       *client;
	struct err           err = {0};
	static unsigned      token;

	*seen = (struct seen){.references = references};
	snprintf((char *)submit.token, sizeof(submit.token), "%u-%u", (unsigned)getpid(), token++);
	if (embedded_start(&config, &embedded, &err) < 0)
		fail_msg("%s", err.text);
	client_config.context = embedded_context(embedded);
	client_config.wire.endpoint = embedded_endpoint(embedded);
	assert_int_equal(client_open(&client_config, &client, &err), 0);
	if (client_run(client, &run, &err) < 0)
		fail_msg("%s", err.text);
	client_close(client);
	embedded_stop(embedded);
	seen->status = run.status;
	assert_int_equal(seen->status.state, JOB_DONE);
	assert_int_equal(seen->status.images_done, seen->status.images_total);
	assert_int_equal(seen->status.layers_done, seen->status.layers_total);
}

struct place {
	char dir[64], store[80], layout[80], a[100], b[100], c[100];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->dir, sizeof(place->dir), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->store, sizeof(place->store), "%s/store", place->dir);
	snprintf(place->layout, sizeof(place->layout), "%s/layout", place->dir);
	snprintf(place->a, sizeof(place->a), "oci:%s:a", place->layout);
	snprintf(place->b, sizeof(place->b), "oci:%s:b", place->layout);
	snprintf(place->c, sizeof(place->c), "oci:%s:c", place->layout);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char          command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->dir);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

/* a = base + one, b = base + two; the base has a package database. */
static void make_layout(struct place *place)
{
	struct oci_fixture fixture;
	struct oci_layer   layers[2];

	oci_fixture_open(&fixture, place->layout);
	layers[0] = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "gzip");
	layers[1] = oci_fixture_layer(&fixture, "one", "1", "gzip");
	oci_fixture_image(&fixture, "a", layers, 2);
	layers[1] = oci_fixture_layer(&fixture, "two", "2", "gzip");
	oci_fixture_image(&fixture, "b", layers, 2);
	oci_fixture_close(&fixture);
}

static void shared_layer_is_scanned_once_and_never_again(void **state)
{
	struct place     *place = *state;
	const char *const references[] = {place->a, place->b, NULL};
	struct seen       seen;

	make_layout(place);
	scan(place->store, references, 0, &seen);
	assert_int_equal(seen.images, 2);
	assert_int_equal(seen.complete, 2);
	assert_int_equal(seen.packages, 2);
	assert_int_equal(seen.status.layers_total, 3);
	assert_int_equal(seen.status.layers_scanned, 3);
	assert_int_equal(seen.status.layer_uses, 4);
	scan(place->store, references, 0, &seen);
	assert_int_equal(seen.complete, 2);
	assert_int_equal(seen.packages, 2);
	assert_int_equal(seen.status.layers_scanned, 0);
	assert_int_equal(seen.status.layers_reused, 3);
	assert_int_equal(seen.status.bytes_fetched, 0);
	assert_int_equal(seen.layers[0][0], LAYER_REUSED);
}

static void no_reuse_scans_each_layer_once_in_the_job(void **state)
{
	struct place     *place = *state;
	const char *const references[] = {place->a, place->b, NULL};
	struct seen       seen;

	make_layout(place);
	scan(place->store, references, 0, &seen);
	scan(place->store, references, JOB_NO_REUSE, &seen);
	assert_int_equal(seen.status.layers_scanned, 3);
	assert_int_equal(seen.complete, 2);
}

static void layer_that_cannot_be_read_makes_its_images_incomplete(void **state)
{
	struct place      *place = *state;
	const char *const  references[] = {place->a, place->b, NULL};
	struct oci_fixture fixture;
	struct oci_layer   layers[2];
	struct seen        seen;

	oci_fixture_open(&fixture, place->layout);
	layers[0] = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "gzip");
	oci_fixture_image(&fixture, "b", layers, 1);
	layers[1] = oci_fixture_layer(&fixture, "one", "1", "gzip");
	oci_fixture_image(&fixture, "a", layers, 2);
	oci_fixture_break_blob(&fixture, &layers[1]);
	oci_fixture_close(&fixture);
	scan(place->store, references, 0, &seen);
	assert_int_equal(seen.images, 2);
	assert_int_equal(seen.complete, 1);
	assert_int_equal(seen.packages, 2);
	assert_int_equal(seen.status.layers_failed, 1);
	assert_int_equal(seen.status.images_incomplete, 1);
	assert_non_null(strstr(seen.reasons, "layer"));
}

static void unknown_image_is_a_failed_result_and_the_job_ends(void **state)
{
	struct place     *place = *state;
	const char *const references[] = {place->a, place->c, NULL};
	struct seen       seen;

	make_layout(place);
	scan(place->store, references, 0, &seen);
	assert_int_equal(seen.images, 2);
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.status.images_failed, 1);
}

static void same_content_in_another_compression_is_compared_and_shown_once(void **state)
{
	struct place     *place = *state;
	const char *const first[] = {place->a, NULL}, *const second[] = {place->b, NULL};
	struct oci_fixture fixture;
	struct oci_layer   layer;
	struct seen        seen;

	oci_fixture_open(&fixture, place->layout);
	layer = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "gzip");
	oci_fixture_image(&fixture, "a", &layer, 1);
	layer = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "zstd");
	oci_fixture_image(&fixture, "b", &layer, 1);
	oci_fixture_close(&fixture);
	scan(place->store, first, 0, &seen);
	assert_int_equal(seen.status.layers_scanned, 1);
	scan(place->store, second, 0, &seen);
	assert_int_equal(seen.status.layers_verified, 1);
	assert_int_equal(seen.complete, 1);
	assert_int_equal(seen.packages, 1);
}

/* A parser that was taken over says of its layer that it has the diffID of another, and holds nothing. */
static void layer_whose_parser_lied_about_its_diff_id_stands_for_no_other(void **state)
{
	struct place     *place = *state;
	const char *const first[] = {place->a, NULL}, *const second[] = {place->b, NULL};
	struct oci_fixture fixture;
	struct oci_layer   hostile, popular;
	struct seen        seen;
	char               command[128] = "claim ";

	oci_fixture_open(&fixture, place->layout);
	popular = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "zstd");
	digest_hex(popular.diff_id.bytes, SHA256_BYTES, command + strlen(command));
	hostile = oci_fixture_layer(&fixture, "a.hostile", command, "gzip");
	oci_fixture_image(&fixture, "a", &hostile, 1);
	oci_fixture_image(&fixture, "b", &popular, 1);
	oci_fixture_close(&fixture);
	parser_program = TEST_HOSTILE_PARSER;
	scan(place->store, first, 0, &seen);
	parser_program = TEST_PARSER;
	assert_int_equal(seen.packages, 0);
	scan(place->store, second, 0, &seen);
	assert_int_equal(seen.status.layers_verified, 0);
	assert_int_equal(seen.status.layers_scanned, 1);
	assert_int_equal(seen.packages, 1);
}

static void rootfs_is_one_layer_that_is_never_reused(void **state)
{
	struct place     *place = *state;
	char              reference[120], path[120];
	const char *const references[] = {reference, NULL};
	struct seen       seen;
	FILE             *file;

	snprintf(reference, sizeof(reference), "rootfs:%s/root", place->dir);
	snprintf(path, sizeof(path), "mkdir -p %s/root/var/lib/dpkg", place->dir);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/root/var/lib/dpkg/status", place->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(STATUS_STANZA, file);
	fclose(file);
	for (int run = 0; run < 2; run++) {
		scan(place->store, references, 0, &seen);
		assert_int_equal(seen.complete, 1);
		assert_int_equal(seen.packages, 1);
		assert_int_equal(seen.status.layers_scanned, 1);
	}
}

/* Two processes on one store: both finish, and each unique layer is scanned once in all. */
static void two_scans_on_one_store_share_the_work(void **state)
{
	struct place      *place = *state;
	const char        *references[IMAGES_MAX + 1] = {NULL};
	char               texts[IMAGES_MAX][120], name[16], file[16];
	struct oci_fixture fixture;
	struct oci_layer   layers[3];
	struct seen        seen;
	int                channel[2], status;
	uint64_t           other;
	pid_t              child;

	oci_fixture_open(&fixture, place->layout);
	layers[0] = oci_fixture_layer(&fixture, "var/lib/dpkg/status", STATUS_STANZA, "gzip");
	for (int i = 0; i < IMAGES_MAX; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		snprintf(file, sizeof(file), "f%d", i / 2);
		layers[1] = oci_fixture_layer(&fixture, file, "x", "gzip");
		oci_fixture_image(&fixture, name, layers, 2);
		snprintf(texts[i], sizeof(texts[i]), "oci:%s:%s", place->layout, name);
		references[i] = texts[i];
	}
	oci_fixture_close(&fixture);
	assert_int_equal(pipe(channel), 0);
	child = fork();
	if (child == 0) {
		scan(place->store, references, 0, &seen);
		if (write(channel[1], &seen.status.layers_scanned, sizeof(uint64_t)) != sizeof(uint64_t))
			_exit(1);
		_exit(seen.complete == IMAGES_MAX ? 0 : 1);
	}
	scan(place->store, references, 0, &seen);
	assert_int_equal(read(channel[0], &other, sizeof(other)), sizeof(other));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(channel[0]);
	close(channel[1]);
	assert_int_equal(seen.complete, IMAGES_MAX);
	assert_int_equal(seen.status.layers_scanned + other, 1 + IMAGES_MAX / 2);
}

/* Of every layer in the store: scans started == 1 + retries. */
static void scans_started_are_one_plus_retries(void **state)
{
	struct place         *place = *state;
	const char *const     references[] = {place->a, place->b, NULL};
	struct catalog_config config = {.read_only = true};
	struct oci_fixture    fixture;
	struct oci_layer      base;
	struct layer_key      key;
	struct scan_counts    counts;
	struct catalog       *catalog;
	struct db_txn        *txn;
	struct db_cursor     *cursor;
	struct slice          id, value;
	struct seen           seen;
	struct err            err = {0};
	size_t                layers = 0;

	oci_fixture_open(&fixture, place->layout);
	base = oci_fixture_layer(&fixture, "base", "b", "gzip");
	oci_fixture_image(&fixture, "a", &base, 1);
	oci_fixture_image(&fixture, "b", &base, 1);
	oci_fixture_close(&fixture);
	scan(place->store, references, 0, &seen);
	scan(place->store, references, JOB_NO_REUSE, &seen);
	assert_int_equal(catalog_open(place->store, &config, &catalog, &err), 0);
	assert_int_equal(db_begin(catalog_db(catalog), false, &txn, &err), 0);
	assert_int_equal(db_cursor_open(txn, 10, SLICE_EMPTY, &cursor, &err), 0);
	while (db_cursor_next(cursor, &id, &value, &err) > 0) {
		memcpy(key.digest.bytes, id.ptr, sizeof(key.digest.bytes));
		key.set = 0;
		for (size_t i = 0; i < 8; i++)
			key.set = key.set << 8 | id.ptr[sizeof(key.digest.bytes) + i];
		assert_int_equal(catalog_scan_counts(catalog, &key, &counts, &err), 0);
		assert_int_equal(counts.started, 2); /* the second was demanded: a recorded retry */
		assert_int_equal(counts.retries, 1);
		layers++;
	}
	db_cursor_close(cursor);
	db_abort(txn);
	catalog_close(catalog);
	assert_int_equal(layers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_scans_on_one_store_share_the_work, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shared_layer_is_scanned_once_and_never_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_reuse_scans_each_layer_once_in_the_job, set_up, tear_down),
		cmocka_unit_test_setup_teardown(layer_that_cannot_be_read_makes_its_images_incomplete, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(unknown_image_is_a_failed_result_and_the_job_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(same_content_in_another_compression_is_compared_and_shown_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(layer_whose_parser_lied_about_its_diff_id_stands_for_no_other, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(rootfs_is_one_layer_that_is_never_reused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scans_started_are_one_plus_retries, set_up, tear_down),
	};

	log_level_set(LOG_WARNING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
