/* hmac.h - HMAC-SHA-256 of a whole message (RFC 2104, FIPS 198-1). Pure. */
#ifndef VARVE_BASE_HMAC_H
#define VARVE_BASE_HMAC_H

#include "base/err.h"
#include "base/hash.h"

/* A key of any length; longer than 64 bytes its SHA-256 is the key. ERR_MEM. */
int hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);

#endif
