/* base64url in its one canonical form (RFC 4648 5, RFC 7515 2): no padding, no white space, no stray bits. */
#ifndef JOSE_BASE64URL_H
#define JOSE_BASE64URL_H

#include <stddef.h>

#define BASE64URL_ROOM(bytes) (((bytes) * 4 + 2) / 3) /* characters, without a NUL */

/* Characters written; out has room for BASE64URL_ROOM(length) + 1, a NUL is added. */
size_t base64url_encode(const void *data, size_t length, char *out);
/* Bytes written, or -1 if the text is not canonical. out has room for length * 3 / 4. */
long base64url_decode(const char *text, size_t length, void *out);

#endif
