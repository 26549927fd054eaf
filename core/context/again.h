/* A record of a check, turned back into what was asked: to be decided again under a configuration. */
#ifndef CONTEXT_AGAIN_H
#define CONTEXT_AGAIN_H

#include "assume.h"
#include "json.h"

struct conf_service;

#define AGAIN_ARGUMENTS_MOST 60 /* that a record has */
#define AGAIN_VALUE_MOST 230    /* bytes of one, with its pointer */
#define AGAIN_NO_ARGUMENTS "none" /* it came without: whatever a rule looks at is absent */
#define AGAIN_AUDIENCE 17

struct again {
	struct json json, inner; /* of the record, and of the record in one of OCSF */
	const struct json *record;
	struct assumption assumed; /* sub is as the record has it: a pseudonym */
	const char **lists[4];   /* scopes, amr */
	struct access_name *groups, *roles;
	char *arguments, *names; /* memory */
	const char *salt;        /* id of the pseudonyms' key */
	const char *view;        /* policy_view() under which groups and roles were taken down; NULL: all of them were, by an earlier version */
	const char *arguments_view; /* the same of arguments; AGAIN_NO_ARGUMENTS; NULL: by an earlier version */
	const char *audience;    /* again_audience() of then */
	int ours;                /* the token is one of ours, not the provider's own */
	int code;                /* what was answered */
};

/*
 * EMA_OK; EMA_ABSENT for a record of something else; EMA_BAD_REQUEST, and failure says why it cannot be decided again; EMA_BAD_JSON and the
 * like for what is no record. again_clear() in each case.
 */
int again_read(const char *line, size_t length, struct again *out, struct failure *failure);
void again_clear(struct again *again);
/* Stands for what the service makes of a token that the provider itself issued: whom it is for, clients and scopes. "": it takes none. */
void again_audience(const struct conf_service *service, const char *provider, char out[AGAIN_AUDIENCE]);
/* The request as one line of JSON. */
void again_print(const struct again *again, struct buffer *out);
/*
 * Decides it by the configuration in place. Subjects that a rule names are compared as pseudonyms under the salt, which is looked for in
 * state_dir (NULL: none). The code, and *out; EMA_BAD_REQUEST without a decision: it cannot be decided, and failure says why.
 */
int again_decide(struct ema_context *context, const struct again *again, const char *state_dir, struct ema_decision **out, struct failure *failure);

#endif
