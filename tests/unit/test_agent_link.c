/* A worker's side of the protocol, before a broker that says exactly what a test wants. */
#include "lib/check.h"

#include "agent.h"
#include "base/log.h"
#include "wire/message.h"

#include <stdlib.h>

enum { ANSWER_MS = 20000, BEAT_MS = 100, UNKNOWN_KIND = 99, LEASES = 8 };

struct place {
	struct wire_context *context;
	struct wire_server  *server;
	struct sources      *sources;
	struct agent        *agent;
	struct wire_peer     peer; /* the worker */
	struct buf           in, out;
	struct arena         arena;
	size_t               fails[LEASES]; /* FAIL messages by lease */
};

static int set_up(void **state)
{
	static const char *const  endpoints[] = {"inproc://fake", NULL};
	struct place             *place = calloc(1, sizeof(*place));
	struct wire_server_config server = {.endpoints = endpoints};
	struct source_config      source = {.tls_verify = true};
	struct agent_config       agent = {.broker = {.endpoint = endpoints[0]}, .threads = 1};
	struct err                err = {0};

	place->context = agent.context = wire_context_new(&err);
	place->sources = agent.sources = sources_new(&source, &err);
	assert_int_equal(wire_server_open(place->context, &server, &place->server, &err), 0);
	if (agent_start(&agent, &place->agent, &err) < 0)
		fail_msg("%s", err.text);
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

/* The body of the worker's next message of that type; failures before it are counted. */
static struct slice hear(struct place *place, enum wire_type type)
{
	struct wire_header header;
	struct wire_fail   failure;
	struct slice       body;
	unsigned           roles;

	do {
		if (wire_server_receive(place->server, -1, ANSWER_MS, &place->peer, &roles, &place->in, NULL) != 1)
			fail_msg("no message of type %d came", (int)type);
		assert_int_equal(wire_open_frame(buf_slice(&place->in), &header, &body, NULL), 0);
		if (header.type == WIRE_FAIL) {
			assert_int_equal(wire_get_fail(body, &failure, NULL), 0);
			assert_true(failure.lease < LEASES);
			place->fails[failure.lease]++;
		}
	} while (header.type != type);
	return body;
}

static void say(struct place *place)
{
	assert_int_equal(wire_server_send(place->server, &place->peer, buf_slice(&place->out)), 0);
	buf_clear(&place->out);
}

static void welcome(struct place *place)
{
	const struct wire_welcome m = {.worker = 1, .heartbeat_ms = BEAT_MS, .silence_ms = ANSWER_MS};

	wire_put_welcome(&place->out, 0, &m);
	say(place);
}

/* A task that fails at once, and is heard of. */
static void bad_task(struct place *place, uint64_t lease, uint32_t kind)
{
	const struct wire_task task = {.lease = lease, .kind = kind, .reference = SLICE_LIT("docker://")};

	wire_put_task(&place->out, 0, &task);
	say(place);
	while (!place->fails[lease])
		hear(place, WIRE_FAIL);
}

/* As a broker does that was started anew. */
static void forget_worker(struct place *place)
{
	const struct wire_error error = {.code = ERR_NOT_FOUND, .text = SLICE_LIT("say HELLO first")};

	wire_put_error(&place->out, 0, &error);
	say(place);
	hear(place, WIRE_HELLO);
	welcome(place);
}

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
	struct place        *place = *state;
	struct wire_progress progress;

	hear(place, WIRE_HELLO);
	welcome(place);
	bad_task(place, 1, WIRE_TASK_ENUMERATE);
	forget_worker(place);
	bad_task(place, 2, UNKNOWN_KIND);
	assert_int_equal(wire_get_progress(hear(place, WIRE_PROGRESS), &place->arena, &progress, NULL), 0);
	assert_int_equal(progress.count, 1);
	assert_int_equal(progress.items[0].lease, 2);
}

static void endpoint_that_is_none_is_said_at_the_start(void **state)
{
	struct place       *place = *state;
	struct agent_config config = {
		.context = place->context, .sources = place->sources, .broker = {.endpoint = "nowhere"}, .threads = 1};
	struct agent *agent = NULL;
	struct err    err = {0};

	assert_int_equal(agent_start(&config, &agent, &err), ERR_USAGE);
	assert_null(agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(result_is_said_again_once_to_a_broker_that_is_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(listing_of_a_broker_that_died_is_not_held_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(endpoint_that_is_none_is_said_at_the_start, set_up, tear_down),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
