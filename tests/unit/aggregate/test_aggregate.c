/* tests/data/aggregate: each .layer file is an image; its layers go through parse_layer() as a worker would run it, and
 * what aggregation makes of them is stated, completely, by its expectations:
 *   expect package NAME VERSION layer N in PATH...   the packages, in the result's order; `expect nopackages`
 *   expect os ID VERSION_ID                          without one: no distribution is known
 *   expect license NAME LICENSE                      of one package; without LICENSE: none
 *   expect third-party NAME                          all others are not
 *   expect owned NAME by PACKAGE, expect declared NAME   components that a package brought; that only a lock file names
 *   expect finding KIND layer N, expect note info|skipped|partial WORD layer N
 *   expect owner PATH PACKAGE layer N, expect unowned PATH   what the joined lists answer
 *   expect incomplete TEXT                           how the reason begins; without one: complete
 * and, about the layer they stand in:
 *   expect status failed|skipped REASON; damaged, damaged-table: its inventory or path table is cut short
 *   expect claim wrong|none                          what the image config says of its diffID */
#include "aggregate/owners.h"
#include "lib/check.h"
#include "lib/layer_fixture.h"
#include "parse.h"

#include "base/file.h"
#include "base/limits.h"

#include <unistd.h>

enum { MEMORY = 256 << 20 };

struct built {
	struct image           image;
	struct aggregate_layer layers[FIXTURE_LAYERS_MAX];
	struct image_layer     image_layers[FIXTURE_LAYERS_MAX];
	struct buf             inventories[FIXTURE_LAYERS_MAX], tables[FIXTURE_LAYERS_MAX];
};

static void parse(struct slice blob, struct buf *inventory, struct buf *table, struct aggregate_layer *layer)
{
	struct stream       *stream = stream_of_memory(blob, 0);
	struct parse_request request = {0};
	struct parse_result  result;
	struct err           err = {0};
	int                  spool = file_open_unlinked("/tmp", NULL);

	digest_of(blob, &request.blob_digest);
	buf_init(inventory, MEMORY);
	buf_init(table, MEMORY);
	if (parse_layer(stream, spool, &request, &result, inventory, table, &err) < 0)
		fail_msg("parse: %s", err.text);
	stream_close(stream);
	close(spool);
	*layer = (struct aggregate_layer){
		.status = LAYER_SCANNED, .inventory = buf_slice(inventory), .path_table = buf_slice(table)};
}

static void build_layer(struct built *b, const struct layer_fixture *fixture, size_t i)
{
	struct image_layer *layer = &b->image_layers[i];

	*layer = (struct image_layer){.size = fixture->layers[i].blob.len};
	digest_of(fixture->layers[i].blob, &layer->digest);
	digest_of(fixture->layers[i].tar, &layer->diff_id);
	parse(fixture->layers[i].blob, &b->inventories[i], &b->tables[i], &b->layers[i]);
}

static void set_status(struct aggregate_layer *layer, struct slice words)
{
	struct slice word = slice_cut(&words, ' ');

	if (slice_eq_str(word, "damaged")) {
		layer->inventory.len--;
		return;
	}
	if (slice_eq_str(word, "damaged-table")) {
		layer->path_table.len -= 9;
		return;
	}
	layer->status = slice_eq_str(word, "failed") ? LAYER_FAILED : LAYER_SKIPPED;
	layer->reason = words;
	layer->inventory = layer->path_table = SLICE_EMPTY;
}

static void set_claim(struct image_layer *layer, struct slice words)
{
	layer->diff_id = (struct digest){{slice_eq_str(words, "wrong")}};
}

static void build(struct built *b, const struct layer_fixture *fixture)
{
	for (size_t i = 0; i < fixture->layers_count; i++)
		build_layer(b, fixture, i);
	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice words = fixture->expects[i].text, word = slice_cut(&words, ' ');

		if (slice_eq_str(word, "status"))
			set_status(&b->layers[fixture->expects[i].layer], words);
		else if (slice_eq_str(word, "claim"))
			set_claim(&b->image_layers[fixture->expects[i].layer], words);
	}
	b->image = (struct image){
		.reference = SLICE_LIT("test"), .layers = b->image_layers, .layers_count = fixture->layers_count};
}

