/* table_rows.c - one row per image, written as it finishes: widths are fixed, the name stands last. On a terminal it
 * loses its beginning rather than break the line; in files it is whole. */
#include "report/table_parts.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>

enum { STATE_WIDTH = 11, OS_WIDTH = 14, NAME_WIDTH_MIN = 24 };

static size_t row_columns(const struct report_options *options, struct grid_column *columns, unsigned *widths)
{
	enum severity bands[SEVERITY_COUNT];
	size_t        bands_count = table_bands(options, bands), n = 0;
	unsigned      used = 0;

	for (size_t i = 0; i < bands_count; i++) {
		columns[n] = (struct grid_column){.title = severity_title(bands[i]), .right = true};
		widths[n++] = 4;
	}
	columns[n] = (struct grid_column){.title = "PKGS", .right = true};
	widths[n++] = 5;
	columns[n] = (struct grid_column){.title = "COVERAGE"};
	widths[n++] = STATE_WIDTH;
	columns[n] = (struct grid_column){.title = "OS"};
	widths[n++] = OS_WIDTH;
	columns[n] = (struct grid_column){.title = "IMAGE", .keep_end = true};
	widths[n] = UINT16_MAX;
	if (options->columns) {
		for (size_t i = 0; i < n; i++)
			used += widths[i] + 2;
		widths[n] = options->columns > used + NAME_WIDTH_MIN ? options->columns - used : NAME_WIDTH_MIN;
	}
	return n + 1;
}

void table_rows_titles(struct buf *out, const struct report_options *options)
{
	struct grid_column columns[GRID_COLUMNS_MAX];
	struct grid        grid;
	unsigned           widths[GRID_COLUMNS_MAX];
	size_t             count = row_columns(options, columns, widths);

	grid_init(&grid, columns, count);
	grid.fixed = true;
	memcpy(grid.widths, widths, sizeof(widths));
	grid.widths[count - 1] = 5;
	grid_print(&grid, out, 0, 0, true, options->colour);
	grid_deinit(&grid);
}

static const char *coverage_short(const struct image_result *r, enum style *style)
{
	size_t matched = 0;

	*style = STYLE_RED;
	if (r->image.status == IMAGE_FAILED)
		return "FAILED";
	if (r->image.status == IMAGE_SKIPPED) {
		*style = STYLE_DIM;
		return "skipped";
	}
	if (!r->complete)
		return "incomplete";
	*style = STYLE_YELLOW;
	if (!r->advisories_generation.len)
		return "no database";
	for (size_t i = 0; i < r->coverage_count; i++)
		matched += r->coverage[i].state == COVERAGE_MATCHED;
	if (matched && matched < r->coverage_count)
		return "in part";
	if (matched) {
		*style = STYLE_GREEN;
		return "matched";
	}
	if (!r->coverage_count)
		return "none";
	switch (r->coverage[0].state) {
	case COVERAGE_NO_ADVISORY_SOURCE:
		return "no source";
	case COVERAGE_UNKNOWN_OS:
		return "unknown OS";
	case COVERAGE_EOL:
		return "end of life";
	default:
		return "no packages";
	}
}

static void put_reason(struct buf *out, const struct report_options *options, const struct image_result *r)
{
	struct slice reason = r->image.status == IMAGE_OK ? r->incomplete_reason : r->image.reason;

	if (!reason.len || (r->image.status == IMAGE_OK && r->complete))
		return;
	buf_str(out, "      ");
	table_paragraph(out, 6, options->columns, reason);
}

static void put_os_cell(struct grid *grid, const struct image_result *r)
{
	char os[128];

	snprintf(os, sizeof(os), "%.*s %.*s", SLICE_FMT(slice_sub(r->os.id, 0, 60)),
		 SLICE_FMT(slice_sub(r->os.version_id, 0, 60)));
	grid_cell(grid, STYLE_PLAIN, r->os.id.len ? slice_trim(slice_str(os)) : SLICE_LIT("-"));
}

void table_row_put(struct buf *out, const struct report_options *options, const struct image_result *r, bool *starred)
{
	struct grid_column  columns[GRID_COLUMNS_MAX];
	enum severity       bands[SEVERITY_COUNT];
	struct tally_counts counts = tally_counts_of(r);
	size_t              bands_count = table_bands(options, bands);
	bool ok = r->image.status == IMAGE_OK, matched = ok && tally_is_matched(r), judged = ok && tally_is_judged(r);
	enum style  style;
	const char *words = coverage_short(r, &style);
	struct grid grid;
	unsigned    widths[GRID_COLUMNS_MAX];

	grid_init(&grid, columns, row_columns(options, columns, widths));
	grid.fixed = true;
	for (size_t i = 0; i < bands_count; i++) {
		uint64_t count = counts.severity[bands[i]];

		table_count_cell(&grid, bands[i], count, matched, judged);
		*starred |= matched && !judged && !count;
	}
	if (ok)
		grid_cell_printf(&grid, STYLE_PLAIN, "%zu", r->packages_count);
	else
		grid_cell(&grid, STYLE_DIM, SLICE_LIT("-"));
	grid_cell(&grid, style, slice_str(words));
	put_os_cell(&grid, r);
	grid_cell(&grid, STYLE_PLAIN, table_reference(r->image.reference));
	memcpy(grid.widths, widths, sizeof(widths));
	grid_print(&grid, out, 0, 0, false, options->colour);
	grid_deinit(&grid);
	put_reason(out, options, r);
}
