/* oci: and oci-archive: which images a layout holds, verified blobs, and layouts that are broken or hostile. */
#include "lib/check.h"

#include "lib/compress.h"
#include "lib/local_fixture.h"
#include "source/docker_archive.h"
#include "source/oci_blob_name.h"
#include "source/oci_layout.h"

#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct layout {
	char                 folder[FIXTURE_PATH_BYTES];
	struct arena         arena;
	struct member_store *store;
	struct image_list    list;
	struct err           err;
};

static int set_up(void **state)
{
	struct layout *l = calloc(1, sizeof(*l));

	fixture_folder(l->folder);
	arena_init(&l->arena, MANIFEST_ARENA_BYTES);
	*state = l;
	return 0;
}

static int tear_down(void **state)
{
	struct layout *l = *state;

	member_store_close(l->store);
	arena_deinit(&l->arena);
	fixture_remove(l->folder);
	free(l);
	return 0;
}

static void resolve(struct layout *l, const char *name)
{
	struct reference reference = {.transport = TRANSPORT_OCI, .path = "/layout"};
	struct platform  want;

	if (!l->store)
		l->store = member_store_open_folder(l->folder, &l->err);
	if (!l->store)
		fail_msg("%s", l->err.text);
	snprintf(reference.tag, sizeof(reference.tag), "%s", name);
	assert_int_equal(platform_parse(SLICE_LIT("linux/amd64"), &want, NULL), 0);
	l->list = (struct image_list){.arena = &l->arena};
	assert_int_equal(oci_layout_resolve(l->store, &reference, &want, &l->list, &l->err), 0);
}

static void expect(const struct layout *l, size_t index, const char *reference, enum image_status status,
		   const char *words)
{
	const struct image *image = &l->list.images[index];

	assert_true(index < l->list.count);
	assert_slice_equal(image->reference, reference);
	if (image->status != status || slice_find_str(image->reason, words) == SIZE_MAX)
		fail_msg("%s: status %d, \"%.*s\"", reference, image->status, SLICE_FMT(image->reason));
}

static int read_layer(const struct layout *l, const struct image_layer *layer, struct err *err)
{
	struct stream *stream = docker_archive_open_layer(l->store, layer, err);
	int            status = stream ? stream_drain(stream, err) : err->code;

	stream_close(stream);
	return status;
}

