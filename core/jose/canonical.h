/* JSON in the one form of RFC 8785 (JCS), so that a hash over the bytes is a hash over what they mean. */
#ifndef JOSE_CANONICAL_H
#define JOSE_CANONICAL_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "json.h"

/* Integers beyond it are not the same to every reader (RFC 7493 2.2): write them as strings. */
#define CANONICAL_INTEGER ((INT64_C(1) << 53) - 1)

/* A string with its quotes (3.2.2.2). text must be UTF-8. 0 or -1, as a buffer's functions. */
int canonical_string(struct buffer *out, const char *text, size_t length);
/* In the order of UTF-16 code units (3.2.3): below 0, 0, above 0. */
int canonical_compare(const char *a, size_t a_length, const char *b, size_t b_length);
/* EMA_OK; EMA_BAD_JSON for a number that is no integer within CANONICAL_INTEGER; EMA_TOO_LARGE; EMA_OUT_OF_MEMORY. */
int canonical_json(const struct json *json, struct buffer *out);

#endif
