/* auth.h - who may do what: the broker's list of public keys with their roles, and which role each message needs.
 *
 * The list file has one line per key: ROLE[,ROLE…] PUBLIC-KEY [NAME…]; '#' begins a comment line. It is read again
 * whenever it changes, so that adding or removing a key needs no restart. Any thread may call. */
#ifndef VARVE_WIRE_AUTH_H
#define VARVE_WIRE_AUTH_H

#include "base/err.h"
#include "base/slice.h"

enum wire_role {
	ROLE_WORKER = 1,
	ROLE_SUBMIT = 2,
	ROLE_READ = 4,
	ROLE_ADMIN = 8, /* may do everything */
	ROLE_ALL = 15,
};

struct auth;

/* Opens the list; ERR_CONFIG with file, line and reason when it cannot be used. */
int  auth_open(const char *list_file, struct auth **out, struct err *err);
void auth_close(struct auth *auth);

/* Roles of a public key (40 characters) by the list as it is now; 0 = unknown. A list that has become unreadable or
 * wrong admits nobody. */
unsigned auth_roles(struct auth *auth, struct slice public_key);

bool auth_allows(unsigned roles, unsigned message_type); /* enum wire_type */

int  auth_parse_roles(struct slice text, unsigned *roles, struct err *err); /* "worker,read"; ERR_USAGE */
void auth_roles_text(unsigned roles, char out[40]);

#endif
