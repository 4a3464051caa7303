/* Events to a command; the webhook's side is tests/e2e/test_rematch_notify.py. HMAC by the vectors of RFC 4231. */
#include "lib/check.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/hmac.h"
#include "deliver/deliver.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hmac_gives_what_rfc_4231_says(void **state)
{
	static const struct {
		const char *key, *message, *hex;
	} cases[] = {
		{"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", "what do ya want for nothing?",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	};
	uint8_t long_key[131], mac[SHA256_BYTES];
	char    hex[2 * SHA256_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(hmac_sha256(slice_str(cases[i].key), slice_str(cases[i].message), mac), 0);
		digest_hex(mac, sizeof(mac), hex);
		assert_string_equal(hex, cases[i].hex);
	}
	memset(long_key, 0xaa, sizeof(long_key));
	assert_int_equal(hmac_sha256(slice_of(long_key, sizeof(long_key)),
				     slice_str("Test Using Larger Than Block-Size Key - Hash Key First"), mac),
			 0);
	digest_hex(mac, sizeof(mac), hex);
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

struct box {
	char dir[64], script[96];
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info, (void)type, (void)walk;
	return remove(path);
}

static int open_box(void **state)
{
	struct box *box = calloc(1, sizeof(*box));

	strcpy(box->dir, "/tmp/varve-deliver-XXXXXX");
	assert_non_null(mkdtemp(box->dir));
	snprintf(box->script, sizeof(box->script), "%s/script", box->dir);
	*state = box;
	return 0;
}

static int close_box(void **state)
{
	struct box *box = *state;

	nftw(box->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(box);
	return 0;
}

static int run(const struct box *box, const char *script, unsigned timeout_ms, struct err *err)
{
	char                        command[256];
	const struct deliver_config config = {.command = command, .exec_timeout_ms = timeout_ms};
	const struct deliver_event  event = {.kind = "rematch", .id = "event-7", .body = slice_str("{\"new\": 1}")};
	struct deliver             *deliver;
	int                         status;

	snprintf(command, sizeof(command), "%s  one\ttwo;three", box->script);
	assert_int_equal(file_write_atomic(box->script, slice_str(script), 0755, err), 0);
	assert_int_equal(deliver_open(&config, &deliver, err), 0);
	status = deliver_event(deliver, &event, err);
	if (!status) /* what was taken is not run again */
		assert_int_equal(unlink(box->script) | deliver_event(deliver, &event, err), 0);
	deliver_close(deliver);
	return status;
}

static void read_back(const struct box *box, const char *name, char *out, size_t size)
{
	struct buf text = {.bytes_max = 4096};
	struct err err = {0};
	char       path[128];

	snprintf(path, sizeof(path), "%s/%s", box->dir, name);
	assert_int_equal(file_read(path, &text, &err), 0);
	snprintf(out, size, "%.*s", SLICE_FMT(buf_slice(&text)));
	buf_deinit(&text);
}

static void a_command_gets_the_event_and_nothing_else(void **state)
{
	struct box *box = *state;
	struct err  err = {0};
	char        text[4096];

	setenv("VARVE_SECRET", "hunter2", 1);
	assert_int_equal(run(box,
			     "#!/bin/sh\ncd \"${0%/*}\"; cat >body; echo \"$#:$1:$2\" >words; env >environment; "
			     "ls /proc/self/fd >open; echo loud\n",
			     0, &err),
			 0);
	read_back(box, "body", text, sizeof(text));
	assert_string_equal(text, "{\"new\": 1}");
	read_back(box, "words", text, sizeof(text));
	assert_string_equal(text, "2:one:two;three\n"); /* no shell looked at it */
	read_back(box, "environment", text, sizeof(text));
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "VARVE_EVENT_ID=event-7\n"));
	read_back(box, "open", text, sizeof(text));
	assert_string_equal(text, "0\n1\n2\n3\n"); /* 3: the folder that ls reads */
}

static void a_command_that_fails_or_hangs_has_not_taken_the_event(void **state)
{
	struct box *box = *state;
	struct err  err = {0};

	assert_int_equal(run(box, "#!/bin/sh\nexit 3\n", 0, &err), ERR_IO);
	assert_non_null(strstr(err.text, "status 3"));
	err_clear(&err);
	assert_int_equal(run(box, "#!/bin/sh\nsleep 1000 & wait\n", 100, &err), ERR_IO);
	assert_non_null(strstr(err.text, "was killed"));
	err_clear(&err);
	assert_int_equal(run(box, "#!/nowhere/interpreter\n", 0, &err), ERR_IO);
}

static void a_configuration_that_cannot_work_is_refused_at_once(void **state)
{
	const struct deliver_config configs[] = {{.url = "ftp://example/"},
						 {.command = "  "},
						 {.key_file = "/dev/null", .command = "true"},
						 {.url = "https://example/", .key_file = "/dev/null"},
						 {.url = "https://example/", .key_file = "/nowhere"}};

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct deliver *deliver;
		struct err      err = {0};

		assert_int_not_equal(deliver_open(&configs[i], &deliver, &err), 0);
		assert_null(deliver);
		assert_true(err.text[0] != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_gives_what_rfc_4231_says),
		cmocka_unit_test_setup_teardown(a_command_gets_the_event_and_nothing_else, open_box, close_box),
		cmocka_unit_test_setup_teardown(a_command_that_fails_or_hangs_has_not_taken_the_event, open_box,
						close_box),
		cmocka_unit_test(a_configuration_that_cannot_work_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
