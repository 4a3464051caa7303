#include "rematch_print.h"

#include "base/json_write.h"

/* ---- head ---- */

static void put_generation(struct buf *out, const struct json *judgement)
{
	buf_printf(out, "advisories of %.*s (generation %.*s, judgement %lld)",
		   SLICE_FMT(slice_sub(json_get_text(judgement, "date"), 0, 10)),
		   SLICE_FMT(json_get_text(judgement, "generation")),
		   (long long)json_int(json_get(judgement, "judgement"), 0));
}

static void put_counts(struct buf *out, const struct json *counts, const char *title, const char *all,
		       const char *of_packages)
{
	buf_printf(out, "%-5s", title);
	answer_counts_put(out, json_get(counts, all));
	buf_printf(out, " (%llu of unique packages)\n",
		   (unsigned long long)answer_counts_sum(json_get(counts, of_packages)));
}

static void put_head(struct buf *out, const struct json *document)
{
	const struct json *counts = json_get(document, "counts");

	put_generation(out, json_get(document, "to"));
	if (json_bool(json_get(document, "first"), false)) {
		buf_str(out, "\nThe first that were matched: there is nothing to compare with yet.\n");
		return;
	}
	buf_str(out, "\nagainst ");
	put_generation(out, json_get(document, "from"));
	buf_str(out, "\n\n");
	put_counts(out, counts, "NEW", "new", "new_of_packages");
	put_counts(out, counts, "GONE", "gone", "gone_of_packages");
	buf_printf(out, "in %lld images\n", (long long)json_int(json_get(counts, "images"), 0));
}

static void put_rest(struct buf *out, size_t shown, size_t all, const char *what)
{
	if (shown < all)
		buf_printf(out, "… and %zu %s more (--limit 0 shows all)\n", all - shown, what);
}

/* ---- by package ---- */

static void put_change(struct grid *grid, const struct json *package, const struct json *change, bool come)
{
	grid_cell(grid, come ? STYLE_BOLD : STYLE_GREEN, slice_str(come ? "new" : "gone"));
	answer_severity_cell(grid, answer_severity(change));
	answer_text_cell(grid, json_get_text(change, "id"), "-");
	answer_text_cell(grid, json_get_text(package, "name"), "-");
	answer_text_cell(grid, json_get_text(package, "version"), "-");
	answer_text_cell(grid, json_get_text(change, "fixed"), "-");
	answer_number_cell(grid, package, "images");
}

static void put_by_package(struct buf *out, const struct answer_style *style, const struct json *document, size_t rows)
{
	static const struct grid_column columns[] = {{.title = "CHANGE"},
						     {.title = "SEVERITY"},
						     {.title = "ID", .width_min = 14, .width_max = 60},
						     {.title = "PACKAGE", .width_min = 10, .width_max = 50},
						     {.title = "VERSION", .width_min = 8, .width_max = 40},
						     {.title = "FIXED", .width_min = 8, .width_max = 40},
						     {.title = "IMAGES", .right = true}};
	static const char *const        lists[] = {"new", "gone"};
	const struct json              *packages = json_get(document, "packages");
	size_t                          shown = 0, all = 0;
	struct grid                     grid;

	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < json_count(packages); i++)
		for (unsigned list = 0; list < 2; list++) {
			const struct json *changes = json_get(json_at(packages, i), lists[list]);

			for (size_t k = 0; k < json_count(changes); k++)
				if (all++ < rows) {
					put_change(&grid, json_at(packages, i), json_at(changes, k), list == 0);
					shown++;
				}
		}
	if (shown)
		grid_print(&grid, out, 0, style->columns, true, style->colour);
	put_rest(out, shown, all, "changes");
	grid_deinit(&grid);
}

/* ---- by image, by layer ---- */

