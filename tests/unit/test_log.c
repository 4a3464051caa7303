/* Lines of the log as text and as JSON, whatever is in them; the journal's priorities. */
#include "lib/check.h"

#include "base/daemon.h"
#include "base/json.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int  stderr_before = -1;
static char line[40000];

/* What is logged goes to a file without a name, from which it is read back. */
static void capture(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	fflush(stderr);
	stderr_before = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static const char *captured(void)
{
	ssize_t len;

	lseek(STDERR_FILENO, 0, SEEK_SET);
	len = read(STDERR_FILENO, line, sizeof(line) - 1);
	line[len > 0 ? len : 0] = '\0';
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	log_format_set(LOG_TEXT);
	log_journal_set(false);
	return line;
}

static struct json *captured_json(void)
{
	struct json *root = NULL;
	const char  *text = captured();

	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	if (json_parse(slice_str(text), &root, NULL) != 0)
		fail_msg("no JSON: %s", text);
	return root;
}

static void a_text_line_has_time_level_module_and_what_is_said(void **state)
{
	(void)state;
	capture();
	log_about(LOG_WARNING, "broker", &(struct log_subject){.job = 7}, "job %d goes on", 7);
	captured();
	assert_int_equal(strlen(line), strlen("2026-11-25T01:00:00Z warning broker: job 7 goes on\n"));
	assert_string_equal(line + strlen("2026-11-25T01:00:00Z"), " warning broker: job 7 goes on\n");
}

static void json_has_fields_of_their_own_for_what_it_is_about(void **state)
{
	const struct log_subject subject = {.job = 7,
					    .worker = 3,
					    .lease = 1ull << 60,
					    .layer = SLICE_LIT("sha256:00"),
					    .host = SLICE_LIT("registry.example:5000")};
	struct json             *root;

	(void)state;
	log_format_set(LOG_JSON);
	capture();
	log_about(LOG_ERROR, "broker", &subject, "what %s", "happened");
	root = captured_json();
	assert_slice_equal(json_get_text(root, "level"), "error");
	assert_slice_equal(json_get_text(root, "module"), "broker");
	assert_slice_equal(json_get_text(root, "message"), "what happened");
	assert_slice_equal(json_get_text(root, "layer"), "sha256:00");
	assert_slice_equal(json_get_text(root, "host"), "registry.example:5000");
	assert_int_equal(json_get_text(root, "time").len, 20);
	assert_int_equal(json_int(json_get(root, "lease"), -1), 1ull << 60);
	assert_int_equal(json_int(json_get(root, "job"), -1), 7);
	assert_int_equal(json_int(json_get(root, "worker"), -1), 3);
	json_free(root);
}

static void json_leaves_out_what_a_line_is_not_about(void **state)
{
	struct json *root;

	(void)state;
	log_format_set(LOG_JSON);
	capture();
	log_line(LOG_INFO, "worker", "plain");
	root = captured_json();
	assert_null(json_get(root, "job"));
	assert_null(json_get(root, "host"));
	json_free(root);
}

static void foreign_bytes_make_no_second_line_and_no_broken_json(void **state)
{
	const struct log_subject subject = {.host = SLICE_LIT("\"}\n{\"level\":\"error\"\xff\x1b[2J")};
	struct json             *root;

	(void)state;
	log_format_set(LOG_JSON);
	capture();
	log_about(LOG_INFO, "wire", &subject, "refused: %s", "\"}\n{\"forged\":1}\xff\x1b[2J");
	root = captured_json();
	assert_slice_equal(json_get_text(root, "message"), "refused: \"}\n{\"forged\":1}\xEF\xBF\xBD\x1b[2J");
	assert_slice_equal(json_get_text(root, "host"), "\"}\n{\"level\":\"error\"\xEF\xBF\xBD\x1b[2J");
	assert_null(strchr(line, '\x1b'));
	json_free(root);

	capture();
	log_line(LOG_INFO, "wire", "refused: %s", "a\nb\x1b[2J\xff");
	captured();
	assert_non_null(strstr(line, "refused: a\\x0ab\\x1b[2J\\xff\n"));
}

static void a_field_and_a_message_have_an_end(void **state)
{
	char         long_text[5000];
	struct json *root;

	(void)state;
	memset(long_text, '\x01', sizeof(long_text)); /* each becomes six bytes */
	log_format_set(LOG_JSON);
	capture();
	log_about(LOG_INFO, "wire",
		  &(struct log_subject){.host = slice_of(long_text, sizeof(long_text)),
					.layer = slice_of(long_text, sizeof(long_text))},
		  "%.*s", (int)sizeof(long_text), long_text);
	root = captured_json();
	assert_int_equal(json_get_text(root, "message").len, 2047);
	assert_int_equal(json_get_text(root, "host").len, 300);
	json_free(root);
}

static void under_the_journal_lines_carry_their_priority(void **state)
{
	static const struct {
		enum log_level level;
		const char    *prefix;
	} cases[] = {{LOG_ERROR, "<3>"}, {LOG_WARNING, "<4>"}, {LOG_INFO, "<6>"}, {LOG_DEBUG, "<7>"}};

	(void)state;
	log_level_set(LOG_DEBUG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_journal_set(true);
		capture();
		log_line(cases[i].level, "x", "y");
		assert_memory_equal(captured(), cases[i].prefix, 3);
	}
	log_level_set(LOG_INFO);
}

static void the_journal_is_known_by_the_file_that_stderr_is(void **state)
{
	struct stat file;
	char        stream[64];
	int         first;

	(void)state;
	capture();
	first = dup(STDERR_FILENO); /* so that its inode is not given to the next */
	fstat(STDERR_FILENO, &file);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	daemon_log_begin();
	log_line(LOG_INFO, "x", "y");
	assert_memory_equal(captured(), "<6>", 3);

	capture(); /* another file: the variable was inherited */
	daemon_log_begin();
	log_line(LOG_INFO, "x", "y");
	assert_memory_not_equal(captured(), "<6>", 3);
	unsetenv("JOURNAL_STREAM");
	close(first);
}

static void a_format_is_text_or_json(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(daemon_log_format("json", &err), 0);
	assert_int_equal(log_format_get(), LOG_JSON);
	assert_int_equal(daemon_log_format("text", &err), 0);
	assert_int_equal(log_format_get(), LOG_TEXT);
	assert_int_equal(daemon_log_format("xml", &err), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_line_has_time_level_module_and_what_is_said),
		cmocka_unit_test(json_has_fields_of_their_own_for_what_it_is_about),
		cmocka_unit_test(json_leaves_out_what_a_line_is_not_about),
		cmocka_unit_test(foreign_bytes_make_no_second_line_and_no_broken_json),
		cmocka_unit_test(a_field_and_a_message_have_an_end),
		cmocka_unit_test(under_the_journal_lines_carry_their_priority),
		cmocka_unit_test(the_journal_is_known_by_the_file_that_stderr_is),
		cmocka_unit_test(a_format_is_text_or_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
