#include "source/registry_helper.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { HELPER_MS_MAX = 30000, EXIT_MS_MAX = 5000, POLL_MS = 50 };

static bool name_is_plain(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return name[0] && name[strspn(name, allowed)] == '\0' && strlen(name) < 128;
}

/* A running helper, in a process group of its own so that what it started ends with it. */
struct helper {
	pid_t pid;
	int   fd; /* one socket serves as its stdin and stdout: a helper that does not read gives us no SIGPIPE */
	bool  ended;
	int   status;
};

static int spawn(const char *program, int socket_fd, pid_t *pid)
{
	char                      *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "get", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t          attributes;
	sigset_t                   none;
	int                        failed;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, socket_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket_fd, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	failed = posix_spawnp(pid, program, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int start(struct helper *helper, const char *program, struct err *err)
{
	int pair[2], failed;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(err, ERR_AUTH, "credential helper %s", program);
	failed = spawn(program, pair[1], &helper->pid);
	close(pair[1]);
	helper->fd = pair[0];
	if (!failed)
		return 0;
	close(pair[0]);
	errno = failed;
	return err_errno(err, ERR_AUTH, "credential helper %s cannot be started", program);
}

static bool has_ended(struct helper *helper)
{
	if (!helper->ended)
		helper->ended = waitpid(helper->pid, &helper->status, WNOHANG) == helper->pid;
	return helper->ended;
}

/* Until the helper ends or closes its side: something that it left running may keep the other end open. False when it
 * takes too long or says too much. */
static bool read_answer(struct helper *helper, struct buf *answer)
{
	uint64_t end = clock_ms() + HELPER_MS_MAX;

	while (clock_ms() < end && buf_ok(answer)) {
		bool          last = has_ended(helper);
		struct pollfd ready = {.fd = helper->fd, .events = POLLIN};
		uint8_t       block[4096];
		ssize_t       got;

		if (poll(&ready, 1, last ? 0 : POLL_MS) <= 0) {
			if (last)
				return true;
			continue;
		}
		got = read(helper->fd, block, sizeof(block));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return true; /* closed, or reset by a helper that did not read its input */
		buf_append(answer, slice_of(block, (size_t)got));
	}
	return false;
}

/* It has said all it will say: a moment to leave by itself, then it is ended with all that it started. */
static void finish(struct helper *helper, bool kill_first)
{
	uint64_t end = clock_ms() + (kill_first ? 0 : EXIT_MS_MAX);

	close(helper->fd);
	while (!has_ended(helper) && clock_ms() < end)
		clock_sleep_ms(1);
	kill(-helper->pid, SIGKILL);
	while (!helper->ended && waitpid(helper->pid, &helper->status, 0) < 0 && errno == EINTR)
		;
}

static int converse(const char *program, const char *server, struct buf *answer, struct err *err)
{
	struct helper helper = {.status = -1};
	bool          said;

	if (start(&helper, program, err) != 0)
		return ERR_AUTH;
	while (send(helper.fd, server, strlen(server), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	shutdown(helper.fd, SHUT_WR);
	said = read_answer(&helper, answer);
	finish(&helper, !said);
	if (!said)
		return err_set(err, ERR_AUTH, "credential helper %s gave no usable answer within %d s", program,
			       HELPER_MS_MAX / 1000);
	if (WIFEXITED(helper.status) && WEXITSTATUS(helper.status) == 0)
		return 0;
	if (slice_find_str(buf_slice(answer), "credentials not found") != SIZE_MAX)
		return err_set(err, ERR_NOT_FOUND, "credential helper %s has nothing for %s", program, server);
	return err_set(err, ERR_AUTH, "credential helper %s failed for %s: %.*s", program, server,
		       answer->len > 200 ? 200 : (int)answer->len, answer->ptr ? (const char *)answer->ptr : "");
}

int registry_helper_get(const char *name, const char *server, struct buf *answer, struct err *err)
{
	char program[160];

	if (!name_is_plain(name))
		return err_set(err, ERR_CONFIG, "\"%.100s\" is no name of a credential helper", name);
	snprintf(program, sizeof(program), "docker-credential-%s", name);
	return converse(program, server, answer, err);
}
