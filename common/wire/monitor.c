/* monitor.c - connections that came about and handshakes that failed: ZeroMQ handles both without a word. */
#include "wire/socket_internal.h"

#include <stdio.h>
#include <string.h>

enum {
	EVENTS = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
		 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED,
	QUEUE_UNLIMITED = 0, /* a full queue would stop ZeroMQ's own thread; it is emptied at every receive */
};

void *wire_monitor_open(struct wire_context *context, void *socket)
{
	char  name[64];
	void *monitor;
	int   queued = QUEUE_UNLIMITED, linger = 0;

	snprintf(name, sizeof(name), "inproc://wire-monitor-%u", context->monitors++);
	if (zmq_socket_monitor(socket, name, EVENTS) < 0)
		return NULL;
	monitor = zmq_socket(context->zmq, ZMQ_PAIR);
	if (monitor && zmq_setsockopt(monitor, ZMQ_RCVHWM, &queued, sizeof(queued)) == 0 &&
	    zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof(linger)) == 0 && zmq_connect(monitor, name) == 0)
		return monitor;
	wire_monitor_close(monitor, socket);
	return NULL;
}

/* Two frames: event (u16) and value (u32) in the machine's order, and an address. */
enum wire_event wire_monitor_next(void *monitor)
{
	uint8_t  frame[6], address[512];
	uint16_t event;

	if (!monitor || zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != (int)sizeof(frame))
		return WIRE_EVENT_NONE;
	memcpy(&event, frame, sizeof(event));
	if (zmq_recv(monitor, address, sizeof(address), ZMQ_DONTWAIT) < 0)
		return WIRE_EVENT_NONE;
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
		return WIRE_EVENT_CONNECTED;
	if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
		return WIRE_EVENT_HANDSHAKE_FOREIGN;
	return event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? WIRE_EVENT_KEY_REFUSED : WIRE_EVENT_HANDSHAKE_REFUSED;
}

void wire_monitor_close(void *monitor, void *socket)
{
	zmq_socket_monitor(socket, NULL, 0);
	if (monitor)
		zmq_close(monitor);
}

void wire_monitor_drain(void *monitor, const char *endpoint, struct wire_refused *refused)
{
	enum wire_event event;

	while ((event = wire_monitor_next(monitor)) != WIRE_EVENT_NONE) {
		bool handshake = event == WIRE_EVENT_HANDSHAKE_REFUSED || event == WIRE_EVENT_HANDSHAKE_FOREIGN;

		refused->keys += event == WIRE_EVENT_KEY_REFUSED;
		refused->handshakes += handshake;
		if (handshake)
			log_line_limited(&refused->limit, LOG_WARNING, "wire",
					 "%s: a peer was refused: it has no key, or not this broker's public key",
					 endpoint);
	}
}
