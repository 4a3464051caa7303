#include "wire/socket.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "wire/keys.h"
#include "wire/socket_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FRAMES_QUEUED_MAX = 4096, /* high-water mark: leases and parts are bounded by credits well below it */
	/* Of one connection at a server, where strangers are: frames of 2 MiB that wait to be read, answers not taken. */
	SERVER_RECEIVED_MAX = 128,
	SERVER_SENT_MAX = 1024,
	LINGER_MS = 1000,
	ROUTING_ID_BYTES_MAX = WIRE_PEER_BYTES - 2,
	HEARTBEAT_MS = 5000,
	CONNECT_MS = 5000, /* the kernel's own patience with a link that swallows packets grows to minutes */
	RECONNECT_MS = 200,
	RECONNECT_MS_MAX = 5000,
	RECONNECT_MS_MAX_HERE = 1000, /* to a broker of this machine */
	HANDSHAKES_MAX = 2,           /* a first one may have met a broker that was just going away */
};

int wire_fail(struct err *err, int code, const char *doing, const char *what)
{
	return err_set(err, code, "%s %s: %s", doing, what, zmq_strerror(zmq_errno()));
}

struct wire_context *wire_context_new(struct err *err)
{
	struct wire_context *context = calloc(1, sizeof(*context));

	if (context)
		context->zmq = zmq_ctx_new();
	if (!context || !context->zmq) {
		free(context);
		err_set(err, ERR_MEM, "messaging: out of memory");
		return NULL;
	}
	return context;
}

void wire_context_free(struct wire_context *context)
{
	if (!context)
		return;
	zmq_ctx_shutdown(context->zmq); /* ends the ZAP thread */
	if (context->zap_running)
		pthread_join(context->zap_thread, NULL);
	zmq_ctx_term(context->zmq);
	for (size_t i = 0; i < context->ipc_locks_count; i++)
		close(context->ipc_locks[i]);
	free(context);
}

/* --- options before bind and connect --- */

static bool is_tcp(const char *endpoint)
{
	return strncmp(endpoint, "tcp://", 6) == 0;
}

static int set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int set_common(void *socket, const char *endpoint, struct err *err)
{
	int64_t ceiling = LIMIT_MESSAGE_BYTES;

	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &ceiling, sizeof(ceiling)) < 0 ||
	    set_int(socket, ZMQ_SNDHWM, FRAMES_QUEUED_MAX) < 0 || set_int(socket, ZMQ_RCVHWM, FRAMES_QUEUED_MAX) < 0 ||
	    set_int(socket, ZMQ_LINGER, LINGER_MS) < 0 || set_int(socket, ZMQ_IPV6, 1) < 0)
		return wire_fail(err, ERR_INTERNAL, "messaging", endpoint);
	if (is_tcp(endpoint) && (set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) < 0 ||
				 set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS) < 0))
		return wire_fail(err, ERR_INTERNAL, "messaging", endpoint);
	return 0;
}

/* A connection that was lost is tried again after pauses that grow, each with some chance in it (ZeroMQ adds that). */
static int set_retries(void *socket, const char *endpoint, struct err *err)
{
	int pause_max = is_tcp(endpoint) ? RECONNECT_MS_MAX : RECONNECT_MS_MAX_HERE;

	if (set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) < 0 ||
	    set_int(socket, ZMQ_RECONNECT_IVL_MAX, pause_max) < 0 ||
	    set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS) < 0)
		return wire_fail(err, ERR_INTERNAL, "messaging", endpoint);
	return 0;
}

static int check_endpoint(const char *endpoint, struct err *err)
{
	if (is_tcp(endpoint) || strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "inproc://", 9) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "endpoint %s: not ipc://PATH or tcp://ADDRESS:PORT", endpoint);
}

static int secure_server(void *socket, const struct wire_server_config *config, const char *endpoint, struct err *err)
{
	struct wire_keys keys;
	int              status;

	if (!config->secret_file || !config->auth)
		return err_set(err, ERR_CONFIG,
			       "endpoint %s: tcp needs a key file and a list of admitted keys (see `varve keys`)",
			       endpoint);
	if ((status = keys_read(config->secret_file, &keys, err)) < 0)
		return status;
	if (set_int(socket, ZMQ_CURVE_SERVER, 1) < 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, WIRE_KEY_TEXT_BYTES) < 0 ||
	    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "varve", 5) < 0)
		return wire_fail(err, ERR_CONFIG, "endpoint", endpoint);
	return 0;
}

