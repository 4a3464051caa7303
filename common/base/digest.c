#include "base/digest.h"

#include <string.h>

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int digest_parse(struct slice text, struct digest *out, struct err *err)
{
	struct slice hex = slice_from(text, 7);

	if (slice_starts(text, "sha512:") || slice_starts(text, "sha384:"))
		return err_set(err, ERR_UNSUPPORTED, "digest algorithm %.6s (only sha256 is supported)",
			       (const char *)text.ptr);
	if (!slice_starts(text, "sha256:") || hex.len != 2 * SHA256_BYTES)
		return err_set(err, ERR_FORMAT, "not a sha256 digest");
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(err, ERR_FORMAT, "not a sha256 digest: bad hex digit");
		out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void digest_hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

void digest_text(const struct digest *digest, char out[DIGEST_TEXT_BYTES])
{
	memcpy(out, "sha256:", 7);
	digest_hex(digest->bytes, SHA256_BYTES, out + 7);
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return digest_cmp(a, b) == 0;
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, SHA256_BYTES);
}

bool digest_is_zero(const struct digest *digest)
{
	static const struct digest zero;

	return digest_eq(digest, &zero);
}

void digest_of(struct slice bytes, struct digest *out)
{
	sha256_once(bytes, out->bytes);
}

struct slice digest_slice(const struct digest *digest)
{
	return slice_of(digest->bytes, SHA256_BYTES);
}
