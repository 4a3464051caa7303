#include "lib/loop_driver.h"

#include "lib/check.h"

#include <stdlib.h>
#include <string.h>

enum { MAP_BYTES = 64 << 20 };

/* --- peers --- */

struct peer *peer_open(struct broker *broker)
{
	struct wire_client_config config = {.endpoint = "inproc://broker"};
	struct peer              *peer = broker->peers;

	while (peer->socket)
		peer++;
	assert_true(peer < broker->peers + DRIVER_PEERS_MAX);
	*peer = (struct peer){0};
	buf_init(&peer->out, LIMIT_MESSAGE_BYTES);
	buf_init(&peer->in, LIMIT_MESSAGE_BYTES);
	arena_init(&peer->arena, 64 << 20);
	assert_int_equal(wire_client_open(broker->context, &config, &peer->socket, NULL), 0);
	return peer;
}

void peer_close(struct peer *peer)
{
	if (!peer->socket)
		return;
	wire_client_close(peer->socket);
	peer->socket = NULL;
	buf_deinit(&peer->out);
	buf_deinit(&peer->in);
	arena_deinit(&peer->arena);
}

/* --- the broker in a thread --- */

static void *run(void *data)
{
	struct err err = {0};

	assert_int_equal(loop_run(data, &err), 0);
	return NULL;
}

void broker_go(struct broker *broker)
{
	atomic_store(&broker->loop->stopping, false);
	assert_int_equal(pthread_create(&broker->thread, NULL, run, broker->loop), 0);
	broker->running = true;
}

void broker_halt(struct broker *broker)
{
	if (broker->running) {
		loop_stop(broker->loop);
		pthread_join(broker->thread, NULL);
	}
	broker->running = false;
}

static void open_loop(struct broker *broker)
{
	static const char *const    endpoints[] = {"inproc://broker", NULL};
	const struct catalog_config catalog = {.map_bytes = MAP_BYTES};
	struct err                  err = {0};

	if (catalog_open(broker->dir, &catalog, &broker->catalog, &err) < 0)
		fail_msg("%s", err.text);
	broker->context = wire_context_new(NULL); /* a name that was bound in the old one stays taken for a while */
	broker->config.server.endpoints = endpoints;
	broker->config.catalog = broker->catalog;
	broker->config.context = broker->context;
	broker->config.core.backoff_ms = 1;
	if (loop_open(&broker->config, &broker->loop, &err) < 0)
		fail_msg("%s", err.text);
	broker_go(broker);
}

static void close_loop(struct broker *broker)
{
	broker_halt(broker);
	loop_close(broker->loop);
	wire_context_free(broker->context);
	catalog_close(broker->catalog);
	broker->loop = NULL;
	broker->catalog = NULL;
}

int broker_set_up(void **state)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	snprintf(broker->dir, sizeof(broker->dir), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(broker->dir));
	open_loop(broker);
	*state = broker;
	return 0;
}

void broker_restart(struct broker *broker)
{
	for (size_t i = 0; i < DRIVER_PEERS_MAX; i++)
		peer_close(&broker->peers[i]);
	close_loop(broker);
	open_loop(broker);
}

int broker_tear_down(void **state)
{
	struct broker *broker = *state;
	char           command[128];

	broker_halt(broker);
	for (size_t i = 0; i < DRIVER_PEERS_MAX; i++)
		peer_close(&broker->peers[i]);
	close_loop(broker);
	snprintf(command, sizeof(command), "rm -rf %s", broker->dir);
	assert_int_equal(system(command), 0);
	free(broker);
	return 0;
}

/* --- what they say --- */

void say(struct peer *peer)
{
	assert_true(buf_ok(&peer->out));
	assert_int_equal(wire_client_send(peer->socket, buf_slice(&peer->out), DRIVER_ANSWER_MS, NULL), 0);
	buf_clear(&peer->out);
}

static void keep_task(struct peer *peer, struct slice body)
{
	struct peer_task *kept = &peer->tasks[peer->tasks_count];
	struct wire_task  task;

	assert_int_equal(wire_get_task(body, &peer->arena, &task, NULL), 0);
	assert_true(++peer->tasks_count < DRIVER_TASKS_MAX);
	*kept = (struct peer_task){.lease = task.lease,
				   .job = task.job,
				   .kind = task.kind,
				   .verify = task.verify,
				   .digest = task.digest,
				   .diff_id = task.diff_id,
				   .known = task.known.count};
	snprintf(kept->reference, sizeof(kept->reference), "%.*s", SLICE_FMT(task.reference));
}

