/* client_link.h - the inside of a client: socket, correlations and one request with its answer; for client*.c only. */
#ifndef VARVE_TOOLS_CLIENT_LINK_H
#define VARVE_TOOLS_CLIENT_LINK_H

#include "client.h"

struct client {
	struct client_config config;
	struct wire_context *context;
	bool                 own_context;
	struct wire_client  *socket;
	uint64_t             correlation; /* the last that was given out */
	struct buf           out, in;     /* frames */
};

int client_connect(struct client *client, struct err *err); /* also anew, after the peer has gone */
int client_send(struct client *client, struct err *err);    /* client->out */

/* 1 with a good frame (borrowed from client->in), 0 when none came in wait_ms or wake_fd is readable, ERR_*. */
int client_receive(struct client *client, int wake_fd, uint64_t wait_ms, struct wire_header *header, struct slice *body,
		   struct err *err);

int client_refused(struct slice body, struct err *err); /* the body of an ERROR as an error of ours */
int client_absent(const struct client *client, uint64_t waited_ms, struct err *err); /* ERR_NET */

#endif
