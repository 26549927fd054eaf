/* Discovery documents (RFC 8414, OpenID Connect Discovery 1.0): where they are, and what of them is believed. */
#ifndef TRUST_DISCOVERY_H
#define TRUST_DISCOVERY_H

#include <stddef.h>

#include "failure.h"
#include "keyset.h"

#define DISCOVERY_PLACES 3
#define DISCOVERY_BYTES_MOST 65536

/* The places in the order in which they are tried; how many, or 0 without memory. Each is a new string. */
size_t discovery_urls(const char *issuer, const char *configured, char *urls[DISCOVERY_PLACES]);

/*
 * EMA_OK and the document's jwks_uri, a new string. EMA_UNKNOWN_ISSUER if the document names another issuer (the text says
 * where the two differ), EMA_CONFIG if jwks_uri is nothing that may be fetched, EMA_BAD_JSON and the like. signed_metadata
 * (RFC 8414 2.1) and lists of algorithms are not looked at: they cannot widen what ema.conf allows.
 */
int discovery_read(const char *text, size_t length, const char *url, const struct keyset_settings *settings, char **jwks_uri,
                   struct failure *failure);
/* Why two issuers are not the same, with the usual mistake if it is one. */
void discovery_difference(const char *configured, const char *found, char *out, size_t room);

#endif
