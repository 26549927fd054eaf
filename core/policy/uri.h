/* One form for the URIs of MCP resources, so that two spellings of one thing are judged alike (RFC 3986 6.2.2). */
#ifndef POLICY_URI_H
#define POLICY_URI_H

#include <stddef.h>

#define URI_MOST 4096 /* bytes of the one form */

/* Bytes that stand for something in a compiled pattern; no URI, name or configuration has them as themselves. */
enum { OP_TENANT = 1, OP_SUBJECT, OP_EMAIL, OP_ANY, OP_MANY, OP_LAST = OP_MANY };

/*
 * Scheme and host in lower case, percent-encoding only where it says something, no dot segments, no doubled slashes; with a known
 * scheme a host without a dot at its end, no port that is the scheme's own, "file:///" for what is here, and a path. Refused is
 * what two readers could see differently: user information, control characters, backslashes, an encoded slash, encodings of
 * encodings, ".." above the root, hosts and ports that readers guess at, a blank at the end. A fragment of a known scheme is left out,
 * and of a file refused. out has room for URI_MOST + 1 bytes and gets a NUL. pattern: OP_ bytes are kept, dot segments and fragments are
 * refused. NULL, or what is wrong.
 */
const char *uri_normal(const char *text, size_t length, int pattern, char *out, size_t *out_length);
/* Is it, but for blanks before it, of a scheme whose hosts and ports have one form: file, ftp, http, https, ws, wss? */
int uri_known(const char *text, size_t length);
/* What every expansion of a template (RFC 6570) begins with, in the one form, as far as that is sure; else as uri_normal(). */
const char *uri_template(const char *text, size_t length, char *out, size_t *out_length);
/* How a byte of a filled-in value stands in the one form: 0 as itself, 1 percent-encoded. */
int uri_encodes(unsigned char byte);

#endif
