/* Inventories as a worker that was taken over might send them: decoding, whole and in parts. */
#include "model/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(struct slice bytes, uint32_t parts)
{
	struct inventory inv;

	inventory_init(&inv);
	inv.arena.bytes_max = 16 << 20;
	(void)inventory_decode_parts(bytes, parts, &inv, NULL);
	inventory_deinit(&inv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(slice_of(data, size), INVENTORY_ALL);
	decode(slice_of(data, size), INVENTORY_DBS | INVENTORY_NOTES);
	return 0;
}
