/* socket_internal.h - ZeroMQ itself, for the files that make up socket.h; nobody else includes it. */
#ifndef VARVE_WIRE_SOCKET_INTERNAL_H
#define VARVE_WIRE_SOCKET_INTERNAL_H

#include "base/log.h"
#include "wire/socket.h"

#include <pthread.h>
#include <zmq.h>

struct wire_context {
	void            *zmq;
	pthread_t        zap_thread;
	void            *zap_socket;
	bool             zap_running;
	struct auth     *auth;
	_Atomic unsigned monitors;                      /* names given */
	int              ipc_locks[WIRE_ENDPOINTS_MAX]; /* held until ZeroMQ has removed its socket files */
	size_t           ipc_locks_count;
};

int wire_fail(struct err *err, int code, const char *doing, const char *what); /* with zmq_errno() */

/* zap.c: runs until the context is shut down. Before the first bind that needs it. */
int wire_zap_start(struct wire_context *context, struct auth *auth, struct err *err);

/* monitor.c: what becomes of the connections of a socket. NULL: cannot be had; all calls take that. Same thread as the socket. */
enum wire_event {
	WIRE_EVENT_NONE,
	WIRE_EVENT_CONNECTED,
	WIRE_EVENT_KEY_REFUSED,       /* our key, or the peer's, is not on the broker's list */
	WIRE_EVENT_HANDSHAKE_REFUSED, /* no key, another broker's key, or no ZeroMQ at all */
	WIRE_EVENT_HANDSHAKE_FOREIGN, /* the other side greets as nobody of ours would: ZeroMQ does not try again */
};

void           *wire_monitor_open(struct wire_context *context, void *socket);
enum wire_event wire_monitor_next(void *monitor); /* never blocks */
void            wire_monitor_close(void *monitor, void *socket);

/* Of a server: who was turned away. Counted, and those without a key named in the log (keys off the list: zap.c). */
struct wire_refused {
	struct log_limit limit;
	uint64_t         keys, handshakes;
};
void wire_monitor_drain(void *monitor, const char *endpoint, struct wire_refused *refused);

#endif
