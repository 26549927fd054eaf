/* The certificate that a client showed in TLS, to us or to a proxy that hands it on. */
#ifndef TOKEN_CERTIFICATE_H
#define TOKEN_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define CERTIFICATE_BYTES_MOST 32768  /* of the text */
#define CERTIFICATE_THUMBPRINT 44     /* base64url of a SHA-256, with the NUL */
#define CERTIFICATE_DN_MOST 2048

struct certificate; /* immutable */

enum certificate_san { CERTIFICATE_DNS, CERTIFICATE_URI, CERTIFICATE_IP, CERTIFICATE_EMAIL };

/*
 * One certificate, in any of the forms that proxies write: PEM (lines may be joined by blanks), PEM in percent-encoding, base64
 * of DER, and RFC 9440's ":base64:". EMA_OK, EMA_BAD_REQUEST, EMA_TOO_LARGE, EMA_OUT_OF_MEMORY. Nothing of it was verified.
 */
int certificate_read(const char *text, size_t length, struct certificate **out, struct failure *failure);
void certificate_close(struct certificate *certificate);

/* x5t#S256 (RFC 8705 3.1): SHA-256 of the DER, base64url. */
const char *certificate_thumbprint(const struct certificate *certificate);
/* Its subject as RFC 4514 writes it, as certificate_dn() would. */
const char *certificate_subject(const struct certificate *certificate);
/* 1 if one of its subject alternative names of that kind is value: names and domains without case, all else byte for byte;
   no wildcard of a certificate matches anything but itself. */
int certificate_has_san(const struct certificate *certificate, enum certificate_san kind, const char *value);
/* EMA_OK, or EMA_EXPIRED or EMA_NOT_YET_VALID by its own dates. now: seconds since 1970. */
int certificate_dates(const struct certificate *certificate, int64_t now, int64_t skew, struct failure *failure);

/*
 * A distinguished name as it is compared: blanks around ',', '+' and '=' go, attribute types become upper case; values and
 * their escapes stay as they are (as `openssl x509 -subject -nameopt RFC2253,-esc_msb` writes them). 0, or -1: it is none.
 */
int certificate_dn(const char *text, char out[CERTIFICATE_DN_MOST]);
/* 1 if text is an IP address. */
int certificate_is_address(const char *text);

#endif
