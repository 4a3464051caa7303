/* docker-archive: old and new layouts of docker save, several images, links, and archives that are broken or hostile
 * (TRAPS A13). */
#include "lib/check.h"

#include "lib/local_fixture.h"
#include "source/docker_archive.h"
#include "source/oci_layout.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct saved {
	char                 folder[FIXTURE_PATH_BYTES];
	struct arena         arena;
	struct member_store *store;
	struct image_list    list;
	struct buf           tar;
};

static int set_up(void **state)
{
	struct saved *s = calloc(1, sizeof(*s));

	fixture_folder(s->folder);
	arena_init(&s->arena, MANIFEST_ARENA_BYTES);
	buf_init(&s->tar, 64 << 20);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct saved *s = *state;

	member_store_close(s->store);
	arena_deinit(&s->arena);
	buf_deinit(&s->tar);
	fixture_remove(s->folder);
	free(s);
	return 0;
}

static void open_path(struct saved *s, const char *path)
{
	struct err err = {0};

	member_store_close(s->store);
	s->store = member_store_open_archive(path, s->folder, &err);
	if (!s->store)
		fail_msg("%s", err.text);
}

static void resolve(struct saved *s, const char *name)
{
	struct reference reference = {.transport = TRANSPORT_DOCKER_ARCHIVE, .path = "a.tar"};
	struct platform  want;
	struct err       err = {0};

	if (s->tar.len) {
		char path[FIXTURE_PATH_BYTES + 20];

		fixture_write(s->folder, "archive.tar", buf_slice(&s->tar));
		snprintf(path, sizeof(path), "%s/archive.tar", s->folder);
		open_path(s, path);
		buf_clear(&s->tar);
	}
	snprintf(reference.tag, sizeof(reference.tag), "%s", name);
	platform_host(&want);
	s->list = (struct image_list){.arena = &s->arena};
	if (docker_archive_resolve(s->store, &reference, &want, &s->list, &err))
		fail_msg("%s", err.text);
}

static const struct image *expect(const struct saved *s, size_t index, const char *reference, enum image_status status,
				  const char *words)
{
	const struct image *image = &s->list.images[index];

	assert_true(index < s->list.count);
	assert_slice_equal(image->reference, reference);
	if (image->status != status || slice_find_str(image->reason, words) == SIZE_MAX)
		fail_msg("%s: status %d, \"%.*s\"", reference, image->status, SLICE_FMT(image->reason));
	return image;
}

static int read_layer(const struct saved *s, const struct image_layer *layer, struct err *err)
{
	struct stream *stream = docker_archive_open_layer(s->store, layer, err);
	int            status = stream ? stream_drain(stream, err) : err->code;

	stream_close(stream);
	return status;
}

static void every_layer_is_good(const struct saved *s, const struct image *image)
{
	for (size_t i = 0; i < image->layers_count; i++) {
		struct err err = {0};

		if (read_layer(s, &image->layers[i], &err))
			fail_msg("layer %zu: %s", i + 1, err.text);
	}
}

static const char *digest_hex_of(const char *bytes)
{
	static char   text[DIGEST_TEXT_BYTES];
	struct digest digest;

	digest_of(slice_str(bytes), &digest);
	digest_text(&digest, text);
	return text + 7;
}

static void add(struct saved *s, const char *name, const char *body)
{
	fixture_member(&s->tar, name, slice_str(body));
}

#define CONFIG "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[]}}"

static void layers_of_old_archives_are_known_by_their_bytes(void **state)
{
	struct saved       *s = *state;
	const struct image *image;
	struct digest       digest;

	add(s, "aa/layer.tar", "one");
	add(s, "c.json",
	    "{\"rootfs\":{\"diff_ids\":[\"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\"]}"
	    "}");
	add(s, "manifest.json",
	    "[{\"Config\":\"c.json\",\"RepoTags\":[\"app:1\",\"app:2\"],\"Layers\":[\"aa/layer.tar\"]}]");
	resolve(s, "");
	assert_int_equal(s->list.count, 1);
	image = expect(s, 0, "docker-archive:a.tar:app:1", IMAGE_OK, "");
	digest_of(SLICE_LIT("one"), &digest);
	assert_true(digest_eq(&image->layers[0].digest, &digest));
	assert_true(digest_eq(&image->layers[0].diff_id, &digest));
	assert_int_equal(image->layers[0].size, 3);
	assert_slice_equal(image->layers[0].location, "aa/layer.tar");
	assert_true(digest_is_zero(&image->digest) && !digest_is_zero(&image->config_digest));
	every_layer_is_good(s, image);
}

