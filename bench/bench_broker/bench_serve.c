#include "bench_broker/bench_serve.h"

#include "bench_broker/bench_die.h"

#include "base/clock.h"
#include "loop.h"
#include "wire/message.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_WAIT_MS = 600000 };

static pid_t child; /* ended with us, however we end */

static void kill_child(void)
{
	if (child > 0)
		kill(child, SIGKILL);
}

/* The first answer of any kind: PONG. */
static void wait_ready(struct served *served, uint64_t since_ns)
{
	const struct wire_client_config config = {.endpoint = served->endpoint};
	struct wire_client             *client;
	struct buf                      frame;
	struct err                      err = {0};
	struct stat                     there;
	uint64_t                        deadline = clock_ms() + READY_WAIT_MS;

	while (served->pid && stat(served->endpoint + strlen("ipc://"), &there) < 0) {
		if (waitpid(served->pid, NULL, WNOHANG) > 0 || clock_ms() > deadline)
			bench_die("the broker does not start; its log is beside its store");
		clock_sleep_ms(1);
	}
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	wire_put_empty(&frame, WIRE_PING, 1);
	if (wire_client_open(served->context, &config, &client, &err) < 0 ||
	    wire_client_send(client, buf_slice(&frame), READY_WAIT_MS, &err) < 0 ||
	    wire_client_receive(client, -1, READY_WAIT_MS, &frame, &err) <= 0)
		bench_die("the broker does not answer: %s", err.text);
	served->ready_ns = clock_ns() - since_ns;
	wire_client_close(client);
	buf_deinit(&frame);
}

static void spawn_broker(struct served *served, const char *program, const char *folder)
{
	char                       store[400], log[400];
	char                      *argv[] = {"varve-broker", "--endpoint", served->endpoint, "--store", store, NULL};
	posix_spawn_file_actions_t files;

	snprintf(store, sizeof(store), "%s/store", folder);
	snprintf(log, sizeof(log), "%s/broker.log", folder);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (posix_spawn(&served->pid, program, &files, NULL, argv, environ) != 0)
		bench_die("%s: cannot be run", program);
	posix_spawn_file_actions_destroy(&files);
	if (!child)
		atexit(kill_child);
	child = served->pid;
	if (clock_getcpuclockid(served->pid, &served->cpu) != 0)
		bench_die("no CPU clock of the broker");
}

static void *run_loop(void *data)
{
	struct served *served = data;
	struct err     err = {0};

	if (loop_run(served->loop, &err) < 0)
		bench_die("broker: %s", err.text);
	return NULL;
}

static void start_inside(struct served *served, const char *folder)
{
	const struct catalog_config catalog = {0};
	const char *const           endpoints[] = {served->endpoint, NULL};
	struct loop_config          config = {.context = served->context, .server = {.endpoints = endpoints}};
	char                        store[400];
	struct err                  err = {0};

	snprintf(store, sizeof(store), "%s/store", folder);
	if (catalog_open(store, &catalog, &served->catalog, &err) < 0)
		bench_die("%s", err.text);
	config.catalog = served->catalog;
	if (loop_open(&config, &served->loop, &err) < 0 ||
	    pthread_create(&served->thread, NULL, run_loop, served) != 0 ||
	    pthread_getcpuclockid(served->thread, &served->cpu) != 0)
		bench_die("broker: %s", err.text);
}

void serve_start(struct served *served, const char *program, const char *folder)
{
	struct err err = {0};
	uint64_t   start = clock_ns();

	*served = (struct served){.pid = 0};
	if (program)
		snprintf(served->endpoint, sizeof(served->endpoint), "ipc://%s/broker", folder);
	else
		snprintf(served->endpoint, sizeof(served->endpoint), "inproc://broker");
	if (program) {
		unlink(served->endpoint + strlen("ipc://"));
		spawn_broker(served, program, folder);
	}
	served->context = wire_context_new(&err);
	if (!served->context)
		bench_die("%s", err.text);
	if (!program)
		start_inside(served, folder);
	wait_ready(served, start);
}

void serve_stop(struct served *served)
{
	int status = 0;

	if (served->pid) {
		kill(served->pid, SIGTERM);
		waitpid(served->pid, &status, 0);
		child = 0;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			bench_die("the broker ended badly; its log is beside its store");
	} else {
		loop_stop(served->loop);
		pthread_join(served->thread, NULL);
		loop_close(served->loop);
	}
	wire_context_free(served->context);
	catalog_close(served->catalog);
}

uint64_t serve_cpu_ns(const struct served *served)
{
	struct timespec now;

	if (clock_gettime(served->cpu, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t serve_anon_bytes(const struct served *served)
{
	char     path[64], line[256];
	uint64_t kib = 0;
	FILE    *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)(served->pid ? served->pid : getpid()));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib << 10;
}
