/* rematch_print.h - a varve.rematch/1 document for people, and line by line. */
#ifndef VARVE_TOOLS_REMATCH_PRINT_H
#define VARVE_TOOLS_REMATCH_PRINT_H

#include "answer_table.h"

enum rematch_by { REMATCH_BY_PACKAGE, REMATCH_BY_IMAGE, REMATCH_BY_LAYER };

void rematch_table_put(struct buf *out, const struct answer_style *style, const struct json *document,
		       enum rematch_by by, size_t rows_max);

/* One line per vulnerability that has come or gone in a package, with references and layers spelled out. `document` is not brief. */
void rematch_lines_put(struct buf *out, const struct json *document);

#endif
