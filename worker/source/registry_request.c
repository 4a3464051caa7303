#include "source/registry_client.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/limits.h"
#include "source/registry_patience.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_BODY_BYTES_MAX = 64 << 10, PAUSE_STEP_MS = 100, REFUSALS_MAX = 2, MIRROR_RETRIES_MAX = 1 };

int registry_stopped(struct registry_client *client, const struct source_call *call, struct err *err)
{
	if (client->stopping || (call && call->cancel && *call->cancel))
		return err_set(err, ERR_CANCELLED, "stopped");
	return 0;
}

struct timespec registry_soon(clockid_t clock)
{
	struct timespec until;

	clock_gettime(clock, &until);
	until.tv_nsec += PAUSE_STEP_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return until;
}

bool registry_may_wait(struct source_call *call, uint64_t wait_ms)
{
	if (!call || !call->wait_ms_max || wait_ms <= call->wait_ms_max)
		return true;
	call->retry_after_ms = wait_ms;
	return false;
}

int registry_pause(struct registry_client *client, const struct source_call *call, uint64_t ms, struct err *err)
{
	for (uint64_t end = clock_ms() + ms, now; (now = clock_ms()) < end;) {
		if (registry_stopped(client, call, err))
			return ERR_CANCELLED;
		clock_sleep_ms(end - now < PAUSE_STEP_MS ? end - now : PAUSE_STEP_MS);
	}
	return 0;
}

void registry_error_text(struct slice body, char out[200])
{
	struct json       *root;
	const struct json *first;
	struct buf         text = {.bytes_max = 4096};
	struct slice       code, message;

	out[0] = '\0';
	if (json_parse(body, &root, NULL))
		return;
	first = json_at(json_get(root, "errors"), 0);
	code = json_get_text(first, "code");
	message = json_get_text(first, "message");
	if (message.len == 0)
		message = json_get_text(root, "details").len ? json_get_text(root, "details")
							     : json_get_text(root, "message");
	escape_terminal(&text, slice_sub(code, 0, 60));
	if (code.len && message.len)
		buf_str(&text, ": ");
	escape_terminal(&text, slice_sub(message, 0, 130));
	snprintf(out, 200, "%.*s", SLICE_FMT(slice_sub(buf_slice(&text), 0, 199)));
	buf_deinit(&text);
	json_free(root);
}

/* How one try ended. */
struct outcome {
	int              code;
	unsigned         status; /* 0 = no answer */
	uint64_t         retry_after_ms;
	struct challenge challenge; /* of a 401 */
	struct err       why;
};

static void read_refusal(const struct registry_ask *ask, struct http_response *response, struct outcome *outcome)
{
	struct buf body = {.bytes_max = ERROR_BODY_BYTES_MAX};
	char       text[200], what[700];

	stream_read_all(http_body(response), &body, NULL);
	registry_error_text(buf_slice(&body), text);
	buf_deinit(&body);
	snprintf(what, sizeof(what), "%s%s%s", ask->what, text[0] ? ": " : "", text);
	outcome->retry_after_ms = http_retry_after_ms(http_header(response, "Retry-After", 0), clock_unix_ms());
	if (outcome->status < 400)
		outcome->code =
			err_set(&outcome->why, ERR_UNSUPPORTED, "%s: the server answered %u", what, outcome->status);
	else
		outcome->code = http_status_error(outcome->status, what, &outcome->why);
}

static void choose_challenge(struct http_response *response, struct challenge *out)
{
	struct buf   lines = {.bytes_max = LIMIT_HTTP_HEADER_BYTES * 2};
	struct slice value;

	for (size_t i = 0; (value = http_header(response, "WWW-Authenticate", i)).len; i++) {
		buf_str(&lines, "WWW-Authenticate: ");
		buf_append(&lines, value);
		buf_byte(&lines, '\n');
	}
	challenge_choose(buf_slice(&lines), out);
	buf_deinit(&lines);
}

static enum source_answer answer_of(const struct outcome *outcome)
{
	switch (outcome->status) {
	case 0:
		return outcome->code == ERR_TLS ? SOURCE_ANSWER_TLS : SOURCE_ANSWER_NO_ANSWER;
	case 401:
		return SOURCE_ANSWER_UNAUTHORIZED;
	case 403:
		return SOURCE_ANSWER_FORBIDDEN;
	case 404:
		return SOURCE_ANSWER_NOT_FOUND;
	case 429:
		return SOURCE_ANSWER_RATE_LIMITED;
	default:
		if (outcome->status < 300)
			return SOURCE_ANSWER_OK;
		return outcome->status >= 500 ? SOURCE_ANSWER_SERVER_ERROR : SOURCE_ANSWER_OTHER;
	}
}

static struct http_response *ask_once(const struct registry_ask *ask, struct http *http, const char *authorization,
				      struct outcome *outcome)
{
	struct registry_host *host = ask->host;
	struct http_request   request = {
		  .method = ask->method,
		  .url = ask->url,
		  .headers = ask->headers,
		  .authorization = authorization[0] ? authorization : NULL,
		  .tls = &host->tls,
		  .plain_allowed = strncmp(host->base_url, "http:", 5) == 0,
		  .cancel = ask->call ? ask->call->cancel : NULL,
		  .received = ask->call ? ask->call->moved : NULL,
        };
	struct http_response *response;

