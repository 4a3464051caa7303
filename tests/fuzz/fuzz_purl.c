/* Package URLs: what is read, written and read again is the same. */
#include "base/limits.h"
#include "model/purl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf   text = {.bytes_max = 4u * LIMIT_STRING_BYTES}, again = {.bytes_max = 4u * LIMIT_STRING_BYTES};
	struct arena arena;
	struct purl  purl;

	arena_init(&arena, 4 << 20);
	if (purl_parse(slice_of(data, size), &arena, &purl, NULL) == 0) {
		purl_write(&purl, &text);
		if (text.len <= LIMIT_STRING_BYTES) {
			if (purl_parse(buf_slice(&text), &arena, &purl, NULL) != 0)
				__builtin_trap();
			purl_write(&purl, &again);
			if (!slice_eq(buf_slice(&text), buf_slice(&again)))
				__builtin_trap();
		}
	}
	buf_deinit(&text);
	buf_deinit(&again);
	arena_deinit(&arena);
	return 0;
}
