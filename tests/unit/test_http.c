/* HTTP by itself: stalls, ceilings, redirects, downloads; against tests/e2e/lib/fake_registry.py. */
#include "lib/check.h"
#include "lib/fake_registry.h"
#include "net/http.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void start(struct fake_registry *fake, const char *options)
{
	if (!fake_registry_start(fake, options)) {
		print_message("SKIP http: needs python3\n");
		skip();
	}
}

static void layer_url(const struct fake_registry *fake, char url[256])
{
	char digest[DIGEST_TEXT_BYTES];

	digest_text(&fake->layer, digest);
	snprintf(url, 256, "http://%s/v2/team/app/blobs/%s", fake->host, digest);
}

static void stalled_transfer_fails(void **state)
{
	struct fake_registry  fake;
	struct err            err = {0};
	struct http_config    config = {.stall_ms = 300};
	struct http          *http = http_new(&config, &err);
	struct http_response *response;
	char                  url[256];
	struct http_request   request = {.url = url};

	(void)state;
	start(&fake, "{\"stall_blobs\": 1}");
	layer_url(&fake, url);
	assert_int_equal(http_open(http, &request, &response, &err), 0);
	assert_int_equal(stream_drain(http_body(response), &err), ERR_NET);
	assert_non_null(strstr(err.text, "stalled"));
	http_close(response);
	http_free(http);
	fake_registry_stop(&fake);
}

/* Far more than the buffer holds; one slot, so that a second transfer waits for the first to be closed. */
static void full_buffer_stops_the_peer_and_a_slot_is_waited_for(void **state)
{
	struct fake_registry  fake;
	struct err            err = {0};
	struct http_config    config = {.buffer_bytes = 1, .host_transfers_max = 1};
	struct http          *http = http_new(&config, &err);
	struct http_response *response;
	struct http_stats     before, stats;
	char                  url[256];
	struct http_request   request = {.url = url};
	struct slice          block;
	uint64_t              bytes = 0;

	(void)state;
	start(&fake, "{\"blob_bytes\": 40000000}");
	layer_url(&fake, url);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(http_open(http, &request, &response, &err), 0);
		assert_int_equal(stream_next(http_body(response), &block, &err), STREAM_BLOCK);
		assert_in_range(block.len, 1, 64 << 10);
		http_close(response); /* given up in the middle */
	}
	assert_int_equal(http_open(http, &request, &response, &err), 0);
	http_stats_get(http, &before);
	while (stream_next(http_body(response), &block, &err) == STREAM_BLOCK)
		bytes += block.len;
	assert_int_equal(err.code, 0);
	assert_int_equal(bytes, fake.layer_bytes);
	http_stats_get(http, &stats);
	assert_true(stats.bytes_received - before.bytes_received >
		    fake.layer_bytes - (1 << 20)); /* it had not been fetched before it was read */
	assert_int_equal(stats.requests, 3);
	http_close(response);
	http_free(http);
	fake_registry_stop(&fake);
}

static void refused_connections_and_names_are_told(void **state)
{
	static const struct {
		const char *url;
		int         code;
	} rows[] = {
		{"http://127.0.0.1:1/", ERR_NET},
		{"http://169.254.169.254/", ERR_UNSUPPORTED},
		{"http://no.such.host.invalid/", ERR_NET},
		{"file:///etc/passwd", ERR_UNSUPPORTED},
		{"http://user:word@127.0.0.1:1/", ERR_UNSUPPORTED},
		{"nonsense", ERR_UNSUPPORTED},
	};
	struct http *http = http_new(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_request   request = {.url = rows[i].url};
		struct http_response *response;
		struct err            err = {0};

		assert_int_equal(http_open(http, &request, &response, &err), rows[i].code);
		assert_null(response);
		assert_true(err.text[0] != '\0');
	}
	http_free(http);
}

static void download_resumes_and_asks_whether_it_changed(void **state)
{
	struct fake_registry fake;
	struct err           err = {0};
	struct http         *http = http_new(NULL, NULL);
	char                 url[128], folder[] = "/tmp/varve-http-XXXXXX", path[64];
	struct http_request  request = {.url = url};
	struct http_download download = {.path = path, .bytes_max = 1 << 30, .retries_max = 2};
	struct stat          info;

	(void)state;
	start(&fake, "{\"cut_blobs\": 2, \"cut_after\": 1200000}");
	assert_non_null(mkdtemp(folder));
	snprintf(url, sizeof(url), "http://%s/file", fake.host);
	snprintf(path, sizeof(path), "%s/file", folder);
	assert_int_equal(http_download(http, &request, &download, &err), 0);
	assert_false(download.unchanged);
	assert_string_equal(download.etag, "\"v1\"");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, fake.layer_bytes);
	assert_int_equal(http_download(http, &request, &download, &err), 0);
	assert_true(download.unchanged);
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left behind */
	assert_int_equal(mkdir(folder, 0700), 0);
	download.bytes_max = 1000;
	download.etag[0] = '\0';
	assert_int_equal(http_download(http, &request, &download, &err), ERR_LIMIT);
	http_free(http);
	fake_registry_stop(&fake);
	snprintf(url, sizeof(url), "rm -rf '%s'", folder);
	assert_int_equal(system(url), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stalled_transfer_fails),
		cmocka_unit_test(full_buffer_stops_the_peer_and_a_slot_is_waited_for),
		cmocka_unit_test(refused_connections_and_names_are_told),
		cmocka_unit_test(download_resumes_and_asks_whether_it_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
