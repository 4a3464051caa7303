#include "loop_metrics.h"

#include "announce.h"
#include "base/clock.h"
#include "loop_internal.h"
#include "loop_metrics_table.h"

#include <stdlib.h>

enum { EVERY_MS = 1000, SHARE = 100 /* reading takes at most one part in so many of the loop's time */ };

struct loop_metrics {
	struct metrics *registry;
	struct metric  *messages, *message_bytes, *turn, *commit, *lease_seconds[3]; /* what is updated often */
	uint64_t        woke_ns, next_ms;
};

static const char *const kinds[] = {"enumerate", "resolve", "layer"};
static const char *const classes[CORE_CLASSES] = {"adhoc", "bulk"};

static struct metric *labelled(struct loop_metrics *metrics, enum loop_family family, const char *a, const char *b)
{
	return metrics_get(metrics->registry, family, (const struct slice[]){slice_str(a), slice_str(b)});
}

static struct metric *plain(struct loop_metrics *metrics, enum loop_family family)
{
	return metrics_get(metrics->registry, family, NULL);
}

/* What never happened is 0, not absent. */
static void begin_series(struct loop_metrics *metrics)
{
	static const char *const refused[] = {"protocol", "version", "auth"};
	static const char *const images[] = {"complete", "incomplete", "failed"};

	for (size_t i = 0; i < 3; i++) {
		labelled(metrics, LOOP_REFUSED, refused[i], NULL);
		labelled(metrics, LOOP_IMAGES, images[i], NULL);
		labelled(metrics, LOOP_TASKS_ENDED, kinds[i], "done");
		metrics->lease_seconds[i] = labelled(metrics, LOOP_LEASE_SECONDS, kinds[i], NULL);
	}
	metrics->messages = plain(metrics, LOOP_MESSAGES);
	metrics->message_bytes = plain(metrics, LOOP_MESSAGE_BYTES);
	metrics->turn = plain(metrics, LOOP_TURN_SECONDS);
	metrics->commit = plain(metrics, LOOP_COMMIT_SECONDS);
	for (unsigned i = LAYER_SCANNED; i <= LAYER_SKIPPED; i++)
		labelled(metrics, LOOP_IMAGE_LAYERS, layer_status_name(i), NULL);
}

struct loop_metrics *loop_metrics_new(void)
{
	struct loop_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics || (metrics->registry = metrics_new(loop_families, LOOP_FAMILIES)) == NULL) {
		free(metrics);
		return NULL;
	}
	begin_series(metrics);
	return metrics;
}

void loop_metrics_free(struct loop_metrics *metrics)
{
	if (!metrics)
		return;
	metrics_free(metrics->registry);
	free(metrics);
}

struct metrics *loop_metrics_registry(struct loop_metrics *metrics)
{
	return metrics->registry;
}

/* --- counted where it happens --- */

void loop_metrics_commit(struct loop *loop, uint64_t ns)
{
	if (loop->config.metrics)
		metric_observe(loop->config.metrics->commit, ns / 1000);
}

void loop_metrics_message(struct loop *loop, size_t bytes)
{
	if (!loop->config.metrics)
		return;
	metric_add(loop->config.metrics->messages, 1);
	metric_add(loop->config.metrics->message_bytes, bytes);
}

void loop_metrics_refused(struct loop *loop, int code)
{
	if (loop->config.metrics)
		metric_add(labelled(loop->config.metrics, LOOP_REFUSED, err_name(code), NULL), 1);
}

void loop_metrics_task_ended(struct loop *loop, const struct core_lease_info *info, const char *outcome)
{
	const char *kind = kinds[info->kind];

	if (!loop->config.metrics)
		return;
	metric_add(labelled(loop->config.metrics, LOOP_TASKS_ENDED, kind, outcome), 1);
	metric_observe(loop->config.metrics->lease_seconds[info->kind], loop->now - info->sent_ms);
}

void loop_metrics_task_failed(struct loop *loop, const struct core_lease_info *info, enum core_fail_class fail_class)
{
	static const char *const names[] = {[CORE_TRANSIENT] = "transient",
					    [CORE_PERMANENT] = "permanent",
					    [CORE_POISON] = "poison",
					    [CORE_NOT_HERE] = "not_here"};
	const size_t             known = sizeof(names) / sizeof(names[0]);

	loop_metrics_task_ended(loop, info, (size_t)fail_class < known ? names[fail_class] : "unknown");
}

void loop_metrics_image(struct loop *loop, const struct image *image, const struct core_outcome *outcomes)
{
	bool incomplete = false;

	if (!loop->config.metrics)
		return;
	for (size_t i = 0; outcomes && i < image->layers_count; i++) {
		metric_add(
			labelled(loop->config.metrics, LOOP_IMAGE_LAYERS, layer_status_name(outcomes[i].status), NULL),
			1);
		incomplete |= outcomes[i].status == LAYER_FAILED || outcomes[i].status == LAYER_PARTIAL;
	}
	metric_add(labelled(loop->config.metrics, LOOP_IMAGES,
			    image->status == IMAGE_FAILED ? "failed"
			    : incomplete                  ? "incomplete"
							  : "complete",
			    NULL),
		   1);
}

