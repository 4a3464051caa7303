/* table_parts.h - the three parts of the "table" format: one image in detail, one row per image, the summary. */
#ifndef VARVE_TOOLS_REPORT_TABLE_PARTS_H
#define VARVE_TOOLS_REPORT_TABLE_PARTS_H

#include "report/grid.h"
#include "report/report_format.h"
#include "report/tally.h"

void table_image_put(struct buf *out, const struct report_options *options, const struct image_result *result);
void table_rows_titles(struct buf *out, const struct report_options *options);
void table_row_put(struct buf *out, const struct report_options *options, const struct image_result *result,
		   bool *starred);
void table_summary_put(struct buf *out, const struct report_options *options, struct tally *tally,
		       const struct report_run *run);

enum style  severity_style(enum severity severity);
const char *severity_title(enum severity severity);    /* "CRITICAL" … */
const char *coverage_words(enum coverage_state state); /* "no advisory source" … */

/* Bands from the worst down, `negligible` last and only where it is shown; returns how many. */
size_t table_bands(const struct report_options *options, enum severity bands[SEVERITY_COUNT]);

/* "-" where nothing could be judged, "0*" for a zero that proves nothing, else the number. */
void table_count_cell(struct grid *grid, enum severity severity, uint64_t count, bool matched, bool judged);

void table_bytes_text(uint64_t bytes, char out[24]); /* "1.2 GiB" */

/* As people write it: without the "docker://" that every bare reference means. */
struct slice table_reference(struct slice reference);

/* "\ntitle\n" in bold. */
void table_heading(struct buf *out, const struct report_options *options, const char *title);

/* Words broken to lines of at most `columns` (0 = one line), the following lines indented by `indent`. */
void table_paragraph(struct buf *out, unsigned indent, unsigned columns, struct slice text);

#endif
