#include "agent_metrics.h"

#include "agent_internal.h"

#include <stdlib.h>

enum { EVERY_MS = 1000, REQUEST_SERIES_MAX = 1000 };

enum family {
	CONNECTED,
	WELCOMES,
	DRAINING,
	LEASES,
	TASKS,
	LAYERS,
	SCAN_SECONDS,
	BLOB_BYTES,
	TAR_BYTES,
	ENTRIES,
	FILES,
	MEMO_FILES,
	MEMO_KEPT,
	THREADS,
	BUSY,
	FETCHED_BYTES,
	TRANSFERS,
	REQUESTS,
	RETRIES,
	TOKENS,
	UNANSWERED,
	FAMILIES
};

static const struct metrics_family families[FAMILIES] = {
	[CONNECTED] = {"varve_worker_connected", "1 while the broker knows this worker.", METRICS_GAUGE,
		       .labels = {NULL}},
	[WELCOMES] = {"varve_worker_welcomes_total", "Times that a broker took this worker in: 1, and reconnects.",
		      METRICS_COUNTER, .labels = {NULL}},
	[DRAINING] = {"varve_worker_draining", "1 once it takes no more tasks.", METRICS_GAUGE, .labels = {NULL}},
	[LEASES] = {"varve_worker_leases", "Tasks it holds, by kind.", METRICS_GAUGE, .labels = {"kind"}},
	[TASKS] = {"varve_worker_tasks_total",
		   "Tasks that have ended, by kind and outcome (done, cancelled, or the error's name).",
		   METRICS_COUNTER, .labels = {"kind", "outcome"}},
	[LAYERS] = {"varve_worker_layers_total",
		    "Layers read to the end: scanned; partial, when a ceiling cut them; verified, when content known "
		    "already was only compared.",
		    METRICS_COUNTER, .labels = {"result"}},
	[SCAN_SECONDS] = {"varve_worker_scan_seconds", "Time in a scan thread per layer, fetching included.",
			  METRICS_HISTOGRAM, .decimals = 3,
			  .bounds = {10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 1800000}},
	[BLOB_BYTES] = {"varve_worker_layer_blob_bytes_total", "Compressed bytes of layers read.", METRICS_COUNTER,
			.labels = {NULL}},
	[TAR_BYTES] = {"varve_worker_layer_tar_bytes_total", "Inflated bytes of layers read.", METRICS_COUNTER,
		       .labels = {NULL}},
	[ENTRIES] = {"varve_worker_layer_entries_total", "Archive entries of layers read.", METRICS_COUNTER,
		     .labels = {NULL}},
	[FILES] = {"varve_worker_files_analyzed_total", "Files given to analyzers.", METRICS_COUNTER, .labels = {NULL}},
	[MEMO_FILES] = {"varve_worker_memo_files_total",
			"Files that the file memo was asked for: hit, its facts were known; miss, it was analysed.",
			METRICS_COUNTER, .labels = {"result"}},
	[MEMO_KEPT] = {"varve_worker_memo_kept_total", "Files whose facts were put into the file memo.",
		       METRICS_COUNTER, .labels = {NULL}},
	[THREADS] = {"varve_worker_threads", "Threads, by what they do.", METRICS_GAUGE, .labels = {"stage"}},
	[BUSY] = {"varve_worker_threads_busy", "Threads that have a task, by what they do.", METRICS_GAUGE,
		  .labels = {"stage"}},
	[FETCHED_BYTES] = {"varve_worker_fetched_bytes_total", "Bytes received from registries, headers included.",
			   METRICS_COUNTER, .labels = {NULL}},
	[TRANSFERS] = {"varve_worker_transfers", "HTTP transfers under way.", METRICS_GAUGE, .labels = {NULL}},
	[REQUESTS] = {"varve_worker_registry_requests_total",
		      "Requests per registry or mirror and how they ended; rate_limited is 429.", METRICS_COUNTER,
		      .labels = {"host", "result"}, .series_max = REQUEST_SERIES_MAX},
	[RETRIES] = {"varve_worker_request_retries_total", "Requests that were made again inside a task.",
		     METRICS_COUNTER, .labels = {NULL}},
	[TOKENS] = {"varve_worker_token_requests_total", "Requests to token services.", METRICS_COUNTER,
		    .labels = {NULL}},
	[UNANSWERED] = {"varve_worker_results_unanswered_bytes", "Results sent that the broker has not acknowledged.",
			METRICS_GAUGE, .labels = {NULL}},
};

static const char *const kinds[] = {"enumerate", "resolve", "layer"};
static const char *const stages[] = {"light", "open", "scan"};

struct agent_metrics {
	struct metrics *registry;
	_Atomic int64_t busy[3];
	uint64_t        read_ms, fetched, retries, tokens; /* as of the last turn: counters take differences */
};

static struct metric *labelled(struct agent_metrics *metrics, enum family family, const char *a, const char *b)
{
	return metrics_get(metrics->registry, family, (const struct slice[]){slice_str(a), slice_str(b)});
}

struct agent_metrics *agent_metrics_new(void)
{
	static const char *const results[] = {"scanned", "partial", "verified"};
	struct agent_metrics    *metrics = calloc(1, sizeof(*metrics));

