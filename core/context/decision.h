/* A decision while it is made and after. Its strings are its own. */
#ifndef CONTEXT_DECISION_H
#define CONTEXT_DECISION_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "audit.h"
#include "ema/ema.h"

#define DECISION_STEPS_MOST 256

struct decision_step {
	const char *rule;    /* FILE:LINE; "" where there is none */
	const char *stage;   /* static */
	const char *name;
	const char *control; /* NULL: none */
	const char *action;  /* static; NULL: none */
	int code;
	int depth;
	const char *text;
	const char *line;    /* all of it, for a person */
};

struct decision_list { /* by decision_add(): lives as long as the decision */
	const char **list;
	size_t count, room;
};

struct kept;

struct ema_decision {
	int code;
	int broken; /* no memory on the way: the code is out_of_memory, whatever else is here */
	char id[AUDIT_ID];
	const char *operator_line;
	const char *user_line;   /* NULL: that of the code */
	const char *shadow;      /* of a permit that shadow mode alone gave: until when, and what it would be without; NULL: it is none */
	const char *subject, *provider, *issuer, *tenant, *sub, *client, *email, *person, *actor, *resource;
	int64_t expires;
	const char *token;       /* what a redemption gives; a secret */
	const char *token_id, *token_type;
	int64_t token_lifetime;  /* seconds */
	const char *acr_values;  /* of a login that would do, where a redemption is refused for it; NULL: any */
	int64_t max_age;         /* likewise, seconds; 0: any */
	/* Of a token of ours that was brought. */
	int64_t issued;
	const char *bound_key, *bound_certificate;
	/* Of a check. */
	int status;              /* HTTP; 0: that of the code */
	const char *challenge, *rpc_error;
	int64_t renew;
	struct kept *kept;
	struct decision_list groups, roles, scopes, accounts;
	struct decision_step *steps;
	size_t step_count, step_room;
	struct arena memory;
};

struct ema_decision *decision_new(void);
void decision_free(struct ema_decision *decision);
/* Zeroed and aligned, for as long as the decision. NULL: no memory, and broken. */
void *decision_get(struct ema_decision *decision, size_t count, size_t size);
/* A copy that lives as long as the decision; NULL stays NULL. No memory: "" and broken. */
const char *decision_copy(struct ema_decision *decision, const char *text);
const char *decision_printf(struct ema_decision *decision, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A URI as records and texts may have it: of query and fragment, where secrets stand, no more than that there is one (AUD-11). */
const char *decision_uri(struct ema_decision *decision, const char *uri);
void decision_add(struct ema_decision *decision, struct decision_list *list, const char *text);
/* Appends a step and returns its place, or SIZE_MAX when there are too many. The strings are copied, but for the static ones. */
size_t decision_step(struct ema_decision *decision, const struct decision_step *step);
/* Takes away everything that a refusal must not tell. */
void decision_refuse(struct ema_decision *decision, int code);

#endif
