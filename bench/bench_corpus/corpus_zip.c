#include "bench_corpus/corpus_zip.h"

#include "bench_corpus/corpus_die.h"

#include <string.h>
#include <zlib.h>

enum { ZIP_BYTES_MAX = 1 << 30, MEMBERS_MAX = 65535 };

void zip_writer_init(struct zip_writer *zip)
{
	zip->members = 0;
	buf_init(&zip->bytes, ZIP_BYTES_MAX);
	buf_init(&zip->directory, ZIP_BYTES_MAX);
}

void zip_writer_deinit(struct zip_writer *zip)
{
	buf_deinit(&zip->bytes);
	buf_deinit(&zip->directory);
}

static void put_le(struct buf *out, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_byte(out, (uint8_t)(value >> (8 * i)));
}

/* What local header and central directory have in common, from "version needed" on. */
static void put_facts(struct buf *out, const char *name, struct slice body)
{
	put_le(out, 10, 2);
	put_le(out, 0, 2);          /* flags */
	put_le(out, 0, 2);          /* stored */
	put_le(out, 0x58000000, 4); /* time and date */
	put_le(out, crc32(0, body.ptr, (uInt)body.len), 4);
	put_le(out, body.len, 4);
	put_le(out, body.len, 4);
	put_le(out, strlen(name), 2);
	put_le(out, 0, 2);
}

void zip_writer_add(struct zip_writer *zip, const char *name, struct slice body)
{
	size_t offset = zip->bytes.len;

	if (++zip->members > MEMBERS_MAX)
		corpus_die("more than %d members in a zip", MEMBERS_MAX);
	put_le(&zip->bytes, 0x04034b50, 4);
	put_facts(&zip->bytes, name, body);
	buf_str(&zip->bytes, name);
	buf_append(&zip->bytes, body);
	put_le(&zip->directory, 0x02014b50, 4);
	put_le(&zip->directory, 20, 2);
	put_facts(&zip->directory, name, body);
	put_le(&zip->directory, 0, 2 + 2 + 2 + 4); /* comment, disk, attributes */
	put_le(&zip->directory, offset, 4);
	buf_str(&zip->directory, name);
}

struct slice zip_writer_end(struct zip_writer *zip)
{
	size_t offset = zip->bytes.len;

	buf_append(&zip->bytes, buf_slice(&zip->directory));
	put_le(&zip->bytes, 0x06054b50, 4);
	put_le(&zip->bytes, 0, 4);
	put_le(&zip->bytes, zip->members, 2);
	put_le(&zip->bytes, zip->members, 2);
	put_le(&zip->bytes, zip->directory.len, 4);
	put_le(&zip->bytes, offset, 4);
	put_le(&zip->bytes, 0, 2);
	if (!buf_ok(&zip->bytes))
		corpus_die("a zip of more than 1 GiB");
	return buf_slice(&zip->bytes);
}
