/* command_where.c - varve where: which images, layers and paths hold a package, a vulnerability, a file, a path, a layer. */
#include "answer_table.h"
#include "ask.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "command.h"
#include "exit_status.h"

#include <string.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 32 << 10 };

struct where_values {
	struct ask_options ask;
	const char        *format, *as, *prefix;
	unsigned           limit;
	bool               source, linear;
};

static const struct option_spec where_specs[] = {
	{"as", OPTION_TEXT, offsetof(struct where_values, as), "KIND",
	 "package, vulnerability, file, layer or path (default: by how it looks)"},
	{"prefix", OPTION_TEXT, offsetof(struct where_values, prefix), "REFERENCE",
	 "only images whose reference begins so: docker://host/team/"},
	{"source", OPTION_FLAG, offsetof(struct where_values, source), NULL,
	 "packages too that are built from a source of that name"},
	{"linear", OPTION_FLAG, offsetof(struct where_values, linear), NULL,
	 "read every image instead of the index: the same answer, slowly"},
	{"limit", OPTION_NUMBER, offsetof(struct where_values, limit), "N", "table: rows; 0 = all (default: 0)"},
	{"format", OPTION_TEXT, offsetof(struct where_values, format), "FORMAT", "table (default), json or jsonl"},
	ASK_OPTIONS(where_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int check(const struct where_values *values, int operands, struct err *err)
{
	if (operands != 1)
		return err_set(err, ERR_USAGE, "where takes one operand");
	if (strcmp(values->format, "table") != 0 && strcmp(values->format, "json") != 0 &&
	    strcmp(values->format, "jsonl") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is none of table, json, jsonl", values->format);
	return ask_check(&values->ask, err);
}

/* References are kept with their transport; a bare one is docker's. */
static void put_prefix(struct json_writer *w, const char *prefix)
{
	struct buf text = {.bytes_max = REQUEST_BYTES_MAX};

	if (!prefix)
		return;
	if (slice_find(slice_str(prefix), ':') == SIZE_MAX ||
	    slice_find_str(slice_str(prefix), "/") < slice_find(slice_str(prefix), ':'))
		buf_str(&text, "docker://");
	buf_str(&text, prefix);
	json_put_text(w, "prefix", buf_slice(&text));
	buf_deinit(&text);
}

static int put_request(const struct where_values *values, const char *what, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer_of(out, 0);

	json_begin_object(&w, NULL);
	json_put_str(&w, "ask", "where");
	json_put_str(&w, "what", what);
	if (values->as)
		json_put_str(&w, "as", values->as);
	put_prefix(&w, values->prefix);
	if (values->source)
		json_put_bool(&w, "source", true);
	if (values->linear)
		json_put_bool(&w, "linear", true);
	json_end_object(&w);
	return buf_ok(out) ? 0 : err_set(err, ERR_USAGE, "what is asked for is too long");
}

/* --- table --- */

static const struct grid_column columns[] = {{.title = "IMAGE", .width_min = 20, .keep_end = true},
					     {.title = "LAYER"},
					     {.title = "WHAT", .width_min = 12, .width_max = 60},
					     {.title = "ABOUT", .width_max = 40},
					     {.title = "PATH", .width_min = 12, .keep_end = true}};

static void put_what(struct grid *grid, const struct json *row)
{
	struct slice kind = json_get_text(row, "kind"), name = json_get_text(row, "name");

	if (name.len)
		grid_cell_printf(grid, STYLE_PLAIN, "%.*s %.*s", SLICE_FMT(name),
				 SLICE_FMT(json_get_text(row, "version")));
	else
		grid_cell(grid, STYLE_PLAIN, kind);
}

static void put_about(struct grid *grid, const struct json *row)
{
	struct slice owner = json_get_text(row, "owner"), id = json_get_text(row, "id");
	struct slice fixed = json_get_text(row, "fixed");

	if (id.len)
		grid_cell_printf(grid, severity_style(answer_severity(row)), "%.*s%s%.*s",
				 SLICE_FMT(json_get_text(row, "severity")), fixed.len ? ", fixed " : "",
				 SLICE_FMT(fixed));
	else if (json_bool(json_get(row, "unsure"), false))
		grid_cell(grid, STYLE_YELLOW, SLICE_LIT("version cannot be compared"));
	else if (owner.len)
		grid_cell_printf(grid, STYLE_DIM, "of %.*s", SLICE_FMT(owner));
	else
		answer_text_cell(grid, SLICE_EMPTY, json_bool(json_get(row, "declared"), false) ? "only declared" : "");
}

static void put_paths(struct grid *grid, const struct json *paths)
{
	size_t count = json_count(paths);

	if (count > 1)
		grid_cell_printf(grid, STYLE_PLAIN, "(%zu) %.*s", count, SLICE_FMT(json_text(json_at(paths, 0))));
	else
		answer_text_cell(grid, count ? json_text(json_at(paths, 0)) : SLICE_EMPTY, "-");
}

static void put_head(struct buf *out, const struct json *document)
{
	const struct json *notices = json_get(document, "notices");
	long long          incomplete = (long long)json_int(json_get(document, "incomplete"), 0);
	long long          pending = (long long)json_int(json_get(document, "pending"), 0);

	buf_printf(out, "%lld in %lld of %lld images\n", (long long)json_int(json_get(document, "count"), 0),
		   (long long)json_int(json_get(document, "images"), 0),
		   (long long)json_int(json_get(document, "searched"), 0));
	if (incomplete)
		buf_printf(out, "%lld images were not read in whole: what is missing there is not known\n", incomplete);
	if (pending)
		buf_printf(out, "%lld images are not indexed yet: of them this is what there was before\n", pending);
	for (size_t i = 0; i < json_count(notices); i++)
		buf_printf(out, "%.*s\n", SLICE_FMT(json_text(json_at(notices, i))));
}

static void put_table(struct buf *out, const struct json *document, size_t rows_max)
{
	const struct answer_style style = answer_style_of(STDOUT_FILENO);
	const struct json        *rows = json_get(document, "matches");
	size_t                    count = json_count(rows), shown = count < rows_max ? count : rows_max;
	struct grid               grid;

	put_head(out, document);
	grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++) {
		const struct json *row = json_at(rows, i);

		answer_text_cell(&grid, table_reference(json_get_text(row, "reference")), "-");
		answer_digest_cell(&grid, json_get_text(json_get(row, "layer"), "digest"));
		put_what(&grid, row);
		put_about(&grid, row);
		put_paths(&grid, json_get(row, "paths"));
	}
	if (shown)
		grid_print(&grid, out, 0, style.columns, true, style.colour);
	if (shown < count)
		buf_printf(out, "… and %zu more (--limit 0 shows all)\n", count - shown);
	grid_deinit(&grid);
}

/* --- lines --- */

/* The values of the array behind the key, as they stand in the text: their braces are counted outside of strings. */
static void put_lines(struct buf *out, struct slice text)
{
	size_t at = slice_find_str(text, "\"matches\":["), depth = 0;
	bool   string = false;

	for (size_t i = at == SIZE_MAX ? text.len : at + 11; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (depth == 0 && c == ']')
			return;
		if (depth == 0 && c == ',')
			continue;
		buf_byte(out, c);
		if (string && c == '\\' && i + 1 < text.len)
			buf_byte(out, text.ptr[++i]);
		else if (c == '"')
			string = !string;
		else if (!string && c == '{')
			depth++;
		else if (!string && c == '}' && --depth == 0)
			buf_byte(out, '\n');
	}
}

/* --- the command --- */

static int print(const struct where_values *values, const struct json *document, struct slice text, struct err *err)
{
	struct buf out = {.bytes_max = LIMIT_REPORT_BYTES};
	int        status;

	if (strcmp(values->format, "json") == 0)
		return ask_print(text, err);
	if (strcmp(values->format, "jsonl") == 0)
		put_lines(&out, text);
	else
		put_table(&out, document, values->limit ? values->limit : SIZE_MAX);
	status = buf_ok(&out) ? ask_print(buf_slice(&out), err) : err_set(err, ERR_MEM, "printing: no memory");
	buf_deinit(&out);
	return status;
}

static int run(const struct where_values *values, const char *what, struct err *err)
{
	struct buf   request = {.bytes_max = REQUEST_BYTES_MAX}, text = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json *document = NULL;
	int          status = put_request(values, what, &request, err);

	if (!status)
		status = ask(&values->ask, buf_slice(&request), &text, err);
	if (!status)
		status = json_parse(buf_slice(&text), &document, err);
	if (!status)
		status = print(values, document, buf_slice(&text), err);
	if (!status && (json_int(json_get(document, "incomplete"), 0) || json_int(json_get(document, "pending"), 0)))
		status = EXIT_STATUS_INCOMPLETE;
	json_free(document);
	buf_deinit(&request);
	buf_deinit(&text);
	return status;
}

static int where_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct where_values values = {.format = "table", .ask.as_it_is = true};
	int                 operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (check(&values, operands, err) != 0)
		return err->code;
	return run(&values, argv[1], err);
}

const struct command command_where = {
	"where",
	"which images, layers and paths hold something",
	"WHAT",
	"WHAT: NAME, 'NAME<2.17.1', pkg:TYPE/NAME@VERSION, a vulnerability (CVE-…, GHSA-…), the SHA-256 of a file or "
	"layer, or a "
	"path ('/etc/ssl/**', '/*.pem': in any folder); * and ? may be used in names. Images are the latest of each "
	"reference. "
	"Exit status 3: some of them were not read in whole, or are not indexed yet.",
	where_specs,
	where_run,
};
