/* The way of one decision: token, identity rules, directories, guards, scopes. What it needs on the way is here. */
#ifndef CONTEXT_PIPELINE_H
#define CONTEXT_PIPELINE_H

#include "context.h"
#include "access.h"
#include "decision.h"
#include "dpop.h"
#include "jws.h"
#include "principal.h"
#include "subject.h"

#define PIPELINE_SKEW 30 /* seconds that the clocks of our own processes and clients may be apart */

/* Whom an identity rule vouched for. */
struct candidate {
	struct candidate *next;
	const struct provider *provider;
	struct ema_call *call;      /* NULL: a token of ours vouches */
	struct subject subject;
	const char *email; /* NULL: none that the provider has the authority for */
	const char *actor, *name_id;
};

/* What a decision is asked for, and the kind of its record. */
/* PURPOSE_STILL: whether a check that was permitted would be again; PURPOSE_ASSUME: what a check would be for a subject that is
   described; both without a record. */
enum purpose { PURPOSE_DECIDE, PURPOSE_REDEEM, PURPOSE_INTROSPECT, PURPOSE_CHECK, PURPOSE_STILL, PURPOSE_ASSUME };

struct check;
struct policy_target;
struct policy_result;
struct policy_who;

struct pipeline {
	struct ema_context *context;
	struct snapshot *snapshot;
	const struct service *service;
	const struct ema_request *request;
	enum purpose purpose;
	const struct redemption *redemption; /* of PURPOSE_REDEEM; one of DECIDE_DRY has proved nothing */
	struct check *check;      /* of PURPOSE_CHECK, PURPOSE_STILL and PURPOSE_ASSUME */
	const char *credential;   /* NULL: none was brought */
	size_t credential_length;
	int credential_kind;      /* EMA_CREDENTIAL_*; 0: none */
	struct access_token own;  /* of ours, that was brought */
	struct ema_decision *decision;
	struct failure failure;   /* of the decision */
	struct failure step;      /* of the rule that runs */
	int flags;
	int64_t now;              /* seconds since 1970 */
	int64_t given_now;        /* as the caller gave it: 0 for the clock */
	int64_t deadline;         /* monotonic milliseconds */
	size_t reserved;          /* of the audit spool, for the record of this decision */
	struct jws jws;
	struct json route;        /* unverified claims: for routing alone */
	const char *issuer;       /* of route; NULL: none */
	const char **audiences;   /* that an ID-JAG may have today */
	size_t audience_count;
	unsigned kind;            /* EMA_ID_JAG or EMA_ACCESS_TOKEN */
	int owned;                /* rules whose provider has the issuer */
	const struct candidate *owner; /* of the first rule whose provider has the issuer; NULL: nobody's */
	struct failure unwanted;  /* why the first of them did not take the token as its own */
	const struct conf_rule *unwanted_by;
	struct candidate *candidates;
	const struct candidate *winner;
	const char *method, *target; /* of a check, that guards are being asked about; NULL: there is none, or nobody saw it */
	struct principal principal;
	const struct conf_audience *audience; /* of a provider's own access token */
	struct decision_list mapped; /* the scopes that such tokens may stand for, if the audience names them */
	struct dpop_binding binding; /* of the token that will be signed */
	int64_t life;             /* of that token, in seconds */
	int read_only;            /* the provider is away for so long that scopes which read alone count */
	const struct conf_rule *failed;
	char rule[300];           /* FILE:LINE of the rule that decided */
};

