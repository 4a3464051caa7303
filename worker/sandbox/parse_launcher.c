#include "sandbox/parse_launcher.h"

#include "sandbox/parser_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS_MAX = 3 };

struct loop {
	struct parser_page *page;
	int (*run)(void *data, const struct parser_order *order, struct parser_page *page);
	void    *data;
	int      child_fd; /* readable: a child has ended */
	sigset_t child_signal;
};

struct message {
	uint8_t bytes[PARSER_CONTROL_BYTES];
	size_t  len;
	int     fds[FDS_MAX];
	size_t  fds_count;
};

static void take_descriptors(struct msghdr *header, struct message *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		message->fds_count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(message->fds, CMSG_DATA(part), message->fds_count * sizeof(int));
	}
}

/* Blocks. False: the worker is gone. */
static bool receive(struct message *message)
{
	union {
		struct cmsghdr header;
		uint8_t        bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec  part = {.iov_base = message->bytes, .iov_len = sizeof(message->bytes)};
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t got;

	do
		got = recvmsg(PARSER_CONTROL_FD, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	message->len = got > 0 ? (size_t)got : 0;
	message->fds_count = 0;
	if (got > 0)
		take_descriptors(&header, message);
	return got > 0;
}

static void close_descriptors(const struct message *message)
{
	for (size_t i = 0; i < message->fds_count; i++)
		close(message->fds[i]);
}

/* Descriptors to the numbers where the parse side looks for them; all others are closed. */
static void place_descriptors(const struct message *message)
{
	static const int places[FDS_MAX] = {PARSER_BYTES_FD, PARSER_CHANNEL_FD, PARSER_SPOOL_FD};
	int              moved[FDS_MAX];

	for (size_t i = 0; i < message->fds_count; i++)
		moved[i] = fcntl(message->fds[i], F_DUPFD, 16);
	for (size_t i = 0; i < message->fds_count; i++)
		dup2(moved[i], places[i]);
	close_range(message->fds_count < FDS_MAX ? PARSER_SPOOL_FD : PARSER_SPOOL_FD + 1, ~0u, 0);
}

static void be_child(const struct loop *loop, const struct message *message, const struct parser_order *order,
		     pid_t launcher)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		_exit(PARSER_EXIT_ORPHAN);
	sigprocmask(SIG_UNBLOCK, &loop->child_signal, NULL);
	place_descriptors(message);
	_exit(loop->run(loop->data, order, loop->page));
}

static void say(struct buf *message)
{
	while (send(PARSER_CONTROL_FD, message->ptr, message->len, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	buf_deinit(message);
}

/* Waits for the child, and for the word that it is to die; without a worker it dies too. False: there is none. */
static bool follow(const struct loop *loop, pid_t child)
{
	struct message word;
	struct buf     ended;
	bool           worker = true;
	int            status = 0;
	pid_t          got;

	while ((got = waitpid(child, &status, WNOHANG)) == 0) {
		struct pollfd           ready[] = {{.fd = loop->child_fd, .events = POLLIN},
						   {.fd = PARSER_CONTROL_FD, .events = POLLIN}};
		struct signalfd_siginfo info;

		if (poll(ready, worker ? 2 : 1, -1) < 0)
			continue;
		if (ready[0].revents && read(loop->child_fd, &info, sizeof(info)) < 0)
			continue;
		if (worker && ready[1].revents) {
			worker = receive(&word);
			close_descriptors(&word);
			kill(child, SIGKILL);
		}
	}
	buf_init(&ended, PARSER_CONTROL_BYTES);
	parser_write_ended(&ended, got == child ? status : -1);
	say(&ended);
	return worker;
}

static bool obey(const struct loop *loop, const struct message *message, struct err *err)
{
	struct parser_order order;
	pid_t               self = getpid(), child;

	if (parser_read_order(slice_of(message->bytes, message->len), &order) < 0 ||
	    message->fds_count != (order.has_spool ? FDS_MAX : FDS_MAX - 1u))
		return true; /* a kill that came too late */
	child = fork();
	if (child == 0)
		be_child(loop, message, &order, self);
	close_descriptors(message);
	if (child < 0) {
		err_errno(err, ERR_IO, "no process for a layer");
		return false;
	}
	return follow(loop, child);
}

int parse_launcher_run(struct parser_page *page,
		       int (*run)(void *data, const struct parser_order *order, struct parser_page *page), void *data,
		       struct err *err)
{
	struct loop    loop = {.page = page, .run = run, .data = data};
	struct message message;

	sigemptyset(&loop.child_signal);
	sigaddset(&loop.child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &loop.child_signal, NULL);
	loop.child_fd = signalfd(-1, &loop.child_signal, SFD_CLOEXEC);
	if (loop.child_fd < 0)
		return err_errno(err, ERR_IO, "waiting for children");
	while (receive(&message) && obey(&loop, &message, err))
		;
	return err->code;
}