static void put_by_place(struct buf *out, const struct answer_style *style, const struct json *rows, bool layers,
			 size_t rows_max)
{
	static const struct grid_column columns[] = {{.title = "NEW", .right = true},
						     {.title = "GONE", .right = true},
						     {.title = "IMAGES", .right = true},
						     {.title = "LAYER"}},
					columns_of_images[] = {{.title = "NEW", .right = true},
							       {.title = "GONE", .right = true},
							       {.title = "PLATFORM"},
							       {.title = "IMAGE", .width_min = 20, .keep_end = true}};
	struct grid grid;
	size_t      shown = 0;

	grid_init(&grid, layers ? columns : columns_of_images, 4);
	for (; shown < json_count(rows) && shown < rows_max; shown++) {
		const struct json *row = json_at(rows, shown);

		answer_number_cell(&grid, row, "new");
		answer_number_cell(&grid, row, "gone");
		if (layers) {
			answer_number_cell(&grid, row, "images");
			answer_text_cell(&grid, json_get_text(row, "digest"), "(without a digest)");
		} else {
			answer_text_cell(&grid, json_get_text(row, "platform"), "-");
			answer_text_cell(&grid, table_reference(json_get_text(row, "reference")), "-");
		}
	}
	if (shown)
		grid_print(&grid, out, 0, style->columns, true, style->colour);
	put_rest(out, shown, json_count(rows), layers ? "layers" : "images");
	grid_deinit(&grid);
}

void rematch_table_put(struct buf *out, const struct answer_style *style, const struct json *document,
		       enum rematch_by by, size_t rows_max)
{
	put_head(out, document);
	if (json_count(json_get(document, "packages")) == 0)
		return;
	buf_byte(out, '\n');
	if (by == REMATCH_BY_PACKAGE)
		put_by_package(out, style, document, rows_max);
	else
		put_by_place(out, style, json_get(document, by == REMATCH_BY_LAYER ? "layers" : "images"),
			     by == REMATCH_BY_LAYER, rows_max);
}

/* ---- lines ---- */

static void put_where(struct json_writer *w, const struct json *document, const struct json *package)
{
	const struct json *images = json_get(document, "images"), *layers = json_get(document, "layers");
	const struct json *in = json_get(package, "in");

	json_begin_array(w, "images");
	for (size_t i = 0; i < json_count(in); i++) {
		const struct json *image = json_at(images, (size_t)json_int(json_at(json_at(in, i), 0), 0));
		const struct json *layer = json_at(layers, (size_t)json_int(json_at(json_at(in, i), 1), 0));

		json_begin_object(w, NULL);
		json_put_text(w, "reference", json_get_text(image, "reference"));
		json_put_text(w, "platform", json_get_text(image, "platform"));
		json_put_text_if(w, "digest", json_get_text(image, "digest"));
		json_put_text_if(w, "layer", json_get_text(layer, "digest"));
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_line(struct buf *out, const struct json *document, const struct json *package,
		     const struct json *change, const char *what)
{
	struct json_writer w = json_writer_of(out, 0);

	json_begin_object(&w, NULL);
	json_put_str(&w, "change", what);
	json_put_text_if(&w, "kind", json_get_text(change, "kind"));
	json_put_text(&w, "id", json_get_text(change, "id"));
	json_put_text(&w, "severity", json_get_text(change, "severity"));
	json_put_text_if(&w, "fixed", json_get_text(change, "fixed"));
	json_put_text(&w, "purl", json_get_text(package, "purl"));
	json_put_text(&w, "name", json_get_text(package, "name"));
	json_put_text(&w, "version", json_get_text(package, "version"));
	put_where(&w, document, package);
	json_end_object(&w);
	buf_byte(out, '\n');
}

void rematch_lines_put(struct buf *out, const struct json *document)
{
	static const char *const lists[] = {"new", "gone"};
	const struct json       *packages = json_get(document, "packages");

	for (size_t i = 0; i < json_count(packages); i++)
		for (unsigned list = 0; list < 2; list++) {
			const struct json *changes = json_get(json_at(packages, i), lists[list]);

			for (size_t k = 0; k < json_count(changes); k++)
				put_line(out, document, json_at(packages, i), json_at(changes, k), lists[list]);
		}
}
