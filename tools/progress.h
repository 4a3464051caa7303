/* progress.h - how far something is: one line on a terminal that is drawn again and again, else a log line now and then.
 *
 * Written to standard error, made for slow lines: it is drawn four times a second at most, only when it changed, and only
 * the part that did; it fits the terminal's width of that moment. In a pipe: a line every five seconds at most, only when
 * something moved. While the line stands, log lines clear it first and it is drawn again behind them (log_hook). Updates
 * belong to one thread; log lines may come from any. */
#ifndef VARVE_TOOLS_PROGRESS_H
#define VARVE_TOOLS_PROGRESS_H

#include "base/buf.h"
#include "wire/message.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_NEVER };

struct progress;

struct progress *progress_open(enum progress_mode mode,
			       const char        *what);           /* NULL without memory: which all functions take */
void             progress_close(struct progress *progress); /* the line is gone from the terminal after */
void progress_hide(struct progress *progress); /* clears the line: something else is written to the terminal now */
void progress_update(struct progress *progress, const struct wire_job_status *status);

/* The same with words of the caller's; `moved` tells whether anything happened since the last time. */
void progress_say(struct progress *progress, struct slice text, uint64_t moved);

/* When something was shown last. Pure: whether it is time again, given what `moved` until now. */
struct progress_pace {
	bool     terminal, begun;
	uint64_t shown_ms, shown_moved;
};

bool progress_due(const struct progress_pace *pace, uint64_t moved, uint64_t now_ms);

/* The words of the line, at most `columns` wide (0 = any): images, layers, bytes, rate, reuse, ETA; the less telling ones
 * give way first. `bytes_per_second` 0 = not known. */
void progress_text(const struct wire_job_status *status, double bytes_per_second, unsigned columns, struct buf *out);

/* Columns of the terminal behind `fd`, or 0 when it is none. */
unsigned terminal_columns(int fd);

#endif
