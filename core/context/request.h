/* What is asked: a request as its maker filled it in. */
#ifndef CONTEXT_REQUEST_H
#define CONTEXT_REQUEST_H

#include <stddef.h>

#include "arena.h"

#define REQUEST_CALLER 0 /* who asks about a token, for the record: of endpoints alone */
#define REQUEST_ITEMS 10 /* one more than the last EMA_REQUEST_* */
#define REQUEST_HEADERS_MOST 100
#define REQUEST_HEADER_BYTES_MOST 65536
#define REQUEST_BODY_MOST 4194304

struct request_header {
	const char *name, *value;
};

struct ema_request {
	const char *items[REQUEST_ITEMS]; /* by EMA_REQUEST_* */
	struct { char *at; size_t size; } rooms[REQUEST_ITEMS]; /* where they are, for those that are set again */
	int kind;       /* EMA_CREDENTIAL_*; 0: none */
	char *credential;
	size_t length;
	struct request_header *headers;
	size_t header_count, header_room, header_bytes;
	char *body;     /* with a NUL behind; NULL: none */
	size_t body_length;
	struct arena memory; /* of items and headers */
};

struct ema_request *request_new(void);
void request_free(struct ema_request *request);
/* As ema_request_set(); item may be REQUEST_CALLER too. */
int request_set(struct ema_request *request, int item, const char *value);
int request_credential(struct ema_request *request, int kind, const char *credential, size_t length);
int request_add_header(struct ema_request *request, const char *name, const char *value);
/* One of another request, that has been taken there and lives longer. */
int request_lend_header(struct ema_request *request, const struct request_header *header);
int request_body(struct ema_request *request, const void *body, size_t length);

/* The index'th header of that name, in any case of letters; NULL: there are no more. */
const char *request_header(const struct ema_request *request, const char *name, size_t index);
/* The trace that was set, else that of the header, if there is one and it is right. NULL: none. */
const char *request_traceparent(const struct ema_request *request);

#endif
