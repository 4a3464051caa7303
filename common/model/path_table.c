#include "model/path_table.h"

#include "model/path_block.h"

#include <stdlib.h>
#include <string.h>

/* What is pending in memory before it becomes a run, and how many runs of a level become one of the next. The blocks
 * that a merge holds, RUNS_PER_LEVEL of each level but the first, fit into what is left of PATH_TABLE_BUILD_BYTES_MAX.
 */
enum { PENDING_BYTES = 3 << 20, PENDING_ENTRIES = 128 << 10, RUNS_PER_LEVEL = 16, RUNS_MAX = 64 };

/* A pending entry: this header, then path and target. */
struct pending {
	uint32_t path_len, target_len, type;
};

struct run {
	uint8_t *bytes;
	size_t   len;
	unsigned level;
};

struct path_table_builder {
	struct zstd_blocks *zstd;
	struct buf          pending;
	uint32_t           *offsets; /* of the pending entries, in the order they came */
	size_t              offsets_count, offsets_capacity;
	struct run          runs[RUNS_MAX]; /* oldest first; levels never rise */
	size_t              runs_count;
	size_t              runs_bytes;
	uint64_t            entries;
};

struct path_table_builder *path_table_builder_new(void)
{
	struct path_table_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return NULL;
	builder->zstd = zstd_blocks_new();
	buf_init(&builder->pending, PENDING_BYTES);
	if (!builder->zstd) {
		path_table_builder_free(builder);
		return NULL;
	}
	return builder;
}

static void free_runs(struct path_table_builder *builder, size_t from)
{
	for (size_t i = from; i < builder->runs_count; i++) {
		builder->runs_bytes -= builder->runs[i].len;
		free(builder->runs[i].bytes);
	}
	builder->runs_count = from;
}

void path_table_builder_free(struct path_table_builder *builder)
{
	if (!builder)
		return;
	free_runs(builder, 0);
	free(builder->offsets);
	buf_deinit(&builder->pending);
	zstd_blocks_free(builder->zstd);
	free(builder);
}

static struct path_entry pending_entry(const struct path_table_builder *builder, uint32_t offset)
{
	const uint8_t *at = builder->pending.ptr + offset;
	struct pending head;

	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	return (struct path_entry){.path = slice_of(at, head.path_len),
				   .type = (enum path_type)head.type,
				   .target = slice_of(at + head.path_len, head.target_len)};
}

/* Of two of one path and rank the later one first. */
static int compare_pending(const void *a, const void *b, void *context)
{
	uint32_t          offset_a = *(const uint32_t *)a, offset_b = *(const uint32_t *)b;
	struct path_entry entry_a = pending_entry(context, offset_a), entry_b = pending_entry(context, offset_b);
	int               order = path_entry_cmp(&entry_a, &entry_b);

	return order ? order : (offset_a < offset_b) - (offset_a > offset_b);
}

static int write_pending(struct path_table_builder *builder, struct path_block_writer *w, struct err *err)
{
	struct path_entry last = {0};
	int               verdict = 0;

	if (builder->offsets_count)
		qsort_r(builder->offsets, builder->offsets_count, sizeof(*builder->offsets), compare_pending, builder);
	for (size_t i = 0; i < builder->offsets_count && !verdict; i++) {
		struct path_entry entry = pending_entry(builder, builder->offsets[i]);

		if (i && path_entry_cmp(&entry, &last) == 0)
			continue;
		verdict = path_block_write(w, &entry, err);
		last = entry;
	}
	builder->offsets_count = 0;
	buf_clear(&builder->pending);
	return verdict;
}

static int add_run(struct path_table_builder *builder, struct buf *bytes, unsigned level)
{
	struct run *run = &builder->runs[builder->runs_count++];

	run->level = level;
	run->bytes = buf_take(bytes, &run->len);
	builder->runs_bytes += run->len;
	return 0;
}

/* --- merging: a heap of readers, the smallest entry on top, of equal ones that of the newest run --- */

struct source {
	struct path_block_reader reader;
	struct path_entry        entry;
};

struct merge {
	struct source **sources; /* index = age, oldest first */
	size_t          sources_count;
	size_t          heap[RUNS_MAX];
	size_t          heap_count;
};

