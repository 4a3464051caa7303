/* report_format.h - what one output format implements; one .c and one row in report.c each.
 *
 * The functions append to `report->out`, which report.c writes out after each call; errors are the buffer's (sticky)
 * or report_fail(). */
#ifndef VARVE_TOOLS_REPORT_REPORT_FORMAT_H
#define VARVE_TOOLS_REPORT_REPORT_FORMAT_H

#include "base/arena.h"
#include "base/json_write.h"
#include "report/report.h"

struct report {
	const struct report_format *format;
	struct report_options       options;
	struct buf                  out;
	void                       *state; /* format->state_bytes, zeroed at open */
	int                         fd;
	bool                        failed;
	char                        name[256];
};

struct report_format {
	const char *name;
	size_t      state_bytes;
	void (*begin)(struct report *report);
	void (*image)(struct report *report, const struct image_result *result);
	void (*end)(struct report *report, const struct report_run *run); /* run may be NULL */
	void (*deinit)(struct report *report); /* frees what the state holds; NULL = nothing */
};

extern const struct report_format report_table, report_json, report_jsonl, report_cyclonedx;

void json_write_image_result(struct json_writer *w, const struct image_result *result,
			     bool negligible); /* report_json.c */

void report_put_cpe(struct json_writer *w, const struct package *package); /* "cpe", if it has one: report_json.c */

/* `out` is `result` without the packages that are listed only when asked for; its arrays live in the arena. The
 * vulnerabilities are none of theirs. False without memory. */
bool report_listed(const struct image_result *result, struct arena *arena, struct image_result *out);

/* Vulnerabilities that are shown under these options, and how many of the band "negligible" are not. */
bool   report_shows(const struct report_options *options, enum severity severity);
size_t report_hidden(const struct report_options *options, const struct image_result *result);

#endif
