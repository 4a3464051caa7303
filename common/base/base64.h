/* base64.h - base64 as in RFC 4648 section 4: inline descriptor data, credentials. */
#ifndef VARVE_BASE_BASE64_H
#define VARVE_BASE_BASE64_H

#include "base/buf.h"

/* Decodes the whole of `text` (padding may be missing, nothing else may) and appends the bytes. False on anything else,
 * or when `out` is full; `out` then holds what came before. */
bool base64_decode(struct slice text, struct buf *out);

void base64_encode(struct slice bytes, struct buf *out); /* with padding, on one line */

#endif
