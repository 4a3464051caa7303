#include "source/registry_client.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "source/registry_patience.h"
#include "source/registry_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BASIC_LIVES_MS = 5 * 60 * 1000, URL_BYTES_MAX = 16 << 10, ANSWER_BYTES_MAX = LIMIT_TOKEN_BYTES * 2 };

void registry_challenged(struct registry_host *host, const struct challenge *challenge)
{
	pthread_mutex_lock(&host->lock);
	host->challenge = *challenge;
	pthread_mutex_unlock(&host->lock);
}

static void basic_value(const struct credential *credential, struct buf *out)
{
	struct buf pair = {.bytes_max = LIMIT_TOKEN_BYTES * 2};

	buf_append(&pair, buf_slice(&credential->username));
	buf_byte(&pair, ':');
	buf_append(&pair, buf_slice(&credential->secret));
	buf_str(out, "Basic ");
	base64_encode(buf_slice(&pair), out);
	if (pair.ptr)
		explicit_bzero(pair.ptr, pair.capacity);
	buf_deinit(&pair);
}

/* A secret goes to a token server over TLS, or as openly as to the registry itself. */
static int check_realm(const struct registry_host *host, const struct challenge *challenge, struct err *err)
{
	if (challenge->realm[0] == '\0')
		return err_set(err, ERR_FORMAT, "registry %s names no token server", host->name);
	if (strncasecmp(challenge->realm, "https://", 8) != 0 &&
	    (strncmp(host->base_url, "https:", 6) == 0 || strncasecmp(challenge->realm, "http://", 7) != 0))
		return err_set(err, ERR_UNSUPPORTED,
			       "registry %s names a token server without https (%.200s), which is refused", host->name,
			       challenge->realm);
	return 0;
}

static int ask_token_server(struct registry_host *host, const struct source_call *call,
			    const struct challenge *challenge, const char *scope, const struct credential *credential,
			    struct http_answer *answer, struct err *err)
{
	static const char *const form_headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
	struct http_tls          tls = host->tls;
	struct buf               url = {.bytes_max = URL_BYTES_MAX}, form = {.bytes_max = LIMIT_TOKEN_BYTES * 4},
		   basic = {.bytes_max = LIMIT_TOKEN_BYTES * 4};
	struct http_request request = {.tls = &tls,
				       .plain_allowed = strncmp(host->base_url, "http:", 5) == 0,
				       .cancel = call ? call->cancel : NULL,
				       .received = call ? call->moved : NULL};
	int                 code = ERR_LIMIT;

	if (!http_same_origin(challenge->realm, host->base_url))
		tls.client_cert = tls.client_key = NULL;
	if (credential->kind == CREDENTIAL_IDENTITY_TOKEN) {
		buf_str(&url, challenge->realm);
		token_form(challenge, scope, buf_slice(&credential->secret), &form);
		request.headers = form_headers;
	} else {
		token_url(challenge, scope, &url);
		if (credential->kind == CREDENTIAL_PASSWORD)
			basic_value(credential, &basic);
	}
	buf_byte(&url, '\0');
	buf_byte(&form, '\0');
	buf_byte(&basic, '\0');
	if (buf_ok(&url) && buf_ok(&form) && buf_ok(&basic)) {
		request.url = (const char *)url.ptr;
		request.body = form.len > 1 ? (const char *)form.ptr : NULL;
		request.authorization = basic.len > 1 ? (const char *)basic.ptr : NULL;
		host->client->token_requests++;
		code = http_fetch(host->client->small, &request, ANSWER_BYTES_MAX, answer, err);
	} else {
		err_set(err, code, "the token request for %s gets too long", host->name);
	}
	buf_deinit(&url);
	buf_deinit(&form);
	buf_deinit(&basic);
	return code;
}

static int judge_token_answer(const struct registry_host *host, const struct challenge *challenge,
			      const struct credential *credential, const struct http_answer *answer, struct err *err)
{
	char what[800], text[200];

	if (answer->status < 300)
		return 0;
	registry_error_text(buf_slice(&answer->body), text);
	snprintf(what, sizeof(what), "token for %s from %.200s (%s)%s%.199s", host->name, challenge->realm,
		 credential->kind == CREDENTIAL_NONE ? "no credential found" : "with the credential found for it",
		 text[0] ? ": " : "", text);
	if (answer->status < 400)
		return err_set(err, ERR_UNSUPPORTED, "%s: the server answered %u", what, answer->status);
	return http_status_error(answer->status, what, err);
}

static int get_token(struct registry_host *host, struct source_call *call, const struct challenge *challenge,
		     const char *scope, const struct credential *credential, struct authorization *out, struct err *err)
{
	struct patience patience = patience_new(host->client->retries_max, random_seed());
	struct buf      token = {.bytes_max = LIMIT_TOKEN_BYTES};
	uint64_t        wait_ms, lives_ms = 0;
	int             code = check_realm(host, challenge, err);

	while (!code) {
		struct http_answer answer = {0};
		struct err         why = {0};
		uint64_t           retry_after;

		code = ask_token_server(host, call, challenge, scope, credential, &answer, &why);
		if (!code)
			code = judge_token_answer(host, challenge, credential, &answer, &why);
		retry_after = http_retry_after_ms(http_answer_header(&answer, "Retry-After", 0), clock_unix_ms());
		if (!code && token_answer_parse(buf_slice(&answer.body), &token, &lives_ms, &why))
			code = err_set(err, ERR_AUTH, "token server %.200s: %s", challenge->realm, why.text);
		http_answer_deinit(&answer);
		if (!code || !patience_again(&patience, code, retry_after, &wait_ms)) {
			if (code)
				err_set(err, code, "%s", why.text);
			break;
		}
		if ((code == ERR_RATE || retry_after) && !registry_may_wait(call, wait_ms)) {
			code = err_set(err, ERR_RATE, "%s", why.text);
			break;
		}
		host->client->retries++;
		code = registry_pause(host->client, call, wait_ms, err);
	}
	if (!code) {
		buf_str(&out->value, "Bearer ");
		buf_append(&out->value, buf_slice(&token));
		out->until_ms = clock_ms() + lives_ms;
	}
	buf_deinit(&token);
	return code;
}

