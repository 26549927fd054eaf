/* An IdP to try and test with: what its files share. */
#ifndef DEVIDP_H
#define DEVIDP_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

/* core/jose and json-c do not meet in one file: state.c and sign.c see the one, the others the other. */
struct jwk;
typedef struct json_object json_object;

enum persona { PERSONA_OKTA, PERSONA_AZURE, PERSONA_OIDC, PERSONAS };

#define PERSONA_NONE PERSONAS
enum persona persona_by_name(const char *name, size_t length); /* PERSONA_NONE for one that is none */
const char *persona_name(enum persona persona);

#define DEVIDP_TENANT "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
#define DEVIDP_CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad" /* Entra's own tenant of private accounts */

/* ---- state.c: a folder with the keys and ports, so that another invocation signs with the keys of the running one ---- */

#define STATE_KEYS_MOST 8

struct state {
	const char *folder;
	_Atomic unsigned ports[PERSONAS]; /* 0: does not run; set while the first listeners answer already */
};

/* Of one persona: keys[0] signs, all are published; other is Azure's key for private accounts alone. */
struct keyring {
	struct jwk *keys[STATE_KEYS_MOST];
	size_t count;
	struct jwk *other;
};

int state_open(struct state *state, struct failure *failure);       /* makes the folder, 0700 */
int state_save_ports(const struct state *state, const char *ready_file, struct failure *failure);
int state_load_ports(struct state *state, struct failure *failure);
/* Reads the keys, or makes them if there are none. */
int state_keys(const struct state *state, enum persona persona, struct keyring *out, struct failure *failure);
void keyring_free(struct keyring *ring);
/* A new key signs; the old ones stay published if keep. */
int state_rotate(const struct state *state, enum persona persona, int keep, struct failure *failure);
/* http://127.0.0.1:PORT, without a slash. */
void state_base(const struct state *state, enum persona persona, char *out, size_t room);
/* The key set that is published: with_private is a fault to be found. version is of Azure, 0 elsewhere. A new string. */
char *state_jwks(const struct state *state, enum persona persona, int version, int with_private, struct failure *failure);

/* ---- people.c ---- */

/* Built-in people, or those of a file. NULL with a failure. */
json_object *people_load(const char *path, struct failure *failure);
json_object *people_find(json_object *people, const char *user); /* NULL: nobody */

/* ---- order.c: which token is wanted, by options or by a query, and its making ---- */

#define ORDER_CLAIMS_MOST 16

struct order {
	enum persona persona;
	const char *kind;     /* id_jag, access_token, id_token */
	const char *user, *service, *client, *resource, *scope, *tenant, *actor, *type, *bad, *subject;
	const char *claims[ORDER_CLAIMS_MOST]; /* NAME=JSON */
	size_t claims_count;
	int64_t lifetime;     /* 0: as the IdP does */
	int64_t age;          /* seconds since it was issued */
	int version;          /* of Azure's tokens */
	int app, overage, saml;
};

#define ORDER_INIT { .persona = PERSONA_OKTA, .version = 2 }

/* 0, -1 for an unknown name, -2 for a value that will not do. */
int order_set(struct order *order, const char *name, const char *value);
int order_fill(const struct order *order, const struct state *state, json_object *people, char **token, struct failure *failure);

/* ---- sign.c ---- */

/* Signs as the order says, with its fault. */
int order_sign(const struct order *order, const struct keyring *ring, const char *type, const char *payload, char **out, struct failure *failure);
/* Copies the sub of an ID token of ours, issued to this client and not expired. */
int id_token_sub(const struct state *state, const char *token, const char *client, char *out, size_t room);

/* ---- server.c ---- */

struct server;
int server_start(struct state *state, json_object *people, const unsigned wanted[PERSONAS], const int runs[PERSONAS],
                 struct server **out, struct failure *failure);
void server_stop(struct server *server);

/* ---- exchange.c: RFC 8693, ID token to ID-JAG ---- */

struct form {
	const char *grant_type, *requested_token_type, *subject_token, *subject_token_type, *audience, *resource, *scope, *client_id;
	const char *client_secret, *client_assertion;
};

/* The HTTP status; *out is the JSON body. */
unsigned exchange_answer(const struct form *form, const struct state *state, json_object *people, json_object **out);

#endif
