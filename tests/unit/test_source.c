/* source.h over local transports: one interface for layouts, archives and root folders, from several threads at once. */
#include "lib/check.h"

#include "lib/local_fixture.h"
#include "source/source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct place {
	char            folder[FIXTURE_PATH_BYTES];
	struct sources *sources;
	struct arena    arena;
	struct image   *images;
	size_t          count;
};

static int set_up(void **state)
{
	struct place        *p = calloc(1, sizeof(*p));
	struct source_config config = {.tls_verify = true};
	struct err           err = {0};
	struct buf           tar;

	fixture_folder(p->folder);
	arena_init(&p->arena, 64 << 20);
	config.spool_dir = p->folder;
	p->sources = sources_new(&config, &err);
	if (!p->sources)
		fail_msg("%s", err.text);
	buf_init(&tar, 1 << 20);
	fixture_member(&tar, "l.tar", SLICE_LIT("layer"));
	fixture_member(&tar, "c.json",
		       SLICE_LIT("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[]}}"));
	fixture_member(
		&tar, "manifest.json",
		SLICE_LIT("[{\"Config\":\"c.json\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"l.tar\"]},"
			  "{\"Config\":\"c.json\",\"RepoTags\":[\"tool:1\"],\"Layers\":[\"l.tar\",\"l.tar\"]}]"));
	fixture_write(p->folder, "saved.tar", buf_slice(&tar));
	buf_deinit(&tar);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	sources_free(p->sources);
	arena_deinit(&p->arena);
	fixture_remove(p->folder);
	free(p);
	return 0;
}

static struct reference reference_to(const struct place *p, const char *transport, const char *rest)
{
	struct reference reference;
	struct err       err = {0};
	char             text[FIXTURE_PATH_BYTES + 100];

	snprintf(text, sizeof(text), "%s:%s%s", transport, p->folder, rest);
	if (reference_parse(slice_str(text), &reference, &err))
		fail_msg("%s", err.text);
	return reference;
}

static struct reference resolve(struct place *p, const char *transport, const char *rest)
{
	struct reference reference = reference_to(p, transport, rest);
	struct platform  want;

	platform_host(&want);
	assert_int_equal(source_resolve(p->sources, NULL, &reference, &want, &p->arena, &p->images, &p->count, NULL),
			 0);
	assert_true(p->count > 0);
	return reference;
}

static int drain(struct place *p, const struct reference *reference, const struct image_layer *layer, struct err *err)
{
	struct stream *stream = source_open_layer(p->sources, NULL, reference, layer, err);
	int            status = stream ? stream_drain(stream, err) : err->code;

	stream_close(stream);
	return status;
}

static void a_root_folder_is_one_layer_without_a_digest(void **state)
{
	struct place    *p = *state;
	struct reference reference = resolve(p, "rootfs", "");
	struct err       err = {0};

	assert_int_equal(p->count, 1);
	assert_int_equal(p->images[0].status, IMAGE_OK);
	assert_int_equal(p->images[0].layers_count, 1);
	assert_true(digest_is_zero(&p->images[0].layers[0].digest) && digest_is_zero(&p->images[0].digest));
	assert_string_equal(p->images[0].platform.os, "linux");
	assert_int_equal(drain(p, &reference, &p->images[0].layers[0], &err), STREAM_END);
}

static void places_that_are_not_there_are_failed_images(void **state)
{
	static const char *const transports[] = {"oci", "oci-archive", "docker-archive", "rootfs"};
	struct place            *p = *state;

	for (size_t i = 0; i < 4; i++) {
		resolve(p, transports[i], "/nothing");
		assert_int_equal(p->images[0].status, IMAGE_FAILED);
		assert_int_equal(p->images[0].error, ERR_NOT_FOUND);
		assert_true(slice_find_str(p->images[0].reason, "/nothing") != SIZE_MAX);
	}
}

static void images_of_an_archive_open_by_their_own_reference(void **state)
{
	struct place    *p = *state;
	struct reference own;
	struct err       err = {0};

	resolve(p, "docker-archive", "/saved.tar");
	assert_int_equal(p->count, 2);
	assert_int_equal(reference_parse(p->images[1].reference, &own, &err), 0);
	assert_int_equal(drain(p, &own, &p->images[1].layers[1], &err), STREAM_END);
	resolve(p, "docker-archive", "/saved.tar:tool:1");
	assert_int_equal(p->count, 1);
	assert_int_equal(p->images[0].layers_count, 2);
}

enum { NAMES_BYTES = 100 };

static int collect(void *data, const struct reference *reference)
{
	size_t used = strlen(data);

	snprintf((char *)data + used, NAMES_BYTES - used, "%s;", reference->tag);
	return strcmp(reference->tag, "stop") == 0 ? 7 : 0;
}

static void archives_are_listed_through_globs(void **state)
{
	static const char *const only[] = {"t*", NULL};
	struct place            *p = *state;
	struct reference         where = reference_to(p, "docker-archive", "/saved.tar");
	struct listing_filter    include = {.include = only}, exclude = {.exclude = only};
	char                     names[NAMES_BYTES] = "";

	assert_int_equal(source_enumerate(p->sources, NULL, &where, NULL, collect, names, NULL), 0);
	assert_int_equal(source_enumerate(p->sources, NULL, &where, &include, collect, names, NULL), 0);
	assert_int_equal(source_enumerate(p->sources, NULL, &where, &exclude, collect, names, NULL), 0);
	assert_string_equal(names, "app:1;tool:1;tool:1;app:1;");
}

static void a_listing_is_neither_image_nor_layer(void **state)
{
	struct place      *p = *state;
	struct reference   listing;
	struct image_layer layer = {0};
	struct platform    want;
	struct err         err = {0};

	platform_host(&want);
	assert_int_equal(reference_parse(SLICE_LIT("registry://registry.invalid"), &listing, NULL), 0);
	assert_int_equal(source_resolve(p->sources, NULL, &listing, &want, &p->arena, &p->images, &p->count, NULL), 0);
	assert_int_equal(p->images[0].error, ERR_USAGE);
	assert_null(source_open_layer(p->sources, NULL, &listing, &layer, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

struct reader {
	struct place    *place;
	struct reference reference;
	int              status;
};

static void *read_all(void *data)
{
	struct reader  *reader = data;
	struct platform want;
	struct arena    arena;
	struct image   *images;
	size_t          count;
	struct err      err = {0};

	platform_host(&want);
	for (int round = 0; round < 20 && !reader->status; round++) {
		arena_init(&arena, 64 << 20);
		reader->status = source_resolve(reader->place->sources, NULL, &reader->reference, &want, &arena,
						&images, &count, &err);
		for (size_t i = 0; !reader->status && i < count; i++)
			for (size_t j = 0; !reader->status && j < images[i].layers_count; j++)
				reader->status = drain(reader->place, &reader->reference, &images[i].layers[j], &err);
		arena_deinit(&arena);
	}
	return NULL;
}

static void threads_share_an_archive(void **state)
{
	struct place *p = *state;
	struct reader readers[4];
	pthread_t     threads[4];

	for (size_t i = 0; i < 4; i++) {
		readers[i] = (struct reader){.place = p, .reference = reference_to(p, "docker-archive", "/saved.tar")};
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].status, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_root_folder_is_one_layer_without_a_digest),
		TEST(places_that_are_not_there_are_failed_images),
		TEST(images_of_an_archive_open_by_their_own_reference),
		TEST(archives_are_listed_through_globs),
		TEST(a_listing_is_neither_image_nor_layer),
		TEST(threads_share_an_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
