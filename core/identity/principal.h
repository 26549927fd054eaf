/* What is known of a subject: groups and roles with where they come from, accounts, the person of a directory. */
#ifndef IDENTITY_PRINCIPAL_H
#define IDENTITY_PRINCIPAL_H

#include <stddef.h>
#include <stdint.h>

#include "answers.h"
#include "conf.h"
#include "failure.h"
#include "host.h"
#include "subject.h"

#define PRINCIPAL_CLAIMS "claims" /* the source of what the provider's token said */

/* A group or role belongs to (source, tenant). */
struct principal_name {
	char *name, *source;
	char *tenant; /* NULL: none */
};

struct principal { /* all zero: nothing is known */
	char *person; /* of the first directory that knew one; NULL */
	struct call_list persons; /* as each of them calls the subject */
	struct principal_name *groups, *roles;
	size_t group_count, role_count;
	struct call_list accounts; /* SYSTEM=NAME; the first directory that names a system is believed */
};
void principal_clear(struct principal *principal);
/* Adds a copy to a list that has room for one more. 0, or -1 without memory: what is in the list is whole, then, too. */
int principal_add_name(struct principal_name *names, size_t *count, const char *name, const char *source, const char *tenant);

/* Adds what identify found in the claims. EMA_OK or EMA_OUT_OF_MEMORY. */
int principal_claims(struct principal *principal, const struct subject *subject, const struct call_result *found);

struct principal_ops {
	/* Asks the directory of an entry: call_run's code, and its result on EMA_OK, which lives until done is called. */
	int (*lookup)(void *data, const struct conf_service_directory *entry, const struct call_result **found, struct failure *failure);
	void (*done)(void *data, const struct conf_service_directory *entry); /* once after each lookup; may be NULL */
	uint64_t (*generation)(void *data, const struct conf_service_directory *entry); /* raised by directory_changed */
	void *data;
	const char *email, *name_id; /* by which lookup asks, besides the subject */
};

/* 1 if the entry speaks for the provider. */
int principal_asks(const struct conf_service_directory *entry, const char *provider);

/*
 * Asks the service's directories in their order, those that speak for the subject's provider, and adds what they know. EMA_OK;
 * EMA_UNKNOWN_SUBJECT if one that is required does not know it; EMA_DISABLED; a directory's outage as
 * EMA_DIRECTORY_UNAVAILABLE or EMA_DIRECTORY_STALE unless its last answer stands in (on_failure = "last_known").
 */
int principal_gather(struct principal *principal, const struct conf *conf, const struct conf_service *service, const struct subject *subject,
                     struct answers *answers, const struct principal_ops *ops, struct failure *failure);

#endif