static void a_layer_may_be_a_link_to_anothers(void **state)
{
	struct saved *s = *state;

	add(s, "aa/layer.tar", "one");
	fixture_link(&s->tar, '2', "bb/layer.tar", "../aa/layer.tar");
	fixture_link(&s->tar, '1', "cc/layer.tar", "aa/layer.tar");
	fixture_link(&s->tar, '2', "dd/layer.tar", "../../../bb/layer.tar");
	add(s, "c.json", CONFIG);
	add(s, "manifest.json",
	    "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"aa/layer.tar\",\"bb/layer.tar\",\"cc/"
	    "layer.tar\",\"dd/layer.tar\"]}]");
	resolve(s, "");
	every_layer_is_good(s, expect(s, 0, "docker-archive:a.tar", IMAGE_OK, ""));
	for (size_t i = 1; i < 4; i++)
		assert_true(digest_eq(&s->list.images[0].layers[0].digest, &s->list.images[0].layers[i].digest));
}

static void link_circles_fail_only_their_image(void **state)
{
	struct saved *s = *state;

	fixture_link(&s->tar, '2', "aa/layer.tar", "../bb/layer.tar");
	fixture_link(&s->tar, '2', "bb/layer.tar", "../aa/layer.tar");
	fixture_link(&s->tar, '2', "cc/layer.tar", "/etc/passwd");
	add(s, "dd/layer.tar", "fine");
	add(s, "c.json", CONFIG);
	add(s, "manifest.json",
	    "[{\"Config\":\"c.json\",\"Layers\":[\"aa/layer.tar\"]},{\"Config\":\"c.json\",\"Layers\":[\"cc/"
	    "layer.tar\"]},"
	    "{\"Config\":\"c.json\",\"Layers\":[\"../dd/layer.tar\"]},{\"Config\":\"c.json\",\"Layers\":[\"dd\"]},"
	    "{\"Config\":\"c.json\",\"Layers\":[\"dd/layer.tar\"]}]");
	resolve(s, "");
	assert_int_equal(s->list.count, 5);
	expect(s, 0, "docker-archive:a.tar:@0", IMAGE_FAILED, "aa/layer.tar: its symlinks go in a circle");
	expect(s, 1, "docker-archive:a.tar:@1", IMAGE_FAILED, "its link leads to no member");
	expect(s, 2, "docker-archive:a.tar:@2", IMAGE_FAILED, "name leads outside");
	expect(s, 3, "docker-archive:a.tar:@3", IMAGE_FAILED, "no such member");
	every_layer_is_good(s, expect(s, 4, "docker-archive:a.tar:@4", IMAGE_OK, ""));
}

static void names_are_compared_as_references(void **state)
{
	struct saved *s = *state;

	add(s, "c.json", CONFIG);
	add(s, "manifest.json",
	    "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:1\"],\"Layers\":[]},{\"Config\":\"c.json\",\"RepoTags\":["
	    "\"alpine:3.10\"],\"Layers\":null}]");
	resolve(s, "docker.io/library/alpine:3.10");
	assert_int_equal(s->list.count, 1);
	expect(s, 0, "docker-archive:a.tar:docker.io/library/alpine:3.10", IMAGE_OK, "");
	resolve(s, "@0");
	expect(s, 0, "docker-archive:a.tar:@0", IMAGE_OK, "");
	resolve(s, "alpine:4");
	expect(s, 0, "docker-archive:a.tar:alpine:4", IMAGE_FAILED, "no image \"alpine:4\" among the 2");
}

static void the_last_member_of_a_name_counts(void **state)
{
	struct saved *s = *state;

	add(s, "l.tar", "old");
	add(s, "./l.tar", "new!");
	add(s, "c.json", CONFIG);
	add(s, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]");
	resolve(s, "");
	assert_int_equal(s->list.images[0].layers[0].size, 4);
	every_layer_is_good(s, &s->list.images[0]);
}

static void blobs_are_verified_by_their_names(void **state)
{
	struct saved *s = *state;
	struct err    err = {0}, gone = {0};
	char          name[100], list[1000];

	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex_of("one"));
	add(s, name, "two");
	add(s, "c.json", CONFIG);
	snprintf(list, sizeof(list), "[{\"Config\":\"c.json\",\"Layers\":[\"%s\",\"blobs/sha256/%064d\"]}]", name, 5);
	add(s, "manifest.json", list);
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_OK, "");
	assert_int_equal(read_layer(s, &s->list.images[0].layers[0], &err), ERR_DIGEST);
	assert_int_equal(read_layer(s, &s->list.images[0].layers[1], &gone), ERR_NOT_FOUND);
}

static void a_lost_layer_is_not_what_the_config_claims(void **state)
{
	struct saved *s = *state;
	struct err    err = {0};

	add(s, "c.json",
	    "{\"rootfs\":{\"diff_ids\":[\"sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\"]}"
	    "}");
	add(s, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"aa/layer.tar\"]}]");
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_OK, "");
	assert_true(digest_is_zero(&s->list.images[0].layers[0].digest));
	assert_false(digest_is_zero(&s->list.images[0].layers[0].diff_id));
	assert_int_equal(read_layer(s, &s->list.images[0].layers[0], &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "aa/layer.tar"));
}

