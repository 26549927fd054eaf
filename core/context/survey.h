/* Who can, and what can they: by the configuration and its directories, without a token. */
#ifndef CONTEXT_SURVEY_H
#define CONTEXT_SURVEY_H

#include "admin.h"
#include "arena.h"

struct survey_row {
	const char *kind;    /* "grant", "deny", "person", "service", "tool", "shadow", "closed", "note" */
	const char *service;
	const char *who;     /* a person and its subject, or whom a rule names */
	const char *what;    /* a target, or what a rule is about */
	const char *rule;    /* FILE:LINE; "" */
	const char *text;    /* under which conditions, or why not */
	int code;
};

struct ema_survey {
	struct arena arena;
	struct survey_row *rows;
	size_t count, room;
	int broken;          /* no memory on the way */
};

/* What tokens may say beyond what a directory knows: groups and roles of the provider's claims; with a subject its e-mail address (NULL: none). */
struct survey_claims {
	const char *email;
	const char *const *groups, *const *roles;
	size_t group_count, role_count;
};

int survey_who(struct ema_context *context, const char *service, const char *method, const char *target, int64_t now, struct ema_survey **out);
int survey_what(struct ema_context *context, const char *subject, const struct survey_claims *claims, int64_t now, struct ema_survey **out);
void survey_free(struct ema_survey *survey);

#endif
