#include "sandbox/parser.h"

#include "analyze/analyzer_table.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/parser_program.h"
#include "sandbox/parser_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	POLL_MS = 100,       /* how soon a cancel is seen */
	WINDOW_POLL_MS = 10, /* how soon a window that is free again */
	PIPE_BYTES = 1 << 20,
	READ_BYTES = 64 << 10,
};

struct parser {
	struct parser_config config;
	struct launcher     *launcher;
};

/* One layer on its way. */
struct run {
	struct parser              *parser;
	const struct parse_request *request;
	struct stream              *layer;
	struct parser_report        report;
	struct parser_inbox         inbox;
	struct buf                  out; /* an answer that is not yet said */
	size_t                      out_sent;
	struct buf                  facts;
	struct slice                block; /* not yet passed on */
	struct digest               digest;
	int                         bytes_fd, channel_fd; /* -1: closed */
	int                         source_status;        /* STREAM_BLOCK until its end is known */
	bool                        window_held, window_wanted, channel_ended, killed, ended;
	int                         wait_status;
	uint32_t                    running; /* what was at work when it ended */
	uint64_t                    fed, inflated, waited_ms;
	struct err                  source_why, broken; /* broken: why the parser is not to be believed */
};

struct parser *parser_new(const struct parser_config *config)
{
	struct parser *parser = calloc(1, sizeof(*parser));

	if (parser)
		parser->config = *config;
	return parser;
}

void parser_free(struct parser *parser)
{
	if (!parser)
		return;
	launcher_stop(parser->launcher);
	free(parser);
}

int parser_ready(struct parser *parser, const char **lacking, struct err *err)
{
	int status = 0;

	*lacking = "";
	if (!parser->launcher)
		status = launcher_start(parser->config.program, parser->config.mode, &parser->launcher, err);
	return status < 0 ? status : launcher_ready(parser->launcher, lacking, err);
}

/* --- beginning --- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int send_order(struct run *run, const int *fds, size_t fds_count, struct err *err)
{
	const struct parse_request *request = run->request;
	const struct parser_order   order = {.blob_digest = request->blob_digest,
					     .tar_bytes_max = request->tar_bytes_max,
					     .entries_max = request->entries_max,
					     .spool_bytes_max = request->spool_bytes_max,
					     .seconds_max = run->parser->config.seconds_max,
					     .ahead = request->ahead,
					     .has_spool = fds_count > 2,
					     .has_memo = request->memo != NULL,
					     .has_window = request->window != NULL};
	struct buf                  message;
	int                         status;

	buf_init(&message, PARSER_CONTROL_BYTES);
	parser_write_order(&message, &order);
	status = buf_ok(&message) ? launcher_order(run->parser->launcher, buf_slice(&message), fds, fds_count, err)
				  : err_set(err, ERR_MEM, "parser: out of memory");
	buf_deinit(&message);
	return status;
}

static int open_run(struct run *run, int spool_fd, struct err *err)
{
	struct parser_page *page = launcher_page(run->parser->launcher);
	int                 pipe_fds[2], pair[2], status;

	memset(page, 0, sizeof(*page));
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_errno(err, ERR_IO, "parser: a pipe to it");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return err_errno(err, ERR_IO, "parser: a socket to it");
	}
	fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
	fcntl(pipe_fds[1], F_SETPIPE_SZ, PIPE_BYTES); /* less where a user has many already: slower, no more */
	run->bytes_fd = pipe_fds[1];
	run->channel_fd = pair[0];
	status = send_order(run, (const int[]){pipe_fds[0], pair[1], spool_fd}, spool_fd >= 0 ? 3 : 2, err);
	close(pipe_fds[0]);
	close(pair[1]);
	return status;
}

static void close_run(struct run *run)
{
	if (run->window_held)
		window_budget_give(run->request->window);
	close_fd(&run->bytes_fd);
	close_fd(&run->channel_fd);
	parser_inbox_deinit(&run->inbox);
	buf_deinit(&run->out);
	buf_deinit(&run->facts);
}

