/* command_report.c - varve report: results as they stand in a store or at a broker, judged by today's advisories. */
#include "command.h"
#include "result_feed.h"

struct report_values {
	struct broker_options broker;
	struct output_options output;
	const char           *store, *db, *job, *prefix;
	bool                  latest, with_retired, retired, since_last;
};

static const struct option_spec report_specs[] = {
	{"job", OPTION_TEXT, offsetof(struct report_values, job), "JOB", "the job to report (default: the newest)"},
	{"latest", OPTION_FLAG, offsetof(struct report_values, latest), NULL,
	 "store: the latest result of every image, over all jobs"},
	{"prefix", OPTION_TEXT, offsetof(struct report_values, prefix), "PREFIX",
	 "latest: only images whose reference begins so: registry.example/team/"},
	{"with-retired", OPTION_FLAG, offsetof(struct report_values, with_retired), NULL,
	 "latest: also images that their registry does not list any more"},
	{"retired", OPTION_FLAG, offsetof(struct report_values, retired), NULL, "latest: only those"},
	{"since-last", OPTION_FLAG, offsetof(struct report_values, since_last), NULL,
	 "of a job: only images that were new or not as at the scan before"},
	{"store", OPTION_TEXT, offsetof(struct report_values, store), "DIR",
	 "where results are kept (default: $XDG_STATE_HOME/varve)"},
	{"db", OPTION_TEXT, offsetof(struct report_values, db), "DIR", "advisory database (default: inside the store)"},
	OUTPUT_OPTIONS(report_values),
	BROKER_OPTIONS(report_values),
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int check(const struct report_values *values, int operands, struct result_feed *feed, struct err *err)
{
	if (operands)
		return err_set(err, ERR_USAGE, "report takes no operands (a job is named by --job)");
	if (values->broker.endpoint && (values->store || values->db || values->latest))
		return err_set(err, ERR_USAGE, "--broker excludes --store, --db and --latest");
	if (values->latest && values->job)
		return err_set(err, ERR_USAGE, "--latest and --job exclude each other");
	if ((values->with_retired || values->retired) && !values->latest)
		return err_set(err, ERR_USAGE, "--retired and --with-retired are about --latest");
	if (values->prefix && !values->latest)
		return err_set(err, ERR_USAGE, "--prefix is about --latest");
	if (values->with_retired && values->retired)
		return err_set(err, ERR_USAGE, "--retired and --with-retired exclude each other");
	if (values->latest && values->since_last)
		return err_set(err, ERR_USAGE, "--since-last is about one job, not about --latest");
	if (values->job && parse_job(values->job, &feed->job, err) != 0)
		return err->code;
	return output_check(&values->output, err);
}

static int report_run_command(const struct command *command, int argc, char **argv, struct err *err)
{
	struct report_values values = {0};
	struct result_feed   feed = {.finished_only = true, .quiet = true};
	struct output        output;
	enum exit_status     status;
	int                  operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	if (check(&values, operands, &feed, err) != 0)
		return err->code;
	feed.broker = &values.broker;
	feed.prefix = values.prefix;
	feed.store = values.store;
	feed.db = values.db;
	feed.latest = values.latest;
	feed.which = values.with_retired ? LATEST_ALL : values.retired ? LATEST_RETIRED : LATEST_PRESENT;
	feed.since_last = values.since_last;
	rc = output_open(&values.output, &output, err);
	if (rc == 0)
		rc = values.broker.endpoint ? result_feed_broker(&feed, &output, err)
					    : result_feed_store(&feed, &output, err);
	return result_feed_end(&output, rc, &status, err);
}

const struct command command_report = {
	"report",           "results from a store or a broker, judged by the advisories of now", "", NULL, report_specs,
	report_run_command,
};
