/* http_curl.h - what Varve uses of libcurl, and nothing else of it: the only includer is http_curl.c.
 *
 * A set belongs to the one thread that runs it (http_curl_wake() may be called by any); an exchange belongs to its
 * maker until it is added to a set and again once it is removed. The URL functions of http.h are here, too. */
#ifndef VARVE_NET_HTTP_CURL_H
#define VARVE_NET_HTTP_CURL_H

#include "net/http.h"
#include "net/http_address.h"

struct http_curl;     /* one exchange with one server */
struct http_curl_set; /* those under way, with their connections */

enum http_curl_taken { HTTP_CURL_TAKEN, HTTP_CURL_PAUSE, HTTP_CURL_FAIL };

/* Called by the thread that runs the set. A paused body is offered again after http_curl_resume(). */
struct http_curl_events {
	bool (*header)(void *user, struct slice line); /* status lines, too; false = give up */
	enum http_curl_taken (*body)(void *user, struct slice bytes);
	bool (*connect)(void *user, enum address_kind peer);   /* a connection is about to be made; false = refuse */
	bool (*connected)(void *user, enum address_kind peer); /* the request is about to go out, maybe on an old one */
};

struct http_curl_options {
	bool     http2, no_proxy;
	unsigned connect_ms;
};

/* NULL without memory. `events` must stay. */
struct http_curl *http_curl_new(const struct http_request *request, const struct http_curl_options *options,
				const struct http_curl_events *events, void *user);
void              http_curl_free(struct http_curl *curl);
void              http_curl_resume(struct http_curl *curl);

struct http_curl_set *http_curl_set_new(unsigned connections_max); /* NULL without memory */
void                  http_curl_set_free(struct http_curl_set *set);
bool                  http_curl_add(struct http_curl_set *set, struct http_curl *curl); /* false without memory */
void                  http_curl_remove(struct http_curl_set *set, struct http_curl *curl);

/* Moves all that can move; `done` is told each one that ended (to be removed by it): 0 or ERR_*, and why. */
void http_curl_run(struct http_curl_set *set, void (*done)(void *user, int code, const char *why));
void http_curl_wait(struct http_curl_set *set, int wait_ms); /* for the network, a wake-up, or the end of the time */
void http_curl_wake(struct http_curl_set *set);

/* "host:port" of an http or https URL, with "scheme://" before it when asked for; heap memory. NULL with err set. */
char *http_curl_origin(const char *url, bool with_scheme, struct err *err);

bool http_curl_has_proxy(const char *url); /* the environment names one for its scheme */

#endif
