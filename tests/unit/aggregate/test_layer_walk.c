/* One layer over another, file by file: every file of a layer is put into the tree as if it held facts. What is left is
 * compared with the rule as it is worded, applied naively to random layers, and with real images of
 * go-containerregistry. */
#include "aggregate/layer_walk.h"
#include "base/archive.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/rng.h"
#include "lib/check.h"
#include "model/path_table.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY = 64 << 20, LAYERS = 4, ENTRIES_MAX = 24, ROUNDS = 3000 };

static struct facts *some_facts(void)
{
	static char one;

	return (struct facts *)(void *)&one;
}

/* Lays the table over the tree and puts its files in. */
static void lay_over(struct tree *tree, struct slice table, uint32_t layer)
{
	struct path_table_reader *reader = path_table_reader_new(table, NULL);
	struct path_entry         entry;
	bool                      left_out = false;

	assert_int_equal(layer_walk(tree, table, layer, &left_out, NULL), 0);
	while (path_table_next(reader, &entry, NULL) == 1) {
		struct tree_node *node = entry.type == PATH_FILE ? tree_walk(tree, entry.path, TREE_MAKE) : NULL;

		if (node)
			tree_set_facts(tree, node, some_facts(), layer);
	}
	path_table_reader_free(reader);
	for (struct tree_node *node = tree->removed; node; node = node->removed_next)
		node->removed = NULL;
	tree->removed = NULL;
}

