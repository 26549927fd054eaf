/* What kind of address a socket is about to be connected to (RFC 6890 and its successors in the IANA registries). */
#ifndef TRUST_ADDRESS_H
#define TRUST_ADDRESS_H

#include <sys/socket.h>

enum address_kind {
	ADDRESS_PUBLIC,
	ADDRESS_LOOPBACK,
	ADDRESS_PRIVATE, /* of a site: an operator may list a host there as internal */
	ADDRESS_NEVER    /* no IdP is there: link-local (cloud metadata), multicast, reserved, this network */
};

/* An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is what it carries, and never better than private. */
enum address_kind address_kind(const struct sockaddr *address);
/* The same for "127.0.0.1" or "::1"; ADDRESS_PUBLIC, and *literal 0, for what is no address. */
enum address_kind address_kind_text(const char *text, int *literal);

#endif
