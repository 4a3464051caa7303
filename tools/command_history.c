/* command_history.c - varve history: what there was after each job and each generation of advisories. */
#include "answer_table.h"
#include "ask.h"
#include "base/limits.h"
#include "command.h"
#include "exit_status.h"

#include <string.h>
#include <unistd.h>

struct history_values {
	struct ask_options ask;
	const char        *format;
	unsigned           limit;
};

static const struct option_spec history_specs[] = {
	{"format", OPTION_TEXT, offsetof(struct history_values, format), "FORMAT", "table (default) or json"},
	{"limit", OPTION_NUMBER, offsetof(struct history_values, limit), "N",
	 "table: the newest N rows; 0 = all (default: 40)"},
	ASK_OPTIONS(history_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct grid_column columns[] = {{.title = "WHEN"},
					     {.title = "WHAT"},
					     {.title = "IMAGES", .right = true},
					     {.title = "FAILED", .right = true},
					     {.title = "PACKAGES", .right = true},
					     {.title = "CRITICAL", .right = true},
					     {.title = "HIGH", .right = true},
					     {.title = "MEDIUM", .right = true},
					     {.title = "LOW", .right = true},
					     {.title = "UNKNOWN", .right = true},
					     {.title = "NEW", .right = true},
					     {.title = "GONE", .right = true},
					     {.title = "ABOUT", .width_min = 10}};

static void put_number(struct grid *grid, const struct json *object, const char *key)
{
	if (json_get(object, key))
		answer_number_cell(grid, object, key);
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
}

static void put_row(struct grid *grid, const struct json *row)
{
	static const char *const severities[] = {"critical", "high", "medium", "low", "unknown"};
	const struct json       *counts = json_get(row, "vulnerabilities");
	bool                     job = json_get(row, "job") != NULL;

	answer_text_cell(grid, json_get_text(row, "at"), "-");
	grid_cell_printf(grid, STYLE_PLAIN, job ? "job %lld" : "advisories %lld",
			 (long long)json_int(json_get(row, job ? "job" : "judgement"), 0));
	put_number(grid, row, "images");
	put_number(grid, row, "failed");
	put_number(grid, row, "packages");
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
		put_number(grid, counts, severities[i]);
	put_number(grid, row, "new");
	put_number(grid, row, "gone");
	answer_text_cell(grid, json_get_text(row, job ? "label" : "generation"), "");
}

static void put_table(struct buf *out, const struct json *document, size_t rows_max)
{
	const struct answer_style style = answer_style_of(STDOUT_FILENO);
	const struct json        *rows = json_get(document, "rows");
	size_t                    count = json_count(rows);
	struct grid               grid;

	if (count == 0) {
		buf_str(out, "no job has ended yet\n");
		return;
	}
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = count > rows_max ? count - rows_max : 0; i < count; i++)
		put_row(&grid, json_at(rows, i));
	grid_print(&grid, out, 0, style.columns, true, style.colour);
	grid_deinit(&grid);
}

static int print_history(const struct history_values *values, struct err *err)
{
	struct buf   text = {.bytes_max = LIMIT_REPORT_BYTES}, out = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json *document = NULL;
	int          status = ask(&values->ask, SLICE_LIT("{\"ask\":\"history\"}"), &text, err);

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

static int history_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct history_values values = {.format = "table", .limit = 40};
	int                   operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (operands)
		return err_set(err, ERR_USAGE, "history takes no operands");
	if (strcmp(values.format, "table") != 0 && strcmp(values.format, "json") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is neither table nor json", values.format);
	if (ask_check(&values.ask, err) != 0)
		return err->code;
	rc = print_history(&values, err);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_history = {
	"history",
	"counts after each job and each generation of advisories",
	"",
	"A row of a job counts its images; a row of advisories counts the latest image of every reference.",
	history_specs,
	history_run,
};
