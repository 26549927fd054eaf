/* Client certificates for tests. */
#ifndef TESTS_TOKEN_ISSUE_H
#define TESTS_TOKEN_ISSUE_H

#include <stddef.h>

/* Self-signed. subject: pairs of type and value, ends with NULL; san: as OpenSSL's configuration writes it, NULL: none; valid from
   and to so many days from the day that base (seconds since 1970) is in. PEM, free(). */
char *issue(const char *const *subject, const char *san, long long base, int from_days, int to_days);

#endif
