/* table_summary.c - what the run adds up to: figures, findings by severity, worst images, what to fix, what is not known. */
#include "report/table_parts.h"

#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>

static void put_figure(struct buf *out, const struct report_options *o, const char *label, struct slice text)
{
	char padded[24];

	snprintf(padded, sizeof(padded), "  %-12s", label);
	style_put(out, o->colour, STYLE_DIM, slice_str(padded));
	table_paragraph(out, 14, o->columns, text);
}

static void put_images_figure(struct buf *out, const struct report_options *o, const struct tally *t)
{
	struct buf text = {.bytes_max = 1024};

	buf_printf(&text, "%llu: %llu complete", (unsigned long long)t->images, (unsigned long long)t->complete);
	if (t->ok > t->complete)
		buf_printf(&text, ", %llu INCOMPLETE", (unsigned long long)(t->ok - t->complete));
	if (t->failed)
		buf_printf(&text, ", %llu FAILED", (unsigned long long)t->failed);
	if (t->skipped)
		buf_printf(&text, ", %llu skipped (not images)", (unsigned long long)t->skipped);
	buf_printf(&text, "; %llu packages", (unsigned long long)t->packages);
	put_figure(out, o, "images", buf_slice(&text));
	buf_deinit(&text);
}

static void put_layers_figure(struct buf *out, const struct report_options *o, const struct tally *t)
{
	struct buf text = {.bytes_max = 1024};

	buf_printf(&text, "%llu used, %llu unique, %llu read now: reuse %u %%", (unsigned long long)t->layer_uses,
		   (unsigned long long)t->layers, (unsigned long long)t->layers_read, tally_reuse_percent(t));
	if (t->layers_bad)
		buf_printf(&text, "; %llu NOT READ to the end", (unsigned long long)t->layers_bad);
	put_figure(out, o, "layers", buf_slice(&text));
	buf_deinit(&text);
}

static void put_bytes_figure(struct buf *out, const struct report_options *o, const struct tally *t,
			     const struct report_run *run)
{
	struct buf text = {.bytes_max = 1024};
	char       uses[24], unique[24], read[24], fetched[24];

	table_bytes_text(t->bytes_uses, uses);
	table_bytes_text(t->bytes, unique);
	table_bytes_text(t->bytes_read, read);
	buf_printf(&text, "%s in all images, %s unique, %s read now", uses, unique, read);
	if (run) {
		table_bytes_text(run->bytes_fetched, fetched);
		buf_printf(&text, ", %s fetched", fetched);
	}
	put_figure(out, o, "bytes", buf_slice(&text));
	buf_deinit(&text);
}

static void put_time_figure(struct buf *out, const struct report_options *o, const struct tally *t,
			    const struct report_run *run)
{
	struct buf text = {.bytes_max = 1024};
	uint64_t   seconds = run->wall_ms / 1000;

	if (seconds >= 3600)
		buf_printf(&text, "%llu h %02llu min", (unsigned long long)(seconds / 3600),
			   (unsigned long long)(seconds / 60 % 60));
	else if (seconds >= 60)
		buf_printf(&text, "%llu min %02llu s", (unsigned long long)(seconds / 60),
			   (unsigned long long)(seconds % 60));
	else
		buf_printf(&text, "%.1f s", (double)run->wall_ms / 1000);
	if (run->wall_ms && t->images)
		buf_printf(&text, ", %.0f images/hour", (double)t->images * 3600e3 / (double)run->wall_ms);
	put_figure(out, o, "time", buf_slice(&text));
	buf_deinit(&text);
}

static void put_advisories_figure(struct buf *out, const struct report_options *o, const struct tally *t)
{
	struct buf text = {.bytes_max = 1024};

	if (t->generation[0])
		buf_printf(&text, "generation %.16s of %s", t->generation,
			   t->advisories_date[0] ? t->advisories_date : "unknown date");
	if (t->generations_differ)
		buf_str(&text, " (and older ones)");
	if (t->without_database)
		buf_printf(&text, "%sNO DATABASE for %llu image%s: run varve db update", t->generation[0] ? "; " : "",
			   (unsigned long long)t->without_database, t->without_database == 1 ? "" : "s");
	if (text.len)
		put_figure(out, o, "advisories", buf_slice(&text));
	buf_deinit(&text);
}

static void put_figures(struct buf *out, const struct report_options *o, const struct tally *t,
			const struct report_run *run)
{
	table_heading(out, o, "Summary");
	put_images_figure(out, o, t);
	put_layers_figure(out, o, t);
	put_bytes_figure(out, o, t, run);
	if (run)
		put_time_figure(out, o, t, run);
	put_advisories_figure(out, o, t);
}