static void keep_ack(struct peer *peer, struct slice body)
{
	struct wire_ack ack;

	assert_int_equal(wire_get_ack(body, &ack, NULL), 0);
	if (ack.code == 0 && peer->acks_count < DRIVER_TASKS_MAX)
		peer->acks[peer->acks_count++] = ack.lease;
}

struct slice hear(struct peer *peer, enum wire_type type)
{
	struct wire_header header;
	struct slice       body;

	for (;;) {
		if (wire_client_receive(peer->socket, -1, DRIVER_ANSWER_MS, &peer->in, NULL) != 1)
			fail_msg("no message of type %d came", (int)type);
		assert_int_equal(wire_open_frame(buf_slice(&peer->in), &header, &body, NULL), 0);
		assert_true(header.type < DRIVER_TYPES);
		peer->seen[header.type]++;
		if (header.type == WIRE_ACK)
			keep_ack(peer, body);
		if (header.type == WIRE_TASK)
			keep_task(peer, body);
		if (header.type == type)
			return body;
		if (header.type == WIRE_PING) {
			wire_put_empty(&peer->out, WIRE_PONG, 0);
			say(peer);
		}
	}
}

void settle(struct peer *peer)
{
	wire_put_empty(&peer->out, WIRE_PING, 0);
	say(peer);
	hear(peer, WIRE_PONG);
}

/* --- clients --- */

void send_references(struct peer *peer, uint64_t job, uint32_t number, bool last, struct slice *references,
		     size_t count)
{
	struct wire_references list = {.job = job, .number = number, .last = last, .references = {references, count}};

	wire_put_references(&peer->out, 2, &list);
	say(peer);
	hear(peer, WIRE_OK);
}

uint64_t submit_as(struct peer *peer, struct wire_submit *m, struct slice *references, size_t count)
{
	struct wire_job job;

	if (!m->platform.len)
		m->platform = SLICE_LIT("linux/amd64");
	wire_put_submit(&peer->out, 1, m);
	say(peer);
	assert_int_equal(wire_get_job(hear(peer, WIRE_JOB), &job, NULL), 0);
	if (count)
		send_references(peer, job.job, job.number, true, references, count);
	return job.job;
}

uint64_t submit(struct peer *peer, struct slice *references, size_t count)
{
	struct wire_submit m = {.token = "token"};

	return submit_as(peer, &m, references, count);
}

void ask_number(struct peer *peer, enum wire_type type, uint64_t number)
{
	wire_put_number(&peer->out, type, 9, number);
	say(peer);
	hear(peer, WIRE_OK);
}

static struct wire_status_reply ask_status(struct peer *peer, uint64_t job)
{
	struct wire_status_reply reply;

	arena_reset(&peer->arena);
	wire_put_number(&peer->out, WIRE_STATUS, 8, job);
	say(peer);
	assert_int_equal(wire_get_status_reply(hear(peer, WIRE_STATUS_REPLY), &peer->arena, &reply, NULL), 0);
	return reply;
}

struct wire_job_status job_status(struct peer *peer, uint64_t job)
{
	struct wire_status_reply reply = ask_status(peer, job);

	assert_int_equal(reply.jobs_count, 1);
	return reply.jobs[0];
}

uint64_t fleet_counter(struct peer *peer, const char *name)
{
	struct wire_status_reply reply = ask_status(peer, 0);

	for (size_t i = 0; i < reply.counters_count; i++)
		if (slice_eq_str(reply.counters[i].name, name))
			return reply.counters[i].value;
	fail_msg("no counter %s", name);
	return 0;
}

/* --- workers --- */

uint64_t greet_as(struct peer *peer, uint8_t instance, uint64_t *leases, size_t count)
{
	struct wire_hello   hello = {.name = SLICE_LIT("w"),
				     .version = SLICE_LIT("0"),
				     .analyzer_set = SLICE_LIT("a/1"),
				     .layer_slots = 4,
				     .light_slots = 4,
				     .resolver = 1,
				     .leases = leases,
				     .leases_count = count};
	struct wire_welcome welcome;

	hello.instance[0] = instance;
	wire_put_hello(&peer->out, 3, &hello);
	say(peer);
	assert_int_equal(wire_get_welcome(hear(peer, WIRE_WELCOME), &welcome, NULL), 0);
	return welcome.worker;
}

uint64_t greet(struct peer *peer)
{
	return greet_as(peer, 0, NULL, 0);
}

static struct peer_task shift_task(struct peer *peer, size_t index)
{
	struct peer_task task = peer->tasks[index];

	peer->tasks_count--;
	memmove(peer->tasks + index, peer->tasks + index + 1, (peer->tasks_count - index) * sizeof(task));
	return task;
}

