/* command_rematch.c - varve rematch: what is new and gone since an earlier generation of advisories, without any scan. */
#include "ask.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "command.h"
#include "deliver/deliver.h"
#include "exit_status.h"
#include "rematch_print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_DEFAULT = 50, REQUEST_BYTES_MAX = 4096 };

struct rematch_values {
	struct ask_options ask;
	const char        *since, *format, *by, *command, *webhook, *webhook_key, *webhook_ca;
	unsigned           limit;
};

static const struct option_spec rematch_specs[] = {
	{"since", OPTION_TEXT, offsetof(struct rematch_values, since), "GENERATION",
	 "compare with these advisories (the beginning of their id, or judgement:N); default: last, those before"},
	{"by", OPTION_TEXT, offsetof(struct rematch_values, by), "WHAT", "table: by package (default), image or layer"},
	{"limit", OPTION_NUMBER, offsetof(struct rematch_values, limit), "N", "table: rows; 0 = all (default: 50)"},
	{"format", OPTION_TEXT, offsetof(struct rematch_values, format), "FORMAT", "table (default), json or jsonl"},
	{"exec", OPTION_TEXT, offsetof(struct rematch_values, command), "COMMAND",
	 "run this, the JSON document on its standard input, if anything has come or gone"},
	{"webhook", OPTION_TEXT, offsetof(struct rematch_values, webhook), "URL",
	 "post the JSON document there, likewise"},
	{"webhook-key", OPTION_TEXT, offsetof(struct rematch_values, webhook_key), "FILE",
	 "sign what is posted: X-Varve-Signature: sha256=HMAC"},
	{"webhook-ca", OPTION_TEXT, offsetof(struct rematch_values, webhook_ca), "FILE",
	 "certificates to trust beside the system's, PEM"},
	ASK_OPTIONS(rematch_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int parse_by(const char *text, enum rematch_by *by, struct err *err)
{
	static const char *const names[] = {"package", "image", "layer"};

	for (int i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*by = (enum rematch_by)i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "--by: '%s' is none of package, image, layer", text);
}

static int check(const struct rematch_values *values, int operands, struct err *err)
{
	if (operands)
		return err_set(err, ERR_USAGE, "rematch takes no operands");
	if (strcmp(values->format, "table") != 0 && strcmp(values->format, "json") != 0 &&
	    strcmp(values->format, "jsonl") != 0)
		return err_set(err, ERR_USAGE, "--format: '%s' is none of table, json, jsonl", values->format);
	return ask_check(&values->ask, err);
}

static int put_request(const struct rematch_values *values, bool brief, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer_of(out, 0);
	struct slice       since = slice_str(values->since);
	uint64_t           judgement = 0;

	json_begin_object(&w, NULL);
	json_put_str(&w, "ask", "rematch");
	json_put_bool(&w, "brief", brief);
	if (slice_starts(since, "judgement:") && (!slice_u64(slice_from(since, 10), &judgement) || !judgement))
		return err_set(err, ERR_USAGE, "--since: '%s' names no judgement", values->since);
	if (judgement)
		json_put_uint(&w, "judgement", judgement);
	else if (since.len && !slice_eq_str(since, "last"))
		json_put_text(&w, "generation", since);
	json_end_object(&w);
	return buf_ok(out) ? 0 : err_set(err, ERR_USAGE, "--since is too long");
}

/* ---- telling ---- */

static bool has_news(const struct json *document)
{
	return json_count(json_get(document, "packages")) != 0;
}

static int notify(const struct deliver_config *config, const struct json *document, struct slice text, struct err *err)
{
	struct deliver      *deliver = NULL;
	char                 id[128];
	struct deliver_event event = {.kind = "rematch", .id = id, .body = text};
	int                  status = deliver_open(config, &deliver, err);

	snprintf(id, sizeof(id), "rematch-%.*s-%.*s",
		 SLICE_FMT(slice_sub(json_get_text(json_get(document, "from"), "generation"), 0, 40)),
		 SLICE_FMT(slice_sub(json_get_text(json_get(document, "to"), "generation"), 0, 40)));
	if (!status)
		status = deliver_event(deliver, &event, err);
	deliver_close(deliver);
	return status;
}

static int print(const struct rematch_values *values, enum rematch_by by, const struct json *document,
		 struct slice text, struct err *err)
{
	struct answer_style style = answer_style_of(STDOUT_FILENO);
	struct buf          out = {.bytes_max = LIMIT_REPORT_BYTES};
	int                 status;

	if (strcmp(values->format, "json") == 0)
		return ask_print(text, err);
	if (strcmp(values->format, "jsonl") == 0)
		rematch_lines_put(&out, document);
	else
		rematch_table_put(&out, &style, document, by, values->limit ? values->limit : SIZE_MAX);
	status = buf_ok(&out) ? ask_print(buf_slice(&out), err) : err_set(err, ERR_MEM, "printing: no memory");
	buf_deinit(&out);
	return status;
}

/* One question: the document, and read as a tree where `tree` is not NULL. */
static int get(const struct rematch_values *values, bool brief, struct buf *text, struct json **tree, struct err *err)
{
	struct buf request = {.bytes_max = REQUEST_BYTES_MAX};
	int        status = put_request(values, brief, &request, err);

	if (!status)
		status = ask(&values->ask, buf_slice(&request), text, err);
	if (!status && tree)
		status = json_parse(buf_slice(text), tree, err);
	buf_deinit(&request);
	return status;
}

static int print_answer(const struct rematch_values *values, enum rematch_by by, struct err *err)
{
	bool         table = strcmp(values->format, "table") == 0, json = strcmp(values->format, "json") == 0;
	struct buf   text = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json *document = NULL;
	int          status = get(values, table, &text, json ? NULL : &document, err);

	if (!status)
		status = print(values, by, document, buf_slice(&text), err);
	json_free(document);
	buf_deinit(&text);
	return status;
}

static int tell(const struct rematch_values *values, struct err *err)
{
	const struct deliver_config config = {.command = values->command,
					      .url = values->webhook,
					      .key_file = values->webhook_key,
					      .ca_file = values->webhook_ca};
	struct buf                  text = {.bytes_max = LIMIT_REPORT_BYTES};
	struct json                *document = NULL;
	int                         status = get(values, true, &text, &document, err);

	if (!status && has_news(document))
		status = notify(&config, document, buf_slice(&text), err);
	json_free(document);
	buf_deinit(&text);
	return status;
}

static int run(const struct rematch_values *values, enum rematch_by by, struct err *err)
{
	int status = print_answer(values, by, err);

	return !status && (values->command || values->webhook) ? tell(values, err) : status;
}

static int rematch_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct rematch_values values = {.format = "table", .by = "package", .limit = LIMIT_DEFAULT};
	enum rematch_by       by;
	int                   operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (check(&values, operands, err) != 0 || parse_by(values.by, &by, err) != 0)
		return err->code;
	rc = run(&values, by, err);
	return rc == 0 ? EXIT_STATUS_DONE : rc;
}

const struct command command_rematch = {
	"rematch",
	"what newer advisories have brought, without a scan",
	"",
	"Unique packages are matched once, and only those whose advisories have changed. Images are the latest of each "
	"reference.",
	rematch_specs,
	rematch_run,
};
