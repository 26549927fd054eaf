/* One request on its way through an endpoint, and what endpoints share. */
#ifndef ENDPOINT_EXCHANGE_H
#define ENDPOINT_EXCHANGE_H

#include "certificate.h"
#include "client.h"
#include "context.h"
#include "decision.h"
#include "form.h"
#include "metrics.h"
#include "response.h"

#define EXCHANGE_PATH_MOST 4096
#define EXCHANGE_ADDRESS 64

struct exchange {
	struct ema_context *context;
	struct snapshot *snapshot; /* NULL: no configuration */
	const struct ema_request *request;
	struct ema_response *response;
	uint32_t serve;
	int64_t now;               /* seconds since 1970 */
	const char *method;
	char path[EXCHANGE_PATH_MOST];
	const char *query;         /* NULL: none */
	const char *host;          /* of the Host header; NULL: none */
	char remote[EXCHANGE_ADDRESS]; /* of the client: the connection's, or what a named proxy says */
	int proxied;               /* the connection is of a named proxy */
	int64_t forgets_before;    /* what was issued earlier, the store may have seen and forgotten; 0: it forgets nothing */
	const char *issuer;        /* whose endpoint was asked */
	enum metrics_place place;  /* where its answers are counted */
	const char *acr_values;    /* of a login that would do, for the body of a refusal; NULL: any */
	int64_t max_age;           /* likewise, seconds; 0: any */
	int code;                  /* of the answer */
};

/* ---- Answers ---- */

/* Of this request, for context_answer(). client NULL: not known. */
struct answer_facts exchange_facts(const struct exchange *x, const char *kind, const char *client);

/* {"error":...}, as RFC 6749 5.2 wants it, with the correlation id in a header. */
void exchange_refuse(struct exchange *x, int code, const char *id);
/* The same with a status that the code does not have. */
void exchange_error(struct exchange *x, int code, int status, const char *error, const char *description, const char *id);
/* Neither caches nor history keep it. */
void exchange_no_store(struct exchange *x);
/* 405, with the methods that there are. */
void exchange_method(struct exchange *x, const char *allowed);

/* ---- Forms and who sends them ---- */

struct sender {
	struct form form;
	struct certificate *certificate; /* NULL: none */
	struct client_found client;
	const char *authorizations[4];   /* more of them are too many in any case */
	size_t authorization_count;
};

/*
 * What the form endpoints have in common, in the order of what it costs: method, type, nothing secret in the URL, rate of the
 * address, form, certificate. EMA_OK, or it was answered. kind names the record of a refusal.
 */
int sender_read(struct exchange *x, const char *kind, struct sender *sender);
/* The same with a body of application/json, which is not looked at before it is known who sent it. */
int sender_read_json(struct exchange *x, const char *kind, struct sender *sender);
/* Who is it? EMA_OK, or it was answered. endpoint: path of the endpoint below the issuer, "/token". */
int sender_authenticate(struct exchange *x, const char *kind, const struct clients *clients, const char *endpoint, struct sender *sender);
/* The same for a caller, who must be there for the purpose (CALLER_...), too. */
int sender_caller(struct exchange *x, const char *kind, unsigned purpose, const char *endpoint, struct sender *sender);
/* For a GET, which has neither form nor assertion: a caller for the purpose, by client_secret_basic. Needs no store and no sender_end(). */
int sender_basic(struct exchange *x, const char *kind, unsigned purpose, struct sender *sender);
/* The ways in which callers for the purpose prove who they are: a set of AUTH_BIT(). */
unsigned sender_ways(const struct exchange *x, unsigned purpose);
void sender_end(struct sender *sender);
/* Writes a record and answers it. id of the record is the answer's. failed: it counts against the address. */
void sender_refuse(struct exchange *x, const char *kind, const struct sender *sender, int code, const char *text);

/* ---- Where things are ---- */

/* The issuer below whose path name stands ("/token"), or NULL. */
const char *route_issuer(const struct exchange *x, const char *path, size_t length);
/* The path of an issuer without a slash at its end: "" for https://host. */
const char *route_path(const char *url, size_t *length);
/* issuer and a path below it, a new string. */
char *route_url(const char *issuer, const char *below);
/* The service at whose resource the path is (RFC 9728 3.1); NULL. */
const struct service *route_resource(const struct exchange *x, const char *path);

/* ---- The endpoints ---- */

void endpoint_token(struct exchange *x);
void endpoint_revoke(struct exchange *x);
void endpoint_introspect(struct exchange *x);
void endpoint_evaluation(struct exchange *x);
void endpoint_evaluations(struct exchange *x);
void endpoint_authzen_metadata(struct exchange *x);
void endpoint_decision(struct exchange *x, const char *below);
void endpoint_keys(struct exchange *x);
void endpoint_server_metadata(struct exchange *x);
void endpoint_resource_metadata(struct exchange *x, const struct service *service);
void endpoint_health(struct exchange *x);
void endpoint_ready(struct exchange *x);
void endpoint_metrics(struct exchange *x);

#endif
