/* command_scan.c - varve scan: broker and worker inside this process, the client of docs/PROTOCOL.md in front of them. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "command.h"
#include "embedded.h"
#include "interrupt.h"
#include "job_request.h"
#include "output.h"
#include "progress.h"
#include "stats.h"
#include "store/store_dir.h"

struct scan_values {
	struct request_options request;
	struct output_options  output;
	const char            *store, *db, *spool, *memo, *stats, *cert_dir, *authfile, *registries_conf;
	const char            *sandbox;
	unsigned               layer_seconds, threads, memo_mib;
	bool                   since_last, plain_http, tls_verify, quiet;
};

static const struct option_spec scan_options[] = {
	REQUEST_OPTIONS(scan_values),
	OUTPUT_OPTIONS(scan_values),
	{"since-last", OPTION_FLAG, offsetof(struct scan_values, since_last), NULL,
	 "report only images that are new or not as at the last scan of their place"},
	{"stats", OPTION_TEXT, offsetof(struct scan_values, stats), "FILE",
	 "write the figures of the run there, as JSON"},
	{"store", OPTION_TEXT, offsetof(struct scan_values, store), "DIR",
	 "where results are kept (default: $XDG_STATE_HOME/varve)"},
	{"db", OPTION_TEXT, offsetof(struct scan_values, db), "DIR", "advisory database (default: inside the store)"},
	{"spool", OPTION_TEXT, offsetof(struct scan_values, spool), "DIR",
	 "for large files (default: $TMPDIR or /var/tmp)"},
	{"memo", OPTION_TEXT, offsetof(struct scan_values, memo), "DIR",
	 "remembers the facts of files there, so that none is analysed twice; none: not at all (default: memo in the "
	 "store)"},
	{"memo-max", OPTION_NUMBER, offsetof(struct scan_values, memo_mib), "MIB",
	 "ceiling of the memo's file (default: 4096)"},
	{"threads", OPTION_NUMBER, offsetof(struct scan_values, threads), "N",
	 "scan threads (default: the CPUs of this process)"},
	{"sandbox", OPTION_TEXT, offsetof(struct scan_values, sandbox), "MODE",
	 "require: read no layer where the kernel cannot lock parsers up; prefer (default): warn; off: lock nothing "
	 "up"},
	{"layer-seconds", OPTION_NUMBER, offsetof(struct scan_values, layer_seconds), "N",
	 "a layer that its parser does not finish in that time has failed (default 3600)"},
	{"plain-http", OPTION_FLAG, offsetof(struct scan_values, plain_http), NULL, "registries speak http, not https"},
	{"tls-verify", OPTION_BOOL, offsetof(struct scan_values, tls_verify), "[=false]",
	 "false: accept any certificate"},
	{"cert-dir", OPTION_TEXT, offsetof(struct scan_values, cert_dir), "DIR",
	 "CA and client certificates (containers-certs.d(5))"},
	{"authfile", OPTION_TEXT, offsetof(struct scan_values, authfile), "FILE",
	 "credentials (containers-auth.json(5))"},
	{"registries-conf", OPTION_TEXT, offsetof(struct scan_values, registries_conf), "FILE",
	 "mirrors (containers-registries.conf(5))"},
	{"quiet", OPTION_FLAG, offsetof(struct scan_values, quiet), NULL, "no progress"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

struct scan {
	struct job_request request;
	struct output      output;
	struct progress   *progress;
	bool               since_last;
};

static int scan_reference(void *data, struct slice *reference, struct err *err)
{
	return source_list_next(&((struct scan *)data)->request.list, reference, err);
}

static void scan_progress(void *data, const struct wire_job_status *status)
{
	progress_update(((struct scan *)data)->progress, status);
}

static int scan_result(void *data, uint64_t image, struct slice encoded, struct err *err)
{
	struct scan *scan = data;

	(void)image;
	progress_hide(scan->progress); /* the report may go to the same terminal */
	return output_encoded(&scan->output, encoded, err);
}

/* Submits the job to the embedded broker and follows it to its last result. */
static int follow(struct scan *scan, struct embedded *embedded, int interrupt_fd, struct client_run *run,
		  struct err *err)
{
	struct client_config config = {.context = embedded_context(embedded),
				       .wire = {.endpoint = embedded_endpoint(embedded)}};
	struct client       *client;
	int                  rc = client_open(&config, &client, err);

	*run = (struct client_run){.submit = &scan->request.submit,
				   .reference = scan_reference,
				   .progress = scan_progress,
				   .result = scan_result,
				   .data = scan,
				   .only_news = scan->since_last,
				   .watch_ms = 200,
				   .interrupt_fd = interrupt_fd,
				   .cancel_on_interrupt = true};
	if (rc != 0)
		return rc;
	rc = client_run(client, run, err);
	client_close(client);
	return rc;
}

