#include "base/notify.h"

#include "base/slice.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A path, or with '@' a name in the abstract namespace; anything else (vsock) is not for this machine. */
static bool set_address(struct notify *notify, const char *name)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || !name[1] || len >= sizeof(notify->address.sun_path))
		return false;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, name, len);
	if (name[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	return true;
}

/* WATCHDOG_PID names another process when the variables were inherited. */
static uint64_t watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t    value, owner;

	if (!slice_u64(slice_str(usec), &value))
		return 0;
	if (pid && (!slice_u64(slice_str(pid), &owner) || owner != (uint64_t)getpid()))
		return 0;
	return value / 1000;
}

void notify_init(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*notify = (struct notify){.fd = -1};
	if (name && set_address(notify, name)) {
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		notify->watchdog_ms = watchdog_ms();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_deinit(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

bool notify_send(const struct notify *notify, const char *lines)
{
	size_t len = strlen(lines);

	return notify->fd >= 0 &&
	       sendto(notify->fd, lines, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&notify->address,
		      notify->address_bytes) == (ssize_t)len;
}
