#include "deliver/deliver_internal.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 64, POLL_MS = 200 };

#define COMMAND_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The event as a file of its own, so that a command that reads nothing or slowly keeps nobody waiting. */
static int body_file(struct slice body, struct err *err)
{
	int fd = memfd_create("varve-event", MFD_CLOEXEC), status;

	if (fd < 0)
		return err_errno(err, ERR_IO, "the event of a command");
	status = file_write_all(fd, body, "the event of a command", err);
	if (!status && lseek(fd, 0, SEEK_SET) < 0)
		status = err_errno(err, ERR_IO, "the event of a command");
	if (status) {
		close(fd);
		return status;
	}
	return fd;
}

/* Cuts `text` (changed in place) at blanks. */
static int split(char *text, char *words[WORDS_MAX + 1], struct err *err)
{
	size_t count = 0;
	char  *rest = text;

	for (char *word; (word = strsep(&rest, " \t")) != NULL;) {
		if (!*word)
			continue;
		if (count == WORDS_MAX)
			return err_set(err, ERR_USAGE, "the command has more than %d words", WORDS_MAX);
		words[count++] = word;
	}
	words[count] = NULL;
	return 0;
}

/* Signals as a program expects them, whatever this one blocks; a group of its own, so that all of it can be killed. */
static void prepare_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(attributes);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int start(char *const words[], const char *id, int body, pid_t *pid, struct err *err)
{
	char                       event[DELIVER_ID_BYTES + 32];
	char                      *environment[] = {"PATH=" COMMAND_PATH, "LANG=C.UTF-8", event, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t          attributes;
	int                        status;

	snprintf(event, sizeof(event), "VARVE_EVENT_ID=%s", id);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, body, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	prepare_attributes(&attributes);
	status = posix_spawnp(pid, words[0], &actions, &attributes, words, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	errno = status;
	return status ? err_errno(err, ERR_IO, "starting %s", words[0]) : 0;
}

static int describe(const char *name, int state, struct err *err)
{
	if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
		return 0;
	if (WIFEXITED(state))
		return err_set(err, ERR_IO, "%s ended with status %d", name, WEXITSTATUS(state));
	return err_set(err, ERR_IO, "%s was ended by signal %d", name, WTERMSIG(state));
}

/* Its exit, or its end by us: late, or cancelled. */
static int wait_for(struct deliver *deliver, const char *name, pid_t pid, struct err *err)
{
	uint64_t      until = clock_ms() + deliver->config.exec_timeout_ms;
	struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	bool          late, cancelled = false;
	int           state = 0;

	while (!(late = clock_ms() >= until) && !(cancelled = deliver->cancelled) &&
	       poll(&ended, ended.fd >= 0, POLL_MS) <= 0 && (ended.fd >= 0 || waitpid(pid, &state, WNOHANG) == 0))
		;
	if (late || cancelled)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
		;
	if (ended.fd >= 0)
		close(ended.fd);
	if (cancelled)
		return err_set(err, ERR_CANCELLED, "%s was cancelled", name);
	return late ? err_set(err, ERR_IO, "%s did not end within %u s and was killed", name,
			      deliver->config.exec_timeout_ms / 1000)
		    : describe(name, state, err);
}

int deliver_command_once(struct deliver *deliver, const struct deliver_event *event, struct err *err)
{
	char *words[WORDS_MAX + 1], *text = strdup(deliver->config.command);
	pid_t pid = 0;
	int   body, status;

	if (!text)
		return err_set(err, ERR_MEM, "out of memory");
	status = split(text, words, err);
	if (!status && (body = body_file(event->body, err)) < 0)
		status = body;
	if (!status) {
		status = start(words, event->id, body, &pid, err);
		close(body);
	}
	if (!status)
		status = wait_for(deliver, words[0], pid, err);
	free(text);
	return status;
}
