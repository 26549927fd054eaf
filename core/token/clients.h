/* What the files of client authentication know of each other. */
#ifndef TOKEN_CLIENTS_H
#define TOKEN_CLIENTS_H

#include "certificate.h"
#include "cimd.h"
#include "client.h"

#define CLIENT_HASH 32

/* Secrets are kept as HMAC-SHA256 under a salt of the process. */
struct client_secret {
	unsigned char hash[CLIENT_HASH];
	const struct conf_credential *conf;
};

struct client_keys {
	struct keyset *keyset;
	const struct conf_credential *conf;
};

struct client {
	const struct conf_client *conf;
	struct client_secret *secrets;
	struct client_keys *keys;
	size_t count; /* of the one or the other: conf->credential_count */
	struct certificate **certificates;
	size_t certificate_count;
	char *dn;     /* conf->subject_dn as it is compared */
};

struct clients {
	struct clients_settings settings;
	struct client *list; /* sorted by id */
	size_t count;
	unsigned char salt[CLIENT_HASH];
	unsigned methods;
	int certificates; /* some of them get tokens that are bound to a certificate */
};

/* client.c. NULL: there is none. */
const struct client *clients_find(const struct clients *clients, const char *id);
/* 0, or -1: OpenSSL failed. */
int clients_hash(const struct clients *clients, const char *secret, size_t length, unsigned char out[CLIENT_HASH]);
/* 1 if the credential counts at this time. */
int clients_counts(const struct conf_credential *credential, int64_t now);

/* One authentication under way. */
struct attempt {
	const struct clients *clients;
	const struct client_request *request;
	struct client_found *found;
	const struct client *client;          /* NULL: none, or one whose id is a URL */
	const struct cimd_document *document; /* held; NULL: none */
	struct failure *failure;
};

/* authenticate.c. Takes what the client says to be; refuses what is no client id. */
int attempt_claim(struct attempt *attempt, const char *id);
/* Finds the registration or the document of found->claimed. EMA_UNKNOWN_CLIENT, and what cimd_get() says. */
int attempt_find(struct attempt *attempt);
/* assertion.c: private_key_jwt, from reading the assertion to taking its jti. */
int attempt_assertion(struct attempt *attempt, const char *assertion);

#endif
