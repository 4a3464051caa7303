/* The registry client against a registry that misbehaves: tests/e2e/lib/fake_registry.py. */
#include "lib/check.h"
#include "lib/fake_registry.h"
#include "net/http.h"
#include "source/registry.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/varve-registry-XXXXXX";

struct setup {
	struct fake_registry    fake;
	struct registry_client *client;
	struct reference        where;
	struct err              err;
};

static void write_file(const char *name, const char *text, char path[256])
{
	FILE *file;

	snprintf(path, 256, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* `auth` NULL: none; `conf` NULL: empty. "%s" in both stands for the fake's host. */
static void begin(struct setup *s, const char *options, const char *auth, const char *conf)
{
	char                 text[2048], auth_path[256], conf_path[256];
	struct source_config config = {.tls_verify = true, .auth_file = auth_path, .registries_conf = conf_path, .retries_max = 3};

	memset(s, 0, sizeof(*s));
	if (!fake_registry_start(&s->fake, options)) {
		print_message("SKIP registry client: needs python3\n");
		skip();
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), auth ? auth : "{}", s->fake.host);
	write_file("auth.json", text, auth_path);
	snprintf(text, sizeof(text), conf ? conf : "# %s", s->fake.host);
	write_file("registries.conf", text, conf_path);
#pragma GCC diagnostic pop
	s->client = registry_client_new(&config, &s->err);
	assert_non_null(s->client);
	s->where.transport = TRANSPORT_DOCKER;
	snprintf(s->where.host, sizeof(s->where.host), "%s", s->fake.host);
	snprintf(s->where.path, sizeof(s->where.path), "team/app");
	snprintf(s->where.tag, sizeof(s->where.tag), "1.0");
}

static void end(struct setup *s)
{
	registry_client_free(s->client);
	fake_registry_stop(&s->fake);
}

#define assert_contains(text, part) assert_non_null(strstr(text, part))

#define ALICE "{\"auths\":{\"%s\":{\"auth\":\"YWxpY2U6c2VjcmV0OndpdGg6Y29sb25z\"}}}" /* alice:secret:with:colons */

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
	struct stream *stream = registry_open_blob(s->client, &s->where, &s->fake.layer, s->fake.layer_bytes, &s->err);
	int            code = stream ? stream_drain(stream, &s->err) : s->err.code;

	stream_close(stream);
	return code;
}

static int get_manifest(struct setup *s, const struct digest *digest)
{
	struct registry_manifest manifest;
	int                      code = registry_get_manifest(s->client, &s->where, digest, &manifest, &s->err);

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
	begin(&s, "{}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(get_manifest(&s, &s.fake.manifest), 0);
	assert_int_equal(registry_head_manifest(s.client, &s.where, &digest, &s.err), 0);
	assert_true(digest_eq(&digest, &s.fake.manifest));
	snprintf(s.where.tag, sizeof(s.where.tag), "absent");
	assert_int_equal(get_manifest(&s, NULL), ERR_NOT_FOUND);
	assert_contains(s.err.text, "team/app:absent: MANIFEST_UNKNOWN: manifest unknown");
	end(&s);
}

static void manifest_with_other_bytes_is_refused(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"wrong_manifest\": true}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_DIGEST);
	err_clear(&s.err);
	assert_int_equal(get_manifest(&s, &s.fake.manifest), ERR_DIGEST);
	end(&s);
}

static void manifest_has_a_ceiling(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"manifest_bytes\": 5000000}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_LIMIT);
	end(&s);
}

static void head_without_a_digest_falls_back_to_get(void **state)
{
	static const char *const options[] = {"{\"no_digest_header\": true}", "{\"head_refused\": true}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup  s;
		struct digest digest;

		begin(&s, options[i], NULL, NULL);
		assert_int_equal(registry_head_manifest(s.client, &s.where, &digest, &s.err), 0);
		assert_true(digest_eq(&digest, &s.fake.manifest));
		end(&s);
	}
}

static void small_blob_is_verified(void **state)
{
	struct setup s;
	struct buf   out = {.bytes_max = 4096};

	(void)state;
	begin(&s, "{}", NULL, NULL);
	assert_int_equal(registry_get_blob(s.client, &s.where, &s.fake.config, s.fake.config_bytes, &out, &s.err), 0);
	assert_int_equal(out.len, s.fake.config_bytes);
	buf_clear(&out);
	assert_int_equal(registry_get_blob(s.client, &s.where, &s.fake.config, s.fake.config_bytes + 1, &out, &s.err), ERR_DIGEST);
	err_clear(&s.err);
	assert_int_equal(registry_get_blob(s.client, &s.where, &s.fake.layer, UINT64_MAX, &out, &s.err), ERR_LIMIT);
	buf_deinit(&out);
	end(&s);
}

static void cut_blob_is_resumed_where_it_stopped(void **state)
{
	struct setup        s;
	struct source_stats stats;
	struct http_answer  log = {0};

	(void)state;
	begin(&s, "{\"cut_blobs\": 2, \"cut_after\": 1000000}", NULL, NULL);
	assert_int_equal(read_layer(&s), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.retries, 2);
	read_log(&s, &log);
	assert_contains((char *)log.body.ptr, "bytes=2000000-");
	http_answer_deinit(&log);
	end(&s);
}

static void cut_blob_without_ranges_is_read_again(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"cut_blobs\": 1, \"ignore_range\": true}", NULL, NULL);
	assert_int_equal(read_layer(&s), 0);
	end(&s);
}

