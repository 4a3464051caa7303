#include "net/http_transfer.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_curl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TRANSFERS_MAX = 32,
	HOST_TRANSFERS_MAX = 8,
	BUFFER_BYTES = 1 << 20,
	BUFFER_BYTES_MIN = 64 << 10,
	CONNECT_MS = 20000,
	STALL_MS = 60000,
	TICK_MS = 1000,
	STALL_BYTES_PER_MS = 1,
};

/* Where a transfer is; only the engine moves it, but for the first step. */
enum transfer_state { WAITING, RUNNING, DONE };

struct transfer {
	struct http        *http;
	struct transfer    *next; /* in the list of incoming (http->lock) or of the engine's own */
	struct http_curl   *curl;
	char               *host; /* "host:port": what the cap per host counts */
	bool                loopback_allowed, proxy_possible;
	_Atomic bool        cancel, resume; /* asked by the reader, done by the engine */
	const _Atomic bool *cancelled;      /* the request's; NULL = none */
	_Atomic uint64_t   *received;

	/* The engine's own */
	uint64_t          window_start_ms, window_bytes;
	bool              head_overflow;
	enum address_kind refused_kind; /* why a connection was not made */

	pthread_mutex_t     lock;
	pthread_cond_t      changed;
	enum transfer_state state;
	bool                head_done, paused, peer_is_loopback;
	unsigned            status;
	struct buf          head, fill;
	struct err          err; /* how it ended, once DONE */

	struct buf drain; /* the reader's own: lent to it */
};

struct http {
	struct http_config    config;
	struct http_curl_set *set;
	pthread_t             thread;
	pthread_mutex_t       lock;
	struct transfer      *incoming, **incoming_tail;
	bool                  stopping, leaving;
	struct transfer      *transfers; /* the engine's own: waiting and running, oldest first */
	_Atomic uint64_t      requests, bytes_received, connections, running;
};

/* ---- what the network brings, in the engine thread ---- */

static void count_bytes(struct transfer *t, size_t size)
{
	t->window_bytes += size;
	if (t->received)
		atomic_fetch_add_explicit(t->received, size, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->http->bytes_received, size, memory_order_relaxed);
}

static unsigned status_of_line(struct slice line)
{
	uint64_t status = 0;

	slice_cut(&line, ' ');
	slice_u64(slice_trim(slice_cut(&line, ' ')), &status);
	return status < 1000 ? (unsigned)status : 0;
}

/* The last block of header lines counts: informational answers (1xx) come before it. */
static bool on_header(void *user, struct slice line)
{
	struct transfer *t = user;
	bool             overflow;

	count_bytes(t, line.len);
	pthread_mutex_lock(&t->lock);
	if (!t->head_done) {
		if (slice_starts(line, "HTTP/")) {
			buf_clear(&t->head);
			t->status = status_of_line(slice_trim(line));
		} else {
			buf_append(&t->head, line);
		}
		if (slice_trim(line).len == 0 && t->status >= 200) {
			t->head_done = true;
			pthread_cond_signal(&t->changed);
		}
	}
	overflow = !buf_ok(&t->head);
	pthread_mutex_unlock(&t->lock);
	t->head_overflow = overflow;
	return !overflow;
}

static enum http_curl_taken on_body(void *user, struct slice bytes)
{
	struct transfer     *t = user;
	enum http_curl_taken taken = HTTP_CURL_TAKEN;