/* A launcher that died between two layers is found out here. */
static int begin(struct run *run, int spool_fd, struct err *err)
{
	const char *lacking;
	int         status = parser_ready(run->parser, &lacking, err);

	if (status < 0 || open_run(run, spool_fd, NULL) >= 0)
		return status;
	close_fd(&run->bytes_fd);
	close_fd(&run->channel_fd);
	launcher_stop(run->parser->launcher);
	run->parser->launcher = NULL;
	status = parser_ready(run->parser, &lacking, err);
	return status < 0 ? status : open_run(run, spool_fd, err);
}

static void kill_child(struct run *run)
{
	if (!run->killed && !run->ended)
		launcher_kill(run->parser->launcher);
	run->killed = true;
}

/* --- bytes down --- */

static void pull(struct run *run)
{
	if (run->block.len || run->source_status != STREAM_BLOCK)
		return;
	run->source_status = stream_next(run->layer, &run->block, &run->source_why);
	if (run->source_status == STREAM_BLOCK) {
		run->fed += run->block.len;
		return;
	}
	run->block = SLICE_EMPTY;
	close_fd(&run->bytes_fd);
	if (run->source_status < 0)
		kill_child(run); /* nothing that it has read may be trusted */
}

static void push(struct run *run)
{
	while (run->block.len && run->bytes_fd >= 0) {
		ssize_t put = write(run->bytes_fd, run->block.ptr, run->block.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0)
			close_fd(&run->bytes_fd); /* it reads no more */
		else
			run->block = slice_from(run->block, (size_t)put);
	}
	if (run->bytes_fd < 0)
		run->block = SLICE_EMPTY;
}

/* --- answers down --- */

