/* bench_memo [-n RUNS] [-c CHANGED] LAYER... - what the file memo saves of a rebuilt layer, on one thread, in CPU.
 *
 * The entries of the layer are read into memory once. Then, in turn, all of them go through the dispatcher: without a memo;
 * with an empty one; and rebuilt, with CHANGED (5) of the files that analyzers want changed, and a memo that has the first
 * build. The memo is the real store, its commit included. Beside it: what inflating and hashing the layer itself takes, and
 * what is in a run without a memo: choosing (every entry asked for, no body read), and hashing what the inventory has the
 * SHA-256 of. bench/README.md says what to expect. */
#include "analyze/dispatch.h"
#include "base/archive.h"
#include "base/limits.h"
#include "base/path.h"
#include "layer/layer.h"
#include "memo/memo.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_DEFAULT = 7, RUNS_MAX = 101, CHANGED_DEFAULT = 5 };

struct item {
	struct entry entry;
	struct slice body;
	bool         wanted;
};

struct items {
	struct item *all;
	size_t       count, capacity;
	uint64_t     bytes;
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_memo: %s: %s\n", what, why);
	exit(4);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- the layer, in memory --- */

static enum path_type path_type_of(enum member_type type)
{
	static const enum path_type types[] = {[MEMBER_FILE] = PATH_FILE,
					       [MEMBER_DIRECTORY] = PATH_DIRECTORY,
					       [MEMBER_SYMLINK] = PATH_SYMLINK,
					       [MEMBER_HARDLINK] = PATH_HARDLINK,
					       [MEMBER_OTHER] = PATH_OTHER};

	return types[type];
}

static struct slice own_path(struct slice name)
{
	char        *room = malloc(LIMIT_PATH_BYTES);
	struct slice path;

	if (!room)
		die("paths", "out of memory");
	path_canonical(name, room, &path);
	return path;
}

static struct slice own_body(struct archive_reader *reader)
{
	struct buf   body = {.bytes_max = 1u << 30};
	struct slice block;

