#include "source/registry_challenge.h"

#include <string.h>

static bool is_token_byte(uint8_t c)
{
	return c && (memchr("!#$%&'*+-.^_`|~", c, 15) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		     (c >= 'A' && c <= 'Z'));
}

static void skip_bytes(struct slice *rest, const char *which)
{
	while (rest->len && rest->ptr[0] && strchr(which, rest->ptr[0]))
		*rest = slice_from(*rest, 1);
}

static struct slice cut_token(struct slice *rest)
{
	size_t       len = 0;
	struct slice token;

	while (len < rest->len && is_token_byte(rest->ptr[len]))
		len++;
	token = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return token;
}

/* A value into `out` (NULL: not kept); quoted-pairs are undone. False when it does not end or does not fit. */
static bool take_value(struct slice *rest, char *out, size_t size)
{
	bool   quoted = rest->len && rest->ptr[0] == '"', fits = true;
	size_t used = 0;

	if (quoted)
		*rest = slice_from(*rest, 1);
	for (;;) {
		uint8_t c = rest->len ? rest->ptr[0] : 0;

		if (quoted ? c == '"' : !is_token_byte(c) && !(c && strchr("/:=", c)))
			break;
		if (quoted && c == '\\' && rest->len > 1) {
			*rest = slice_from(*rest, 1);
			c = rest->ptr[0];
		}
		if (rest->len == 0)
			return false;
		*rest = slice_from(*rest, 1);
		if (out && used + 1 < size && c >= 0x20)
			out[used++] = (char)c;
		else if (out)
			fits = false;
	}
	if (quoted)
		*rest = slice_from(*rest, 1);
	if (out)
		out[used] = '\0';
	return fits;
}

/* "name = value" at the start of *rest; false (and *rest as it was) when what follows is the next scheme. */
static bool take_param(struct slice *rest, struct challenge *out, bool *fits)
{
	struct slice at = *rest, name = cut_token(&at);
	char        *into = NULL;
	size_t       size = 0;

	skip_bytes(&at, " \t");
	if (name.len == 0 || at.len == 0 || at.ptr[0] != '=')
		return false;
	at = slice_from(at, 1);
	skip_bytes(&at, " \t");
	if (slice_eq_nocase(name, SLICE_LIT("realm")))
		into = out->realm, size = sizeof(out->realm);
	else if (slice_eq_nocase(name, SLICE_LIT("service")))
		into = out->service, size = sizeof(out->service);
	else if (slice_eq_nocase(name, SLICE_LIT("scope")))
		into = out->scope, size = sizeof(out->scope);
	if (!take_value(&at, into, size))
		*fits = false;
	*rest = at;
	return true;
}

/* "abc==" behind a scheme, to a comma or the end: another way to give one parameter. */
static void skip_token68(struct slice *rest)
{
	struct slice at = *rest;

	while (at.len && (is_token_byte(at.ptr[0]) || at.ptr[0] == '/'))
		at = slice_from(at, 1);
	skip_bytes(&at, "=");
	skip_bytes(&at, " \t");
	if (at.len == 0 || at.ptr[0] == ',')
		*rest = at;
}

bool challenge_next(struct slice *rest, struct challenge *out)
{
	struct slice scheme;
	bool         fits = true;

	*out = (struct challenge){.scheme = CHALLENGE_OTHER};
	skip_bytes(rest, ", \t");
	scheme = cut_token(rest);
	if (scheme.len == 0 || (rest->len && !strchr(" \t,", rest->ptr[0])))
		return false;
	skip_bytes(rest, " \t");
	skip_token68(rest);
	while (rest->len) {
		struct slice at = *rest;

		skip_bytes(&at, ", \t");
		if (!take_param(&at, out, &fits))
			break;
		*rest = at;
	}
	if (fits && slice_eq_nocase(scheme, SLICE_LIT("bearer")))
		out->scheme = CHALLENGE_BEARER;
	else if (fits && slice_eq_nocase(scheme, SLICE_LIT("basic")))
		out->scheme = CHALLENGE_BASIC;
	return true;
}

void challenge_choose(struct slice header_lines, struct challenge *out)
{
	*out = (struct challenge){0};
	while (header_lines.len) {
		struct slice     value = slice_cut(&header_lines, '\n');
		struct slice     name = slice_cut(&value, ':');
		struct challenge next;

		if (!slice_eq_nocase(name, SLICE_LIT("www-authenticate")))
			continue;
		value = slice_trim(value);
		while (challenge_next(&value, &next))
			if (next.scheme > out->scheme)
				*out = next;
	}
}