static int run_embedded(const struct scan_values *values, const char *dir, struct scan *scan, struct stats *stats,
			bool *interrupted, struct err *err)
{
	struct source_config   source = {.plain_http = values->plain_http,
					 .tls_verify = values->tls_verify,
					 .cert_dir = values->cert_dir,
					 .auth_file = values->authfile,
					 .registries_conf = values->registries_conf,
					 .spool_dir = values->spool};
	struct embedded_config config = {.store_dir = dir,
					 .db_dir = values->db,
					 .spool_dir = values->spool,
					 .memo_dir = values->memo,
					 .memo_bytes_max = (uint64_t)values->memo_mib << 20,
					 .threads = values->threads,
					 .parser = {.seconds_max = values->layer_seconds},
					 .source = &source};
	struct client_run      run = {0};
	struct embedded       *embedded;
	int                    interrupt_fd = interrupt_open(err), rc = interrupt_fd < 0 ? interrupt_fd : 0;

	if (rc == 0 && values->sandbox)
		rc = sandbox_mode_parse(values->sandbox, &config.parser.mode, err);
	if (rc == 0)
		rc = embedded_start(&config, &embedded, err);
	if (rc != 0) {
		interrupt_close(interrupt_fd);
		return rc;
	}
	scan->progress = progress_open(values->quiet ? PROGRESS_NEVER : PROGRESS_AUTO, "scan");
	rc = follow(scan, embedded, interrupt_fd, &run, err);
	progress_close(scan->progress);
	embedded_source_stats(embedded, &stats->source);
	interrupt_close(interrupt_fd); /* from here on Ctrl-C ends the process */
	embedded_stop(embedded);
	stats->job = run.status;
	*interrupted = run.interrupted;
	return rc;
}

static void say_unreported(const struct scan *scan, uint64_t images)
{
	if (!images)
		log_line(LOG_WARNING, "scan", "no image was found");
	else if (scan->since_last)
		log_line(LOG_INFO, "scan", "%llu of %llu images are new or have changed since the last scan",
			 (unsigned long long)scan->output.images, (unsigned long long)images);
}

static int finish(const struct scan_values *values, struct scan *scan, struct stats *stats, int rc, bool interrupted,
		  struct err *err)
{
	struct report_run report_run = {.wall_ms = stats->wall_ms, .bytes_fetched = stats->source.bytes_fetched};
	enum exit_status  status;
	struct err        close_err = {0};

	if (output_close(&scan->output, &report_run, rc != 0, &status, &close_err) != 0 && rc == 0)
		rc = err_set(err, close_err.code, "%s", close_err.text);
	if (rc == 0 && values->stats)
		rc = stats_write(values->stats, stats, err);
	if (rc == 0 && !interrupted)
		say_unreported(scan, stats->job.images_done);
	if (interrupted || scan->request.list.refused)
		status = exit_status_worse(status, EXIT_STATUS_INCOMPLETE);
	return rc == 0 ? (int)status : rc;
}

static int scan_open(const struct scan_values *values, int operands, char **argv, struct buf *dir, struct scan *scan,
		     struct err *err)
{
	int rc = output_check(&values->output, err);

	if (rc == 0 && values->threads > LIMIT_SCAN_THREADS)
		rc = err_set(err, ERR_USAGE, "--threads: at most %u", LIMIT_SCAN_THREADS);
	scan->since_last = values->since_last;
	if (rc == 0)
		rc = store_dir(values->store, dir, err);
	if (rc == 0)
		rc = job_request_open(&values->request, argv + 1, operands, 0, false, &scan->request, err);
	if (rc == 0)
		rc = output_open(&values->output, &scan->output, err);
	return rc;
}

static int scan_run(const struct command *command, int argc, char **argv, struct err *err)
{
	struct scan_values values = {.tls_verify = true};
	struct scan        scan = {0};
	struct stats       stats = {0};
	struct buf         dir = {0};
	uint64_t           start_ms = clock_ms();
	bool               interrupted = false;
	int                operands, rc = options_parse(command, argc, argv, &values, &operands, err);

	if (rc != 0)
		return rc > 0 ? EXIT_STATUS_DONE : rc;
	rc = scan_open(&values, operands, argv, &dir, &scan, err);
	if (rc == 0) {
		rc = run_embedded(&values, (const char *)dir.ptr, &scan, &stats, &interrupted, err);
		stats.wall_ms = clock_ms() - start_ms;
		stats.cpu_ms = clock_cpu_ms();
		stats.peak_memory_bytes = stats_peak_memory_bytes();
		rc = finish(&values, &scan, &stats, rc, interrupted, err);
	}
	job_request_close(&scan.request);
	buf_deinit(&dir);
	return rc;
}

const struct command command_scan = {
	"scan",
	"scan images, archives or whole registries, without a server",
	"SOURCE…",
	"SOURCE is docker://HOST/REPOSITORY[:TAG|@DIGEST] (the default when there is no prefix), "
	"registry://HOST[/PREFIX],\n"
	"oci:DIR[:NAME], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME] or rootfs:DIR.\n\n"
	"Exit status: 0 done; 1 the gate (--fail-on) failed or could not be judged; 2 usage; 3 done, but something "
	"could not be\n"
	"scanned; 4 could not run.",
	scan_options,
	scan_run,
};
