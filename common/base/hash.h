/* hash.h - SHA-256 as a stream (OpenSSL EVP) and XXH3-128 (xxHash); the only file that includes either library.
 *
 * A sha256 is owned by one thread and may be reused after sha256_final(). xxHash keys tables and guards records
 * against damage; it is never a trust boundary (docs/ARCHITECTURE.md). */
#ifndef VARVE_BASE_HASH_H
#define VARVE_BASE_HASH_H

#include "base/slice.h"

enum { SHA256_BYTES = 32, XXH128_BYTES = 16 };

struct sha256;

struct sha256 *sha256_new(void); /* NULL without memory */
void           sha256_free(struct sha256 *hash);
void           sha256_update(struct sha256 *hash, struct slice bytes);
void           sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES]); /* and starts anew */
void           sha256_once(struct slice bytes, uint8_t out[SHA256_BYTES]);

uint64_t xxh64_once(struct slice bytes, uint64_t seed);              /* XXH3-64 */
void     xxh128_once(struct slice bytes, uint8_t out[XXH128_BYTES]); /* canonical (big-endian) form */

#endif
