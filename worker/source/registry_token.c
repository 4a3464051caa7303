#include "source/registry_token.h"

#include "base/json.h"

#include <string.h>

enum { LIVES_S_DEFAULT = 60, LIVES_S_MAX = 24 * 3600 };

static void put_encoded(struct buf *out, struct slice text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c && strchr(plain, c))
			buf_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void put_field(struct buf *out, char separator, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	if (separator)
		buf_byte(out, (uint8_t)separator);
	buf_str(out, name);
	buf_byte(out, '=');
	put_encoded(out, value);
}

void token_url(const struct challenge *challenge, const char *scope, struct buf *out)
{
	char first = strchr(challenge->realm, '?') ? '&' : '?';

	buf_str(out, challenge->realm);
	put_field(out, first, "service", slice_str(challenge->service));
	put_field(out, challenge->service[0] ? '&' : first, "scope", slice_str(scope));
	if (strcmp(challenge->scope, scope) != 0)
		put_field(out, '&', "scope", slice_str(challenge->scope));
}

void token_form(const struct challenge *challenge, const char *scope, struct slice identity_token, struct buf *out)
{
	struct buf scopes = {.bytes_max = sizeof(challenge->scope) * 3};

	buf_str(&scopes, scope);
	if (challenge->scope[0] && strcmp(challenge->scope, scope) != 0)
		buf_printf(&scopes, " %s", challenge->scope);
	put_field(out, 0, "grant_type", SLICE_LIT("refresh_token"));
	put_field(out, '&', "client_id", SLICE_LIT("varve"));
	put_field(out, '&', "service", slice_str(challenge->service));
	put_field(out, '&', "scope", buf_slice(&scopes));
	put_field(out, '&', "refresh_token", identity_token);
	buf_deinit(&scopes);
}

static bool is_one_word(struct slice token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] <= ' ' || token.ptr[i] >= 0x7f)
			return false;
	return token.len > 0;
}

int token_answer_parse(struct slice json_text_in, struct buf *token, uint64_t *lives_ms, struct err *err)
{
	struct json *root;
	struct slice text;
	int64_t      lives;
	int          code = json_parse(json_text_in, &root, err);

	if (code)
		return code;
	text = json_get_text(root, "token");
	if (text.len == 0)
		text = json_get_text(root, "access_token");
	lives = json_int(json_get(root, "expires_in"), LIVES_S_DEFAULT);
	if (lives <= 0 || lives > LIVES_S_MAX)
		lives = lives <= 0 ? LIVES_S_DEFAULT : LIVES_S_MAX;
	*lives_ms = (uint64_t)lives * 900;
	if (is_one_word(text))
		buf_append(token, text);
	else
		code = err_set(err, ERR_FORMAT, "no usable token in the answer");
	if (!code && !buf_ok(token))
		code = err_set(err, ERR_LIMIT, "a token is longer than %zu bytes", token->bytes_max);
	json_free(root);
	return code;
}
