/* digest.h - a content digest as OCI writes it ("sha256:" + 64 hex digits), kept as 32 bytes.
 *
 * Source: OCI image-spec descriptor.md, "Digests". sha512 is legal there and refused here with ERR_UNSUPPORTED: layer
 * identity is SHA-256 (docs/ARCHITECTURE.md). Upper-case hex is refused, as the specification demands. */
#ifndef VARVE_BASE_DIGEST_H
#define VARVE_BASE_DIGEST_H

#include "base/err.h"
#include "base/hash.h"
#include "base/slice.h"

struct digest {
	uint8_t bytes[SHA256_BYTES];
};

enum { DIGEST_TEXT_BYTES = 7 + 64 + 1 }; /* with the NUL */

int  digest_parse(struct slice text, struct digest *out, struct err *err);
void digest_text(const struct digest *digest, char out[DIGEST_TEXT_BYTES]);
void digest_hex(const uint8_t *bytes, size_t len, char *out); /* 2 * len digits and a NUL */
bool digest_eq(const struct digest *a, const struct digest *b);
int  digest_cmp(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *digest); /* all zero: "none" in records where a digest is optional */
void digest_of(struct slice bytes, struct digest *out);

struct slice digest_slice(const struct digest *digest); /* the 32 bytes, borrowed */

#endif