	pthread_mutex_lock(&t->lock);
	if (t->fill.len && t->fill.len + bytes.len > t->fill.bytes_max) {
		t->paused = true;
		taken = HTTP_CURL_PAUSE;
	} else {
		buf_append(&t->fill, bytes);
		if (!buf_ok(&t->fill))
			taken = HTTP_CURL_FAIL;
		pthread_cond_signal(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
	if (taken == HTTP_CURL_TAKEN)
		count_bytes(t, bytes.len);
	return taken;
}

static bool address_allowed(struct transfer *t, enum address_kind kind)
{
	if (t->proxy_possible)
		return true; /* it may be the proxy's address; the URL's host was judged by transfer_open() */
	if (kind == ADDRESS_REFUSED || (kind == ADDRESS_LOOPBACK && !t->loopback_allowed)) {
		t->refused_kind = kind;
		return false;
	}
	return true;
}

static bool on_connect(void *user, enum address_kind peer)
{
	struct transfer *t = user;

	if (!address_allowed(t, peer))
		return false;
	atomic_fetch_add_explicit(&t->http->connections, 1, memory_order_relaxed);
	return true;
}

/* A connection may be one that another transfer made: look again. */
static bool on_connected(void *user, enum address_kind peer)
{
	struct transfer *t = user;

	pthread_mutex_lock(&t->lock);
	t->peer_is_loopback = peer == ADDRESS_LOOPBACK;
	pthread_mutex_unlock(&t->lock);
	return address_allowed(t, peer);
}

static const struct http_curl_events events = {
	.header = on_header,
	.body = on_body,
	.connect = on_connect,
	.connected = on_connected,
};

/* ---- the engine ---- */

static void explain(struct transfer *t, int code, const char *why)
{
	if (code == 0 && t->head_done)
		return;
	if (t->refused_kind == ADDRESS_REFUSED)
		err_set(&t->err, ERR_UNSUPPORTED, "%s leads to a link-local or metadata address, which is refused",
			t->host);
	else if (t->refused_kind == ADDRESS_LOOPBACK)
		err_set(&t->err, ERR_UNSUPPORTED, "%s: a redirect to this host's own addresses is refused", t->host);
	else if (t->head_overflow)
		err_set(&t->err, ERR_LIMIT, "%s: more than %u bytes of headers", t->host, LIMIT_HTTP_HEADER_BYTES);
	else
		err_set(&t->err, code ? code : ERR_NET, "%s: %s", t->host, code ? why : "no answer");
}

/* After DONE the engine does not touch a transfer again: its owner may free it. */
static void set_state(struct transfer *t, enum transfer_state state)
{
	pthread_mutex_lock(&t->lock);
	t->state = state;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void unlink_transfer(struct http *http, struct transfer *t)
{
	struct transfer **link = &http->transfers;

	while (*link && *link != t)
		link = &(*link)->next;
	if (*link)
		*link = t->next;
}

static void end_transfer(struct http *http, struct transfer *t)
{
	if (t->state == RUNNING) {
		http_curl_remove(http->set, t->curl);
		atomic_fetch_sub_explicit(&http->running, 1, memory_order_relaxed);
	}
	unlink_transfer(http, t);
	set_state(t, DONE);
}

static bool take_incoming(struct http *http, bool *leaving)
{
	struct transfer **tail = &http->transfers;
	bool              stopping;

	while (*tail)
		tail = &(*tail)->next;
	pthread_mutex_lock(&http->lock);
	*tail = http->incoming;
	http->incoming = NULL;
	http->incoming_tail = &http->incoming;
	stopping = http->stopping;
	*leaving = http->leaving;
	pthread_mutex_unlock(&http->lock);
	return stopping;
}

static bool slot_free(const struct http *http, const struct transfer *wanted)
{
	unsigned running = 0, same_host = 0;

	for (const struct transfer *t = http->transfers; t; t = t->next) {
		if (t->state != RUNNING)
			continue;
		running++;
		same_host += strcasecmp(t->host, wanted->host) == 0;
	}
	return running < http->config.transfers_max && same_host < http->config.host_transfers_max;
}

static void begin_window(struct transfer *t)
{
	t->window_start_ms = clock_ms();
	t->window_bytes = 0;
}

static void admit(struct http *http, struct transfer *t)
{
	begin_window(t);
	if (http_curl_add(http->set, t->curl)) {
		set_state(t, RUNNING);
		atomic_fetch_add_explicit(&http->running, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&http->requests, 1, memory_order_relaxed);
		return;
	}
	err_set(&t->err, ERR_MEM, "%s: out of memory for a transfer", t->host);
	end_transfer(http, t);
}

static bool is_stalled(struct transfer *t)
{
	uint64_t stall_ms = t->http->config.stall_ms;
	bool     paused;

	pthread_mutex_lock(&t->lock);
	paused = t->paused;
	pthread_mutex_unlock(&t->lock);
	if (paused) {
		begin_window(t);
		return false;
	}
	if (clock_ms() - t->window_start_ms < stall_ms)
		return false;
	if (t->window_bytes < stall_ms * STALL_BYTES_PER_MS)
		return true;
	begin_window(t);
	return false;
}

/* Whoever watches `received` sees that it is its turn that is waited for, not the peer. */
static void tell_waiting(struct transfer *t)
{
	if (!t->received || clock_ms() - t->window_start_ms < TICK_MS)
		return;
	begin_window(t);
	atomic_fetch_add_explicit(t->received, 1, memory_order_relaxed);
}

/* What readers asked for, what waits for a slot, what has stalled. */
static void serve(struct http *http, bool stopping)
{
	struct transfer *next;

	for (struct transfer *t = http->transfers; t; t = next) {
		next = t->next;
		if (stopping || atomic_load(&t->cancel) || (t->cancelled && atomic_load(t->cancelled))) {
			err_set(&t->err, ERR_CANCELLED, "%s: stopped", t->host);
			end_transfer(http, t);
		} else if (t->state == WAITING) {
			if (slot_free(http, t))
				admit(http, t);
			else
				tell_waiting(t);
		} else if (atomic_exchange(&t->resume, false)) {
			begin_window(t);
			http_curl_resume(t->curl);
		} else if (is_stalled(t)) {
			err_set(&t->err, ERR_NET, "%s: stalled for %u s", t->host,
				(t->http->config.stall_ms + 999) / 1000);
			end_transfer(http, t);
		}
	}
}

static void on_done(void *user, int code, const char *why)
{
	struct transfer *t = user;

	explain(t, code, why);
	end_transfer(t->http, t);
}

static void *run_engine(void *user)
{
	struct http *http = user;
	int          tick_ms = TICK_MS;
	bool         leaving = false;

	if (http->config.stall_ms / 4 < TICK_MS)
		tick_ms = (int)(http->config.stall_ms / 4) + 1;
	while (!leaving) {
		serve(http, take_incoming(http, &leaving));
		http_curl_run(http->set, on_done);
		serve(http, false); /* a slot may have come free */
		if (!leaving)
			http_curl_wait(http->set, tick_ms);
	}
	return NULL;
}

/* ---- making one ---- */

static void fill_config(struct http_config *config, const struct http_config *wanted)
{
	if (wanted)
		*config = *wanted;
	if (!config->transfers_max)
		config->transfers_max = TRANSFERS_MAX;
	if (!config->host_transfers_max)
		config->host_transfers_max = HOST_TRANSFERS_MAX;
	if (!config->buffer_bytes)
		config->buffer_bytes = BUFFER_BYTES;
	if (config->buffer_bytes < BUFFER_BYTES_MIN)
		config->buffer_bytes = BUFFER_BYTES_MIN;
	if (!config->connect_ms)
		config->connect_ms = CONNECT_MS;
	if (!config->stall_ms)
		config->stall_ms = STALL_MS;
}

struct http *http_new(const struct http_config *config, struct err *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http)
		fill_config(&http->config, config);
	if (!http || !(http->set = http_curl_set_new(http->config.transfers_max * 2))) {
		err_set(err, ERR_MEM, "out of memory for HTTP");
		free(http);
		return NULL;
	}
	http->incoming_tail = &http->incoming;
	pthread_mutex_init(&http->lock, NULL);
	if (pthread_create(&http->thread, NULL, run_engine, http) == 0)
		return http;
	err_set(err, ERR_MEM, "no thread for HTTP");
	pthread_mutex_destroy(&http->lock);
	http_curl_set_free(http->set);
	free(http);
	return NULL;
}

void http_stop(struct http *http)
{
	pthread_mutex_lock(&http->lock);
	http->stopping = true;
	pthread_mutex_unlock(&http->lock);
	http_curl_wake(http->set);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	pthread_mutex_lock(&http->lock);
	http->leaving = true;
	pthread_mutex_unlock(&http->lock);
	http_curl_wake(http->set);
	pthread_join(http->thread, NULL);
	http_curl_set_free(http->set);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

void http_stats_get(struct http *http, struct http_stats *out)
{
	*out = (struct http_stats){
		.requests = atomic_load(&http->requests),
		.bytes_received = atomic_load(&http->bytes_received),
		.connections = atomic_load(&http->connections),
		.running = atomic_load(&http->running),
	};
}

/* ---- one transfer, from its owner's side ---- */

static void free_transfer(struct transfer *t)
{
	http_curl_free(t->curl);
	free(t->host);
	buf_deinit(&t->head);
	buf_deinit(&t->fill);
	buf_deinit(&t->drain);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct transfer *new_transfer(struct http *http, const struct http_request *request, struct err *err)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t) {
		err_set(err, ERR_MEM, "out of memory for a transfer");
		return NULL;
	}
	t->http = http;
	t->cancelled = request->cancel;
	t->received = request->received;
	t->refused_kind = ADDRESS_PLAIN;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	buf_init(&t->head, LIMIT_HTTP_HEADER_BYTES);
	buf_init(&t->fill, http->config.buffer_bytes / 2);
	buf_init(&t->drain, http->config.buffer_bytes / 2);
	t->host = http_curl_origin(request->url, false, err);
	if (t->host) {
		struct http_curl_options options = {
			.http2 = http->config.http2,
			.no_proxy = http_host_is_loopback(slice_str(t->host)),
			.connect_ms = http->config.connect_ms,
		};

		t->proxy_possible = !options.no_proxy && http_curl_has_proxy(request->url);
		t->curl = http_curl_new(request, &options, &events, t);
	}
	if (t->curl)
		return t;
	err_set(err, ERR_MEM, "out of memory for a transfer");
	free_transfer(t);
	return NULL;
}

/* "host" or "[v6]" of "host:port", judged as it is spelled. */
static int check_spelled_host(const struct transfer *t, struct err *err)
{
	enum address_kind kind = ADDRESS_NONE;
	char             *host = strndup(t->host, slice_rfind(slice_str(t->host), ':'));

	if (!host)
		return err_set(err, ERR_MEM, "out of memory for a transfer");
	kind = address_kind_of_text(host);
	free(host);
	if (kind == ADDRESS_REFUSED)
		return err_set(err, ERR_UNSUPPORTED, "%s is a link-local or metadata address, which is refused",
			       t->host);
	if (!t->loopback_allowed && http_host_is_loopback(slice_str(t->host)))
		return err_set(err, ERR_UNSUPPORTED, "%s: a redirect to this host's own addresses is refused", t->host);
	return 0;
}

static void submit(struct http *http, struct transfer *t)
{
	pthread_mutex_lock(&http->lock);
	t->next = NULL;
	*http->incoming_tail = t;
	http->incoming_tail = &t->next;
	pthread_mutex_unlock(&http->lock);
	http_curl_wake(http->set);
}

static int wait_for_head(struct transfer *t, struct err *err)
{
	int code = 0;

	pthread_mutex_lock(&t->lock);
	while (!t->head_done && t->state != DONE)
		pthread_cond_wait(&t->changed, &t->lock);
	if (!t->head_done)
		code = err_set(err, t->err.code, "%s", t->err.text);
	pthread_mutex_unlock(&t->lock);
	return code;
}

int transfer_open(struct http *http, const struct http_request *request, bool loopback_allowed, struct transfer **out,
		  struct err *err)
{
	struct transfer *t = new_transfer(http, request, err);
	int              code;

	*out = NULL;
	if (!t)
		return err ? err->code : ERR_MEM;
	t->loopback_allowed = loopback_allowed;
	code = check_spelled_host(t, err);
	if (code) {
		free_transfer(t);
		return code;
	}
	submit(http, t);
	code = wait_for_head(t, err);
	if (code)
		transfer_close(t);
	else
		*out = t;
	return code;
}

void transfer_close(struct transfer *t)
{
	bool done;

	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	done = t->state == DONE;
	pthread_mutex_unlock(&t->lock);
	if (!done) {
		atomic_store(&t->cancel, true);
		http_curl_wake(t->http->set);
		pthread_mutex_lock(&t->lock);
		while (t->state != DONE)
			pthread_cond_wait(&t->changed, &t->lock);
		pthread_mutex_unlock(&t->lock);
	}
	free_transfer(t);
}

unsigned transfer_status(const struct transfer *t)
{
	return t->status;
}

struct slice transfer_headers(const struct transfer *t)
{
	return buf_slice(&t->head);
}

bool transfer_peer_is_loopback(const struct transfer *t)
{
	return t->peer_is_loopback;
}

int transfer_next(struct transfer *t, struct slice *block, struct err *err)
{
	struct buf swap;
	bool       resume = false;
	int        status = STREAM_BLOCK;

	buf_clear(&t->drain);
	pthread_mutex_lock(&t->lock);
	while (t->fill.len == 0 && t->state != DONE)
		pthread_cond_wait(&t->changed, &t->lock);
	swap = t->fill;
	t->fill = t->drain;
	t->drain = swap;
	if (t->drain.len == 0)
		status = t->err.code ? err_set(err, t->err.code, "%s", t->err.text) : STREAM_END;
	resume = t->paused && t->state != DONE;
	t->paused = false;
	pthread_mutex_unlock(&t->lock);
	if (resume) {
		atomic_store(&t->resume, true);
		http_curl_wake(t->http->set);
	}
	*block = buf_slice(&t->drain);
	return status;
}
