/* The same decisions, made slowly: each rule in turn, read straight from the configuration. */
#ifndef TESTS_POLICY_SLOW_POLICY_H
#define TESTS_POLICY_SLOW_POLICY_H

#include "policy.h"

struct slow_answer {
	int code, enforced;
	const struct conf_grant *deny;        /* the first enforced deny that counts */
	const struct conf_grant *shadow_deny; /* and the first in shadow mode */
	int shadow_grant;                     /* one in shadow mode gives it */
};

void slow_decide(const struct conf_service *service, const struct policy_who *who, const struct policy_target *target, int64_t now,
                 struct slow_answer *out);
/* 1 if this grant alone gives it, by this scope. */
int slow_gives(const struct conf_service *service, const struct conf_grant *grant, const struct conf_scope *scope, const struct policy_who *who,
               const struct policy_target *target, int64_t now);

#endif
