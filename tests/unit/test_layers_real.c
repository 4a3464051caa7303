/* The real root file systems under ../shared/data/images: each one is read without a note, its diffID is the hash of
 * what the format's own tool would give, and its entries are those that the same tar has without compression. */
#include "base/file.h"
#include "base/limits.h"
#include "layer/layer.h"
#include "lib/check.h"
#include "lib/layer_fixture.h"
#include "model/inventory.h"
#include "parse.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parsed {
	struct parse_result result;
	struct buf          inventory, paths;
};

static void parse(struct stream *stream, const char *path, struct parsed *out)
{
	struct parse_request request = {.blob_digest = {{1}}};
	int                  spool = file_open_unlinked("/tmp", NULL);
	struct err           err = {0};

	*out = (struct parsed){.inventory.bytes_max = LIMIT_INVENTORY_BYTES, .paths.bytes_max = LIMIT_INVENTORY_BYTES};
	if (parse_layer(stream, spool, &request, &out->result, &out->inventory, &out->paths, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	close(spool);
	stream_close(stream);
}

static void parsed_deinit(struct parsed *parsed)
{
	buf_deinit(&parsed->inventory);
	buf_deinit(&parsed->paths);
}

static void inflate_by_tool(const char *path, struct buf *out)
{
	char          command[4200];
	const char   *tool = strstr(path, ".gz")    ? "gzip -dc"
			     : strstr(path, ".xz")  ? "xz -dc"
			     : strstr(path, ".zst") ? "zstd -dc"
						    : "cat";
	FILE         *pipe;
	unsigned char block[65536];
	size_t        got;

	snprintf(command, sizeof(command), "%s '%s'", tool, path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while ((got = fread(block, 1, sizeof(block), pipe)) > 0)
		buf_append(out, slice_of(block, got));
	assert_int_equal(pclose(pipe), 0);
	assert_true(buf_ok(out));
}

static void check_image(const char *path, void *data)
{
	struct buf    tar = {.bytes_max = 1u << 30};
	struct parsed packed, plain;
	struct digest digest;

	(void)data;
	parse(stream_of_fd(open(path, O_RDONLY | O_CLOEXEC), path), path, &packed);
	inflate_by_tool(path, &tar);
	digest_of(buf_slice(&tar), &digest);
	assert_true(digest_eq(&packed.result.diff_id, &digest));
	assert_int_equal(packed.result.tar_bytes, tar.len);
	assert_false(packed.result.partial);
	assert_true(packed.result.entries > 0);
	parse(stream_of_memory(buf_slice(&tar), 1000), path, &plain);
	assert_int_equal(plain.result.entries, packed.result.entries);
	assert_int_equal(plain.result.files_analyzed, packed.result.files_analyzed);
	assert_true(slice_eq(buf_slice(&plain.paths), buf_slice(&packed.paths)));
	parsed_deinit(&packed);
	parsed_deinit(&plain);
	buf_deinit(&tar);
}

static void real_layers_are_read_whole(void **state)
{
	size_t images = 0;

	(void)state;
	if (access(SHARED_DATA_DIR "/images", R_OK) != 0) {
		printf("SKIP real_layers_are_read_whole: needs ../shared/data\n");
		skip();
	}
	images += fixture_each(SHARED_DATA_DIR "/images", "a", ".gz", check_image, NULL);
	images += fixture_each(SHARED_DATA_DIR "/images", "debian", ".gz", check_image, NULL);
	images += fixture_each(SHARED_DATA_DIR "/images", "", ".xz", check_image, NULL);
	images += fixture_each(SHARED_DATA_DIR "/images", "", ".zst", check_image, NULL);
	assert_true(images > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(real_layers_are_read_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
