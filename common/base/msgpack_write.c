#include "base/msgpack_write.h"

#include <msgpack/pack.h>

static int append(void *data, const char *bytes, size_t len)
{
	struct buf *out = data;

	buf_append(out, slice_of(bytes, len));
	return buf_ok(out) ? 0 : -1;
}

static msgpack_packer packer_of(struct buf *out)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, out, append);
	return packer;
}

void msgpack_write_array(struct buf *out, size_t count)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_array(&packer, count);
}

void msgpack_write_map(struct buf *out, size_t count)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_map(&packer, count);
}

void msgpack_write_uint(struct buf *out, uint64_t value)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_uint64(&packer, value);
}

void msgpack_write_int(struct buf *out, int64_t value)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_int64(&packer, value);
}

void msgpack_write_bool(struct buf *out, bool value)
{
	msgpack_packer packer = packer_of(out);

	if (value)
		msgpack_pack_true(&packer);
	else
		msgpack_pack_false(&packer);
}

void msgpack_write_float(struct buf *out, double value)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_double(&packer, value);
}

void msgpack_write_nil(struct buf *out)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_nil(&packer);
}

void msgpack_write_str(struct buf *out, struct slice text)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_str_with_body(&packer, text.ptr ? (const void *)text.ptr : "", text.len);
}

void msgpack_write_bin(struct buf *out, struct slice bytes)
{
	msgpack_packer packer = packer_of(out);

	msgpack_pack_bin_with_body(&packer, bytes.ptr ? (const void *)bytes.ptr : "", bytes.len);
}
