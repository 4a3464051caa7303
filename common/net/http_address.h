/* http_address.h - which network addresses a transfer may go to. Pure functions. */
#ifndef VARVE_NET_HTTP_ADDRESS_H
#define VARVE_NET_HTTP_ADDRESS_H

#include "base/slice.h"

#include <sys/socket.h>

enum address_kind {
	ADDRESS_PLAIN,
	ADDRESS_LOOPBACK, /* this host; the unspecified address, which Linux takes for it, too */
	ADDRESS_REFUSED,  /* link-local, or a metadata service of a cloud */
	ADDRESS_NONE,     /* not an address (a name) */
};

/* IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4) is judged as IPv4. */
enum address_kind address_kind_of(const struct sockaddr *address);
enum address_kind address_kind_of_text(const char *text); /* "10.0.0.1", "fe80::1%eth0", "[::1]" */

#endif
