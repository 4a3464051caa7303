/* notify.h - says to the service manager how a program is: datagrams to $NOTIFY_SOCKET, as sd_notify(3) describes them.
 *
 * Written out here instead of linked from libsystemd: it is one datagram. Sends never block; a manager that does not read
 * loses them. One struct per process, used by any thread after notify_init(). */
#ifndef VARVE_BASE_NOTIFY_H
#define VARVE_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int                fd; /* -1: nobody is told */
	struct sockaddr_un address;
	socklen_t          address_bytes;
	uint64_t           watchdog_ms; /* WATCHDOG=1 must come within; 0 = no watchdog */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so that helpers which this
 * program starts do not speak in its name. Before any thread is started. */
void notify_init(struct notify *notify);
void notify_deinit(struct notify *notify);

/* Lines like "READY=1\nSTATUS=…". False: nobody listens, or it was not taken. */
bool notify_send(const struct notify *notify, const char *lines);

#endif