	while (archive_reader_body(reader, &block, NULL) == STREAM_BLOCK)
		buf_append(&body, block);
	return buf_slice(&body);
}

static void add_item(struct items *items, struct archive_reader *reader, const struct archive_member *member)
{
	if (items->count == items->capacity) {
		items->capacity = items->capacity ? 2 * items->capacity : 4096;
		items->all = realloc(items->all, items->capacity * sizeof(*items->all));
		if (!items->all)
			die("entries", "out of memory");
	}
	items->all[items->count++] = (struct item){.entry = {.path = own_path(member->name),
							     .target = own_path(member->target),
							     .type = path_type_of(member->type),
							     .size = member->size,
							     .mode = member->mode},
						   .body = own_body(reader)};
	items->bytes += member->size;
}

static void load(const char *path, struct items *items)
{
	struct layer_config    config = {0};
	int                    fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stream         *stream = fd < 0 ? NULL : stream_of_fd(fd, path);
	struct layer          *layer = stream ? layer_open(stream, &config, NULL) : NULL;
	struct archive_reader *reader = layer ? archive_reader_new(layer_tar(layer), ARCHIVE_KIND_TAR, NULL) : NULL;
	struct archive_member  member;

	if (!reader)
		die(path, "cannot be read");
	while (archive_reader_next(reader, &member, NULL) == 1)
		add_item(items, reader, &member);
	archive_reader_free(reader);
	layer_close(layer);
	stream_close(stream);
}

static void items_free(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		free((void *)(uintptr_t)items->all[i].body.ptr);
	free(items->all);
}

/* Inflate, and SHA-256 of both sides: what a scan cannot do without. */
static double floor_ms(const char *path)
{
	struct layer_config  config = {0};
	struct layer_summary summary;
	double               start = cpu_ms();
	struct stream       *stream = stream_of_fd(open(path, O_RDONLY | O_CLOEXEC), path);
	struct layer        *layer = layer_open(stream, &config, NULL);

	if (!layer || layer_finish(layer, &summary, NULL) < 0)
		die(path, "cannot be read");
	layer_close(layer);
	stream_close(stream);
	return cpu_ms() - start;
}

/* --- runs --- */

struct outcome {
	struct memo_counts counts;
	uint64_t           analyzed, hashed_bytes;
	struct buf         inventory;
};

static void pass(struct dispatch *d, struct item *item)
{
	struct slice         head = slice_sub(item->body, 0, LIMIT_HEAD_BYTES);
	enum dispatch_need   need = dispatch_begin(d, &item->entry, head);
	struct dispatch_body body = {.bytes = item->body};

	item->wanted = need == DISPATCH_WHOLE;
	if (need == DISPATCH_STREAM)
		dispatch_feed(d, item->body);
	if (need != DISPATCH_NOTHING)
		dispatch_finish(d, need == DISPATCH_WHOLE ? &body : NULL);
}

static void note_outcome(struct dispatch *d, struct inventory *inv, struct outcome *out)
{
	out->counts = dispatch_memo_counts(d);
	out->analyzed = dispatch_files_analyzed(d);
	out->hashed_bytes = 0;
	for (size_t i = 0; i < inv->hashes_count; i++)
		out->hashed_bytes += inv->hashes[i].size;
	buf_clear(&out->inventory);
	inventory_encode(inv, &out->inventory, NULL);
}

/* One layer through the dispatcher; `memo` may be NULL. */
static double run(struct items *items, struct memo *memo, struct outcome *out)
{
	struct digest      digest = {{1}};
	struct memo_counts counts;
	struct inventory   inv;
	double             start = cpu_ms(), spent;
	struct memo_layer *layer = memo_layer_begin(memo);
	struct dispatch   *d;

	inventory_init(&inv);
	d = dispatch_new(&inv, -1, memo_layer_calls(layer), NULL);
	for (size_t i = 0; i < items->count; i++)
		pass(d, &items->all[i]);
	dispatch_end(d, NULL);
	memo_layer_end(layer, &digest, &counts);
	spent = cpu_ms() - start;
	note_outcome(d, &inv, out);
	dispatch_free(d);
	inventory_deinit(&inv);
	return spent;
}

static double choose_ms(struct items *items)
{
	struct inventory inv;
	struct dispatch *d;
	double           start;

	inventory_init(&inv);
	d = dispatch_new(&inv, -1, NULL, NULL);
	start = cpu_ms();
	for (size_t i = 0; i < items->count; i++)
		dispatch_begin(d, &items->all[i].entry, slice_sub(items->all[i].body, 0, LIMIT_HEAD_BYTES));
	start = cpu_ms() - start;
	dispatch_free(d);
	inventory_deinit(&inv);
	return start;
}

/* SHA-256, or XXH3-128, of the bodies that analyzers want. */
static double hash_ms(const struct items *items, bool xxh)
{
	double  start = cpu_ms();
	uint8_t out[SHA256_BYTES];

	for (size_t i = 0; i < items->count; i++) {
		if (!items->all[i].wanted)
			continue;
		if (xxh)
			xxh128_once(items->all[i].body, out);
		else
			sha256_once(items->all[i].body, out);
	}
	return cpu_ms() - start;
}

/* Rebuilt: a byte of some wanted files, spread over the layer, is another. */
static void change(struct items *items, size_t changed, uint8_t to)
{
	size_t wanted = 0, at = 0;

	for (size_t i = 0; i < items->count; i++)
		wanted += items->all[i].wanted && items->all[i].body.len;
	for (size_t i = 0; i < items->count && wanted; i++) {
		struct item *item = &items->all[i];

		if (item->wanted && item->body.len && at++ % (wanted / changed + 1) == 0)
			((uint8_t *)(uintptr_t)item->body.ptr)[item->body.len - 1] = to;
	}
}

/* --- what comes out --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare_doubles);
	return values[count / 2];
}

enum figure { FLOOR, CHOOSE, FIRST, EMPTY_MEMO, REBUILT, SHA_WANTED, XXH_WANTED, FIGURES };

static void measure(const char *path, struct items *items, size_t changed, double figures[FIGURES],
		    struct outcome out[3])
{
	char               dir[] = "/tmp/bench-memo-XXXXXX";
	struct memo_config config = {.dir = mkdtemp(dir), .unchecked = true};
	struct memo       *memo;
	struct err         err = {0};

	if (!config.dir || memo_open(&config, &memo, &err) < 0)
		die(dir, err.text);
	figures[FLOOR] = floor_ms(path);
	figures[CHOOSE] = choose_ms(items);
	figures[FIRST] = run(items, NULL, &out[0]);
	figures[EMPTY_MEMO] = run(items, memo, &out[1]);
	figures[SHA_WANTED] = hash_ms(items, false);
	figures[XXH_WANTED] = hash_ms(items, true);
	if (!slice_eq(buf_slice(&out[0].inventory), buf_slice(&out[1].inventory)))
		die(path, "another inventory with the memo");
	change(items, changed, 'x');
	figures[REBUILT] = run(items, memo, &out[2]);
	change(items, changed, 'y');
	memo_close(memo);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void print(const char *path, const struct items *items, const double figures[FIGURES],
		  const struct outcome out[3])
{
	printf("%s: %zu entries, %.1f MB; %" PRIu64 " runs of analyzers, SHA-256 of %.1f MB in the inventory\n", path,
	       items->count, (double)items->bytes / 1e6, out[0].analyzed, (double)out[0].hashed_bytes / 1e6);
	printf("  inflate and SHA-256 of the layer      %8.2f ms\n", figures[FLOOR]);
	printf("  without a memo                        %8.2f ms  of which choosing %.2f\n", figures[FIRST],
	       figures[CHOOSE]);
	printf("  empty memo                            %8.2f ms  %" PRIu64 " asked, %" PRIu64 " kept\n",
	       figures[EMPTY_MEMO], out[1].counts.lookups, out[1].counts.kept);
	printf("  rebuilt, memo of the first build      %8.2f ms  %" PRIu64 " asked, %" PRIu64 " hits, %" PRIu64
	       " runs of analyzers\n",
	       figures[REBUILT], out[2].counts.lookups, out[2].counts.hits, out[2].analyzed);
	printf("  rebuilt / without                     %8.1f %%  (choosing left out: %.1f %%)\n",
	       100 * figures[REBUILT] / figures[FIRST],
	       100 * (figures[REBUILT] - figures[CHOOSE]) / (figures[FIRST] - figures[CHOOSE]));
	printf("  hashing what analyzers want: SHA-256  %8.2f ms, XXH3-128 %.2f ms\n", figures[SHA_WANTED],
	       figures[XXH_WANTED]);
}

static void bench(const char *path, int runs, size_t changed)
{
	struct items   items = {.count = 0};
	struct outcome out[3] = {0};
	double         figures[FIGURES], all[FIGURES][RUNS_MAX];

	for (size_t i = 0; i < 3; i++)
		buf_init(&out[i].inventory, LIMIT_INVENTORY_BYTES);
	load(path, &items);
	for (int i = 0; i < runs; i++) {
		measure(path, &items, changed, figures, out);
		for (size_t f = 0; f < FIGURES; f++)
			all[f][i] = figures[f];
	}
	for (size_t f = 0; f < FIGURES; f++)
		figures[f] = median(all[f], runs);
	print(path, &items, figures, out);
	for (size_t i = 0; i < 3; i++)
		buf_deinit(&out[i].inventory);
	items_free(&items);
}

int main(int argc, char **argv)
{
	int  runs = RUNS_DEFAULT, first = 1;
	long changed = CHANGED_DEFAULT;

	for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
		if (strcmp(argv[first], "-n") == 0)
			runs = (int)strtol(argv[first + 1], NULL, 10);
		else if (strcmp(argv[first], "-c") == 0)
			changed = strtol(argv[first + 1], NULL, 10);
		else
			break;
	}
	if (first >= argc || runs < 1 || runs > RUNS_MAX || changed < 1) {
		fprintf(stderr, "usage: bench_memo [-n RUNS] [-c CHANGED] LAYER...\n");
		return 2;
	}
	for (int i = first; i < argc; i++)
		bench(argv[i], runs, (size_t)changed);
	return 0;
}