/* Images "one" (amd64) and "two" (arm64). */
static void write_two(struct layout *l)
{
	char one[512], two[512], index[2048];

	fixture_image(l->folder, SLICE_LIT("first"), "amd64", one, sizeof(one));
	fixture_image(l->folder, SLICE_LIT("second"), "arm64", two, sizeof(two));
	snprintf(index, sizeof(index),
		 "{\"schemaVersion\":2,\"manifests\":[{%s,\"annotations\":{\"org.opencontainers.image.ref.name\":"
		 "\"one\"}},"
		 "{%s,\"annotations\":{\"org.opencontainers.image.ref.name\":\"two\"}}]}",
		 one, two);
	fixture_write_text(l->folder, "index.json", index);
	fixture_write_text(l->folder, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void every_named_image_is_one(void **state)
{
	struct layout *l = *state;
	struct err     err = {0};

	write_two(l);
	resolve(l, "");
	assert_int_equal(l->list.count, 2);
	expect(l, 0, "oci:/layout:one", IMAGE_OK, "");
	expect(l, 1, "oci:/layout:two", IMAGE_OK, "");
	assert_string_equal(l->list.images[1].platform.arch, "arm64");
	assert_int_equal(l->list.images[1].layers_count, 1);
	assert_true(digest_eq(&l->list.images[1].layers[0].digest, &l->list.images[1].layers[0].diff_id));
	assert_int_equal(read_layer(l, &l->list.images[1].layers[0], &err), STREAM_END);
}

static void names_and_positions_choose(void **state)
{
	struct layout *l = *state;

	write_two(l);
	resolve(l, "two");
	assert_int_equal(l->list.count, 1);
	expect(l, 0, "oci:/layout:two", IMAGE_OK, "");
	resolve(l, "@0");
	assert_int_equal(l->list.count, 1);
	expect(l, 0, "oci:/layout:one", IMAGE_OK, "");
	resolve(l, "three");
	expect(l, 0, "oci:/layout:three", IMAGE_FAILED, "no image \"three\" among the 2");
}

enum { NAMES_BYTES = 200 };

static int collect(void *data, const struct reference *reference)
{
	size_t used = strlen(data);

	snprintf((char *)data + used, NAMES_BYTES - used, "%s;", reference->tag);
	return 0;
}

static void listing_names_each_image(void **state)
{
	struct layout   *l = *state;
	struct reference where = {.transport = TRANSPORT_OCI};
	char             names[NAMES_BYTES] = "";

	write_two(l);
	l->store = member_store_open_folder(l->folder, NULL);
	assert_int_equal(oci_layout_list(l->store, &where, collect, names, NULL), 0);
	assert_string_equal(names, "one;two;");
}

static void unnamed_platforms_are_one_index(void **state)
{
	struct layout *l = *state;
	char           one[512], two[512], index[2048];

	fixture_image(l->folder, SLICE_LIT("first"), "arm64", one, sizeof(one));
	fixture_image(l->folder, SLICE_LIT("second"), "amd64", two, sizeof(two));
	snprintf(index, sizeof(index),
		 "{\"manifests\":[{%s,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}},"
		 "{%s,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
		 one, two);
	fixture_write_text(l->folder, "index.json", index);
	resolve(l, "");
	assert_int_equal(l->list.count, 1);
	expect(l, 0, "oci:/layout", IMAGE_OK, "");
	assert_string_equal(l->list.images[0].platform.arch, "amd64");
}

static void one_bad_image_does_not_stop_the_others(void **state)
{
	struct layout *l = *state;
	char           good[512], bad[512], index[2048];
	struct err     err = {0};

	fixture_image(l->folder, SLICE_LIT("first"), "amd64", good, sizeof(good));
	fixture_image(l->folder, SLICE_LIT("second"), "amd64", bad, sizeof(bad));
	*strchr(strstr(bad, "sha256:"), '"') = '\0';
	snprintf(index, sizeof(index), "blobs/sha256/%s", strstr(bad, "sha256:") + 7);
	fixture_write_text(l->folder, index, "other bytes");
	snprintf(index, sizeof(index),
		 "{\"manifests\":[{%s\"},{\"digest\":\"sha256:%064d\",\"size\":1},{\"digest\":\"x\"},{%s}]}", bad, 7,
		 good);
	fixture_write_text(l->folder, "index.json", index);
	resolve(l, "");
	assert_int_equal(l->list.count, 4);
	expect(l, 0, "oci:/layout:@0", IMAGE_FAILED, "bytes hash to");
	assert_int_equal(l->list.images[0].error, ERR_DIGEST);
	expect(l, 1, "oci:/layout:@1", IMAGE_FAILED, "opening it");
	assert_int_equal(l->list.images[1].error, ERR_NOT_FOUND);
	expect(l, 2, "oci:/layout:@2", IMAGE_FAILED, "not a sha256 digest");
	expect(l, 3, "oci:/layout:@3", IMAGE_OK, "");
	assert_int_equal(read_layer(l, &l->list.images[3].layers[0], &err), STREAM_END);
}

static void layers_are_verified(void **state)
{
	struct layout     *l = *state;
	struct image_layer layer;
	struct err         err = {0}, gone = {0};
	char               name[OCI_BLOB_NAME_BYTES];

	write_two(l);
	resolve(l, "one");
	layer = l->list.images[0].layers[0];
	oci_blob_name(&layer.digest, name);
	fixture_write_text(l->folder, name, "firsT");
	assert_int_equal(read_layer(l, &layer, &err), ERR_DIGEST);
	memset(layer.digest.bytes, 7, sizeof(layer.digest.bytes));
	assert_int_equal(read_layer(l, &layer, &gone), ERR_NOT_FOUND);
}

static void nothing_outside_the_folder_is_read(void **state)
{
	struct layout *l = *state;
	struct buf     out;
	struct err     err = {0};
	char           path[FIXTURE_PATH_BYTES + 40], inside[FIXTURE_PATH_BYTES + 40];

	buf_init(&out, 1 << 20);
	fixture_write_text(l->folder, "real", "x");
	snprintf(path, sizeof(path), "%s/out", l->folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/up", l->folder);
	assert_int_equal(symlink("../../../../../etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/loop", l->folder);
	assert_int_equal(symlink("loop", path), 0);
	snprintf(inside, sizeof(inside), "%s/in", l->folder);
	assert_int_equal(symlink("real", inside), 0);
	snprintf(path, sizeof(path), "%s/fifo", l->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	l->store = member_store_open_folder(l->folder, NULL);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("out"), &out, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "leads outside"));
	assert_int_equal(member_store_read(l->store, SLICE_LIT("up"), &out, NULL), ERR_FORMAT);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("../../etc/passwd"), &out, NULL), ERR_FORMAT);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("loop"), &out, NULL), ERR_FORMAT);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("fifo"), &out, NULL), ERR_FORMAT);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("no"), &out, NULL), ERR_NOT_FOUND);
	assert_int_equal(out.len, 0);
	assert_int_equal(member_store_read(l->store, SLICE_LIT("in"), &out, NULL), 0);
	buf_deinit(&out);
}

