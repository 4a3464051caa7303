/* hostile_analyzer.c - what a taken-over parser would try, as an analyzer that does what the file it reads says.
 *
 * Linked in the place of lua_rock.c into varve-parse-hostile, which is never installed. Files "*.hostile" hold one command;
 * what the kernel answers to it is noted in the inventory, as far as the process lives to do so. */
#include "analyze/analyzer.h"
#include "base/limits.h"
#include "sandbox/parser_program.h"
#include "sandbox/parser_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const struct analyzer analyzer_lua_rock;

static unsigned threads_started; /* by whatever part of the parser, counted by --wrap=pthread_create */

int __real_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*begin)(void *), void *data);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*begin)(void *), void *data);

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*begin)(void *), void *data)
{
	int failed = __real_pthread_create(id, how, begin, data);

	threads_started += failed ? 0 : 1;
	return failed;
}

static void try_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void try_unix_socket(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
		close(pair[0]);
}

static void try_shadow(void)
{
	open("/etc/shadow", O_RDONLY);
}

static void try_write_outside(void)
{
	open("/tmp/varve-hostile-was-here", O_WRONLY | O_CREAT, 0600);
}

static void try_exec(void)
{
	char *const argv[] = {(char *)(uintptr_t) "sh", NULL};

	execv("/bin/sh", argv);
}

static void try_fork(void)
{
	if (fork() == 0)
		_exit(0);
}

