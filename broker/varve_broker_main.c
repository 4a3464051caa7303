/* varve_broker_main.c - the broker as a program: options, store, sockets, clean stop. */
#include "base/daemon.h"
#include "base/log.h"
#include "base/rng.h"
#include "loop.h"
#include "net/metrics_serve.h"
#include "store/store_dir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: varve-broker [OPTION…]\n\n"
	"Keeps the catalog and gives work to varve-worker; `varve submit`, `status`, `watch` and `results` talk to "
	"it.\n\n"
	"  --endpoint ENDPOINT  ipc://PATH or tcp://ADDRESS:PORT; may be given several times\n"
	"                       (default: ipc:// in a folder of this user, mode 0700)\n"
	"  --store DIR          the catalog (default: $XDG_STATE_HOME/varve, else ~/.local/state/varve)\n"
	"  --store-bytes-max N  ceiling of the catalog's file\n"
	"  --db DIR             advisory database (default: inside the store)\n"
	"  --key FILE           own key file, made by `varve keys generate`; tcp:// needs it, on loopback too\n"
	"  --admit FILE         list of admitted keys, made by `varve keys authorize`; read again whenever it changes\n"
	"  --insecure-tcp       tcp:// without keys: everybody who reaches it may do everything; benchmarks only\n"
	"  --host-tasks-max N   tasks at once per registry, over all workers (default: no limit)\n"
	"  --host-bytes-max N   layer bytes a second from one registry, over all workers (default: no limit)\n"
	"  --results-threads N  threads that compute results (default: one per CPU, four at most)\n"
	"  --notify-exec COMMAND     run this when advisories bring or take findings: JSON on its standard input, no "
	"shell\n"
	"  --notify-webhook URL      POST the same there, until it is taken\n"
	"  --notify-webhook-key FILE sign it: X-Varve-Signature: sha256=HMAC\n"
	"  --notify-webhook-ca FILE  certificates to trust beside the system's\n"
	"  --metrics ADDR:PORT  serve /metrics, /healthz and /readyz there over HTTP (default: no)\n"
	"  --log-format FORMAT  text or json: one object per line\n"
	"  --verbose            more lines on stderr\n"
	"  --help, --version\n\n"
	"SIGTERM and SIGINT stop it; jobs go on from the catalog when it is started again. SIGUSR1, or `varve drain "
	"broker`:\n"
	"no new work is given out and no job taken; it ends when the workers have finished what they hold.\n"
	"Exit status: 0 stopped or drained; 2 usage or configuration; 4 could not run, or the store failed.\n";

