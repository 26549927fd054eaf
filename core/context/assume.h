/* What a check would be for a subject that is described and proved nothing: for tables of expectations, surveys, and records. */
#ifndef CONTEXT_ASSUME_H
#define CONTEXT_ASSUME_H

#include "access.h"
#include "admin.h"
#include "decision.h"
#include "policy.h"

struct assumption {
	const char *service, *method;
	const char *target;          /* NULL: the method has none */
	const char *arguments;       /* a JSON object; NULL: none */
	struct access_claims claims; /* provider, tenant, sub, client_id, email, acr, amr, auth_time (JWT_ABSENT), groups, roles, scopes */
	int every_scope;             /* the token has all scopes of the service instead */
	int resolved;                /* groups and roles are all there are: no directory is asked */
	int foreign;                 /* the provider itself issued the token */
	int listing;                 /* could some call be permitted? */
	int64_t now;                 /* seconds since 1970; 0: the clock */
	void (*told)(void *data, const struct policy_stand *stand); /* as of struct check */
	void *told_data;
};

/* Looks at identity rules, tenants, directories and permissions; not at guards and revocation. The trace is one of an explained
   check. Returns the code; *out is never NULL but for no memory. */
int context_assume(struct ema_context *context, const struct assumption *assumed, struct ema_decision **out);
/* FILE:LINE of the rule that decided; "" if none did. */
const char *assume_rule(const struct ema_decision *decision);
/* 1 if the code is the rules' answer to the subject, 0 if it is due to something else. */
int assume_is_answer(int code);

/* expect.c: a table of expectations. EMA_OK: all hold; EMA_DENIED: not all; EMA_CONFIG: it cannot be read. */
int context_expect(struct ema_context *context, const char *path, struct findings *findings);

#endif
