/* command_results.c - varve results JOB: image results of a job of a running broker, as they finish. */
#include "base/limits.h"
#include "broker_link.h"
#include "command.h"
#include "interrupt.h"
#include "output.h"
#include "progress.h"
#include "result_feed.h"

struct results_values {
	struct broker_options broker;
	struct output_options output;
	bool                  finished, since_last, quiet;
};

static const struct option_spec results_options[] = {
	OUTPUT_OPTIONS(results_values),
	{"finished", OPTION_FLAG, offsetof(struct results_values, finished), NULL,
	 "only what is finished now; do not wait for the rest"},
	{"since-last", OPTION_FLAG, offsetof(struct results_values, since_last), NULL,
	 "only images that are new or not as at the last scan of their place"},
	{"quiet", OPTION_FLAG, offsetof(struct results_values, quiet), NULL, "no progress"},
	BROKER_OPTIONS(results_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int results_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct results_values values = {0};
	struct result_feed    feed = {0};
	struct output         output;
	enum exit_status      status;
	int                   operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (operands != 1)
		return err_set(err, ERR_USAGE, "results takes one JOB");
	if (parse_job(argv[1], &feed.job, err) != 0 || output_check(&values.output, err) != 0)
		return err->code;
	feed.broker = &values.broker;
	feed.finished_only = values.finished;
	feed.since_last = values.since_last;
	feed.quiet = values.quiet;
	rc = output_open(&values.output, &output, err);
	if (rc == 0)
		rc = result_feed_broker(&feed, &output, err);
	return result_feed_end(&output, rc, &status, err);
}

const struct command command_results = {
	"results",       "the results of a job, as its images finish",
	"JOB",           "Follows a running job to its end; --finished takes what there is.",
	results_options, results_run,
};
