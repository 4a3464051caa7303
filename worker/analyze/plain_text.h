/* plain_text.h - whether a body is text of one byte a unit, as analyzers of lines read it. */
#ifndef VARVE_WORKER_ANALYZE_PLAIN_TEXT_H
#define VARVE_WORKER_ANALYZE_PLAIN_TEXT_H

#include "base/err.h"
#include "base/slice.h"

/* Cuts a byte order mark of UTF-8 off. ERR_FORMAT for UTF-16, UTF-32 and whatever else holds NUL bytes: read as lines it would give
 * nothing, or names with holes. Other bytes pass: names in Latin-1 stay as they are. */
int plain_text(struct slice *body, struct err *err);

#endif
