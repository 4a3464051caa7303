/* varve_parse_main.c - the parser as a program: started by varve and varve-worker only (docs/PARSER_CHANNEL.md). */
#include "sandbox/lockdown.h"
#include "sandbox/parse_launcher.h"
#include "sandbox/parse_side.h"
#include "sandbox/parser_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const char help[] =
	"usage: varve-parse --sandbox=require|prefer|off\n\n"
	"Reads container image layers for varve and varve-worker, which start it; it is of no use by itself.\n";

enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 4 };

/* They are for the worker, which decides what becomes of us; it may be draining. */
static void ignore_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

static bool say_hello(const struct buf *lacking)
{
	struct buf hello;
	ssize_t    sent;

	buf_init(&hello, PARSER_CONTROL_BYTES);
	parser_write_hello(&hello, buf_slice(lacking));
	sent = send(PARSER_CONTROL_FD, hello.ptr, hello.len, MSG_NOSIGNAL);
	buf_deinit(&hello);
	return sent > 0;
}

/* In a child. */
static int read_layer(void *data, const struct parser_order *order, struct parser_page *page)
{
	return lockdown_child(data, order, page) ? parse_side_run(order, page) : PARSER_EXIT_OPEN;
}

int main(int argc, char **argv)
{
	struct parser_page *page;
	struct lockdown     lockdown;
	struct buf          lacking;
	struct err          err = {0};
	void               *memory;

	if (argc != 2 || strncmp(argv[1], "--sandbox=", strlen("--sandbox=")) != 0) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	ignore_signals();
	memory = mmap(NULL, PARSER_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, PARSER_PAGE_FD, 0);
	if (memory == MAP_FAILED) {
		fputs(help, stderr);
		return EXIT_CANNOT_RUN;
	}
	page = memory;
	close(PARSER_PAGE_FD);
	parse_side_warm_up();
	buf_init(&lacking, PARSER_CONTROL_BYTES / 2);
	lockdown_begin(&lockdown, strcmp(argv[1], "--sandbox=off") == 0, &lacking);
	if (!say_hello(&lacking))
		return EXIT_CANNOT_RUN;
	return parse_launcher_run(page, read_layer, &lockdown, &err) < 0 ? EXIT_CANNOT_RUN : 0;
}
