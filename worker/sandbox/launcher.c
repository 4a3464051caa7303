#include "sandbox/launcher.h"

#include "base/clock.h"
#include "sandbox/parser_program.h"
#include "sandbox/parser_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS_MAX = 20000, STOP_MS_MAX = 2000, FDS_MAX = 3, FIRST_OWN_FD = 16 };

struct launcher {
	pid_t               pid;
	int                 control_fd;
	struct parser_page *page;
	enum sandbox_mode   mode;
	bool                greeted;
	char                program[4096], lacking[PARSER_CONTROL_BYTES];
};

static const char *const mode_names[] = {"prefer", "require", "off"}; /* in the order of the enum */

int sandbox_mode_parse(const char *text, enum sandbox_mode *mode, struct err *err)
{
	for (unsigned i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
		if (strcmp(text, mode_names[i]) == 0) {
			*mode = (enum sandbox_mode)i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "--sandbox: require, prefer or off, not \"%s\"", text);
}

/* A descriptor out of the way of the numbers that the new process is to have. */
static int move_up(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);

	if (fd >= 0)
		close(fd);
	return moved;
}

/* Sealed: nobody can make it shorter than what is mapped here. */
static int open_page(struct launcher *self, struct err *err)
{
	int   fd = move_up(memfd_create("varve-parse", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	void *page = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, PARSER_PAGE_BYTES) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		page = mmap(NULL, PARSER_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		err_errno(err, ERR_IO, "parser: memory shared with it");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	self->page = page;
	return fd;
}

static void add_descriptors(posix_spawn_file_actions_t *actions, int control_fd, int page_fd)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fd != STDERR_FILENO || !PARSER_SANITIZED)
			posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(actions, control_fd, PARSER_CONTROL_FD);
	posix_spawn_file_actions_adddup2(actions, page_fd, PARSER_PAGE_FD);
	posix_spawn_file_actions_addclosefrom_np(actions, PARSER_PAGE_FD + 1);
}

