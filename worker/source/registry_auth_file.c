#include "source/registry_credential.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/limits.h"

#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = PLACE_HOST_BYTES + PLACE_REPOSITORY_BYTES };

void credential_init(struct credential *credential)
{
	*credential =
		(struct credential){.username.bytes_max = LIMIT_TOKEN_BYTES, .secret.bytes_max = LIMIT_TOKEN_BYTES};
}

static void wipe(struct buf *buf)
{
	if (buf->ptr)
		explicit_bzero(buf->ptr, buf->capacity);
	buf_deinit(buf);
}

void credential_deinit(struct credential *credential)
{
	wipe(&credential->username);
	wipe(&credential->secret);
	credential_init(credential);
}

static int set_credential(struct credential *out, enum credential_kind kind, struct slice username, struct slice secret,
			  struct err *err)
{
	out->kind = kind;
	buf_append(&out->username, username);
	buf_append(&out->secret, secret);
	if (!buf_ok(&out->username) || !buf_ok(&out->secret))
		return err_set(err, ERR_LIMIT, "a credential is longer than %u bytes", LIMIT_TOKEN_BYTES);
	return 0;
}

/* The entry's key as docker wrote it through the years: with or without scheme, with a path behind. */
static struct slice bare_key(struct slice key)
{
	if (slice_starts(key, "https://"))
		key = slice_from(key, 8);
	else if (slice_starts(key, "http://"))
		key = slice_from(key, 7);
	else
		return key;
	return slice_sub(key, 0, slice_find(key, '/') == SIZE_MAX ? key.len : slice_find(key, '/'));
}

static struct slice hub_alias(struct slice key)
{
	if (slice_eq_str(key, "index.docker.io") || slice_eq_str(key, "registry-1.docker.io") ||
	    slice_eq_str(key, "index.docker.io/v1"))
		return SLICE_LIT("docker.io");
	return key;
}

static const struct json *find_key(const struct json *object, struct slice wanted, bool loosely, struct slice *key)
{
	for (void *it = json_first(object); it; it = json_next(object, it)) {
		*key = json_key(it);
		if (slice_eq(loosely ? hub_alias(bare_key(*key)) : *key, wanted))
			return json_value(it);
	}
	return NULL;
}

static bool entry_has_secret(const struct json *entry)
{
	return json_get_text(entry, "auth").len || json_get_text(entry, "identitytoken").len ||
	       json_get_text(entry, "username").len;
}

/* "host/a/b", "host/a", "host" in this order; the host also as docker spelled it. Entries without a secret only say
 * that a helper has it. */
static const struct json *find_entry(const struct json *object, struct slice name, bool helpers, struct slice *key)
{
	struct slice at = name;

	for (;;) {
		const struct json *entry = find_key(object, at, false, key);
		size_t             slash = slice_rfind(at, '/');

		if (!entry && slash == SIZE_MAX)
			entry = find_key(object, at, true, key);
		if (entry && (helpers ? json_text(entry).len > 0 : entry_has_secret(entry)))
			return entry;
		if (slash == SIZE_MAX)
			return NULL;
		at = slice_sub(at, 0, slash);
	}
}

static int read_entry(const struct json *entry, struct credential *out, struct err *err)
{
	struct slice identity = json_get_text(entry, "identitytoken"), auth = json_get_text(entry, "auth"), pair;
	struct buf   decoded = {.bytes_max = LIMIT_TOKEN_BYTES};
	int          code = 0;

	if (identity.len)
		return set_credential(out, CREDENTIAL_IDENTITY_TOKEN, SLICE_EMPTY, identity, err);
	if (auth.len == 0)
		return set_credential(out, CREDENTIAL_PASSWORD, json_get_text(entry, "username"),
				      json_get_text(entry, "password"), err);
	if (!base64_decode(slice_trim(auth), &decoded) || slice_find(buf_slice(&decoded), ':') == SIZE_MAX) {
		code = err_set(err, ERR_CONFIG, "\"auth\" is not base64 of user:password");
	} else {
		pair = buf_slice(&decoded);
		while (pair.len && pair.ptr[pair.len - 1] == 0)
			pair.len--;
		struct slice username = slice_cut(&pair, ':');

		code = set_credential(out, CREDENTIAL_PASSWORD, username, pair, err);
	}
	wipe(&decoded);
	return code;
}

static int name_helper(struct credential *out, struct slice helper, struct slice server, struct err *err)
{
	if (slice_eq_str(server, "docker.io"))
		server = SLICE_LIT("https://index.docker.io/v1/"); /* what docker itself stores it under */
	if (server.len >= sizeof(out->server))
		return err_set(err, ERR_CONFIG, "the key of a credential helper is too long");
	snprintf(out->server, sizeof(out->server), "%.*s", SLICE_FMT(server));
	return set_credential(out, CREDENTIAL_HELPER, SLICE_EMPTY, helper, err);
}

int auth_file_find(struct slice json_text_in, const char *host, const char *repository, struct credential *out,
		   struct err *err)
{
	char               name[KEY_BYTES];
	struct json       *root;
	struct slice       whole, key = SLICE_EMPTY, store;
	const struct json *auths, *found;
	int                code = json_parse(json_text_in, &root, err);

	if (code)
		return code;
	snprintf(name, sizeof(name), "%s%s%s", host, repository[0] ? "/" : "", repository);
	whole = slice_str(name);
	auths = json_get_kind(root, "auths", JSON_KIND_OBJECT);
	if (!auths && !json_get(root, "credHelpers") && !json_get(root, "credsStore"))
		auths = root; /* ~/.dockercfg: the entries themselves */
	store = json_get_text(root, "credsStore");
	if ((found = find_entry(json_get(root, "credHelpers"), whole, true, &key)))
		code = name_helper(out, json_text(found), key, err);
	else if ((found = find_entry(auths, whole, false, &key)))
		code = read_entry(found, out, err);
	else if (store.len)
		code = name_helper(out, store, slice_str(host), err);
	json_free(root);
	return code;
}

int helper_answer_parse(struct slice json_text_in, struct credential *out, struct err *err)
{
	struct json *root;
	struct slice username, secret;
	int          code = json_parse(json_text_in, &root, err);

	if (code)
		return code;
	username = json_get_text(root, "Username");
	secret = json_get_text(root, "Secret");
	if (secret.len == 0)
		code = err_set(err, ERR_FORMAT, "no \"Secret\" in the answer");
	else if (slice_eq_str(username, "<token>"))
		code = set_credential(out, CREDENTIAL_IDENTITY_TOKEN, SLICE_EMPTY, secret, err);
	else
		code = set_credential(out, CREDENTIAL_PASSWORD, username, secret, err);
	json_free(root);
	return code;
}
