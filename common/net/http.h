/* http.h - HTTP transfers for threads that block: one curl-multi thread per `struct http` drives them all.
 *
 * Any thread may call; a call blocks the caller only. A response, its stream and an answer belong to one thread at a
 * time. What is always so:
 *   - Redirects are followed here: at most LIMIT_HTTP_REDIRECTS, http and https only, https to http only with
 *     `plain_allowed`; Authorization and the client certificate go to the first origin (scheme, host, port) alone.
 *   - Link-local and metadata addresses are refused, after DNS and on every hop; loopback is allowed, but not by a
 *     redirect from elsewhere. Behind a proxy only addresses spelled out in the URL can be judged.
 *   - `Accept-Encoding: identity`: digests cover the bytes as stored. Proxies as curl reads them from HTTPS_PROXY,
 *     HTTP_PROXY, NO_PROXY; never for loopback hosts.
 *   - A transfer waits for a slot (all together, and per host), connects within connect_ms, and fails when less than
 *     1 KiB/s came for stall_ms while its reader was willing.
 * Errors: ERR_NET (transient: DNS, connection, cut, stall), ERR_TLS (the peer is not trusted, or speaks no TLS),
 * ERR_CONFIG (CA or client certificate unusable), ERR_UNSUPPORTED (refused URL, address or redirect), ERR_LIMIT,
 * ERR_FORMAT, ERR_MEM, ERR_CANCELLED. A status of 400 and above is an answer, not an error: http_status_error(). */
#ifndef VARVE_NET_HTTP_H
#define VARVE_NET_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"

struct http;
struct http_response;

struct http_config {
	bool     http2;         /* for many small answers; off for bodies: there a full buffer must stop the peer */
	unsigned transfers_max; /* at once, over all hosts; 0 = 32 */
	unsigned host_transfers_max;   /* at once, per host and port; 0 = 8 */
	size_t   buffer_bytes;         /* per transfer, between the network and its reader; 0 = 1 MiB */
	unsigned connect_ms, stall_ms; /* 0 = 20 s, 60 s */
};

struct http *http_new(const struct http_config *config, struct err *err); /* `config` may be NULL */
void         http_stop(struct http *http); /* all transfers, running and new, end with ERR_CANCELLED */
void         http_free(struct http *http); /* no response may be open, no call under way */

struct http_tls {
	bool        insecure;                 /* do not verify the peer */
	const char *ca_pem;                   /* PEM text, beside the system's own certificates; NULL = those alone */
	const char *client_cert, *client_key; /* files, PEM; NULL = none */
};

/* All pointers are borrowed until http_open() returns. */
struct http_request {
	const char            *method; /* NULL = GET */
	const char            *url;
	const char *const     *headers;       /* NULL-terminated "Name: value"; NULL = none; sent to every hop */
	const char            *authorization; /* value of that header, for the first origin only; NULL = none */
	const char            *body; /* POST: form or JSON, its type among `headers`; not sent after a redirect */
	const struct http_tls *tls;  /* NULL = verify against the system's certificates (or $SSL_CERT_FILE) */
	bool                   plain_allowed; /* a redirect may lead from https to http */
	bool                   no_redirects;  /* a redirect is the answer */

	/* Both may be NULL; they live until the response is closed. */
	const _Atomic bool *cancel;   /* once true, the transfer ends with ERR_CANCELLED within a second */
	_Atomic uint64_t   *received; /* bytes that came are added; one a second while it waits for its slot */
};

/* Sends and waits for the headers of the answer behind all redirects. */
int http_open(struct http *http, const struct http_request *request, struct http_response **out, struct err *err);

unsigned http_status(const struct http_response *response);

/* The value of the nth header of that (case-insensitive) name, trimmed; empty when there is none. */
struct slice http_header(const struct http_response *response, const char *name, size_t nth);
uint64_t     http_content_length(const struct http_response *response); /* UINT64_MAX when not said */

/* The body as it arrives; owned by the response: do not close it, http_close() does. Ends with ERR_NET when cut. */
struct stream *http_body(struct http_response *response);
void           http_close(struct http_response *response); /* NULL is fine; a transfer under way is given up */

/* A whole small answer. Zero it before use; http_answer_deinit() after, in any case. */
struct http_answer {
	unsigned   status;
	struct buf headers; /* as received, one line each */
	struct buf body;
};
int http_fetch(struct http *http, const struct http_request *request, size_t body_bytes_max, struct http_answer *answer,
	       struct err *err);
int http_answer_take(struct http_response *response, size_t body_bytes_max, struct http_answer *answer,
		     struct err *err); /* the whole of one that is open; does not close it */
struct slice http_answer_header(const struct http_answer *answer, const char *name, size_t nth);
void         http_answer_deinit(struct http_answer *answer);

/* Downloads to a file: into `path`.part first, resumed there (Range, If-Range) after a cut or an earlier run, then
 * renamed over `path`. Transient failures are tried again `retries_max` times with growing pauses. */
struct http_download {
	const char *path;
	uint64_t    bytes_max; /* ERR_LIMIT beyond */
	unsigned    retries_max;
	char        etag[256]; /* in: of the copy we have, "" = none (sent as If-None-Match); out: of the new one */
	bool        unchanged; /* out: 304, the file was not touched */
	uint64_t    bytes;     /* out: size of the new file */
	void (*progress)(void *data, uint64_t bytes, uint64_t bytes_total); /* may be NULL; total 0 = not known */
	void *data;
};
int http_download(struct http *http, const struct http_request *request, struct http_download *download,
		  struct err *err);

/* 0 below 400; else fills err by status: 401, 403, 407 ERR_AUTH; 404, 410 ERR_NOT_FOUND; 429 ERR_RATE; 408 and 5xx
 * ERR_NET; others ERR_UNSUPPORTED. `what` says what was asked: "manifest of host/repo:tag". */
int http_status_error(unsigned status, const char *what, struct err *err);

/* Milliseconds that a Retry-After (RFC 9110 10.2.3: seconds or a date) asks for; 0 when it is absent or nonsense. */
uint64_t http_retry_after_ms(struct slice value, uint64_t now_unix_ms);

/* Resolves `target` (absolute, or relative as in a Link or Location header) against `base`. ERR_FORMAT, ERR_MEM;
 * *out is heap memory, the caller frees. */
int http_url_resolve(const char *base, struct slice target, char **out, struct err *err);

/* Same scheme, host and port (explicit or default). */
bool http_same_origin(const char *url_a, const char *url_b);

/* "127.0.0.0/8", "::1", "localhost" and "*.localhost", with or without a port. */
bool http_host_is_loopback(struct slice host);

struct http_stats {
	uint64_t requests, bytes_received, connections; /* so far */
	uint64_t running;                               /* transfers that have a slot now */
};
void http_stats_get(struct http *http, struct http_stats *out);

#endif
