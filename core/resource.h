/* Resource identifiers (RFC 8707, RFC 9728). */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include <stddef.h>

/* Scheme and host without case, no default port, a bare root with and without its slash; the rest byte for byte (JAG-65). Clients add that
   slash and take it away, and no other resource lies between the two (RFC 3986 6.2.3). */
int resource_same(const char *a, const char *b);
/* The one spelling of all that are the same, and its length: out has room for as many bytes as the resource and its NUL. */
size_t resource_normal(const char *resource, char *out);
/* Where its metadata is (RFC 9728 3.1), a new string; NULL: no memory. */
char *resource_metadata_url(const char *resource);

#endif
