/* A request at an MCP server: what it brings, what it asks for, and what is to be answered. */
#ifndef CONTEXT_CHECK_H
#define CONTEXT_CHECK_H

#include "access.h"
#include "certificate.h"
#include "decision.h"
#include "message.h"
#include "policy.h"

struct pipeline;
struct service;
struct snapshot;

struct check {
	const char *method, *target;  /* as the caller names them; method NULL: the body is the message */
	int explain;                  /* the trace says why; the message is without HTTP, the token the request's credential, and no proof is asked for */
	int resolved;                 /* of PURPOSE_ASSUME: the groups and roles of the claims are all there are, no directory is asked */
	int foreign;                  /* and the provider itself issued the token */
	int listing;                  /* could some call be permitted? */
	void (*told)(void *data, const struct policy_stand *stand); /* each rule about the target that is explained; NULL: nobody listens */
	void *told_data;
	int untold;                   /* there was no memory to tell of them */
	const struct policy_target *asked; /* the method's target, in a form that the caller took apart; NULL: see above */
	const char *subject;          /* whom the caller takes the token's subject for; NULL: whoever it is */
	int subject_claim;            /* as the token's own sub has it, which of a foreign token is not our text form */
	int unseen;                   /* the body is: what headers say, or nothing (ema.conf's decision) */
	int blind;                    /* and it is nothing: neither method nor target are known */
	const struct kept *kept;      /* of PURPOSE_STILL: what the token said */
	struct mcp_message *message;  /* its calls are empty if it was not taken */
	struct mcp_error error;       /* then; told to nobody without a good token (MCP-19) */
	int message_kept;             /* by the decision */
	int message_refused;          /* the decision is due to that */
	int scheme_dpop;              /* the token came as DPoP */
	int bound, bound_key;         /* it is bound to something; to a key */
	struct policy_principal *principal;
	/* Of the target that decided. */
	const struct policy_target *decided;
	struct policy_result result;
	struct policy_result shadow;  /* of the first that shadow mode changed */
	struct decision_list missing; /* scopes that all of the targets need and the token lacks */
};

/* Some rule of the service looks at arguments, and those of the target were not told. */
int check_unseen(const struct pipeline *p, const struct policy_target *target);
/* Its name as records and texts may have it, see decision_uri(). NULL: it has none. */
const char *check_shown(const struct pipeline *p, const struct policy_target *target);
/* All of a check but the record. The code. */
int check_walk(struct pipeline *p);
/* What is to be sent, into the decision. */
void check_answer(struct pipeline *p, int code);
void check_end(struct pipeline *p);

/* ---- credential.c ---- */

/* The token of the header Authorization, the one place where it may stand (MCP-15, MCP-22, MCP-23, JWT-78). */
int credential_read(struct pipeline *p);
/* Whether that is one token (RFC 6750 2.1): a second scheme behind a comma has none of its characters. Of one that came before it is known. */
int credential_form(struct pipeline *p);
/* Whether what the token is bound to was proved (JWT-77). */
int credential_binding(struct pipeline *p);
/* 1 if the query has a parameter that holds a secret, or one that cannot be read. NULL: no query. */
int credential_in_query(const char *query);
/* The certificate of the connection, or that which a named proxy hands on; *out stays NULL where there is none. */
int credential_certificate(const struct conf *conf, const struct ema_request *request, int proxied, struct certificate **out, struct failure *failure);

/* ---- kept.c: what a decision keeps of its check, to filter lists and to be asked again ---- */

struct kept {
	struct ema_context *context;
	struct snapshot *snapshot;
	const struct service *service;
	struct policy_principal *principal;
	struct mcp_message *message;
	struct access_claims claims; /* whose strings are the decision's: as if a token of ours had said it */
	const char *kid;             /* of a token of ours: the key that verified it */
	const char *thumbprint;      /* of a provider's own: likewise; "": its plugin verified it */
	const char *actor;           /* NULL: none */
	int bound;                   /* to a key or a certificate */
	int64_t skew;                /* seconds that the clocks of who issued it may be apart from ours */
	const char *const *audiences, *const *brought; /* of a provider's own, its scopes as they came; each ends with NULL. audiences NULL: ours */
	const char **amr;
	struct access_name *groups, *roles;
};

/* EMA_OK or EMA_OUT_OF_MEMORY. */
int kept_take(struct pipeline *p);
/* Gives back what is not the decision's memory. */
void kept_end(struct kept *kept);

#endif