static void put_severities(struct buf *out, const struct report_options *o, const struct tally *t)
{
	static const struct grid_column columns[] = {
		{.title = "SEVERITY"},
		{.title = "DISTINCT", .right = true},
		{.title = "FINDINGS", .right = true},
		{.title = "IMAGES", .right = true},
	};
	enum severity bands[SEVERITY_COUNT];
	size_t        count = table_bands(o, bands);
	bool          any_matched = false, doubt = t->without_database || t->failed || t->complete < t->ok;
	struct grid   grid;

	for (size_t i = 0; i < t->gaps_count; i++) {
		any_matched |= coverage_was_matched(t->gaps[i].state);
		doubt |= (t->gaps[i].state != COVERAGE_MATCHED && t->gaps[i].state != COVERAGE_NO_PACKAGES) ||
			 t->gaps[i].remark.len;
	}
	table_heading(out, o, "Vulnerabilities");
	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < count; i++) {
		grid_cell(&grid, severity_style(bands[i]), slice_str(severity_name(bands[i])));
		table_count_cell(&grid, bands[i], t->distinct.severity[bands[i]], any_matched, !doubt);
		table_count_cell(&grid, bands[i], t->findings.severity[bands[i]], any_matched, !doubt);
		table_count_cell(&grid, bands[i], t->images_with.severity[bands[i]], any_matched, !doubt);
	}
	grid_print(&grid, out, 2, o->columns, true, o->colour);
	grid_deinit(&grid);
	if (!o->negligible && t->findings.severity[SEVERITY_NEGLIGIBLE])
		buf_printf(out, "  and %llu negligible, not shown (--negligible)\n",
			   (unsigned long long)t->findings.severity[SEVERITY_NEGLIGIBLE]);
}

static const enum severity short_bands[] = {SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_MEDIUM, SEVERITY_LOW,
					    SEVERITY_UNKNOWN};
enum { SHORT_BANDS = sizeof(short_bands) / sizeof(*short_bands) };

static void put_counts(struct grid *grid, const struct tally_counts *counts)
{
	for (size_t i = 0; i < SHORT_BANDS; i++)
		table_count_cell(grid, short_bands[i], counts->severity[short_bands[i]], true, true);
}

static void put_worst(struct buf *out, const struct report_options *o, const struct tally *t)
{
	static const struct grid_column columns[] = {
		{.title = "CRIT", .right = true},
		{.title = "HIGH", .right = true},
		{.title = "MED", .right = true},
		{.title = "LOW", .right = true},
		{.title = "UNKN", .right = true},
		{.title = "OS", .width_min = 10, .width_max = 20},
		{.title = "IMAGE", .width_min = 24, .keep_end = true},
	};
	struct grid grid;

	if (!t->worst_count)
		return;
	table_heading(out, o, "Worst images");
	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < t->worst_count; i++) {
		put_counts(&grid, &t->worst[i].counts);
		grid_cell(&grid, STYLE_PLAIN, slice_trim(slice_str(t->worst[i].os)));
		grid_cell(&grid, STYLE_PLAIN, table_reference(slice_str(t->worst[i].reference)));
	}
	grid_print(&grid, out, 2, o->columns, true, o->colour);
	grid_deinit(&grid);
}

static void put_fixes(struct buf *out, const struct report_options *o, struct tally *t)
{
	static const struct grid_column columns[] = {
		{.title = "CRIT", .right = true},
		{.title = "HIGH", .right = true},
		{.title = "MED", .right = true},
		{.title = "LOW", .right = true},
		{.title = "UNKN", .right = true},
		{.title = "IMAGES", .right = true},
		{.title = "LAYERS", .right = true},
		{.title = "PACKAGE", .width_min = 12, .width_max = 40},
		{.title = "OS", .width_min = 10, .width_max = 24},
		{.title = "FIX"},
	};
	const struct tally_fix *fixes;
	size_t                  count = tally_top_fixes(t, &fixes, TALLY_FIXES);
	struct grid             grid;

	if (!count)
		return;
	table_heading(
		out, o,
		"Fix first: upgrades that remove most (distinct vulnerabilities, images healed, layers to rebuild)");
	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < count; i++) {
		put_counts(&grid, &fixes[i].distinct);
		grid_cell_printf(&grid, STYLE_PLAIN, "%llu", (unsigned long long)fixes[i].images);
		grid_cell_printf(&grid, STYLE_PLAIN, "%llu", (unsigned long long)fixes[i].layers);
		grid_cell(&grid, STYLE_PLAIN, fixes[i].package);
		grid_cell(&grid, STYLE_PLAIN, slice_trim(fixes[i].os));
		grid_cell(&grid, fixes[i].unfixed ? STYLE_DIM : STYLE_GREEN,
			  slice_str(!fixes[i].unfixed  ? "yes"
				    : fixes[i].fixable ? "in part"
						       : "none yet"));
	}
	grid_print(&grid, out, 2, o->columns, true, o->colour);
	grid_deinit(&grid);
}

