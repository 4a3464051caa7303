#include "report/grid.h"

#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GRID_BYTES_MAX = 1 << 29, GAP = 2 };

struct grid_cell {
	struct slice text; /* escaped */
	unsigned     width;
	enum style   style;
};

void grid_init(struct grid *grid, const struct grid_column *columns, size_t columns_count)
{
	*grid = (struct grid){.columns = columns, .columns_count = columns_count};
	arena_init(&grid->arena, GRID_BYTES_MAX);
}

void grid_deinit(struct grid *grid)
{
	arena_deinit(&grid->arena);
	*grid = (struct grid){0};
}

void grid_cell(struct grid *grid, enum style style, struct slice text)
{
	struct buf       escaped = {.bytes_max = 1u << 20};
	struct grid_cell cell = {.style = style};

	escape_terminal(&escaped, text);
	cell.text = arena_copy(&grid->arena, buf_slice(&escaped));
	cell.width = (unsigned)utf8_columns(cell.text);
	buf_deinit(&escaped);
	if (arena_grow(&grid->arena, &grid->cells, &grid->cells_capacity, grid->cells_count, sizeof(*grid->cells)))
		grid->cells[grid->cells_count++] = cell;
}

void grid_cell_printf(struct grid *grid, enum style style, const char *format, ...)
{
	char    text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	grid_cell(grid, style, slice_str(text));
}

void style_put(struct buf *out, bool colour, enum style style, struct slice text)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = "",        [STYLE_BOLD] = "1",     [STYLE_DIM] = "2",
		[STYLE_RED_BOLD] = "1;31", [STYLE_RED] = "31",     [STYLE_YELLOW] = "33",
		[STYLE_BLUE] = "34",       [STYLE_MAGENTA] = "35", [STYLE_GREEN] = "32",
	};
	bool styled = colour && style != STYLE_PLAIN && text.len;

	if (styled)
		buf_printf(out, "\033[%sm", codes[style]);
	buf_append(out, text);
	if (styled)
		buf_str(out, "\033[0m");
}

static void measure(struct grid *grid, bool titles)
{
	for (size_t c = 0; c < grid->columns_count; c++) {
		unsigned width = titles ? (unsigned)strlen(grid->columns[c].title) : 0;

		for (size_t i = c; i < grid->cells_count; i += grid->columns_count)
			width = grid->cells[i].width > width ? grid->cells[i].width : width;
		if (grid->columns[c].width_max && width > grid->columns[c].width_max)
			width = grid->columns[c].width_max;
		grid->widths[c] = width;
	}
}

/* Takes columns away from whichever shrinkable one is the widest, until the line fits or nothing is left to take. */
static void shrink(struct grid *grid, unsigned indent, unsigned line_columns)
{
	unsigned total = indent;

	for (size_t c = 0; c < grid->columns_count; c++)
		total += grid->widths[c] + (c ? GAP : 0);
	while (line_columns && total > line_columns) {
		size_t widest = SIZE_MAX;

		for (size_t c = 0; c < grid->columns_count; c++)
			if (grid->columns[c].width_min && grid->widths[c] > grid->columns[c].width_min &&
			    (widest == SIZE_MAX || grid->widths[c] > grid->widths[widest]))
				widest = c;
		if (widest == SIZE_MAX)
			return;
		grid->widths[widest]--;
		total--;
	}
}

/* The longest piece of whole characters at the start (end) of `text` that takes at most `width` columns. */
static struct slice cut_to(struct slice text, unsigned width, bool keep_end)
{
	struct slice piece = text;

	while (piece.len && utf8_columns(piece) > width) {
		if (keep_end) {
			uint32_t c;
			size_t   len = utf8_decode(piece, &c);

			piece = slice_from(piece, len ? len : 1);
			continue;
		}
		do
			piece.len--;
		while (piece.len && (piece.ptr[piece.len] & 0xc0) == 0x80);
	}
	return piece;
}

static void pad(struct buf *out, unsigned columns)
{
	if (columns)
		buf_printf(out, "%*s", (int)columns, "");
}

static void put_fitted(struct buf *out, struct slice text, unsigned text_width, unsigned width, bool keep_end)
{
	struct slice piece;

	if (text_width <= width) {
		buf_append(out, text);
		return;
	}
	piece = cut_to(text, width ? width - 1 : 0, keep_end);
	if (keep_end)
		buf_str(out, "\u2026");
	buf_append(out, piece);
	if (!keep_end)
		buf_str(out, "\u2026");
	pad(out, width - 1 - (unsigned)utf8_columns(piece));
}

static void put_cell(const struct grid *grid, struct buf *out, size_t column, const struct grid_cell *cell, bool colour)
{
	const struct grid_column *spec = &grid->columns[column];
	unsigned                  width = grid->widths[column];
	unsigned                  blank = cell->width < width ? width - cell->width : 0;
	bool                      last = column + 1 == grid->columns_count;
	struct buf                text = {.bytes_max = 1u << 20};

	pad(out, column ? GAP : 0);
	pad(out, spec->right ? blank : 0);
	put_fitted(&text, cell->text, cell->width, width, spec->keep_end);
	style_put(out, colour, cell->style, buf_slice(&text));
	buf_deinit(&text);
	pad(out, spec->right || last ? 0 : blank);
}

static void end_line(struct buf *out)
{
	while (out->len && out->ptr[out->len - 1] == ' ')
		out->len--;
	buf_byte(out, '\n');
}

static void put_titles(const struct grid *grid, struct buf *out, unsigned indent, bool colour)
{
	pad(out, indent);
	for (size_t c = 0; c < grid->columns_count; c++) {
		struct slice     title = slice_str(grid->columns[c].title);
		struct grid_cell cell = {title, (unsigned)title.len, STYLE_DIM};

		put_cell(grid, out, c, &cell, colour);
	}
	end_line(out);
}

void grid_print(struct grid *grid, struct buf *out, unsigned indent, unsigned line_columns, bool titles, bool colour)
{
	if (!grid->fixed) {
		measure(grid, titles);
		shrink(grid, indent, line_columns);
	}
	if (titles)
		put_titles(grid, out, indent, colour);
	for (size_t i = 0; i < grid->cells_count; i++) {
		size_t column = i % grid->columns_count;

		pad(out, column ? 0 : indent);
		put_cell(grid, out, column, &grid->cells[i], colour);
		if (column + 1 == grid->columns_count)
			end_line(out);
	}
	out->failed |= arena_failed(&grid->arena);
}