/* --- the result as the lines that a fixture states --- */

static void write_packages(const struct image_result *result, struct buf *out)
{
	for (size_t i = 0; i < result->packages_count; i++) {
		const struct result_package *package = &result->packages[i];

		buf_printf(out, "package %.*s %.*s layer %u in", SLICE_FMT(package->package.name),
			   SLICE_FMT(package->package.version), package->layer);
		for (size_t k = 0; k < package->paths_count; k++)
			buf_printf(out, " %.*s", SLICE_FMT(package->paths[k]));
		buf_byte(out, '\n');
	}
	if (result->packages_count == 0)
		buf_str(out, "nopackages\n");
}

static void write_third_parties(const struct image_result *result, struct buf *out)
{
	for (size_t i = 0; i < result->packages_count; i++)
		if (result->packages[i].package.flags & PACKAGE_THIRD_PARTY)
			buf_printf(out, "third-party %.*s\n", SLICE_FMT(result->packages[i].package.name));
	for (size_t i = 0; i < result->packages_count; i++) {
		const struct result_package *package = &result->packages[i];

		if (package->owner.len)
			buf_printf(out, "owned %.*s by %.*s\n", SLICE_FMT(package->package.name),
				   SLICE_FMT(package->owner));
		if (package->suppressed == PACKAGE_IS_DECLARED)
			buf_printf(out, "declared %.*s\n", SLICE_FMT(package->package.name));
	}
}

static void write_rest(const struct image_result *result, struct buf *out)
{
	static const char *const kinds[] = {"info", "skipped", "partial"};

	if (result->os.id.len)
		buf_printf(out, "os %.*s %.*s\n", SLICE_FMT(result->os.id), SLICE_FMT(result->os.version_id));
	for (size_t i = 0; i < result->findings_count; i++)
		buf_printf(out, "finding %.*s layer %u\n", SLICE_FMT(result->findings[i].kind),
			   result->findings[i].layer);
	for (size_t i = 0; i < result->notes_count; i++) {
		struct slice word = slice_sub(result->notes[i].reason, 0, slice_find(result->notes[i].reason, ':'));

		buf_printf(out, "note %s %.*s layer %u\n", kinds[result->notes[i].kind], SLICE_FMT(word),
			   result->notes_layer[i]);
	}
}

static bool begins(struct slice word, const char *const *words)
{
	for (; *words; words++)
		if (slice_eq_str(word, *words))
			return true;
	return false;
}

static void write_expected(const struct layer_fixture *fixture, const char *const *words, struct buf *out)
{
	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice text = fixture->expects[i].text;

		if (begins(slice_cut(&text, ' '), words))
			buf_printf(out, "%.*s\n", SLICE_FMT(fixture->expects[i].text));
	}
}

static void compare(const char *path, struct buf *actual, struct buf *expected)
{
	if (!slice_eq(buf_slice(actual), buf_slice(expected)))
		fail_msg("%s\ngot:\n%.*sexpected:\n%.*s", path, SLICE_FMT(buf_slice(actual)),
			 SLICE_FMT(buf_slice(expected)));
	buf_clear(actual);
	buf_clear(expected);
}

static void check_lines(const char *path, const struct image_result *result, const struct layer_fixture *fixture)
{
	static const char *const packages[] = {"package", "nopackages", NULL}, *const parties[] = {"third-party",
												   "owned", "declared",
												   NULL};
	static const char *const rest[] = {"os", "finding", "note", NULL};
	struct buf               actual = {.bytes_max = MEMORY}, expected = {.bytes_max = MEMORY};

	write_packages(result, &actual);
	write_expected(fixture, packages, &expected);
	compare(path, &actual, &expected);
	write_third_parties(result, &actual);
	write_expected(fixture, parties, &expected);
	compare(path, &actual, &expected);
	write_rest(result, &actual);
	write_expected(fixture, rest, &expected);
	compare(path, &actual, &expected);
	buf_deinit(&actual);
	buf_deinit(&expected);
}

