/* A SQLite write-ahead log; page size from its own header, as far as it is one. */
#include "analyze/rpm_wal.h"

#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice   bytes = slice_of(data, size);
	struct cursor  c = cursor_at(bytes, 8);
	uint32_t       page_bytes = cursor_u32be(&c);
	struct rpm_wal wal;
	struct arena   arena;
	struct err     err = {0};

	arena_init(&arena, 1 << 20);
	if (page_bytes >= 512 && page_bytes <= 65536 && (page_bytes & (page_bytes - 1)) == 0 &&
	    rpm_wal_read(&wal, bytes, page_bytes, &arena, &err) == 0)
		for (uint32_t page = 0; page < 16; page++)
			(void)rpm_wal_page(&wal, page);
	arena_deinit(&arena);
	return 0;
}
