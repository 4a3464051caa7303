#include "net/http_transfer.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/http_address.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	TRANSFERS_MAX = 32,
	HOST_TRANSFERS_MAX = 8,
	BUFFER_BYTES = 1 << 20,
	BUFFER_BYTES_MIN = 4 * CURL_MAX_WRITE_SIZE,
	CONNECT_MS = 20000,
	STALL_MS = 60000,
	TICK_MS = 1000,
	STALL_BYTES_PER_MS = 1,
};

/* Where a transfer is; only the engine moves it, but for the first step. */
enum transfer_state { WAITING, RUNNING, DONE };

struct transfer {
	struct http       *http;
	struct transfer   *next; /* in the list of incoming (http->lock) or of the engine's own */
	CURL              *easy;
	struct curl_slist *headers;
	char              *host; /* "host:port": what the cap per host counts */
	bool               loopback_allowed, proxy_possible;
	_Atomic bool       cancel, resume; /* asked by the reader, done by the engine */

	/* The engine's own */
	uint64_t window_start_ms, window_bytes;
	bool     head_overflow;
	enum address_kind refused_kind; /* why a connection was not made */

	pthread_mutex_t     lock;
	pthread_cond_t      changed;
	enum transfer_state state;
	bool                head_done, paused, peer_is_loopback;
	unsigned            status;
	struct buf          head, fill;
	struct err          err; /* how it ended, once DONE */

	struct buf drain; /* the reader's own: lent to it */
	char       curl_text[CURL_ERROR_SIZE];
};

struct http {
	struct http_config config;
	CURLM             *multi;
	pthread_t          thread;
	pthread_mutex_t    lock;
	struct transfer   *incoming, **incoming_tail;
	bool               stopping, leaving;
	struct transfer   *transfers; /* the engine's own: waiting and running, oldest first */
	_Atomic uint64_t   requests, bytes_received, connections;
};

/* ---- callbacks of libcurl, in the engine thread ---- */