static void what_is_no_layout_says_so(void **state)
{
	struct layout *l = *state;

	resolve(l, "");
	expect(l, 0, "oci:/layout", IMAGE_FAILED, "not an OCI image layout");
	fixture_write_text(l->folder, "index.json", "{\"schemaVersion\":2,\"config\":{},\"layers\":[]}");
	resolve(l, "");
	expect(l, 0, "oci:/layout", IMAGE_FAILED, "index.json");
	fixture_write_text(l->folder, "index.json", "{\"manifests\":[]}");
	resolve(l, "");
	expect(l, 0, "oci:/layout", IMAGE_FAILED, "lists 0 images");
	fixture_write_text(l->folder, "oci-layout", "{\"imageLayoutVersion\":\"2.0\"}");
	resolve(l, "");
	expect(l, 0, "oci:/layout", IMAGE_FAILED, "image layout version 2.0");
}

/* ---- archives ---- */

static void add_file(struct layout *l, struct buf *tar, const char *name)
{
	char       path[FIXTURE_PATH_BYTES * 2];
	struct buf bytes;
	FILE      *file;
	int        c;

	buf_init(&bytes, 1 << 20);
	snprintf(path, sizeof(path), "%s/%s", l->folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		buf_byte(&bytes, (uint8_t)c);
	fclose(file);
	fixture_member(tar, name, buf_slice(&bytes));
	buf_deinit(&bytes);
}

/* The layout of write_two() as a tar, its image "one" only. */
static void tar_of_one(struct layout *l, struct buf *tar)
{
	char name[OCI_BLOB_NAME_BYTES];

	write_two(l);
	resolve(l, "one");
	add_file(l, tar, "oci-layout");
	oci_blob_name(&l->list.images[0].digest, name);
	add_file(l, tar, name);
	oci_blob_name(&l->list.images[0].config_digest, name);
	add_file(l, tar, name);
	oci_blob_name(&l->list.images[0].layers[0].digest, name);
	add_file(l, tar, name);
	add_file(l, tar, "index.json");
	member_store_close(l->store);
	l->store = NULL;
}

static void open_archive_of(struct layout *l, struct slice bytes)
{
	char path[FIXTURE_PATH_BYTES + 20];

	fixture_write(l->folder, "archive", bytes);
	snprintf(path, sizeof(path), "%s/archive", l->folder);
	member_store_close(l->store);
	err_clear(&l->err);
	l->store = member_store_open_archive(path, l->folder, &l->err);
}

static void archives_are_read_whatever_their_compression(void **state)
{
	static const char *const formats[] = {"none", "gzip", "zstd", "xz", "bzip2"};
	struct layout           *l = *state;
	struct buf               tar, blob;

	buf_init(&tar, 1 << 20);
	buf_init(&blob, 1 << 20);
	tar_of_one(l, &tar);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct err err = {0};

		buf_clear(&blob);
		assert_true(compress_append(formats[i], buf_slice(&tar), &blob));
		open_archive_of(l, buf_slice(&blob));
		if (!l->store)
			fail_msg("%s: %s", formats[i], l->err.text);
		resolve(l, "");
		assert_int_equal(l->list.count, 2);
		expect(l, 0, "oci:/layout:one", IMAGE_OK, "");
		expect(l, 1, "oci:/layout:two", IMAGE_FAILED, "no such member");
		assert_int_equal(read_layer(l, &l->list.images[0].layers[0], &err), STREAM_END);
	}
	buf_deinit(&tar);
	buf_deinit(&blob);
}

