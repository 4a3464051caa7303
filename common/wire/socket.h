/* socket.h - ROUTER and DEALER sockets that carry one-frame messages; the only module that includes ZeroMQ.
 *
 * A wire_server or wire_client belongs to one thread at a time; the start or end of a thread may hand it over. Every socket
 * has its message ceiling (LIMIT_MESSAGE_BYTES), high-water mark and security set before bind or connect. tcp:// demands
 * CURVE on both sides, loopback too; ipc:// relies on its 0700 folder, inproc:// on being this process. */
#ifndef VARVE_WIRE_SOCKET_H
#define VARVE_WIRE_SOCKET_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/auth.h"

struct wire_context; /* threads may share it; inproc:// endpoints meet inside one */

struct wire_context *wire_context_new(struct err *err);
void                 wire_context_free(struct wire_context *context); /* after all its sockets are closed */

enum { WIRE_PEER_BYTES = 40, WIRE_ENDPOINTS_MAX = 4 };

/* Who sent a message: which of the server's sockets and the routing id there. Comparable with memcmp; all zero = nobody. */
struct wire_peer {
	uint8_t bytes[WIRE_PEER_BYTES];
};

struct wire_server_config {
	const char *const *endpoints;    /* NULL-terminated: inproc://NAME, ipc://PATH, tcp://ADDRESS:PORT */
	const char        *secret_file;  /* key file of the broker (keys.h); needed for tcp:// */
	struct auth       *auth;         /* who may come in over tcp:// (auth.h); needed for tcp:// */
	bool               insecure_tcp; /* tcp:// without CURVE, everybody has every role: benchmarks only */
};

struct wire_server;

int  wire_server_open(struct wire_context *context, const struct wire_server_config *config, struct wire_server **out,
		      struct err *err);
void wire_server_close(struct wire_server *server); /* pending frames get a second to leave */

/* Peers turned away before they could say anything, so far: keys not on the list; no key, or not this broker's. */
void wire_server_refused(const struct wire_server *server, uint64_t *keys, uint64_t *handshakes);

/* Address really bound of the index-th endpoint ("tcp://127.0.0.1:*" has become a number). */
const char *wire_server_endpoint(const struct wire_server *server, size_t index);

/* Next frame: 1 with peer, roles (of this very moment) and the frame in `frame`; 0 when none came in `wait_ms` or
 * `wake_fd` (an eventfd, or -1) became readable; ERR_*. */
int wire_server_receive(struct wire_server *server, int wake_fd, uint64_t wait_ms, struct wire_peer *peer,
			unsigned *roles, struct buf *frame, struct err *err);

/* 0; ERR_BUSY: the peer does not take more just now; ERR_NOT_FOUND: it has gone. Never blocks. */
int wire_server_send(struct wire_server *server, const struct wire_peer *peer, struct slice frame);

struct wire_client_config {
	const char *endpoint;
	const char *secret_file;   /* own key file, made by `varve keys`; needed for tcp:// */
	const char *server_public; /* public key of the broker, 40 characters; needed for tcp:// */
	bool        insecure_tcp;
};

struct wire_client;

int  wire_client_open(struct wire_context *context, const struct wire_client_config *config, struct wire_client **out,
		      struct err *err);
void wire_client_close(struct wire_client *client);
int  wire_client_send(struct wire_client *client, struct slice frame, uint64_t wait_ms,
		      struct err *err); /* ERR_BUSY after wait_ms */

/* 1 with a frame; 0: nothing in `wait_ms`, or `wake_fd` (-1 = none) became readable; ERR_*. */
int wire_client_receive(struct wire_client *client, int wake_fd, uint64_t wait_ms, struct buf *frame, struct err *err);

/* ERR_AUTH and why, if the broker has refused this key, or one handshake after the other has failed, since it was asked
 * last; 0: neither. The connection is tried again by itself. */
int wire_client_refused(struct wire_client *client, struct err *err);

/* The connection broke and is there again since this was asked last: whoever listens now may be a broker just started. */
bool wire_client_reconnected(struct wire_client *client);

/* Where a broker listens by default: ipc:// in a folder of mode 0700 below $XDG_RUNTIME_DIR, else /tmp/varve-UID. */
int wire_default_endpoint(bool create, struct buf *out, struct err *err);

/* CURVE keys in Z85 text (used by keys.c). */
enum { WIRE_KEY_TEXT_BYTES = 41 };
int wire_keypair(char public_key[WIRE_KEY_TEXT_BYTES], char secret_key[WIRE_KEY_TEXT_BYTES], struct err *err);

#endif
