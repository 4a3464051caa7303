/* command_top.c - varve top: which package upgrades, base images and layers, if fixed, clear most. */
#include "answer_table.h"
#include "ask.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "command.h"
#include "exit_status.h"

#include <string.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 8 << 10, LIMIT_DEFAULT = 15 };

struct top_values {
	struct ask_options ask;
	const char        *format, *prefix;
	unsigned           limit;
};

static const struct option_spec top_specs[] = {
	{"prefix", OPTION_TEXT, offsetof(struct top_values, prefix), "PREFIX",
	 "only images whose reference begins so: registry.example/team/"},
	{"limit", OPTION_NUMBER, offsetof(struct top_values, limit), "N", "rows of each list; 0 = all (default: 15)"},
	{"format", OPTION_TEXT, offsetof(struct top_values, format), "FORMAT", "table (default) or json"},
	ASK_OPTIONS(top_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

/* ---- the table ---- */

#define SCORE_COLUMNS                                                                                                  \
	{.title = "WEIGHT", .right = true}, {.title = "IMAGES", .right = true}, {.title = "CRITICAL", .right = true},  \
		{.title = "HIGH", .right = true}, {.title = "MEDIUM", .right = true},                                  \
	{                                                                                                              \
		.title = "LOW", .right = true                                                                          \
	}

static void put_score(struct grid *grid, const struct json *row)
{
	static const char *const severities[] = {"critical", "high", "medium", "low"};

	answer_number_cell(grid, row, "weight");
	answer_number_cell(grid, row, "images");
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
		answer_number_cell(grid, json_get(row, "vulnerabilities"), severities[i]);
}

static void put_upgrade(struct grid *grid, const struct json *row)
{
	const struct json *os = json_get(row, "os");
	struct slice       id = json_get_text(os, "id"), version = json_get_text(os, "version_id");

	put_score(grid, row);
	answer_text_cell(grid, json_get_text(row, "name"), "-");
	if (id.len)
		grid_cell_printf(grid, STYLE_PLAIN, "%.*s %.*s", SLICE_FMT(id), SLICE_FMT(version));
	else
		answer_text_cell(grid, json_get_text(row, "type"), "-");
	answer_text_cell(grid, json_get_text(row, "upgrade_to"), "-");
}

static void put_base(struct grid *grid, const struct json *row)
{
	put_score(grid, row);
	answer_text_cell(grid, table_reference(json_text(json_at(json_get(row, "references"), 0))), "-");
}

static void put_layer(struct grid *grid, const struct json *row)
{
	put_score(grid, row);
	answer_text_cell(grid, json_get_text(row, "digest"), "-");
}

static void put_list(struct buf *out, const struct answer_style *style, const struct json *rows, const char *title,
		     const struct grid_column *columns, size_t columns_count,
		     void (*put)(struct grid *grid, const struct json *row))
{
	struct grid grid;

	if (json_count(rows) == 0)
		return;
	buf_byte(out, '\n');
	style_put(out, style->colour, STYLE_BOLD, slice_str(title));
	buf_byte(out, '\n');
	grid_init(&grid, columns, columns_count);
	for (size_t i = 0; i < json_count(rows); i++)
		put(&grid, json_at(rows, i));
	grid_print(&grid, out, 0, style->columns, true, style->colour);
	grid_deinit(&grid);
}

static void put_table(struct buf *out, const struct json *document)
{
	static const struct grid_column upgrades[] = {SCORE_COLUMNS,
						      {.title = "PACKAGE", .width_min = 10, .width_max = 50},
						      {.title = "OF"},
						      {.title = "UPGRADE TO", .width_min = 10, .width_max = 40}};
	static const struct grid_column bases[] = {SCORE_COLUMNS,
						   {.title = "BASE IMAGE", .width_min = 20, .keep_end = true}};
	static const struct grid_column layers[] = {SCORE_COLUMNS, {.title = "LAYER"}};
	const struct answer_style       style = answer_style_of(STDOUT_FILENO);
	const struct json              *weights = json_get(document, "weights");

	buf_printf(out, "%lld images. A vulnerability weighs, in each image: ",
		   (long long)json_int(json_get(document, "images"), 0));
	answer_counts_put(out, weights);
	buf_byte(out, '\n');
	put_list(out, &style, json_get(document, "packages"), "Upgrades that clear most", upgrades,
		 sizeof(upgrades) / sizeof(upgrades[0]), put_upgrade);
	put_list(out, &style, json_get(document, "bases"), "Base images that bring most", bases,
		 sizeof(bases) / sizeof(bases[0]), put_base);
	put_list(out, &style, json_get(document, "layers"), "Layers that bring most", layers,
		 sizeof(layers) / sizeof(layers[0]), put_layer);
}

/* ---- the command ---- */

static int print_top(const struct top_values *values, struct slice request, struct err *err)
{
	struct buf   text = {.bytes_max = LIMIT_REPORT_BYTES}, out = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json *document = NULL;
	int          status = ask(&values->ask, request, &text, err);

	if (!status && strcmp(values->format, "json") == 0) {
		status = ask_print(buf_slice(&text), err);
	} else if (!status) {
		status = json_parse(buf_slice(&text), &document, err);
		put_table(&out, document);
		if (!status)
			status = ask_print(buf_slice(&out), err);
	}
	json_free(document);
	buf_deinit(&text);
	buf_deinit(&out);
	return status;
}

static int top_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct top_values  values = {.format = "table", .limit = LIMIT_DEFAULT};
	struct buf         request = {.bytes_max = REQUEST_BYTES_MAX};
	struct json_writer w = json_writer_of(&request, 0);
	int                operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (operands)
		return err_set(err, ERR_USAGE, "top takes no operands");
	if (strcmp(values.format, "table") != 0 && strcmp(values.format, "json") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values.format);
	if (ask_check(&values.ask, err) != 0)
		return err->code;
	json_begin_object(&w, NULL);
	json_put_str(&w, "ask", "top");
	json_put_text_if(&w, "prefix", slice_str(values.prefix));
	json_put_uint(&w, "limit", values.limit);
	json_end_object(&w);
	rc = buf_ok(&request) ? print_top(&values, buf_slice(&request), err)
			      : err_set(err, ERR_USAGE, "--prefix is too long");
	buf_deinit(&request);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_top = {
	"top",
	"what to fix first: upgrades, base images, layers",
	"",
	"Images are the latest of each reference. Upgrades count vulnerabilities that have a fix; base images and "
	"layers all of them.",
	top_specs,
	top_run,
};
