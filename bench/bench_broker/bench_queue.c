#include "bench_broker/bench_queue.h"

#include "bench_broker/bench_die.h"
#include "bench_broker/bench_submit.h"

#include "base/clock.h"

enum {
	RESOLVES_AT_ONCE = 64,
	SHARED_LAYERS = 10,
	LOAD_WORKERS = 8,
	STILL_MS = 20000, /* nothing moved for so long: it never will */
	WAITING_FROM = 1 << 30,
};

static struct fleet_config fleet_of(const struct served *served, const struct queue_plan *plan)
{
	return (struct fleet_config){.context = served->context,
				     .endpoint = served->endpoint,
				     .workers = 1,
				     .layers_per_image = plan->layers_per_image,
				     .inventory = plan->inventory,
				     .path_table = plan->path_table,
				     .seed = plan->seed};
}

/* Until the counter has reached `wanted`. */
static void wait_for(_Atomic uint64_t *counter, uint64_t wanted, const char *what)
{
	uint64_t last = 0, moved = clock_ms(), now;

	while ((now = atomic_load(counter)) < wanted) {
		if (now != last)
			moved = clock_ms();
		if (clock_ms() > moved + STILL_MS)
			bench_die("%s: %llu of %llu, and no more come", what, (unsigned long long)now,
				  (unsigned long long)wanted);
		last = now;
		clock_sleep_ms(1);
	}
}

/* --- filling --- */

/* A resolve is acknowledged when its image's layers are claimed and queued. */
static void resolve_all(const struct fleet_config *config, uint64_t images)
{
	struct fleet fleet;

	fleet_start(&fleet, config);
	wait_for(&fleet.resolved, images, "images");
	fleet_stop(&fleet);
	fleet_free(&fleet);
}

uint64_t queue_fill(const struct served *served, const struct queue_plan *plan, struct report_queue *out)
{
	struct fleet_config config = fleet_of(served, plan);
	struct client      *client = submit_client(served->context, served->endpoint);
	uint64_t            before = serve_anon_bytes(served), start = clock_ns(), job;

	config.light_slots = RESOLVES_AT_ONCE;
	out->images = (plan->layers + plan->layers_per_image - 1) / plan->layers_per_image;
	out->layers = out->images * plan->layers_per_image;
	job = submit_bulk(client, 0, out->images);
	resolve_all(&config, out->images);
	out->seconds = (double)(clock_ns() - start) / 1e9;
	out->layer_bytes = (double)(serve_anon_bytes(served) - before) / (double)out->layers;
	client_close(client);
	return job;
}

void queue_waiting(const struct served *served, const struct queue_plan *plan, struct report_queue *out)
{
	struct fleet_config config = fleet_of(served, plan);
	struct client      *client = submit_client(served->context, served->endpoint);
	uint64_t            before = serve_anon_bytes(served), job;

	config.light_slots = RESOLVES_AT_ONCE;
	config.shared = true;
	config.layers_per_image = SHARED_LAYERS;
	out->waiting = plan->waiting;
	out->record_bytes = (double)fleet_record_bytes(&config, WAITING_FROM);
	job = submit_bulk(client, WAITING_FROM, plan->waiting);
	resolve_all(&config, plan->waiting);
	out->image_bytes = (double)(serve_anon_bytes(served) - before) / (double)plan->waiting;
	submit_cancel(client, job);
	client_close(client);
}

/* --- emptying --- */

static uint64_t queued(const struct served *served, uint64_t job)
{
	struct client         *client = submit_client(served->context, served->endpoint);
	struct wire_job_status status;

	submit_status(client, job, &status);
	client_close(client);
	return status.layers_total - status.layers_done;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void take_latencies(const struct fleet *fleet, struct report_run *out)
{
	for (enum fleet_latency which = 0; which < FLEET_LATENCIES; which++) {
		struct fleet_samples samples = {0};

		fleet_samples(fleet, which, &samples);
		fleet_samples_sort(&samples);
		out->p50[which] = fleet_samples_at(&samples, 0.5);
		out->p99[which] = fleet_samples_at(&samples, 0.99);
		fleet_samples_free(&samples);
	}
}

void queue_drain(const struct served *served, const struct queue_plan *plan, uint64_t job, unsigned workers,
		 uint64_t tasks, struct slice inventory, struct slice path_table, struct report_run *out)
{
	struct fleet_config config = fleet_of(served, plan);
	struct fleet        fleet;
	uint64_t            first, wall, broker, bench;

	config.workers = workers;
	config.layer_slots = plan->slots;
	config.inventory = inventory;
	config.path_table = path_table;
	*out = (struct report_run){.workers = workers, .slots = plan->slots, .queued = queued(served, job)};
	out->result_bytes = inventory.len + path_table.len;
	fleet_start(&fleet, &config);
	wait_for(&fleet.acked, tasks / 10 + 1, "layers");
	first = atomic_load(&fleet.acked);
	wall = clock_ns();
	broker = serve_cpu_ns(served);
	bench = own_cpu_ns();
	wait_for(&fleet.acked, tasks, "layers");
	out->tasks = atomic_load(&fleet.acked) - first;
	out->seconds = (double)(clock_ns() - wall) / 1e9;
	out->broker_cpu_us = (double)(serve_cpu_ns(served) - broker) / 1e3 / (double)out->tasks;
	out->bench_cpu_us = (double)(own_cpu_ns() - bench) / 1e3 / (double)out->tasks;
	if (!served->pid) /* the loop's thread is one of ours */
		out->bench_cpu_us -= out->broker_cpu_us;
	if (atomic_load(&fleet.refused))
		bench_die("%llu results were refused", (unsigned long long)atomic_load(&fleet.refused));
	fleet_stop(&fleet);
	take_latencies(&fleet, out);
	fleet_free(&fleet);
}

/* --- ad hoc --- */

void queue_adhoc(const struct served *served, const struct queue_plan *plan, uint64_t job, bool load,
		 struct report_queue *out)
{
	struct fleet_config  config = fleet_of(served, plan), others = fleet_of(served, plan);
	struct client       *client = submit_client(served->context, served->endpoint);
	struct fleet_samples samples = {0};
	struct fleet         fleet, loading;

	config.light_slots = RESOLVES_AT_ONCE;
	others.workers = LOAD_WORKERS;
	others.layer_slots = plan->slots;
	fleet_start(&fleet, &config);
	if (load)
		fleet_start(&loading, &others);
	for (unsigned i = 0; i < plan->submits; i++) {
		uint64_t start = clock_ns();

		atomic_store(&fleet.adhoc_seen, 0);
		submit_adhoc(client, i + (load ? plan->submits : 0));
		wait_for(&fleet.adhoc_seen, 1, "ad hoc");
		fleet_samples_add(&samples, atomic_load(&fleet.adhoc_seen) - start);
	}
	if (load) {
		if (!queued(served, job))
			bench_die("the queue was empty before all ad hoc jobs had begun: more --layers, or fewer "
				  "--submits");
		fleet_stop(&loading);
		fleet_free(&loading);
	}
	fleet_stop(&fleet);
	fleet_free(&fleet);
	client_close(client);
	fleet_samples_sort(&samples);
	out->adhoc_p50[load] = fleet_samples_at(&samples, 0.5);
	out->adhoc_p99[load] = fleet_samples_at(&samples, 0.99);
	fleet_samples_free(&samples);
}
