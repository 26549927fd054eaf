/* What a list of rules decides (PAM's controls, stricter): a pure function; no I/O, no allocation. */
#ifndef IDENTITY_STACK_H
#define IDENTITY_STACK_H

#include <stddef.h>

#include "conf.h"

#define STACK_DEPTH_MOST 8

/* A rule as the walker wants it: resolved and checked. */
struct stack_rule {
	const unsigned char *action;      /* enum conf_action by code, EMA_CODES of them */
	const struct stack_list *stack;   /* NULL: a module */
	size_t module;                    /* which */
	const struct conf_rule *conf;     /* for messages; may be NULL */
};

struct stack_list {
	const struct stack_rule *rules;
	size_t count;
};

/* What a module answered: its code, and for an identity rule whom it vouched for. */
struct stack_answer {
	int code;
	const void *vouching; /* NULL: none */
};

struct stack_ops {
	/* Runs a module. depth is 0 in the service's own list. */
	void (*run)(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer);
	/* 1 if the two vouchings are for one subject. NULL for guards. */
	int (*same)(void *data, const void *a, const void *b);
	/* Tells what a rule came to, after its action is known; for a stack, after its rules. May be NULL. */
	void (*tell)(void *data, const struct stack_rule *rule, int depth, int code, enum conf_action action);
	void *data;
	/* 0 if the `when` of a rule that names a stack leaves it out: before its rules are asked (vouching NULL), and again for whom
	   they vouched. It answers not_mine then. A module's own `when` is run()'s. May be NULL. */
	int (*fits)(void *data, const struct stack_rule *rule, const void *vouching);
};

struct stack_result {
	int code;             /* EMA_OK: granted (guards: passed) */
	const void *vouching; /* of the rule that counted */
	size_t ran;           /* modules */
	const struct stack_rule *failed; /* whose failure it was; NULL */
};

/* Identity rules: somebody must vouch. */
void stack_identity(const struct stack_list *list, const struct stack_ops *ops, struct stack_result *out);
/* Guards: passed if none failed; an empty list passes. */
void stack_guards(const struct stack_list *list, const struct stack_ops *ops, struct stack_result *out);


#endif
