#include "analyze/rpm_wal.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <stdlib.h>

enum { HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24, MAGIC = 0x377f0682, VERSION = 3007000 };

struct checksum {
	bool     big_endian; /* lowest bit of the magic: how the words under the sum are read */
	uint32_t s0, s1;
};

static void checksum_add(struct checksum *sum, struct slice bytes)
{
	struct cursor c = cursor_of(bytes);

	while (c.left >= 8) {
		uint32_t x0 = sum->big_endian ? cursor_u32be(&c) : cursor_u32le(&c);
		uint32_t x1 = sum->big_endian ? cursor_u32be(&c) : cursor_u32le(&c);

		sum->s0 += x0 + sum->s1;
		sum->s1 += x1 + sum->s0;
	}
}

struct wal_header {
	struct slice    salts;
	struct checksum sum;
};

static int read_header(struct slice bytes, uint32_t page_bytes, struct wal_header *header, struct err *err)
{
	struct cursor c = cursor_of(bytes);
	uint32_t      magic = cursor_u32be(&c), version = cursor_u32be(&c), size = cursor_u32be(&c), s0, s1;

	cursor_skip(&c, 4); /* checkpoint number */
	header->salts = cursor_take(&c, 8);
	s0 = cursor_u32be(&c);
	s1 = cursor_u32be(&c);
	header->sum = (struct checksum){.big_endian = magic & 1};
	checksum_add(&header->sum, slice_sub(bytes, 0, HEADER_BYTES - 8));
	if (!cursor_ok(&c) || (magic & ~1u) != MAGIC || s0 != header->sum.s0 || s1 != header->sum.s1)
		return err_set(err, ERR_FORMAT, "the -wal file has no valid header");
	if (version != VERSION)
		return err_set(err, ERR_UNSUPPORTED, "-wal version %" PRIu32, version);
	if (size != page_bytes)
		return err_set(err, ERR_FORMAT,
			       "the -wal file has pages of %" PRIu32 " bytes, the database of %" PRIu32, size,
			       page_bytes);
	return 0;
}

static int by_page(const void *a, const void *b)
{
	const struct rpm_wal_frame *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return (x->index < y->index) - (x->index > y->index); /* the newest first */
}

static void keep_newest(struct rpm_wal *wal)
{
	size_t kept = 0;

	if (wal->frames_count)
		qsort(wal->frames, wal->frames_count, sizeof(wal->frames[0]), by_page);
	for (size_t i = 0; i < wal->frames_count; i++)
		if (kept == 0 || wal->frames[kept - 1].page != wal->frames[i].page)
			wal->frames[kept++] = wal->frames[i];
	wal->frames_count = kept;
}

/* One frame: false when it does not belong to this run of the log. */
static bool read_frame(struct cursor *c, struct wal_header *header, uint32_t page_bytes, uint32_t *page,
		       uint32_t *commit)
{
	struct cursor start = *c;
	struct slice  salts, content;
	uint32_t      s0, s1;

	*page = cursor_u32be(c);
	*commit = cursor_u32be(c);
	salts = cursor_take(c, 8);
	s0 = cursor_u32be(c);
	s1 = cursor_u32be(c);
	content = cursor_take(c, page_bytes);
	if (!cursor_ok(c) || *page == 0 || !slice_eq(salts, header->salts))
		return false;
	checksum_add(&header->sum, cursor_take(&start, 8));
	checksum_add(&header->sum, content);
	return s0 == header->sum.s0 && s1 == header->sum.s1;
}

int rpm_wal_read(struct rpm_wal *wal, struct slice bytes, uint32_t page_bytes, struct arena *arena, struct err *err)
{
	struct cursor     c = cursor_at(bytes, HEADER_BYTES);
	struct wal_header header;
	size_t            capacity = 0, count = 0;
	uint32_t          page, commit;
	int               rc;

	*wal = (struct rpm_wal){.bytes = bytes, .page_bytes = page_bytes};
	if (bytes.len == 0)
		return 0;
	rc = read_header(bytes, page_bytes, &header, err);
	if (rc)
		return rc;
	while (read_frame(&c, &header, page_bytes, &page, &commit)) {
		if (!arena_grow(arena, &wal->frames, &capacity, count, sizeof(wal->frames[0])))
			return err_set(err, ERR_MEM, "out of memory");
		wal->frames[count] = (struct rpm_wal_frame){.page = page, .index = (uint32_t)count};
		count++;
		if (commit) {
			wal->frames_count = count;
			wal->database_pages = commit;
		}
	}
	keep_newest(wal);
	return 0;
}

struct slice rpm_wal_page(const struct rpm_wal *wal, uint32_t page)
{
	size_t low = 0, high = wal->frames_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (wal->frames[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == wal->frames_count || wal->frames[low].page != page)
		return SLICE_EMPTY;
	return slice_sub(wal->bytes,
			 HEADER_BYTES + (size_t)wal->frames[low].index * (FRAME_HEADER_BYTES + wal->page_bytes) +
				 FRAME_HEADER_BYTES,
			 wal->page_bytes);
}
