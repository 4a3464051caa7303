/* grid.h - aligned columns of text on a terminal: widths from the content, shrunk to fit, colours on request.
 *
 * Cells take foreign bytes and escape them (escape_terminal). Rows are kept until grid_print(). Owner: one thread. */
#ifndef VARVE_TOOLS_REPORT_GRID_H
#define VARVE_TOOLS_REPORT_GRID_H

#include "base/arena.h"
#include "base/buf.h"

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED_BOLD,
	STYLE_RED,
	STYLE_YELLOW,
	STYLE_BLUE,
	STYLE_MAGENTA,
	STYLE_GREEN
};

struct grid_column {
	const char *title;
	unsigned    width_min; /* may be shrunk to this; 0 = never shrunk */
	unsigned    width_max; /* wider cells are cut; 0 = no limit */
	bool        right;     /* numbers */
	bool        keep_end;  /* cut at the front: the end of an image's name tells more */
};

enum { GRID_COLUMNS_MAX = 16 };

struct grid_cell;

struct grid {
	struct arena              arena;
	const struct grid_column *columns; /* borrowed */
	size_t                    columns_count;
	struct grid_cell         *cells; /* row by row */
	size_t                    cells_count, cells_capacity;
	bool                      fixed; /* widths stay those of `widths` */
	unsigned                  widths[GRID_COLUMNS_MAX];
};

void grid_init(struct grid *grid, const struct grid_column *columns, size_t columns_count);
void grid_deinit(struct grid *grid);

/* One cell after the other; a row is full after columns_count cells. */
void grid_cell(struct grid *grid, enum style style, struct slice text);
void grid_cell_printf(struct grid *grid, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* All rows, `indent` blanks before each, at most `line_columns` wide (0 = any). The titles first when `titles`. */
void grid_print(struct grid *grid, struct buf *out, unsigned indent, unsigned line_columns, bool titles, bool colour);

/* Text in a style, closed again; plain without colour. */
void style_put(struct buf *out, bool colour, enum style style, struct slice text);

#endif
