/* keys.h - key files for CURVE: made by `varve keys`, read by broker, worker and client.
 *
 * A key file (mode 0600) holds "public KEY" and "secret KEY" lines, keys in Z85 (40 characters). */
#ifndef VARVE_WIRE_KEYS_H
#define VARVE_WIRE_KEYS_H

#include "wire/auth.h"
#include "wire/socket.h"

struct wire_keys {
	char public_key[WIRE_KEY_TEXT_BYTES];
	char secret_key[WIRE_KEY_TEXT_BYTES];
};

int keys_generate(const char *path, struct wire_keys *out, struct err *err); /* ERR_USAGE if `path` exists */
int keys_read(const char *path, struct wire_keys *out, struct err *err);     /* refuses a file others may read */

/* The list file of auth.h. Adding a key that is there changes its roles. */
int keys_authorize(const char *list_file, struct slice public_key, unsigned roles, struct slice name, struct err *err);
int keys_revoke(const char *list_file, struct slice public_key, struct err *err); /* ERR_NOT_FOUND */

bool keys_valid_public(struct slice public_key);

#endif
