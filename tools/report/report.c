#include "report/report_format.h"

#include "base/file.h"
#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct report_format *const formats[] = {&report_table, &report_json, &report_jsonl, &report_cyclonedx};

static const struct report_format *find_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

bool report_format_exists(const char *format)
{
	return find_format(format) != NULL;
}

const char *report_format_names(void)
{
	return "table, json, jsonl, cyclonedx";
}

bool report_shows(const struct report_options *options, enum severity severity)
{
	return severity != SEVERITY_NEGLIGIBLE || options->negligible;
}

size_t report_hidden(const struct report_options *options, const struct image_result *result)
{
	size_t hidden = 0;

	for (size_t i = 0; i < result->vulnerabilities_count; i++)
		hidden += !report_shows(options, result->vulnerabilities[i].severity);
	return hidden;
}

static void report_free(struct report *report)
{
	if (report->format->deinit)
		report->format->deinit(report);
	buf_deinit(&report->out);
	free(report->state);
	free(report);
}

static int flush(struct report *report, struct err *err)
{
	int rc = 0;

	if (!buf_ok(&report->out))
		rc = err_set(err, ERR_LIMIT, "writing %s to %s: more than %u MiB at once (report bytes), or no memory",
			     report->format->name, report->name, LIMIT_REPORT_BYTES >> 20);
	else if (report->out.len)
		rc = file_write_all(report->fd, buf_slice(&report->out), report->name, err);
	buf_clear(&report->out);
	report->failed |= rc != 0;
	return rc;
}

int report_open(const char *format, int fd, const char *name, const struct report_options *options,
		struct report **report, struct err *err)
{
	const struct report_format *found = find_format(format);
	struct report              *r = NULL;
	int                         rc;

	*report = NULL;
	if (!found)
		return err_set(err, ERR_USAGE, "unknown format '%s': one of %s", format, report_format_names());
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ERR_MEM, "opening a report: no memory");
	r->format = found;
	r->options = *options;
	r->fd = fd;
	snprintf(r->name, sizeof(r->name), "%s", name);
	buf_init(&r->out, LIMIT_REPORT_BYTES);
	r->state = calloc(1, found->state_bytes ? found->state_bytes : 1);
	if (!r->state) {
		free(r);
		return err_set(err, ERR_MEM, "opening a report: no memory");
	}
	found->begin(r);
	rc = flush(r, err);
	if (rc != 0)
		report_free(r);
	else
		*report = r;
	return rc;
}

int report_image(struct report *report, const struct image_result *result, struct err *err)
{
	struct image_result listed = *result;
	struct arena        arena;
	int                 rc;

	arena_init(&arena, LIMIT_REPORT_BYTES);
	if (!report->options.all && !report_listed(result, &arena, &listed)) {
		arena_deinit(&arena);
		report->failed = true;
		return err_set(err, ERR_MEM, "writing a report: no memory");
	}
	report->format->image(report, &listed);
	rc = flush(report, err);
	arena_deinit(&arena);
	return rc;
}

void report_abandon(struct report *report)
{
	if (report)
		report_free(report);
}

int report_close(struct report *report, const struct report_run *run, struct err *err)
{
	int rc = 0;

	if (!report)
		return 0;
	if (!report->failed) {
		report->format->end(report, run);
		rc = flush(report, err);
	}
	report_free(report);
	return rc;
}
