#include "match/advisory_tables.h"

#include "base/hash.h"
#include "base/digest.h"
#include "base/msgpack_read.h"
#include "base/msgpack_write.h"

const char *const advisory_table_names[] = {"meta",  "sources", "records", "affected", "feeds",
					    "names", "changes", "history", NULL};

void advisory_key_part(struct buf *key, struct slice part)
{
	uint8_t hash[SHA256_BYTES];
	char    hex[2 * SHA256_BYTES + 1];

	if (part.len <= ADVISORY_KEY_PART_MAX && slice_find(part, 0) == SIZE_MAX) {
		buf_append(key, part);
	} else {
		sha256_once(part, hash);
		digest_hex(hash, sizeof(hash), hex);
		buf_byte(key, '#');
		buf_str(key, hex);
	}
	buf_byte(key, 0);
}

enum { SOURCE_FIELDS = 6 };

void advisory_source_encode(const struct advisory_source_info *info, struct buf *out)
{
	msgpack_write_array(out, SOURCE_FIELDS);
	msgpack_write_str(out, info->origin);
	msgpack_write_str(out, info->etag);
	msgpack_write_uint(out, info->imported_ms);
	msgpack_write_uint(out, info->records);
	msgpack_write_uint(out, info->broken);
	msgpack_write_str(out, info->date);
}

bool advisory_source_decode(struct slice bytes, struct advisory_source_info *info)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, SOURCE_FIELDS);

	info->origin = msgpack_read_bytes(&r);
	info->etag = msgpack_read_bytes(&r);
	info->imported_ms = msgpack_read_uint(&r);
	info->records = msgpack_read_uint(&r);
	info->broken = msgpack_read_uint(&r);
	info->date = msgpack_read_bytes(&r);
	msgpack_end_record(&r, fields, SOURCE_FIELDS);
	return msgpack_ok(&r);
}