static bool comes_first(const struct merge *m, size_t a, size_t b)
{
	int order = path_entry_cmp(&m->sources[a]->entry, &m->sources[b]->entry);

	return order ? order < 0 : a > b;
}

static void sift_down(struct merge *m, size_t at)
{
	for (;;) {
		size_t first = at, left = 2 * at + 1, moved = m->heap[at];

		for (size_t child = left; child < left + 2 && child < m->heap_count; child++)
			if (comes_first(m, m->heap[child], m->heap[first]))
				first = child;
		if (first == at)
			return;
		m->heap[at] = m->heap[first];
		m->heap[first] = moved;
		at = first;
	}
}

/* Steps the source on top forward; it leaves the heap at its end. */
static int advance_top(struct merge *m, struct err *err)
{
	struct source *top = m->sources[m->heap[0]];
	int            more = path_block_read(&top->reader, &top->entry, err);

	if (more < 0)
		return more;
	if (more == 0)
		m->heap[0] = m->heap[--m->heap_count];
	sift_down(m, 0);
	return 0;
}

static int merge_into(struct merge *m, struct path_block_writer *w, struct err *err)
{
	uint8_t           path[LIMIT_PATH_BYTES];
	struct path_entry last = {0};
	bool              any = false;
	int               verdict = 0;

	while (m->heap_count && !verdict) {
		const struct path_entry *entry = &m->sources[m->heap[0]]->entry;

		if (!any || path_entry_cmp(entry, &last) != 0) {
			verdict = path_block_write(w, entry, err);
			memcpy(path, entry->path.ptr, entry->path.len);
			last = (struct path_entry){.path = slice_of(path, entry->path.len), .type = entry->type};
			any = true;
		}
		if (!verdict)
			verdict = advance_top(m, err);
	}
	return verdict;
}

static int open_source(struct merge *m, struct path_table_builder *builder, const struct run *run, struct err *err)
{
	struct source *source = malloc(sizeof(*source));
	int            more;

	if (!source)
		return err_set(err, ERR_MEM, "path table: out of memory");
	m->sources[m->sources_count] = source;
	m->sources_count++;
	more = path_block_reader_init(&source->reader, builder->zstd, slice_of(run->bytes, run->len), err);
	if (more == 0)
		more = path_block_read(&source->reader, &source->entry, err);
	if (more == 1)
		m->heap[m->heap_count++] = m->sources_count - 1;
	return more < 0 ? more : 0;
}

/* The runs from `from` on, merged into one table. */
static int merge_runs(struct path_table_builder *builder, size_t from, struct buf *out, struct err *err)
{
	struct source           *sources[RUNS_MAX];
	struct merge             m = {.sources = sources};
	struct path_block_writer w;
	int                      verdict = 0;

	path_block_writer_init(&w, builder->zstd, out);
	for (size_t i = from; i < builder->runs_count && !verdict; i++)
		verdict = open_source(&m, builder, &builder->runs[i], err);
	for (size_t i = m.heap_count; i-- > 0;)
		sift_down(&m, i);
	if (!verdict)
		verdict = merge_into(&m, &w, err);
	if (!verdict)
		verdict = path_block_finish(&w, err);
	for (size_t i = 0; i < m.sources_count; i++)
		free(m.sources[i]);
	path_block_writer_deinit(&w);
	return verdict;
}

/* As long as the newest RUNS_PER_LEVEL runs are of one level, they become one of the next. */
static int compact(struct path_table_builder *builder, struct err *err)
{
	while (builder->runs_count >= RUNS_PER_LEVEL) {
		size_t     from = builder->runs_count - RUNS_PER_LEVEL;
		unsigned   level = builder->runs[builder->runs_count - 1].level;
		struct buf merged;
		int        verdict;

		if (builder->runs[from].level != level)
			return 0;
		buf_init(&merged, LIMIT_INVENTORY_BYTES);
		verdict = merge_runs(builder, from, &merged, err);
		if (verdict) {
			buf_deinit(&merged);
			return verdict;
		}
		free_runs(builder, from);
		add_run(builder, &merged, level + 1);
	}
	return 0;
}

