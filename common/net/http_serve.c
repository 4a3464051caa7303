#include "net/http_serve.h"

#include "base/clock.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUEST_BYTES_MAX = 16 << 10,
	BACKLOG = 1024,
	EVICT = HTTP_SERVE_CONNECTIONS_MAX / 4, /* so many give way at once */
	LOOK_EVERY_MS = 500,
};

struct connection {
	int                fd;
	uint64_t           since_ms;
	bool               ended; /* its socket was shut down, the library has yet to notice */
	struct connection *next;  /* newer */
};

struct http_serve {
	struct MHD_Daemon *daemon;
	http_serve_answer  answer;
	void              *data;
	int                listen_fd, wake_fd;
	pthread_t          thread;
	bool               running;
	_Atomic bool       stopping;
	char               address[128];
	/* the thread's */
	struct connection *oldest, **newest;
	size_t             connections;
	bool               again; /* one has ended: the library looks for new ones only when it is run once more */
};

/* --- one request --- */

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, struct buf *body, const char *type)
{
	struct MHD_Response *response;
	enum MHD_Result      queued;
	size_t               len;
	uint8_t             *bytes;

	if (!buf_ok(body)) {
		buf_clear(body);
		buf_str(body, "the answer is too long\n");
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	bytes = buf_take(body, &len);
	response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(bytes);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Connection", "close");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_bytes, void **state)
{
	const struct http_serve *serve = data;
	const char              *type = "text/plain; charset=utf-8";
	unsigned                 status = MHD_HTTP_METHOD_NOT_ALLOWED;
	struct buf               body;
	enum MHD_Result          result;

	(void)version;
	(void)upload;
	(void)upload_bytes;
	(void)state;
	buf_init(&body, HTTP_SERVE_BODY_BYTES_MAX);
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		status = serve->answer(serve->data, url, &body, &type);
	else
		buf_str(&body, "GET and HEAD only\n");
	result = respond(connection, status, &body, type);
	buf_deinit(&body);
	return result;
}

/* Paths are taken as they were sent: none of ours has an escape, and what follows a %00 must not be lost. */
static size_t keep_escapes(void *data, struct MHD_Connection *connection, char *text)
{
	(void)data;
	(void)connection;
	return strlen(text);
}

static void keep_silent(void *data, const char *format, va_list args)
{
	(void)data;
	(void)format;
	(void)args;
}

/* --- connections --- */

static void begin_connection(struct http_serve *serve, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection              *entry = info ? calloc(1, sizeof(*entry)) : NULL;

	*context = entry;
	if (!entry)
		return;
	entry->fd = info->connect_fd;
	entry->since_ms = clock_ms();
	*serve->newest = entry;
	serve->newest = &entry->next;
	serve->connections++;
}

static void end_connection(struct http_serve *serve, struct connection *entry)
{
	struct connection **link = &serve->oldest;

	while (*link && *link != entry)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = entry->next;
	if (!entry->next)
		serve->newest = link;
	serve->connections--;
	serve->again = true;
	free(entry);
}

static void connection_changed(void *data, struct MHD_Connection *connection, void **context,
			       enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		begin_connection(data, connection, context);
	else
		end_connection(data, *context);
}

/* A peer that sends a byte now and then, or does not read, keeps its place for so long only; or less when others come. */
static void end_old_connections(struct http_serve *serve)
{
	uint64_t now = clock_ms();
	size_t   evict = serve->connections >= HTTP_SERVE_CONNECTIONS_MAX ? EVICT : 0;

	for (struct connection *entry = serve->oldest; entry; entry = entry->next) {
		if (!evict && now < entry->since_ms + HTTP_SERVE_CONNECTION_MS)
			break;
		if (!entry->ended)
			shutdown(entry->fd, SHUT_RDWR);
		entry->ended = true;
		evict -= evict > 0;
	}
}

static int wait_ms(const struct http_serve *serve)
{
	MHD_UNSIGNED_LONG_LONG ms;
	int                    wait = serve->connections ? LOOK_EVERY_MS : -1;

	if (serve->again)
		return 0;
	if (MHD_get_timeout(serve->daemon, &ms) == MHD_YES && (wait < 0 || ms < (MHD_UNSIGNED_LONG_LONG)wait))
		wait = ms < LOOK_EVERY_MS ? (int)ms : LOOK_EVERY_MS;
	return wait;
}

static void *serve_run(void *data)
{
	struct http_serve          *serve = data;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(serve->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {{.fd = info->epoll_fd, .events = POLLIN}, {.fd = serve->wake_fd, .events = POLLIN}};

	while (!atomic_load(&serve->stopping)) {
		poll(fds, 2, wait_ms(serve));
		serve->again = false;
		MHD_run(serve->daemon);
		end_old_connections(serve);
	}
	return NULL;
}

/* --- address --- */

static int split_address(const char *where, char host[64], char port[8], struct err *err)
{
	const char *colon = strrchr(where, ':');
	bool        bracketed = where[0] == '[' && colon && colon > where + 1 && colon[-1] == ']';
	size_t      skip = bracketed ? 1 : 0, len = colon ? (size_t)(colon - where) - 2 * skip : 0;
	uint64_t    number;

	if (!colon || len == 0 || len >= 64 || (!bracketed && memchr(where, ':', len)) ||
	    !slice_u64(slice_str(colon + 1), &number) || number > 65535)
		return err_set(err, ERR_USAGE, "\"%s\" is not ADDRESS:PORT, like 127.0.0.1:9180 or [::1]:9180", where);
	snprintf(host, 64, "%.*s", (int)len, where + skip);
	snprintf(port, 8, "%u", (unsigned)number);
	return 0;
}

static void name_address(struct http_serve *serve)
{
	struct sockaddr_storage address = {0};
	socklen_t               len = sizeof(address);
	char                    host[64] = "?", port[8] = "?";

	getsockname(serve->listen_fd, (struct sockaddr *)&address, &len);
	getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(serve->address, sizeof(serve->address), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static int listen_at(struct http_serve *serve, const char *where, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo      *found;
	char                  host[64], port[8];
	int                   one = 1, failed, status = split_address(where, host, port, err);

	if (status < 0)
		return status;
	if ((failed = getaddrinfo(host, port, &hints, &found)) != 0)
		return err_set(err, ERR_USAGE, "%s: %s", where, gai_strerror(failed));
	serve->listen_fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (serve->listen_fd < 0 || setsockopt(serve->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(serve->listen_fd, found->ai_addr, found->ai_addrlen) < 0 || listen(serve->listen_fd, BACKLOG) < 0)
		status = err_errno(err, ERR_NET, "cannot listen at %s", where);
	freeaddrinfo(found);
	if (status >= 0)
		name_address(serve);
	return status;
}

/* --- life --- */

static int start(struct http_serve *serve, struct err *err)
{
	serve->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, serve, MHD_OPTION_EXTERNAL_LOGGER,
		keep_silent, NULL, MHD_OPTION_LISTEN_SOCKET, serve->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)HTTP_SERVE_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_SERVE_CONNECTION_MS / 1000, MHD_OPTION_NOTIFY_CONNECTION,
		connection_changed, serve, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
	if (!serve->daemon)
		return err_set(err, ERR_NET, "cannot serve HTTP at %s", serve->address);
	if (pthread_create(&serve->thread, NULL, serve_run, serve) != 0)
		return err_set(err, ERR_MEM, "cannot start a thread");
	serve->running = true;
	return 0;
}

int http_serve_start(const char *where, http_serve_answer answer, void *data, struct http_serve **out, struct err *err)
{
	struct http_serve *serve = calloc(1, sizeof(*serve));
	int                status;

	if (!serve)
		return err_set(err, ERR_MEM, "out of memory");
	serve->answer = answer;
	serve->data = data;
	serve->newest = &serve->oldest;
	serve->listen_fd = -1;
	serve->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = serve->wake_fd < 0 ? err_errno(err, ERR_IO, "eventfd") : listen_at(serve, where, err);
	if (status >= 0)
		status = start(serve, err);
	if (status < 0) {
		http_serve_stop(serve);
		return status;
	}
	*out = serve;
	return 0;
}

const char *http_serve_address(const struct http_serve *serve)
{
	return serve->address;
}

void http_serve_stop(struct http_serve *serve)
{
	uint64_t one = 1;

	if (!serve)
		return;
	atomic_store(&serve->stopping, true);
	if (serve->running && write(serve->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		pthread_join(serve->thread, NULL);
	if (serve->daemon)
		MHD_stop_daemon(serve->daemon); /* closes the listening socket too */
	else if (serve->listen_fd >= 0)
		close(serve->listen_fd);
	while (serve->oldest)
		end_connection(serve, serve->oldest);
	if (serve->wake_fd >= 0)
		close(serve->wake_fd);
	free(serve);
}
