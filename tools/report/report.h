/* report.h - a run of image results written in one of the output formats.
 *
 * Formats are functions of `struct image_result` alone (and of the run's figures where a scan knows them), so that
 * scan, results and report print the same bytes. Results are only borrowed during report_image(); formats that stream
 * (jsonl, table rows) have written them when it returns. Foreign strings are escaped for the format. Owner: one thread.
 *
 * Every format prints coverage gaps; vulnerabilities of the band "negligible" are left out and counted unless asked for. */
#ifndef VARVE_TOOLS_REPORT_REPORT_H
#define VARVE_TOOLS_REPORT_REPORT_H

#include "base/err.h"
#include "model/result.h"

enum report_detail {
	REPORT_DETAIL_AUTO, /* vulnerabilities one by one when there is one image, else one line per image */
	REPORT_DETAIL_ALL,
	REPORT_DETAIL_NONE,
};

struct report_options {
	unsigned           columns;    /* of the terminal; 0 = lines as long as they need to be */
	bool               colour;     /* SGR sequences */
	bool               negligible; /* show that band too */
	bool               all;        /* list packages too that others stand for (result_package.suppressed) */
	enum report_detail detail;     /* table only */
};

/* What only the one who ran the scan knows; not part of --store and --broker reports. */
struct report_run {
	uint64_t wall_ms, bytes_fetched;
};

struct report;

/* Writes to `fd`, which stays the caller's; `name` is for messages ("standard output", a path). ERR_USAGE for an
 * unknown format, ERR_MEM, ERR_IO. */
int report_open(const char *format, int fd, const char *name, const struct report_options *options,
		struct report **report, struct err *err);
int report_image(struct report *report, const struct image_result *result, struct err *err);

/* Ends the document (also after a failed report_image: then only frees); `run` may be NULL. */
int report_close(struct report *report, const struct report_run *run, struct err *err);

void report_abandon(struct report *report); /* instead of closing: nothing more is written */

bool        report_format_exists(const char *format);
const char *report_format_names(void); /* "table, json, jsonl, cyclonedx" */

#endif
