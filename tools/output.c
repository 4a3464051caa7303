#include "output.h"

#include "base/limits.h"
#include "base/log.h"
#include "progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *format_of(const struct output_options *options)
{
	return options->format ? options->format : "table";
}

int output_check(const struct output_options *options, struct err *err)
{
	struct gate gate;

	if (!report_format_exists(format_of(options)))
		return err_set(err, ERR_USAGE, "--format: '%s' is none of %s", options->format, report_format_names());
	if (options->details && options->summary)
		return err_set(err, ERR_USAGE, "--details and --summary exclude each other");
	return gate_parse(options->fail_on, &gate, err);
}

static struct report_options report_options_of(const struct output_options *options, int fd)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return (struct report_options){
		.columns = terminal_columns(fd),
		.colour = isatty(fd) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0,
		.negligible = options->negligible,
		.all = options->all,
		.detail = options->details   ? REPORT_DETAIL_ALL
			  : options->summary ? REPORT_DETAIL_NONE
					     : REPORT_DETAIL_AUTO,
	};
}

int output_open(const struct output_options *options, struct output *output, struct err *err)
{
	struct report_options report_options;
	int                   rc;

	*output = (struct output){.fd = STDOUT_FILENO};
	arena_init(&output->arena, LIMIT_REPORT_BYTES);
	rc = gate_parse(options->fail_on, &output->gate, err);
	if (rc == 0 && options->path && strcmp(options->path, "-") != 0) {
		output->fd = open(options->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		output->own_fd = output->fd >= 0;
		rc = output->own_fd ? 0 : err_errno(err, ERR_CONFIG, "--output %s", options->path);
	}
	if (rc == 0) {
		report_options = report_options_of(options, output->fd);
		rc = report_open(format_of(options), output->fd, options->path ? options->path : "standard output",
				 &report_options, &output->report, err);
	}
	return rc;
}

int output_image(struct output *output, const struct image_result *result, struct err *err)
{
	output->images++;
	output->images_bad +=
		result->image.status == IMAGE_FAILED || (result->image.status == IMAGE_OK && !result->complete);
	gate_add(&output->gate, result);
	return report_image(output->report, result, err);
}

int output_encoded(struct output *output, struct slice encoded, struct err *err)
{
	struct image_result result;
	int                 rc = result_decode(encoded, &output->arena, &result, err);

	if (rc == 0)
		rc = output_image(output, &result, err);
	else
		err_prefix(err, "reading result %llu", (unsigned long long)output->images);
	arena_reset(&output->arena);
	return rc;
}

static int close_file(struct output *output, struct err *err)
{
	int rc = 0;

	if (output->own_fd && close(output->fd) != 0)
		rc = err_errno(err, ERR_IO, "closing the output");
	output->own_fd = false;
	return rc;
}

int output_close(struct output *output, const struct report_run *run, bool failed, enum exit_status *status,
		 struct err *err)
{
	char text[200];
	int  rc = 0;

	if (failed && !output->images)
		report_abandon(output->report);
	else if (output->report)
		rc = report_close(output->report, run, err);
	output->report = NULL;
	if (rc == 0)
		rc = close_file(output, err);
	else
		close_file(output, NULL);
	arena_deinit(&output->arena);
	if (!failed && output->gate.asked && !output->images)
		output->gate.unjudged++; /* nothing was looked at */
	gate_explain(&output->gate, text, sizeof(text));
	if (!failed && text[0])
		log_line(LOG_ERROR, "gate", "%s", text);
	*status = exit_status_worse(gate_status(&output->gate),
				    output->images_bad ? EXIT_STATUS_INCOMPLETE : EXIT_STATUS_DONE);
	return rc;
}
