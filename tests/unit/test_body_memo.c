/* The file memo as the parse side sees it: inventories are the same bytes without a memo, with an empty one and with one that
 * knows every file; and what decides facts is what their analyzer has declared. */
#include "lib/analyze_run.h"
#include "lib/check.h"
#include "lib/layer_fixture.h"
#include "lib/memory_memo.h"

#include "analyze/analyzer_table.h"
#include "analyze/body_memo.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "parse.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void each_case(const char *folder, int depth, void (*run)(const char *layer, void *data), void *data)
{
	struct dirent **names;
	int             count = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s%s", folder, names[i]->d_name, depth ? "" : "/layer");
		if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR)
			depth ? each_case(path, depth - 1, run, data) : run(path, data);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

/* --- with and without ---------------------------------------------------------------------------------------------- */

static struct memo_counts encode_folder(const char *folder, const struct file_memo *memo, struct buf *out)
{
	struct inventory   inv;
	struct dispatch   *d;
	struct memo_counts counts;

	inventory_init(&inv);
	d = dispatch_new(&inv, -1, memo, NULL);
	assert_non_null(d);
	analyze_folder(d, folder);
	assert_int_equal(dispatch_end(d, NULL), 0);
	assert_int_equal(inventory_encode(&inv, out, NULL), 0);
	counts = dispatch_memo_counts(d);
	dispatch_free(d);
	inventory_deinit(&inv);
	return counts;
}

static void assert_same(const char *what, const struct buf *got, const struct buf *expected)
{
	if (!slice_eq(buf_slice(got), buf_slice(expected)))
		fail_msg("%s: another inventory with the memo", what);
}

static void compare_case(const char *folder, void *data)
{
	uint64_t          *hits = data;
	struct memory_memo memo;
	struct buf         plain = {.bytes_max = 64u << 20}, cold = plain, warm = plain;
	struct memo_counts counts;

	memory_memo_init(&memo);
	encode_folder(folder, NULL, &plain);
	counts = encode_folder(folder, &memo.memo, &cold);
	assert_int_equal(counts.kept, memo.kept);
	assert_int_equal(counts.lookups, counts.hits + counts.kept);
	assert_same(folder, &cold, &plain);
	counts = encode_folder(folder, &memo.memo, &warm);
	assert_int_equal(counts.hits, counts.lookups);
	assert_same(folder, &warm, &plain);
	*hits += counts.hits;
	memory_memo_deinit(&memo);
	buf_deinit(&plain);
	buf_deinit(&cold);
	buf_deinit(&warm);
}

static void every_analyzer_case_gives_the_same_inventory_with_a_memo(void **state)
{
	uint64_t hits = 0;

	(void)state;
	each_case(TEST_DATA_DIR "/analyze", 1, compare_case, &hits);
	print_message("%llu files recalled\n", (unsigned long long)hits);
	assert_true(hits > 100);
}

struct parsed {
	struct parse_result result;
	struct buf          inventory, paths;
	int                 status;
};

static void parse(struct stream *stream, const struct file_memo *memo, struct parsed *out)
{
	struct parse_request request = {.blob_digest = {{1}}, .memo = memo};
	int                  spool = file_open_unlinked("/tmp", NULL);

	*out = (struct parsed){.inventory.bytes_max = LIMIT_INVENTORY_BYTES, .paths.bytes_max = LIMIT_INVENTORY_BYTES};
	out->status = parse_layer(stream, spool, &request, &out->result, &out->inventory, &out->paths, NULL);
	close(spool);
	stream_close(stream);
}

/* Without, cold, warm; one memo for all layers that come by. */
static void compare_blob(struct slice blob, const char *path, struct memory_memo *memo)
{
	struct parsed runs[3];
	size_t        kept = 0;

	for (int i = 0; i < 3; i++) {
		kept = memo->kept;
		parse(stream_of_memory(blob, 4096), i ? &memo->memo : NULL, &runs[i]);
	}
	for (int i = 1; i < 3; i++) {
		assert_int_equal(runs[i].status, runs[0].status);
		assert_same(path, &runs[i].inventory, &runs[0].inventory);
		assert_same(path, &runs[i].paths, &runs[0].paths);
		assert_int_equal(runs[i].result.partial, runs[0].result.partial);
		assert_int_equal(runs[i].result.entries, runs[0].result.entries);
	}
	assert_int_equal(memo->kept, kept); /* the second time everything was known */
	for (int i = 0; i < 3; i++) {
		buf_deinit(&runs[i].inventory);
		buf_deinit(&runs[i].paths);
	}
}

