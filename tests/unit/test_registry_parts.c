/* The pure parts of the registry client: challenges, links, tags, registries.conf, credentials, certificates, patience. */
#include "lib/check.h"
#include "net/http.h"
#include "net/http_address.h"
#include "source/registry.h"
#include "source/registry_certs.h"
#include "source/registry_challenge.h"
#include "source/registry_conf.h"
#include "source/registry_credential.h"
#include "source/registry_link.h"
#include "source/registry_patience.h"
#include "model/listing.h"
#include "source/registry_token.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void challenge_is_read_as_rfc_9110_says(void **state)
{
	static const struct {
		const char           *lines;
		enum challenge_scheme scheme;
		const char           *realm, *service, *scope;
	} rows[] = {
		{"WWW-Authenticate: Bearer "
		 "realm=\"https://auth/token\",service=\"reg\",scope=\"repository:a:pull\"\r\n",
		 CHALLENGE_BEARER, "https://auth/token", "reg", "repository:a:pull"},
		{"www-authenticate: bearer  realm = \"https://a/t\" , service=reg\r\n", CHALLENGE_BEARER, "https://a/t",
		 "reg", ""},
		{"WWW-Authenticate: Basic realm=\"with \\\"quotes\\\", and commas\"\r\n", CHALLENGE_BASIC,
		 "with \"quotes\", and commas", "", ""},
		{"WWW-Authenticate: Basic realm=\"x\", Bearer realm=\"https://y\",error=\"invalid_token\"\r\n",
		 CHALLENGE_BEARER, "https://y", "", ""},
		{"WWW-Authenticate: Negotiate abc/de==, Basic realm=\"x\"\r\n", CHALLENGE_BASIC, "x", "", ""},
		{"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic\r\n", CHALLENGE_BASIC, "", "", ""},
		{"WWW-Authenticate: Digest realm=\"d\", nonce=\"n\"\r\n", CHALLENGE_OTHER, "d", "", ""},
		{"WWW-Authenticate: Bearer realm=\"never ends\r\n", CHALLENGE_OTHER, "never ends", "", ""},
		{"Content-Type: Bearer realm=\"x\"\r\n", CHALLENGE_NONE, "", "", ""},
		{"WWW-Authenticate: =,=\r\n", CHALLENGE_NONE, "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct challenge found;

		challenge_choose(slice_str(rows[i].lines), &found);
		assert_int_equal(found.scheme, rows[i].scheme);
		assert_string_equal(found.realm, rows[i].realm);
		assert_string_equal(found.service, rows[i].service);
		assert_string_equal(found.scope, rows[i].scope);
	}
}

static void link_to_the_next_page_is_found(void **state)
{
	static const char *const rows[][2] = {
		{"</v2/_catalog?last=b&n=2>; rel=\"next\"", "/v2/_catalog?last=b&n=2"},
		{"<https://r/x>;rel=next", "https://r/x"},
		{"<a>; rel=\"prev\", <b>; title=\"x, y; rel=next\"; rel=\"last next\"", "b"},
		{"<a>; rel=prev; rel=next", ""},
		{"<a,b;c>; rel=\"next\"", "a,b;c"},
		{"<unclosed; rel=next", ""},
		{"<a>; title=\"open; rel=next", ""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_slice_equal(link_next(slice_str(rows[i][0])), rows[i][1]);
}

static void tags_are_ordered_by_name(void **state)
{
	static const char *const ascending[] = {
		"1.8",        "v1.9",  "1.10",     "2.0-alpha", "2.0-rc1",   "2.0-rc2", "2.0",
		"2.0-alpine", "2.0.1", "20240102", "build-99",  "build-100", "latest",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ascending); i++)
		for (size_t k = 0; k < COUNT(ascending); k++) {
			int order = registry_tag_cmp(slice_str(ascending[i]), slice_str(ascending[k]));

			if (i < k && strncmp(ascending[i], "build", 5) == 0 && strcmp(ascending[k], "latest") != 0)
				assert_true(order < 0);
			else if (strncmp(ascending[i], "build", 5) == 0 || strncmp(ascending[k], "build", 5) == 0)
				continue; /* words and numbers have no order that means something */
			else
				assert_true((i < k && order < 0) || (i == k && order == 0) || (i > k && order > 0));
		}
	assert_true(listing_tag_is_derived(
		SLICE_LIT("sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig")));
	assert_false(listing_tag_is_derived(SLICE_LIT("sha256-abc")));
}

/* ---- registries.conf ---- */

static void places(const struct registries_conf *conf, const char *host, const char *repository, const char *selector,
		   const char *expected)
{
	struct registry_place found[PLACES_MAX];
	struct err            err = {0};
	char                  text[4096] = "";
	size_t                count, used = 0;

	if (registries_conf_places(conf, host, repository, selector, found, &count, &err)) {
		assert_string_equal(err_name(err.code), expected);
		return;
	}
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s/%s%s", i ? " " : "", found[i].host,
					 found[i].repository, found[i].insecure ? "!" : "");
	assert_string_equal(text, expected);
}

static void names_are_served_where_registries_conf_says(void **state)
{
	static const char      text[] = "unqualified-search-registries = [\"a\",\n  'b', # comment ]\n]\n"
					"credential-helpers = [\"containers-auth.json\", \"pass\"]\n"
					"[aliases]\n\"short\" = \"example.com/long\"\n"
					"[[registry]]\nprefix = \"example.com/foo\"\nlocation = \"inner.net/bar\"\n"
					"[[registry.mirror]]\nlocation = \"m0.local/foo/\"\n[[registry.mirror]]\nlocation = "
					"'m1.local/foo'\ninsecure = true\n"
					"pull-from-mirror = \"digest-only\"\n"
					"[[registry]]\nlocation = \"example.com/foo/blocked\"\nblocked = true\n"
					"[[registry]]\nprefix = \"*.wild.org\"\ninsecure = true\n"
					"[[registry]]\nprefix=\"docker.io\"\nmirror = [{location = \"hub.local\"}, "
					"{location=\"hub2.local\", insecure=true}]\n"
					"[[registry]]\nprefix=\"exact.io/a:1\"\nlocation=\"other.io/b\"\n";
	struct registries_conf conf;
	struct err             err = {0};

	(void)state;
	registries_conf_init(&conf);
	assert_int_equal(registries_conf_add(&conf, slice_str(text), "test", &err), 0);
	assert_int_equal(conf.helpers_count, 2);
	places(&conf, "example.com", "foo/x", ":1", "m0.local/foo/x inner.net/bar/x");
	places(&conf, "example.com", "foo/x", "@sha256:0", "m0.local/foo/x m1.local/foo/x! inner.net/bar/x");
	places(&conf, "example.com", "foobar", ":1", "example.com/foobar");
	places(&conf, "example.com:5000", "foo/x", ":1", "example.com:5000/foo/x");
	places(&conf, "example.com", "foo/blocked/y", ":1", "config");
	places(&conf, "a.b.wild.org", "r", ":1", "a.b.wild.org/r!");
	places(&conf, "wild.org", "r", ":1", "wild.org/r");
	places(&conf, "docker.io", "library/alpine", ":3",
	       "hub.local/library/alpine hub2.local/library/alpine! docker.io/library/alpine");
	places(&conf, "exact.io", "a", ":1", "other.io/b");
	places(&conf, "exact.io", "a", ":12", "exact.io/a");
	places(&conf, "plain.io", "", "", "plain.io/");
	/* A drop-in of the same prefix takes the place of the earlier table. */
	assert_int_equal(
		registries_conf_add(&conf, slice_str("[[registry]]\nprefix=\"docker.io\"\nlocation=\"in.house/hub\"\n"),
				    "test", &err),
		0);
	places(&conf, "docker.io", "library/alpine", ":3", "in.house/hub/library/alpine");
	registries_conf_deinit(&conf);
}

static void broken_registries_conf_is_told_with_its_line(void **state)
{
	static const char *const rows[][2] = {
		{"[[registry]]\nprefix = \n", "line 2: a value is expected"},
		{"a = \"x\n", "line 1: a string does not end"},
		{"[registry\n", "']' is expected"},
		{"a = [[1]]\n", "arrays in arrays"},
		{"a = \"\"\"x\"\"\"\n", "multi-line"},
		{"a = 1 b = 2\n", "the end of the line"},
		{"[[registry]]\n[[registry.mirror]]\nlocation = \"m\"\n", "neither prefix nor location"},
		{"[[registry.mirror]]\nlocation = \"m\"\n", "without [[registry]]"},
		{"a = \"\\q\"\n", "unknown escape"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct registries_conf conf;
		struct err             err = {0};

		registries_conf_init(&conf);
		assert_int_equal(registries_conf_add(&conf, slice_str(rows[i][0]), "file", &err), ERR_CONFIG);
		assert_non_null(strstr(err.text, rows[i][1]));
		registries_conf_deinit(&conf);
	}
}

/* ---- credentials ---- */

static void look_up(const char *json, const char *host, const char *repository, const char *expected)
{
	struct credential found;
	struct err        err = {0};
	char              text[512] = "none";

	credential_init(&found);
	if (auth_file_find(slice_str(json), host, repository, &found, &err))
		snprintf(text, sizeof(text), "error %s", err_name(err.code));
	else if (found.kind == CREDENTIAL_PASSWORD)
		snprintf(text, sizeof(text), "%.*s / %.*s", SLICE_FMT(buf_slice(&found.username)),
			 SLICE_FMT(buf_slice(&found.secret)));
	else if (found.kind == CREDENTIAL_IDENTITY_TOKEN)
		snprintf(text, sizeof(text), "token %.*s", SLICE_FMT(buf_slice(&found.secret)));
	else if (found.kind == CREDENTIAL_HELPER)
		snprintf(text, sizeof(text), "ask %.*s for %.200s", SLICE_FMT(buf_slice(&found.secret)), found.server);
	assert_string_equal(text, expected);
	credential_deinit(&found);
}

static void credential_of_the_longest_path_is_used(void **state)
{
	static const char paths[] = "{\"auths\":{"
				    "\"r.local/foo/bar/image\":{\"auth\":\"aW1hZ2U6MQ==\"},"
				    "\"r.local/foo\":{\"auth\":\"Zm9vOjI6eA==\"},"
				    "\"r.local\":{\"auth\":\"aG9zdDoz\"},"
				    "\"r.local/empty\":{}}}";
	static const char docker[] =
		"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOjE=\"},\"https://old.io/v1/"
		"\":{\"username\":\"u\",\"password\":\"p\"},"
		"\"tok.io\":{\"auth\":\"eDp5\",\"identitytoken\":\"it\"},\"broken.io\":{\"auth\":\"!\"}},"
		"\"credHelpers\":{\"gcr.io\":\"gcloud\",\"docker.io/mine\":\"mine\"},\"credsStore\":\"desktop\"}";

	(void)state;
	look_up(paths, "r.local", "foo/bar/image", "image / 1");
	look_up(paths, "r.local", "foo/bar/other", "foo / 2:x");
	look_up(paths, "r.local", "foobar", "host / 3");
	look_up(paths, "r.local", "empty/x", "host / 3");
	look_up(paths, "r.local", "", "host / 3");
	look_up(paths, "r.local:5000", "foo", "none");
	look_up(docker, "docker.io", "library/alpine", "hub / 1");
	look_up(docker, "docker.io", "mine/x", "ask mine for docker.io/mine");
	look_up(docker, "old.io", "x", "u / p");
	look_up(docker, "tok.io", "x", "token it");
	look_up(docker, "gcr.io", "p/x", "ask gcloud for gcr.io");
	look_up(docker, "other.io", "x", "ask desktop for other.io");
	look_up(docker, "broken.io", "x", "error config");
	look_up("{\"https://index.docker.io/v1/\":{\"auth\":\"aHViOjE=\"}}", "docker.io", "x", "hub / 1");
	look_up("[", "docker.io", "x", "error format");
	look_up("[]", "docker.io", "x", "none");
}

static void token_questions_and_answers(void **state)
{
	struct challenge challenge = {.scheme = CHALLENGE_BEARER,
				      .realm = "https://a/t?x=1",
				      .service = "a b",
				      .scope = "repository:p:metadata_read"};
	struct buf       out = {.bytes_max = 4096}, token = {.bytes_max = 64};
	uint64_t         lives_ms;

	(void)state;
	token_url(&challenge, "repository:p:pull", &out);
	assert_slice_equal(
		buf_slice(&out),
		"https://a/t?x=1&service=a%20b&scope=repository%3Ap%3Apull&scope=repository%3Ap%3Ametadata_read");
	buf_clear(&out);
	challenge.scope[0] = '\0';
	token_form(&challenge, "s", SLICE_LIT("i&t"), &out);
	assert_slice_equal(buf_slice(&out),
			   "grant_type=refresh_token&client_id=varve&service=a%20b&scope=s&refresh_token=i%26t");
	assert_int_equal(
		token_answer_parse(SLICE_LIT("{\"access_token\":\"abc\",\"expires_in\":100}"), &token, &lives_ms, NULL),
		0);
	assert_slice_equal(buf_slice(&token), "abc");
	assert_int_equal(lives_ms, 90000);
	assert_int_equal(token_answer_parse(SLICE_LIT("{\"token\":\"a\\r\\nX: y\"}"), &token, &lives_ms, NULL),
			 ERR_FORMAT);
	assert_int_equal(token_answer_parse(SLICE_LIT("{}"), &token, &lives_ms, NULL), ERR_FORMAT);
	buf_deinit(&out);
	buf_deinit(&token);
}

/* ---- certificates ---- */

static void put(const char *folder, const char *name, const char *text)
{
	char  path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void certificates_are_found_by_host(void **state)
{
	char                  folder[] = "/tmp/varve-certs-XXXXXX", host[256], command[300];
	struct registry_certs certs;
	struct err            err = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	put(folder, "all.crt", "ALL");
	snprintf(host, sizeof(host), "%s/r.local:5000", folder);
	assert_int_equal(mkdir(host, 0700), 0);
	put(host, "a.crt", "A");
	put(host, "b.crt", "B");
	put(host, "client.cert", "C");
	assert_int_equal(registry_certs_load(&certs, folder, "r.local:5000", &err), ERR_CONFIG);
	assert_non_null(strstr(err.text, "needs its key"));
	registry_certs_deinit(&certs);
	put(host, "client.key", "K");
	assert_int_equal(registry_certs_load(&certs, folder, "r.local:5000", NULL), 0);
	assert_string_equal((char *)certs.ca_pem.ptr, "A\nB\n");
	assert_non_null(strstr(certs.client_key, "/r.local:5000/client.key"));
	registry_certs_deinit(&certs);
	assert_int_equal(registry_certs_load(&certs, folder, "other.local", NULL), 0);
	assert_string_equal((char *)certs.ca_pem.ptr, "ALL\n");
	assert_string_equal(certs.client_cert, "");
	registry_certs_deinit(&certs);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
}

/* ---- patience, HTTP ---- */

static void pauses_grow_and_end(void **state)
{
	struct patience patience = patience_new(4, 7);
	uint64_t        wait_ms = 0, before = 0;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(patience_again(&patience, ERR_NET, 0, &wait_ms));
		assert_in_range(wait_ms, (250u << i), (500u << i));
		assert_true(wait_ms >= before);
		before = wait_ms;
	}
	assert_false(patience_again(&patience, ERR_NET, 0, &wait_ms));
	assert_false(patience_again(&patience, ERR_AUTH, 0, &wait_ms));
	/* What the registry asks for is waited out beside these, but not for ever. */
	for (unsigned i = 0; i < 10; i++) {
		assert_true(patience_again(&patience, ERR_RATE, 2000, &wait_ms));
		assert_in_range(wait_ms, 2000, 2500);
	}
	assert_false(patience_again(&patience, ERR_RATE, 2000, &wait_ms));
	patience = patience_new(4, 7);
	assert_false(patience_again(&patience, ERR_NET, 3600 * 1000, &wait_ms));
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	const uint64_t now = 1700000000000; /* Tue, 14 Nov 2023 22:13:20 GMT */

	(void)state;
	assert_int_equal(http_retry_after_ms(SLICE_LIT("120"), now), 120000);
	assert_int_equal(http_retry_after_ms(SLICE_LIT("Tue, 14 Nov 2023 22:14:20 GMT"), now), 60000);
	assert_int_equal(http_retry_after_ms(SLICE_LIT("Tue, 14 Nov 2023 22:12:20 GMT"), now), 0);
	assert_int_equal(http_retry_after_ms(SLICE_LIT("soon"), now), 0);
	assert_int_equal(http_retry_after_ms(SLICE_LIT("-1"), now), 0);
	assert_int_equal(http_retry_after_ms(SLICE_EMPTY, now), 0);
}

static void refused_addresses_are_known_in_every_spelling(void **state)
{
	static const struct {
		const char       *text;
		enum address_kind kind;
	} rows[] = {
		{"169.254.169.254", ADDRESS_REFUSED},
		{"::ffff:169.254.0.1", ADDRESS_REFUSED},
		{"64:ff9b::a9fe:a9fe", ADDRESS_REFUSED},
		{"2002:a9fe:a9fe::1", ADDRESS_REFUSED},
		{"fe80::1%eth0", ADDRESS_REFUSED},
		{"[febf::1]", ADDRESS_REFUSED},
		{"fd00:ec2::254", ADDRESS_REFUSED},
		{"100.100.100.200", ADDRESS_REFUSED},
		{"127.0.0.53", ADDRESS_LOOPBACK},
		{"::1", ADDRESS_LOOPBACK},
		{"[::1]", ADDRESS_LOOPBACK},
		{"0.0.0.0", ADDRESS_LOOPBACK},
		{"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
		{"10.1.2.3", ADDRESS_PLAIN},
		{"2001:db8::1", ADDRESS_PLAIN},
		{"fec0::1", ADDRESS_PLAIN},
		{"example.com", ADDRESS_NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(address_kind_of_text(rows[i].text), rows[i].kind);
	assert_true(http_host_is_loopback(SLICE_LIT("localhost:5000")));
	assert_true(http_host_is_loopback(SLICE_LIT("a.localhost")));
	assert_true(http_host_is_loopback(SLICE_LIT("[::1]:5000")));
	assert_true(http_host_is_loopback(SLICE_LIT("127.0.0.1")));
	assert_false(http_host_is_loopback(SLICE_LIT("localhost.example.com")));
	assert_false(http_host_is_loopback(SLICE_LIT("10.0.0.1:80")));
}

static void origins_are_compared_with_their_ports(void **state)
{
	char *out;

	(void)state;
	assert_true(http_same_origin("https://a.io/x", "https://A.io:443/y?z"));
	assert_false(http_same_origin("https://a.io/x", "http://a.io/x"));
	assert_false(http_same_origin("https://a.io/x", "https://a.io:444/x"));
	assert_false(http_same_origin("https://a.io/x", "https://a.io.evil/x"));
	assert_false(http_same_origin("nonsense", "nonsense"));
	assert_int_equal(
		http_url_resolve("http://h:5000/v2/_catalog?n=1", SLICE_LIT("/v2/_catalog?last=b&n=1"), &out, NULL), 0);
	assert_string_equal(out, "http://h:5000/v2/_catalog?last=b&n=1");
	free(out);
	assert_int_equal(http_url_resolve("http://h/", SLICE_LIT("http://[bad"), &out, NULL), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenge_is_read_as_rfc_9110_says),
		cmocka_unit_test(link_to_the_next_page_is_found),
		cmocka_unit_test(tags_are_ordered_by_name),
		cmocka_unit_test(names_are_served_where_registries_conf_says),
		cmocka_unit_test(broken_registries_conf_is_told_with_its_line),
		cmocka_unit_test(credential_of_the_longest_path_is_used),
		cmocka_unit_test(token_questions_and_answers),
		cmocka_unit_test(certificates_are_found_by_host),
		cmocka_unit_test(pauses_grow_and_end),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(refused_addresses_are_known_in_every_spelling),
		cmocka_unit_test(origins_are_compared_with_their_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
