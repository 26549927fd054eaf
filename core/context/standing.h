/* Where a provider stands: whether its keys are fresh, and since when they are not. */
#ifndef CONTEXT_STANDING_H
#define CONTEXT_STANDING_H

#include "keyset.h"
#include "policy.h"
#include "snapshot.h"

struct standing {
	const char *name;          /* of the worst of its key sets; "none": it has no keys */
	struct keyset_state worst; /* all zero for none */
};
void standing_of(const struct provider *provider, struct standing *out);

struct pipeline;
/* Of a token that its provider's keys verified: says in the trace that they are stale, and keeps the scopes that read where it must. */
int pipeline_keys(struct pipeline *p);
/* The same of one that was verified before, by how the keys stand now. */
int pipeline_keys_now(struct pipeline *p);
/* Takes scopes that write out of the decision's. EMA_OK, or EMA_KEYS_UNAVAILABLE if none is left. */
int pipeline_read_only(struct pipeline *p);
/* Whether the target may be had then; else result is changed. */
int standing_allows(const struct pipeline *p, const struct policy_target *target, struct policy_result *result);

#endif