static void count_bytes(struct transfer *t, size_t size)
{
	t->window_bytes += size;
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
static size_t on_header(char *data, size_t one, size_t size, void *user)
{
	struct transfer *t = user;
	struct slice     line = slice_of(data, size);
	bool             overflow;

	(void)one;
	count_bytes(t, size);
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
	return overflow ? 0 : size;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
	struct transfer *t = user;
	size_t           taken = size;

	(void)one;
	pthread_mutex_lock(&t->lock);
	if (t->fill.len && t->fill.len + size > t->fill.bytes_max) {
		t->paused = true;
		taken = CURL_WRITEFUNC_PAUSE;
	} else {
		buf_append(&t->fill, slice_of(data, size));
		if (!buf_ok(&t->fill))
			taken = 0;
		pthread_cond_signal(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
	if (taken == size)
		count_bytes(t, size);
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

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = user;

	(void)purpose;
	if (!address_allowed(t, address_kind_of(&address->addr)))
		return CURL_SOCKET_BAD;
	atomic_fetch_add_explicit(&t->http->connections, 1, memory_order_relaxed);
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A connection may be one that another transfer made: look again. */
static int on_before_request(void *user, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct transfer  *t = user;
	enum address_kind kind = address_kind_of_text(peer_ip ? peer_ip : "");

	(void)local_ip, (void)peer_port, (void)local_port;
	pthread_mutex_lock(&t->lock);
	t->peer_is_loopback = kind == ADDRESS_LOOPBACK;
	pthread_mutex_unlock(&t->lock);
	return address_allowed(t, kind) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- the engine ---- */

static int code_of(CURLcode result)
{
	switch (result) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return ERR_MEM;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT:
		return ERR_TLS;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CRL_BADFILE:
		return ERR_CONFIG;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_LOGIN_DENIED:
		return ERR_UNSUPPORTED;
	default:
		return ERR_NET;
	}
}

/* The peer's refusal of our certificate comes as a failed read, with TLS 1.3 after the handshake. */
static bool is_tls_refusal(const char *text)
{
	return strstr(text, "alert") && (strstr(text, "certificate") || strstr(text, "unknown ca"));
}

static void explain(struct transfer *t, CURLcode result)
{
	if (result == CURLE_OK && t->head_done)
		return;
	if (t->refused_kind == ADDRESS_REFUSED)
		err_set(&t->err, ERR_UNSUPPORTED, "%s leads to a link-local or metadata address, which is refused", t->host);
	else if (t->refused_kind == ADDRESS_LOOPBACK)
		err_set(&t->err, ERR_UNSUPPORTED, "%s: a redirect to this host's own addresses is refused", t->host);
	else if (t->head_overflow)
		err_set(&t->err, ERR_LIMIT, "%s: more than %u bytes of headers", t->host, LIMIT_HTTP_HEADER_BYTES);
	else if (result != CURLE_OK)
		err_set(&t->err, is_tls_refusal(t->curl_text) ? ERR_TLS : code_of(result), "%s: %s", t->host, t->curl_text[0] ? t->curl_text : curl_easy_strerror(result));
	else
		err_set(&t->err, ERR_NET, "%s: no answer", t->host);
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
	if (t->state == RUNNING)
		curl_multi_remove_handle(http->multi, t->easy);
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
	CURLMcode result;

	begin_window(t);
	result = curl_multi_add_handle(http->multi, t->easy);
	if (result == CURLM_OK) {
		set_state(t, RUNNING);
		atomic_fetch_add_explicit(&http->requests, 1, memory_order_relaxed);
		return;
	}
	err_set(&t->err, ERR_MEM, "%s: %s", t->host, curl_multi_strerror(result));
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

/* What readers asked for, what waits for a slot, what has stalled. */
static void serve(struct http *http, bool stopping)
{
	struct transfer *next;

	for (struct transfer *t = http->transfers; t; t = next) {
		next = t->next;
		if (stopping || atomic_load(&t->cancel)) {
			err_set(&t->err, ERR_CANCELLED, "%s: stopped", t->host);
			end_transfer(http, t);
		} else if (t->state == WAITING) {
			if (slot_free(http, t))
				admit(http, t);
		} else if (atomic_exchange(&t->resume, false)) {
			begin_window(t);
			curl_easy_pause(t->easy, CURLPAUSE_CONT);
		} else if (is_stalled(t)) {
			err_set(&t->err, ERR_NET, "%s: stalled for %u s", t->host, (t->http->config.stall_ms + 999) / 1000);
			end_transfer(http, t);
		}
	}
}

static void collect_finished(struct http *http)
{
	CURLMsg *message;
	int      left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode         result = message->data.result;
		struct transfer *t = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		explain(t, result);
		end_transfer(http, t);
	}
}

static void *run_engine(void *user)
{
	struct http *http = user;
	int          tick_ms = TICK_MS, running;
	bool         leaving = false;

	if (http->config.stall_ms / 4 < TICK_MS)
		tick_ms = (int)(http->config.stall_ms / 4) + 1;
	while (!leaving) {
		serve(http, take_incoming(http, &leaving));
		curl_multi_perform(http->multi, &running);
		collect_finished(http);
		serve(http, false); /* a slot may have come free */
		if (!leaving)
			curl_multi_poll(http->multi, NULL, 0, tick_ms, NULL);
	}
	return NULL;
}

/* ---- making one ---- */

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

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
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http          *http = calloc(1, sizeof(*http));

	pthread_once(&once, init_curl);
	if (!http || !(http->multi = curl_multi_init())) {
		err_set(err, ERR_MEM, "out of memory for HTTP");
		free(http);
		return NULL;
	}
	fill_config(&http->config, config);
	http->incoming_tail = &http->incoming;
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->config.transfers_max * 2);
	pthread_mutex_init(&http->lock, NULL);
	if (pthread_create(&http->thread, NULL, run_engine, http) == 0)
		return http;
	err_set(err, ERR_MEM, "no thread for HTTP");
	pthread_mutex_destroy(&http->lock);
	curl_multi_cleanup(http->multi);
	free(http);
	return NULL;
}

void http_stop(struct http *http)
{
	pthread_mutex_lock(&http->lock);
	http->stopping = true;
	pthread_mutex_unlock(&http->lock);
	curl_multi_wakeup(http->multi);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	pthread_mutex_lock(&http->lock);
	http->leaving = true;
	pthread_mutex_unlock(&http->lock);
	curl_multi_wakeup(http->multi);
	pthread_join(http->thread, NULL);
	curl_multi_cleanup(http->multi);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

void http_stats_get(struct http *http, struct http_stats *out)
{
	*out = (struct http_stats){
	        .requests = atomic_load(&http->requests),
	        .bytes_received = atomic_load(&http->bytes_received),
	        .connections = atomic_load(&http->connections),
	};
}

/* ---- one transfer, from its owner's side ---- */

static bool proxy_in_environment(const char *url)
{
	static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
	bool                     is_secure = strncasecmp(url, "https:", 6) == 0;

	for (size_t i = 0; i < (is_secure ? sizeof(secure) : sizeof(plain)) / sizeof(char *); i++)
		if (getenv(is_secure ? secure[i] : plain[i]))
			return true;
	return false;
}

/* CURLOPT_CAPATH keeps its default beside a CA of our own, so that public hosts behind redirects stay verifiable. With
 * the system's bundle alone it is dropped: libcurl then parses the bundle once, not for every connection. */
static void set_tls(CURL *easy, const struct http_tls *tls)
{
	const char *bundle = getenv("SSL_CERT_FILE"), *system_bundle = curl_version_info(CURLVERSION_NOW)->cainfo;

	if (bundle)
		curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
	if (tls && tls->ca_pem) {
		struct curl_blob blob = {(void *)(uintptr_t)tls->ca_pem, strlen(tls->ca_pem), CURL_BLOB_COPY};

		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	} else if (bundle || (system_bundle && access(system_bundle, R_OK) == 0)) {
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (tls && tls->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls && tls->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->client_key ? tls->client_key : tls->client_cert);
	}
}

static bool add_header(struct transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer)
		t->headers = longer;
	return longer != NULL;
}

static bool set_headers(struct transfer *t, const struct http_request *request)
{
	bool ok = add_header(t, "Accept-Encoding: identity");

	for (const char *const *line = request->headers; ok && line && *line; line++)
		ok = add_header(t, *line);
	if (ok && request->authorization) {
		struct buf line = {.bytes_max = LIMIT_TOKEN_BYTES * 2};

		buf_printf(&line, "Authorization: %s", request->authorization);
		buf_byte(&line, '\0');
		ok = buf_ok(&line) && add_header(t, (const char *)line.ptr);
		buf_deinit(&line);
	}
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return ok;
}

static void set_method(CURL *easy, const struct http_request *request)
{
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	} else if (request->method && strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (request->method && strcmp(request->method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
}

static void set_options(struct transfer *t, const struct http_request *request)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->http->config.connect_ms);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(t->http->config.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	if (http_host_is_loopback(slice_str(t->host)))
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	set_method(easy, request);
	set_tls(easy, request->tls);
}

static void free_transfer(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t->host);
	buf_deinit(&t->head);
	buf_deinit(&t->fill);
	buf_deinit(&t->drain);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Scheme, host and port of a URL; NULL with err set unless it is http or https. Heap memory. */
static char *url_origin(const char *url, bool with_scheme, struct err *err)
{
	CURLU *parts = curl_url();
	char  *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)) {
		if (asprintf(&origin, "%s%s%s:%s", with_scheme ? scheme : "", with_scheme ? "://" : "", host, port) < 0)
			origin = NULL;
	}
	if (!origin)
		err_set(err, ERR_UNSUPPORTED, "%.200s is not an http or https URL", url);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return origin;
}

static struct transfer *new_transfer(struct http *http, const struct http_request *request, struct err *err)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t) {
		err_set(err, ERR_MEM, "out of memory for a transfer");
		return NULL;
	}
	t->http = http;
	t->refused_kind = ADDRESS_PLAIN;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	buf_init(&t->head, LIMIT_HTTP_HEADER_BYTES);
	buf_init(&t->fill, http->config.buffer_bytes / 2);
	buf_init(&t->drain, http->config.buffer_bytes / 2);
	t->host = url_origin(request->url, false, err);
	t->easy = t->host ? curl_easy_init() : NULL;
	if (t->easy && set_headers(t, request))
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
		return err_set(err, ERR_UNSUPPORTED, "%s is a link-local or metadata address, which is refused", t->host);
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
	curl_multi_wakeup(http->multi);
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
	t->proxy_possible = proxy_in_environment(request->url) && !http_host_is_loopback(slice_str(t->host));
	code = check_spelled_host(t, err);
	if (code) {
		free_transfer(t);
		return code;
	}
	set_options(t, request);
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
		curl_multi_wakeup(t->http->multi);
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
		curl_multi_wakeup(t->http->multi);
	}
	*block = buf_slice(&t->drain);
	return status;
}