static int spawn(struct launcher *self, int control_fd, int page_fd)
{
	char                       mode[32];
	char                      *argv[] = {(char *)(uintptr_t) "varve-parse", mode, NULL};
	char                      *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t          attributes;
	sigset_t                   none, all;
	int                        failed;

	snprintf(mode, sizeof(mode), "--sandbox=%s", mode_names[self->mode]);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	add_descriptors(&actions, control_fd, page_fd);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	failed = posix_spawn(&self->pid, self->program, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int start(struct launcher *self, struct err *err)
{
	int pair[2], page_fd = open_page(self, err), status = 0;

	if (page_fd < 0)
		return ERR_IO;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		close(page_fd);
		return err_errno(err, ERR_IO, "parser: a socket to it");
	}
	pair[1] = move_up(pair[1]);
	errno = spawn(self, pair[1], page_fd);
	if (errno) {
		self->pid = 0;
		status = err_errno(err, ERR_IO, "parser: %s cannot be started", self->program);
	}
	close(pair[1]);
	close(page_fd);
	self->control_fd = pair[0];
	return status;
}

int launcher_start(const char *program, enum sandbox_mode mode, struct launcher **out, struct err *err)
{
	struct launcher *self = calloc(1, sizeof(*self));
	int              status;

	if (!self)
		return err_set(err, ERR_MEM, "parser: out of memory");
	self->control_fd = -1;
	self->mode = mode;
	status = parser_program_find(program, self->program, sizeof(self->program), err);
	if (status >= 0)
		status = start(self, err);
	if (status < 0) {
		launcher_stop(self);
		return status;
	}
	*out = self;
	return 0;
}

/* The end of the socket ends it; a moment for that, then it is killed. */
static void reap(pid_t pid)
{
	uint64_t end = clock_ms() + STOP_MS_MAX;
	pid_t    got;

	while ((got = waitpid(pid, NULL, WNOHANG)) == 0 && clock_ms() < end)
		clock_sleep_ms(1);
	if (got != 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void launcher_stop(struct launcher *launcher)
{
	if (!launcher)
		return;
	if (launcher->control_fd >= 0)
		close(launcher->control_fd);
	if (launcher->pid > 0)
		reap(launcher->pid);
	if (launcher->page)
		munmap(launcher->page, PARSER_PAGE_BYTES);
	free(launcher);
}

/* --- talking --- */

static bool wait_readable(int fd, uint64_t until_ms)
{
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		uint64_t      now = clock_ms();

		if (now >= until_ms)
			return false;
		if (poll(&ready, 1, (int)(until_ms - now)) > 0)
			return true;
	}
}

/* A message of the launcher: 1; 0: none yet; ERR_IO: it is gone. */
static int receive(struct launcher *self, uint8_t *bytes, size_t size, struct slice *message, struct err *err)
{
	ssize_t got;

	do
		got = recv(self->control_fd, bytes, size, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got <= 0)
		return err_set(err, ERR_IO, "parser: %s has ended", self->program);
	*message = slice_of(bytes, (size_t)got);
	return 1;
}

static int greet(struct launcher *self, struct err *err)
{
	uint8_t      bytes[PARSER_CONTROL_BYTES];
	struct slice message, version = SLICE_EMPTY, lacking = SLICE_EMPTY;

	if (!wait_readable(self->control_fd, clock_ms() + START_MS_MAX))
		return err_set(err, ERR_IO, "parser: %s does not start", self->program);
	if (receive(self, bytes, sizeof(bytes), &message, err) <= 0)
		return err_set(err, ERR_IO, "parser: %s has ended at once", self->program);
	if (parser_read_hello(message, &version, &lacking) < 0 || !slice_eq_str(version, VARVE_VERSION))
		return err_set(err, ERR_VERSION, "parser: %s is of another version of Varve", self->program);
	snprintf(self->lacking, sizeof(self->lacking), "%.*s", SLICE_FMT(lacking));
	self->greeted = true;
	return 0;
}

int launcher_ready(struct launcher *launcher, const char **lacking, struct err *err)
{
	int status = launcher->greeted ? 0 : greet(launcher, err);

	*lacking = launcher->lacking;
	if (status < 0)
		return status;
	if (launcher->mode == SANDBOX_REQUIRE && *launcher->lacking)
		return err_set(err, ERR_UNSUPPORTED, "--sandbox=require: %s", launcher->lacking);
	return 0;
}

int launcher_order(struct launcher *launcher, struct slice order, const int *fds, size_t fds_count, struct err *err)
{
	union {
		struct cmsghdr header;
		uint8_t        bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec  part = {.iov_base = (void *)(uintptr_t)order.ptr, .iov_len = order.len};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_SPACE(fds_count * sizeof(int))};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(fds_count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, fds_count * sizeof(int));
	if (sendmsg(launcher->control_fd, &message, MSG_NOSIGNAL) < 0)
		return err_errno(err, ERR_IO, "parser: giving it a layer");
	return 0;
}

void launcher_kill(struct launcher *launcher)
{
	uint8_t message[1] = {PARSER_KILL};

	if (send(launcher->control_fd, message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && launcher->pid > 0)
		kill(launcher->pid, SIGKILL); /* its child dies with it */
}

int launcher_fd(const struct launcher *launcher)
{
	return launcher->control_fd;
}

struct parser_page *launcher_page(struct launcher *launcher)
{
	return launcher->page;
}

int launcher_ended(struct launcher *launcher, int *wait_status, struct err *err)
{
	uint8_t      bytes[PARSER_CONTROL_BYTES];
	struct slice message;
	int          status = receive(launcher, bytes, sizeof(bytes), &message, err);

	if (status > 0 && parser_read_ended(message, wait_status) < 0)
		return err_set(err, ERR_IO, "parser: %s says what cannot be", launcher->program);
	return status;
}
