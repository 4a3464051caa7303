#include "net/http.h"

#include "base/limits.h"
#include "net/http_address.h"
#include "net/http_transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { REDIRECT_BODY_BYTES_MAX = 64 << 10 };

struct http_response {
	struct stream    body; /* first: http_body() gives it away */
	struct transfer *transfer;
};

/* ---- headers ---- */

struct slice header_find(struct slice lines, const char *name, size_t nth)
{
	while (lines.len) {
		struct slice line = slice_cut(&lines, '\n');
		struct slice key = slice_cut(&line, ':');

		if (slice_eq_nocase(key, slice_str(name)) && nth-- == 0)
			return slice_trim(line);
	}
	return SLICE_EMPTY;
}

uint64_t http_retry_after_ms(struct slice value, uint64_t now_unix_ms)
{
	struct tm   date = {0};
	char        text[64] = {0};
	const char *end;
	uint64_t    seconds;
	time_t      when;

	if (slice_u64(value, &seconds))
		return seconds > UINT32_MAX ? (uint64_t)UINT32_MAX * 1000 : seconds * 1000;
	if (value.len == 0 || value.len >= sizeof(text))
		return 0;
	memcpy(text, value.ptr, value.len);
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
	when = end && *end == '\0' ? timegm(&date) : (time_t)-1;
	if (when <= 0 || (uint64_t)when * 1000 <= now_unix_ms)
		return 0;
	return (uint64_t)when * 1000 - now_unix_ms;
}

int http_status_error(unsigned status, const char *what, struct err *err)
{
	int code = ERR_UNSUPPORTED;

	if (status < 400)
		return 0;
	if (status == 401 || status == 403 || status == 407)
		code = ERR_AUTH;
	else if (status == 404 || status == 410)
		code = ERR_NOT_FOUND;
	else if (status == 429)
		code = ERR_RATE;
	else if (status == 408 || status >= 500)
		code = ERR_NET;
	return err_set(err, code, "%s: the server answered %u", what, status);
}

bool http_host_is_loopback(struct slice host)
{
	char   text[64];
	size_t colon = slice_rfind(host, ':');

	if (colon != SIZE_MAX && (slice_find(host, ':') == colon || slice_find(host, ']') != SIZE_MAX) &&
	    !slice_ends(host, "]"))
		host = slice_sub(host, 0, colon);
	if (slice_eq_nocase(host, SLICE_LIT("localhost")) ||
	    (host.len > 10 && slice_eq_nocase(slice_from(host, host.len - 10), SLICE_LIT(".localhost"))))
		return true;
	if (host.len >= sizeof(text))
		return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	return address_kind_of_text(text) == ADDRESS_LOOPBACK;
}

/* ---- redirects ---- */

struct hop {
	struct http_request request;
	struct http_tls     tls;
	char               *url; /* heap; NULL on the first hop */
	bool                loopback_allowed;
};

static bool is_redirect(const struct transfer *transfer)
{
	switch (transfer_status(transfer)) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return header_find(transfer_headers(transfer), "Location", 0).len > 0;
	default:
		return false;
	}
}

static bool is_https(const char *url)
{
	return strncasecmp(url, "https:", 6) == 0;
}

/* What may not leave the first origin is dropped for good, even if a later hop leads back there. */
static void drop_credentials(struct hop *hop)
{
	hop->request.authorization = NULL;
	hop->tls.client_cert = hop->tls.client_key = NULL;
}

static int follow(struct hop *hop, const struct transfer *transfer, struct err *err)
{
	unsigned status = transfer_status(transfer);
	char    *next;
	int      code =
		http_url_resolve(hop->request.url, header_find(transfer_headers(transfer), "Location", 0), &next, err);

	if (code)
		return code;
	if (!is_https(next) && strncasecmp(next, "http:", 5) != 0)
		code = err_set(err, ERR_UNSUPPORTED,
			       "%s redirects to another scheme than http and https, which is refused",
			       hop->request.url);
	else if (is_https(hop->request.url) && !is_https(next) && !hop->request.plain_allowed)
		code = err_set(err, ERR_UNSUPPORTED, "%s redirects from https to plain http, which is refused",
			       hop->request.url);
	else if (hop->request.body && status >= 307)
		code = err_set(err, ERR_UNSUPPORTED, "%s redirects a POST, which is refused", hop->request.url);
	if (code) {
		free(next);
		return code;
	}
	if (!http_same_origin(hop->request.url, next))
		drop_credentials(hop);
	hop->request.body = NULL;
	hop->loopback_allowed = transfer_peer_is_loopback(transfer);
	free(hop->url);
	hop->request.url = hop->url = next;
	return 0;
}

