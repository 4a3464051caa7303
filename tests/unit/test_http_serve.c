/* The small HTTP server of metrics and probes: addresses, methods, paths, oversized answers; hostile peers are in tests/e2e. */
#include "lib/check.h"

#include "net/http.h"
#include "net/http_serve.h"
#include "net/metrics_serve.h"

#include <string.h>

static unsigned echo(void *data, const char *path, struct buf *body, const char **type)
{
	(void)data;
	if (strcmp(path, "/huge") == 0)
		for (int i = 0; i < HTTP_SERVE_BODY_BYTES_MAX / 16 + 1; i++)
			buf_str(body, "0123456789abcdef");
	else
		buf_printf(body, "path %s", path);
	*type = "text/x-echo";
	return strcmp(path, "/teapot") == 0 ? 418 : 200;
}

static unsigned ask(const char *method, const char *address, const char *path, char out[256], char type[64])
{
	char                url[300];
	struct http        *http = http_new(NULL, NULL);
	struct http_request request = {.method = method, .url = url};
	struct http_answer  answer = {0};
	unsigned            status;
	struct err          err = {0};

	snprintf(url, sizeof(url), "http://%s%s", address, path);
	assert_int_equal(http_fetch(http, &request, HTTP_SERVE_BODY_BYTES_MAX + 1, &answer, &err), 0);
	snprintf(out, 256, "%.*s", SLICE_FMT(slice_sub(buf_slice(&answer.body), 0, 255)));
	snprintf(type, 64, "%.*s", SLICE_FMT(http_answer_header(&answer, "Content-Type", 0)));
	status = answer.status;
	http_answer_deinit(&answer);
	http_free(http);
	return status;
}

static void it_answers_get_and_head_by_path(void **state)
{
	struct http_serve *serve = NULL;
	struct err         err = {0};
	char               body[256], type[64];

	(void)state;
	assert_int_equal(http_serve_start("127.0.0.1:0", echo, NULL, &serve, &err), 0);
	assert_int_equal(ask("GET", http_serve_address(serve), "/a?query=1", body, type), 200);
	assert_string_equal(body, "path /a");
	assert_string_equal(type, "text/x-echo");
	assert_int_equal(ask("GET", http_serve_address(serve), "/teapot", body, type), 418);
	assert_int_equal(ask("HEAD", http_serve_address(serve), "/a", body, type), 200);
	assert_string_equal(body, "");
	assert_int_equal(ask("DELETE", http_serve_address(serve), "/a", body, type), 405);
	http_serve_stop(serve);
}

static void an_answer_that_is_too_long_is_an_error(void **state)
{
	struct http_serve *serve = NULL;
	char               body[256], type[64];

	(void)state;
	assert_int_equal(http_serve_start("127.0.0.1:0", echo, NULL, &serve, NULL), 0);
	assert_int_equal(ask("GET", http_serve_address(serve), "/huge", body, type), 500);
	assert_string_equal(body, "the answer is too long\n");
	http_serve_stop(serve);
}

static void what_is_no_address_and_port_is_refused(void **state)
{
	static const char *const wrong[] = {"",
					    ":",
					    "9180",
					    "127.0.0.1",
					    "127.0.0.1:",
					    ":9180",
					    "::1:9180",
					    "[::1]",
					    "[]:1",
					    "127.0.0.1:65536",
					    "127.0.0.1:http",
					    "127.0.0.1:-1",
					    "no.such.host.invalid:1",
					    "an-address-that-is-longer-than-any-that-could-be-listened-at.example:1"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct http_serve *serve = NULL;
		struct err         err = {0};

		if (http_serve_start(wrong[i], echo, NULL, &serve, &err) != ERR_USAGE)
			fail_msg("\"%s\" was taken: %s", wrong[i], err.text);
		assert_null(serve);
	}
}

static void a_port_that_is_taken_is_said_to_be(void **state)
{
	struct http_serve *first = NULL, *second = NULL;
	struct err         err = {0};

	(void)state;
	assert_int_equal(http_serve_start("127.0.0.1:0", echo, NULL, &first, NULL), 0);
	assert_int_equal(http_serve_start(http_serve_address(first), echo, NULL, &second, &err), ERR_NET);
	assert_non_null(strstr(err.text, http_serve_address(first)));
	http_serve_stop(first);
}

static void probes_tell_why_not(void **state)
{
	static const struct metrics_family family = {
		.name = "answer_total", .help = "Of everything.", .kind = METRICS_COUNTER};
	struct metrics       *metrics = metrics_new(&family, 1);
	struct metrics_serve *serve = NULL;
	struct health         health;
	const char           *address;
	char                  body[256], type[64];

	(void)state;
	health_init(&health, "the store is being opened");
	assert_int_equal(metrics_serve_start("127.0.0.1:0", metrics, &health, &serve, NULL), 0);
	address = metrics_serve_address(serve);
	assert_int_equal(ask("GET", address, "/healthz", body, type), 200);
	assert_int_equal(ask("GET", address, "/readyz", body, type), 503);
	assert_string_equal(body, "the store is being opened\n");
	health_ready(&health);
	assert_int_equal(ask("GET", address, "/readyz", body, type), 200);
	assert_int_equal(ask("GET", address, "/metrics", body, type), 200);
	assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(body, "answer_total 0\n"));
	assert_int_equal(ask("GET", address, "/", body, type), 200);
	assert_int_equal(ask("GET", address, "/metrics/more", body, type), 404);
	metrics_serve_stop(serve);
	metrics_free(metrics);
	health_deinit(&health);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_answers_get_and_head_by_path),
		cmocka_unit_test(an_answer_that_is_too_long_is_an_error),
		cmocka_unit_test(what_is_no_address_and_port_is_refused),
		cmocka_unit_test(a_port_that_is_taken_is_said_to_be),
		cmocka_unit_test(probes_tell_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