static void compare_layers(const char *path, void *data)
{
	struct layer_fixture fixture;

	assert_int_equal(layer_fixture_read(path, &fixture, NULL), 0);
	for (size_t i = 0; i < fixture.layers_count; i++)
		compare_blob(fixture.layers[i].blob, path, data);
	layer_fixture_deinit(&fixture);
}

static void every_layer_gives_the_same_inventory_with_a_memo(void **state)
{
	struct memory_memo memo;

	(void)state;
	memory_memo_init(&memo);
	assert_true(fixture_each(TEST_DATA_DIR "/layers", "", ".layer", compare_layers, &memo) > 0);
	memory_memo_deinit(&memo);
}

static void compare_file(const char *path, void *data)
{
	struct buf blob = {.bytes_max = 1u << 30};

	assert_int_equal(file_read(path, &blob, NULL), 0);
	compare_blob(buf_slice(&blob), path, data);
	buf_deinit(&blob);
}

static void real_root_file_systems_give_the_same_inventory_with_a_memo(void **state)
{
	struct memory_memo memo;
	size_t             images;

	(void)state;
	if (access(SHARED_DATA_DIR "/README.md", R_OK) != 0) {
		print_message("SKIP %s: needs ../shared/data\n", __func__);
		skip();
	}
	memory_memo_init(&memo);
	images = fixture_each(SHARED_DATA_DIR "/images", "", ".tar.gz", compare_file, &memo);
	images += fixture_each(SHARED_DATA_DIR "/images", "", ".tar.xz", compare_file, &memo);
	images += fixture_each(SHARED_DATA_DIR "/images", "", ".tar.zst", compare_file, &memo);
	print_message("%zu images, %zu facts kept, %zu recalled\n", images, memo.kept, memo.found);
	assert_true(images > 10 && memo.found >= memo.kept);
	memory_memo_deinit(&memo);
}

/* --- a memo that fails or lies ------------------------------------------------------------------------------------- */

static struct memo_counts status_with(struct memory_memo *memo, struct buf *out)
{
	static const char status[] =
		"Package: a\nStatus: install ok installed\nVersion: 1\nDescription: long enough for a "
		"memo to be asked, which takes two hundred and fifty-six bytes of text, no less, so "
		"that this one goes on until it has them; and then a few more, to be on the safe side "
		"of it.\n\n";
	struct inventory   inv;
	struct dispatch   *d;
	struct memo_counts counts;

	inventory_init(&inv);
	d = dispatch_new(&inv, -1, memo ? &memo->memo : NULL, NULL);
	analyze_file(d, "var/lib/dpkg/status", 0644, slice_str(status));
	analyze_file(d, "usr/lib/opkg/status", 0644, slice_str(status));
	assert_int_equal(dispatch_end(d, NULL), 0);
	assert_int_equal(inventory_encode(&inv, out, NULL), 0);
	counts = dispatch_memo_counts(d);
	dispatch_free(d);
	inventory_deinit(&inv);
	return counts;
}

static void what_is_no_facts_is_not_known(void **state)
{
	static const char *const values[] = {"", "nonsense", "\x90", "\xdc\x00\x10"};
	struct buf               plain = {.bytes_max = 1u << 20}, got = plain;
	struct memory_memo       memo;

	(void)state;
	memory_memo_init(&memo);
	status_with(NULL, &plain);
	assert_int_equal(status_with(&memo, &got).kept, 2);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		memory_memo_lie(&memo, slice_str(values[i]));
		buf_clear(&got);
		assert_int_equal(status_with(&memo, &got).hits, 0);
		assert_same("lies", &got, &plain);
	}
	memory_memo_lie(&memo, buf_slice(&plain)); /* an inventory, with hashes: more than the facts of a body */
	buf_clear(&got);
	assert_int_equal(status_with(&memo, &got).hits, 0);
	assert_same("an inventory", &got, &plain);
	memory_memo_deinit(&memo);
	buf_deinit(&plain);
	buf_deinit(&got);
}