/* What is not known comes first, then what concerns most images. */
static int gap_cmp(const void *a, const void *b)
{
	static const int        order[] = {[COVERAGE_NO_ADVISORY_SOURCE] = 0,
					   [COVERAGE_UNKNOWN_OS] = 1,
					   [COVERAGE_EOL] = 2,
					   [COVERAGE_NO_PACKAGES] = 3,
					   [COVERAGE_MATCHED] = 4};
	const struct tally_gap *x = a, *y = b;

	if (x->state != y->state)
		return order[x->state] - order[y->state];
	if (x->images != y->images)
		return x->images > y->images ? -1 : 1;
	return slice_cmp(x->ecosystem, y->ecosystem);
}

/* Number of a remark among the different ones, from 1; 0 for none. */
static unsigned footnote(const struct tally *t, size_t gap, struct slice *notes, unsigned *notes_count)
{
	struct slice remark = t->gaps[gap].remark;

	if (!remark.len)
		return 0;
	for (unsigned i = 0; i < *notes_count; i++)
		if (slice_eq(notes[i], remark))
			return i + 1;
	notes[(*notes_count)++] = remark;
	return *notes_count;
}

static void put_gap_row(struct grid *grid, const struct tally_gap *g, unsigned note)
{
	bool good = g->state == COVERAGE_MATCHED;

	grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)g->images);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)g->packages);
	grid_cell(grid, STYLE_PLAIN, g->ecosystem.len ? g->ecosystem : SLICE_LIT("-"));
	grid_cell(grid, good ? STYLE_GREEN : STYLE_YELLOW, slice_str(coverage_words(g->state)));
	grid_cell(grid, STYLE_PLAIN, g->feed_date.len ? slice_sub(g->feed_date, 0, 10) : SLICE_LIT("-"));
	if (note)
		grid_cell_printf(grid, STYLE_PLAIN, "[%u]", note);
	else
		grid_cell(grid, STYLE_PLAIN, SLICE_EMPTY);
}

static void put_coverage(struct buf *out, const struct report_options *o, struct tally *t)
{
	static const struct grid_column columns[] = {
		{.title = "IMAGES", .right = true},
		{.title = "PACKAGES", .right = true},
		{.title = "ECOSYSTEM", .width_min = 12, .width_max = 48},
		{.title = "STATE"},
		{.title = "FEED OF"},
		{.title = ""},
	};
	struct slice notes[TALLY_GAPS_MAX];
	unsigned     notes_count = 0;
	struct grid  grid;

	if (!t->gaps_count)
		return;
	qsort(t->gaps, t->gaps_count, sizeof(*t->gaps), gap_cmp);
	table_heading(out, o, "Coverage");
	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < t->gaps_count; i++)
		put_gap_row(&grid, &t->gaps[i], footnote(t, i, notes, &notes_count));
	grid_print(&grid, out, 2, o->columns, true, o->colour);
	grid_deinit(&grid);
	for (unsigned i = 0; i < notes_count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "[%u]", i + 1);
		buf_printf(out, "  %-5s", number);
		table_paragraph(out, 7, o->columns, notes[i]);
	}
	if (t->gaps_dropped)
		buf_printf(out, "  and %llu more kinds of coverage (see --format json)\n",
			   (unsigned long long)t->gaps_dropped);
}

static void put_troubles(struct buf *out, const struct report_options *o, const struct tally *t)
{
	if (!t->troubles_count)
		return;
	table_heading(out, o, "Not scanned completely");
	for (size_t i = 0; i < t->troubles_count; i++) {
		struct slice reason = t->troubles[i].reason;

		buf_str(out, "  ");
		escape_terminal(out, table_reference(t->troubles[i].reference));
		buf_str(out, t->troubles[i].failed ? ": FAILED\n      " : ": incomplete\n      ");
		table_paragraph(out, 6, o->columns, reason.len ? reason : SLICE_LIT("no reason given"));
	}
	if (t->troubles_dropped)
		buf_printf(out, "  and %llu more (see --format jsonl)\n", (unsigned long long)t->troubles_dropped);
}

void table_summary_put(struct buf *out, const struct report_options *options, struct tally *tally,
		       const struct report_run *run)
{
	put_fixes(out, options, tally);
	put_worst(out, options, tally);
	put_coverage(out, options, tally);
	put_troubles(out, options, tally);
	put_severities(out, options, tally);
	put_figures(out, options, tally, run);
}
