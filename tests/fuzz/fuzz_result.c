/* Images and results as a peer sends them; what is accepted must encode again. */
#include "model/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice        bytes = slice_of(data, size);
	struct buf          again = {.bytes_max = 64 << 20};
	struct image_result result;
	struct image        image;
	struct arena        arena;

	arena_init(&arena, 16 << 20);
	if (result_decode(bytes, &arena, &result, NULL) == 0 && result_encode(&result, &again, NULL) != 0)
		__builtin_trap();
	arena_reset(&arena);
	buf_clear(&again);
	if (image_decode(bytes, &arena, &image, NULL) == 0 && image_encode(&image, &again, NULL) != 0)
		__builtin_trap();
	buf_deinit(&again);
	arena_deinit(&arena);
	return 0;
}
