/* Messages there and back and cut anywhere; who may say what; keys over a real tcp socket. */
#include "lib/check.h"

#include "base/file.h"
#include "client.h"
#include "wire/keys.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buf   frame;
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_deinit(&frame);
	arena_deinit(&arena);
	return 0;
}

static struct slice body_of(enum wire_type type, uint64_t correlation)
{
	struct wire_header header;
	struct slice       body;

	assert_true(buf_ok(&frame));
	assert_int_equal(wire_open_frame(buf_slice(&frame), &header, &body, NULL), 0);
	assert_int_equal(header.type, type);
	assert_int_equal(header.correlation, correlation);
	return body;
}

static void task_comes_through_whole(void **state)
{
	struct slice     globs[] = {SLICE_LIT("a/*"), SLICE_LIT("b")};
	struct wire_task task = {.lease = 7,
				 .kind = WIRE_TASK_LAYER,
				 .attempt = 2,
				 .reference = SLICE_LIT("docker://h/r:t"),
				 .platform = SLICE_LIT("linux/arm64"),
				 .include = {globs, 2},
				 .exclude = {globs + 1, 1},
				 .newest = 3,
				 .size = UINT64_MAX,
				 .media_type = SLICE_LIT("m"),
				 .location = SLICE_LIT("l"),
				 .verify = true};
	struct wire_task read;

	(void)state;
	task.digest.bytes[31] = 9;
	wire_put_task(&frame, 5, &task);
	assert_int_equal(wire_get_task(body_of(WIRE_TASK, 5), &arena, &read, NULL), 0);
	assert_int_equal(read.lease, 7);
	assert_int_equal(read.kind, WIRE_TASK_LAYER);
	assert_slice_equal(read.reference, "docker://h/r:t");
	assert_slice_equal(read.include.items[0], "a/*");
	assert_int_equal(read.exclude.count, 1);
	assert_true(digest_eq(&read.digest, &task.digest));
	assert_true(read.size == UINT64_MAX);
	assert_true(read.verify);
}

static void later_versions_may_append_fields(void **state)
{
	static const uint8_t body[] = {0x93, 7, 8, 0xa1, 'x'};
	uint64_t             number;

	(void)state;
	assert_int_equal(wire_get_number(slice_of(body, sizeof(body)), &number, NULL), 0);
	assert_int_equal(number, 7);
}

/* Every message cut at every byte is an error, never more. */
static void cut_bodies_are_refused(void **state)
{
	struct slice           text = SLICE_LIT("t");
	struct wire_hello      hello = {.name = text, .version = text, .analyzer_set = text, .hosts = {&text, 1}};
	struct wire_submit     submit = {.label = text, .platform = text};
	struct wire_references references = {.references = {&text, 1}};
	struct wire_hello      hello_read;
	struct wire_submit     submit_read;
	struct wire_references references_read;
	struct slice           body;

	(void)state;
	wire_put_hello(&frame, 0, &hello);
	body = body_of(WIRE_HELLO, 0);
	for (size_t len = 0; len < body.len; len++)
		assert_int_equal(wire_get_hello(slice_sub(body, 0, len), &arena, &hello_read, NULL), ERR_PROTOCOL);
	buf_clear(&frame);
	wire_put_submit(&frame, 0, &submit);
	body = body_of(WIRE_SUBMIT, 0);
	for (size_t len = 0; len < body.len; len++)
		assert_int_equal(wire_get_submit(slice_sub(body, 0, len), &arena, &submit_read, NULL), ERR_PROTOCOL);
	buf_clear(&frame);
	wire_put_references(&frame, 0, &references);
	body = body_of(WIRE_REFERENCES, 0);
	for (size_t len = 0; len < body.len; len++)
		assert_int_equal(wire_get_references(slice_sub(body, 0, len), &arena, &references_read, NULL),
				 ERR_PROTOCOL);
}

