#include "base/zlib_inflate.h"

#include <zlib.h>

enum { BLOCK_BYTES = 16 << 10 };

static int run(z_stream *z, struct buf *out, struct err *err)
{
	uint8_t block[BLOCK_BYTES];
	int     rc = Z_OK;

	while (rc == Z_OK) {
		z->next_out = block;
		z->avail_out = sizeof(block);
		rc = inflate(z, Z_NO_FLUSH);
		buf_append(out, slice_of(block, sizeof(block) - z->avail_out));
		if (!buf_ok(out))
			return err_set(err, ERR_LIMIT, "zlib: more than %zu bytes", out->bytes_max);
	}
	if (rc == Z_MEM_ERROR)
		return err_set(err, ERR_MEM, "zlib: out of memory");
	return rc == Z_STREAM_END ? 0 : err_set(err, ERR_FORMAT, "zlib: damaged or cut short");
}

static int inflate_whole(struct slice bytes, int window_bits, struct buf *out, struct err *err)
{
	z_stream z = {0};
	int      rc;

	if (bytes.len > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "zlib: %zu bytes of input", bytes.len);
	if (inflateInit2(&z, window_bits) != Z_OK)
		return err_set(err, ERR_MEM, "zlib: out of memory");
	z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
	z.avail_in = (uInt)bytes.len;
	rc = run(&z, out, err);
	inflateEnd(&z);
	return rc;
}

int zlib_inflate(struct slice bytes, struct buf *out, struct err *err)
{
	return inflate_whole(bytes, MAX_WBITS, out, err);
}

int deflate_inflate(struct slice bytes, struct buf *out, struct err *err)
{
	return inflate_whole(bytes, -MAX_WBITS, out, err);
}
