#include "job_request.h"

#include "base/rng.h"
#include "model/platform.h"

#include <stdio.h>
#include <string.h>

static struct wire_strings strings_of(const struct option_list *list, struct slice *items)
{
	for (size_t i = 0; i < list->count; i++)
		items[i] = slice_str(list->items[i]);
	return (struct wire_strings){items, list->count};
}

static int set_platform(const char *text, char out[96], struct err *err)
{
	struct platform platform;
	int             rc = 0;

	if (text)
		rc = platform_parse(slice_str(text), &platform, err);
	else
		platform_host(&platform);
	if (rc != 0)
		return rc;
	platform_text(&platform, out);
	if (platform.all)
		snprintf(out, 96, "all");
	return 0;
}

static void set_token(uint8_t token[WIRE_TOKEN_BYTES])
{
	uint64_t halves[WIRE_TOKEN_BYTES / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++)
		halves[i] = random_seed();
	memcpy(token, halves, sizeof(halves));
}

static void set_label(struct job_request *request, char **operands, int count, const char *from_file)
{
	const char *first = request->submit.retry_of      ? ""
			    : count                       ? operands[0]
			    : strcmp(from_file, "-") == 0 ? "standard input"
							  : from_file;

	if (request->submit.retry_of)
		snprintf(request->label, sizeof(request->label), "what failed in job %llu",
			 (unsigned long long)request->submit.retry_of);
	else if (count > 1)
		snprintf(request->label, sizeof(request->label), "%.150s and %d more", first, count - 1);
	else
		snprintf(request->label, sizeof(request->label), "%.190s", first);
}

int job_request_open(const struct request_options *options, char **operands, int count, uint64_t retry_of,
		     bool remote_only, struct job_request *request, struct err *err)
{
	int rc;

	memset(request, 0, sizeof(*request));
	if (count == 0 && !options->from_file && !retry_of)
		return err_set(err, ERR_USAGE, "nothing to scan: name a SOURCE or give --from-file LIST");
	if (options->include.count > WIRE_STRINGS_MAX || options->exclude.count > WIRE_STRINGS_MAX)
		return err_set(err, ERR_USAGE, "too many globs: at most %d", WIRE_STRINGS_MAX);
	rc = set_platform(options->platform, request->platform, err);
	if (rc == 0)
		rc = source_list_open(&request->list, operands, (size_t)count, options->from_file, remote_only, err);
	if (rc != 0)
		return rc;
	set_token(request->submit.token);
	request->submit.retry_of = retry_of;
	set_label(request, operands, count, options->from_file);
	request->submit.label = slice_str(request->label);
	request->submit.platform = slice_str(request->platform);
	request->submit.include = strings_of(&options->include, request->include);
	request->submit.exclude = strings_of(&options->exclude, request->exclude);
	request->submit.newest = options->newest;
	request->submit.flags = options->no_reuse ? JOB_NO_REUSE : 0;
	return 0;
}

void job_request_close(struct job_request *request)
{
	source_list_close(&request->list);
}
