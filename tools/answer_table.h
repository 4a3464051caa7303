/* answer_table.h - what the tables of answers (ask.h) share: documents read as JSON, cells for severities and references. */
#ifndef VARVE_TOOLS_ANSWER_TABLE_H
#define VARVE_TOOLS_ANSWER_TABLE_H

#include "base/json.h"
#include "report/table_parts.h"

struct answer_style {
	unsigned columns; /* of the terminal; 0 = any */
	bool     colour;
};

struct answer_style answer_style_of(int fd);

/* Of a member named so; SEVERITY_UNKNOWN when it says nothing known. */
enum severity answer_severity(const struct json *object);

void answer_severity_cell(struct grid *grid, enum severity severity);
void answer_text_cell(struct grid *grid, struct slice text, const char *otherwise);
void answer_number_cell(struct grid *grid, const struct json *object, const char *key);
void answer_digest_cell(struct grid *grid, struct slice digest); /* shortened; "-" when empty */

/* "3 critical, 12 high" of an object of counts by severity; "none". */
void answer_counts_put(struct buf *out, const struct json *counts);

/* All of them together. */
uint64_t answer_counts_sum(const struct json *counts);

#endif
