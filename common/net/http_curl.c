#include "net/http_curl.h"

#include "base/limits.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct http_curl {
	CURL                          *easy;
	struct curl_slist             *headers;
	const struct http_curl_events *events;
	void                          *user;
	char                           text[CURL_ERROR_SIZE];
};

struct http_curl_set {
	CURLM *multi;
};

/* ---- callbacks ---- */

static size_t on_header(char *data, size_t one, size_t size, void *user)
{
	struct http_curl *curl = user;

	(void)one;
	return curl->events->header(curl->user, slice_of(data, size)) ? size : 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
	struct http_curl *curl = user;

	(void)one;
	switch (curl->events->body(curl->user, slice_of(data, size))) {
	case HTTP_CURL_TAKEN:
		return size;
	case HTTP_CURL_PAUSE:
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_CURL_FAIL:
		break;
	}
	return 0;
}

static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_curl *curl = user;

	(void)purpose;
	if (!curl->events->connect(curl->user, address_kind_of(&address->addr)))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_before_request(void *user, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct http_curl *curl = user;

	(void)local_ip, (void)peer_port, (void)local_port;
	return curl->events->connected(curl->user, address_kind_of_text(peer_ip ? peer_ip : ""))
		       ? CURL_PREREQFUNC_OK
		       : CURL_PREREQFUNC_ABORT;
}

/* ---- one exchange ---- */

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

static bool add_header(struct http_curl *curl, const char *line)
{
	struct curl_slist *longer = curl_slist_append(curl->headers, line);

	if (longer)
		curl->headers = longer;
	return longer != NULL;
}

static bool set_headers(struct http_curl *curl, const struct http_request *request)
{
	bool ok = add_header(curl, "Accept-Encoding: identity");

	for (const char *const *line = request->headers; ok && line && *line; line++)
		ok = add_header(curl, *line);
	if (ok && request->authorization) {
		struct buf line = {.bytes_max = LIMIT_TOKEN_BYTES * 2};

		buf_printf(&line, "Authorization: %s", request->authorization);
		buf_byte(&line, '\0');
		ok = buf_ok(&line) && add_header(curl, (const char *)line.ptr);
		buf_deinit(&line);
	}
	curl_easy_setopt(curl->easy, CURLOPT_HTTPHEADER, curl->headers);
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

static void set_options(struct http_curl *curl, const struct http_request *request,
			const struct http_curl_options *options)
{
	CURL *easy = curl->easy;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, curl);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl->text);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)(options->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, curl);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, curl);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, curl);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, curl);
	if (options->no_proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	set_method(easy, request);
	set_tls(easy, request->tls);
}

struct http_curl *http_curl_new(const struct http_request *request, const struct http_curl_options *options,
				const struct http_curl_events *events, void *user)
{
	struct http_curl *curl = calloc(1, sizeof(*curl));

	if (!curl)
		return NULL;
	curl->events = events;
	curl->user = user;
	curl->easy = curl_easy_init();
	if (curl->easy && set_headers(curl, request)) {
		set_options(curl, request, options);
		return curl;
	}
	http_curl_free(curl);
	return NULL;
}

void http_curl_free(struct http_curl *curl)
{
	if (!curl)
		return;
	curl_easy_cleanup(curl->easy);
	curl_slist_free_all(curl->headers);
	free(curl);
}

void http_curl_resume(struct http_curl *curl)
{
	curl_easy_pause(curl->easy, CURLPAUSE_CONT);
}

/* ---- a set ---- */

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_curl_set *http_curl_set_new(unsigned connections_max)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_curl_set *set = calloc(1, sizeof(*set));

	pthread_once(&once, init_curl);
	if (!set || !(set->multi = curl_multi_init())) {
		free(set);
		return NULL;
	}
	curl_multi_setopt(set->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(set->multi, CURLMOPT_MAXCONNECTS, (long)connections_max);
	return set;
}

void http_curl_set_free(struct http_curl_set *set)
{
	if (!set)
		return;
	curl_multi_cleanup(set->multi);
	free(set);
}

bool http_curl_add(struct http_curl_set *set, struct http_curl *curl)
{
	return curl_multi_add_handle(set->multi, curl->easy) == CURLM_OK;
}

void http_curl_remove(struct http_curl_set *set, struct http_curl *curl)
{
	curl_multi_remove_handle(set->multi, curl->easy);
}

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

void http_curl_run(struct http_curl_set *set, void (*done)(void *user, int code, const char *why))
{
	CURLMsg *message;
	int      left;

	curl_multi_perform(set->multi, &left);
	while ((message = curl_multi_info_read(set->multi, &left))) {
		CURLcode          result = message->data.result;
		struct http_curl *curl = NULL;
		const char       *why;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&curl);
		why = curl->text[0] ? curl->text : curl_easy_strerror(result);
		done(curl->user, result != CURLE_OK && is_tls_refusal(why) ? ERR_TLS : code_of(result), why);
	}
}

void http_curl_wait(struct http_curl_set *set, int wait_ms)
{
	curl_multi_poll(set->multi, NULL, 0, wait_ms, NULL);
}

void http_curl_wake(struct http_curl_set *set)
{
	curl_multi_wakeup(set->multi);
}

/* ---- URLs ---- */

char *http_curl_origin(const char *url, bool with_scheme, struct err *err)
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

int http_url_resolve(const char *base, struct slice target, char **out, struct err *err)
{
	CURLU *parts = curl_url();
	char  *text = strndup((const char *)target.ptr, target.len), *resolved = NULL;
	int    code = 0;

	*out = NULL;
	if (!parts || !text)
		code = err_set(err, ERR_MEM, "out of memory for a URL");
	else if (target.len == 0 || strlen(text) != target.len ||
		 curl_url_set(parts, CURLUPART_URL, base, 0) != CURLUE_OK ||
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
	char *a = http_curl_origin(url_a, true, NULL), *b = http_curl_origin(url_b, true, NULL);
	bool  same = a && b && strcasecmp(a, b) == 0;

	free(a);
	free(b);
	return same;
}

bool http_curl_has_proxy(const char *url)
{
	static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
	bool                     is_secure = strncasecmp(url, "https:", 6) == 0;

	for (size_t i = 0; i < (is_secure ? sizeof(secure) : sizeof(plain)) / sizeof(char *); i++)
		if (getenv(is_secure ? secure[i] : plain[i]))
			return true;
	return false;
}
