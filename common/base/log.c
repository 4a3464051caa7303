#include "base/log.h"

#include "base/clock.h"
#include "base/escape.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LIMIT_LINES = 10, LIMIT_WINDOW_MS = 60000 };

static _Atomic int     level_max = LOG_INFO;
static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	void (*before)(void *);
	void (*after)(void *);
	void *data;
} hook;

void log_level_set(enum log_level level)
{
	atomic_store(&level_max, (int)level);
}

void log_hook(void (*before)(void *), void (*after)(void *), void *data)
{
	pthread_mutex_lock(&line_lock);
	hook.before = before;
	hook.after = after;
	hook.data = data;
	pthread_mutex_unlock(&line_lock);
}

static void write_all(struct slice bytes)
{
	while (bytes.len) {
		ssize_t put = write(STDERR_FILENO, bytes.ptr, bytes.len);

		if (put <= 0)
			return; /* nowhere left to say so */
		bytes = slice_from(bytes, (size_t)put);
	}
}

__attribute__((format(printf, 3, 0))) static void put_line(enum log_level level, const char *where, const char *format,
							   va_list args)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char                     stamp[CLOCK_RFC3339_BYTES], text[2048];
	struct buf               line = {.bytes_max = 16384};

	if ((int)level > atomic_load(&level_max))
		return;
	vsnprintf(text, sizeof(text), format, args);
	clock_rfc3339(clock_unix_ms(), stamp);
	buf_printf(&line, "%s %s %s: ", stamp, names[level], where);
	escape_terminal(&line, slice_str(text));
	buf_byte(&line, '\n');
	pthread_mutex_lock(&line_lock);
	if (hook.before)
		hook.before(hook.data);
	write_all(buf_slice(&line));
	if (hook.after)
		hook.after(hook.data);
	pthread_mutex_unlock(&line_lock);
	buf_deinit(&line);
}

void log_line(enum log_level level, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(level, where, format, args);
	va_end(args);
}

void log_line_limited(struct log_limit *limit, enum log_level level, const char *where, const char *format, ...)
{
	unsigned long long now = clock_ms();
	va_list            args;

	if (now - limit->since_ms >= LIMIT_WINDOW_MS) {
		if (limit->lines > LIMIT_LINES)
			log_line(level, where, "%u more lines like the last were left out", limit->lines - LIMIT_LINES);
		*limit = (struct log_limit){.since_ms = now};
	}
	if (limit->lines++ >= LIMIT_LINES)
		return;
	va_start(args, format);
	put_line(level, where, format, args);
	va_end(args);
}