/* A connection whose answer was read to its end is used again for the next blob. */
static void drain_redirect(struct transfer *transfer)
{
	struct slice block;
	size_t       got = 0;

	while (got < REDIRECT_BODY_BYTES_MAX && transfer_next(transfer, &block, NULL) == STREAM_BLOCK)
		got += block.len;
}

static int open_behind_redirects(struct http *http, struct hop *hop, struct transfer **out, struct err *err)
{
	for (unsigned hops = 0;; hops++) {
		struct transfer *transfer;
		int              code = transfer_open(http, &hop->request, hop->loopback_allowed, &transfer, err);

		if (code || hop->request.no_redirects || !is_redirect(transfer)) {
			*out = transfer;
			return code;
		}
		if (hops == LIMIT_HTTP_REDIRECTS)
			code = err_set(err, ERR_LIMIT, "%s: more than %u redirects", hop->request.url,
				       LIMIT_HTTP_REDIRECTS);
		else
			code = follow(hop, transfer, err);
		if (!code)
			drain_redirect(transfer);
		transfer_close(transfer);
		if (code)
			return code;
	}
}

/* ---- responses ---- */

static int body_next(struct stream *stream, struct slice *block, struct err *err)
{
	return transfer_next(((struct http_response *)stream)->transfer, block, err);
}

static void body_close(struct stream *stream)
{
	(void)stream; /* http_close() ends it */
}

int http_open(struct http *http, const struct http_request *request, struct http_response **out, struct err *err)
{
	static const struct stream_ops ops = {.next = body_next, .close = body_close};
	struct hop                     hop = {.request = *request, .loopback_allowed = true};
	struct http_response          *response = calloc(1, sizeof(*response));
	int                            code;

	*out = NULL;
	if (!response)
		return err_set(err, ERR_MEM, "out of memory for an answer");
	if (request->tls) {
		hop.tls = *request->tls;
		hop.request.tls = &hop.tls;
	}
	response->body.ops = &ops;
	code = open_behind_redirects(http, &hop, &response->transfer, err);
	free(hop.url);
	if (code)
		free(response);
	else
		*out = response;
	return code;
}

unsigned http_status(const struct http_response *response)
{
	return transfer_status(response->transfer);
}

struct slice http_header(const struct http_response *response, const char *name, size_t nth)
{
	return header_find(transfer_headers(response->transfer), name, nth);
}

uint64_t http_content_length(const struct http_response *response)
{
	uint64_t length = UINT64_MAX;

	slice_u64(http_header(response, "Content-Length", 0), &length);
	return length;
}

struct stream *http_body(struct http_response *response)
{
	return &response->body;
}

void http_close(struct http_response *response)
{
	if (!response)
		return;
	transfer_close(response->transfer);
	free(response);
}

/* ---- small answers ---- */

int http_answer_take(struct http_response *response, size_t body_bytes_max, struct http_answer *answer, struct err *err)
{
	int code;

	http_answer_deinit(answer);
	buf_init(&answer->headers, LIMIT_HTTP_HEADER_BYTES);
	buf_init(&answer->body, body_bytes_max);
	answer->status = http_status(response);
	buf_append(&answer->headers, transfer_headers(response->transfer));
	code = stream_read_all(http_body(response), &answer->body, err);
	if (!code && !buf_ok(&answer->headers))
		code = err_set(err, ERR_MEM, "out of memory for an answer");
	return code;
}

int http_fetch(struct http *http, const struct http_request *request, size_t body_bytes_max, struct http_answer *answer,
	       struct err *err)
{
	struct http_response *response;
	int                   code = http_open(http, request, &response, err);

	if (code)
		return code;
	code = http_answer_take(response, body_bytes_max, answer, err);
	if (code)
		err_prefix(err, "answer of %s", request->url);
	http_close(response);
	return code;
}

struct slice http_answer_header(const struct http_answer *answer, const char *name, size_t nth)
{
	return header_find(buf_slice(&answer->headers), name, nth);
}

void http_answer_deinit(struct http_answer *answer)
{
	buf_deinit(&answer->headers);
	buf_deinit(&answer->body);
	*answer = (struct http_answer){0};
}
