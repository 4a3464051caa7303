/* A SQLite write-ahead log, as it is and sealed: magic, version, salts and checksums put right, so that what lies
 * behind them is reached. Page size from its own header, as far as it is one. */
#include "analyze/rpm_wal.h"

#include "base/buf.h"
#include "base/cursor.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24, SALTS_AT = 16, PAGES = 16, INPUT_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint32_t s0, s1;
};

static struct sum sum_add(struct sum sum, const uint8_t *bytes, size_t length)
{
	struct cursor c = cursor_of(slice_of(bytes, length));

	while (c.left >= 8) {
		sum.s0 += cursor_u32be(&c) + sum.s1;
		sum.s1 += cursor_u32be(&c) + sum.s0;
	}
	return sum;
}

static void put_sum(uint8_t *out, struct sum sum)
{
	for (unsigned i = 0; i < 4; i++) {
		out[i] = (uint8_t)(sum.s0 >> (24 - 8 * i));
		out[4 + i] = (uint8_t)(sum.s1 >> (24 - 8 * i));
	}
}

static void seal(uint8_t *log, size_t size, uint32_t page_bytes)
{
	struct sum sum;

	memcpy(log, "\x37\x7f\x06\x83\x00\x2d\xe2\x18", 8);
	sum = sum_add((struct sum){0, 0}, log, HEADER_BYTES - 8);
	put_sum(log + HEADER_BYTES - 8, sum);
	for (uint8_t *frame = log + HEADER_BYTES; size - (size_t)(frame - log) >= FRAME_HEADER_BYTES + page_bytes;
	     frame += FRAME_HEADER_BYTES + page_bytes) {
		memcpy(frame + 8, log + SALTS_AT, 8);
		sum = sum_add(sum_add(sum, frame, 8), frame + FRAME_HEADER_BYTES, page_bytes);
		put_sum(frame + SALTS_AT, sum);
	}
}

static int read_log(struct slice log, uint32_t page_bytes)
{
	struct rpm_wal wal;
	struct arena   arena;
	int            rc;

	arena_init(&arena, 1 << 20);
	rc = rpm_wal_read(&wal, log, page_bytes, &arena, NULL);
	for (uint32_t page = 0; rc == 0 && page < PAGES; page++) {
		struct slice found = rpm_wal_page(&wal, page);

		if (found.len &&
		    (found.len != page_bytes || found.ptr < log.ptr || found.ptr + found.len > log.ptr + log.len))
			abort();
	}
	arena_deinit(&arena);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice  bytes = slice_of(data, size);
	struct cursor c = cursor_at(bytes, 8);
	uint32_t      page_bytes = cursor_u32be(&c);
	struct buf    sealed;

	if (size < HEADER_BYTES || page_bytes < 512 || page_bytes > 65536 || (page_bytes & (page_bytes - 1)))
		return 0;
	(void)read_log(bytes, page_bytes);
	buf_init(&sealed, INPUT_BYTES_MAX);
	buf_append(&sealed, bytes);
	if (buf_ok(&sealed)) {
		seal(sealed.ptr, sealed.len, page_bytes);
		if (read_log(buf_slice(&sealed), page_bytes) != 0)
			abort();
	}
	buf_deinit(&sealed);
	return 0;
}