static void check_license(const char *path, const struct image_result *result, struct slice words)
{
	struct slice name = slice_cut(&words, ' ');

	for (size_t i = 0; i < result->packages_count; i++) {
		if (!slice_eq(result->packages[i].package.name, name))
			continue;
		if (!slice_eq(result->packages[i].package.license, words))
			fail_msg("%s: licence of %.*s is %.*s", path, SLICE_FMT(name),
				 SLICE_FMT(result->packages[i].package.license));
		return;
	}
	fail_msg("%s: no package %.*s", path, SLICE_FMT(name));
}

static void check_completeness(const char *path, const struct image_result *result, const struct layer_fixture *fixture)
{
	struct slice expected = SLICE_EMPTY;

	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice words = fixture->expects[i].text, word = slice_cut(&words, ' ');

		if (slice_eq_str(word, "incomplete"))
			expected = words;
		else if (slice_eq_str(word, "license"))
			check_license(path, result, words);
	}
	if (result->complete != (expected.len == 0) ||
	    !slice_eq(slice_sub(result->incomplete_reason, 0, expected.len), expected))
		fail_msg("%s: complete %d: %.*s", path, result->complete, SLICE_FMT(result->incomplete_reason));
}

static void check_owner(const char *path, const struct owned_paths *owned, struct slice words, bool expected)
{
	struct slice             file = slice_cut(&words, ' ');
	const struct owned_path *found = owned_paths_find(owned, file);
	char                     text[512] = "";

	if (found)
		snprintf(text, sizeof(text), "%.*s layer %u", SLICE_FMT(found->package), found->layer);
	if (expected != (found != NULL) || (expected && !slice_eq_str(words, text)))
		fail_msg("%s: owner of %.*s: %s", path, SLICE_FMT(file), found ? text : "nobody");
}

static void check_owners(const char *path, const struct layer_fixture *fixture, const struct aggregate_layer *layers)
{
	struct owned_paths owned;
	struct arena       arena;

	arena_init(&arena, MEMORY);
	assert_int_equal(aggregate_owners(layers, fixture->layers_count, &arena, &owned, NULL), 0);
	for (size_t i = 0; i < fixture->expects_count; i++) {
		struct slice words = fixture->expects[i].text, word = slice_cut(&words, ' ');

		if (slice_eq_str(word, "owner") || slice_eq_str(word, "unowned"))
			check_owner(path, &owned, words, slice_eq_str(word, "owner"));
	}
	arena_deinit(&arena);
}

/* What was aggregated survives its encoding, so every case checks the codec too. */
static void check_codec(const struct image_result *result)
{
	struct buf          bytes = {.bytes_max = MEMORY};
	struct arena        arena;
	struct image_result decoded;

	arena_init(&arena, MEMORY);
	assert_int_equal(result_encode(result, &bytes, NULL), 0);
	assert_int_equal(result_decode(buf_slice(&bytes), &arena, &decoded, NULL), 0);
	assert_int_equal(decoded.packages_count, result->packages_count);
	arena_deinit(&arena);
	buf_deinit(&bytes);
}

static struct built built; /* large; one case at a time */

