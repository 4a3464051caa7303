#include "model/reference.h"

#include "base/buf.h"
#include "base/escape.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { REPOSITORY_BYTES_MAX = 255, TAG_BYTES_MAX = 128, HEX_ID_BYTES = 64 };

static bool is_lower_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(uint8_t c)
{
	return is_lower_alnum(c) || is_upper(c);
}

static bool has_upper(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_upper(s.ptr[i]))
			return true;
	return false;
}

static bool put(char *out, size_t size, struct slice text)
{
	if (text.len >= size)
		return false;
	if (text.len)
		memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

/* ---- host ---- */

static bool port_valid(struct slice port)
{
	uint64_t number;

	return port.len <= 5 && slice_u64(port, &number) && number > 0 && number <= 65535;
}

static bool ipv6_valid(struct slice address)
{
	struct in6_addr parsed;
	char            text[INET6_ADDRSTRLEN];

	return put(text, sizeof(text), address) && inet_pton(AF_INET6, text, &parsed) == 1;
}

static bool label_valid(struct slice label)
{
	if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
			return false;
	return true;
}

static bool name_valid(struct slice name)
{
	if (name.len == 0 || name.len > 253 || name.ptr[name.len - 1] == '.')
		return false;
	while (name.len)
		if (!label_valid(slice_cut(&name, '.')))
			return false;
	return true;
}

/* "name", "name:port", "[v6]", "[v6]:port" */
static bool host_valid(struct slice host)
{
	size_t colon;

	if (slice_starts(host, "[")) {
		size_t       close = slice_find(host, ']');
		struct slice rest = slice_from(host, close == SIZE_MAX ? host.len : close + 1);

		return close != SIZE_MAX && ipv6_valid(slice_sub(host, 1, close - 1)) &&
		       (rest.len == 0 || (rest.ptr[0] == ':' && port_valid(slice_from(rest, 1))));
	}
	colon = slice_find(host, ':');
	if (colon != SIZE_MAX && !port_valid(slice_from(host, colon + 1)))
		return false;
	return name_valid(slice_sub(host, 0, colon));
}

/* What tells a host from the first part of a Docker Hub name. */
static bool looks_like_host(struct slice part)
{
	return slice_find(part, '.') != SIZE_MAX || slice_find(part, ':') != SIZE_MAX ||
	       slice_eq_str(part, "localhost");
}

static int set_host(struct reference *out, struct slice host, struct err *err)
{
	if (!host_valid(host) || !put(out->host, sizeof(out->host), host))
		return err_set(err, ERR_USAGE, "bad registry host \"%.*s\"", SLICE_FMT(host));
	for (char *c = out->host; *c; c++)
		if (is_upper((uint8_t)*c))
			*c = (char)(*c + 32);
	if (strcmp(out->host, "index.docker.io") == 0) {
		memset(out->host, 0, sizeof(out->host));
		put(out->host, sizeof(out->host), SLICE_LIT("docker.io"));
	}
	return 0;
}

/* ---- repository, tag ---- */

/* Letters and digits with single '.', one or two '_', or any number of '-' between them. */
static bool component_valid(struct slice part)
{
	size_t i = 0;

	while (i < part.len) {
		size_t start = i;

		while (i < part.len && is_lower_alnum(part.ptr[i]))
			i++;
		if (i == start)
			return false;
		if (i == part.len)
			return true;
		start = i;
		while (i < part.len && part.ptr[i] == part.ptr[start])
			i++;
		if (part.ptr[start] == '.'   ? i - start != 1
		    : part.ptr[start] == '_' ? i - start > 2
					     : part.ptr[start] != '-')
			return false;
	}
	return false;
}

static int check_repository(struct slice path, struct err *err)
{
	struct slice rest = path;

	if (path.len == 0)
		return err_set(err, ERR_USAGE, "no repository name");
	if (path.len > REPOSITORY_BYTES_MAX)
		return err_set(err, ERR_USAGE, "repository name longer than %d bytes", REPOSITORY_BYTES_MAX);
	if (has_upper(path))
		return err_set(err, ERR_USAGE, "repository name must be lower case: \"%.*s\"", SLICE_FMT(path));
	if (path.ptr[path.len - 1] == '/')
		return err_set(err, ERR_USAGE, "repository name ends with \"/\"");
	while (rest.len)
		if (!component_valid(slice_cut(&rest, '/')))
			return err_set(err, ERR_USAGE, "bad repository name \"%.*s\"", SLICE_FMT(path));
	return 0;
}

static bool tag_valid(struct slice tag)
{
	if (tag.len == 0 || tag.len > TAG_BYTES_MAX || (!is_alnum(tag.ptr[0]) && tag.ptr[0] != '_'))
		return false;
	for (size_t i = 1; i < tag.len; i++)
		if (!is_alnum(tag.ptr[i]) && tag.ptr[i] != '_' && tag.ptr[i] != '.' && tag.ptr[i] != '-')
			return false;
	return true;
}

static int take_digest(struct slice *rest, struct reference *out, struct err *err)
{
	size_t     at = slice_find(*rest, '@');
	struct err why = {0};

	if (at == SIZE_MAX)
		return 0;
	if (digest_parse(slice_from(*rest, at + 1), &out->digest, &why))
		return err_set(err, ERR_USAGE, "after \"@\": %s", why.text);
	if (digest_is_zero(&out->digest))
		return err_set(err, ERR_USAGE, "after \"@\": the digest is all zero");
	*rest = slice_sub(*rest, 0, at);
	return 0;
}

static int take_tag(struct slice *rest, struct reference *out, struct err *err)
{
	size_t       slash = slice_rfind(*rest, '/'), colon = slice_rfind(*rest, ':');
	struct slice tag;

	if (colon == SIZE_MAX || (slash != SIZE_MAX && colon < slash)) {
		if (digest_is_zero(&out->digest))
			put(out->tag, sizeof(out->tag), SLICE_LIT("latest"));
		return 0;
	}
	tag = slice_from(*rest, colon + 1);
	if (!tag_valid(tag))
		return err_set(err, ERR_USAGE, "bad tag \"%.*s\"", SLICE_FMT(tag));
	put(out->tag, sizeof(out->tag), tag);
	*rest = slice_sub(*rest, 0, colon);
	return 0;
}

static bool is_hex_id(struct slice s)
{
	if (s.len != HEX_ID_BYTES)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return true;
}

static int parse_docker(struct slice rest, struct reference *out, struct err *err)
{
	size_t       slash;
	struct slice host = SLICE_LIT("docker.io");
	int          status;

	out->transport = TRANSPORT_DOCKER;
	if ((status = take_digest(&rest, out, err)) || (status = take_tag(&rest, out, err)))
		return status;
	if (is_hex_id(rest))
		return err_set(err, ERR_USAGE, "64 hex digits are an image id, not a repository name");
	slash = slice_find(rest, '/');
	if (slash != SIZE_MAX && looks_like_host(slice_sub(rest, 0, slash))) {
		host = slice_sub(rest, 0, slash);
		rest = slice_from(rest, slash + 1);
	}
	if ((status = set_host(out, host, err)) || (status = check_repository(rest, err)))
		return status;
	if (strcmp(out->host, "docker.io") != 0 || slice_find(rest, '/') != SIZE_MAX) {
		put(out->path, sizeof(out->path), rest);
		return 0;
	}
	snprintf(out->path, sizeof(out->path), "library/%.*s", SLICE_FMT(rest));
	return check_repository(slice_str(out->path), err); /* its length counts with what was added */
}

static int parse_registry(struct slice rest, struct reference *out, struct err *err)
{
	struct slice host = slice_cut(&rest, '/');
	int          status;

	out->transport = TRANSPORT_REGISTRY;
	if (host.len == 0)
		return err_set(err, ERR_USAGE, "no registry host");
	if (!looks_like_host(host) && host_valid(host))
		return err_set(err, ERR_USAGE, "registry host \"%.*s\" needs a dot or a port (\"%.*s:443\")",
			       SLICE_FMT(host), SLICE_FMT(host));
	if ((status = set_host(out, host, err)))
		return status;
	while (rest.len && rest.ptr[rest.len - 1] == '/')
		rest.len--;
	if (rest.len && (status = check_repository(rest, err)))
		return err_prefix(err, "prefix");
	put(out->path, sizeof(out->path), rest);
	return 0;
}

/* ---- local paths ---- */

static int parse_local(enum transport transport, struct slice rest, struct reference *out, struct err *err)
{
	struct slice path = transport == TRANSPORT_ROOTFS ? rest : slice_cut(&rest, ':');
	struct slice name = transport == TRANSPORT_ROOTFS ? SLICE_EMPTY : rest;

	out->transport = transport;
	if (path.len == 0)
		return err_set(err, ERR_USAGE, "no path");
	if (slice_find(path, '\0') != SIZE_MAX || slice_find(name, '\0') != SIZE_MAX)
		return err_set(err, ERR_USAGE, "NUL byte in the path");
	if (!put(out->path, sizeof(out->path), path))
		return err_set(err, ERR_USAGE, "path longer than %u bytes", LIMIT_PATH_BYTES);
	if (!put(out->tag, sizeof(out->tag), name))
		return err_set(err, ERR_USAGE, "image name longer than %zu bytes", sizeof(out->tag) - 1);
	return 0;
}

struct prefix {
	const char    *text;
	enum transport transport;
};

static const struct prefix local_prefixes[] = {
	{"oci:", TRANSPORT_OCI},
	{"oci-archive:", TRANSPORT_OCI_ARCHIVE},
	{"docker-archive:", TRANSPORT_DOCKER_ARCHIVE},
	{"rootfs:", TRANSPORT_ROOTFS},
};

enum { LOCAL_PREFIXES = sizeof(local_prefixes) / sizeof(local_prefixes[0]) };

static const char *const foreign_prefixes[] = {
	"containers-storage:", "docker-daemon:", "ostree:", "sif:", "containerd:"};

static int parse_any(struct slice text, struct reference *out, struct err *err)
{
	size_t scheme = slice_find_str(text, "://");

	if (slice_starts(text, "docker://"))
		return parse_docker(slice_from(text, strlen("docker://")), out, err);
	if (slice_starts(text, "registry://"))
		return parse_registry(slice_from(text, strlen("registry://")), out, err);
	for (size_t i = 0; i < LOCAL_PREFIXES; i++)
		if (slice_starts(text, local_prefixes[i].text))
			return parse_local(local_prefixes[i].transport,
					   slice_from(text, strlen(local_prefixes[i].text)), out, err);
	for (size_t i = 0; i < sizeof(foreign_prefixes) / sizeof(foreign_prefixes[0]); i++)
		if (slice_starts(text, foreign_prefixes[i]))
			return err_set(err, ERR_USAGE, "transport \"%s\" is not supported", foreign_prefixes[i]);
	if (scheme != SIZE_MAX)
		return err_set(err, ERR_USAGE, "scheme \"%.*s://\" is none of docker://, registry://", (int)scheme,
			       (const char *)text.ptr);
	return parse_docker(text, out, err);
}

/* "user:password@" before the host, as in URLs: refused without repeating it, since errors end in logs and reports. */
static bool holds_user_info(struct slice text)
{
	size_t       scheme = slice_find_str(text, "://");
	struct slice first;
	size_t       at;

	for (size_t i = 0; i < LOCAL_PREFIXES; i++)
		if (slice_starts(text, local_prefixes[i].text))
			return false;
	if (scheme != SIZE_MAX)
		text = slice_from(text, scheme + 3);
	first = slice_sub(text, 0, slice_find(text, '/'));
	at = slice_find(first, '@');
	return at != SIZE_MAX && !slice_starts(slice_from(first, at + 1), "sha");
}

int reference_parse(struct slice text, struct reference *out, struct err *err)
{
	struct err why = {0};
	struct buf shown;
	int        status;

	memset(out, 0, sizeof(*out));
	text = slice_trim(text);
	if (text.len == 0)
		return err_set(err, ERR_USAGE, "empty reference");
	if (text.len > LIMIT_PATH_BYTES + LIMIT_REFERENCE_BYTES)
		return err_set(err, ERR_USAGE, "reference longer than %u bytes",
			       LIMIT_PATH_BYTES + LIMIT_REFERENCE_BYTES);
	if (holds_user_info(text))
		return err_set(
			err, ERR_USAGE,
			"a reference holds no user name or password: they belong into an auth file (--authfile)");
	status = parse_any(text, out, &why);
	if (!status)
		return 0;
	buf_init(&shown, 8 * (LIMIT_PATH_BYTES + LIMIT_REFERENCE_BYTES));
	escape_terminal(&shown, slice_sub(text, 0, 160));
	err_set(err, status, "reference \"%.*s\": %s", SLICE_FMT(buf_slice(&shown)), why.text);
	buf_deinit(&shown);
	return status;
}

bool reference_is_local(const struct reference *reference)
{
	return reference->transport != TRANSPORT_DOCKER && reference->transport != TRANSPORT_REGISTRY;
}

bool reference_is_listing(const struct reference *reference)
{
	return reference->transport == TRANSPORT_REGISTRY;
}

static void text_docker(const struct reference *reference, char *out)
{
	char digest[DIGEST_TEXT_BYTES] = "";
	bool pinned = !digest_is_zero(&reference->digest);

	if (pinned)
		digest_text(&reference->digest, digest);
	snprintf(out, REFERENCE_TEXT_BYTES, "docker://%s/%s%s%s%s%s", reference->host, reference->path,
		 reference->tag[0] ? ":" : "", reference->tag, pinned ? "@" : "", digest);
}

/* A path may end in a blank where a colon and no name follow it: bare, it would be read again without that blank. */
static void text_local(const struct reference *reference, char *out)
{
	struct slice path = slice_str(reference->path);
	bool         colon = reference->tag[0] || slice_trim(slice_from(path, path.len - 1)).len == 0;

	for (size_t i = 0; i < LOCAL_PREFIXES; i++)
		if (local_prefixes[i].transport == reference->transport)
			snprintf(out, REFERENCE_TEXT_BYTES, "%s%s%s%s", local_prefixes[i].text, reference->path,
				 colon ? ":" : "", reference->tag);
}

void reference_text(const struct reference *reference, char out[REFERENCE_TEXT_BYTES])
{
	if (reference->transport == TRANSPORT_DOCKER) {
		text_docker(reference, out);
		return;
	}
	if (reference->transport == TRANSPORT_REGISTRY) {
		snprintf(out, REFERENCE_TEXT_BYTES, "registry://%s%s%s", reference->host, reference->path[0] ? "/" : "",
			 reference->path);
		return;
	}
	text_local(reference, out);
}
