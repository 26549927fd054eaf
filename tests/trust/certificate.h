/* Certificates for the tests of TLS. */
#ifndef TESTS_TRUST_CERTIFICATE_H
#define TESTS_TRUST_CERTIFICATE_H

struct certificate {
	char *key, *text; /* PEM */
};

/* Self-signed, for "IP:127.0.0.1" or "DNS:...", valid from and to so many days from now. */
struct certificate certificate_make(const char *name, int from_days, int to_days);
void certificate_free(struct certificate *certificate);

#endif