static int make_authorization(struct registry_host *host, struct source_call *call, const struct challenge *challenge,
			      const char *repository, const char *scope, bool fresh, struct authorization *out,
			      struct err *err)
{
	struct credential credential;
	int code = credential_find(host->client->credentials, host->name, repository, fresh, &credential, err);

	buf_init(&out->value, LIMIT_TOKEN_BYTES * 3);
	out->until_ms = clock_ms() + BASIC_LIVES_MS;
	if (!code && challenge->scheme == CHALLENGE_BEARER)
		code = get_token(host, call, challenge, scope, &credential, out, err);
	else if (!code && credential.kind == CREDENTIAL_PASSWORD && challenge->scheme == CHALLENGE_BASIC)
		basic_value(&credential, &out->value);
	else if (!code)
		code = err_set(
			err, ERR_AUTH,
			challenge->scheme == CHALLENGE_BASIC
				? "registry %s wants a user and password, and there is no such credential for %s%s%s"
				: "registry %s wants an authentication that is neither Basic nor Bearer, for %s%s%s",
			host->name, host->name, repository[0] ? "/" : "", repository);
	credential_deinit(&credential);
	return code;
}

/* ---- the cache; under host->lock ---- */

static struct authorization *find_slot(struct registry_host *host, const char *scope)
{
	for (size_t i = 0; i < AUTHORIZATIONS_MAX; i++)
		if (host->authorizations[i].scope && strcmp(host->authorizations[i].scope, scope) == 0)
			return &host->authorizations[i];
	return NULL;
}

/* A slot that nobody is filling; the oldest goes. NULL when all are being filled, or without memory. */
static struct authorization *take_slot(struct registry_host *host, const char *scope)
{
	for (size_t i = 0; i < AUTHORIZATIONS_MAX; i++) {
		struct authorization *slot = &host->authorizations[host->authorizations_next++ % AUTHORIZATIONS_MAX];

		if (slot->in_progress)
			continue;
		free(slot->scope);
		buf_deinit(&slot->value);
		slot->until_ms = 0;
		slot->scope = strdup(scope);
		return slot->scope ? slot : NULL;
	}
	return NULL;
}

static bool is_good(const struct authorization *slot, const char *refused)
{
	return slot->value.len && clock_ms() < slot->until_ms &&
	       !(refused && slice_eq_str(buf_slice(&slot->value), refused));
}

/* Fills the slot with the lock released; others who want the same scope wait. */
static int fill_slot(struct registry_host *host, struct source_call *call, struct authorization *slot,
		     const char *repository, const char *scope, const char *refused, struct err *err)
{
	struct challenge     challenge = host->challenge;
	struct authorization made = {0};
	int                  code;

	slot->in_progress = true;
	pthread_mutex_unlock(&host->lock);
	code = make_authorization(host, call, &challenge, repository, scope, refused && refused[0], &made, err);
	pthread_mutex_lock(&host->lock);
	slot->in_progress = false;
	buf_deinit(&slot->value);
	slot->value = made.value;
	slot->until_ms = code ? 0 : made.until_ms;
	pthread_cond_broadcast(&host->changed);
	return code;
}

/* Another thread gets the token; for a while. */
static int wait_for_other(struct registry_host *host, const struct source_call *call, struct err *err)
{
	struct timespec until = registry_soon(CLOCK_MONOTONIC);

	pthread_cond_timedwait(&host->changed, &host->lock, &until);
	return registry_stopped(host->client, call, err);
}

int registry_authorize(struct registry_host *host, struct source_call *call, const char *repository, const char *scope,
		       const char *refused, struct buf *value, struct err *err)
{
	struct authorization *slot;
	int                   code = 0;

	pthread_mutex_lock(&host->lock);
	if (host->challenge.scheme != CHALLENGE_NONE) {
		while ((slot = find_slot(host, scope)) && slot->in_progress && !code)
			code = wait_for_other(host, call, err);
		if (code)
			slot = NULL;
		else if (!slot)
			slot = take_slot(host, scope);
		if (!slot && !code)
			code = err_set(err, ERR_MEM, "no room for a token of %s", host->name);
		else if (slot && !is_good(slot, refused))
			code = fill_slot(host, call, slot, repository, scope, refused, err);
		if (!code)
			buf_append(value, buf_slice(&slot->value));
	}
	pthread_mutex_unlock(&host->lock);
	if (!code && !buf_ok(value))
		code = err_set(err, ERR_LIMIT, "the token of %s is too long", host->name);
	return code;
}
