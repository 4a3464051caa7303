#include "base/log.h"

#include "base/clock.h"
#include "base/escape.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LIMIT_LINES = 10, LIMIT_WINDOW_MS = 60000, FIELD_BYTES_MAX = 300 };

static _Atomic int     level_max = LOG_INFO;
static _Atomic int     line_format = LOG_TEXT;
static _Atomic bool    journal;
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

void log_format_set(enum log_format format)
{
	atomic_store(&line_format, (int)format);
}

enum log_format log_format_get(void)
{
	return (enum log_format)atomic_load(&line_format);
}

void log_journal_set(bool on)
{
	atomic_store(&journal, on);
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

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static void json_text(struct buf *line, const char *name, struct slice text)
{
	buf_printf(line, ",\"%s\":\"", name);
	escape_json(line, text);
	buf_byte(line, '"');
}

static void json_number(struct buf *line, const char *name, uint64_t number)
{
	if (number)
		buf_printf(line, ",\"%s\":%llu", name, (unsigned long long)number);
}

static void put_json(struct buf *line, enum log_level level, const char *where, const struct log_subject *subject,
		     const char *stamp, const char *text)
{
	buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\"", stamp, level_names[level]);
	json_text(line, "module", slice_str(where));
	json_text(line, "message", slice_str(text));
	if (subject) {
		json_number(line, "job", subject->job);
		json_number(line, "worker", subject->worker);
		json_number(line, "lease", subject->lease);
		if (subject->layer.len)
			json_text(line, "layer", slice_sub(subject->layer, 0, FIELD_BYTES_MAX));
		if (subject->host.len)
			json_text(line, "host", slice_sub(subject->host, 0, FIELD_BYTES_MAX));
	}
	buf_byte(line, '}');
}

static void put_line(struct slice line)
{
	pthread_mutex_lock(&line_lock);
	if (hook.before)
		hook.before(hook.data);
	write_all(line);
	if (hook.after)
		hook.after(hook.data);
	pthread_mutex_unlock(&line_lock);
}

__attribute__((format(printf, 4, 0))) static void put(enum log_level level, const char *where,
						      const struct log_subject *subject, const char *format,
						      va_list args)
{
	static const int priorities[] = {3, 4, 6, 7}; /* of syslog(3) */
	char             stamp[CLOCK_RFC3339_BYTES], text[2048];
	struct buf       line = {.bytes_max = 32 << 10};

	if ((int)level > atomic_load(&level_max))
		return;
	vsnprintf(text, sizeof(text), format, args);
	clock_rfc3339(clock_unix_ms(), stamp);
	if (atomic_load(&journal))
		buf_printf(&line, "<%d>", priorities[level]);
	if (log_format_get() == LOG_JSON) {
		put_json(&line, level, where, subject, stamp, text);
	} else {
		buf_printf(&line, "%s %s %s: ", stamp, level_names[level], where);
		escape_terminal(&line, slice_str(text));
	}
	buf_byte(&line, '\n');
	put_line(buf_slice(&line));
	buf_deinit(&line);
}

void log_line(enum log_level level, const char *where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(level, where, NULL, format, args);
	va_end(args);
}

void log_about(enum log_level level, const char *where, const struct log_subject *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(level, where, subject, format, args);
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
	put(level, where, NULL, format, args);
	va_end(args);
}