static void configs_that_are_bad_or_misnamed_are_warned_of(void **state)
{
	struct saved *s = *state;
	char          list[1000], name[100];

	snprintf(name, sizeof(name), "%s.json", digest_hex_of("other"));
	add(s, name, CONFIG);
	add(s, "bad.json", "no json");
	add(s, "l.tar", "x");
	snprintf(list, sizeof(list),
		 "[{\"Config\":\"%s\",\"Layers\":[]},{\"Config\":\"bad.json\",\"Layers\":[\"l.tar\"]},{\"Config\":7,"
		 "\"Layers\":[\"l.tar\"]}]",
		 name);
	add(s, "manifest.json", list);
	resolve(s, "");
	assert_true(slice_find_str(s->list.images[0].warnings[0], "its name says") != SIZE_MAX);
	assert_true(slice_find_str(s->list.images[1].warnings[0], "not JSON") != SIZE_MAX);
	assert_true(slice_find_str(s->list.images[2].warnings[0], "manifest.json names none") != SIZE_MAX);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(s->list.images[i].status, IMAGE_OK);
}

static void archives_that_hold_no_images_say_so(void **state)
{
	static const char *const lists[][2] = {
		{"null", "lists no images"}, {"[]", "lists no images"}, {"{}", "lists no images"}, {"[", "not JSON"}};
	struct saved *s = *state;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		add(s, "manifest.json", lists[i][0]);
		resolve(s, "");
		expect(s, 0, "docker-archive:a.tar", IMAGE_FAILED, lists[i][1]);
	}
	add(s, "something", "else");
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_FAILED, "not an archive of docker save");
	add(s, "repositories", "{}");
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_FAILED, "Docker before 1.10");
	assert_int_equal(s->list.images[0].error, ERR_UNSUPPORTED);
}

static void odd_entries_fail_alone(void **state)
{
	struct saved *s = *state;

	add(s, "c.json", CONFIG);
	add(s, "manifest.json",
	    "[3,null,{\"Config\":\"c.json\",\"RepoTags\":[7],\"Layers\":[8]},{\"Config\":\"c.json\",\"RepoTags\":{},"
	    "\"Layers\":[]}]");
	resolve(s, "");
	assert_int_equal(s->list.count, 4);
	expect(s, 2, "docker-archive:a.tar:@2", IMAGE_FAILED, "layer 1");
	expect(s, 3, "docker-archive:a.tar:@3", IMAGE_OK, "");
}

#define GCR SHARED_DATA_DIR "/truth/images/go-containerregistry/pkg/v1/"

static void real_archives(void **state)
{
	static const struct {
		const char *file;
		size_t      images, layers; /* layers of the last image */
		const char *last;
	} cases[] = {
		{SHARED_DATA_DIR "/images/dockersave-alpine-3.10-trivy.tar.gz", 1, 1, NULL},
		{SHARED_DATA_DIR "/images/dockersave-image3-gzlayers.tar", 1, 4, NULL},
		{GCR "tarball/testdata/hello-world-v25.tar", 1, 1, "docker-archive:a.tar"},
		{GCR "tarball/testdata/test_bundle.tar", 2, 1, "docker-archive:a.tar:test_image_1"},
		{GCR "tarball/testdata/test_link.tar", 2, 2, "docker-archive:a.tar:bazel/v1/tarball:test_image_3"},
		{GCR "mutate/testdata/whiteout_dir.tar", 1, 4, "docker-archive:a.tar:localhost:5000/whiteout:latest"},
		{GCR "mutate/testdata/overwritten_file.tar", 1, 3, NULL},
	};
	struct saved *s = *state;

	if (access(SHARED_DATA_DIR "/images", R_OK) != 0) {
		print_message("SKIP real_archives: needs ../shared/data\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct image *last;

		open_path(s, cases[i].file);
		resolve(s, "");
		assert_int_equal(s->list.count, cases[i].images);
		last = &s->list.images[s->list.count - 1];
		assert_int_equal(last->status, IMAGE_OK);
		assert_int_equal(last->layers_count, cases[i].layers);
		if (cases[i].last)
			assert_slice_equal(last->reference, cases[i].last);
		assert_false(digest_is_zero(&last->layers[0].diff_id));
		every_layer_is_good(s, last);
	}
	open_path(s, GCR "tarball/testdata/null_manifest.tar");
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_FAILED, "lists no images");
	open_path(s, GCR "tarball/testdata/no_manifest.tar");
	resolve(s, "");
	expect(s, 0, "docker-archive:a.tar", IMAGE_FAILED, "Docker before 1.10");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(layers_of_old_archives_are_known_by_their_bytes),
		TEST(a_layer_may_be_a_link_to_anothers),
		TEST(link_circles_fail_only_their_image),
		TEST(names_are_compared_as_references),
		TEST(the_last_member_of_a_name_counts),
		TEST(blobs_are_verified_by_their_names),
		TEST(a_lost_layer_is_not_what_the_config_claims),
		TEST(configs_that_are_bad_or_misnamed_are_warned_of),
		TEST(archives_that_hold_no_images_say_so),
		TEST(odd_entries_fail_alone),
		TEST(real_archives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