static void say(struct run *run)
{
	while (run->out_sent < run->out.len) {
		struct slice rest = slice_from(buf_slice(&run->out), run->out_sent);
		ssize_t      put = send(run->channel_fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return; /* full, or gone: its end will tell */
		run->out_sent += (size_t)put;
	}
	buf_clear(&run->out);
	run->out_sent = 0;
}

/* One question at a time: who asks on without having read the answer is no parser of ours. */
static int answer(struct run *run, int status, struct slice facts, struct err *err)
{
	if (run->out.len)
		return err_set(err, ERR_PROTOCOL, "a question before the last was answered");
	parser_write_answer(&run->out, status, facts);
	if (!buf_ok(&run->out))
		return err_set(err, ERR_MEM, "parser: out of memory");
	say(run);
	return 0;
}

static void try_window(struct run *run)
{
	if (!run->window_wanted || !window_budget_try(run->request->window))
		return;
	run->window_wanted = false;
	run->window_held = true;
	if (answer(run, 1, SLICE_EMPTY, &run->broken) < 0)
		kill_child(run);
}

static void give_window(struct run *run)
{
	if (run->window_held)
		window_budget_give(run->request->window);
	run->window_held = run->window_wanted = false;
}

static int find(struct run *run, const struct digest *key, struct err *err)
{
	const struct file_memo *memo = run->request->memo;
	int                     found;

	buf_clear(&run->facts);
	found = memo->find(memo->data, key, &run->facts);
	if (found > 0 && !buf_ok(&run->facts))
		found = 0;
	return answer(run, found, found > 0 ? buf_slice(&run->facts) : SLICE_EMPTY, err);
}

/* --- what comes up --- */

static int obey(struct run *run, const struct parser_demand *demand, struct err *err)
{
	const struct file_memo *memo = run->request->memo;

	switch (demand->wish) {
	case PARSER_WISH_WINDOW:
		run->window_wanted = true;
		try_window(run);
		return 0;
	case PARSER_WISH_UNWINDOW:
		give_window(run);
		return 0;
	case PARSER_WISH_FIND:
		return find(run, &demand->key, err);
	case PARSER_WISH_KEEP:
		memo->keep(memo->data, &demand->key, demand->facts);
		return 0;
	default:
		return 0;
	}
}

static int take_frames(struct run *run, struct err *err)
{
	struct parser_frame  frame;
	struct parser_demand demand;
	int                  status;

	while ((status = parser_inbox_next(&run->inbox, &frame, err)) == 1) {
		status = parser_report_take(&run->report, &frame, &demand, err);
		if (status >= 0)
			status = obey(run, &demand, err);
		if (status < 0)
			return status;
	}
	return status;
}

static void hear(struct run *run)
{
	uint8_t bytes[READ_BYTES];
	ssize_t got;
	int     status = 0;

	do
		got = recv(run->channel_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		run->channel_ended = true;
		return;
	}
	if (!run->killed)
		status = parser_inbox_add(&run->inbox, slice_of(bytes, (size_t)got), &run->broken);
	if (!run->killed && status >= 0)
		status = take_frames(run, &run->broken);
	if (status < 0)
		kill_child(run);
}

/* --- what it leaves --- */

static const char *name_of(uint32_t running)
{
	return running && running <= analyzer_count() ? analyzer_at(running - 1)->name : "the archive reader";
}

/* Paths that it tried to look up: no analyzer does. */
static void tell_refusals(const struct run *run, const struct parser_page *page)
{
	char     digest[DIGEST_TEXT_BYTES];
	uint32_t count = atomic_load(&page->refusals);

	digest_text(&run->request->blob_digest, digest);
	for (uint32_t i = 0; i < count && i < PARSER_REFUSALS_MAX; i++) {
		const struct parser_refusal *refused = &page->refused[i];

		log_about(LOG_WARNING, "sandbox", &(struct log_subject){.layer = slice_str(digest)},
			  "layer %s: its parser (%s was at work) was refused system call %" PRIu32 " on \"%.*s\"",
			  digest, name_of(refused->running), refused->system_call, (int)sizeof(refused->path),
			  refused->path);
	}
}

/* --- waiting --- */

static void note_progress(struct run *run)
{
	uint64_t now = atomic_load_explicit(&launcher_page(run->parser->launcher)->inflated, memory_order_relaxed);

	if (run->request->progress && now > run->inflated)
		atomic_fetch_add_explicit(run->request->progress, now - run->inflated, memory_order_relaxed);
	run->inflated = now > run->inflated ? now : run->inflated;
}

static uint64_t seconds_max(const struct run *run)
{
	return run->parser->config.seconds_max ? run->parser->config.seconds_max : LIMIT_LAYER_SECONDS;
}

/* Only the parser's own time counts: not that of the source, nor that of another layer that has the window. */
static void count_wait(struct run *run, uint64_t ms)
{
	if (run->window_wanted || run->killed)
		return;
	run->waited_ms += ms;
	if (run->waited_ms > seconds_max(run) * 1000) {
		err_set(&run->broken, ERR_LIMIT, "layer_seconds_max: more than %" PRIu64 " s", seconds_max(run));
		kill_child(run);
	}
}

static void child_ended(struct run *run)
{
	int status = launcher_ended(run->parser->launcher, &run->wait_status, &run->broken);

	if (status == 0)
		return;
	run->ended = true;
	run->running = atomic_load(&launcher_page(run->parser->launcher)->running);
	tell_refusals(run, launcher_page(run->parser->launcher));
	if (status < 0) { /* a new one for the next layer */
		launcher_stop(run->parser->launcher);
		run->parser->launcher = NULL;
	}
}

/* Until something can be done. What the child has said before its end is read before that is looked at. */
static void wait_for_work(struct run *run)
{
	bool          more = run->block.len == 0 && run->source_status == STREAM_BLOCK;
	struct pollfd ready[] = {
		{.fd = run->channel_ended ? -1 : run->channel_fd,
		 .events = (short)(POLLIN | (run->out.len ? POLLOUT : 0))},
		{.fd = run->block.len ? run->bytes_fd : -1, .events = POLLOUT},
		{.fd = launcher_fd(run->parser->launcher), .events = POLLIN},
	};
	uint64_t began = more ? 0 : clock_ms();

	if (poll(ready, 3, more ? 0 : run->window_wanted ? WINDOW_POLL_MS : POLL_MS) < 0)
		return;
	if (!more)
		count_wait(run, clock_ms() - began);
	note_progress(run);
	if (ready[0].revents & POLLOUT)
		say(run);
	if (ready[0].revents & (POLLIN | POLLHUP | POLLERR))
		hear(run);
	else if (ready[2].revents)
		child_ended(run);
}

static bool is_cancelled(const struct run *run)
{
	return run->request->cancel && *run->request->cancel;
}

static void converse(struct run *run)
{
	while (!run->ended) {
		if (is_cancelled(run))
			kill_child(run);
		if (!run->killed)
			pull(run);
		push(run);
		try_window(run);
		wait_for_work(run);
	}
}

/* --- the verdict --- */

static int poisoned(struct run *run, const char *running, struct err *err)
{
	int status = run->wait_status;

	if (run->broken.code == ERR_PROTOCOL)
		return err_set(err, ERR_POISON, "poison: the parser said what cannot be: %s (%s was at work)",
			       run->broken.text, running);
	if (run->broken.code == ERR_LIMIT)
		return err_set(err, ERR_POISON, "poison: %s (%s was at work)", run->broken.text, running);
	if (run->broken.code)
		return err_set(err, run->broken.code, "%s", run->broken.text);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_POISON, "poison: the parser was ended by SIG%s (%s was at work)",
			       sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?", running);
	if (WEXITSTATUS(status) == PARSER_EXIT_ABORTED)
		return err_set(err, ERR_POISON, "poison: the parser was ended by SIGABRT (%s was at work)", running);
	if (WEXITSTATUS(status) == PARSER_EXIT_STARVED)
		return err_set(err, ERR_POISON, "poison: parser_memory_max: nothing is left (%s was at work)", running);
	if (WEXITSTATUS(status) == PARSER_EXIT_OPEN)
		return err_set(err, ERR_IO, "parser: it could not be locked down");
	return err_set(err, ERR_POISON, "poison: the parser ended with status %d and without a result (%s was at work)",
		       WEXITSTATUS(status), running);
}

static int verdict(struct run *run, struct parse_result *result, struct err *err)
{
	const char *running = name_of(run->running);

	if (run->source_status < 0)
		return err_set(err, run->source_status, "%s", run->source_why.text);
	if (is_cancelled(run))
		return err_set(err, ERR_CANCELLED, "cancelled");
	if (run->broken.code || !run->report.ended || run->wait_status != 0)
		return poisoned(run, running, err);
	if (run->report.code == ERR_MEM)
		return err_set(err, ERR_POISON, "poison: parser_memory_max: %s (%s was at work)", run->report.text,
			       running);
	if (run->report.code)
		return err_set(err, run->report.code, "%s", run->report.text);
	*result = run->report.result;
	result->blob_bytes = run->fed;
	return 0;
}

int parser_parse(struct parser *parser, struct stream *layer, int spool_fd, const struct parse_request *request,
		 struct parse_result *result, struct buf *inventory, struct buf *path_table, struct err *err)
{
	struct run run = {.parser = parser,
			  .request = request,
			  .layer = layer,
			  .report = {.request = request, .inventory = inventory, .path_table = path_table},
			  .bytes_fd = -1,
			  .channel_fd = -1,
			  .source_status = STREAM_BLOCK};
	int        status;

	parser_inbox_init(&run.inbox);
	buf_init(&run.out, LIMIT_MEMO_FACTS_BYTES + 4096);
	buf_init(&run.facts, LIMIT_MEMO_FACTS_BYTES);
	status = begin(&run, spool_fd, err);
	if (status >= 0) {
		converse(&run);
		/* Also of a layer that killed its parser it is to be known whether it is the right one. */
		while (run.source_status == STREAM_BLOCK && !is_cancelled(&run)) {
			run.block = SLICE_EMPTY;
			pull(&run);
		}
		status = verdict(&run, result, err);
	}
	close_run(&run);
	if (status < 0 && inventory)
		buf_clear(inventory);
	if (status < 0 && path_table)
		buf_clear(path_table);
	return status;
}
