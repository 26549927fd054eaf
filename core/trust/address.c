#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static enum address_kind kind_4(uint32_t address)
{
	static const struct {
		uint32_t network;
		int bits;
		enum address_kind kind;
	} table[] = {
		{ 0x00000000, 8, ADDRESS_NEVER },     /* 0/8: this network */
		{ 0x0a000000, 8, ADDRESS_PRIVATE },   /* 10/8 */
		{ 0x64400000, 10, ADDRESS_PRIVATE },  /* 100.64/10: shared by a carrier */
		{ 0x7f000000, 8, ADDRESS_LOOPBACK },  /* 127/8 */
		{ 0xa9fe0000, 16, ADDRESS_NEVER },    /* 169.254/16: link-local */
		{ 0xac100000, 12, ADDRESS_PRIVATE },  /* 172.16/12 */
		{ 0xc0000000, 24, ADDRESS_NEVER },    /* 192.0.0/24: protocol assignments */
		{ 0xc0000200, 24, ADDRESS_NEVER },    /* 192.0.2/24: documentation */
		{ 0xc0586300, 24, ADDRESS_NEVER },    /* 192.88.99/24: 6to4 relays */
		{ 0xc0a80000, 16, ADDRESS_PRIVATE },  /* 192.168/16 */
		{ 0xc6120000, 15, ADDRESS_PRIVATE },  /* 198.18/15: benchmarking, seen inside of sites */
		{ 0xc6336400, 24, ADDRESS_NEVER },    /* 198.51.100/24: documentation */
		{ 0xcb007100, 24, ADDRESS_NEVER },    /* 203.0.113/24: documentation */
		{ 0xe0000000, 3, ADDRESS_NEVER },     /* 224/4 multicast, 240/4 reserved, broadcast */
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if ((address ^ table[i].network) >> (32 - table[i].bits) == 0)
			return table[i].kind;
	return ADDRESS_PUBLIC;
}

static uint32_t word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A detour to an address: what is bad there is bad here, and the detour alone makes it no public one. */
static enum address_kind detour(uint32_t address)
{
	enum address_kind kind = kind_4(address);
	return kind == ADDRESS_PUBLIC ? ADDRESS_PRIVATE : kind;
}

static enum address_kind kind_6(const unsigned char a[16])
{
	static const unsigned char zero[16], nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	if (!memcmp(a, zero, 15))
		return a[15] == 1 ? ADDRESS_LOOPBACK : ADDRESS_NEVER;
	if (!memcmp(a, zero, 10) && a[10] == 0xff && a[11] == 0xff)
		return kind_4(word(a + 12)); /* ::ffff:0:0/96: the kernel speaks IPv4 to it */
	if (!memcmp(a, nat64, 12))
		return detour(word(a + 12));
	if (!memcmp(a, zero, 12))
		return ADDRESS_NEVER; /* ::/96: IPv4-compatible, obsolete */
	if (a[0] == 0x20 && a[1] == 0x02)
		return detour(word(a + 2)); /* 2002::/16: 6to4 */
	if ((a[0] & 0xfe) == 0xfc)
		return ADDRESS_PRIVATE; /* fc00::/7 */
	if (word(a) == 0x0064ff9b && a[4] == 0 && a[5] == 1)
		return ADDRESS_PRIVATE; /* 64:ff9b:1::/48: a site's own NAT64 */
	if (word(a) == 0x20010db8 || (a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10))
		return ADDRESS_NEVER; /* documentation */
	if (a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02)
		return ADDRESS_NEVER; /* 2001::/23: Teredo and other protocol assignments */
	if ((a[0] & 0xe0) == 0x20)
		return ADDRESS_PUBLIC; /* 2000::/3: all that is global unicast today */
	return ADDRESS_NEVER;
}

enum address_kind address_kind(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		return kind_4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		return kind_6(in6.sin6_addr.s6_addr);
	}
	return ADDRESS_NEVER;
}

enum address_kind address_kind_text(const char *text, int *literal)
{
	struct in_addr in;
	struct in6_addr in6;
	*literal = 1;
	if (inet_pton(AF_INET, text, &in) == 1)
		return kind_4(ntohl(in.s_addr));
	if (inet_pton(AF_INET6, text, &in6) == 1)
		return kind_6(in6.s6_addr);
	*literal = 0;
	return ADDRESS_PUBLIC;
}
