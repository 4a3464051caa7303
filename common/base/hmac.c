#include "base/hmac.h"

enum { BLOCK_BYTES = 64 };

static void pad(const uint8_t key[BLOCK_BYTES], uint8_t with, uint8_t out[BLOCK_BYTES])
{
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		out[i] = key[i] ^ with;
}

int hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES])
{
	struct sha256 *hash = sha256_new();
	uint8_t        block[BLOCK_BYTES] = {0}, padded[BLOCK_BYTES];

	if (!hash)
		return ERR_MEM;
	if (key.len > BLOCK_BYTES)
		sha256_once(key, block);
	else if (key.len)
		memcpy(block, key.ptr, key.len);
	pad(block, 0x36, padded);
	sha256_update(hash, slice_of(padded, sizeof(padded)));
	sha256_update(hash, message);
	sha256_final(hash, out);
	pad(block, 0x5c, padded);
	sha256_update(hash, slice_of(padded, sizeof(padded)));
	sha256_update(hash, slice_of(out, SHA256_BYTES));
	sha256_final(hash, out);
	sha256_free(hash);
	return 0;
}