static void a_memo_that_is_off_is_not_asked_again(void **state)
{
	struct buf         plain = {.bytes_max = 1u << 20}, got = plain;
	struct memory_memo memo;
	struct memo_counts counts;

	(void)state;
	memory_memo_init(&memo);
	memo.answer = ERR_STORE;
	status_with(NULL, &plain);
	counts = status_with(&memo, &got);
	assert_int_equal(counts.lookups, 1);
	assert_int_equal(counts.kept, 0);
	assert_same("off", &got, &plain);
	memory_memo_deinit(&memo);
	buf_deinit(&plain);
	buf_deinit(&got);
}

/* --- what decides ------------------------------------------------------------------------------------------------- */

struct audit {
	struct memory_memo memo;
	struct body_memo   body;
	unsigned           runs;
	uint32_t           needed[ANALYZERS_MAX];
};

/* The facts of one run as the memo would keep them; false: some stand under another path than the entry's. */
static bool facts_of(struct audit *a, const struct analyzer *analyzer, const struct entry *entry, struct slice body,
		     struct buf *out)
{
	struct inventory inv;
	struct body_mark from;
	struct err       err = {0};
	struct digest    key = {{0}};
	size_t           kept = a->memo.kept;
	int              rc;

	inventory_init(&inv);
	from = body_mark_now(&inv);
	rc = analyzer->run ? analyzer->run(entry, body, &inv, &err)
			   : analyzer->run_pair(entry, body, SLICE_EMPTY, &inv, &err);
	body_memo_remember(&a->body, &key, entry->path, from, &inv);
	if (a->memo.kept > kept)
		buf_append(out, a->memo.last);
	buf_printf(out, " %d %s", rc, err.text);
	inventory_deinit(&inv);
	return a->memo.kept > kept;
}

/* The same body as another entry; whether its facts are then others. */
static bool differ(struct audit *a, const struct analyzer *analyzer, const struct entry *other, struct slice body,
		   const struct buf *facts)
{
	struct buf again = {.bytes_max = 16u << 20};
	bool       same;

	facts_of(a, analyzer, other, body, &again);
	same = slice_eq(buf_slice(facts), buf_slice(&again));
	buf_deinit(&again);
	return !same;
}

static bool depend_on_path(struct audit *a, const struct analyzer *analyzer, const struct entry *entry,
			   struct slice body, const struct buf *facts, bool name_too)
{
	static const char *const folders[] = {"", "another/place/", "opt/v9.9.9/"};
	static const char *const names[] = {"of-another.name", "x-9.9.9.jar", "libx.so.7.7"};
	char                     path[PATH_MAX];
	struct entry             other = *entry;
	bool                     depend = false;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct slice name = name_too ? slice_str(names[i]) : path_basename(entry->path);

		snprintf(path, sizeof(path), "%s%.*s", folders[i], SLICE_FMT(name));
		other.path = slice_str(path);
		depend |= differ(a, analyzer, &other, body, facts);
	}
	return depend;
}

static bool depend_on_mode(struct audit *a, const struct analyzer *analyzer, const struct entry *entry,
			   struct slice body, const struct buf *facts)
{
	struct entry other = *entry;

	other.mode ^= 0111;
	other.mtime = 12345;
	other.uid = other.gid = 77;
	return differ(a, analyzer, &other, body, facts);
}

