/* Resource identifiers (RFC 8707, RFC 9728). */
#ifndef CONTEXT_RESOURCE_H
#define CONTEXT_RESOURCE_H

/* Scheme and host without case, no default port, a bare root as it is written; the rest byte for byte (JAG-65). */
int resource_same(const char *a, const char *b);

#endif