static int secure_client(void *socket, const struct wire_client_config *config, struct err *err)
{
	struct wire_keys keys;
	int              status;

	if (!config->secret_file || !config->server_public)
		return err_set(err, ERR_CONFIG,
			       "endpoint %s: tcp needs an own key file and the broker's public key (see `varve keys`)",
			       config->endpoint);
	if (!keys_valid_public(slice_str(config->server_public)))
		return err_set(err, ERR_CONFIG, "the broker's public key is not 40 characters of Z85");
	if ((status = keys_read(config->secret_file, &keys, err)) < 0)
		return status;
	if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, config->server_public, WIRE_KEY_TEXT_BYTES) < 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key, WIRE_KEY_TEXT_BYTES) < 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, WIRE_KEY_TEXT_BYTES) < 0)
		return wire_fail(err, ERR_CONFIG, "endpoint", config->endpoint);
	return 0;
}

/* --- server --- */

struct listener {
	void *socket, *monitor;
	bool  by_key; /* roles come from the key list; else all */
	char  endpoint[512];
};

struct wire_server {
	struct auth        *auth;
	struct listener     listeners[WIRE_ENDPOINTS_MAX];
	size_t              count;
	size_t              turn; /* the listener asked first next time */
	struct wire_refused refused;
};

static int ipc_folder_private(const char *endpoint, struct err *err)
{
	char        path[512];
	char       *slash;
	struct stat folder;

	if (strncmp(endpoint, "ipc://", 6) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s", endpoint + 6);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return err_set(err, ERR_CONFIG, "endpoint %s: wants a path in a folder of its own", endpoint);
	*slash = '\0';
	if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != ENOENT)
		return err_errno(err, ERR_CONFIG, "endpoint %s: making its folder", endpoint);
	if (stat(path, &folder) < 0)
		return err_errno(err, ERR_CONFIG, "endpoint %s", endpoint);
	if (folder.st_uid != geteuid() || (folder.st_mode & 077))
		return err_set(err, ERR_CONFIG, "endpoint %s: its folder must be yours alone (mode 0700), is %03o",
			       endpoint, folder.st_mode & 0777);
	return 0;
}

/* ZeroMQ would take the path of a server that lives away from it, and neither would say so. */
static int ipc_lock(struct wire_context *context, const char *endpoint, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char         path[512];
	int          fd;

	if (strncmp(endpoint, "ipc://", 6) != 0)
		return 0;
	if (context->ipc_locks_count == WIRE_ENDPOINTS_MAX)
		return err_set(err, ERR_USAGE, "more than %d endpoints", WIRE_ENDPOINTS_MAX);
	snprintf(path, sizeof(path), "%s.lock", endpoint + 6);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, ERR_IO, "endpoint %s: creating %s", endpoint, path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		int status = errno == EAGAIN || errno == EACCES
				     ? err_set(err, ERR_BUSY, "endpoint %s: another broker listens there", endpoint)
				     : err_errno(err, ERR_IO, "endpoint %s: locking %s", endpoint, path);

		close(fd);
		return status;
	}
	context->ipc_locks[context->ipc_locks_count++] = fd;
	return 0;
}

/* IPv4 addresses come back as "[::ffff:127.0.0.1]", because the socket speaks IPv6 too. */
static void tidy_endpoint(char *endpoint)
{
	static const char mapped[] = "tcp://[::ffff:";
	char             *address = endpoint + sizeof(mapped) - 1, *end = strchr(endpoint, ']');

	if (strncmp(endpoint, mapped, sizeof(mapped) - 1) != 0 || !end ||
	    !memchr(address, '.', (size_t)(end - address)))
		return;
	memmove(end, end + 1, strlen(end));
	memmove(endpoint + 6, address, strlen(address) + 1);
}