static void assert_inputs(struct audit *a, size_t index, const struct entry *entry, struct slice body)
{
	const struct analyzer *analyzer = analyzer_at(index);
	struct buf             facts = {.bytes_max = 16u << 20};
	uint32_t               needs = 0;

	if (!facts_of(a, analyzer, entry, body, &facts))
		fail_msg("%s: adds facts under another path than %.*s", analyzer->name, SLICE_FMT(entry->path));
	if (depend_on_path(a, analyzer, entry, body, &facts, true))
		needs |= INPUT_NAME;
	if (depend_on_path(a, analyzer, entry, body, &facts, false))
		needs |= INPUT_PATH;
	if (depend_on_mode(a, analyzer, entry, body, &facts))
		needs |= INPUT_MODE;
	a->needed[index] |= needs;
	if (analyzer->inputs & INPUT_PATH)
		needs &= ~(uint32_t)INPUT_NAME;
	if (needs & ~analyzer->inputs)
		fail_msg("%s: facts of %.*s depend on inputs 0x%x, and it declares 0x%x", analyzer->name,
			 SLICE_FMT(entry->path), needs, analyzer->inputs);
	a->runs++;
	buf_deinit(&facts);
}

/* Every analyzer that wants the file, by its name or by its content. */
static void audit_file(struct audit *a, const struct entry *entry, struct slice body)
{
	struct arena          arena;
	struct analyzer_index index = {0};
	struct analyzer_bits  named;
	struct slice          head = slice_sub(body, 0, LIMIT_HEAD_BYTES);

	arena_init(&arena, 1 << 20);
	assert_true(analyzer_index_init(&index, &arena));
	named = analyzer_index_find(&index, entry->path);
	for (size_t i = 0; (i = analyzer_bits_next(&named, i)) != SIZE_MAX; i++)
		if (!analyzer_at(i)->wants || analyzer_at(i)->wants(entry, head) != NEED_NOTHING)
			assert_inputs(a, i, entry, body);
	for (size_t i = 0; i < analyzer_count(); i++)
		if (analyzer_at(i)->sniff && analyzer_at(i)->sniff(head))
			assert_inputs(a, i, entry, body);
	analyzer_index_deinit(&index);
	arena_deinit(&arena);
}

static void audit_folder(const char *folder, size_t root_bytes, struct audit *a)
{
	struct dirent **names;
	int             count = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char       path[PATH_MAX];
		struct buf body = {.bytes_max = 512u << 20};

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_type == DT_DIR && strcmp(names[i]->d_name, ".") != 0 &&
		    strcmp(names[i]->d_name, "..") != 0)
			audit_folder(path, root_bytes, a);
		if (names[i]->d_type == DT_REG && file_read(path, &body, NULL) == 0) {
			struct entry entry = {.path = slice_str(path + root_bytes),
					      .type = PATH_FILE,
					      .size = body.len,
					      .mode = 0755};

			audit_file(a, &entry, buf_slice(&body));
		}
		buf_deinit(&body);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

static void audit_case(const char *layer, void *data)
{
	audit_folder(layer, strlen(layer) + 1, data);
}

static void facts_depend_on_nothing_but_the_declared_inputs(void **state)
{
	struct audit a = {.runs = 0};

	(void)state;
	memory_memo_init(&a.memo);
	assert_true(body_memo_init(&a.body, &a.memo.memo));
	each_case(TEST_DATA_DIR "/analyze", 1, audit_case, &a);
	print_message("%u runs\n", a.runs);
	assert_true(a.runs > 400);
	for (size_t i = 0; i < analyzer_count(); i++)
		if (analyzer_at(i)->inputs & ~(a.needed[i] | (uint32_t)INPUT_SIBLINGS))
			fail_msg("%s: declares inputs 0x%x, which costs hits, and its cases depend on 0x%x only",
				 analyzer_at(i)->name, analyzer_at(i)->inputs, a.needed[i]);
	body_memo_deinit(&a.body);
	memory_memo_deinit(&a.memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_analyzer_case_gives_the_same_inventory_with_a_memo),
		cmocka_unit_test(every_layer_gives_the_same_inventory_with_a_memo),
		cmocka_unit_test(real_root_file_systems_give_the_same_inventory_with_a_memo),
		cmocka_unit_test(what_is_no_facts_is_not_known),
		cmocka_unit_test(a_memo_that_is_off_is_not_asked_again),
		cmocka_unit_test(facts_depend_on_nothing_but_the_declared_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