/* --- read once a second --- */

static void set(struct loop_metrics *metrics, enum loop_family family, uint64_t value)
{
	metric_set(plain(metrics, family), (int64_t)value);
}

static void read_queues(struct loop_metrics *metrics, const struct core_gauges *gauges)
{
	for (size_t kind = 0; kind < 3; kind++) {
		for (size_t class = 0; class < CORE_CLASSES; class ++) {
			metric_set(labelled(metrics, LOOP_WAITING, classes[class], kinds[kind]),
				   (int64_t)gauges->ready[class][kind]);
			metric_set(labelled(metrics, LOOP_HELD, classes[class], kinds[kind]),
				   (int64_t)gauges->waiting[class][kind]);
		}
		metric_set(labelled(metrics, LOOP_LEASES, kinds[kind], NULL), (int64_t)gauges->leases[kind]);
	}
	set(metrics, LOOP_OLDEST_LEASE, gauges->oldest_lease_ms);
	set(metrics, LOOP_IMAGES_OPEN, gauges->images_open);
	set(metrics, LOOP_LAYERS_IN_MEMORY, gauges->layers);
	set(metrics, LOOP_REFERENCES_IN_MEMORY, gauges->references);
	set(metrics, LOOP_WORKERS_DRAINING, gauges->workers_draining);
	metric_set(labelled(metrics, LOOP_SLOTS, "layer", NULL), (int64_t)gauges->layer_slots);
	metric_set(labelled(metrics, LOOP_SLOTS, "light", NULL), (int64_t)gauges->light_slots);
	metric_set(labelled(metrics, LOOP_SLOTS_FREE, "layer", NULL), (int64_t)gauges->layer_free);
	metric_set(labelled(metrics, LOOP_SLOTS_FREE, "light", NULL), (int64_t)gauges->light_free);
	set(metrics, LOOP_HOSTS, gauges->hosts);
	set(metrics, LOOP_HOSTS_BLOCKED, gauges->hosts_blocked);
	set(metrics, LOOP_DRAINING, gauges->draining);
}

static void read_jobs(const struct loop *loop, const struct core_gauges *gauges)
{
	struct loop_metrics *metrics = loop->config.metrics;
	int64_t              schedules = 0;

	for (const struct loop_job *job = loop->jobs; job; job = job->next)
		schedules += job->record.state == JOB_SCHEDULED;
	metric_set(labelled(metrics, LOOP_JOBS, "running", NULL),
		   (int64_t)(gauges->jobs_running - gauges->jobs_paused));
	metric_set(labelled(metrics, LOOP_JOBS, "paused", NULL), (int64_t)gauges->jobs_paused);
	metric_set(labelled(metrics, LOOP_JOBS, "scheduled", NULL), schedules);
}

static void put_host(void *data, const struct core_host_info *host)
{
	struct metrics *registry = ((struct loop_metrics *)data)->registry;

	metrics_put(registry, LOOP_HOST_WAITING, &host->name, (int64_t)host->ready);
	metrics_put(registry, LOOP_HOST_LEASES, &host->name, (int64_t)host->active);
	metrics_put(registry, LOOP_HOST_BLOCKED, &host->name, (int64_t)host->blocked_ms);
	metrics_put(registry, LOOP_HOST_RATE_LIMITED, &host->name, (int64_t)host->rate_limited);
	metrics_put(registry, LOOP_HOST_CONNECT_FAILURES, &host->name, (int64_t)host->connect_failures);
	metrics_put(registry, LOOP_HOST_WORKERS, &host->name, (int64_t)host->workers);
}

static void read_hosts(const struct loop *loop)
{
	core_hosts_each(loop->core, put_host, loop->config.metrics);
	for (size_t family = LOOP_HOST_WAITING; family <= LOOP_HOST_WORKERS; family++)
		metrics_put_end(loop->config.metrics->registry, family);
}

static void read_workers(const struct loop *loop)
{
	struct metrics *registry = loop->config.metrics->registry;

	for (const struct loop_worker *worker = loop->workers; worker; worker = worker->next)
		metrics_put(registry, LOOP_WORKERS,
			    (const struct slice[]){worker->version, slice_str(worker->set_name)}, 1);
	metrics_put_end(registry, LOOP_WORKERS);
}

