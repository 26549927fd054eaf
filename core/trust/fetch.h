/* One HTTP exchange with all the guards on. */
#ifndef TRUST_FETCH_H
#define TRUST_FETCH_H

#include <stdatomic.h>

#include "keyset.h"

#define FETCH_HEADER_MOST 256 /* a header that is longer is as if it were absent; Cache-Control, as if it were "no-store" */

struct fetch_reply {
	int status;
	char *body; /* free() */
	size_t length;
	char etag[FETCH_HEADER_MOST], cache_control[FETCH_HEADER_MOST], expires[FETCH_HEADER_MOST], date[FETCH_HEADER_MOST];
	char age[FETCH_HEADER_MOST], last_modified[FETCH_HEADER_MOST], content_type[FETCH_HEADER_MOST];
};

/* What may cut it off from outside; either may be NULL. */
struct fetch_stop {
	const atomic_int *all, *one;
};

/*
 * EMA_OK with any status; EMA_CONFIG (the rules refuse the URL, redirect or address), EMA_UNAVAILABLE, EMA_TIMEOUT,
 * EMA_TOO_LARGE, EMA_OUT_OF_MEMORY. Must stand between curl_global_init() and curl_global_cleanup().
 */
int fetch(const struct fetch_rules *rules, const struct fetch_request *request, struct fetch_stop stop, struct fetch_reply *out,
          struct failure *failure);
/* EMA_OK if the reply is JSON with status 200. */
int fetch_is_json(const struct fetch_reply *reply, const char *url, struct failure *failure);

#endif
