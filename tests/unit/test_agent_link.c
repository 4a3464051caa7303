/* A worker's side of the protocol, before a broker that says exactly what a test wants. */
#include "lib/check.h"
#include "lib/fake_registry.h"

#include "agent.h"
#include "base/log.h"
#include "wire/message.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_MS = 20000, BEAT_MS = 100, UNKNOWN_KIND = 99, LEASES = 32, BEATS = 4, CREDIT = 1 };

struct place {
	struct wire_context *context;
	struct wire_server  *server;
	struct sources      *sources;
	struct agent        *agent;
	struct wire_peer     peer; /* the worker */
	struct buf           in, out;
	struct arena         arena;
	struct wire_header   header;                         /* of the message heard last */
	size_t               fails[LEASES], results[LEASES]; /* FAIL and last RESULT messages, by lease */
	struct wire_fail     failure;                        /* the last */
	uint64_t             credit;
	_Atomic bool         drained;
};

static void on_drained(void *data)
{
	struct place *place = data;

	place->drained = true;
}

static void start_agent(struct place *place, struct agent_config *agent)
{
	static const char *const  endpoints[] = {"inproc://fake", NULL};
	struct wire_server_config server = {.endpoints = endpoints};
	struct source_config      source = {.tls_verify = true};
	struct err                err = {0};

	*agent = (struct agent_config){.broker = {.endpoint = endpoints[0]},
				       .threads = 1,
				       .parser.program = TEST_PARSER,
				       .scan_log = LOG_DEBUG,
				       .embedded = true,
				       .drained = on_drained,
				       .drained_data = place};
	place->context = agent->context = wire_context_new(&err);
	place->sources = agent->sources = sources_new(&source, &err);
	assert_int_equal(wire_server_open(place->context, &server, &place->server, &err), 0);
	if (agent_start(agent, &place->agent, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	struct place       *place = calloc(1, sizeof(*place));
	struct agent_config config;

	start_agent(place, &config);
	buf_init(&place->in, LIMIT_MESSAGE_BYTES);
	buf_init(&place->out, LIMIT_MESSAGE_BYTES);
	arena_init(&place->arena, 16 << 20);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	agent_stop(place->agent);
	sources_free(place->sources);
	wire_server_close(place->server);
	wire_context_free(place->context);
	buf_deinit(&place->in);
	buf_deinit(&place->out);
	arena_deinit(&place->arena);
	free(place);
	return 0;
}

static void note_result(struct place *place, struct slice body)
{
	struct wire_result result;

	assert_int_equal(wire_get_result(body, &result, NULL), 0);
	assert_true(result.lease < LEASES);
	place->results[result.lease] += result.last;
}

static void note_failure(struct place *place, struct slice body)
{
	assert_int_equal(wire_get_fail(body, &place->failure, NULL), 0);
	assert_true(place->failure.lease < LEASES);
	place->fails[place->failure.lease]++;
}

/* The body of the worker's next message of that type; results and failures before it are counted. */
static struct slice hear(struct place *place, enum wire_type type)
{
	struct slice body;
	unsigned     roles;

	do {
		if (wire_server_receive(place->server, -1, ANSWER_MS, &place->peer, &roles, &place->in, NULL) != 1)
			fail_msg("no message of type %d came", (int)type);
		assert_int_equal(wire_open_frame(buf_slice(&place->in), &place->header, &body, NULL), 0);
		if (place->header.type == WIRE_FAIL)
			note_failure(place, body);
		if (place->header.type == WIRE_RESULT)
			note_result(place, body);
	} while (place->header.type != type);
	return body;
}

static void say(struct place *place)
{
	assert_int_equal(wire_server_send(place->server, &place->peer, buf_slice(&place->out)), 0);
	buf_clear(&place->out);
}

static void welcome(struct place *place)
{
	const struct wire_welcome m = {
		.worker = 1, .heartbeat_ms = BEAT_MS, .silence_ms = ANSWER_MS, .result_bytes = place->credit};

	wire_put_welcome(&place->out, 0, &m);
	say(place);
}

static void give(struct place *place, uint64_t lease, uint32_t kind, const char *reference)
{
	struct wire_task task = {.lease = lease,
				 .kind = kind,
				 .reference = slice_str(reference),
				 .platform = SLICE_LIT("all"),
				 .size = UINT64_MAX};

	memset(task.digest.bytes, (int)lease, sizeof(task.digest.bytes));
	wire_put_task(&place->out, 0, &task);
	say(place);
}

/* A task that fails at once, and is heard of. */
static void bad_task(struct place *place, uint64_t lease, uint32_t kind)
{
	give(place, lease, kind, "docker://");
	while (!place->fails[lease])
		hear(place, WIRE_FAIL);
}

static void hear_result(struct place *place, uint64_t lease)
{
	size_t before = place->results[lease];

	while (place->results[lease] == before)
		hear(place, WIRE_RESULT);
}

static void acknowledge(struct place *place, uint64_t lease, int code)
{
	const struct wire_ack ack = {.lease = lease, .code = code};

	wire_put_ack(&place->out, 0, &ack);
	say(place);
}

static void hear_beats(struct place *place, unsigned count)
{
	while (count--)
		hear(place, WIRE_PROGRESS);
}

static void ask_for_greeting(struct place *place)
{
	const struct wire_error error = {.code = ERR_NOT_FOUND, .text = SLICE_LIT("say HELLO first")};

	wire_put_error(&place->out, 0, &error);
	say(place);
}

/* As a broker does that was started anew. */
static void forget_worker(struct place *place)
{
	ask_for_greeting(place);
	hear(place, WIRE_HELLO);
	welcome(place);
}

/* Bytes that the next heartbeat tells of a lease; -1: it is not among those held. */
static int64_t bytes_told(struct place *place, uint64_t lease)
{
	struct wire_progress progress;

	arena_reset(&place->arena);
	assert_int_equal(wire_get_progress(hear(place, WIRE_PROGRESS), &place->arena, &progress, NULL), 0);
	for (size_t i = 0; i < progress.count; i++)
		if (progress.items[i].lease == lease)
			return (int64_t)progress.items[i].bytes;
	return -1;
}

/* It is not held any more. */
static void hear_gone(struct place *place, uint64_t lease)
{
	for (unsigned beats = 0; bytes_told(place, lease) >= 0; beats++)
		assert_true(beats < ANSWER_MS / BEAT_MS);
}

static void wait_until_drained(const struct place *place)
{
	for (unsigned ms = 0; !place->drained; ms++) {
		assert_true(ms < ANSWER_MS);
		usleep(1000);
	}
}

/* --- results --- */

static void result_is_said_again_once_to_a_broker_that_is_new(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	bad_task(place, 1, UNKNOWN_KIND);
	for (int i = 0; i < 3; i++)
		welcome(place); /* to greetings that had queued up */
	bad_task(place, 2, UNKNOWN_KIND);
	assert_int_equal(place->fails[1], 1);
	forget_worker(place);
	welcome(place);
	bad_task(place, 3, UNKNOWN_KIND);
	assert_int_equal(place->fails[1], 2);
	assert_int_equal(place->fails[2], 2);
}

static void listing_of_a_broker_that_died_is_not_held_for_ever(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	bad_task(place, 1, WIRE_TASK_ENUMERATE);
	forget_worker(place);
	bad_task(place, 2, UNKNOWN_KIND);
	assert_int_equal(bytes_told(place, 1), -1);
	assert_true(bytes_told(place, 2) >= 0);
}

static void results_beyond_the_credit_wait_and_one_that_is_larger_goes_alone(void **state)
{
	struct place *place = *state;

	place->credit = CREDIT;
	hear(place, WIRE_HELLO);
	welcome(place);
	for (uint64_t lease = 1; lease <= 3; lease++)
		give(place, lease, WIRE_TASK_RESOLVE, "rootfs:/");
	hear(place, WIRE_RESULT);
	hear_beats(place, BEATS);
	assert_int_equal(place->results[1] + place->results[2] + place->results[3], 1);
	for (uint64_t lease = 1; lease <= 3; lease++)
		if (place->results[lease])
			acknowledge(place, lease, 0);
	hear(place, WIRE_RESULT);
	hear_beats(place, BEATS);
	assert_int_equal(place->results[1] + place->results[2] + place->results[3], 2);
	bad_task(place, 4, UNKNOWN_KIND); /* a failure takes none of the credit */
}

static void result_that_met_a_busy_broker_is_sent_again(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	give(place, 1, WIRE_TASK_RESOLVE, "rootfs:/");
	hear_result(place, 1);
	acknowledge(place, 1, ERR_BUSY);
	hear_result(place, 1);
	acknowledge(place, 1, ERR_BUSY);
	hear_result(place, 1);
	acknowledge(place, 1, 0);
	hear_gone(place, 1);
	assert_int_equal(place->results[1], 3);
}

static void result_that_was_dropped_is_forgotten(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	give(place, 1, WIRE_TASK_RESOLVE, "rootfs:/");
	hear_result(place, 1);
	wire_put_number(&place->out, WIRE_DROP, 0, 1);
	say(place);
	hear_gone(place, 1);
	forget_worker(place);
	bad_task(place, 2, UNKNOWN_KIND);
	assert_int_equal(place->results[1], 1);
}

/* --- greetings --- */

static void leases_and_instance_are_told_to_the_next_broker(void **state)
{
	struct place     *place = *state;
	struct wire_hello first, next;
	uint8_t           instance[WIRE_INSTANCE_BYTES];

	assert_int_equal(wire_get_hello(hear(place, WIRE_HELLO), &place->arena, &first, NULL), 0);
	assert_int_equal(first.leases_count, 0);
	memcpy(instance, first.instance, sizeof(instance));
	welcome(place);
	bad_task(place, 5, UNKNOWN_KIND);
	give(place, 6, WIRE_TASK_RESOLVE, "rootfs:/");
	hear_result(place, 6);
	acknowledge(place, 5, 0);
	hear_gone(place, 5);
	ask_for_greeting(place);
	arena_reset(&place->arena);
	assert_int_equal(wire_get_hello(hear(place, WIRE_HELLO), &place->arena, &next, NULL), 0);
	assert_memory_equal(next.instance, instance, sizeof(instance));
	assert_int_equal(next.leases_count, 1);
	assert_int_equal(next.leases[0], 6);
}

static void instances_differ(void **state)
{
	struct place       *place = *state, other = {0};
	struct wire_hello   first, second;
	struct agent_config config = {.context = place->context,
				      .sources = place->sources,
				      .broker = {.endpoint = "inproc://fake"},
				      .parser.program = TEST_PARSER,
				      .threads = 1};
	uint8_t             instance[WIRE_INSTANCE_BYTES];

	assert_int_equal(wire_get_hello(hear(place, WIRE_HELLO), &place->arena, &first, NULL), 0);
	memcpy(instance, first.instance, sizeof(instance));
	welcome(place);
	assert_int_equal(agent_start(&config, &other.agent, NULL), 0);
	assert_int_equal(wire_get_hello(hear(place, WIRE_HELLO), &place->arena, &second, NULL), 0);
	assert_memory_not_equal(second.instance, instance, sizeof(instance));
	agent_stop(other.agent);
}

static void endpoint_that_is_none_is_said_at_the_start(void **state)
{
	struct place       *place = *state;
	struct agent_config config = {.context = place->context,
				      .sources = place->sources,
				      .broker = {.endpoint = "nowhere"},
				      .threads = 1,
				      .parser.program = TEST_PARSER};
	struct agent       *agent = NULL;
	struct err          err = {0};

	assert_int_equal(agent_start(&config, &agent, &err), ERR_USAGE);
	assert_null(agent);
}

/* --- what the work meets --- */

/* A registry that takes connections and says nothing; returns its listening socket. */
static int silent_registry(char reference[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t          size = sizeof(address);
	int                fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(reference, 64, "docker://127.0.0.1:%u/a:b", ntohs(address.sin_port));
	return fd;
}

static void dropped_task_lets_go_of_its_registry(void **state)
{
	struct place        *place = *state;
	char                 reference[64], bytes[4096];
	int                  listening = silent_registry(reference), asked;
	ssize_t              got;
	const struct timeval ceiling = {.tv_sec = ANSWER_MS / 1000};

	hear(place, WIRE_HELLO);
	welcome(place);
	give(place, 1, WIRE_TASK_RESOLVE, reference);
	asked = accept(listening, NULL, NULL); /* its transfer is under way */
	assert_true(asked >= 0);
	assert_int_equal(setsockopt(asked, SOL_SOCKET, SO_RCVTIMEO, &ceiling, sizeof(ceiling)), 0);
	wire_put_number(&place->out, WIRE_DROP, 0, 1);
	say(place);
	while ((got = read(asked, bytes, sizeof(bytes))) > 0)
		; /* ends when the worker hangs up, far sooner than the transfer would time out */
	assert_int_equal(got, 0);
	hear_gone(place, 1);
	bad_task(place, 2, UNKNOWN_KIND);
	assert_int_equal(place->fails[1], 0); /* nobody wants to hear of it */
	close(asked);
	close(listening);
}

static void task_that_waits_for_a_thread_moves_and_one_that_hangs_does_not(void **state)
{
	struct place *place = *state;
	char          reference[64];
	int           listening = silent_registry(reference);
	int64_t       hangs, waits;

	hear(place, WIRE_HELLO);
	welcome(place);
	for (uint64_t lease = 1; lease <= 3; lease++) /* one thread opens two ahead: the third waits for its turn */
		give(place, lease, WIRE_TASK_LAYER, reference);
	assert_true(accept(listening, NULL, NULL) >= 0);
	hear_beats(place, BEATS);
	hangs = bytes_told(place, 1);
	waits = bytes_told(place, 3);
	hear_beats(place, BEATS);
	assert_int_equal(bytes_told(place, 1), hangs);
	assert_true(bytes_told(place, 3) > waits);
	close(listening);
}

/* Long before it has ended, and though no more than a part of it has come: a slow transfer is no dead worker. */
static void bytes_of_a_transfer_are_told_while_it_lasts(void **state)
{
	struct place        *place = *state;
	struct fake_registry fake;
	char                 reference[128];
	struct wire_task     task = {.lease = 1, .kind = WIRE_TASK_LAYER};
	unsigned             beats = 0;

	if (!fake_registry_start(&fake, "{\"stall_blobs\": 1}"))
		skip();
	hear(place, WIRE_HELLO);
	welcome(place);
	snprintf(reference, sizeof(reference), "docker://%s/team/app:v1", fake.host);
	task.reference = slice_str(reference);
	task.digest = fake.layer;
	task.size = fake.layer_bytes;
	wire_put_task(&place->out, 0, &task);
	say(place);
	while (bytes_told(place, 1) < 1000)
		assert_true(beats++ < ANSWER_MS / BEAT_MS);
	assert_int_equal(place->results[1] + place->fails[1], 0);
	fake_registry_stop(&fake);
}

static void wait_that_a_registry_asks_for_is_handed_back(void **state)
{
	struct place        *place = *state;
	struct fake_registry fake;
	char                 reference[128];

	if (!fake_registry_start(&fake, "{\"rate_limit_first\": 100, \"retry_after\": 60}"))
		skip();
	hear(place, WIRE_HELLO);
	welcome(place);
	snprintf(reference, sizeof(reference), "docker://%s/team/app:v1", fake.host);
	give(place, 1, WIRE_TASK_RESOLVE, reference);
	hear(place, WIRE_FAIL);
	assert_int_equal(place->failure.fail_class, WIRE_FAIL_TRANSIENT);
	assert_int_equal(place->failure.code, ERR_RATE);
	assert_true(place->failure.retry_after_ms >= 60000);
	give(place, 2, WIRE_TASK_LAYER, reference);
	hear(place, WIRE_FAIL);
	assert_int_equal(place->failure.lease, 2);
	assert_int_equal(place->failure.code, ERR_RATE);
	assert_true(place->failure.retry_after_ms > 2000);
	fake_registry_stop(&fake);
}

/* --- draining --- */

static void worker_that_was_told_to_drain_finishes_and_leaves(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	give(place, 1, WIRE_TASK_RESOLVE, "rootfs:/");
	hear_result(place, 1);
	wire_put_empty(&place->out, WIRE_DRAIN, 0);
	say(place);
	hear_beats(place, BEATS); /* it holds a result that nobody has taken */
	assert_false(place->drained);
	acknowledge(place, 1, 0);
	hear(place, WIRE_BYE);
	wait_until_drained(place);
}

static void worker_that_wants_to_drain_asks_and_does_what_still_comes(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	hear_beats(place, 1);
	agent_drain(place->agent);
	hear(place, WIRE_DRAIN);
	give(place, 1, WIRE_TASK_RESOLVE, "rootfs:/"); /* had been on its way */
	wire_put_empty(&place->out, WIRE_DRAIN, place->header.correlation);
	say(place);
	hear_result(place, 1);
	acknowledge(place, 1, 0);
	hear(place, WIRE_BYE);
}

static void wish_to_drain_is_said_to_the_next_broker_too(void **state)
{
	struct place *place = *state;

	hear(place, WIRE_HELLO);
	welcome(place);
	give(place, 1, WIRE_TASK_RESOLVE, "rootfs:/");
	hear_result(place, 1);
	wire_put_empty(&place->out, WIRE_DRAIN, 0);
	say(place);
	hear(place, WIRE_DRAIN);
	forget_worker(place);
	hear(place, WIRE_DRAIN);
	wire_put_empty(&place->out, WIRE_DRAIN, place->header.correlation);
	say(place);
	acknowledge(place, 1, 0);
	hear(place, WIRE_BYE);
	assert_int_equal(place->results[1], 2);
}

static void broker_that_knows_no_drain_is_left_when_all_is_done(void **state)
{
	struct place           *place = *state;
	const struct wire_error unknown = {.code = ERR_PROTOCOL, .text = SLICE_LIT("message of unknown type 25")};

	hear(place, WIRE_HELLO);
	welcome(place);
	hear_beats(place, 1);
	agent_drain(place->agent);
	hear(place, WIRE_DRAIN);
	wire_put_error(&place->out, place->header.correlation, &unknown);
	say(place);
	hear(place, WIRE_BYE);
}

static void worker_without_a_broker_and_without_work_drains_at_once(void **state)
{
	struct place *place = *state;

	agent_drain(place->agent);
	wait_until_drained(place);
}

#define AGENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AGENT_TEST(result_is_said_again_once_to_a_broker_that_is_new),
		AGENT_TEST(listing_of_a_broker_that_died_is_not_held_for_ever),
		AGENT_TEST(results_beyond_the_credit_wait_and_one_that_is_larger_goes_alone),
		AGENT_TEST(result_that_met_a_busy_broker_is_sent_again),
		AGENT_TEST(result_that_was_dropped_is_forgotten),
		AGENT_TEST(leases_and_instance_are_told_to_the_next_broker),
		AGENT_TEST(instances_differ),
		AGENT_TEST(endpoint_that_is_none_is_said_at_the_start),
		AGENT_TEST(dropped_task_lets_go_of_its_registry),
		AGENT_TEST(task_that_waits_for_a_thread_moves_and_one_that_hangs_does_not),
		AGENT_TEST(bytes_of_a_transfer_are_told_while_it_lasts),
		AGENT_TEST(wait_that_a_registry_asks_for_is_handed_back),
		AGENT_TEST(worker_that_was_told_to_drain_finishes_and_leaves),
		AGENT_TEST(worker_that_wants_to_drain_asks_and_does_what_still_comes),
		AGENT_TEST(wish_to_drain_is_said_to_the_next_broker_too),
		AGENT_TEST(broker_that_knows_no_drain_is_left_when_all_is_done),
		AGENT_TEST(worker_without_a_broker_and_without_work_drains_at_once),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