enum option_id {
	OPTION_ENDPOINT = 256,
	OPTION_STORE,
	OPTION_STORE_MAX,
	OPTION_DB,
	OPTION_KEY,
	OPTION_ADMIT,
	OPTION_INSECURE,
	OPTION_HOST_TASKS,
	OPTION_HOST_BYTES,
	OPTION_RESULTS_THREADS,
	OPTION_METRICS,
	OPTION_NOTIFY_EXEC,
	OPTION_NOTIFY_WEBHOOK,
	OPTION_NOTIFY_KEY,
	OPTION_NOTIFY_CA,
	OPTION_LOG_FORMAT,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option options[] = {{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
					{"store", required_argument, NULL, OPTION_STORE},
					{"store-bytes-max", required_argument, NULL, OPTION_STORE_MAX},
					{"db", required_argument, NULL, OPTION_DB},
					{"key", required_argument, NULL, OPTION_KEY},
					{"admit", required_argument, NULL, OPTION_ADMIT},
					{"insecure-tcp", no_argument, NULL, OPTION_INSECURE},
					{"host-tasks-max", required_argument, NULL, OPTION_HOST_TASKS},
					{"host-bytes-max", required_argument, NULL, OPTION_HOST_BYTES},
					{"results-threads", required_argument, NULL, OPTION_RESULTS_THREADS},
					{"metrics", required_argument, NULL, OPTION_METRICS},
					{"notify-exec", required_argument, NULL, OPTION_NOTIFY_EXEC},
					{"notify-webhook", required_argument, NULL, OPTION_NOTIFY_WEBHOOK},
					{"notify-webhook-key", required_argument, NULL, OPTION_NOTIFY_KEY},
					{"notify-webhook-ca", required_argument, NULL, OPTION_NOTIFY_CA},
					{"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
					{"verbose", no_argument, NULL, OPTION_VERBOSE},
					{"help", no_argument, NULL, OPTION_HELP},
					{"version", no_argument, NULL, OPTION_VERSION},
					{NULL, 0, NULL, 0}};

struct settings {
	const char           *endpoints[WIRE_ENDPOINTS_MAX + 1];
	size_t                endpoints_count;
	const char           *store, *db, *key, *admit, *metrics;
	struct deliver_config notify;
	bool                  insecure, done;
	uint64_t              store_bytes_max, host_tasks_max, host_bytes_max, results_threads;
};

static int number(const char *option, const char *text, uint64_t *out, struct err *err)
{
	if (slice_u64(slice_str(text), out))
		return 0;
	return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a number", option, text);
}

static int add_endpoint(struct settings *settings, const char *endpoint, struct err *err)
{
	if (settings->endpoints_count == WIRE_ENDPOINTS_MAX)
		return err_set(err, ERR_USAGE, "--endpoint: at most %d", WIRE_ENDPOINTS_MAX);
	settings->endpoints[settings->endpoints_count++] = endpoint;
	return 0;
}

static bool take_notify_option(int id, struct deliver_config *notify)
{
	const char **const texts[] = {&notify->command, &notify->url, &notify->key_file, &notify->ca_file};

	if (id < OPTION_NOTIFY_EXEC || id > OPTION_NOTIFY_CA)
		return false;
	*texts[id - OPTION_NOTIFY_EXEC] = optarg;
	return true;
}

static int take_option(int id, void *data, struct err *err)
{
	struct settings *settings = data;

	if (take_notify_option(id, &settings->notify))
		return 0;
	switch (id) {
	case OPTION_ENDPOINT:
		return add_endpoint(settings, optarg, err);
	case OPTION_STORE:
		settings->store = optarg;
		return 0;
	case OPTION_STORE_MAX:
		return number("store-bytes-max", optarg, &settings->store_bytes_max, err);
	case OPTION_DB:
		settings->db = optarg;
		return 0;
	case OPTION_KEY:
		settings->key = optarg;
		return 0;
	case OPTION_ADMIT:
		settings->admit = optarg;
		return 0;
	case OPTION_INSECURE:
		settings->insecure = true;
		return 0;
	case OPTION_HOST_TASKS:
		return number("host-tasks-max", optarg, &settings->host_tasks_max, err);
	case OPTION_HOST_BYTES:
		return number("host-bytes-max", optarg, &settings->host_bytes_max, err);
	case OPTION_RESULTS_THREADS:
		return number("results-threads", optarg, &settings->results_threads, err);
	case OPTION_METRICS:
		settings->metrics = optarg;
		return 0;
	case OPTION_LOG_FORMAT:
		return daemon_log_format(optarg, err);
	case OPTION_VERBOSE:
		log_level_set(LOG_DEBUG);
		return 0;
	default:
		printf("%s", id == OPTION_HELP ? help : "varve-broker " VARVE_VERSION "\n");
		settings->done = true;
		return 0;
	}
}

struct broker {
	struct wire_context  *context;
	struct catalog       *catalog;
	struct auth          *auth;
	struct loop          *loop;
	struct loop_metrics  *metrics;
	struct metrics_serve *metrics_serve;
	struct health         health;
	pthread_t             main_thread;
	struct err            err;
};

static void *run_loop(void *data)
{
	struct broker *broker = data;

	loop_run(broker->loop, &broker->err);
	daemon_wake(broker->main_thread);
	return NULL;
}

static int serve(struct broker *broker, const struct settings *settings, struct err *err)
{
	pthread_t thread;

	for (size_t i = 0; i < settings->endpoints_count; i++)
		log_line(LOG_INFO, "broker", "listening on %s", loop_endpoint(broker->loop, i));
	if (pthread_create(&thread, NULL, run_loop, broker) != 0)
		return err_set(err, ERR_MEM, "cannot start a thread");
	while (daemon_wait_signal_drain() == SIGUSR1)
		loop_drain(broker->loop);
	health_stopping(&broker->health);
	loop_stop(broker->loop);
	pthread_join(thread, NULL);
	log_line(LOG_INFO, "broker", "stopped");
	return broker->err.code ? err_set(err, broker->err.code, "%s", broker->err.text) : 0;
}

/* NULL: nobody is told. A key alone is a mistake that is to be noticed. */
static const struct deliver_config *notify_of(const struct settings *settings)
{
	const struct deliver_config *notify = &settings->notify;

	return notify->command || notify->url || notify->key_file ? notify : NULL;
}

static int open_broker(struct broker *broker, const struct settings *settings, const char *store, struct err *err)
{
	const struct catalog_config catalog = {.bytes_max = settings->store_bytes_max};
	struct loop_config          loop = {.db_dir = settings->db,
					    .results_threads = (unsigned)settings->results_threads,
					    .metrics = broker->metrics,
					    .health = &broker->health,
					    .deliver = notify_of(settings),
					    .core = {.host_leases_max = settings->host_tasks_max < UINT32_MAX
										? (uint32_t)settings->host_tasks_max
										: UINT32_MAX,
						     .host_bytes_per_s = settings->host_bytes_max,
						     .seed = random_seed()}};
	int                         status = catalog_open(store, &catalog, &broker->catalog, err);

	if (status >= 0 && settings->admit)
		status = auth_open(settings->admit, &broker->auth, err);
	if (status >= 0 && (broker->context = wire_context_new(err)) == NULL)
		status = ERR_MEM;
	if (status < 0)
		return status;
	loop.context = broker->context;
	loop.catalog = broker->catalog;
	loop.server = (struct wire_server_config){.endpoints = settings->endpoints,
						  .secret_file = settings->key,
						  .auth = broker->auth,
						  .insecure_tcp = settings->insecure};
	return loop_open(&loop, &broker->loop, err);
}

/* Before the store is opened, which may take its time: probes are told so. */
static int start_metrics(struct broker *broker, const char *where, struct err *err)
{
	int status;

	if (!where)
		return 0;
	if ((broker->metrics = loop_metrics_new()) == NULL)
		return err_set(err, ERR_MEM, "metrics: out of memory");
	status = metrics_serve_start(where, loop_metrics_registry(broker->metrics), &broker->health,
				     &broker->metrics_serve, err);
	if (status >= 0)
		log_line(LOG_INFO, "broker", "metrics at http://%s/metrics",
			 metrics_serve_address(broker->metrics_serve));
	return status;
}

static void close_broker(struct broker *broker)
{
	metrics_serve_stop(broker->metrics_serve);
	loop_close(broker->loop);
	loop_metrics_free(broker->metrics);
	health_deinit(&broker->health);
	wire_context_free(broker->context);
	auth_close(broker->auth);
	catalog_close(broker->catalog);
}

static int run(struct settings *settings, struct err *err)
{
	struct broker broker = {.main_thread = pthread_self()};
	struct buf    endpoint, store;
	int           status = 0;

	health_init(&broker.health, "the store is being opened");
	buf_init(&endpoint, 1024);
	buf_init(&store, 8192);
	if (!settings->endpoints_count) {
		status = wire_default_endpoint(true, &endpoint, err);
		buf_byte(&endpoint, 0);
		settings->endpoints[settings->endpoints_count++] = (const char *)endpoint.ptr;
	}
	if (status >= 0)
		status = store_dir(settings->store, &store, err);
	if (settings->insecure)
		log_line(LOG_WARNING, "broker",
			 "--insecure-tcp: whoever reaches a tcp endpoint may do EVERYTHING; for benchmarks only");
	daemon_block_signals();
	if (status >= 0)
		status = start_metrics(&broker, settings->metrics, err);
	if (status >= 0)
		status = open_broker(&broker, settings, (const char *)store.ptr, err);
	if (status >= 0)
		status = serve(&broker, settings, err);
	close_broker(&broker);
	buf_deinit(&endpoint);
	buf_deinit(&store);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = {0};
	struct err      err = {0};
	int             status;

	daemon_log_begin();
	status = daemon_read_options(argc, argv, options, take_option, &settings, &settings.done, &err);
	if (status >= 0 && settings.done)
		return 0;
	if (status >= 0)
		status = run(&settings, &err);
	if (status < 0)
		daemon_say_error("varve-broker", &err);
	return daemon_exit_status(status);
}
