/* The registry client against a registry that misbehaves: tests/e2e/lib/fake_registry.py. */
#include "lib/check.h"
#include "lib/registry_setup.h"
#include "net/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the registry was asked for, as JSON. */
static void read_log(struct setup *s, struct http_answer *answer)
{
	char                url[128];
	struct http_request request = {.url = url};
	struct http        *http = http_new(NULL, NULL);

	snprintf(url, sizeof(url), "http://%s/_log", s->fake.host);
	assert_int_equal(http_fetch(http, &request, 1 << 20, answer, &s->err), 0);
	buf_byte(&answer->body, '\0');
	http_free(http);
}

static int read_layer(struct setup *s)
{
	struct stream *stream =
		registry_open_blob(s->client, NULL, &s->where, &s->fake.layer, s->fake.layer_bytes, &s->err);
	int code = stream ? stream_drain(stream, &s->err) : s->err.code;

	stream_close(stream);
	return code;
}

static int get_manifest(struct setup *s, const struct digest *digest)
{
	struct registry_manifest manifest;
	int                      code = registry_get_manifest(s->client, NULL, &s->where, digest, &manifest, &s->err);

	if (!code) {
		assert_true(digest_eq(&manifest.digest, &s->fake.manifest));
		assert_string_equal(manifest.media_type, "application/vnd.oci.image.manifest.v1+json");
	}
	registry_manifest_deinit(&manifest);
	return code;
}

static void manifest_by_tag_and_by_digest(void **state)
{
	struct setup  s;
	struct digest digest;

	(void)state;
	setup_begin(&s, "{}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(get_manifest(&s, &s.fake.manifest), 0);
	assert_int_equal(registry_head_manifest(s.client, NULL, &s.where, &digest, &s.err), 0);
	assert_true(digest_eq(&digest, &s.fake.manifest));
	snprintf(s.where.tag, sizeof(s.where.tag), "absent");
	assert_int_equal(get_manifest(&s, NULL), ERR_NOT_FOUND);
	assert_contains(s.err.text, "team/app:absent: MANIFEST_UNKNOWN: manifest unknown");
	setup_end(&s);
}

static void manifest_with_other_bytes_is_refused(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"wrong_manifest\": true}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_DIGEST);
	err_clear(&s.err);
	assert_int_equal(get_manifest(&s, &s.fake.manifest), ERR_DIGEST);
	setup_end(&s);
}

static void manifest_has_a_ceiling(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"manifest_bytes\": 5000000}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_LIMIT);
	setup_end(&s);
}

static void head_without_a_digest_falls_back_to_get(void **state)
{
	static const char *const options[] = {"{\"no_digest_header\": true}", "{\"head_refused\": true}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup  s;
		struct digest digest;

		setup_begin(&s, options[i], NULL, NULL);
		assert_int_equal(registry_head_manifest(s.client, NULL, &s.where, &digest, &s.err), 0);
		assert_true(digest_eq(&digest, &s.fake.manifest));
		setup_end(&s);
	}
}

static void small_blob_is_verified(void **state)
{
	struct setup s;
	struct buf   out = {.bytes_max = 4096};

	(void)state;
	setup_begin(&s, "{}", NULL, NULL);
	assert_int_equal(registry_get_blob(s.client, NULL, &s.where, &s.fake.config, s.fake.config_bytes, &out, &s.err),
			 0);
	assert_int_equal(out.len, s.fake.config_bytes);
	buf_clear(&out);
	assert_int_equal(
		registry_get_blob(s.client, NULL, &s.where, &s.fake.config, s.fake.config_bytes + 1, &out, &s.err),
		ERR_DIGEST);
	err_clear(&s.err);
	assert_int_equal(registry_get_blob(s.client, NULL, &s.where, &s.fake.layer, UINT64_MAX, &out, &s.err),
			 ERR_LIMIT);
	buf_deinit(&out);
	setup_end(&s);
}

static void cut_blob_is_resumed_where_it_stopped(void **state)
{
	struct setup        s;
	struct source_stats stats;
	struct http_answer  log = {0};

	(void)state;
	setup_begin(&s, "{\"cut_blobs\": 2, \"cut_after\": 1000000}", NULL, NULL);
	assert_int_equal(read_layer(&s), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.retries, 2);
	read_log(&s, &log);
	assert_contains((char *)log.body.ptr, "bytes=2000000-");
	http_answer_deinit(&log);
	setup_end(&s);
}

static void cut_blob_without_ranges_is_read_again(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"cut_blobs\": 1, \"ignore_range\": true}", NULL, NULL);
	assert_int_equal(read_layer(&s), 0);
	setup_end(&s);
}

static void blob_that_is_always_cut_is_given_up(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"cut_blobs\": 1000, \"cut_after\": 10}", NULL, NULL);
	assert_int_equal(read_layer(&s), ERR_NET);
	assert_contains(s.err.text, "after 40 bytes");
	setup_end(&s);
}

static void blob_with_other_bytes_is_refused(void **state)
{
	static const char *const options[] = {"{\"wrong_bytes\": true}", "{\"short_blob\": true}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup s;

		setup_begin(&s, options[i], NULL, NULL);
		assert_int_equal(read_layer(&s), ERR_DIGEST);
		setup_end(&s);
	}
}

