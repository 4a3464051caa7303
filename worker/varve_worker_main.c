/* varve_worker_main.c - a worker as a program: options, sources, agent, clean stop. */
#include "agent.h"
#include "base/daemon.h"
#include "base/limits.h"
#include "memo/memo.h"
#include "net/metrics_serve.h"
#include "pipeline.h"
#include "store/store_dir.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: varve-worker [OPTION…]\n\n"
	"Fetches, verifies and reads image layers for a varve-broker. Holds the registry credentials.\n\n"
	"  --broker ENDPOINT      ipc://PATH or tcp://HOST:PORT (default: this user's broker)\n"
	"  --key FILE             own key file, made by `varve keys generate`; tcp:// needs it\n"
	"  --broker-key KEY       public key of the broker, 40 characters; tcp:// needs it\n"
	"  --insecure-tcp         tcp:// without keys; benchmarks only\n"
	"  --name NAME            what the broker calls it (default: host name)\n"
	"  --threads N            scan threads (default: the CPUs of this process)\n"
	"  --sandbox MODE         require: read no layer where the kernel cannot lock parsers up; prefer (default): "
	"warn;\n"
	"                         off: lock nothing up\n"
	"  --layer-seconds N      a layer that its parser does not finish in that time has failed (default 3600)\n"
	"  --host HOST            a registry it may reach; may be given several times (default: any)\n"
	"  --spool DIR            for large files (default: $TMPDIR or /var/tmp)\n"
	"  --memo DIR             remembers the facts of files there, so that none is analysed twice on this host;\n"
	"                         none: not at all (default: memo in this user's store)\n"
	"  --memo-max MIB         ceiling of its file (default 4096)\n"
	"  --authfile FILE        credentials, containers-auth.json(5)\n"
	"  --cert-dir DIR         certificates, containers-certs.d(5)\n"
	"  --registries-conf FILE mirrors, containers-registries.conf(5)\n"
	"  --plain-http           http instead of https for every registry\n"
	"  --tls-verify[=BOOL]    false: accept any certificate\n"
	"  --host-connections N   concurrent transfers per registry (default 8)\n"
	"  --drain-on-term        the first SIGTERM drains instead of stopping at once; the second stops\n"
	"  --metrics ADDR:PORT    serve /metrics, /healthz and /readyz there over HTTP (default: no)\n"
	"  --log-format FORMAT    text or json: one object per line\n"
	"  --verbose              more lines on stderr\n"
	"  --help, --version\n\n"
	"SIGTERM and SIGINT stop it; what it was reading goes back to the broker. SIGUSR1 drains it: it takes no\n"
	"more, finishes what it holds and ends, as when the broker is told `varve drain`.\n"
	"Exit status: 0 stopped or drained; 2 usage or configuration; 4 could not run.\n";

