/* http_serve.h - answers small GET requests on one address, in a thread of its own; the only file that includes libmicrohttpd.
 *
 * For scrapers and probes, and made for hostile ones: one request per connection, which ends HTTP_SERVE_CONNECTION_MS after
 * it began whatever it does; 64 connections, of which the oldest give way to new ones; 16 KiB of request; GET and HEAD only.
 * Nothing of it waits for a peer, and the rest of the program never waits for it. */
#ifndef VARVE_NET_HTTP_SERVE_H
#define VARVE_NET_HTTP_SERVE_H

#include "base/buf.h"
#include "base/err.h"

enum { HTTP_SERVE_CONNECTION_MS = 10000, HTTP_SERVE_CONNECTIONS_MAX = 64, HTTP_SERVE_BODY_BYTES_MAX = 4 << 20 };

/* Fills `body` and `type` (text for ever; "text/plain; charset=utf-8" at first) and gives the HTTP status. In the server's
 * thread. `path` is foreign, without its query. A body that outgrew its ceiling becomes a 500. */
typedef unsigned (*http_serve_answer)(void *data, const char *path, struct buf *body, const char **type);

struct http_serve;

/* `where`: "127.0.0.1:9180", "[::1]:9180", "0.0.0.0:9180"; port 0 = any. Listens when it returns. ERR_USAGE when it is no
 * such address, ERR_NET when it cannot be had. */
int http_serve_start(const char *where, http_serve_answer answer, void *data, struct http_serve **out, struct err *err);
const char *http_serve_address(const struct http_serve *serve); /* with the port that was taken */
void        http_serve_stop(struct http_serve *serve);          /* NULL is fine */

#endif
