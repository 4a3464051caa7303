/* client_ask.c - a question and the parts of its answer, each asked for when the one before is here. */
#include "client_link.h"

#include "base/clock.h"

enum { LOOK_MS = 250, ALIVE_MS = 5000 };

/* The answer may take its time to be computed: a broker that is there says PONG meanwhile. */
struct asking {
	struct client *client;
	uint64_t       correlation, heard_ms, asked_alive_ms;
	uint32_t       number; /* of the part that is wanted next */
	struct buf    *document;
};

static int ask_alive(struct asking *a, struct err *err)
{
	uint64_t now = clock_ms();

	if (now >= a->heard_ms + a->client->config.silence_ms + a->client->config.answer_ms)
		return client_absent(a->client, now - a->heard_ms, err);
	if (now < a->asked_alive_ms + ALIVE_MS)
		return 0;
	a->asked_alive_ms = now;
	buf_clear(&a->client->out);
	wire_put_empty(&a->client->out, WIRE_PING, ++a->client->correlation);
	return client_send(a->client, err);
}

/* 1: the last part is here. */
static int take_part(struct asking *a, struct slice body, struct err *err)
{
	struct wire_query_part part;
	int                    rc = wire_get_query_part(body, &part, err);

	if (rc != 0)
		return rc;
	if (part.number != a->number)
		return err_set(err, ERR_PROTOCOL, "the broker sent part %u of an answer instead of %u", part.number,
			       a->number);
	buf_append(a->document, part.bytes);
	if (!buf_ok(a->document))
		return err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", a->document->bytes_max);
	a->number++;
	if (part.last)
		return 1;
	buf_clear(&a->client->out);
	wire_put_number(&a->client->out, WIRE_QUERY_MORE, a->correlation, a->number);
	return client_send(a->client, err);
}

static int receive(struct asking *a, struct err *err)
{
	struct wire_header header;
	struct slice       body;
	int                rc = client_receive(a->client, -1, LOOK_MS, &header, &body, err);

	if (rc == 0)
		rc = wire_client_refused(a->client->socket, err);
	if (rc == 0)
		return ask_alive(a, err);
	if (rc < 0)
		return rc;
	a->heard_ms = clock_ms();
	if (header.correlation != a->correlation)
		return 0;
	if (header.type == WIRE_ERROR)
		return client_refused(body, err);
	return header.type == WIRE_QUERY_PART
		       ? take_part(a, body, err)
		       : err_set(err, ERR_PROTOCOL, "the broker's answer has type %u instead of %u", header.type,
				 WIRE_QUERY_PART);
}

int client_ask(struct client *client, struct slice request, struct buf *document, struct err *err)
{
	struct asking a = {.client = client,
			   .correlation = ++client->correlation,
			   .heard_ms = clock_ms(),
			   .asked_alive_ms = clock_ms(),
			   .document = document};
	int           rc;

	buf_clear(&client->out);
	wire_put_query(&client->out, a.correlation, request);
	rc = client_send(client, err);
	while (rc == 0)
		rc = receive(&a, err);
	return rc > 0 ? 0 : rc;
}
