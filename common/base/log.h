/* log.h - lines on stderr for programs; libraries return errors instead of logging.
 *
 * "2026-11-24T21:56:16Z warning scan: text", control bytes and invalid UTF-8 made visible; or one JSON object per line with
 * time, level, module, message, and what it is about: job, worker, lease, layer, host. May be called from any thread: a
 * line is one write(2). While a progress line is shown, log_hook() lets the terminal clear it first. */
#ifndef VARVE_BASE_LOG_H
#define VARVE_BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_level_set(enum log_level level);    /* what is written; LOG_INFO at start */
void log_format_set(enum log_format format); /* LOG_TEXT at start */
void log_journal_set(
	bool on); /* "<4>" before each line, as sd-daemon(3) has it; the journal takes it for the priority */
enum log_format log_format_get(void);

void log_line(enum log_level level, const char *where, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As log_line(); in JSON what the line is about are fields of their own. The text must name them all the same. */
struct log_subject {
	uint64_t     job, worker, lease; /* 0 = of none */
	struct slice layer, host;        /* empty = of none; may be foreign */
};
void log_about(enum log_level level, const char *where, const struct log_subject *subject, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define LOG_JOB(id)    (&(struct log_subject){.job = (id)})
#define LOG_WORKER(id) (&(struct log_subject){.worker = (id)})

/* For lines that a stranger can cause: ten a minute, then one tells how many were left out. One thread per limit. */
struct log_limit {
	unsigned long long since_ms;
	unsigned           lines;
};
void log_line_limited(struct log_limit *limit, enum log_level level, const char *where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void log_hook(void (*before)(void *), void (*after)(void *), void *data); /* set before threads start; NULL removes */

#endif
