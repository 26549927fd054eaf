/* Who is the client: the clients (or callers) of a configuration, ready for use, and how each proves who it is. */
#ifndef TOKEN_CLIENT_H
#define TOKEN_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "clock.h"
#include "conf.h"
#include "failure.h"
#include "form.h"
#include "keyset.h"
#include "log.h"
#include "store.h"

#define CLIENT_SECRET_LEAST 16
#define CLIENT_SECRET_MOST 512

struct cimd; /* client id metadata documents: cimd.h */

/* Immutable; may be used by any number of threads. Points into the configuration, which outlives it. */
struct clients;

enum clients_of {
	CLIENTS_OF_TOKENS, /* conf->clients: who may come to the token endpoint */
	CLIENTS_CALLERS    /* conf->callers: resource servers and gateways, who may ask about tokens and decisions */
};

struct clients_settings {
	const struct conf *conf;
	enum clients_of which;
	struct trust *trust;
	const struct clock *clock;
	struct log log;
	/* The context's: what it knows outlives a configuration. NULL: no URL is a client id. Callers have none. */
	struct cimd *documents;
};

/* Reads secrets, keys and certificates; no network. EMA_OK, EMA_CONFIG (findings says what is wrong, and where), EMA_OUT_OF_MEMORY. */
int clients_open(const struct clients_settings *settings, struct findings *findings, struct clients **out);
void clients_free(struct clients *clients);

struct client_request {
	/* The values of all Authorization headers. */
	const char *const *authorizations;
	size_t authorization_count;
	const struct form *form;
	const struct certificate *certificate; /* NULL: none */
	int certificate_verified;  /* its chain, by who ended TLS, against the authorities that client certificates are taken from */
	const char *issuer;        /* that the request was sent to: the one aud of a client assertion */
	const char *endpoint;      /* URL of this endpoint: what older libraries write into aud, refused with a text that says so */
	struct store *store;
	int64_t now;               /* seconds since 1970 */
	int64_t skew;
	int64_t forgets_before;    /* of the store, as it is now; 0: it never forgets */
	int64_t deadline;          /* monotonic milliseconds of the clock, for keys and documents */
	int64_t store_ms;          /* time for the store */
};

struct client_found {
	/* These two are written whatever the result. */
	char claimed[CLIENT_ID_MOST + 1]; /* the client that it says to be, for audit; "" if it says none. Not proven unless EMA_OK */
	int header;                       /* it came with an Authorization header: a 401 has a challenge (RFC 6749 5.2) */

	const char *id;                   /* claimed, now proven */
	/* Its registration. One for all clients whose id is a URL: what client_documents says; its id is NULL. */
	const struct conf_client *conf;
	enum conf_auth auth;
	unsigned grants;                  /* GRANT_ bits: of the registration, or less if its document says so */
	int public;                       /* auth is none: for providers with public_clients alone (JAG-22) */
	int needs_proof, needs_certificate; /* its tokens are always bound so (dpop = "required", certificate_bound) */
	char key[44];                     /* thumbprint of the key or certificate that proved it; "" */
};

/*
 * EMA_OK; what of it the client may do is in found->conf. Else EMA_BAD_REQUEST (two ways to authenticate, two headers);
 * EMA_UNKNOWN_CLIENT, EMA_CLIENT_REFUSED, EMA_CLIENT_METHOD (not the way it is registered for) and EMA_CLIENT_REPLAYED, which
 * differ in audit alone: the wire has one answer, after the same work; EMA_CLIENT_UNAVAILABLE, EMA_STORE_UNAVAILABLE,
 * EMA_STORE_FULL, EMA_CLOCK_WRONG, EMA_OUT_OF_MEMORY, EMA_INTERNAL.
 */
int client_authenticate(const struct clients *clients, const struct client_request *request, struct client_found *out,
                        struct failure *failure);

/* 1 if the client is registered for the jwt-bearer grant (JAG-25), and for the service. */
int client_may_redeem(const struct client_found *found);
int client_may_reach(const struct client_found *found, const char *service);
/* The ways to authenticate that some client may use, as a set of AUTH_BIT(): for metadata. */
unsigned clients_methods(const struct clients *clients);
/* 1 if some client may get tokens that are bound to its certificate: likewise. */
int clients_certificates(const struct clients *clients);

#endif