static void run_case(const char *path, void *data)
{
	struct layer_fixture fixture;
	struct image_result  result;
	struct arena         arena;
	struct err           err = {0};

	(void)data;
	arena_init(&arena, MEMORY);
	if (layer_fixture_read(path, &fixture, &err) < 0)
		fail_msg("%s", err.text);
	build(&built, &fixture);
	if (aggregate_image(&built.image, built.layers, fixture.layers_count, &arena, &result, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	check_lines(path, &result, &fixture);
	check_completeness(path, &result, &fixture);
	check_owners(path, &fixture, built.layers);
	check_codec(&result);
	for (size_t i = 0; i < fixture.layers_count; i++) {
		buf_deinit(&built.inventories[i]);
		buf_deinit(&built.tables[i]);
	}
	layer_fixture_deinit(&fixture);
	arena_deinit(&arena);
}

static void images_are_what_their_layers_leave(void **state)
{
	(void)state;
	assert_true(fixture_each(TEST_DATA_DIR "/aggregate", "", ".layer", run_case, NULL) > 50);
}

static void a_wrong_number_of_layers_is_refused(void **state)
{
	struct image        image = {.layers_count = 1};
	struct image_result result;
	struct arena        arena;

	(void)state;
	arena_init(&arena, MEMORY);
	assert_int_equal(aggregate_image(&image, NULL, 0, &arena, &result, NULL), ERR_USAGE);
	arena_deinit(&arena);
}

static void an_image_that_was_skipped_is_not_complete(void **state)
{
	struct image        image = {.status = IMAGE_SKIPPED, .reason = SLICE_LIT("attestation")};
	struct image_result result;
	struct arena        arena;

	(void)state;
	arena_init(&arena, MEMORY);
	assert_int_equal(aggregate_image(&image, NULL, 0, &arena, &result, NULL), 0);
	assert_false(result.complete);
	assert_slice_equal(result.incomplete_reason, "attestation");
	arena_deinit(&arena);
}

static void the_arena_has_the_last_word(void **state)
{
	struct image_layer     layers[1] = {{.size = 1}};
	struct image           image = {.layers = layers, .layers_count = 1};
	struct aggregate_layer layer = {.status = LAYER_FAILED, .reason = SLICE_LIT("a reason that does not fit")};
	struct image_result    result;
	struct arena           arena;

	(void)state;
	arena_init(&arena, 16);
	assert_int_equal(aggregate_image(&image, &layer, 1, &arena, &result, NULL), ERR_LIMIT);
	arena_deinit(&arena);
}

/* One file of status.d with many packages in it, and many hard links to it: each counts as a database. */
static void write_many_links(struct buf *text, unsigned packages, unsigned links)
{
	buf_str(text, "file var/lib/dpkg/status.d/a <<END\n");
	for (unsigned i = 0; i < packages; i++)
		buf_printf(text, "Package: p%u\nVersion: 1\n\n", i);
	buf_str(text, "END\n");
	for (unsigned i = 0; i < links; i++)
		buf_printf(text, "hardlink var/lib/dpkg/status.d/l%u -> var/lib/dpkg/status.d/a\n", i);
}

static void hard_links_do_not_multiply_packages_without_bound(void **state)
{
	struct buf           text = {.bytes_max = MEMORY};
	struct layer_fixture fixture;
	struct image_result  result;
	struct arena         arena;

	(void)state;
	arena_init(&arena, 2ull * MEMORY);
	write_many_links(&text, 3000, LIMIT_PACKAGES_PER_IMAGE / 3000 + 1);
	assert_int_equal(layer_fixture_parse(buf_slice(&text), "links", &fixture, NULL), 0);
	build(&built, &fixture);
	assert_int_equal(aggregate_image(&built.image, built.layers, 1, &arena, &result, NULL), 0);
	assert_int_equal(result.packages_count, 3000);
	assert_false(result.complete);
	assert_true(slice_starts(result.incomplete_reason, "packages_max: "));
	buf_deinit(&built.inventories[0]);
	buf_deinit(&built.tables[0]);
	layer_fixture_deinit(&fixture);
	arena_deinit(&arena);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_are_what_their_layers_leave),
		cmocka_unit_test(a_wrong_number_of_layers_is_refused),
		cmocka_unit_test(an_image_that_was_skipped_is_not_complete),
		cmocka_unit_test(the_arena_has_the_last_word),
		cmocka_unit_test(hard_links_do_not_multiply_packages_without_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