	if (!metrics || (metrics->registry = metrics_new(families, FAMILIES)) == NULL) {
		free(metrics);
		return NULL;
	}
	for (size_t i = 0; i < 3; i++) { /* what never happened is 0, not absent */
		labelled(metrics, TASKS, kinds[i], "done");
		labelled(metrics, LAYERS, results[i], NULL);
	}
	labelled(metrics, MEMO_FILES, "hit", NULL);
	labelled(metrics, MEMO_FILES, "miss", NULL);
	return metrics;
}

void agent_metrics_free(struct agent_metrics *metrics)
{
	if (!metrics)
		return;
	metrics_free(metrics->registry);
	free(metrics);
}

struct metrics *agent_metrics_registry(struct agent_metrics *metrics)
{
	return metrics->registry;
}

static void count(struct agent_metrics *metrics, enum family family, uint64_t more)
{
	metric_add(metrics_get(metrics->registry, family, NULL), more);
}

static void set(struct agent_metrics *metrics, enum family family, int64_t value)
{
	metric_set(metrics_get(metrics->registry, family, NULL), value);
}

/* --- working threads --- */

void agent_metrics_busy(struct agent_metrics *metrics, enum agent_stage stage, int more)
{
	if (metrics)
		atomic_fetch_add_explicit(&metrics->busy[stage], more, memory_order_relaxed);
}

void agent_metrics_scanned(struct agent_metrics *metrics, const struct agent_task *task, uint64_t ms)
{
	const struct parse_result *result = &task->outcome.result;

	if (!metrics || task->status < 0)
		return;
	metric_observe(metrics_get(metrics->registry, SCAN_SECONDS, NULL), ms);
	metric_add(labelled(metrics, LAYERS,
			    task->outcome.verified ? "verified"
			    : result->partial      ? "partial"
						   : "scanned",
			    NULL),
		   1);
	count(metrics, BLOB_BYTES, task->outcome.blob_bytes_read);
	count(metrics, TAR_BYTES, result->tar_bytes);
	count(metrics, ENTRIES, result->entries);
	count(metrics, FILES, result->files_analyzed);
	metric_add(labelled(metrics, MEMO_FILES, "hit", NULL), task->outcome.memo.hits);
	metric_add(labelled(metrics, MEMO_FILES, "miss", NULL), task->outcome.memo.lookups - task->outcome.memo.hits);
	count(metrics, MEMO_KEPT, task->outcome.memo.kept);
}

/* --- the socket thread --- */

void agent_metrics_finished(struct agent_metrics *metrics, const struct agent_task *task)
{
	const char *outcome = "done";

	if (!metrics)
		return;
	if (atomic_load(&task->cancel))
		outcome = "cancelled";
	else if (task->status < 0)
		outcome = err_name(task->status);
	metric_add(labelled(metrics, TASKS, kinds[task->kind < 3 ? task->kind : AGENT_LAYER], outcome), 1);
}

void agent_metrics_welcomed(struct agent_metrics *metrics)
{
	if (metrics)
		count(metrics, WELCOMES, 1);
}

static void put_host(void *data, const struct source_host_stats *host)
{
	struct agent_metrics *metrics = data;

	for (unsigned i = 0; i < SOURCE_ANSWERS; i++)
		if (host->answers[i])
			metrics_put(metrics->registry, REQUESTS,
				    (const struct slice[]){host->name, slice_str(source_answer_name(i))},
				    (int64_t)host->answers[i]);
}

static void read_sources(struct agent_metrics *metrics, struct sources *sources)
{
	struct source_stats stats;

	source_stats_get(sources, &stats);
	set(metrics, TRANSFERS, (int64_t)stats.transfers);
	count(metrics, FETCHED_BYTES, stats.bytes_fetched - metrics->fetched);
	count(metrics, RETRIES, stats.retries - metrics->retries);
	count(metrics, TOKENS, stats.token_requests - metrics->tokens);
	metrics->fetched = stats.bytes_fetched;
	metrics->retries = stats.retries;
	metrics->tokens = stats.token_requests;
	source_hosts_each(sources, put_host, metrics);
	metrics_put_end(metrics->registry, REQUESTS);
}

static void read_leases(const struct agent *agent)
{
	int64_t held[3] = {0};

	for (const struct agent_task *task = agent->tasks; task; task = task->next)
		held[task->kind < 3 ? task->kind : AGENT_LAYER]++;
	for (size_t i = 0; i < 3; i++)
		metric_set(labelled(agent->config.metrics, LEASES, kinds[i], NULL), held[i]);
}

static void read_threads(const struct agent *agent)
{
	struct agent_metrics *metrics = agent->config.metrics;
	const int64_t         threads[3] = {LIGHT_THREADS, agent->ahead, agent->scan_threads};

	for (size_t i = 0; i < 3; i++) {
		metric_set(labelled(metrics, THREADS, stages[i], NULL), threads[i]);
		metric_set(labelled(metrics, BUSY, stages[i], NULL), atomic_load(&metrics->busy[i]));
	}
}

void agent_metrics_turn(struct agent *agent, uint64_t now)
{
	struct agent_metrics *metrics = agent->config.metrics;

	if (!metrics)
		return;
	set(metrics, CONNECTED, agent->welcome); /* cheap, and never late */
	if (now < metrics->read_ms + EVERY_MS)
		return;
	metrics->read_ms = now;
	set(metrics, DRAINING, atomic_load(&agent->drain_asked));
	set(metrics, UNANSWERED, (int64_t)agent->unanswered);
	read_leases(agent);
	read_threads(agent);
	read_sources(metrics, agent->config.sources);
}
