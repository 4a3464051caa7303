/* output.h - where a report goes and in which format, and what the command's exit status has to know about its images. */
#ifndef VARVE_TOOLS_OUTPUT_H
#define VARVE_TOOLS_OUTPUT_H

#include "exit_status.h"
#include "gate.h"
#include "options.h"
#include "report/report.h"

struct output_options {
	const char *format, *path, *fail_on;
	bool        negligible, all, details, summary;
};

#define OUTPUT_OPTIONS(values)                                                                                         \
	{"format", OPTION_TEXT, offsetof(struct values, output.format), "FORMAT",                                      \
	 "table (default), json, jsonl, cyclonedx"},                                                                   \
		{"output", OPTION_TEXT, offsetof(struct values, output.path), "FILE",                                  \
		 "write there; - is standard output"},                                                                 \
		{"details", OPTION_FLAG, offsetof(struct values, output.details), NULL,                                \
		 "table: every vulnerability of every image"},                                                         \
		{"summary", OPTION_FLAG, offsetof(struct values, output.summary), NULL,                                \
		 "table: rows and summary, also for one image"},                                                       \
		{"all", OPTION_FLAG, offsetof(struct values, output.all), NULL,                                        \
		 "list packages too that a package of the distribution brought, or only a lock file names"},           \
		{"negligible", OPTION_FLAG, offsetof(struct values, output.negligible), NULL,                          \
		 "show vulnerabilities of the band negligible too"},                                                   \
	{                                                                                                              \
		"fail-on", OPTION_TEXT, offsetof(struct values, output.fail_on), "SEVERITY",                           \
			"gate: exit 1 on low, medium, high or critical and worse; high,unknown"                        \
	}

struct output {
	struct report *report;
	int            fd;
	bool           own_fd;
	struct gate    gate;
	uint64_t       images, images_bad; /* failed or incomplete */
	struct arena   arena;
};

int output_check(const struct output_options *options, struct err *err); /* ERR_USAGE, before anything is done */
int output_open(const struct output_options *options, struct output *output, struct err *err);
int output_image(struct output *output, const struct image_result *result, struct err *err);
int output_encoded(struct output *output, struct slice encoded, struct err *err); /* as it comes over the wire */

/* Ends the document; when the run `failed` before its first image, nothing is written. *status: of the images and the gate, explained in the log. */
int output_close(struct output *output, const struct report_run *run, bool failed, enum exit_status *status,
		 struct err *err);

#endif