static void blob_that_is_always_cut_is_given_up(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"cut_blobs\": 1000, \"cut_after\": 10}", NULL, NULL);
	assert_int_equal(read_layer(&s), ERR_NET);
	assert_contains(s.err.text, "after 40 bytes");
	end(&s);
}

static void blob_with_other_bytes_is_refused(void **state)
{
	static const char *const options[] = {"{\"wrong_bytes\": true}", "{\"short_blob\": true}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup s;

		begin(&s, options[i], NULL, NULL);
		assert_int_equal(read_layer(&s), ERR_DIGEST);
		end(&s);
	}
}

static void unavailable_registry_is_asked_again(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	begin(&s, "{\"fail_first\": 2}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.retries, 2);
	assert_int_equal(stats.rate_limited, 0);
	end(&s);
}

static void retry_after_is_kept_and_counted(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	begin(&s, "{\"rate_limit_first\": 1, \"retry_after\": 1}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.rate_limited, 1);
	end(&s);
}

static void basic_credential_is_used_and_not_sent_to_the_blob_store(void **state)
{
	struct setup       s;
	struct http_answer log = {0};

	(void)state;
	begin(&s, "{\"auth\": \"basic\", \"redirect_blobs\": true}", ALICE, NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	read_log(&s, &log);
	assert_contains((char *)log.body.ptr, "\"store\": true, \"authorization\": \"\"");
	http_answer_deinit(&log);
	end(&s);
}

static void missing_and_wrong_credentials_are_told_apart(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"auth\": \"basic\"}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "there is no such credential for 127.0.0.1");
	end(&s);
	begin(&s, "{\"auth\": \"basic\"}", "{\"auths\":{\"%s\":{\"auth\":\"YWxpY2U6d3Jvbmc=\"}}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "UNAUTHORIZED: authentication required");
	end(&s);
	begin(&s, "{\"auth\": \"bearer\"}", NULL, NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "no credential found");
	end(&s);
}

static void token_is_kept_and_renewed_when_refused(void **state)
{
	struct setup        s;
	struct source_stats stats;

	(void)state;
	begin(&s, "{\"auth\": \"bearer\", \"token_uses\": 3}", ALICE, NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(get_manifest(&s, NULL), 0);
	registry_stats_get(s.client, &stats);
	assert_int_equal(stats.token_requests, 2);
	assert_int_equal(stats.retries, 0);
	end(&s);
}

static void identity_token_is_traded_for_tokens(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"auth\": \"bearer\"}", "{\"auths\":{\"%s\":{\"identitytoken\":\"identity-token-1\"}}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	end(&s);
}

/* The first answer of the helper is wrong; after the 401 it is asked again. */
static void credential_helper_is_asked_again_when_refused(void **state)
{
	struct setup s;
	char         path[256], script[1024];

	(void)state;
	snprintf(script, sizeof(script),
	         "#!/bin/sh\nread server\nif [ -e %s/asked ]; then secret=secret:with:colons; else secret=old; fi\ntouch %s/asked\n"
	         "echo \"{\\\"ServerURL\\\":\\\"$server\\\",\\\"Username\\\":\\\"alice\\\",\\\"Secret\\\":\\\"$secret\\\"}\"\n",
	         folder, folder);
	write_file("docker-credential-test", script, path);
	assert_int_equal(chmod(path, 0700), 0);
	begin(&s, "{\"auth\": \"basic\"}", "{\"credHelpers\":{\"%s\":\"test\"}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), 0);
	end(&s);
	begin(&s, "{\"auth\": \"basic\"}", "{\"credHelpers\":{\"%s\":\"absent\"}}", NULL);
	assert_int_equal(get_manifest(&s, NULL), ERR_AUTH);
	assert_contains(s.err.text, "docker-credential-absent cannot be started");
	end(&s);
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

		begin(&s, options[i], NULL, NULL);
		assert_int_equal(read_layer(&s), ERR_UNSUPPORTED);
		assert_contains(s.err.text, "refused");
		end(&s);
	}
}

static void redirects_have_an_end(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{\"redirect_to\": \"?again\"}", NULL, NULL);
	assert_int_equal(read_layer(&s), ERR_LIMIT);
	end(&s);
}

static void mirror_is_asked_first_and_the_registry_last(void **state)
{
	struct setup s;

	(void)state;
	begin(&s, "{}", NULL, "[[registry]]\nprefix = \"registry.invalid/mine\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:1/nobody\"\n"
	                      "[[registry.mirror]]\nlocation = \"%s/team\"\n");
	snprintf(s.where.host, sizeof(s.where.host), "registry.invalid");
	snprintf(s.where.path, sizeof(s.where.path), "mine/app");
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	end(&s);
}

/* ---- TLS by a private CA; the blob store of the fake is plain HTTP ---- */

static void begin_tls(struct setup *s, const char *more, bool trusting, char certs[256])
{
	char                 options[1024], conf[256];
	struct source_config config = {.tls_verify = true, .registries_conf = conf, .auth_file = conf, .cert_dir = certs, .retries_max = 1};

	write_file("empty", "{}", conf);
	snprintf(certs, 256, "%s/certs-XXXXXX", folder);
	assert_non_null(mkdtemp(certs));
	snprintf(options, sizeof(options), "{\"tls\": \"%s\"%s}", certs, more);
	begin(s, options, NULL, NULL);
	registry_client_free(s->client);
	if (!trusting)
		config.cert_dir = NULL;
	write_file("empty", "", conf);
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
	end(&s);
	begin_tls(&s, "", true, certs);
	assert_int_equal(get_manifest(&s, NULL), 0);
	assert_int_equal(read_layer(&s), 0);
	end(&s);
}

static void client_certificate_is_shown(void **state)
{
	struct setup s;
	char         certs[256], path[300];
	int          code;

	(void)state;
	begin_tls(&s, ", \"client_cert\": true", true, certs);
	assert_int_equal(get_manifest(&s, NULL), 0);
	end(&s);
	begin_tls(&s, ", \"client_cert\": true", true, certs);
	snprintf(path, sizeof(path), "%s/client.cert", certs);
	unlink(path);
	/* With TLS 1.3 the refusal comes behind the handshake, and a reset may overtake it. */
	code = get_manifest(&s, NULL);
	assert_true(code == ERR_TLS || code == ERR_NET);
	end(&s);
}

static void redirect_from_https_to_http_is_refused(void **state)
{
	struct setup s;
	char         certs[256];

	(void)state;
	begin_tls(&s, ", \"redirect_blobs\": true", true, certs);
	assert_int_equal(read_layer(&s), ERR_UNSUPPORTED);
	assert_contains(s.err.text, "from https to plain http");
	end(&s);
}

/* ---- listings ---- */

struct found {
	char   text[4096];
	size_t count, stop_after;
};

static int on_found(void *data, const struct reference *reference)
{
	struct found *found = data;
	size_t        used = strlen(found->text);

	snprintf(found->text + used, sizeof(found->text) - used, "%s:%s ", reference->path, reference->tag);
	return ++found->count == found->stop_after ? 7 : 0;
}

static int list(struct setup *s, const char *prefix, const struct listing_filter *filter, struct found *found)
{
	s->where.transport = TRANSPORT_REGISTRY;
	snprintf(s->where.path, sizeof(s->where.path), "%s", prefix);
	found->text[0] = '\0';
	found->count = 0;
	return registry_list(s->client, &s->where, filter, on_found, found, &s->err);
}

static void listing_follows_pages_and_filters(void **state)
{
	static const char *const links[] = {"{\"repositories\": 10}", "{\"repositories\": 10, \"link\": \"absolute\"}"};
	static const char *const team[] = {"team/*", NULL}, *const candidates[] = {"*-rc*", "*:latest", NULL};
	struct found             found = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup          s;
		struct listing_filter filter = {.include = team};

		begin(&s, links[i], NULL, NULL);
		assert_int_equal(list(&s, "", NULL, &found), 0);
		assert_int_equal(found.count, 15);
		assert_int_equal(list(&s, "team", NULL, &found), 0);
		assert_string_equal(found.text, "team/app:1.0 team/app:1.10 team/app:1.9 team/app:2.0-rc1 team/app:latest ");
		filter.newest = 2;
		assert_int_equal(list(&s, "", &filter, &found), 0);
		assert_string_equal(found.text, "team/app:latest team/app:2.0-rc1 ");
		filter.exclude = candidates;
		assert_int_equal(list(&s, "", &filter, &found), 0);
		assert_string_equal(found.text, "team/app:1.10 team/app:1.9 ");
		assert_int_equal(list(&s, "tea", NULL, &found), ERR_NOT_FOUND);
		err_clear(&s.err);
		found.stop_after = 3;
		assert_int_equal(list(&s, "", NULL, &found), 7);
		assert_int_equal(found.count, 3);
		found.stop_after = 0;
		end(&s);
	}
}

static void listing_that_leads_astray_is_ended(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	begin(&s, "{\"link\": \"circle\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_FORMAT);
	assert_contains(s.err.text, "circle");
	end(&s);
	begin(&s, "{\"repositories\": 9, \"link\": \"other_host\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_UNSUPPORTED);
	end(&s);
}

static void refused_catalog_says_what_to_do_instead(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	begin(&s, "{\"catalog\": \"refused\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_AUTH);
	assert_contains(s.err.text, "--from-file");
	err_clear(&s.err);
	assert_int_equal(list(&s, "team/app", NULL, &found), 0);
	assert_int_equal(found.count, 5);
	end(&s);
}

/* ---- threads, stalls, downloads ---- */

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
	begin(&s, "{\"auth\": \"bearer\", \"token_uses\": 40, \"redirect_blobs\": true, \"cut_blobs\": 3, \"blob_bytes\": 1500000}", ALICE, NULL);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_many, &s), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	end(&s);
}

static void stopped_client_lets_its_callers_go(void **state)
{
	struct setup   s;
	struct stream *stream;
	struct slice   block;

	(void)state;
	begin(&s, "{\"stall_blobs\": 1}", NULL, NULL);
	stream = registry_open_blob(s.client, &s.where, &s.fake.layer, s.fake.layer_bytes, &s.err);
	assert_non_null(stream);
	assert_int_equal(stream_next(stream, &block, &s.err), STREAM_BLOCK);
	registry_client_stop(s.client);
	assert_int_equal(stream_drain(stream, &s.err), ERR_CANCELLED);
	stream_close(stream);
	err_clear(&s.err);
	assert_int_equal(get_manifest(&s, NULL), ERR_CANCELLED);
	end(&s);
}

static void stalled_transfer_fails(void **state)
{
	struct setup          s;
	struct http_config    config = {.stall_ms = 300};
	struct http          *http;
	struct http_response *response;
	char                  url[256], digest[DIGEST_TEXT_BYTES];
	struct http_request   request = {.url = url};

	(void)state;
	begin(&s, "{\"stall_blobs\": 1}", NULL, NULL);
	http = http_new(&config, &s.err);
	digest_text(&s.fake.layer, digest);
	snprintf(url, sizeof(url), "http://%s/v2/team/app/blobs/%s", s.fake.host, digest);
	assert_int_equal(http_open(http, &request, &response, &s.err), 0);
	assert_int_equal(stream_drain(http_body(response), &s.err), ERR_NET);
	assert_contains(s.err.text, "stalled");
	http_close(response);
	http_free(http);
	end(&s);
}

static void download_resumes_and_asks_whether_it_changed(void **state)
{
	struct setup         s;
	struct http         *http = http_new(NULL, NULL);
	char                 url[128], path[256];
	struct http_request  request = {.url = url};
	struct http_download download = {.path = path, .bytes_max = 1 << 30, .retries_max = 2};
	struct stat          info;

	(void)state;
	begin(&s, "{\"cut_blobs\": 2, \"cut_after\": 1200000}", NULL, NULL);
	snprintf(url, sizeof(url), "http://%s/file", s.fake.host);
	snprintf(path, sizeof(path), "%s/download", folder);
	assert_int_equal(http_download(http, &request, &download, &s.err), 0);
	assert_false(download.unchanged);
	assert_string_equal(download.etag, "\"v1\"");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, s.fake.layer_bytes);
	assert_int_equal(http_download(http, &request, &download, &s.err), 0);
	assert_true(download.unchanged);
	download.bytes_max = 1000;
	download.etag[0] = '\0';
	assert_int_equal(http_download(http, &request, &download, &s.err), ERR_LIMIT);
	http_free(http);
	end(&s);
}

static int prepare(void **state)
{
	char path[512];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
	setenv("PATH", path, 1);
	setenv("HOME", folder, 1);
	unsetenv("XDG_CONFIG_HOME");
	return 0;
}

static int clean_up(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
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
	        cmocka_unit_test(listing_follows_pages_and_filters),
	        cmocka_unit_test(listing_that_leads_astray_is_ended),
	        cmocka_unit_test(refused_catalog_says_what_to_do_instead),
	        cmocka_unit_test(many_threads_share_one_client),
	        cmocka_unit_test(stopped_client_lets_its_callers_go),
	        cmocka_unit_test(stalled_transfer_fails),
	        cmocka_unit_test(download_resumes_and_asks_whether_it_changed),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
