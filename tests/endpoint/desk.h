/* An authorization server without a network: a world, its clients, and requests to its endpoints. */
#ifndef TESTS_ENDPOINT_DESK_H
#define TESTS_ENDPOINT_DESK_H

#include "../context/world.h"

#include "json.h"

#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define CLIENT_ASSERTION "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define SECRET "correct-horse-battery-staple"

struct desk {
	struct world world;
	struct jwk *client;       /* key of the client "app" */
	const char *host;         /* Host header; NULL: auth.example */
	const char *remote;
	/* Of the last answer. */
	ema_response *response;
	int status, code;
	const char *body;
	struct json json;         /* empty if the body is none */
};

extern const char desk_conf[]; /* "%CLIENT%" and "%EXTRA%" in it are replaced */

/* Opens a world, and loads desk_conf with more in its top level (extra) and in the service svc (service). */
void desk_open(struct desk *desk, const char *extra, const char *service);
void desk_close(struct desk *desk);
/* The code of the load of another configuration. */
int desk_load(struct desk *desk, const char *extra, const char *service);
/* Headers are "Name: value", NULL at the end. */
void desk_request(struct desk *desk, const char *method, const char *url, const char *body, ...) __attribute__((sentinel));
/* POST of a form, NAME=VALUE pairs not yet encoded, NULL at the end; a pair whose value is NULL is left out. */
void desk_form(struct desk *desk, const char *url, const char *authorization, ...) __attribute__((sentinel));
/* The same, not sent yet: for ema_http(), or desk_send(). Headers may be added. */
ema_request *desk_prepare(struct desk *desk, const char *url, const char *authorization, ...) __attribute__((sentinel));
/* Sends it, and frees it. */
void desk_send(struct desk *desk, ema_request *request);
/* A client assertion of "app"; changes as for world_token(). free() it. */
char *desk_assertion(struct desk *desk, const char *changes);
/* Redeems the assertion (and frees it) as client "app" with a fresh client assertion; scope and resource may be NULL. */
void desk_redeem(struct desk *desk, char *assertion, const char *scope, const char *resource);
/* What a server of the service asks that took the message apart: the code. arguments and out may be NULL. */
int desk_check(struct desk *desk, const char *service, const char *token, const char *method, const char *target, const char *arguments, ema_decision **out);
/* A member of the answer that is a string; "" if it is not there. */
const char *desk_text(const struct desk *desk, const char *pointer);
const char *desk_header(const struct desk *desk, const char *name); /* "" if it is not there */
/* What the last line of the audit trail has at a pointer, a string; "" if nothing. */
const char *desk_audited(struct desk *desk, const char *pointer);

#endif
