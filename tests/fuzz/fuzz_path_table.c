/* Path tables: the input as an encoded table, and as a block of entries that is compressed first (mutations of packed
 * bytes seldom inflate). */
#include "model/path_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct slice table)
{
	struct path_table_reader *reader = path_table_reader_new(table, NULL);
	struct path_entry         entry;

	while (reader && path_table_next(reader, &entry, NULL) == 1)
		;
	path_table_reader_free(reader);
}

static void put_u32(struct buf *out, size_t value)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		buf_byte(out, (uint8_t)(value >> shift));
}

static void read_as_block(struct slice raw)
{
	struct zstd_blocks *zstd = zstd_blocks_new();
	struct buf          packed = {.bytes_max = 1 << 20}, table = {.bytes_max = 1 << 20};

	if (zstd && zstd_block_compress(zstd, raw, 1, &packed, NULL) == 0) {
		buf_str(&table, "VPT\x01");
		put_u32(&table, raw.len);
		put_u32(&table, packed.len);
		buf_append(&table, buf_slice(&packed));
		put_u32(&table, 0);
		put_u32(&table, 0);
		read_all(buf_slice(&table));
	}
	buf_deinit(&packed);
	buf_deinit(&table);
	zstd_blocks_free(zstd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(slice_of(data, size));
	if (size && size <= PATH_BLOCK_BYTES)
		read_as_block(slice_of(data, size));
	return 0;
}