static void try_ptrace(void)
{
	ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_kill(void)
{
	kill(1, SIGTERM);
}

static void try_limits(void)
{
	setrlimit(RLIMIT_DATA, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
}

static void try_code(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		errno = EPERM;
}

static void try_duplicate(void)
{
	dup(PARSER_CHANNEL_FD);
}

static void crash(void)
{
	*(volatile int *)0 = 1;
}

static void loop(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void sleep_on(void)
{
	for (;;)
		usleep(100000);
}

static void leave(void)
{
	_exit(0);
}

/* Until nothing of any size is left. */
static void eat(void)
{
	for (size_t size = 64u << 20; size >= 16; size /= 2)
		while (malloc(size))
			;
}

static void say(struct slice bytes)
{
	while (bytes.len) {
		ssize_t put = write(PARSER_CHANNEL_FD, bytes.ptr, bytes.len);

		if (put <= 0)
			_exit(1);
		bytes = slice_from(bytes, (size_t)put);
	}
}

static void say_frame(enum parser_frame_kind kind, struct slice payload)
{
	struct buf out;

	buf_init(&out, 1u << 20);
	parser_write_frame(&out, kind, payload);
	say(buf_slice(&out));
	buf_deinit(&out);
}

static void lie_length(void)
{
	say(SLICE_LIT("\x05\xff\xff\xff\xff"));
	sleep_on();
}

static void lie_kind(void)
{
	say_frame((enum parser_frame_kind)99, SLICE_EMPTY);
	sleep_on();
}

static void lie_window(void)
{
	say_frame(PARSER_GIVE_WINDOW, SLICE_EMPTY);
	sleep_on();
}

static void lie_flood(void)
{
	static const uint8_t part[PARSER_PART_BYTES];

	for (;;)
		say_frame(PARSER_INVENTORY, slice_of(part, sizeof(part)));
}

static void lie_ask_on(void)
{
	static const uint8_t key[SHA256_BYTES];

	for (;;)
		say_frame(PARSER_MEMO_FIND, slice_of(key, sizeof(key)));
}

static void say_result(const struct parse_result *result)
{
	struct buf out;

	buf_init(&out, 1u << 20);
	parser_write_result(&out, result);
	say(buf_slice(&out));
	buf_deinit(&out);
}

static void lie_entries(void)
{
	say_result(&(struct parse_result){.entries = UINT64_MAX});
	sleep_on();
}

static void lie_twice(void)
{
	say_result(&(struct parse_result){.entries = 1});
	say_result(&(struct parse_result){.entries = 1});
	sleep_on();
}

/* An empty inventory under whatever diffID the rest of the command names: what a taken-over parser would like others to
 * believe of a layer that they know. */
static void claim(struct slice hex, const struct inventory *real)
{
	struct inventory    inv;
	struct parse_result result = {.entries = 1, .tar_bytes = 1024};
	struct buf          encoded;
	char                text[DIGEST_TEXT_BYTES];

	snprintf(text, sizeof(text), "sha256:%.*s", SLICE_FMT(slice_trim(hex)));
	if (digest_parse(slice_str(text), &result.diff_id, NULL) < 0)
		_exit(1);
	inventory_init(&inv);
	inv.diff_id = result.diff_id;
	inv.media_type = SLICE_LIT("tar+gzip");
	inv.analyzer_set = real->analyzer_set;
	buf_init(&encoded, 1u << 20);
	inventory_encode(&inv, &encoded, NULL);
	say_frame(PARSER_INVENTORY, buf_slice(&encoded));
	say_result(&result);
	_exit(0);
}

static void list_descriptors(struct inventory *out, struct slice path)
{
	char        list[256] = "";
	struct stat info;

	for (int fd = 0; fd < 1024; fd++)
		if (syscall(SYS_fstat, fd, &info) == 0)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " %d", fd);
	inventory_note(out, NOTE_INFO, path, "descriptors:%s", list);
}

static void list_environment(struct inventory *out, struct slice path)
{
	extern char **environ;
	size_t        count = 0;

	while (environ && environ[count])
		count++;
	inventory_note(out, NOTE_INFO, path, "environment: %zu", count);
}

static void *thread(void *data)
{
	*(int *)data = 7;
	return NULL;
}

static void start_thread(struct inventory *out, struct slice path)
{
	pthread_t id;
	int       value = 0, failed = pthread_create(&id, NULL, thread, &value);

	if (!failed)
		pthread_join(id, NULL);
	inventory_note(out, NOTE_INFO, path, "thread: %d", value);
}

static const struct command {
	const char *name;
	void (*run)(void);
} commands[] = {
	{"socket", try_socket},
	{"unix-socket", try_unix_socket},
	{"shadow", try_shadow},
	{"write-outside", try_write_outside},
	{"exec", try_exec},
	{"fork", try_fork},
	{"ptrace", try_ptrace},
	{"kill", try_kill},
	{"limits", try_limits},
	{"code", try_code},
	{"duplicate", try_duplicate},
	{"crash", crash},
	{"abort", abort},
	{"loop", loop},
	{"sleep", sleep_on},
	{"leave", leave},
	{"eat", eat},
	{"lie-length", lie_length},
	{"lie-kind", lie_kind},
	{"lie-window", lie_window},
	{"lie-flood", lie_flood},
	{"lie-ask-on", lie_ask_on},
	{"lie-entries", lie_entries},
	{"lie-twice", lie_twice},
};

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct slice word = slice_trim(body);

	(void)err;
	if (slice_starts(word, "claim "))
		claim(slice_from(word, 6), out);
	if (slice_eq_str(word, "descriptors"))
		list_descriptors(out, entry->path);
	if (slice_eq_str(word, "environment"))
		list_environment(out, entry->path);
	if (slice_eq_str(word, "threads"))
		inventory_note(out, NOTE_INFO, entry->path, "threads: %u", threads_started);
	if (slice_eq_str(word, "thread"))
		start_thread(out, entry->path);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!slice_eq_str(word, commands[i].name))
			continue;
		errno = 0;
		commands[i].run();
		inventory_note(out, NOTE_INFO, entry->path, "tried: %s", strerror(errno));
	}
	return 0;
}

static const char *const names[] = {"*.hostile", NULL};

const struct analyzer analyzer_lua_rock = {
	.name = "lua-rock",
	.version = 2,
	.inputs = INPUT_PATH,
	.body_bytes_max = 1u << 20,
	.names = names,
	.run = run,
};
