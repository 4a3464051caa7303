/* live_line.h - one line of a terminal that changes: what to write so that it shows a new text. Pure.
 *
 * The cursor stands behind the text. Of a text that differs in part only that part is written, over the old one; after a
 * change of width the old line, which the terminal may have wrapped, is erased first. Text is ASCII, shorter than the line. */
#ifndef VARVE_TOOLS_LIVE_LINE_H
#define VARVE_TOOLS_LIVE_LINE_H

#include "base/buf.h"

struct live_line {
	struct buf shown; /* empty: nothing stands there */
	unsigned   columns;
};

void live_line_init(struct live_line *line);
void live_line_deinit(struct live_line *line);
void live_line_show(struct live_line *line, struct slice text, unsigned columns, struct buf *out); /* appends */
void live_line_erase(struct live_line *line, unsigned columns, struct buf *out);

#endif