static void foreign_frames_are_told_apart(void **state)
{
	struct wire_header header;
	struct slice       body;

	(void)state;
	wire_put_empty(&frame, WIRE_PING, 3);
	frame.ptr[5] = 9;
	assert_int_equal(wire_open_frame(buf_slice(&frame), &header, &body, NULL), ERR_VERSION);
	frame.ptr[5] = WIRE_VERSION;
	frame.ptr[19]++;
	assert_int_equal(wire_open_frame(buf_slice(&frame), &header, &body, NULL), ERR_PROTOCOL);
	assert_int_equal(wire_open_frame(SLICE_LIT("GET / HTTP/1.1\r\n\r\n12345"), &header, &body, NULL), ERR_PROTOCOL);
	assert_int_equal(wire_open_frame(SLICE_EMPTY, &header, &body, NULL), ERR_PROTOCOL);
}

static void roles_allow_their_messages_only(void **state)
{
	(void)state;
	assert_true(auth_allows(ROLE_WORKER, WIRE_RESULT));
	assert_false(auth_allows(ROLE_WORKER, WIRE_SUBMIT));
	assert_false(auth_allows(ROLE_WORKER, WIRE_RESULTS));
	assert_true(auth_allows(ROLE_SUBMIT, WIRE_SUBMIT));
	assert_true(auth_allows(ROLE_SUBMIT, WIRE_WATCH));
	assert_false(auth_allows(ROLE_SUBMIT, WIRE_HELLO));
	assert_true(auth_allows(ROLE_READ, WIRE_RESULTS));
	assert_false(auth_allows(ROLE_READ, WIRE_CANCEL));
	assert_true(auth_allows(ROLE_ADMIN, WIRE_HELLO));
	assert_true(auth_allows(ROLE_SUBMIT, WIRE_PAUSE));
	assert_true(auth_allows(ROLE_SUBMIT, WIRE_RESUME));
	assert_false(auth_allows(ROLE_READ, WIRE_PAUSE));
	assert_false(auth_allows(ROLE_READ | ROLE_WORKER, WIRE_RESUME));
	assert_true(auth_allows(ROLE_WORKER, WIRE_DRAIN));
	assert_false(auth_allows(ROLE_SUBMIT, WIRE_DRAIN));
	assert_false(auth_allows(ROLE_WORKER | ROLE_SUBMIT | ROLE_READ, WIRE_DRAIN_WORKER));
	assert_true(auth_allows(ROLE_ADMIN, WIRE_DRAIN_WORKER));
	assert_false(auth_allows(0, WIRE_PING));
}

/* --- over tcp --- */

struct place {
	char             dir[64], server[96], client[96], stranger[96], list[96];
	struct wire_keys server_keys, client_keys, stranger_keys;
};

static void make_place(struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->server, sizeof(place->server), "%s/server", place->dir);
	snprintf(place->client, sizeof(place->client), "%s/client", place->dir);
	snprintf(place->stranger, sizeof(place->stranger), "%s/stranger", place->dir);
	snprintf(place->list, sizeof(place->list), "%s/list", place->dir);
	assert_int_equal(keys_generate(place->server, &place->server_keys, NULL), 0);
	assert_int_equal(keys_generate(place->client, &place->client_keys, NULL), 0);
	assert_int_equal(keys_generate(place->stranger, &place->stranger_keys, NULL), 0);
	assert_int_equal(keys_authorize(place->list, slice_str(place->client_keys.public_key), ROLE_READ,
					SLICE_LIT("reader"), NULL),
			 0);
}

static void remove_place(const struct place *place)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->dir);
	assert_int_equal(system(command), 0);
}

struct link {
	struct wire_context *context;
	struct auth         *auth;
	struct wire_server  *server;
	char                 endpoint[128];
};