static int listen_on(struct wire_context *context, struct wire_server *server, const struct wire_server_config *config,
		     const char *endpoint, struct err *err)
{
	struct listener *listener = &server->listeners[server->count];
	size_t           endpoint_len = sizeof(listener->endpoint);
	int              status;

	if ((status = check_endpoint(endpoint, err)) < 0 || (status = ipc_folder_private(endpoint, err)) < 0 ||
	    (status = ipc_lock(context, endpoint, err)) < 0)
		return status;
	listener->by_key = is_tcp(endpoint) && !config->insecure_tcp;
	if (listener->by_key && config->auth && (status = wire_zap_start(context, config->auth, err)) < 0)
		return status;
	listener->socket = zmq_socket(context->zmq, ZMQ_ROUTER);
	if (!listener->socket)
		return wire_fail(err, ERR_MEM, "endpoint", endpoint);
	server->count++;
	if ((status = set_common(listener->socket, endpoint, err)) < 0 ||
	    (listener->by_key && (status = secure_server(listener->socket, config, endpoint, err)) < 0))
		return status;
	if (set_int(listener->socket, ZMQ_RCVHWM, SERVER_RECEIVED_MAX) < 0 ||
	    set_int(listener->socket, ZMQ_SNDHWM, SERVER_SENT_MAX) < 0)
		return wire_fail(err, ERR_INTERNAL, "listen on", endpoint);
	listener->monitor = listener->by_key ? wire_monitor_open(context, listener->socket) : NULL;
	if (set_int(listener->socket, ZMQ_ROUTER_MANDATORY, 1) < 0)
		return wire_fail(err, ERR_INTERNAL, "listen on", endpoint);
	if (zmq_bind(listener->socket, endpoint) < 0)
		return zmq_errno() == ENODEV
			       ? err_set(err, ERR_CONFIG,
					 "listen on %s: not a numeric address or interface of this machine (or *)",
					 endpoint)
			       : wire_fail(err, ERR_NET, "listen on", endpoint);
	if (zmq_getsockopt(listener->socket, ZMQ_LAST_ENDPOINT, listener->endpoint, &endpoint_len) < 0)
		return wire_fail(err, ERR_NET, "listen on", endpoint);
	tidy_endpoint(listener->endpoint);
	return 0;
}

int wire_server_open(struct wire_context *context, const struct wire_server_config *config, struct wire_server **out,
		     struct err *err)
{
	struct wire_server *server = calloc(1, sizeof(*server));
	int                 status = 0;

	if (!server)
		return err_set(err, ERR_MEM, "messaging: out of memory");
	server->auth = config->auth;
	for (size_t i = 0; config->endpoints[i] && status >= 0; i++)
		status = i < WIRE_ENDPOINTS_MAX ? listen_on(context, server, config, config->endpoints[i], err)
						: err_set(err, ERR_USAGE, "more than %d endpoints", WIRE_ENDPOINTS_MAX);
	if (status < 0) {
		wire_server_close(server);
		return status;
	}
	*out = server;
	return 0;
}

void wire_server_close(struct wire_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->count; i++) {
		wire_monitor_close(server->listeners[i].monitor, server->listeners[i].socket);
		zmq_close(server->listeners[i].socket);
	}
	free(server);
}

const char *wire_server_endpoint(const struct wire_server *server, size_t index)
{
	return index < server->count ? server->listeners[index].endpoint : "";
}

/* Takes the rest of a message that has more frames than it may have. True if there were any. */
static bool drop_more(void *socket)
{
	bool more = false;

	for (;;) {
		int       flag = 0;
		size_t    size = sizeof(flag);
		zmq_msg_t extra;

		if (zmq_getsockopt(socket, ZMQ_RCVMORE, &flag, &size) < 0 || !flag)
			return more;
		more = true;
		zmq_msg_init(&extra);
		if (zmq_msg_recv(&extra, socket, ZMQ_DONTWAIT) < 0)
			flag = 0;
		zmq_msg_close(&extra);
		if (!flag)
			return more;
	}
}

static bool take_body(void *socket, zmq_msg_t *message, struct buf *frame)
{
	bool good = zmq_msg_recv(message, socket, ZMQ_DONTWAIT) >= 0;

	if (good) {
		buf_clear(frame);
		buf_append(frame, slice_of(zmq_msg_data(message), zmq_msg_size(message)));
		good = buf_ok(frame);
	}
	return !drop_more(socket) && good;
}

static unsigned roles_of(const struct wire_server *server, const struct listener *listener, zmq_msg_t *message)
{
	const char *user;

	if (!listener->by_key)
		return ROLE_ALL;
	user = zmq_msg_gets(message, "User-Id");
	return user ? auth_roles(server->auth, slice_str(user)) : 0;
}

/* 1: a frame; 0: none; -1: something that was no message and is gone. */
static int try_receive(struct wire_server *server, size_t index, struct wire_peer *peer, unsigned *roles,
		       struct buf *frame)
{
	struct listener *listener = &server->listeners[index];
	zmq_msg_t        id, body;
	int              got = -1, more = 0;
	size_t           more_size = sizeof(more);

