/* base64 in its one canonical form (RFC 4648 4): padded, no blanks, no stray bits. */
#ifndef TOKEN_BASE64_H
#define TOKEN_BASE64_H

#include <stddef.h>

/* In place; bytes written, or -1. Empty text is none. */
long base64_decode(char *text, size_t length);

#endif
