/* progress.h - how far a job is: one line on a terminal that is drawn again and again, else a log line now and then.
 *
 * Written to standard error. While the line stands, log lines clear it first and it is drawn again behind them
 * (log_hook). progress_update() belongs to one thread; log lines may come from any. */
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

/* The words of the line, at most `columns` wide (0 = any): images, layers, bytes, rate, reuse, ETA; the less telling ones
 * give way first. `bytes_per_second` 0 = not known. */
void progress_text(const struct wire_job_status *status, double bytes_per_second, unsigned columns, struct buf *out);

/* Columns of the terminal behind `fd`, or 0 when it is none. */
unsigned terminal_columns(int fd);

#endif