/* ---- URLs ---- */

int http_url_resolve(const char *base, struct slice target, char **out, struct err *err)
{
	CURLU *parts = curl_url();
	char  *text = strndup((const char *)target.ptr, target.len), *resolved = NULL;
	int    code = 0;

	*out = NULL;
	if (!parts || !text)
		code = err_set(err, ERR_MEM, "out of memory for a URL");
	else if (target.len == 0 || strlen(text) != target.len || curl_url_set(parts, CURLUPART_URL, base, 0) != CURLUE_OK ||
	         curl_url_set(parts, CURLUPART_URL, text, CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
	         curl_url_get(parts, CURLUPART_URL, &resolved, 0) != CURLUE_OK)
		code = err_set(err, ERR_FORMAT, "%s gives an unusable address to go on with", base);
	else if (!(*out = strdup(resolved)))
		code = err_set(err, ERR_MEM, "out of memory for a URL");
	curl_free(resolved);
	free(text);
	curl_url_cleanup(parts);
	return code;
}

bool http_same_origin(const char *url_a, const char *url_b)
{
	char *a = url_origin(url_a, true, NULL), *b = url_origin(url_b, true, NULL);
	bool  same = a && b && strcasecmp(a, b) == 0;

	free(a);
	free(b);
	return same;
}