static int compare_texts(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void list_files(struct tree *tree, struct buf *out)
{
	struct slice files[LAYERS * ENTRIES_MAX + 16];
	size_t       count = 0;

	for (struct tree_node *node = &tree->root; node; node = tree_next_live(node, &tree->root))
		if (node->facts)
			files[count++] = tree_path(node, &tree->arena);
	qsort(files, count, sizeof(*files), compare_texts);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%.*s ", SLICE_FMT(files[i]));
}

/* --- random layers --- */

struct entry_text {
	char           path[16];
	enum path_type type;
};

struct random_layer {
	struct entry_text entries[ENTRIES_MAX];
	size_t            count;
};

static void random_path(struct rng *rng, char path[16])
{
	size_t depth = 1 + rng_below(rng, 3), len = 0;

	for (size_t i = 0; i < depth; i++) {
		if (i)
			path[len++] = '/';
		path[len++] = (char)('a' + rng_below(rng, 3));
	}
	path[len] = '\0';
}

/* Within one layer a file has nothing below it, and a path is named once (a whiteout or an opaque mark beside it). */
static bool fits(const struct random_layer *layer, const struct entry_text *entry)
{
	struct slice path = slice_str(entry->path);

	for (size_t i = 0; i < layer->count; i++) {
		const struct entry_text *other = &layer->entries[i];
		struct slice             there = slice_str(other->path);
		bool                     mark = other->type == PATH_WHITEOUT || other->type == PATH_OPAQUE;

		if (slice_eq(path, there) && (mark ? other->type == entry->type : entry->type < PATH_WHITEOUT))
			return false;
		if (other->type == PATH_FILE &&
		    (path_is_below(path, there) || (slice_eq(path, there) && entry->type == PATH_OPAQUE)))
			return false;
		if (entry->type == PATH_FILE &&
		    (path_is_below(there, path) || (slice_eq(path, there) && other->type == PATH_OPAQUE)))
			return false;
	}
	return true;
}

static void random_layer(struct rng *rng, struct random_layer *layer)
{
	static const enum path_type types[] = {PATH_FILE,      PATH_FILE,     PATH_FILE,
					       PATH_DIRECTORY, PATH_WHITEOUT, PATH_OPAQUE};
	size_t                      tries = rng_below(rng, ENTRIES_MAX);

	layer->count = 0;
	for (size_t i = 0; i < tries; i++) {
		struct entry_text entry = {.type = types[rng_below(rng, 6)]};

		random_path(rng, entry.path);
		if (fits(layer, &entry))
			layer->entries[layer->count++] = entry;
	}
}

static struct buf table_of(const struct random_layer *layer)
{
	struct path_table_builder *builder = path_table_builder_new();
	struct buf                 table = {.bytes_max = MEMORY};

	for (size_t i = 0; i < layer->count; i++) {
		struct path_entry entry = {.path = slice_str(layer->entries[i].path), .type = layer->entries[i].type};

		assert_int_equal(path_table_add(builder, &entry, NULL), 0);
	}
	assert_int_equal(path_table_finish(builder, &table, NULL), 0);
	path_table_builder_free(builder);
	return table;
}

/* The rule: whether `above` takes the lower file `path` away. */
static bool takes_away(const struct random_layer *above, struct slice path)
{
	for (size_t i = 0; i < above->count; i++) {
		struct slice   there = slice_str(above->entries[i].path);
		enum path_type type = above->entries[i].type;
		bool           same = slice_eq(there, path), ancestor = path_is_below(path, there);

		if (same && type != PATH_OPAQUE)
			return true;
		if (ancestor && type != PATH_DIRECTORY)
			return true;
	}
	return false;
}

static void list_by_rule(const struct random_layer *layers, struct buf *out)
{
	struct slice files[LAYERS * ENTRIES_MAX];
	size_t       count = 0;

	for (size_t l = 0; l < LAYERS; l++) {
		for (size_t i = 0; i < layers[l].count; i++) {
			struct slice path = slice_str(layers[l].entries[i].path);
			bool         gone = layers[l].entries[i].type != PATH_FILE;

			for (size_t above = l + 1; above < LAYERS && !gone; above++)
				gone = takes_away(&layers[above], path);
			if (!gone)
				files[count++] = path;
		}
	}
	qsort(files, count, sizeof(*files), compare_texts);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%.*s ", SLICE_FMT(files[i]));
}

static void random_layers_obey_the_rule(void **state)
{
	struct rng rng = rng_seeded(11);
	struct buf actual = {.bytes_max = MEMORY}, expected = {.bytes_max = MEMORY};
	size_t     left = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct random_layer layers[LAYERS];
		struct tree         tree;

		tree_init(&tree, MEMORY);
		for (uint32_t l = 0; l < LAYERS; l++) {
			struct buf table;

			random_layer(&rng, &layers[l]);
			table = table_of(&layers[l]);
			lay_over(&tree, buf_slice(&table), l);
			buf_deinit(&table);
		}
		buf_clear(&actual);
		buf_clear(&expected);
		list_files(&tree, &actual);
		list_by_rule(layers, &expected);
		if (!slice_eq(buf_slice(&actual), buf_slice(&expected)))
			fail_msg("round %u: got %.*s, by the rule %.*s", round, SLICE_FMT(buf_slice(&actual)),
				 SLICE_FMT(buf_slice(&expected)));
		left += expected.len;
		tree_deinit(&tree);
	}
	assert_true(left > 10000);
	buf_deinit(&actual);
	buf_deinit(&expected);
}

/* --- what costs more than it says --- */

static void add_numbered(struct path_table_builder *builder, const char *prefix, unsigned count, enum path_type type,
			 const char *target)
{
	char path[32];

	for (unsigned i = 0; i < count; i++) {
		struct path_entry entry = {
			.path = slice_of(path, (size_t)snprintf(path, sizeof(path), "%s%u", prefix, i)),
			.type = type,
			.target = slice_str(target)};

		assert_int_equal(path_table_add(builder, &entry, NULL), 0);
	}
}

/* A folder of many entries, and many symlinks to it through which each an opaque mark empties it once more. */
static void emptying_one_folder_through_many_symlinks_ends(void **state)
{
	enum { MANY = 12000 };
	struct path_table_builder *lower = path_table_builder_new(), *upper = path_table_builder_new();
	struct buf                 tables[2] = {{.bytes_max = MEMORY}, {.bytes_max = MEMORY}};
	bool                       left_out = false;
	struct tree                tree;

	(void)state;
	assert_true((uint64_t)MANY * MANY > LIMIT_TREE_STEPS);
	add_numbered(lower, "d/", MANY, PATH_SYMLINK, "nowhere");
	add_numbered(lower, "s", MANY, PATH_SYMLINK, "d");
	add_numbered(upper, "d/", MANY, PATH_SYMLINK, "nowhere");
	add_numbered(upper, "s", MANY, PATH_OPAQUE, "");
	assert_int_equal(path_table_finish(lower, &tables[0], NULL), 0);
	assert_int_equal(path_table_finish(upper, &tables[1], NULL), 0);
	tree_init(&tree, MEMORY);
	assert_int_equal(layer_walk(&tree, buf_slice(&tables[0]), 0, &left_out, NULL), 0);
	assert_false(tree_failed(&tree));
	assert_int_equal(layer_walk(&tree, buf_slice(&tables[1]), 1, &left_out, NULL), 0);
	assert_true(tree_failed(&tree));
	tree_deinit(&tree);
	path_table_builder_free(lower);
	path_table_builder_free(upper);
	buf_deinit(&tables[0]);
	buf_deinit(&tables[1]);
}