	zmq_msg_init(&id);
	if (zmq_msg_recv(&id, listener->socket, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&id);
		return 0;
	}
	zmq_msg_init(&body);
	zmq_getsockopt(listener->socket, ZMQ_RCVMORE, &more, &more_size);
	if (more && take_body(listener->socket, &body, frame) && zmq_msg_size(&id) <= ROUTING_ID_BYTES_MAX) {
		*peer = (struct wire_peer){{0}};
		peer->bytes[0] = (uint8_t)(index + 1);
		peer->bytes[1] = (uint8_t)zmq_msg_size(&id);
		memcpy(peer->bytes + 2, zmq_msg_data(&id), zmq_msg_size(&id));
		*roles = roles_of(server, listener, &body);
		got = 1;
	}
	zmq_msg_close(&body);
	zmq_msg_close(&id);
	return got;
}

static int poll_sockets(zmq_pollitem_t *items, size_t count, uint64_t wait_ms, struct err *err)
{
	if (zmq_poll(items, (int)count, (long)wait_ms) < 0 && zmq_errno() != EINTR)
		return wire_fail(err, ERR_NET, "messaging:", "poll");
	return 0;
}

static int receive_any(struct wire_server *server, struct wire_peer *peer, unsigned *roles, struct buf *frame)
{
	for (size_t i = 0; i < server->count; i++) {
		size_t index = (server->turn + i) % server->count;
		int    got;

		while ((got = try_receive(server, index, peer, roles, frame)) < 0)
			;
		if (got > 0) {
			server->turn = index + 1;
			return 1;
		}
	}
	return 0;
}

static void count_refused(struct wire_server *server)
{
	for (size_t i = 0; i < server->count; i++)
		wire_monitor_drain(server->listeners[i].monitor, server->listeners[i].endpoint, &server->refused);
}

int wire_server_receive(struct wire_server *server, int wake_fd, uint64_t wait_ms, struct wire_peer *peer,
			unsigned *roles, struct buf *frame, struct err *err)
{
	zmq_pollitem_t items[WIRE_ENDPOINTS_MAX + 1] = {0};
	size_t         count = 0;
	int            status;

	count_refused(server);
	if (receive_any(server, peer, roles, frame))
		return 1;
	if (!wait_ms)
		return 0;
	for (size_t i = 0; i < server->count; i++)
		items[count++] = (zmq_pollitem_t){.socket = server->listeners[i].socket, .events = ZMQ_POLLIN};
	if (wake_fd >= 0)
		items[count++] = (zmq_pollitem_t){.fd = wake_fd, .events = ZMQ_POLLIN};
	if ((status = poll_sockets(items, count, wait_ms, err)) < 0)
		return status;
	return receive_any(server, peer, roles, frame);
}

void wire_server_refused(const struct wire_server *server, uint64_t *keys, uint64_t *handshakes)
{
	*keys = server->refused.keys;
	*handshakes = server->refused.handshakes;
}

