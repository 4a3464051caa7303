/* registry_token.h - tokens from a registry's token server: the question, the answer. Pure.
 *
 * Source: distribution docs/spec/auth/token.md and oauth.md. */
#ifndef VARVE_WORKER_SOURCE_REGISTRY_TOKEN_H
#define VARVE_WORKER_SOURCE_REGISTRY_TOKEN_H

#include "base/buf.h"
#include "base/err.h"
#include "source/registry_challenge.h"

/* URL of a GET: realm?service=…&scope=…; a scope that the challenge names besides ours is asked for too. */
void token_url(const struct challenge *challenge, const char *scope, struct buf *out);

/* Form body of a POST with an identity token (grant_type=refresh_token). */
void token_form(const struct challenge *challenge, const char *scope, struct slice identity_token, struct buf *out);

/* "token" or "access_token", and "expires_in" (60 s when absent); used only until nine tenths of it are over. */
int token_answer_parse(struct slice json_text, struct buf *token, uint64_t *lives_ms, struct err *err);

#endif