enum option_id {
	OPTION_BROKER = 256,
	OPTION_KEY,
	OPTION_BROKER_KEY,
	OPTION_INSECURE,
	OPTION_NAME,
	OPTION_THREADS,
	OPTION_SANDBOX,
	OPTION_LAYER_SECONDS,
	OPTION_HOST,
	OPTION_SPOOL,
	OPTION_MEMO,
	OPTION_MEMO_MAX,
	OPTION_AUTHFILE,
	OPTION_CERTS,
	OPTION_REGISTRIES,
	OPTION_PLAIN,
	OPTION_TLS,
	OPTION_CONNECTIONS,
	OPTION_DRAIN,
	OPTION_METRICS,
	OPTION_LOG_FORMAT,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option options[] = {{"broker", required_argument, NULL, OPTION_BROKER},
					{"key", required_argument, NULL, OPTION_KEY},
					{"broker-key", required_argument, NULL, OPTION_BROKER_KEY},
					{"insecure-tcp", no_argument, NULL, OPTION_INSECURE},
					{"name", required_argument, NULL, OPTION_NAME},
					{"threads", required_argument, NULL, OPTION_THREADS},
					{"sandbox", required_argument, NULL, OPTION_SANDBOX},
					{"layer-seconds", required_argument, NULL, OPTION_LAYER_SECONDS},
					{"host", required_argument, NULL, OPTION_HOST},
					{"spool", required_argument, NULL, OPTION_SPOOL},
					{"memo", required_argument, NULL, OPTION_MEMO},
					{"memo-max", required_argument, NULL, OPTION_MEMO_MAX},
					{"authfile", required_argument, NULL, OPTION_AUTHFILE},
					{"cert-dir", required_argument, NULL, OPTION_CERTS},
					{"registries-conf", required_argument, NULL, OPTION_REGISTRIES},
					{"plain-http", no_argument, NULL, OPTION_PLAIN},
					{"tls-verify", optional_argument, NULL, OPTION_TLS},
					{"host-connections", required_argument, NULL, OPTION_CONNECTIONS},
					{"drain-on-term", no_argument, NULL, OPTION_DRAIN},
					{"metrics", required_argument, NULL, OPTION_METRICS},
					{"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
					{"verbose", no_argument, NULL, OPTION_VERBOSE},
					{"help", no_argument, NULL, OPTION_HELP},
					{"version", no_argument, NULL, OPTION_VERSION},
					{NULL, 0, NULL, 0}};

enum { HOSTS_MAX = 256, CONNECTIONS_MAX = 100000, MEMO_MIB_MAX = 1 << 20 };

struct settings {
	struct agent_config  agent;
	struct source_config source;
	const char          *hosts[HOSTS_MAX + 1];
	size_t               hosts_count;
	const char          *metrics;
	const char          *memo;
	unsigned             memo_mib;
	bool                 drain_on_term;
	bool                 done;
};

static int number(const char *option, const char *text, unsigned max, unsigned *out, struct err *err)
{
	uint64_t value;

	if (!slice_u64(slice_str(text), &value) || value == 0 || value > max)
		return err_set(err, ERR_USAGE, "--%s: \"%s\" is not a number from 1 to %u", option, text, max);
	*out = (unsigned)value;
	return 0;
}

static int boolean(const char *option, const char *text, bool *out, struct err *err)
{
	*out = !text || strcmp(text, "true") == 0;
	if (*out || strcmp(text, "false") == 0)
		return 0;
	return err_set(err, ERR_USAGE, "--%s: true or false, not \"%s\"", option, text);
}

static int add_host(struct settings *settings, const char *host, struct err *err)
{
	if (!*host || strpbrk(host, "/@ \t"))
		return err_set(err, ERR_USAGE,
			       "--host: \"%s\" is not HOST or HOST:PORT, as image references name a registry", host);
	if (settings->hosts_count == HOSTS_MAX)
		return err_set(err, ERR_USAGE, "--host: at most %d", HOSTS_MAX);
	settings->hosts[settings->hosts_count++] = host;
	return 0;
}

/* Options that are one string each. */
static const char **text_setting(int id, struct settings *settings)
{
	switch (id) {
	case OPTION_BROKER:
		return &settings->agent.broker.endpoint;
	case OPTION_KEY:
		return &settings->agent.broker.secret_file;
	case OPTION_BROKER_KEY:
		return &settings->agent.broker.server_public;
	case OPTION_NAME:
		return &settings->agent.name;
	case OPTION_SPOOL:
		return &settings->agent.spool_dir;
	case OPTION_MEMO:
		return &settings->memo;
	case OPTION_AUTHFILE:
		return &settings->source.auth_file;
	case OPTION_CERTS:
		return &settings->source.cert_dir;
	case OPTION_REGISTRIES:
		return &settings->source.registries_conf;
	case OPTION_METRICS:
		return &settings->metrics;
	default:
		return NULL;
	}
}

static int take_option(int id, void *data, struct err *err)
{
	struct settings *settings = data;

	const char **text = text_setting(id, settings);

	if (text) {
		*text = optarg;
		return 0;
	}
	switch (id) {
	case OPTION_INSECURE:
		settings->agent.broker.insecure_tcp = true;
		return 0;
	case OPTION_THREADS:
		return number("threads", optarg, LIMIT_SCAN_THREADS, &settings->agent.threads, err);
	case OPTION_MEMO_MAX:
		return number("memo-max", optarg, MEMO_MIB_MAX, &settings->memo_mib, err);
	case OPTION_SANDBOX:
		return sandbox_mode_parse(optarg, &settings->agent.parser.mode, err);
	case OPTION_LAYER_SECONDS:
		return number("layer-seconds", optarg, 100000, &settings->agent.parser.seconds_max, err);
	case OPTION_HOST:
		return add_host(settings, optarg, err);
	case OPTION_PLAIN:
		settings->source.plain_http = true;
		return 0;
	case OPTION_TLS:
		return boolean("tls-verify", optarg, &settings->source.tls_verify, err);
	case OPTION_CONNECTIONS:
		return number("host-connections", optarg, CONNECTIONS_MAX, &settings->source.host_connections_max, err);
	case OPTION_DRAIN:
		settings->drain_on_term = true;
		return 0;
	case OPTION_LOG_FORMAT:
		return daemon_log_format(optarg, err);
	case OPTION_VERBOSE:
		log_level_set(LOG_DEBUG);
		return 0;
	default:
		printf("%s", id == OPTION_HELP ? help : "varve-worker " VARVE_VERSION "\n");
		settings->done = true;
		return 0;
	}
}

/* From the agent's thread: the wait of the main thread is over. */
struct drained {
	pthread_t    waiter;
	_Atomic bool yes;
};

static void on_drained(void *data)
{
	struct drained *drained = data;

	drained->yes = true;
	daemon_wake(drained->waiter);
}

static void wait_until_stopped(const struct settings *settings, struct agent *agent, const struct drained *drained)
{
	bool asked = false;

	while (!drained->yes) {
		int number = daemon_wait_signal_drain();

		if (drained->yes || !(number == SIGUSR1 || (number == SIGTERM && settings->drain_on_term && !asked)))
			return;
		asked = true;
		agent_drain(agent);
	}
}

static int serve(struct settings *settings, struct err *err)
{
	struct drained drained = {.waiter = pthread_self()};
	struct agent  *agent;
	int            status;

	settings->agent.drained = on_drained;
	settings->agent.drained_data = &drained;
	if ((status = agent_start(&settings->agent, &agent, err)) < 0)
		return status;
	log_line(LOG_INFO, "worker", "%u scan threads, broker %s",
		 settings->agent.threads ? settings->agent.threads : agent_cpus(), settings->agent.broker.endpoint);
	wait_until_stopped(settings, agent, &drained);
	health_stopping(settings->agent.health);
	agent_stop(agent);
	log_line(LOG_INFO, "worker", drained.yes ? "drained" : "stopped");
	return 0;
}

static int start_metrics(struct settings *settings, struct metrics_serve **serve, struct err *err)
{
	int status;

	if (!settings->metrics)
		return 0;
	if ((settings->agent.metrics = agent_metrics_new()) == NULL)
		return err_set(err, ERR_MEM, "metrics: out of memory");
	status = metrics_serve_start(settings->metrics, agent_metrics_registry(settings->agent.metrics),
				     settings->agent.health, serve, err);
	if (status >= 0)
		log_line(LOG_INFO, "worker", "metrics at http://%s/metrics", metrics_serve_address(*serve));
	return status;
}

/* Never a reason not to start. */
static void open_memo(struct settings *settings)
{
	struct memo_config config = {.dir = settings->memo, .bytes_max = (uint64_t)settings->memo_mib << 20};
	struct buf         dir = {.bytes_max = 8192};
	struct err         err = {0};

	if (settings->memo && strcmp(settings->memo, "none") == 0)
		return;
	if (!settings->memo && store_dir(NULL, &dir, &err) == 0) {
		dir.len--; /* the NUL */
		buf_str(&dir, "/memo");
		buf_byte(&dir, 0);
		config.dir = buf_ok(&dir) ? (const char *)dir.ptr : NULL;
	}
	if (config.dir)
		settings->agent.memo = memo_open_if_can(&config);
	else
		log_line(LOG_WARNING, "memo", "none, every file is analysed: %s; see --memo", err.text);
	buf_deinit(&dir);
}

static int run(struct settings *settings, struct err *err)
{
	struct metrics_serve *metrics = NULL;
	struct health         health;
	struct buf            endpoint;
	int                   status = 0;

	health_init(&health, "not connected to the broker");
	settings->agent.health = &health;
	buf_init(&endpoint, 1024);
	if (!settings->agent.broker.endpoint) {
		status = wire_default_endpoint(false, &endpoint, err);
		buf_byte(&endpoint, 0);
		settings->agent.broker.endpoint = (const char *)endpoint.ptr;
	}
	if (pipeline_spool_is_memory(settings->agent.spool_dir))
		log_line(LOG_WARNING, "worker", "the spool folder %s is kept in memory",
			 pipeline_spool_dir(settings->agent.spool_dir));
	daemon_block_signals();
	open_memo(settings);
	settings->source.spool_dir = settings->agent.spool_dir;
	settings->agent.hosts = settings->hosts_count ? settings->hosts : NULL;
	if (status >= 0 && (settings->agent.context = wire_context_new(err)) == NULL)
		status = ERR_MEM;
	if (status >= 0 && (settings->agent.sources = sources_new(&settings->source, err)) == NULL)
		status = err->code;
	if (status >= 0)
		status = start_metrics(settings, &metrics, err);
	if (status >= 0)
		status = serve(settings, err);
	metrics_serve_stop(metrics);
	sources_free(settings->agent.sources);
	wire_context_free(settings->agent.context);
	memo_close(settings->agent.memo);
	agent_metrics_free(settings->agent.metrics);
	health_deinit(&health);
	buf_deinit(&endpoint);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = {.source = {.tls_verify = true}, .agent = {.scan_log = LOG_INFO}};
	struct err      err = {0};
	int             status;

	daemon_log_begin();
	status = daemon_read_options(argc, argv, options, take_option, &settings, &settings.done, &err);
	if (status >= 0 && settings.done)
		return 0;
	if (status >= 0)
		status = run(&settings, &err);
	if (status < 0)
		daemon_say_error("varve-worker", &err);
	return daemon_exit_status(status);
}
