/* URLs that something may be fetched from. */
#ifndef TRUST_URL_H
#define TRUST_URL_H

#include <stddef.h>

#include "failure.h"
#include "keyset.h"

#define URL_MOST 2048
#define URL_HOST_MOST 255

struct url {
	int http;                      /* not https */
	int port;
	char host[URL_HOST_MOST + 1];  /* lower case; an IPv6 address without brackets */
};

/* EMA_OK, or EMA_CONFIG: not an absolute https URL (http only with insecure_http), userinfo, fragment, odd characters, or a
   special-use address or name that the rules do not allow. what says whose URL it is. */
int url_read(const char *text, const struct fetch_rules *rules, const char *what, struct url *out, struct failure *failure);
int url_host_listed(const char *host, const char *const *list, size_t count);
int url_same_origin(const struct url *a, const struct url *b);
/* EMA_OK if text is an issuer (RFC 8414 2): https, no query, no fragment. */
int url_issuer(const char *text, const struct fetch_rules *rules, struct failure *failure);

#endif