/* What ends images comes first, so that something is finished before the next disturbance. */
static size_t first_layer(const struct peer *peer)
{
	for (size_t i = 0; i < peer->tasks_count; i++)
		if (peer->tasks[i].kind == WIRE_TASK_LAYER)
			return i;
	return 0;
}

struct peer_task next_task(struct peer *peer)
{
	if (!peer->tasks_count)
		hear(peer, WIRE_TASK);
	return shift_task(peer, 0);
}

uint64_t take_task(struct peer *peer)
{
	return next_task(peer).lease;
}

static void send_result(struct peer *peer, uint64_t lease, struct slice bytes)
{
	struct wire_result result = {.lease = lease, .last = true, .bytes = bytes};

	wire_put_result(&peer->out, 0, &result);
	say(peer);
}

/* '1' is another blob that claims the content of 'a', and so on. */
static void add_layer(struct image *image, char letter)
{
	struct image_layer *layer = &image->layers[image->layers_count++];

	*layer = (struct image_layer){.size = (uint64_t)('z' - letter) + 1};
	layer->digest.bytes[0] = (uint8_t)letter;
	if (letter >= '1' && letter <= '9')
		layer->diff_id = (struct digest){.bytes = {(uint8_t)(letter - '1' + 'a'), 1}};
}

/* Of one image up to its end or the next '-'; moves *letters there. */
static void encode_image(const struct peer_task *task, const char **letters, struct buf *out)
{
	struct image_layer layers[16];
	struct image       image = {.reference = slice_str(task->reference), .layers = layers};

	for (; **letters && **letters != ':' && **letters != '-'; ++*letters)
		add_layer(&image, **letters);
	digest_of(slice_str(*letters), &image.digest);
	buf_init(out, 1 << 20);
	assert_int_equal(image_encode(&image, out, NULL), 0);
}

static void answer_resolve(struct peer *peer, const struct peer_task *task)
{
	const char         *letters = strrchr(task->reference, '/') + 1;
	struct buf          encoded[4], all;
	struct slice        items[4];
	struct wire_strings images = {items, 0};

	do {
		letters += *letters == '-';
		encode_image(task, &letters, &encoded[images.count]);
		items[images.count] = buf_slice(&encoded[images.count]);
	} while (++images.count < 4 && *letters == '-');
	buf_init(&all, 1 << 20);
	wire_put_strings(&all, &images);
	send_result(peer, task->lease, buf_slice(&all));
	buf_deinit(&all);
	for (size_t i = 0; i < images.count; i++)
		buf_deinit(&encoded[i]);
}

void answer_layer(struct peer *peer, const struct peer_task *task, const struct wire_layer_result *m)
{
	struct buf bytes;

	buf_init(&bytes, LIMIT_CHUNK_BYTES);
	wire_put_layer_result(&bytes, m);
	send_result(peer, task->lease, buf_slice(&bytes));
	buf_deinit(&bytes);
}

void answer_task(struct peer *peer, const struct peer_task *task)
{
	struct wire_layer_result layer = {.blob_bytes = 10,
					  .tar_bytes = 20,
					  .entries = 3,
					  .files_analyzed = 2,
					  .bytes_fetched = 10,
					  .inventory = SLICE_LIT("an inventory"),
					  .path_table = SLICE_LIT("paths")};

	layer.diff_id.bytes[0] = task->digest.bytes[0];
	layer.diff_id.bytes[1] = 1;
	if (task->kind == WIRE_TASK_LAYER)
		answer_layer(peer, task, &layer);
	else
		answer_resolve(peer, task);
}

void fail_task_as(struct peer *peer, uint64_t lease, enum wire_fail_class fail_class, int code)
{
	struct wire_fail failure = {.lease = lease, .fail_class = fail_class, .code = code, .text = SLICE_LIT("gone")};

	wire_put_fail(&peer->out, 0, &failure);
	say(peer);
	hear(peer, WIRE_ACK);
}

void fail_task(struct peer *peer, uint64_t lease)
{
	fail_task_as(peer, lease, WIRE_FAIL_PERMANENT, ERR_NOT_FOUND);
}

void tell_progress(struct peer *peer, const uint64_t *leases, size_t count)
{
	struct wire_lease_progress items[16];
	struct wire_progress       progress = {items, count};

	for (size_t i = 0; i < count; i++)
		items[i] = (struct wire_lease_progress){.lease = leases[i], .bytes = 1};
	wire_put_progress(&peer->out, 0, &progress);
	say(peer);
	hear(peer, WIRE_PONG);
}

size_t work(struct peer *peer, size_t max)
{
	size_t done = 0;

	settle(peer);
	for (; done < max && peer->tasks_count; done++) {
		struct peer_task task = shift_task(peer, first_layer(peer));

		answer_task(peer, &task);
		settle(peer);
	}
	return done;
}