static int write_table(struct path_table_builder *builder, struct buf *out, struct err *err)
{
	struct path_block_writer w;
	int                      verdict;

	path_block_writer_init(&w, builder->zstd, out);
	verdict = write_pending(builder, &w, err);
	if (!verdict)
		verdict = path_block_finish(&w, err);
	path_block_writer_deinit(&w);
	return verdict;
}

static int pending_to_run(struct path_table_builder *builder, struct err *err)
{
	struct buf bytes;
	int        verdict;

	buf_init(&bytes, LIMIT_INVENTORY_BYTES - builder->runs_bytes);
	verdict = write_table(builder, &bytes, err);
	if (verdict) {
		buf_deinit(&bytes);
		return verdict;
	}
	add_run(builder, &bytes, 0);
	return compact(builder, err);
}

static bool grow_offsets(struct path_table_builder *builder)
{
	size_t    capacity = builder->offsets_capacity ? builder->offsets_capacity * 2 : 1024;
	uint32_t *bigger;

	if (builder->offsets_count < builder->offsets_capacity)
		return true;
	bigger = realloc(builder->offsets, capacity * sizeof(*bigger));
	if (!bigger)
		return false;
	builder->offsets = bigger;
	builder->offsets_capacity = capacity;
	return true;
}

int path_table_add(struct path_table_builder *builder, const struct path_entry *entry, struct err *err)
{
	struct pending head = {.path_len = (uint32_t)entry->path.len,
			       .target_len = (uint32_t)entry->target.len,
			       .type = (uint32_t)entry->type};
	size_t         size = sizeof(head) + entry->path.len + entry->target.len;
	int            verdict;

	if (entry->path.len > LIMIT_PATH_BYTES || entry->target.len > LIMIT_PATH_BYTES)
		return err_set(err, ERR_LIMIT, "path table: a path is longer than %u bytes", LIMIT_PATH_BYTES);
	if (++builder->entries > PATH_TABLE_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "path table: more than %llu entries",
			       (unsigned long long)PATH_TABLE_ENTRIES_MAX);
	if (builder->offsets_count == PENDING_ENTRIES || size > PENDING_BYTES - builder->pending.len) {
		verdict = pending_to_run(builder, err);
		if (verdict)
			return verdict;
	}
	if (!grow_offsets(builder))
		return err_set(err, ERR_MEM, "path table: out of memory");
	builder->offsets[builder->offsets_count] = (uint32_t)builder->pending.len;
	buf_append(&builder->pending, slice_of(&head, sizeof(head)));
	buf_append(&builder->pending, entry->path);
	buf_append(&builder->pending, entry->target);
	if (!buf_ok(&builder->pending))
		return err_set(err, ERR_MEM, "path table: out of memory");
	builder->offsets_count++;
	return 0;
}

int path_table_finish(struct path_table_builder *builder, struct buf *out, struct err *err)
{
	int verdict;

	if (builder->runs_count == 0)
		return write_table(builder, out, err);
	verdict = builder->offsets_count ? pending_to_run(builder, err) : 0;
	buf_deinit(&builder->pending); /* its memory goes to the blocks of the merge */
	if (!verdict)
		verdict = merge_runs(builder, 0, out, err);
	free_runs(builder, 0);
	return verdict;
}

struct path_table_reader {
	struct zstd_blocks      *zstd;
	struct path_block_reader blocks;
};

struct path_table_reader *path_table_reader_new(struct slice encoded, struct err *err)
{
	struct path_table_reader *reader = calloc(1, sizeof(*reader));

	if (reader)
		reader->zstd = zstd_blocks_new();
	if (!reader || !reader->zstd) {
		path_table_reader_free(reader);
		err_set(err, ERR_MEM, "path table: out of memory");
		return NULL;
	}
	if (path_block_reader_init(&reader->blocks, reader->zstd, encoded, err) < 0) {
		path_table_reader_free(reader);
		return NULL;
	}
	return reader;
}

void path_table_reader_free(struct path_table_reader *reader)
{
	if (!reader)
		return;
	zstd_blocks_free(reader->zstd);
	free(reader);
}

int path_table_next(struct path_table_reader *reader, struct path_entry *entry, struct err *err)
{
	return path_block_read(&reader->blocks, entry, err);
}
