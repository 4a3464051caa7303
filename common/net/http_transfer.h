/* http_transfer.h - one exchange with one server, without redirects: what http.h is made of.
 *
 * A transfer is made and read by one thread and driven by the engine
 * thread of its `struct http`; what both touch is under the transfer's own lock. */
#ifndef VARVE_NET_HTTP_TRANSFER_H
#define VARVE_NET_HTTP_TRANSFER_H

#include "net/http.h"

struct transfer;

/* Sends, and waits for the headers. `loopback_allowed` false: refuse addresses of this host. */
int  transfer_open(struct http *http, const struct http_request *request, bool loopback_allowed, struct transfer **out,
		   struct err *err);
void transfer_close(struct transfer *transfer); /* NULL is fine; gives up what is under way */

/* After the headers are there these do not change any more. */
unsigned     transfer_status(const struct transfer *transfer);
struct slice transfer_headers(const struct transfer *transfer); /* lines as received, without the status line */
bool         transfer_peer_is_loopback(const struct transfer *transfer);

/* As stream_next(): the next bytes of the body, lent until the following call. */
int transfer_next(struct transfer *transfer, struct slice *block, struct err *err);

/* The value of the nth header of that name among `lines`, trimmed. */
struct slice header_find(struct slice lines, const char *name, size_t nth);

#endif