static void open_link(struct link *link, const struct place *place)
{
	static const char *const  endpoints[] = {"tcp://127.0.0.1:*", NULL};
	struct wire_server_config config = {.endpoints = endpoints, .secret_file = place->server};
	struct err                err = {0};

	link->context = wire_context_new(NULL);
	assert_int_equal(auth_open(place->list, &link->auth, NULL), 0);
	config.auth = link->auth;
	if (wire_server_open(link->context, &config, &link->server, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(link->endpoint, sizeof(link->endpoint), "%s", wire_server_endpoint(link->server, 0));
}

static void close_link(struct link *link)
{
	wire_server_close(link->server);
	wire_context_free(link->context);
	auth_close(link->auth);
}

/* Sends a PING from a client of its own; the roles it arrives with, or -1 when it does not within `wait_ms`. */
static int roles_seen(struct link *link, const char *secret, const char *server_key, uint64_t wait_ms)
{
	struct wire_client_config config = {
		.endpoint = link->endpoint, .secret_file = secret, .server_public = server_key};
	struct wire_client *client;
	struct wire_peer    peer;
	unsigned            roles = 0;
	struct buf          in;
	int                 got;

	buf_init(&in, LIMIT_MESSAGE_BYTES);
	buf_clear(&frame);
	wire_put_empty(&frame, WIRE_PING, 1);
	assert_int_equal(wire_client_open(link->context, &config, &client, NULL), 0);
	assert_int_equal(wire_client_send(client, buf_slice(&frame), 1000, NULL), 0);
	got = wire_server_receive(link->server, -1, wait_ms, &peer, &roles, &in, NULL);
	if (got > 0) { /* and back */
		assert_int_equal(wire_server_send(link->server, &peer, buf_slice(&in)), 0);
		assert_int_equal(wire_client_receive(client, -1, 10000, &in, NULL), 1);
		assert_true(slice_eq(buf_slice(&in), buf_slice(&frame)));
	}
	wire_client_close(client);
	buf_deinit(&in);
	return got > 0 ? (int)roles : -1;
}

static void listed_key_has_its_roles_of_the_moment_and_others_stay_out(void **state)
{
	struct place place;
	struct link  link;

	(void)state;
	make_place(&place);
	open_link(&link, &place);
	assert_int_equal(roles_seen(&link, place.client, place.server_keys.public_key, 10000), ROLE_READ);
	assert_int_equal(roles_seen(&link, place.stranger, place.server_keys.public_key, 500), -1);
	assert_int_equal(roles_seen(&link, place.client, place.stranger_keys.public_key, 500),
			 -1); /* not the broker it expects */
	assert_int_equal(keys_authorize(place.list, slice_str(place.client_keys.public_key), ROLE_WORKER | ROLE_SUBMIT,
					SLICE_EMPTY, NULL),
			 0);
	assert_int_equal(roles_seen(&link, place.client, place.server_keys.public_key, 10000),
			 ROLE_WORKER | ROLE_SUBMIT);
	assert_int_equal(keys_revoke(place.list, slice_str(place.client_keys.public_key), NULL), 0);
	assert_int_equal(roles_seen(&link, place.client, place.server_keys.public_key, 500), -1);
	close_link(&link);
	remove_place(&place);
}

/* The connection was made before: authorisation is of each message, so no restart is needed. */
static void revocation_holds_for_connections_that_are_open(void **state)
{
	struct place              place;
	struct link               link;
	struct wire_client_config config = {.secret_file = place.client, .server_public = place.server_keys.public_key};
	struct wire_client       *client;
	struct wire_peer          peer;
	unsigned                  roles;

	(void)state;
	make_place(&place);
	open_link(&link, &place);
	config.endpoint = link.endpoint;
	wire_put_empty(&frame, WIRE_PING, 1);
	assert_int_equal(wire_client_open(link.context, &config, &client, NULL), 0);
	assert_int_equal(wire_client_send(client, buf_slice(&frame), 1000, NULL), 0);
	assert_int_equal(wire_server_receive(link.server, -1, 10000, &peer, &roles, &frame, NULL), 1);
	assert_int_equal(roles, ROLE_READ);
	assert_int_equal(keys_revoke(place.list, slice_str(place.client_keys.public_key), NULL), 0);
	assert_int_equal(wire_client_send(client, buf_slice(&frame), 1000, NULL), 0);
	assert_int_equal(wire_server_receive(link.server, -1, 10000, &peer, &roles, &frame, NULL), 1);
	assert_int_equal(roles, 0);
	assert_false(auth_allows(roles, WIRE_PING));
	wire_client_close(client);
	close_link(&link);
	remove_place(&place);
}

/* How a command ends that has two minutes of patience: it is not to use them. */
static int status_with(const struct link *link, const char *secret, const char *server_key, struct err *err)
{
	struct client_config config = {
		.wire = {.endpoint = link->endpoint, .secret_file = secret, .server_public = server_key},
		.answer_ms = 120000};
	struct wire_status_reply reply;
	struct client           *client;
	int                      code;

	assert_int_equal(client_open(&config, &client, err), 0);
	code = client_status(client, 0, &arena, &reply, err);
	client_close(client);
	return code;
}

static void client_that_is_refused_knows_at_once_and_why(void **state)
{
	struct place place;
	struct link  link;
	struct err   refused = {0}, mistaken = {0};

	(void)state;
	make_place(&place);
	open_link(&link, &place);
	assert_int_equal(status_with(&link, place.stranger, place.server_keys.public_key, &refused), ERR_AUTH);
	assert_non_null(strstr(refused.text, "not on its list"));
	assert_int_equal(status_with(&link, place.client, place.stranger_keys.public_key, &mistaken), ERR_AUTH);
	assert_non_null(strstr(mistaken.text, "is it a varve-broker, with these keys?"));
	close_link(&link);
	remove_place(&place);
}

static void tcp_without_keys_is_refused(void **state)
{
	static const char *const  endpoints[] = {"tcp://127.0.0.1:*", NULL};
	struct wire_server_config server_config = {.endpoints = endpoints};
	struct wire_client_config client_config = {.endpoint = "tcp://127.0.0.1:1"};
	struct wire_context      *context = wire_context_new(NULL);
	struct wire_server       *server;
	struct wire_client       *client;

	(void)state;
	assert_int_equal(wire_server_open(context, &server_config, &server, NULL), ERR_CONFIG);
	assert_int_equal(wire_client_open(context, &client_config, &client, NULL), ERR_CONFIG);
	client_config.endpoint = "http://x";
	assert_int_equal(wire_client_open(context, &client_config, &client, NULL), ERR_USAGE);
	wire_context_free(context);
}

static void ipc_wants_a_private_folder(void **state)
{
	char                      dir[] = "/tmp/varve-test-XXXXXX", endpoint[64];
	const char               *endpoints[] = {endpoint, NULL};
	struct wire_server_config config = {.endpoints = endpoints};
	struct wire_context      *context = wire_context_new(NULL);
	struct wire_server       *server;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/broker", dir);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(wire_server_open(context, &config, &server, NULL), ERR_CONFIG);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(wire_server_open(context, &config, &server, NULL), 0);
	wire_server_close(server);
	wire_context_free(context);
	context = wire_context_new(NULL);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/made/broker", dir); /* one that is not there is made */
	assert_int_equal(wire_server_open(context, &config, &server, NULL), 0);
	wire_server_close(server);
	wire_context_free(context);
	context = wire_context_new(NULL);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/not/there/broker", dir);
	assert_int_equal(wire_server_open(context, &config, &server, NULL), ERR_CONFIG);
	wire_context_free(context);
	snprintf(endpoint, sizeof(endpoint), "rm -rf %s", dir);
	assert_int_equal(system(endpoint), 0);
}

static void ipc_path_in_use_is_not_taken_away(void **state)
{
	char                      dir[] = "/tmp/varve-test-XXXXXX", endpoint[64];
	const char               *endpoints[] = {endpoint, NULL};
	struct wire_server_config config = {.endpoints = endpoints};
	struct wire_context      *first = wire_context_new(NULL), *second = wire_context_new(NULL);
	struct wire_server       *server, *other;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/broker", dir);
	assert_int_equal(wire_server_open(first, &config, &server, NULL), 0);
	assert_int_equal(wire_server_open(second, &config, &other, NULL), ERR_BUSY);
	wire_server_close(server);
	wire_context_free(first);
	assert_int_equal(wire_server_open(second, &config, &other, NULL), 0);
	wire_server_close(other);
	wire_context_free(second);
	snprintf(endpoint, sizeof(endpoint), "rm -rf %s", dir);
	assert_int_equal(system(endpoint), 0);
}

static void public_key_never_looks_like_an_option(void **state)
{
	char public_key[WIRE_KEY_TEXT_BYTES], secret_key[WIRE_KEY_TEXT_BYTES];

	(void)state;
	for (int i = 0; i < 1000; i++) { /* one in 85 would */
		assert_int_equal(wire_keypair(public_key, secret_key, NULL), 0);
		assert_int_not_equal(public_key[0], '-');
	}
}

static void key_files_are_private_and_not_overwritten(void **state)
{
	struct place     place;
	struct wire_keys keys;

	(void)state;
	make_place(&place);
	assert_int_equal(keys_generate(place.client, &keys, NULL), ERR_USAGE);
	assert_int_equal(keys_read(place.client, &keys, NULL), 0);
	assert_string_equal(keys.public_key, place.client_keys.public_key);
	assert_int_equal(chmod(place.client, 0644), 0);
	assert_int_equal(keys_read(place.client, &keys, NULL), ERR_CONFIG);
	assert_int_equal(keys_revoke(place.list, slice_str(place.stranger_keys.public_key), NULL), ERR_NOT_FOUND);
	remove_place(&place);
}

static void key_list_keeps_its_mode_and_a_new_one_is_private(void **state)
{
	struct place place;
	struct stat  list;

	(void)state;
	make_place(&place);
	assert_int_equal(stat(place.list, &list), 0);
	assert_int_equal(list.st_mode & 0777, 0600);
	assert_int_equal(chmod(place.list, 0640), 0);
	assert_int_equal(
		keys_authorize(place.list, slice_str(place.stranger_keys.public_key), ROLE_READ, SLICE_LIT("x"), NULL),
		0);
	assert_int_equal(stat(place.list, &list), 0);
	assert_int_equal(list.st_mode & 0777, 0640);
	remove_place(&place);
}

/* As a service's manager or Kubernetes hands it out; the same file is refused to root, whose group has no business there. */
static void key_file_of_root_may_be_lent_to_a_group(void **state)
{
	struct place     place;
	struct wire_keys keys;
	int              got;

	(void)state;
	if (geteuid() != 0)
		skip();
	make_place(&place);
	assert_int_equal(chmod(place.client, 0440), 0);
	assert_int_equal(keys_read(place.client, &keys, NULL), ERR_CONFIG);
	assert_int_equal(chown(place.client, 0, 65532), 0);
	assert_int_equal(chmod(place.dir, 0711), 0);
	assert_int_equal(setegid(65532), 0);
	assert_int_equal(seteuid(65532), 0);
	got = keys_read(place.client, &keys, NULL);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(got, 0);
	remove_place(&place);
}

static void unknown_peers_are_an_error_not_an_assert(void **state)
{
	static const char *const  endpoints[] = {"inproc://ceiling", NULL};
	struct wire_server_config config = {.endpoints = endpoints};
	struct wire_context      *context = wire_context_new(NULL);
	struct wire_server       *server;
	struct wire_peer          nobody = {{0}};

	(void)state;
	assert_int_equal(wire_server_open(context, &config, &server, NULL), 0);
	assert_int_equal(wire_server_send(server, &nobody, SLICE_LIT("x")), ERR_NOT_FOUND);
	nobody.bytes[0] = nobody.bytes[1] = 1;
	assert_int_equal(wire_server_send(server, &nobody, SLICE_LIT("x")), ERR_NOT_FOUND);
	wire_server_close(server);
	wire_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(task_comes_through_whole),
		cmocka_unit_test(later_versions_may_append_fields),
		cmocka_unit_test(cut_bodies_are_refused),
		cmocka_unit_test(foreign_frames_are_told_apart),
		cmocka_unit_test(roles_allow_their_messages_only),
		cmocka_unit_test(listed_key_has_its_roles_of_the_moment_and_others_stay_out),
		cmocka_unit_test(revocation_holds_for_connections_that_are_open),
		cmocka_unit_test(client_that_is_refused_knows_at_once_and_why),
		cmocka_unit_test(tcp_without_keys_is_refused),
		cmocka_unit_test(ipc_wants_a_private_folder),
		cmocka_unit_test(ipc_path_in_use_is_not_taken_away),
		cmocka_unit_test(public_key_never_looks_like_an_option),
		cmocka_unit_test(key_files_are_private_and_not_overwritten),
		cmocka_unit_test(key_list_keeps_its_mode_and_a_new_one_is_private),
		cmocka_unit_test(key_file_of_root_may_be_lent_to_a_group),
		cmocka_unit_test(unknown_peers_are_an_error_not_an_assert),
	};
	struct CMUnitTest with_buffers[sizeof(tests) / sizeof(tests[0])];

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		with_buffers[i] = tests[i];
		with_buffers[i].setup_func = set_up;
		with_buffers[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests(with_buffers, NULL, NULL);
}
