#include "deliver/deliver_internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/hmac.h"
#include "net/http.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 64 << 10, HEADER_BYTES = 256 };

/* "https://hooks.example" of the URL: its path and query may be what only the receiver should know. */
static struct slice place_of(const char *url)
{
	struct slice all = slice_str(url);
	size_t       scheme = slice_find_str(all, "://"), end = scheme == SIZE_MAX ? all.len : scheme + 3, user;
	struct slice host;

	while (end < all.len && !memchr("/?#", all.ptr[end], 3))
		end++;
	host = slice_sub(all, 0, end);
	user = slice_rfind(host, '@');
	return user == SIZE_MAX ? host : slice_from(host, user + 1);
}

/* What the transfer says, without the URL that it may name. */
static int explain(const struct deliver *deliver, int status, const struct err *why, struct err *err)
{
	struct slice text = slice_str(why->text), place = place_of(deliver->config.url);
	size_t       at = slice_find_str(text, deliver->config.url);

	if (at == SIZE_MAX)
		return err_set(err, status, "webhook %.*s: %.*s", SLICE_FMT(place), SLICE_FMT(text));
	return err_set(err, status, "webhook %.*s: %.*s%.*s%.*s", SLICE_FMT(place), SLICE_FMT(slice_sub(text, 0, at)),
		       SLICE_FMT(place), SLICE_FMT(slice_from(text, at + strlen(deliver->config.url))));
}

static int sign(const struct deliver *deliver, struct slice body, char header[HEADER_BYTES])
{
	uint8_t mac[SHA256_BYTES];
	char    hex[2 * SHA256_BYTES + 1];
	int     status = hmac_sha256(buf_slice(&deliver->key), body, mac);

	digest_hex(mac, sizeof(mac), hex);
	snprintf(header, HEADER_BYTES, "X-Varve-Signature: sha256=%s", hex);
	return status;
}

static int judge(const struct deliver *deliver, const struct http_answer *answer, uint64_t *retry_after_ms,
		 struct err *err)
{
	struct slice place = place_of(deliver->config.url);
	char         what[200];

	*retry_after_ms = http_retry_after_ms(http_answer_header(answer, "Retry-After", 0), clock_unix_ms());
	if (answer->status >= 200 && answer->status < 300)
		return 0;
	if (answer->status < 400)
		return err_set(err, ERR_UNSUPPORTED, "webhook %.*s: answered %u: an event is not sent on",
			       SLICE_FMT(place), answer->status);
	snprintf(what, sizeof(what), "webhook %.*s", SLICE_FMT(place));
	return http_status_error(answer->status, what, err);
}

int deliver_webhook_once(struct deliver *deliver, const struct deliver_event *event, uint64_t *retry_after_ms,
			 struct err *err)
{
	char        kind[HEADER_BYTES], id[HEADER_BYTES], signature[HEADER_BYTES];
	const char *headers[] = {"Content-Type: application/json", kind, id, deliver->key.len ? signature : NULL, NULL};
	struct http_tls     tls = {.insecure = deliver->config.tls_insecure,
				   .ca_pem = deliver->ca.len > 1 ? (const char *)deliver->ca.ptr : NULL};
	struct buf          body = {.bytes_max = event->body.len + 1};
	struct http_request request = {.method = "POST",
				       .url = deliver->config.url,
				       .headers = headers,
				       .tls = &tls,
				       .no_redirects = true,
				       .cancel = &deliver->cancelled};
	struct http_answer  answer = {0};
	struct err          why = {0};
	int                 status;

	*retry_after_ms = 0;
	snprintf(kind, sizeof(kind), "X-Varve-Event: %s", event->kind);
	snprintf(id, sizeof(id), "X-Varve-Delivery: %s", event->id);
	buf_append(&body, event->body);
	buf_byte(&body, 0);
	if (!buf_ok(&body) || sign(deliver, event->body, signature) != 0) {
		buf_deinit(&body);
		return err_set(err, ERR_MEM, "out of memory");
	}
	request.body = (const char *)body.ptr;
	status = http_fetch(deliver->http, &request, ANSWER_BYTES_MAX, &answer, &why);
	if (status == ERR_LIMIT && answer.status)
		status = 0; /* whatever it has to tell, its status counts */
	status = status ? explain(deliver, status, &why, err) : judge(deliver, &answer, retry_after_ms, err);
	http_answer_deinit(&answer);
	buf_deinit(&body);
	return status;
}
