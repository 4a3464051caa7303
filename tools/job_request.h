/* job_request.h - what scan and submit have in common: which images, of which platform, and the job made of them. */
#ifndef VARVE_TOOLS_JOB_REQUEST_H
#define VARVE_TOOLS_JOB_REQUEST_H

#include "client.h"
#include "options.h"
#include "source_list.h"

struct request_options {
	const char        *from_file, *platform;
	struct option_list include, exclude;
	unsigned           newest;
	bool               no_reuse;
};

#define REQUEST_OPTIONS(values)                                                                                        \
	{"from-file", OPTION_TEXT, offsetof(struct values, request.from_file), "LIST",                                 \
	 "one reference a line; - is standard input"},                                                                 \
		{"include", OPTION_LIST, offsetof(struct values, request.include), "GLOB",                             \
		 "listings: only REPOSITORY:TAG that match one of them"},                                              \
		{"exclude", OPTION_LIST, offsetof(struct values, request.exclude), "GLOB",                             \
		 "listings: not those that match"},                                                                    \
		{"newest", OPTION_NUMBER, offsetof(struct values, request.newest), "N",                                \
		 "listings: at most N tags of a repository, newest first"},                                            \
		{"platform", OPTION_TEXT, offsetof(struct values, request.platform), "OS/ARCH",                        \
		 "or all; default: linux and this machine's"},                                                         \
	{                                                                                                              \
		"no-reuse", OPTION_FLAG, offsetof(struct values, request.no_reuse), NULL,                              \
			"scan every layer although its result is known"                                                \
	}

struct job_request {
	struct source_list list;
	struct wire_submit submit;
	struct slice       include[OPTION_LIST_MAX], exclude[OPTION_LIST_MAX];
	char               platform[96];
	char               label[200];
};

/* Checks everything that can be checked; ERR_USAGE. `retry_of`: what failed in that job instead of operands, or 0.
 * `remote_only`: paths of this machine are refused. */
int  job_request_open(const struct request_options *options, char **operands, int count, uint64_t retry_of,
		      bool remote_only, struct job_request *request, struct err *err);
void job_request_close(struct job_request *request);

#endif