struct route {
	const char *name_tenant;      /* that goes with the issuer's name, or NULL */
	const char *tenant;           /* that the token names, or NULL */
	const struct provider *other; /* that has this tenant of the issuer, or NULL */
};
/* Is the token this provider's, by the issuer and tenant that it names? Nothing of that is verified: for routing alone. NULL: no. */
const struct declared *pipeline_route(const struct pipeline *p, const struct provider *provider, struct route *out);
/* Identity rules. The code; the winner is set on EMA_OK. */
int pipeline_identity(struct pipeline *p);
/* The service's issuer, and those that it had before until their dates. */
int pipeline_audiences(struct pipeline *p);
/* Everything about the token that needs no key: shape, header, and whose it says it is. */
int pipeline_read(struct pipeline *p);
/* A token that we made: the winner is whom it names. The second half, for one that was verified before, is pipeline_adopt(). */
int pipeline_own(struct pipeline *p);
int pipeline_adopt(struct pipeline *p);
/* Whether any of it was revoked. */
int pipeline_marks(struct pipeline *p);
/* Directories, then guards; at a check these are asked about each target of the message. */
int pipeline_directories(struct pipeline *p);
int pipeline_guards(struct pipeline *p);
/* Resource and scopes of the token against those of the service. */
int pipeline_scopes(struct pipeline *p);
/* Puts what the scope includes into the decision's scopes: all of it if may is NULL, else the broadest of what may be. */
void scopes_instead(struct pipeline *p, const char *scope, int (*may)(const struct pipeline *p, const struct conf_scope *narrower));
/* The scopes of the service that a provider's own access token stands for by what it brought (scope_map). */
int pipeline_scope_map(struct pipeline *p, const char *const *brought, size_t count);
/* The same for one that was taken before, and whether it still would be: its kind, times, audience, client and actor. */
int pipeline_audience_still(struct pipeline *p, const struct kept *kept);
/* Of one of ours: its issuer, its audience and its times. */
int pipeline_own_still(struct pipeline *p);
/* Finds what such tokens may stand for at all; no entry: nothing. */
void pipeline_audience(struct pipeline *p);
/* What such a token must have for a scope of the service, in the provider's words; NULL: it is no such token, or nothing gives it. */
const char *pipeline_map_back(const struct pipeline *p, const char *scope);
/* The client's entry in ema.conf, or the one for clients whose id is a URL. NULL: none, as with a client that the provider alone knows. */
const struct conf_client *pipeline_client(const struct pipeline *p);
/* Adds a scope of a token to the decision's, or of it what the client's entry still has (NULL: all). */
void pipeline_hold_scope(struct pipeline *p, const struct conf_client *client, const char *scope);
/* What is known of the winner, for the rules; the strings are the pipeline's. */
struct policy_who pipeline_who(const struct pipeline *p);
struct policy_principal *pipeline_prepare(const struct pipeline *p);
/* RFC 9470 3: the login's acr that would do, separated by spaces, for free(). NULL: any, more than there is room for, or no memory. */
char *pipeline_acr_values(const struct conf_conditions *login);
/* Which of the scopes so far some grant gives the subject now; some are enough. */
int pipeline_grants(struct pipeline *p);
/* Of an ID-JAG that is only looked at: makes it a redemption by the client that the request names. */
int pipeline_rehearse(struct pipeline *p);
/* Where what was refused is another thing than the one who looks took it for, says so instead, and by which option of emactl it is meant. */
void pipeline_mistaken(struct pipeline *p, int code);
/* At the token endpoint: the service that the assertion is for; the proof that the assertion, the service or the client asks
   for; how long the access token lives; the access token. */
int pipeline_target(struct pipeline *p);
int pipeline_binding(struct pipeline *p);
/* Whether the service takes a token that is bound to something, or to nothing. */
int pipeline_bound(struct pipeline *p, int bound);
int pipeline_life(struct pipeline *p);
int pipeline_sign(struct pipeline *p);
/* Has the service this issuer, or had it until a date that is yet to come? */
int target_serves(const struct conf_service *service, const char *issuer, int64_t now);

/* What directories and guards are told of the winner. */
void pipeline_subject_items(const struct pipeline *p, const char *items[16]);
/* What every plugin is told of the request. */
void pipeline_request_items(const struct pipeline *p, const char *items[16]);
/* A step of the trace for a rule of a list, whose text is p->step's; the first one that fails is the decision's failure. */
void pipeline_tell(struct pipeline *p, const char *stage, const struct stack_rule *rule, int depth, int code, enum conf_action action);

/* decide() for a check, and for one whose token was verified before. */
int pipeline_check(struct ema_context *context, const char *service, const struct ema_request *request, struct check *check, struct ema_decision **out);
int pipeline_still(struct ema_context *context, const char *service, const struct access_claims *claims, struct check *check);
/* And for those who look: of a token, its message in the request's body; of a subject that claims describe. */
int pipeline_explain(struct ema_context *context, const char *service, const struct ema_request *request, int64_t now, struct check *check,
                     struct ema_decision **out);
int pipeline_assume(struct ema_context *context, const char *service, const struct ema_request *request, const struct access_claims *claims,
                    int64_t now, struct check *check, struct ema_decision **out);

/* reasons.c: steps of the trace for those who look (check.explain): who it is; what the token and directories say; each rule that is about the target, and what
   would have to change to get a permit. */
void reasons_subject(struct pipeline *p);
void reasons_token(struct pipeline *p);
void reasons_tell(struct pipeline *p, const struct policy_target *target, const struct policy_result *result);

/* Sets the failure of the decision, and the rule that it is due to. Returns the code. */
int pipeline_fail(struct pipeline *p, int code, const struct conf_node *node, const char *text);
/* FILE:LINE of a node; "" for none. */
void pipeline_place(const struct conf_node *node, char *out, size_t room);

/* The record of a finished decision, into the spool. EMA_OK or EMA_AUDIT_UNAVAILABLE. */
int record_decision(struct pipeline *p, int code);

#endif