	*outcome = (struct outcome){0};
	outcome->code = http_open(http, &request, &response, &outcome->why);
	if (outcome->code) {
		err_prefix(&outcome->why, "%s", ask->what);
		return NULL;
	}
	outcome->status = http_status(response);
	if (outcome->status < 300)
		return response;
	if (outcome->status == 401)
		choose_challenge(response, &outcome->challenge);
	read_refusal(ask, response, outcome);
	http_close(response);
	return NULL;
}

static struct http_response *try_once(const struct registry_ask *ask, struct http *http, const char *authorization,
				      struct outcome *outcome)
{
	struct http_response *response = ask_once(ask, http, authorization, outcome);

	if (outcome->code != ERR_CANCELLED)
		ask->host->answers[answer_of(outcome)]++;
	return response;
}

/* "Leave me alone until then" is for every request to the host, not for this one alone. */
static int wait_for_turn(const struct registry_ask *ask, struct err *err)
{
	struct registry_host *host = ask->host;
	uint64_t              until = host->not_before_ms, now = clock_ms();

	if (registry_stopped(host->client, ask->call, err))
		return ERR_CANCELLED;
	if (until <= now)
		return 0;
	if (!registry_may_wait(ask->call, until - now))
		return err_set(err, ERR_RATE, "%s: %s asked to be left alone for %llu s more", ask->what, host->name,
			       (unsigned long long)(until - now + 999) / 1000);
	return registry_pause(host->client, ask->call, until - now, err);
}

static int wait_again(const struct registry_ask *ask, struct patience *patience, const struct outcome *outcome,
		      struct err *err)
{
	struct registry_host *host = ask->host;
	bool                  rated = outcome->code == ERR_RATE || outcome->retry_after_ms;
	uint64_t              wait_ms, until;

	if (rated)
		host->client->rate_limited++;
	if (!patience_again(patience, outcome->code, outcome->retry_after_ms, &wait_ms))
		return err_set(err, outcome->code, "%s", outcome->why.text);
	until = clock_ms() + wait_ms;
	if (rated && host->not_before_ms < until)
		host->not_before_ms = until;
	if (rated && !registry_may_wait(ask->call, wait_ms))
		return err_set(err, ERR_RATE, "%s", outcome->why.text);
	host->client->retries++;
	return registry_pause(host->client, ask->call, wait_ms, err);
}

/* One request until it is answered for good. With `answer` the body belongs to what is tried again. */
struct exchange {
	const struct registry_ask *ask;
	struct http               *http;
	struct http_answer        *answer;
	size_t                     body_bytes_max;
	struct http_response      *response; /* out, without `answer` */
};

static void take_answer(struct exchange *x, struct http_response *response, struct outcome *outcome)
{
	if (!x->answer) {
		x->response = response;
		return;
	}
	outcome->code = http_answer_take(response, x->body_bytes_max, x->answer, &outcome->why);
	if (outcome->code)
		err_prefix(&outcome->why, "%s", x->ask->what);
	http_close(response);
}

static bool may_authorize(const struct registry_ask *ask)
{
	return http_same_origin(ask->url, ask->host->base_url);
}

static int run_exchange(struct exchange *x, struct err *err)
{
	const struct registry_ask *ask = x->ask;
	struct registry_client    *client = ask->host->client;
	unsigned                   retries =
                ask->is_mirror && client->retries_max > MIRROR_RETRIES_MAX ? MIRROR_RETRIES_MAX : client->retries_max;
	struct patience patience = patience_new(retries, random_seed());
	struct buf      value = {.bytes_max = LIMIT_TOKEN_BYTES * 4};
	unsigned        refusals = 0;
	struct outcome  outcome;
	int             code = 0;

	for (bool refused = false; !code; refused = outcome.status == 401) {
		struct buf before = value;

		value = (struct buf){.bytes_max = before.bytes_max};
		buf_byte(&before, '\0');
		code = wait_for_turn(ask, err);
		if (!code && may_authorize(ask))
			code = registry_authorize(ask->host, ask->call, ask->repository, ask->scope,
						  refused ? (const char *)before.ptr : NULL, &value, err);
		buf_deinit(&before);
		if (code)
			break;
		buf_byte(&value, '\0');
		struct http_response *response = try_once(ask, x->http, (const char *)value.ptr, &outcome);

		value.len--;
		if (response)
			take_answer(x, response, &outcome);
		if (!outcome.code)
			break;
		if (outcome.status == 401 && may_authorize(ask) && outcome.challenge.scheme != CHALLENGE_NONE &&
		    refusals++ < REFUSALS_MAX)
			registry_challenged(ask->host, &outcome.challenge);
		else
			code = wait_again(ask, &patience, &outcome, err);
	}
	buf_deinit(&value);
	return code;
}

int registry_fetch(const struct registry_ask *ask, size_t body_bytes_max, struct http_answer *answer, struct err *err)
{
	struct exchange x = {
		.ask = ask, .http = ask->host->client->small, .answer = answer, .body_bytes_max = body_bytes_max};

	return run_exchange(&x, err);
}

int registry_open(const struct registry_ask *ask, struct http_response **response, struct err *err)
{
	struct exchange x = {.ask = ask, .http = ask->host->client->bodies};
	int             code = run_exchange(&x, err);

	*response = x.response;
	return code;
}
