/* OSV records over any bytes: read, stored, read back, asked; and stored forms of any bytes. */
#include "match/osv.h"

#include <stdlib.h>

enum { ARENA_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct osv_affected *affected)
{
	static const char *const VERSIONS[] = {"", "0", "1.2.3-r4", "2:1.0~rc1-1+b1", "not a version"};
	struct osv_hit           hit;

	for (size_t i = 0; i < sizeof(VERSIONS) / sizeof(*VERSIONS); i++)
		(void)osv_affects(affected, &(struct osv_query){.version = slice_str(VERSIONS[i])}, &hit);
	(void)osv_affected_is_unfixed(affected);
}

static void store_and_load(const struct osv_record *record, struct arena *arena)
{
	struct osv_record   header;
	struct osv_affected affected;
	struct buf          bytes;

	buf_init(&bytes, ARENA_BYTES);
	osv_header_encode(record, &bytes);
	if (buf_ok(&bytes) && osv_header_decode(buf_slice(&bytes), arena, &header, NULL) == ERR_FORMAT)
		abort();
	for (size_t i = 0; i < record->affected_count; i++) {
		buf_clear(&bytes);
		osv_affected_encode(&record->affected[i], &bytes);
		if (buf_ok(&bytes) && osv_affected_decode(buf_slice(&bytes), arena, &affected, NULL) == ERR_FORMAT)
			abort();
		ask(&record->affected[i]);
	}
	buf_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct osv_record   record;
	struct osv_affected affected;
	struct arena        arena;

	arena_init(&arena, ARENA_BYTES);
	if (osv_parse(slice_of(data, size), &arena, &record, NULL) == 0)
		store_and_load(&record, &arena);
	(void)osv_header_decode(slice_of(data, size), &arena, &record, NULL);
	if (osv_affected_decode(slice_of(data, size), &arena, &affected, NULL) == 0)
		ask(&affected);
	arena_deinit(&arena);
	return 0;
}
