/* What is usual with a kind of OpenID Connect provider. */
#ifndef OIDC_OIDC_H
#define OIDC_OIDC_H

#include "ema/plugin.h"

#define OIDC_LIST 5 /* room of the short lists below; a NULL ends them */

struct oidc_preset {
	const char *name;
	const char *issuer;              /* NULL: each has its own */
	const char *alias;
	const char *issuer_begins;       /* what such an issuer must begin with; NULL: anything */
	const char *issuer_hint;         /* what to write instead */
	uint32_t kinds;
	const char *types[OIDC_LIST];    /* of an access token */
	const char *kind_claim;          /* the claim that an access token says its kind with, and what it says */
	const char *kind_value;
	const char *id_marks[OIDC_LIST]; /* claims that ID tokens alone have */
	const char *subject[OIDC_LIST];
	const char *audience_claim, *client_claim, *scope_claim;
	const char *groups[OIDC_LIST], *roles[OIDC_LIST];
	const char *strip;
	int workload;                    /* all of its tokens are of workloads */
	const char *workload_claim;      /* else: the claim that shows one, and what it begins with */
	const char *workload_begins;
	int workload_claim_always;       /* each person's access token has that claim */
	const char *workload_ends;       /* or the end of its subject; NULL: that says nothing */
	const char *must_require[OIDC_LIST]; /* require, or the tenant, must hold one of these claims down */
	const char *must_hint;
};

/* "generic" for none. NULL for a name that is none of ours. */
const struct oidc_preset *oidc_preset(const char *name);
extern const char oidc_preset_names[];

#endif
