/* A whole layer through the parse side: byte 0 picks the size of the blocks it comes in, the rest is the blob. What
 * comes out must decode again. */
#include "model/inventory.h"
#include "model/path_table.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inventory(struct slice encoded)
{
	struct inventory inv;

	inventory_init(&inv);
	if (inventory_decode(encoded, &inv, NULL) != 0)
		__builtin_trap();
	inventory_deinit(&inv);
}

static void check_paths(struct slice encoded)
{
	struct path_table_reader *reader = path_table_reader_new(encoded, NULL);
	struct path_entry         entry;
	int                       status;

	if (!reader)
		__builtin_trap();
	while ((status = path_table_next(reader, &entry, NULL)) == 1)
		;
	if (status != 0)
		__builtin_trap();
	path_table_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct parse_request request = {.tar_bytes_max = 16 << 20, .entries_max = 1000};
	struct stream             *stream = stream_of_memory(slice_from(slice_of(data, size), 1), size ? data[0] : 0);
	struct buf                 inventory = {.bytes_max = 16 << 20}, paths = {.bytes_max = 16 << 20};
	struct parse_result        result;

	if (stream && parse_layer(stream, -1, &request, &result, &inventory, &paths, NULL) == 0) {
		check_inventory(buf_slice(&inventory));
		check_paths(buf_slice(&paths));
	}
	stream_close(stream);
	buf_deinit(&inventory);
	buf_deinit(&paths);
	return 0;
}
