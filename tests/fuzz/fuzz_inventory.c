/* Inventories as a worker that was taken over might send them: decoding, whole and in parts. What is accepted whole is
 * encoded, and that must be read and written as the same again. */
#include "model/inventory.h"

#include <stdlib.h>

enum { ARENA_BYTES = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(struct slice bytes, uint32_t parts, struct buf *again)
{
	struct inventory inv;
	int              rc;

	inventory_init(&inv);
	inv.arena.bytes_max = ARENA_BYTES;
	rc = inventory_decode_parts(bytes, parts, &inv, NULL);
	if (rc == 0 && again)
		rc = inventory_encode(&inv, again, NULL);
	inventory_deinit(&inv);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once, twice;

	buf_init(&once, ARENA_BYTES);
	buf_init(&twice, ARENA_BYTES);
	if (decode(slice_of(data, size), INVENTORY_ALL, &once) == 0 &&
	    (decode(buf_slice(&once), INVENTORY_ALL, &twice) != 0 || !slice_eq(buf_slice(&once), buf_slice(&twice))))
		abort();
	decode(slice_of(data, size), INVENTORY_DBS | INVENTORY_NOTES, NULL);
	buf_deinit(&once);
	buf_deinit(&twice);
	return 0;
}
