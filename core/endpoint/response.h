/* An HTTP answer while it is made and after. */
#ifndef ENDPOINT_RESPONSE_H
#define ENDPOINT_RESPONSE_H

#include "arena.h"
#include "buffer.h"

#define RESPONSE_HEADERS_MOST 24
#define RESPONSE_BODY_MOST 1048576

struct response_header {
	const char *name; /* static */
	const char *value;
};

struct ema_response {
	int status;
	struct response_header headers[RESPONSE_HEADERS_MOST];
	size_t header_count;
	struct buffer body;
	struct arena memory; /* of the headers' values */
	int failed; /* no memory on the way */
};

struct ema_response *response_new(void);
void response_free(struct ema_response *response);
/* Adds a header, or puts another value in its place. A value with a control character is left out: nothing may end a header. */
void response_header(struct ema_response *response, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Status and the whole body, with its media type; what was there is dropped. */
void response_text(struct ema_response *response, int status, const char *type, const char *text);

#endif
