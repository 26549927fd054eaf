/* A table of expectations: who may do what by a configuration, as an operator wrote it down. A file in the syntax of ema.conf. */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "conf.h"

struct conf_person { /* of whom the table speaks */
	const char *id;
	const char *subject;  /* provider/tenant/sub */
	const char *email, *client, *acr;
	struct conf_strings amr, groups, roles; /* of the provider's token; what directories know is asked of them */
	int64_t login;        /* seconds since the login; 0: its time is unknown */
	const struct conf_node *node;
};

struct conf_expectation {
	struct conf_strings who;      /* ids of people; each of them is one case, as is each target */
	const char *service;
	struct conf_strings tools, prompts, uris;
	const char *method;           /* instead of them */
	const char *arguments;        /* JSON; NULL: none */
	struct conf_strings scopes;   /* of the token; empty: all that the service has */
	const char *code;             /* of the refusal; NULL: one by the rules */
	int may;
	int64_t at;                   /* seconds since 1970; 0: now */
	const struct conf_node *node;
};

struct conf_table {
	struct conf *file;            /* whose memory all of it is in */
	struct conf_person *people; size_t person_count;
	struct conf_expectation *list; size_t count;
};

/* NULL: findings has why. Ids of services, scopes and codes are the caller's to know. */
struct conf_table *conf_table_read(const char *path, struct findings *findings);
void conf_table_free(struct conf_table *table);
const struct conf_person *conf_table_person(const struct conf_table *table, const char *id);

#endif