static void unavailable_registry_is_asked_again(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	setup_begin(&s, "{\"fail_first\": 2}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.retries, 2);
	assert_int_equal(stats.rate_limited, 0);
	setup_end(&s);
}

static void retry_after_is_kept_and_counted(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	setup_begin(&s, "{\"rate_limit_first\": 1, \"retry_after\": 1}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.rate_limited, 1);
	setup_end(&s);
}

static void basic_credential_is_used_and_not_sent_to_the_blob_store(void **state)
{
	struct setup       s;
	struct http_answer log = {0};

	(void)state;
	setup_begin(&s, "{\"auth\": \"basic\", \"redirect_blobs\": true}", ALICE, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	read_log(&s, &log);
	assert_contains((char *)log.body.ptr, "\"store\": true, \"authorization\": \"\"");
	http_answer_deinit(&log);
	setup_end(&s);
}

static void missing_and_wrong_credentials_are_told_apart(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"auth\": \"basic\"}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "there is no such credential for 127.0.0.1");
	setup_end(&s);
	setup_begin(&s, "{\"auth\": \"basic\"}", "{\"auths\":{\"%s\":{\"auth\":\"YWxpY2U6d3Jvbmc=\"}}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "UNAUTHORIZED: authentication required");
	setup_end(&s);
	setup_begin(&s, "{\"auth\": \"bearer\"}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "no credential found");
	setup_end(&s);
}

static void token_is_kept_and_renewed_when_refused(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	setup_begin(&s, "{\"auth\": \"bearer\", \"token_uses\": 3}", ALICE, NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.token_requests, 2);
	assert_int_equal(stats.retries, 0);
	setup_end(&s);
}

static void identity_token_is_traded_for_tokens(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"auth\": \"bearer\"}", "{\"auths\":{\"%s\":{\"identitytoken\":\"identity-token-1\"}}}",
		    NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	setup_end(&s);
}

/* The first answer of the helper is wrong; after the 401 it is asked again. */
static void credential_helper_is_asked_again_when_refused(void **state)
{
	struct setup s;
	char         path[256], script[1024];

	(void)state;
	snprintf(script, sizeof(script),
		 "#!/bin/sh\nread server\nif [ -e %s/asked ]; then secret=secret:with:colons; else secret=old; "
		 "fi\ntouch %s/asked\n"
		 "echo "
		 "\"{\\\"ServerURL\\\":\\\"$server\\\",\\\"Username\\\":\\\"alice\\\",\\\"Secret\\\":\\\"$secret\\\"}"
		 "\"\n",
		 setup_folder, setup_folder);
	setup_file("docker-credential-test", script, path);
	assert_int_equal(chmod(path, 0700), 0);
	setup_begin(&s, "{\"auth\": \"basic\"}", "{\"credHelpers\":{\"%s\":\"test\"}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	setup_end(&s);
	setup_begin(&s, "{\"auth\": \"basic\"}", "{\"credHelpers\":{\"%s\":\"absent\"}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "docker-credential-absent cannot be started");
	setup_end(&s);
}

static void redirects_to_refused_places_are_not_followed(void **state)
{
	static const char *const options[] = {
		"{\"redirect_to\": \"http://169.254.169.254/latest/meta-data/\"}",
		"{\"redirect_to\": \"http://[fe80::1]/x\"}",
		"{\"redirect_to\": \"ftp://127.0.0.1/x\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct setup s;

		setup_begin(&s, options[i], NULL, NULL);
		assert_int_equal(read_layer(&s), ERR_UNSUPPORTED);
		assert_contains(s.err.text, "refused");
		setup_end(&s);
	}
}

static void redirects_have_an_end(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{\"redirect_to\": \"?again\"}", NULL, NULL);
	assert_int_equal(read_layer(&s), ERR_LIMIT);
	setup_end(&s);
}

static void mirror_is_asked_first_and_the_registry_last(void **state)
{
	struct setup s;

	(void)state;
	setup_begin(&s, "{}", NULL,
		    "[[registry]]\nprefix = \"registry.invalid/mine\"\n[[registry.mirror]]\nlocation = "
		    "\"127.0.0.1:1/nobody\"\n"
		    "[[registry.mirror]]\nlocation = \"%s/team\"\n");
	snprintf(s.where.host, sizeof(s.where.host), "registry.invalid");
	snprintf(s.where.path, sizeof(s.where.path), "mine/app");
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	setup_end(&s);
}

/* ---- TLS by a private CA; the blob store of the fake is plain HTTP ---- */

static void begin_tls(struct setup *s, const char *more, bool trusting, char certs[256])
{
	char                 options[1024], conf[256];
	struct source_config config = {
		.tls_verify = true, .registries_conf = conf, .auth_file = conf, .cert_dir = certs, .retries_max = 1};

	setup_file("empty", "{}", conf);
	snprintf(certs, 256, "%s/certs-XXXXXX", setup_folder);
	assert_non_null(mkdtemp(certs));
	snprintf(options, sizeof(options), "{\"tls\": \"%s\"%s}", certs, more);
	setup_begin(s, options, NULL, NULL);
	registry_client_free(s->client);
	if (!trusting)
		config.cert_dir = NULL;
	setup_file("empty", "", conf);
	s->client = registry_client_new(&config, &s->err);
	assert_non_null(s->client);
}

static void private_ca_must_be_named(void **state)
{
	struct setup s;
	char         certs[256];

	(void)state;
	begin_tls(&s, "", false, certs);
	assert_int_equal(get_manifest(&s, NULL), ERR_TLS);
	assert_contains(s.err.text, "certificate");
	setup_end(&s);
	begin_tls(&s, "", true, certs);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	setup_end(&s);
}

static void client_certificate_is_shown(void **state)
{
	struct setup s;
	char         certs[256], path[300];
	int          code;

	(void)state;
	begin_tls(&s, ", \"client_cert\": true", true, certs);
	assert_int_equal(get_manifest(&s, NULL), 0);
	setup_end(&s);
	begin_tls(&s, ", \"client_cert\": true", true, certs);
	snprintf(path, sizeof(path), "%s/client.cert", certs);
	unlink(path);
	/* With TLS 1.3 the refusal comes behind the handshake, and a reset may overtake it. */
	code = get_manifest(&s, NULL);
	assert_true(code == ERR_TLS || code == ERR_NET);
	setup_end(&s);
}

static void redirect_from_https_to_http_is_refused(void **state)
{
	struct setup s;
	char         certs[256];

	(void)state;
	begin_tls(&s, ", \"redirect_blobs\": true", true, certs);
	assert_int_equal(read_layer(&s), ERR_UNSUPPORTED);
	assert_contains(s.err.text, "from https to plain http");
	setup_end(&s);
}

/* ---- threads ---- */

static void *read_many(void *data)
{
	struct setup *shared = data;
	intptr_t      failed = 0;

	for (int i = 0; i < 3; i++) {
		struct setup own = *shared;

		failed += get_manifest(&own, NULL) != 0;
		failed += read_layer(&own) != 0;
		if (own.err.code)
			print_message("%s\n", own.err.text);
	}
	return (void *)failed;
}

static void many_threads_share_one_client(void **state)
{
	enum { THREADS = 12 };
	pthread_t    threads[THREADS];
	struct setup s;

	(void)state;
	setup_begin(&s,
		    "{\"auth\": \"bearer\", \"token_uses\": 40, \"redirect_blobs\": true, \"cut_blobs\": 3, "
		    "\"blob_bytes\": 1500000}",
		    ALICE, NULL);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_many, &s), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	setup_end(&s);
}

static void stopped_client_lets_its_callers_go(void **state)
{
	struct setup   s;
	struct stream *stream;
	struct slice   block;

	(void)state;
	setup_begin(&s, "{\"stall_blobs\": 1}", NULL, NULL);
	stream = registry_open_blob(s.client, NULL, &s.where, &s.fake.layer, s.fake.layer_bytes, &s.err);
	assert_non_null(stream);
	assert_int_equal(stream_next(stream, &block, &s.err), STREAM_BLOCK);
	registry_client_stop(s.client);
	assert_int_equal(stream_drain(stream, &s.err), ERR_CANCELLED);
	stream_close(stream);
	err_clear(&s.err);
	assert_int_equal(get_manifest(&s, NULL), ERR_CANCELLED);
	setup_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_by_tag_and_by_digest),
		cmocka_unit_test(manifest_with_other_bytes_is_refused),
		cmocka_unit_test(manifest_has_a_ceiling),
		cmocka_unit_test(head_without_a_digest_falls_back_to_get),
		cmocka_unit_test(small_blob_is_verified),
		cmocka_unit_test(cut_blob_is_resumed_where_it_stopped),
		cmocka_unit_test(cut_blob_without_ranges_is_read_again),
		cmocka_unit_test(blob_that_is_always_cut_is_given_up),
		cmocka_unit_test(blob_with_other_bytes_is_refused),
		cmocka_unit_test(unavailable_registry_is_asked_again),
		cmocka_unit_test(retry_after_is_kept_and_counted),
		cmocka_unit_test(basic_credential_is_used_and_not_sent_to_the_blob_store),
		cmocka_unit_test(missing_and_wrong_credentials_are_told_apart),
		cmocka_unit_test(token_is_kept_and_renewed_when_refused),
		cmocka_unit_test(identity_token_is_traded_for_tokens),
		cmocka_unit_test(credential_helper_is_asked_again_when_refused),
		cmocka_unit_test(redirects_to_refused_places_are_not_followed),
		cmocka_unit_test(redirects_have_an_end),
		cmocka_unit_test(mirror_is_asked_first_and_the_registry_last),
		cmocka_unit_test(private_ca_must_be_named),
		cmocka_unit_test(client_certificate_is_shown),
		cmocka_unit_test(redirect_from_https_to_http_is_refused),
		cmocka_unit_test(many_threads_share_one_client),
		cmocka_unit_test(stopped_client_lets_its_callers_go),
	};

	return cmocka_run_group_tests(tests, setup_prepare, setup_clean_up);
}
