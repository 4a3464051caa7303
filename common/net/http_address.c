#include "net/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Besides 169.254.0.0/16: metadata services of Alibaba Cloud and of Oracle Cloud. */
static enum address_kind kind_of_ipv4(const uint8_t ip[4])
{
	static const uint8_t metadata[][4] = {{100, 100, 100, 200}, {192, 0, 0, 192}};

	if (ip[0] == 127 || (ip[0] | ip[1] | ip[2] | ip[3]) == 0)
		return ADDRESS_LOOPBACK;
	if (ip[0] == 169 && ip[1] == 254)
		return ADDRESS_REFUSED;
	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
		if (memcmp(ip, metadata[i], 4) == 0)
			return ADDRESS_REFUSED;
	return ADDRESS_PLAIN;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len)
		if (bytes[--len])
			return false;
	return true;
}

static enum address_kind kind_of_ipv6(const uint8_t ip[16])
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t ec2[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

	if (is_zero(ip, 15) && ip[15] <= 1)
		return ADDRESS_LOOPBACK;
	if (is_zero(ip, 10) && ((ip[10] == 0xff && ip[11] == 0xff) || is_zero(ip + 10, 2)))
		return kind_of_ipv4(ip + 12);
	if (memcmp(ip, nat64, sizeof(nat64)) == 0)
		return kind_of_ipv4(ip + 12);
	if (ip[0] == 0x20 && ip[1] == 0x02)
		return kind_of_ipv4(ip + 2);
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
		return ADDRESS_REFUSED;
	return memcmp(ip, ec2, sizeof(ec2)) == 0 ? ADDRESS_REFUSED : ADDRESS_PLAIN;
}

enum address_kind address_kind_of(const struct sockaddr *address)
{
	struct sockaddr_in  v4;
	struct sockaddr_in6 v6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		return kind_of_ipv4((const uint8_t *)&v4.sin_addr);
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		return kind_of_ipv6(v6.sin6_addr.s6_addr);
	default:
		return ADDRESS_NONE;
	}
}

enum address_kind address_kind_of_text(const char *text)
{
	char    copy[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16];
	size_t  bracket = text[0] == '[';

	snprintf(copy, sizeof(copy), "%s", text + bracket);
	copy[strcspn(copy, "%]")] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return kind_of_ipv4(bytes);
	if (inet_pton(AF_INET6, copy, bytes) == 1)
		return kind_of_ipv6(bytes);
	return ADDRESS_NONE;
}
