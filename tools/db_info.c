#include "db_info.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/json_write.h"
#include "match/advisory_store.h"
#include "progress.h"
#include "report/grid.h"
#include "report/table_parts.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- the table ---- */

static int put_source_row(void *data, struct slice name, const struct advisory_source_info *info)
{
	struct grid *grid = data;
	char         imported[CLOCK_RFC3339_BYTES];

	clock_rfc3339(info->imported_ms, imported);
	grid_cell(grid, STYLE_PLAIN, name);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)info->records);
	grid_cell_printf(grid, info->broken ? STYLE_YELLOW : STYLE_DIM, "%llu", (unsigned long long)info->broken);
	grid_cell(grid, STYLE_PLAIN, info->date.len ? info->date : SLICE_LIT("-"));
	grid_cell(grid, STYLE_PLAIN, slice_str(imported));
	grid_cell(grid, STYLE_PLAIN, info->origin);
	return 0;
}

static void put_feed_rows(struct buf *out, const struct advisories *reader, const struct report_options *look)
{
	static const struct grid_column columns[] = {
		{.title = "ECOSYSTEM", .width_min = 12},
		{.title = "RECORDS", .right = true},
		{.title = "ENTRIES", .right = true},
		{.title = "UNREADABLE RANGES", .right = true},
		{.title = "NEWEST"},
	};
	struct advisory_feed feed;
	struct grid          grid;

	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; reader->ops->feed_at(reader, i, &feed); i++) {
		grid_cell(&grid, STYLE_PLAIN, feed.ecosystem);
		grid_cell_printf(&grid, STYLE_PLAIN, "%llu", (unsigned long long)feed.records);
		grid_cell_printf(&grid, STYLE_PLAIN, "%llu", (unsigned long long)feed.entries);
		grid_cell_printf(&grid, feed.ranges_voided ? STYLE_YELLOW : STYLE_DIM, "%llu",
				 (unsigned long long)feed.ranges_voided);
		grid_cell(&grid, STYLE_PLAIN, feed.date.len ? feed.date : SLICE_LIT("-"));
	}
	grid_print(&grid, out, 2, look->columns, true, look->colour);
	grid_deinit(&grid);
}

static int put_table(struct advisory_store *store, const struct advisories *reader, struct buf *out, struct err *err)
{
	static const struct grid_column columns[] = {
		{.title = "SOURCE", .width_min = 10},
		{.title = "RECORDS", .right = true},
		{.title = "LEFT OUT", .right = true},
		{.title = "NEWEST"},
		{.title = "IMPORTED"},
		{.title = "FROM", .width_min = 16, .keep_end = true},
	};
	const char           *no_colour = getenv("NO_COLOR");
	struct report_options look = {.columns = terminal_columns(STDOUT_FILENO),
				      .colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour)};
	struct grid           grid;
	int                   rc;

	buf_str(out, "generation ");
	escape_terminal(out, reader->generation);
	buf_str(out, " of ");
	escape_terminal(out, reader->date.len ? reader->date : SLICE_LIT("unknown date"));
	buf_printf(out, ", %zu ecosystems\n", reader->feeds_count);
	table_heading(out, &look, "Sources");
	grid_init(&grid, columns, sizeof(columns) / sizeof(*columns));
	rc = advisory_sources(store, put_source_row, &grid, err);
	grid_print(&grid, out, 2, look.columns, true, look.colour);
	grid_deinit(&grid);
	table_heading(out, &look, "Ecosystems");
	put_feed_rows(out, reader, &look);
	return rc;
}

/* ---- JSON ---- */

static int put_source_object(void *data, struct slice name, const struct advisory_source_info *info)
{
	struct json_writer *w = data;
	char                imported[CLOCK_RFC3339_BYTES];

	clock_rfc3339(info->imported_ms, imported);
	json_begin_object(w, NULL);
	json_put_text(w, "name", name);
	json_put_text(w, "origin", info->origin);
	json_put_uint(w, "records", info->records);
	json_put_uint(w, "left_out", info->broken);
	json_put_text(w, "date", info->date);
	json_put_str(w, "imported", imported);
	json_end_object(w);
	return 0;
}

static void put_feed_objects(struct json_writer *w, const struct advisories *reader)
{
	struct advisory_feed feed;

	for (size_t i = 0; reader->ops->feed_at(reader, i, &feed); i++) {
		json_begin_object(w, NULL);
		json_put_text(w, "ecosystem", feed.ecosystem);
		json_put_uint(w, "records", feed.records);
		json_put_uint(w, "entries", feed.entries);
		json_put_uint(w, "ranges_unreadable", feed.ranges_voided);
		json_put_bool(w, "fixed_issues_only", feed.unfixed == 0);
		json_put_text(w, "date", feed.date);
		json_end_object(w);
	}
}

static int put_json(struct advisory_store *store, const struct advisories *reader, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer_of(out, 2);
	int                rc;

	json_begin_object(&w, NULL);
	json_put_text(&w, "generation", reader->generation);
	json_put_text(&w, "date", reader->date);
	json_begin_array(&w, "sources");
	rc = advisory_sources(store, put_source_object, &w, err);
	json_end_array(&w);
	json_begin_array(&w, "feeds");
	put_feed_objects(&w, reader);
	json_end_array(&w);
	json_end_object(&w);
	buf_byte(out, '\n');
	return rc;
}

int db_info_put(const char *dir, bool json, struct buf *out, struct err *err)
{
	struct advisory_store *store = NULL;
	struct advisories     *reader = NULL;
	int                    rc = advisory_store_open(dir, &store, err);

	if (rc == ERR_NOT_FOUND) {
		err_clear(err);
		return err_set(err, ERR_NOT_FOUND, "no advisory database in %s: run varve db update or varve db import",
			       dir);
	}
	if (rc == 0)
		rc = advisory_reader_open(store, &reader, err);
	if (rc == 0)
		rc = json ? put_json(store, reader, out, err) : put_table(store, reader, out, err);
	if (rc == 0 && !buf_ok(out))
		rc = err_set(err, ERR_LIMIT, "the list of ecosystems is too long to print");
	advisory_reader_close(reader);
	advisory_store_close(store);
	return rc;
}