int wire_server_send(struct wire_server *server, const struct wire_peer *peer, struct slice frame)
{
	size_t index = peer->bytes[0];
	void  *socket;

	if (index == 0 || index > server->count)
		return ERR_NOT_FOUND;
	socket = server->listeners[index - 1].socket;
	if (zmq_send(socket, peer->bytes + 2, peer->bytes[1], ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return zmq_errno() == EAGAIN ? ERR_BUSY : ERR_NOT_FOUND;
	if (zmq_send(socket, frame.ptr, frame.len, ZMQ_DONTWAIT) < 0)
		return zmq_errno() == EAGAIN ? ERR_BUSY : ERR_NOT_FOUND;
	return 0;
}

/* --- client --- */

struct wire_client {
	void           *socket, *monitor;
	enum wire_event trouble;
	unsigned        refusals; /* handshakes that failed, in a row */
	bool            connected, reconnected;
	char            endpoint[512];
};

int wire_client_open(struct wire_context *context, const struct wire_client_config *config, struct wire_client **out,
		     struct err *err)
{
	struct wire_client *client;
	int                 status = check_endpoint(config->endpoint, err);

	if (status < 0)
		return status;
	client = calloc(1, sizeof(*client));
	if (!client)
		return err_set(err, ERR_MEM, "messaging: out of memory");
	snprintf(client->endpoint, sizeof(client->endpoint), "%s", config->endpoint);
	client->socket = zmq_socket(context->zmq, ZMQ_DEALER);
	if (!client->socket)
		status = wire_fail(err, ERR_MEM, "endpoint", config->endpoint);
	if (status >= 0)
		status = set_common(client->socket, config->endpoint, err);
	if (status >= 0)
		status = set_retries(client->socket, config->endpoint, err);
	if (status >= 0 && is_tcp(config->endpoint) && !config->insecure_tcp)
		status = secure_client(client->socket, config, err);
	if (status >= 0)
		client->monitor = wire_monitor_open(context, client->socket);
	if (status >= 0 && zmq_connect(client->socket, config->endpoint) < 0)
		status = wire_fail(err, ERR_NET, "connect to", config->endpoint);
	if (status < 0) {
		wire_client_close(client);
		return status;
	}
	*out = client;
	return 0;
}

void wire_client_close(struct wire_client *client)
{
	if (!client)
		return;
	if (client->socket) {
		wire_monitor_close(client->monitor, client->socket);
		zmq_close(client->socket);
	}
	free(client);
}

int wire_client_send(struct wire_client *client, struct slice frame, uint64_t wait_ms, struct err *err)
{
	zmq_pollitem_t item = {.socket = client->socket, .events = ZMQ_POLLOUT};

	if (zmq_send(client->socket, frame.ptr, frame.len, ZMQ_DONTWAIT) >= 0)
		return 0;
	if (zmq_errno() == EAGAIN && poll_sockets(&item, 1, wait_ms, err) == 0 &&
	    zmq_send(client->socket, frame.ptr, frame.len, ZMQ_DONTWAIT) >= 0)
		return 0;
	return wire_fail(err, zmq_errno() == EAGAIN ? ERR_BUSY : ERR_NET, "send to", client->endpoint);
}

static bool client_take(struct wire_client *client, struct buf *frame)
{
	zmq_msg_t message;
	bool      got = false, more = true;

	while (!got && more) {
		zmq_msg_init(&message);
		more = zmq_msg_recv(&message, client->socket, ZMQ_DONTWAIT) >= 0;
		if (more) {
			buf_clear(frame);
			buf_append(frame, slice_of(zmq_msg_data(&message), zmq_msg_size(&message)));
			got = !drop_more(client->socket) && buf_ok(frame);
		}
		zmq_msg_close(&message);
	}
	return got;
}

static void take_events(struct wire_client *client)
{
	enum wire_event event;

	while ((event = wire_monitor_next(client->monitor)) != WIRE_EVENT_NONE) {
		client->trouble = event == WIRE_EVENT_CONNECTED ? WIRE_EVENT_NONE : event;
		client->refusals = event == WIRE_EVENT_CONNECTED ? 0 : client->refusals + 1;
		if (event != WIRE_EVENT_CONNECTED)
			continue;
		client->reconnected = client->connected;
		client->connected = true;
	}
}

bool wire_client_reconnected(struct wire_client *client)
{
	bool reconnected;

	take_events(client);
	reconnected = client->reconnected;
	client->reconnected = false;
	return reconnected;
}

int wire_client_refused(struct wire_client *client, struct err *err)
{
	enum wire_event trouble;

	take_events(client);
	trouble = client->trouble;
	client->trouble = WIRE_EVENT_NONE;
	if (trouble == WIRE_EVENT_KEY_REFUSED)
		return err_set(err, ERR_AUTH,
			       "the broker at %s refuses this key: it is not on its list (varve keys authorize)",
			       client->endpoint);
	if (trouble == WIRE_EVENT_HANDSHAKE_FOREIGN ||
	    (trouble == WIRE_EVENT_HANDSHAKE_REFUSED && client->refusals >= HANDSHAKES_MAX))
		return err_set(err, ERR_AUTH,
			       "%s takes the connection but not our greeting: is it a varve-broker, with these keys?",
			       client->endpoint);
	return 0;
}

int wire_client_receive(struct wire_client *client, int wake_fd, uint64_t wait_ms, struct buf *frame, struct err *err)
{
	zmq_pollitem_t items[2] = {{.socket = client->socket, .events = ZMQ_POLLIN},
				   {.fd = wake_fd, .events = ZMQ_POLLIN}};
	int            status;

	take_events(client);
	if (client_take(client, frame))
		return 1;
	if (!wait_ms)
		return 0;
	if ((status = poll_sockets(items, wake_fd >= 0 ? 2 : 1, wait_ms, err)) < 0)
		return status;
	return client_take(client, frame);
}

/* --- keys --- */

int wire_keypair(char public_key[WIRE_KEY_TEXT_BYTES], char secret_key[WIRE_KEY_TEXT_BYTES], struct err *err)
{
	do { /* a public key is given on command lines, where "-…" would be an option */
		if (zmq_curve_keypair(public_key, secret_key) < 0)
			return wire_fail(err, ERR_UNSUPPORTED, "make", "CURVE keys");
	} while (public_key[0] == '-');
	return 0;
}
