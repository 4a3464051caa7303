#include "match/advisories_memory.h"

#include "base/hash.h"

#include <stdlib.h>

/* One affected entry of a kept record, sorted by ecosystem, name, record id, order in the record. */
struct entry {
	const struct osv_record   *record;
	const struct osv_affected *affected;
};

struct advisories_memory {
	struct advisories     base; /* first: handed out as struct advisories */
	struct arena          arena;
	struct osv_record   **records;
	size_t                records_count, records_capacity;
	struct entry         *entries;
	size_t                entries_count;
	struct advisory_feed *feeds;
	char                  generation[2 * XXH128_BYTES + 1];
};

struct advisories_memory *advisories_memory_new(size_t bytes_max)
{
	struct advisories_memory *memory = calloc(1, sizeof(*memory));

	if (memory)
		arena_init(&memory->arena, bytes_max);
	return memory;
}

void advisories_memory_free(struct advisories_memory *memory)
{
	if (!memory)
		return;
	arena_deinit(&memory->arena);
	free(memory);
}

int advisories_memory_add(struct advisories_memory *memory, struct slice json, struct err *err)
{
	struct osv_record *record = arena_alloc(&memory->arena, sizeof(*record));
	int                rc;

	if (!record)
		return err_set(err, ERR_MEM, "advisories: out of memory");
	rc = osv_parse(json, &memory->arena, record, err);
	if (rc)
		return rc;
	if (!arena_grow(&memory->arena, &memory->records, &memory->records_capacity, memory->records_count,
			sizeof(*memory->records)))
		return err_set(err, ERR_MEM, "advisories: out of memory");
	memory->records[memory->records_count++] = record;
	return 0;
}

/* By id, the newest first, so that the first of each id is kept. */
static int by_id(const void *a, const void *b)
{
	const struct osv_record *left = *(struct osv_record *const *)a, *right = *(struct osv_record *const *)b;
	int                      order = slice_cmp(left->id, right->id);

	return order ? order : slice_cmp(right->modified, left->modified);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	int                 order = slice_cmp(left->affected->ecosystem, right->affected->ecosystem);

	if (order == 0)
		order = slice_cmp(left->affected->name, right->affected->name);
	if (order == 0)
		order = slice_cmp(left->record->id, right->record->id);
	return order ? order : (left->affected > right->affected) - (left->affected < right->affected);
}

static void keep_newest(struct advisories_memory *memory)
{
	size_t kept = 0;

	if (memory->records_count)
		qsort(memory->records, memory->records_count, sizeof(*memory->records), by_id);
	for (size_t i = 0; i < memory->records_count; i++)
		if (kept == 0 || !slice_eq(memory->records[kept - 1]->id, memory->records[i]->id))
			memory->records[kept++] = memory->records[i];
	memory->records_count = kept;
}

static void collect_entries(struct advisories_memory *memory)
{
	size_t total = 0;

	for (size_t i = 0; i < memory->records_count; i++)
		total += memory->records[i]->withdrawn ? 0 : memory->records[i]->affected_count;
	memory->entries = arena_array(&memory->arena, total, sizeof(*memory->entries));
	for (size_t i = 0; memory->entries && i < memory->records_count; i++) {
		const struct osv_record *record = memory->records[i];

		for (size_t k = 0; k < record->affected_count && !record->withdrawn; k++)
			memory->entries[memory->entries_count++] = (struct entry){record, &record->affected[k]};
	}
	if (memory->entries_count)
		qsort(memory->entries, memory->entries_count, sizeof(*memory->entries), by_key);
}

static void add_to_feed(struct advisory_feed *feed, const struct entry *entry, bool new_record)
{
	feed->entries++;
	feed->records += new_record;
	feed->unfixed += osv_affected_is_unfixed(entry->affected);
	feed->ranges_voided += entry->affected->ranges_voided;
	if (slice_cmp(entry->record->modified, feed->date) > 0)
		feed->date = entry->record->modified;
}

/* Entries are sorted by ecosystem; a record is new to its feed unless it was the one before under the same package. */
static void collect_feeds(struct advisories_memory *memory)
{
	size_t capacity = 0;

	for (size_t i = 0; i < memory->entries_count; i++) {
		const struct entry *entry = &memory->entries[i];
		bool new_feed = i == 0 || !slice_eq(entry[-1].affected->ecosystem, entry->affected->ecosystem);

		if (new_feed && !arena_grow(&memory->arena, &memory->feeds, &capacity, memory->base.feeds_count,
					    sizeof(*memory->feeds)))
			return;
		if (new_feed)
			memory->feeds[memory->base.feeds_count++] =
				(struct advisory_feed){.ecosystem = entry->affected->ecosystem};
		add_to_feed(&memory->feeds[memory->base.feeds_count - 1], entry,
			    new_feed || entry[-1].record != entry->record);
	}
}

static int find(const struct advisories *advisories, struct slice ecosystem, struct slice name, struct arena *arena,
		struct advisory **out, size_t *count, struct err *err)
{
	const struct advisories_memory *memory = (const struct advisories_memory *)advisories;
	size_t                          low = 0, high = memory->entries_count, end;

	while (low < high) {
		size_t                     middle = low + (high - low) / 2;
		const struct osv_affected *affected = memory->entries[middle].affected;
		int                        order = slice_cmp(affected->ecosystem, ecosystem);

		if ((order ? order : slice_cmp(affected->name, name)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < memory->entries_count; end++)
		if (!slice_eq(memory->entries[end].affected->ecosystem, ecosystem) ||
		    !slice_eq(memory->entries[end].affected->name, name))
			break;
	*out = arena_array(arena, end - low, sizeof(**out));
	if (!*out)
		return err_set(err, ERR_MEM, "advisories: out of memory");
	for (size_t i = low; i < end; i++)
		(*out)[(*count)++] = (struct advisory){memory->entries[i].record, memory->entries[i].affected};
	return 0;
}

static bool feed_at(const struct advisories *advisories, size_t index, struct advisory_feed *out)
{
	const struct advisories_memory *memory = (const struct advisories_memory *)advisories;

	if (index >= advisories->feeds_count)
		return false;
	*out = memory->feeds[index];
	return true;
}

/* Hash over id and modified of all records in order. */
static void compute_generation(struct advisories_memory *memory)
{
	struct buf text;
	uint8_t    hash[XXH128_BYTES];

	buf_init(&text, memory->arena.bytes_max);
	for (size_t i = 0; i < memory->records_count; i++) {
		const struct osv_record *record = memory->records[i];

		buf_append(&text, record->id);
		buf_byte(&text, '\n');
		buf_append(&text, record->modified);
		buf_byte(&text, '\n');
		if (slice_cmp(record->modified, memory->base.date) > 0)
			memory->base.date = record->modified;
	}
	xxh128_once(buf_slice(&text), hash);
	memory->arena.failed |= !buf_ok(&text);
	buf_deinit(&text);
	for (size_t i = 0; i < sizeof(hash); i++) {
		memory->generation[2 * i] = "0123456789abcdef"[hash[i] >> 4];
		memory->generation[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
	}
	memory->base.generation = slice_str(memory->generation);
}

const struct advisories *advisories_memory_seal(struct advisories_memory *memory, struct err *err)
{
	static const struct advisories_ops OPS = {find, feed_at};

	memory->base = (struct advisories){.ops = &OPS};
	keep_newest(memory);
	collect_entries(memory);
	collect_feeds(memory);
	compute_generation(memory);
	if (arena_failed(&memory->arena)) {
		err_set(err, ERR_MEM, "advisories: out of memory");
		return NULL;
	}
	return &memory->base;
}
