/* How long a key set is fresh (RFC 9111), within our own bounds. */
#ifndef TRUST_FRESHNESS_H
#define TRUST_FRESHNESS_H

#include <stdint.h>

#include "fetch.h"

#define FRESHNESS_LEAST (INT64_C(5) * 60 * 1000)
#define FRESHNESS_MOST (INT64_C(24) * 60 * 60 * 1000)
#define FRESHNESS_DEFAULT (INT64_C(15) * 60 * 1000)

/* Milliseconds from now on. now: milliseconds since 1970. */
int64_t freshness(const struct fetch_reply *reply, int64_t now);
/* Seconds since 1970 of an HTTP date (RFC 9110 5.6.7), -1 if it is none. */
int64_t freshness_date(const char *text);

#endif
