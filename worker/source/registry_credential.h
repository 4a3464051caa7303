/* registry_credential.h - which credential belongs to a registry or repository: containers-auth.json(5), docker's
 * config.json, credential helpers.
 *
 * Files are read anew at each look-up (a login during the night counts); answers of helpers are kept for five minutes,
 * unless a fresh one is asked for because the last was refused. Any thread may call. Secrets are wiped when freed. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_CREDENTIAL_H
#define VARVE_WORKER_SOURCE_REGISTRY_CREDENTIAL_H

#include "base/buf.h"
#include "base/err.h"
#include "source/registry_conf.h"

enum credential_kind { CREDENTIAL_NONE, CREDENTIAL_PASSWORD, CREDENTIAL_IDENTITY_TOKEN, CREDENTIAL_HELPER };

struct credential {
	enum credential_kind kind;
	struct buf           username;
	struct buf           secret;      /* password, identity token; of CREDENTIAL_HELPER: the helper's name */
	char                 server[512]; /* of CREDENTIAL_HELPER: the key to ask by */
};

void credential_init(struct credential *credential);
void credential_deinit(struct credential *credential);

/* What one file says about host/repository ("" = the host alone): the longest path that has an entry; credHelpers
 * before entries, credsStore after them. CREDENTIAL_HELPER says whom to ask. Pure. ERR_FORMAT. */
int auth_file_find(struct slice json_text, const char *host, const char *repository, struct credential *out,
		   struct err *err);

/* The answer of a helper: {"Username","Secret"}; username "<token>" marks an identity token. Pure. */
int helper_answer_parse(struct slice json_text, struct credential *out, struct err *err);

struct credential_store;

/* `auth_file` NULL: $REGISTRY_AUTH_FILE alone where it is set, else in this order $XDG_RUNTIME_DIR/containers/auth.json,
 * ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json or ~/.docker/config.json, ~/.dockercfg. The helpers that
 * `conf` names ("credential-helpers") are asked after the files. `conf` is borrowed. */
struct credential_store *credential_store_new(const char *auth_file, const struct registries_conf *conf,
					      struct err *err);
void                     credential_store_free(struct credential_store *store);

/* CREDENTIAL_NONE is no error: anonymous. An unreadable file or a failing helper is ERR_AUTH or ERR_CONFIG. */
int credential_find(struct credential_store *store, const char *host, const char *repository, bool fresh,
		    struct credential *out, struct err *err);

#endif
