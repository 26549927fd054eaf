/* Rules of ema.conf in words, for operators. */
#ifndef CONTEXT_DESCRIBE_H
#define CONTEXT_DESCRIBE_H

#include "buffer.h"
#include "policy.h"

#define DESCRIBE_MOST 1024

/* "provider okta, group engineering of staff"; "anybody". */
void describe_who(const struct conf_grant *rule, struct buffer *out);
/* "acr high", "amr mfa", "a login of the last 600 s"; nothing if it asks for none. */
void describe_login(const struct conf_conditions *when, struct buffer *out);
/* "/repo is like acme/public-*, /n is between 1 and 9". */
void describe_arguments(const struct conf_conditions *when, struct buffer *out);
/* "at certain times"; the windows and dates in words. */
void describe_time(const struct conf_conditions *when, struct buffer *out);
/* All conditions of a rule but for whom it names: "if ..."; nothing without conditions. */
void describe_when(const struct conf_conditions *when, struct buffer *out);
/* "{tenant} and {email}": POLICY_TENANT and the others; nothing for none. */
void describe_values(unsigned values, struct buffer *out);
/* What keeps a rule from counting. */
void describe_lacks(const struct policy_stand *stand, struct buffer *out);
/* What the rules say of a refusal; of a login, which one is wanted. */
void describe_refusal(const struct policy_result *result, struct buffer *out);
/* Of an answer that shadow mode alone made a permit: until when, and what it would be without. */
void describe_shadow(const struct conf_service *service, const struct policy_result *result, struct buffer *out);

#endif