static void damaged_archives_are_refused(void **state)
{
	struct layout *l = *state;
	struct buf     tar, blob;

	buf_init(&tar, 1 << 20);
	buf_init(&blob, 1 << 20);
	tar_of_one(l, &tar);
	compress_append("gzip", buf_slice(&tar), &blob);
	open_archive_of(l, slice_sub(buf_slice(&blob), 0, blob.len / 2));
	assert_null(l->store);
	assert_int_equal(l->err.code, ERR_FORMAT);
	open_archive_of(l, slice_sub(buf_slice(&tar), 0, 1300));
	assert_null(l->store);
	assert_int_equal(l->err.code, ERR_TRUNCATED);
	open_archive_of(l, SLICE_LIT("this is no tar file at all"));
	assert_null(l->store);
	assert_int_equal(l->err.code, ERR_FORMAT);
	assert_non_null(strstr(l->err.text, "/archive: not a tar archive"));
	l->store = member_store_open_archive(l->folder, l->folder, NULL);
	assert_null(l->store);
	buf_deinit(&tar);
	buf_deinit(&blob);
}

/* ---- real layouts ---- */

static void real_layouts(void **state)
{
	static const struct {
		const char *folder, *reference;
		size_t      images, layers;
	} cases[] = {
		{"images/busybox-1.37.0-musl-amd64", "oci:/layout:busybox:1.37.0-musl", 1, 1},
		{"images/busybox-1.37.0-glibc-arm64v8", "oci:/layout:busybox:1.37.0-glibc", 1, 1},
		{"truth/images/go-containerregistry/pkg/v1/layout/testdata/test_index_one_image", "oci:/layout", 1, 1},
	};
	struct layout *l = *state;

	if (access(SHARED_DATA_DIR "/images", R_OK) != 0) {
		print_message("SKIP real_layouts: needs ../shared/data\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		char       path[600];

		snprintf(path, sizeof(path), SHARED_DATA_DIR "/%s", cases[i].folder);
		member_store_close(l->store);
		l->store = member_store_open_folder(path, NULL);
		resolve(l, "");
		assert_int_equal(l->list.count, cases[i].images);
		expect(l, 0, cases[i].reference, IMAGE_OK, "");
		assert_int_equal(l->list.images[0].layers_count, cases[i].layers);
		assert_int_equal(l->list.images[0].warnings_count, 0);
		if (i < 2)
			assert_int_equal(read_layer(l, &l->list.images[0].layers[0], &err), STREAM_END);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_named_image_is_one),
		TEST(names_and_positions_choose),
		TEST(listing_names_each_image),
		TEST(unnamed_platforms_are_one_index),
		TEST(one_bad_image_does_not_stop_the_others),
		TEST(layers_are_verified),
		TEST(nothing_outside_the_folder_is_read),
		TEST(what_is_no_layout_says_so),
		TEST(archives_are_read_whatever_their_compression),
		TEST(damaged_archives_are_refused),
		TEST(real_layouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