static void read_store(const struct loop *loop)
{
	struct loop_metrics *metrics = loop->config.metrics;
	struct db_stats      stats;

	db_stats_get(catalog_db(loop->catalog), &stats);
	set(metrics, LOOP_STORE_USED, stats.used_bytes);
	set(metrics, LOOP_STORE_FILE, stats.file_bytes);
	set(metrics, LOOP_STORE_MAX, stats.map_bytes);
	set(metrics, LOOP_STORE_READERS, stats.readers);
}

static void read_refused(const struct loop *loop)
{
	struct metrics *registry = loop->config.metrics->registry;
	uint64_t        keys, handshakes;

	wire_server_refused(loop->server, &keys, &handshakes);
	metrics_put(registry, LOOP_PEERS_REFUSED, (const struct slice[]){SLICE_LIT("key")}, (int64_t)keys);
	metrics_put(registry, LOOP_PEERS_REFUSED, (const struct slice[]){SLICE_LIT("handshake")}, (int64_t)handshakes);
	metrics_put_end(registry, LOOP_PEERS_REFUSED);
}

static void read_peers(const struct loop *loop)
{
	struct loop_metrics *metrics = loop->config.metrics;

	set(metrics, LOOP_UPLOADS, loop->uploads.count);
	set(metrics, LOOP_UPLOAD_BYTES, loop->upload_bytes);
	set(metrics, LOOP_STREAMS, loop->feeds_count);
	set(metrics, LOOP_STREAM_BYTES, loop->feed_bytes);
	set(metrics, LOOP_WATCHES, loop->watches_count);
	set(metrics, LOOP_QUERIES, loop->queries_count);
}

static void read_judge(const struct loop *loop)
{
	struct metrics        *registry = loop->config.metrics->registry;
	struct announce_counts counts;
	uint64_t               judgement = 0;

	loop_judge_counts(loop, &judgement, &counts);
	set(loop->config.metrics, LOOP_JUDGEMENT, judgement);
	metrics_put(registry, LOOP_NOTIFICATIONS, (const struct slice[]){SLICE_LIT("delivered")},
		    (int64_t)counts.delivered);
	metrics_put(registry, LOOP_NOTIFICATIONS, (const struct slice[]){SLICE_LIT("failed")}, (int64_t)counts.failed);
	metrics_put_end(registry, LOOP_NOTIFICATIONS);
}

/* The counters that `varve status --counters` shows: kept in the store, so that a restart does not set them back. */
static void read_fleet(const struct loop *loop)
{
	struct metrics *registry = loop->config.metrics->registry;
	uint64_t        counters[FLEET_COUNTERS];

	if (catalog_counters_get(loop->catalog, counters, NULL) < 0)
		return;
	for (unsigned i = 0; i < FLEET_COUNTERS; i++) {
		const struct loop_fleet_family *fleet = &loop_fleet_families[i];
		struct slice                    label = slice_str(fleet->label);

		metrics_put(registry, fleet->family, fleet->label ? &label : NULL, (int64_t)counters[i]);
	}
	for (size_t family = LOOP_FLEET_FIRST; family < LOOP_FAMILIES; family++)
		metrics_put_end(registry, family);
}

static void read_all(struct loop *loop)
{
	struct core_gauges gauges;

	core_gauges(loop->core, &gauges);
	read_queues(loop->config.metrics, &gauges);
	read_jobs(loop, &gauges);
	read_hosts(loop);
	read_workers(loop);
	read_store(loop);
	read_peers(loop);
	read_judge(loop);
	read_refused(loop);
	read_fleet(loop);
}

/* --- turns --- */

void loop_metrics_woke(struct loop *loop)
{
	if (loop->config.metrics)
		loop->config.metrics->woke_ns = clock_ns();
}

static void tell_health(const struct loop *loop)
{
	size_t workers = 0, jobs = 0;

	health_beat(loop->config.health);
	health_ready(loop->config.health);
	if (!loop->config.health)
		return;
	for (const struct loop_worker *worker = loop->workers; worker; worker = worker->next)
		workers++;
	for (const struct loop_job *job = loop->jobs; job; job = job->next)
		jobs += job->record.state == JOB_RUNNING;
	health_status(loop->config.health, "Workers: %zu, jobs: %zu%s", workers, jobs,
		      loop->draining ? ", draining" : "");
}

void loop_metrics_turn(struct loop *loop)
{
	struct loop_metrics *metrics = loop->config.metrics;
	uint64_t             began;

	tell_health(loop);
	if (!metrics)
		return;
	if (metrics->woke_ns)
		metric_observe(metrics->turn, (clock_ns() - metrics->woke_ns) / 1000);
	metrics->woke_ns = 0;
	if (loop->now < metrics->next_ms)
		return;
	began = clock_ms();
	read_all(loop);
	metrics->next_ms = loop->now + (clock_ms() - began) * SHARE;
	if (metrics->next_ms < loop->now + EVERY_MS)
		metrics->next_ms = loop->now + EVERY_MS;
}
