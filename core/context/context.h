/* A context: the configuration in place and what outlives it. */
#ifndef CONTEXT_CONTEXT_H
#define CONTEXT_CONTEXT_H

#include <pthread.h>

#include "audit.h"
#include "clock.h"
#include "conf.h"
#include "ema/ema.h"
#include "host.h"
#include "marks.h"
#include "metrics.h"
#include "notice.h"
#include "origin.h"
#include "request.h"
#include "snapshot.h"
#include "horizon.h"
#include "store.h"

#define STATUS_SAMPLES 60

struct answers;
struct cimd;
struct client_found;
struct dpop_nonces;
struct dpop_proof;
struct keyring;
struct seen;
struct limits;
struct publisher;
struct sink;

struct ema_context {
	struct clock clock;
	struct log log;
	char *plugin_path;
	int observer;                 /* looks, and serves nothing */
	int operator;                 /* has the store and audit alone */
	struct origin *origin;        /* the process that made it */
	struct audit_pool ids;

	pthread_mutex_t load_lock;    /* one load at a time; guards what is below but for snapshot */
	char *path;                   /* of the last ema_load() */
	char *error;
	struct trust *trust;
	struct audit *audit;
	struct notice notice;         /* into audit */
	struct store *store;
	struct horizon *horizon; /* NULL: the store remembers by itself, or there is no state_dir */
	struct marks *marks;          /* revocation; NULL for an observer */
	struct store *published;      /* that marks are taken from instead; NULL: they are in the store */
	struct publisher *publisher;  /* of a server that hands them on */
	struct publisher *keeper;     /* of a server with a store in memory, in state_dir */
	struct instance *store_instance;
	struct held_conf *store_conf;
	struct sink **sinks;
	size_t sink_count;
	struct answers *answers;      /* of directories */
	int server;                   /* it is an authorization server: signs tokens */
	struct keyring *keyring;      /* of a server; the public keys of state_dir otherwise, NULL without one */
	struct seen *seen;            /* signatures of providers' access tokens; NULL: none is remembered */
	struct seen *known;           /* access tokens of ours, read; NULL: likewise */
	struct cimd *documents;       /* of clients */
	struct dpop_nonces *nonces;
	struct limits *limits;
	struct metrics metrics;
	uint64_t generation;

	pthread_mutex_t tick_lock;    /* guards tick_stop and samples */
	pthread_cond_t tick_wake;
	pthread_t ticker;
	int ticking, tick_stop;
	struct metrics_sample samples[STATUS_SAMPLES]; /* of the last minute */
	size_t sample_count;

	pthread_mutex_t lock;         /* guards snapshot, for as long as a hold takes */
	struct snapshot *snapshot;
};

struct ema_context *context_new(void);
void context_free(struct ema_context *context);
/* 0 in a child of the process that made it: nothing of it may be used there but its memory. */
int context_is_alive(const struct ema_context *context);
/* Reads path, or text if it is not NULL, and puts it in place. EMA_OK, EMA_CONFIG, EMA_OUT_OF_MEMORY; EMA_UNAVAILABLE if its digest is
   not the one that is wanted (NULL: any). */
/* out: NULL, or is given what was found, warnings too. */
int context_load(struct ema_context *context, const char *path, const char *text, size_t length, const char *wanted, struct findings *out);
/* What the program has refused by itself is told as such. */
void context_load_refused(struct ema_context *context, const char *path, const struct findings *findings, const char *reason);
/* The same without putting it in place: what was found is in findings. */
int context_lint(struct ema_context *context, const char *path, struct findings *findings);
/* The configuration in place, held for the caller; NULL: none. */
struct snapshot *context_snapshot(struct ema_context *context);
/* All findings that refuse, one a line, for ema_error(). */
void context_keep_error(struct ema_context *context, const struct findings *findings);
void context_plugin_search(const struct ema_context *context, const struct conf *conf, struct plugin_search *out);

/* Flags of context_decide(). */
enum { DECIDE_DRY = 1 }; /* uses up nothing, writes no record */

/* What the token endpoint knows beyond the request. */
struct redemption {
	const char *issuer;                /* that was asked: of a service now, or one that it had */
	const struct client_found *client; /* that was authenticated */
	const char *const *resources;      /* parameters of the request */
	size_t resource_count;
	const struct dpop_proof *proof;    /* that was checked; NULL: none came */
	const char *certificate;           /* x5t#S256 of the client's certificate; NULL: none */
};

/*
 * Redeems an ID-JAG for an access token: chooses the service, decides, takes the replay slot, and signs. The token is in the
 * decision. Returns the code.
 */
int context_redeem(struct ema_context *context, const struct redemption *redemption, const struct ema_request *request, struct ema_decision **out);

/*
 * May the request at the MCP server of the service be served? method NULL: its body is the message; else the caller names what is
 * asked for, and the body, if there is one, has the arguments. Returns the code.
 */
int context_check(struct ema_context *context, const char *service, const struct ema_request *request, const char *method, const char *target,
                  struct ema_decision **out);
/* A check to look at: the request has the token as its credential and the message as its body. Uses up nothing, writes no record, asks
   for no proof of possession; the trace has why. now as for context_decide(). */
int context_explain(struct ema_context *context, const char *service, const struct ema_request *request, int64_t now, struct ema_decision **out);
/* The same for who does not see the body: by the service's decision.without_body. */
int context_check_unseen(struct ema_context *context, const char *service, const struct ema_request *request, struct ema_decision **out);
/*
 * The same where the caller has made a target of it, whose kind must be one that the method has; what it points to must outlive the
 * decision. subject: whom the token must name, as provider/tenant/sub, or (claim) as sub stands in it; NULL: anybody.
 */
int context_check_target(struct ema_context *context, const char *service, const struct ema_request *request, const char *method,
                         const struct policy_target *target, const char *subject, int claim, struct ema_decision **out);
/* Of a decision that a check granted; the context must live. The code of a check now, as far as no token is needed for it. */
int context_still(const struct ema_decision *decision);
/* A new string: the list without what the principal could not call. */
int context_filter(const struct ema_decision *decision, const char *text, size_t length, char **out);

/* Is the token of ours that the request brings as its credential good for the service now? The decision has what it says. */
int context_introspect(struct ema_context *context, const char *service, const struct ema_request *request, struct ema_decision **out);

/* What is known of an answer that is no decision. */
struct answer_facts {
	const char *kind;    /* of the record */
	const char *remote, *client, *traceparent;
	const char *service, *token_id;
	const char *provider, *tenant, *subject; /* who the token is about: sub alone, as in every record */
	int authenticated;   /* the record may use the half of the spool that is kept for those */
	enum metrics_place place;
};
/* A decision with an id of its own, for an answer that came about without one, its record, and its place in the metrics. Returns the code that is to be
   answered: EMA_AUDIT_UNAVAILABLE if there is no record of it. */
int context_answer(struct ema_context *context, const struct answer_facts *facts, int code, const char *text, struct ema_decision **out);

/* Decides; *out is never NULL but for no memory. now: seconds since 1970, 0: the clock. Returns the code. */
int context_decide(struct ema_context *context, const char *service, const struct ema_request *request, int flags, int64_t now,
                   struct ema_decision **out);

#endif
