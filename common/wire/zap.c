/* zap.c - who is let in: the authentication handler that ZeroMQ asks at each CURVE handshake (rfc.zeromq.org/spec/27). */
#include "base/log.h"
#include "wire/keys.h"
#include "wire/socket_internal.h"

#include <string.h>

enum { ZAP_FRAMES_MAX = 8, ZAP_FRAME_BYTES = 256 };

struct zap_request {
	struct {
		uint8_t bytes[ZAP_FRAME_BYTES];
		size_t  len;
	} frames[ZAP_FRAMES_MAX];
	size_t count;
	bool   oversized;
};

static int zap_receive(void *socket, struct zap_request *request)
{
	int    more = 1;
	size_t more_size = sizeof(more);

	request->count = 0;
	request->oversized = false;
	while (more) {
		uint8_t bytes[ZAP_FRAME_BYTES];
		int     got = zmq_recv(socket, bytes, sizeof(bytes), 0);

		if (got < 0)
			return -1;
		if ((size_t)got > sizeof(bytes) || request->count == ZAP_FRAMES_MAX) {
			request->oversized = true;
		} else {
			memcpy(request->frames[request->count].bytes, bytes, (size_t)got);
			request->frames[request->count++].len = (size_t)got;
		}
		if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) < 0)
			return -1;
	}
	return 0;
}

/* version, request id, domain, address, identity, mechanism, public key (32 bytes) */
static bool zap_admit(struct wire_context *context, const struct zap_request *request, char key[WIRE_KEY_TEXT_BYTES])
{
	key[0] = '\0';
	if (request->oversized || request->count != 7 || request->frames[6].len != 32 ||
	    !slice_eq_str(slice_of(request->frames[5].bytes, request->frames[5].len), "CURVE"))
		return false;
	if (!zmq_z85_encode(key, request->frames[6].bytes, 32))
		return false;
	return context->auth && auth_roles(context->auth, slice_str(key)) != 0;
}

static void zap_answer(void *socket, const struct zap_request *request, bool admitted, const char *key)
{
	const char *code = admitted ? "200" : "400", *text = admitted ? "OK" : "key is not on the list";
	size_t      id_len = request->count > 1 ? request->frames[1].len : 0;

	zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(socket, request->count > 1 ? (const void *)request->frames[1].bytes : "", id_len, ZMQ_SNDMORE);
	zmq_send(socket, code, 3, ZMQ_SNDMORE);
	zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
	zmq_send(socket, key, admitted ? strlen(key) : 0, ZMQ_SNDMORE);
	zmq_send(socket, "", 0, 0);
}

static void *zap_run(void *data)
{
	struct wire_context *context = data;
	struct zap_request   request;
	struct log_limit     refused = {0};
	char                 key[WIRE_KEY_TEXT_BYTES];

	while (zap_receive(context->zap_socket, &request) == 0) {
		bool admitted = zap_admit(context, &request, key);

		if (!admitted && key[0])
			log_line_limited(&refused, LOG_WARNING, "wire",
					 "key %s from %.*s was refused: it is not on the list", key,
					 (int)request.frames[3].len, (const char *)request.frames[3].bytes);
		zap_answer(context->zap_socket, &request, admitted, key);
	}
	zmq_close(context->zap_socket);
	return NULL;
}

int wire_zap_start(struct wire_context *context, struct auth *auth, struct err *err)
{
	int status = 0;

	if (context->zap_running)
		return 0;
	context->auth = auth;
	context->zap_socket = zmq_socket(context->zmq, ZMQ_REP);
	if (!context->zap_socket)
		return wire_fail(err, ERR_MEM, "messaging", "authentication");
	if (zmq_bind(context->zap_socket, "inproc://zeromq.zap.01") < 0)
		status = wire_fail(err, ERR_NET, "messaging", "authentication");
	else if (pthread_create(&context->zap_thread, NULL, zap_run, context) != 0)
		status = err_set(err, ERR_MEM, "messaging: authentication thread");
	if (status < 0)
		zmq_close(context->zap_socket); /* an open one would hold the context for ever */
	context->zap_running = status == 0;
	return status;
}
