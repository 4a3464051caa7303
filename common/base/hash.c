#include "base/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct sha256 {
	EVP_MD_CTX *context;
};

static EVP_MD        *sha256_md;
static pthread_once_t sha256_once_guard = PTHREAD_ONCE_INIT;

/* Fetched once: EVP_sha256() would look the implementation up at every init. Lives as long as the process. */
static void fetch_md(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

struct sha256 *sha256_new(void)
{
	struct sha256 *hash = calloc(1, sizeof(*hash));

	pthread_once(&sha256_once_guard, fetch_md);
	if (!hash)
		return NULL;
	hash->context = sha256_md ? EVP_MD_CTX_new() : NULL;
	if (!hash->context || EVP_DigestInit_ex2(hash->context, sha256_md, NULL) != 1) {
		sha256_free(hash);
		return NULL;
	}
	return hash;
}

void sha256_free(struct sha256 *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	free(hash);
}

void sha256_update(struct sha256 *hash, struct slice bytes)
{
	EVP_DigestUpdate(hash->context, bytes.ptr, bytes.len);
}

void sha256_final(struct sha256 *hash, uint8_t out[SHA256_BYTES])
{
	EVP_DigestFinal_ex(hash->context, out, NULL);
	EVP_DigestInit_ex2(hash->context, NULL, NULL);
}

void sha256_once(struct slice bytes, uint8_t out[SHA256_BYTES])
{
	pthread_once(&sha256_once_guard, fetch_md);
	EVP_Digest(bytes.ptr ? (const void *)bytes.ptr : "", bytes.len, out, NULL, sha256_md, NULL);
}

uint64_t xxh64_once(struct slice bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}

void xxh128_once(struct slice bytes, uint8_t out[XXH128_BYTES])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.ptr, bytes.len));
	memcpy(out, canonical.digest, XXH128_BYTES);
}