/* --- images --- */

/* The body of one member of a docker-archive. */
static void read_member(const char *archive, struct slice name, struct buf *body)
{
	struct buf             bytes = {.bytes_max = MEMORY};
	struct archive_reader *reader;
	struct archive_member  member;
	struct stream         *stream;
	struct slice           block;

	assert_int_equal(file_read(archive, &bytes, NULL), 0);
	stream = stream_of_memory(buf_slice(&bytes), 0);
	reader = archive_reader_new(stream, ARCHIVE_KIND_TAR, NULL);
	buf_clear(body);
	while (archive_reader_next(reader, &member, NULL) == 1)
		while (slice_eq(member.name, name) && archive_reader_body(reader, &block, NULL) == STREAM_BLOCK)
			buf_append(body, block);
	archive_reader_free(reader);
	stream_close(stream);
	buf_deinit(&bytes);
}

static void lay_blob_over(struct tree *tree, struct slice blob, uint32_t layer)
{
	struct stream       *stream = stream_of_memory(blob, 0);
	struct buf           inventory = {.bytes_max = MEMORY}, table = {.bytes_max = MEMORY};
	struct parse_request request = {0};
	struct parse_result  result;

	assert_int_equal(parse_layer(stream, -1, &request, &result, &inventory, &table, NULL), 0);
	lay_over(tree, buf_slice(&table), layer);
	stream_close(stream);
	buf_deinit(&inventory);
	buf_deinit(&table);
}

static void check_image(const char *name, const char *expected)
{
	struct buf   manifest = {.bytes_max = MEMORY}, blob = {.bytes_max = MEMORY}, files = {.bytes_max = MEMORY};
	struct json *root;
	const struct json *layers;
	struct tree        tree;
	char               path[4096];

	snprintf(path, sizeof(path), SHARED_DATA_DIR "/truth/images/go-containerregistry/pkg/v1/mutate/testdata/%s",
		 name);
	read_member(path, SLICE_LIT("manifest.json"), &manifest);
	assert_int_equal(json_parse(buf_slice(&manifest), &root, NULL), 0);
	layers = json_get(json_at(root, 0), "Layers");
	assert_true(json_count(layers) >= 3);
	tree_init(&tree, MEMORY);
	for (size_t i = 0; i < json_count(layers); i++) {
		read_member(path, json_text(json_at(layers, i)), &blob);
		lay_blob_over(&tree, buf_slice(&blob), (uint32_t)i);
	}
	list_files(&tree, &files);
	assert_slice_equal(buf_slice(&files), expected);
	tree_deinit(&tree);
	json_free(root);
	buf_deinit(&manifest);
	buf_deinit(&blob);
	buf_deinit(&files);
}

/* What `crane export` leaves of the same images (pkg/v1/mutate/mutate_test.go). */
static void images_of_go_containerregistry(void **state)
{
	(void)state;
	if (access(SHARED_DATA_DIR "/truth/images", R_OK) != 0) {
		printf("SKIP images_of_go_containerregistry: needs ../shared/data\n");
		skip();
	}
	check_image("whiteout_image.tar", "bar.txt ");
	check_image("overwritten_file.tar", "bar.txt ");
	check_image("whiteout_dir.tar", "a/baz b/bar ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_layers_obey_the_rule),
		cmocka_unit_test(emptying_one_folder_through_many_symlinks_ends),
		cmocka_unit_test(images_of_go_containerregistry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
