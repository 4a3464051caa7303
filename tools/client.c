#include "client_link.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/limits.h"

#include <stdlib.h>

enum { ANSWER_MS = 5000, SEND_MS = 5000, SILENCE_MS = 12000, LOOK_MS = 100 };

int client_connect(struct client *client, struct err *err)
{
	wire_client_close(client->socket);
	client->socket = NULL;
	return wire_client_open(client->context, &client->config.wire, &client->socket, err);
}

int client_open(const struct client_config *config, struct client **out, struct err *err)
{
	struct client *client = calloc(1, sizeof(*client));
	int            rc = 0;

	*out = NULL;
	if (!client)
		return err_set(err, ERR_MEM, "opening a connection: no memory");
	client->config = *config;
	client->config.answer_ms = config->answer_ms ? config->answer_ms : ANSWER_MS;
	client->config.silence_ms = config->silence_ms ? config->silence_ms : SILENCE_MS;
	buf_init(&client->out, LIMIT_MESSAGE_BYTES);
	buf_init(&client->in, LIMIT_MESSAGE_BYTES);
	client->context = config->context;
	if (!client->context) {
		client->own_context = true;
		client->context = wire_context_new(err);
		rc = client->context ? 0 : ERR_MEM;
	}
	if (rc == 0)
		rc = client_connect(client, err);
	if (rc != 0)
		client_close(client);
	else
		*out = client;
	return rc;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	if (client->socket)
		wire_client_close(client->socket);
	if (client->own_context && client->context)
		wire_context_free(client->context);
	buf_deinit(&client->out);
	buf_deinit(&client->in);
	free(client);
}

int client_send(struct client *client, struct err *err)
{
	if (!buf_ok(&client->out))
		return err_set(err, ERR_LIMIT, "a message to the broker is too long");
	return wire_client_send(client->socket, buf_slice(&client->out), SEND_MS, err);
}

int client_receive(struct client *client, int wake_fd, uint64_t wait_ms, struct wire_header *header, struct slice *body,
		   struct err *err)
{
	int rc;

	buf_clear(&client->in);
	rc = wire_client_receive(client->socket, wake_fd, wait_ms, &client->in, err);
	if (rc <= 0)
		return rc;
	rc = wire_open_frame(buf_slice(&client->in), header, body, err);
	return rc == 0 ? 1 : rc;
}

int client_refused(struct slice body, struct err *err)
{
	struct wire_error refusal;
	struct buf        text = {.bytes_max = 4096};
	int               rc = wire_get_error(body, &refusal, err);

	if (rc != 0)
		return rc;
	escape_terminal(&text, slice_sub(refusal.text, 0, 400));
	rc = refusal.code < 0 ? refusal.code : ERR_PROTOCOL;
	err_set(err, rc, "broker: %.*s", SLICE_FMT(buf_slice(&text)));
	buf_deinit(&text);
	return rc;
}

int client_absent(const struct client *client, uint64_t waited_ms, struct err *err)
{
	int rc = wire_client_refused(client->socket, err);

	if (rc != 0)
		return rc;
	return err_set(err, ERR_NET, "no broker answers at %s (waited %llu s); is varve-broker running?",
		       client->config.wire.endpoint, (unsigned long long)(waited_ms / 1000));
}

/* Sends client->out and waits for the answer to it; *body until the next receive. */
static int call(struct client *client, unsigned type_wanted, struct slice *body, struct err *err)
{
	uint64_t           correlation = client->correlation, until = clock_ms() + client->config.answer_ms, now;
	struct wire_header header;
	int                rc = client_send(client, err);

	while (rc == 0 && (now = clock_ms()) < until) {
		rc = client_receive(client, -1, until - now < LOOK_MS ? until - now : LOOK_MS, &header, body, err);
		if (rc == 0)
			rc = wire_client_refused(client->socket, err);
		if (rc <= 0)
			continue;
		rc = 0;
		if (header.correlation != correlation)
			continue;
		if (header.type == WIRE_ERROR)
			return client_refused(*body, err);
		if (header.type != type_wanted)
			return err_set(err, ERR_PROTOCOL, "the broker's answer has type %u instead of %u", header.type,
				       type_wanted);
		return 0;
	}
	if (rc == ERR_BUSY)
		err_clear(err);
	return rc != 0 && rc != ERR_BUSY ? rc : client_absent(client, client->config.answer_ms, err);
}

int client_status(struct client *client, uint64_t job, struct arena *arena, struct wire_status_reply *out,
		  struct err *err)
{
	struct slice body;
	int          rc;

	buf_clear(&client->out);
	wire_put_number(&client->out, WIRE_STATUS, ++client->correlation, job);
	rc = call(client, WIRE_STATUS_REPLY, &body, err);
	if (rc == 0)
		rc = wire_get_status_reply(arena_copy(arena, body), arena, out, err);
	if (rc == 0 && job && out->jobs_count == 0)
		rc = err_set(err, ERR_NOT_FOUND, "the broker knows no job %llu", (unsigned long long)job);
	return rc;
}

int client_order(struct client *client, enum wire_type order, uint64_t number, struct err *err)
{
	struct slice body;

	buf_clear(&client->out);
	wire_put_number(&client->out, order, ++client->correlation, number);
	return call(client, WIRE_OK, &body, err);
}
