#include "bench_broker/bench_fleet.h"

#include "bench_broker/bench_die.h"

#include "base/clock.h"
#include "base/rng.h"
#include "model/image.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 50, LEAVE_MS = 200, TIMES_MAX = WIRE_LEASES_MAX, FRAME_BYTES_MAX = LIMIT_MESSAGE_BYTES };

/* A ring of points in time: what was sent or acknowledged and not yet answered. */
struct times {
	uint64_t ns[TIMES_MAX];
	uint64_t in, out;
};

struct held {
	uint64_t lease, sent_ns;
	bool     light;
};

struct fleet_worker {
	struct fleet        *fleet;
	pthread_t            thread;
	struct wire_client  *client;
	unsigned             number;
	struct arena         arena;
	struct buf           in, out, payload;
	struct held          held[WIRE_LEASES_MAX];
	size_t               held_count;
	struct times         sent, acked;
	uint64_t             layers_taken, ahead; /* ahead: tasks that came before their acknowledgement */
	uint64_t             said_ms;
	struct fleet_samples samples[FLEET_LATENCIES];
};

/* --- samples --- */

void fleet_samples_add(struct fleet_samples *samples, uint64_t ns)
{
	uint64_t us = ns / 1000;

	if (samples->count == samples->capacity) {
		samples->capacity = samples->capacity ? samples->capacity * 2 : 4096;
		samples->items = realloc(samples->items, samples->capacity * sizeof(*samples->items));
		if (!samples->items)
			bench_die("out of memory");
	}
	samples->items[samples->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

void fleet_samples_sort(struct fleet_samples *samples)
{
	if (samples->count)
		qsort(samples->items, samples->count, sizeof(*samples->items), compare);
}

uint32_t fleet_samples_at(const struct fleet_samples *samples, double share)
{
	return samples->count ? samples->items[(size_t)(share * (double)(samples->count - 1))] : 0;
}

void fleet_samples_free(struct fleet_samples *samples)
{
	free(samples->items);
	*samples = (struct fleet_samples){0};
}

void fleet_samples(const struct fleet *fleet, enum fleet_latency which, struct fleet_samples *out)
{
	for (unsigned i = 0; i < fleet->config.workers; i++)
		for (size_t n = 0; n < fleet->workers[i].samples[which].count; n++)
			fleet_samples_add(out, 1000ull * fleet->workers[i].samples[which].items[n]);
}

static void times_push(struct times *times, uint64_t ns)
{
	times->ns[times->in++ % TIMES_MAX] = ns;
}

static bool times_pop(struct times *times, uint64_t *ns)
{
	if (times->out == times->in)
		return false;
	*ns = times->ns[times->out++ % TIMES_MAX];
	return true;
}

/* --- sending --- */

static void send_out(struct fleet_worker *worker)
{
	struct err err = {0};

	if (!buf_ok(&worker->out) || wire_client_send(worker->client, buf_slice(&worker->out), 10000, &err) < 0)
		bench_die("worker: %s", err.code ? err.text : "frame too long");
	buf_clear(&worker->out);
}

static void say_hello(struct fleet_worker *worker)
{
	const struct fleet_config *config = &worker->fleet->config;
	const struct wire_hello    hello = {.name = SLICE_LIT("bench"),
					    .version = SLICE_LIT(VARVE_VERSION),
					    .analyzer_set = SLICE_LIT("bench/1"),
					    .layer_slots = config->layer_slots,
					    .light_slots = config->light_slots,
					    .result_bytes = 64 << 20};
	uint64_t                   random[2] = {random_seed(), random_seed()};
	struct wire_hello          mine = hello;

	memcpy(mine.instance, random, sizeof(mine.instance));
	wire_put_hello(&worker->out, 1, &mine);
	send_out(worker);
}

static void say_progress(struct fleet_worker *worker)
{
	struct wire_lease_progress items[WIRE_LEASES_MAX];
	struct wire_progress       progress = {.items = items, .count = worker->held_count};

	for (size_t i = 0; i < worker->held_count; i++)
		items[i] = (struct wire_lease_progress){.lease = worker->held[i].lease, .bytes = 1};
	wire_put_progress(&worker->out, 0, &progress);
	send_out(worker);
	worker->said_ms = clock_ms();
}

static void send_result(struct fleet_worker *worker, uint64_t lease, bool light)
{
	const struct wire_result result = {.lease = lease, .last = true, .bytes = buf_slice(&worker->payload)};
	uint64_t                 now;

	wire_put_result(&worker->out, 0, &result);
	now = clock_ns();
	send_out(worker);
	worker->held[worker->held_count++] = (struct held){.lease = lease, .sent_ns = now, .light = light};
	if (!light)
		times_push(&worker->sent, now);
}

/* --- tasks --- */

static void fill_digest(struct digest *digest, uint64_t seed, uint64_t image, uint64_t index)
{
	struct rng rng = rng_seeded(seed + image * 0x9e3779b97f4a7c15u + index * 0xc2b2ae3d27d4eb4fu);

	for (size_t at = 0; at < SHA256_BYTES; at += 8) {
		uint64_t part = rng_next(&rng);

		memcpy(digest->bytes + at, &part, 8);
	}
}

static uint64_t number_of(struct slice reference)
{
	uint64_t number = 0, place = 1;

	for (size_t at = reference.len; at > 0 && reference.ptr[at - 1] >= '0' && reference.ptr[at - 1] <= '9'; at--) {
		number += place * (uint64_t)(reference.ptr[at - 1] - '0');
		place *= 10;
	}
	return number;
}

static void fill_image(const struct fleet_config *config, struct slice reference, struct arena *arena,
		       struct image *image)
{
	bool     adhoc = slice_find_str(reference, "/adhoc") != SIZE_MAX;
	uint64_t number = number_of(reference) + (adhoc ? 1ull << 40 : 0);

	*image = (struct image){.reference = reference, .layers_count = adhoc ? 1 : config->layers_per_image};
	memcpy(image->platform.os, "linux", 6);
	memcpy(image->platform.arch, "amd64", 6);
	fill_digest(&image->digest, config->seed + 1, number, 0);
	fill_digest(&image->config_digest, config->seed + 2, number, 0);
	image->layers = arena_array(arena, image->layers_count, sizeof(*image->layers));
	for (size_t i = 0; image->layers && i < image->layers_count; i++) {
		struct image_layer *layer = &image->layers[i];

		fill_digest(&layer->digest, config->seed + 3, config->shared && !adhoc ? 0 : number, i);
		fill_digest(&layer->diff_id, config->seed + 4, config->shared && !adhoc ? 0 : number, i);
		layer->size = 1000 + layer->digest.bytes[0] * 400000ull + layer->digest.bytes[1];
		layer->media_type = SLICE_LIT("application/vnd.oci.image.layer.v1.tar+gzip");
		layer->created_by = SLICE_LIT("/bin/sh -c apt-get update && apt-get install -y something");
	}
}

size_t fleet_record_bytes(const struct fleet_config *config, uint64_t number)
{
	struct arena arena;
	struct image image;
	struct buf   record;
	char         text[64];
	size_t       bytes;
	struct err   err = {0};

	arena_init(&arena, 64 << 20);
	buf_init(&record, FRAME_BYTES_MAX);
	snprintf(text, sizeof(text), "docker://bench.example/bulk:%llu", (unsigned long long)number);
	fill_image(config, slice_str(text), &arena, &image);
	if (image_encode(&image, &record, &err) < 0)
		bench_die("image: %s", err.text);
	bytes = record.len;
	buf_deinit(&record);
	arena_deinit(&arena);
	return bytes;
}

static void resolve(struct fleet_worker *worker, const struct wire_task *task)
{
	struct slice        encoded;
	struct wire_strings images = {.items = &encoded, .count = 1};
	struct image        image;
	struct buf          record;
	struct err          err = {0};

	if (slice_find_str(task->reference, "/adhoc") != SIZE_MAX)
		atomic_store(&worker->fleet->adhoc_seen, clock_ns());
	buf_init(&record, FRAME_BYTES_MAX);
	fill_image(&worker->fleet->config, task->reference, &worker->arena, &image);
	if (image_encode(&image, &record, &err) < 0)
		bench_die("image: %s", err.text);
	encoded = buf_slice(&record);
	wire_put_strings(&worker->payload, &images);
	if (worker->payload.len > LIMIT_CHUNK_BYTES)
		bench_die("an image of %u layers is longer than one chunk", worker->fleet->config.layers_per_image);
	send_result(worker, task->lease, true);
	buf_deinit(&record);
}

static void scan(struct fleet_worker *worker, const struct wire_task *task)
{
	const struct wire_layer_result result = {.diff_id = task->diff_id,
						 .blob_bytes = task->size,
						 .tar_bytes = task->size * 3,
						 .entries = 10,
						 .files_analyzed = 1,
						 .bytes_fetched = task->size,
						 .inventory = worker->fleet->config.inventory,
						 .path_table = worker->fleet->config.path_table};
	uint64_t                       then, now = clock_ns();

	if (++worker->layers_taken > worker->fleet->config.layer_slots) {
		if (times_pop(&worker->sent, &then))
			fleet_samples_add(&worker->samples[FLEET_TURN], now - then);
		if (times_pop(&worker->acked, &then))
			fleet_samples_add(&worker->samples[FLEET_ACK_TO_TASK], now - then);
		else
			worker->ahead++;
	}
	wire_put_layer_result(&worker->payload, &result);
	send_result(worker, task->lease, false);
}

static void take_task(struct fleet_worker *worker, struct slice body)
{
	struct wire_task task;
	struct err       err = {0};

	if (wire_get_task(body, &worker->arena, &task, &err) < 0)
		bench_die("task: %s", err.text);
	buf_clear(&worker->payload);
	if (worker->held_count == WIRE_LEASES_MAX)
		bench_die("more tasks than slots");
	if (task.kind == WIRE_TASK_LAYER)
		scan(worker, &task);
	else
		resolve(worker, &task);
}

static void take_ack(struct fleet_worker *worker, struct slice body)
{
	struct wire_ack ack;
	struct err      err = {0};
	uint64_t        now = clock_ns();
	size_t          at = 0;

	if (wire_get_ack(body, &ack, &err) < 0)
		bench_die("ack: %s", err.text);
	if (ack.code)
		atomic_fetch_add(&worker->fleet->refused, 1);
	while (at < worker->held_count && worker->held[at].lease != ack.lease)
		at++;
	if (at == worker->held_count)
		return;
	if (!worker->held[at].light) {
		fleet_samples_add(&worker->samples[FLEET_ACK], now - worker->held[at].sent_ns);
		if (worker->ahead) {
			worker->ahead--;
			fleet_samples_add(&worker->samples[FLEET_ACK_TO_TASK], 0);
		} else {
			times_push(&worker->acked, now);
		}
	}
	atomic_fetch_add(worker->held[at].light ? &worker->fleet->resolved : &worker->fleet->acked, 1);
	worker->held_count--;
	memmove(worker->held + at, worker->held + at + 1, (worker->held_count - at) * sizeof(worker->held[0]));
}

static void take_frame(struct fleet_worker *worker)
{
	struct wire_header header;
	struct slice       body;
	struct wire_error  error;
	struct err         err = {0};

	arena_reset(&worker->arena);
	if (wire_open_frame(buf_slice(&worker->in), &header, &body, &err) < 0)
		bench_die("frame: %s", err.text);
	if (header.type == WIRE_TASK && !atomic_load(&worker->fleet->stopping))
		take_task(worker, body);
	else if (header.type == WIRE_ACK)
		take_ack(worker, body);
	else if (header.type == WIRE_PING)
		say_progress(worker);
	else if (header.type == WIRE_ERROR && wire_get_error(body, &error, &err) >= 0)
		bench_die("the broker refuses: %.*s", SLICE_FMT(error.text));
}

/* Until what it sent is acknowledged, then until the broker has nothing more for it: else that would find nobody there. */
static void leave(struct fleet_worker *worker)
{
	while (worker->held_count && wire_client_receive(worker->client, -1, LEAVE_MS, &worker->in, NULL) > 0)
		take_frame(worker);
	wire_put_empty(&worker->out, WIRE_BYE, 0);
	send_out(worker);
	while (wire_client_receive(worker->client, -1, LEAVE_MS, &worker->in, NULL) > 0)
		buf_clear(&worker->in);
}

static void *run_worker(void *data)
{
	struct fleet_worker *worker = data;
	struct err           err = {0};

	say_hello(worker);
	worker->said_ms = clock_ms();
	while (!atomic_load(&worker->fleet->stopping)) {
		int got = wire_client_receive(worker->client, -1, WAIT_MS, &worker->in, &err);

		if (got < 0)
			bench_die("worker: %s", err.text);
		if (got > 0)
			take_frame(worker);
		if (clock_ms() >= worker->said_ms + WIRE_HEARTBEAT_MS)
			say_progress(worker);
	}
	leave(worker);
	wire_client_close(worker->client);
	return NULL;
}

/* --- life --- */

void fleet_start(struct fleet *fleet, const struct fleet_config *config)
{
	const struct wire_client_config wire = {.endpoint = config->endpoint};
	struct err                      err = {0};

	*fleet = (struct fleet){.config = *config};
	fleet->workers = calloc(config->workers, sizeof(*fleet->workers));
	if (!fleet->workers)
		bench_die("out of memory");
	for (unsigned i = 0; i < config->workers; i++) {
		struct fleet_worker *worker = &fleet->workers[i];

		worker->fleet = fleet;
		worker->number = i;
		arena_init(&worker->arena, 64 << 20);
		buf_init(&worker->in, FRAME_BYTES_MAX);
		buf_init(&worker->out, FRAME_BYTES_MAX);
		buf_init(&worker->payload, FRAME_BYTES_MAX);
		if (wire_client_open(config->context, &wire, &worker->client, &err) < 0)
			bench_die("%s", err.text);
		if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0)
			bench_die("cannot start a thread");
	}
}

void fleet_stop(struct fleet *fleet)
{
	atomic_store(&fleet->stopping, true);
	for (unsigned i = 0; i < fleet->config.workers; i++)
		pthread_join(fleet->workers[i].thread, NULL);
}

void fleet_free(struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->config.workers; i++) {
		struct fleet_worker *worker = &fleet->workers[i];

		arena_deinit(&worker->arena);
		buf_deinit(&worker->in);
		buf_deinit(&worker->out);
		buf_deinit(&worker->payload);
		for (size_t which = 0; which < FLEET_LATENCIES; which++)
			fleet_samples_free(&worker->samples[which]);
	}
	free(fleet->workers);
	*fleet = (struct fleet){0};
}
