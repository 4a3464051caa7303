/* command_diff.c - varve diff: what differs between two images, two jobs, two nights, an image and its base. */
#include "answer_table.h"
#include "ask.h"
#include "base/escape.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "command.h"
#include "exit_status.h"

#include <string.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 16 << 10, LIMIT_DEFAULT = 50 };

struct diff_values {
	struct ask_options ask;
	const char        *format, *platform;
	bool               base;
	unsigned           limit;
};

static const struct option_spec diff_specs[] = {
	{"base", OPTION_FLAG, offsetof(struct diff_values, base), NULL,
	 "compare with the base: the known image whose layers are the longest beginning of its own"},
	{"platform", OPTION_TEXT, offsetof(struct diff_values, platform), "OS/ARCH",
	 "of the images, where a reference has several"},
	{"format", OPTION_TEXT, offsetof(struct diff_values, format), "FORMAT", "table (default) or json"},
	{"limit", OPTION_NUMBER, offsetof(struct diff_values, limit), "N",
	 "table: rows of each kind; 0 = all (default: 50)"},
	ASK_OPTIONS(diff_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

/* ---- the table ---- */

static void put_more(struct buf *out, size_t shown, size_t all)
{
	if (shown < all)
		buf_printf(out, "… and %zu more (--limit 0 shows all)\n", all - shown);
}

static void put_title(struct buf *out, const struct answer_style *style, const char *title, size_t count)
{
	buf_byte(out, '\n');
	style_put(out, style->colour, STYLE_BOLD, slice_str(title));
	buf_printf(out, " (%zu)\n", count);
}

static void put_findings(struct buf *out, const struct answer_style *style, const struct json *rows, const char *title,
			 size_t rows_max)
{
	static const struct grid_column columns[] = {{.title = "SEVERITY"},
						     {.title = "ID", .width_min = 14, .width_max = 40},
						     {.title = "PACKAGE", .width_min = 10, .width_max = 50},
						     {.title = "VERSION", .width_min = 8, .width_max = 40},
						     {.title = "FIXED", .width_min = 8, .width_max = 40},
						     {.title = "IMAGES", .right = true}};
	struct grid                     grid;
	size_t                          shown = 0;

	put_title(out, style, title, json_count(rows));
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (; shown < json_count(rows) && shown < rows_max; shown++) {
		const struct json *row = json_at(rows, shown);

		answer_severity_cell(&grid, answer_severity(row));
		answer_text_cell(&grid, json_get_text(row, "id"), "-");
		answer_text_cell(&grid, json_get_text(row, "name"), "-");
		answer_text_cell(&grid, json_get_text(row, "version"), "-");
		answer_text_cell(&grid, json_get_text(row, "fixed"), "-");
		answer_number_cell(&grid, row, "images");
	}
	if (shown)
		grid_print(&grid, out, 0, style->columns, true, style->colour);
	put_more(out, shown, json_count(rows));
	grid_deinit(&grid);
}

static void put_packages(struct buf *out, const struct answer_style *style, const struct json *rows, size_t rows_max)
{
	static const struct grid_column columns[] = {{.title = "TYPE"},
						     {.title = "PACKAGE", .width_min = 10, .width_max = 60},
						     {.title = "FROM", .width_min = 8, .width_max = 50},
						     {.title = "TO", .width_min = 8, .width_max = 50},
						     {.title = "IMAGES", .right = true}};
	struct grid                     grid;
	size_t                          shown = 0;

	put_title(out, style, "Packages", json_count(rows));
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (; shown < json_count(rows) && shown < rows_max; shown++) {
		const struct json *row = json_at(rows, shown);

		answer_text_cell(&grid, json_get_text(row, "type"), "-");
		answer_text_cell(&grid, json_get_text(row, "name"), "-");
		answer_text_cell(&grid, json_get_text(row, "from"), "(none)");
		answer_text_cell(&grid, json_get_text(row, "to"), "(none)");
		answer_number_cell(&grid, row, "images");
	}
	if (shown)
		grid_print(&grid, out, 0, style->columns, true, style->colour);
	put_more(out, shown, json_count(rows));
	grid_deinit(&grid);
}

static void put_images(struct buf *out, const struct answer_style *style, const struct json *rows, size_t rows_max)
{
	static const struct grid_column columns[] = {{.title = "CHANGE"},
						     {.title = "NEW", .right = true},
						     {.title = "FIXED", .right = true},
						     {.title = "PLATFORM"},
						     {.title = "IMAGE", .width_min = 20, .keep_end = true}};
	struct grid                     grid;
	size_t                          shown = 0;

	put_title(out, style, "Images", json_count(rows));
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (; shown < json_count(rows) && shown < rows_max; shown++) {
		const struct json *row = json_at(rows, shown);

		answer_text_cell(&grid, json_get_text(row, "change"), "-");
		answer_number_cell(&grid, row, "new");
		answer_number_cell(&grid, row, "fixed");
		answer_text_cell(&grid, json_get_text(row, "platform"), "-");
		answer_text_cell(&grid, table_reference(json_get_text(row, "reference")), "-");
	}
	if (shown)
		grid_print(&grid, out, 0, style->columns, true, style->colour);
	put_more(out, shown, json_count(rows));
	grid_deinit(&grid);
}

static void put_side(struct buf *out, const char *title, const struct json *side)
{
	buf_printf(out, "%s ", title);
	escape_terminal(out, table_reference(json_get_text(side, "name")));
	if (json_int(json_get(side, "images"), 0) != 1)
		buf_printf(out, " (%lld images)", (long long)json_int(json_get(side, "images"), 0));
	buf_byte(out, '\n');
}

static void put_table(struct buf *out, const struct json *document, size_t rows_max)
{
	const struct answer_style style = answer_style_of(STDOUT_FILENO);
	const struct json        *images = json_get(document, "images");

	put_side(out, "A:", json_get(document, "a"));
	put_side(out, "B:", json_get(document, "b"));
	if (json_count(images) == 0) {
		buf_str(out, "the same content\n");
		return;
	}
	if (json_count(images) > 1 || json_int(json_get(json_get(document, "b"), "images"), 0) > 1)
		put_images(out, &style, images, rows_max);
	put_packages(out, &style, json_get(document, "packages"), rows_max);
	put_findings(out, &style, json_get(document, "new"), "New vulnerabilities", rows_max);
	put_findings(out, &style, json_get(document, "fixed"), "Fixed vulnerabilities", rows_max);
}

/* ---- the command ---- */

static int check(const struct diff_values *values, int operands, struct err *err)
{
	if (operands != (values->base ? 1 : 2))
		return err_set(err, ERR_USAGE, values->base ? "diff --base takes one IMAGE" : "diff takes A and B");
	if (strcmp(values->format, "table") != 0 && strcmp(values->format, "json") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values->format);
	return ask_check(&values->ask, err);
}

static int print_diff(const struct diff_values *values, struct slice request, struct err *err)
{
	struct buf   text = {.bytes_max = LIMIT_REPORT_BYTES}, out = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json *document = NULL;
	int          status = ask(&values->ask, request, &text, err);

	if (!status && strcmp(values->format, "json") == 0) {
		status = ask_print(buf_slice(&text), err);
	} else if (!status) {
		status = json_parse(buf_slice(&text), &document, err);
		put_table(&out, document, values->limit ? values->limit : SIZE_MAX);
		if (!status)
			status = ask_print(buf_slice(&out), err);
	}
	json_free(document);
	buf_deinit(&text);
	buf_deinit(&out);
	return status;
}

static int diff_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct diff_values values = {.format = "table", .limit = LIMIT_DEFAULT};
	struct buf         request = {.bytes_max = REQUEST_BYTES_MAX};
	struct json_writer w = json_writer_of(&request, 0);
	int                operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (check(&values, operands, err) != 0)
		return err->code;
	json_begin_object(&w, NULL);
	json_put_str(&w, "ask", "diff");
	json_put_text_if(&w, "a", slice_str(values.base ? NULL : argv[1]));
	json_put_str(&w, "b", argv[operands]);
	json_put_text_if(&w, "platform", slice_str(values.platform));
	json_put_bool(&w, "base", values.base);
	json_end_object(&w);
	rc = buf_ok(&request) ? print_diff(&values, buf_slice(&request), err)
			      : err_set(err, ERR_USAGE, "the names of the images are too long");
	buf_deinit(&request);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_diff = {
	"diff",
	"what differs between two images, jobs or nights",
	"A B | --base IMAGE",
	"A and B are two references or digests of images, two jobs (job:N), or two nights (night:YYYY-MM-DD, UTC). "
	"Both are judged by the "
	"advisories of now.",
	diff_specs,
	diff_run,
};
