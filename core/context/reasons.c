/* Why a check was answered so, rule by rule, and what would have to change: for those who look, as steps of the trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "describe.h"
#include "pipeline.h"

#define NEAREST_MOST 8 /* grants that are named as a way to a permit */
#define DENIES_MOST 8  /* and denies that would have to go */
#define SUBJECT_MOST 8192 /* bytes of who it is */
#define NAMES_MOST 16  /* groups, and roles, of the subject that are shown */

struct reasons {
	struct pipeline *p;
	const struct policy_target *target;
	const char *name;           /* of the target, cut */
	int permitted;              /* by a grant in force */
	struct policy_stand nearest[NEAREST_MOST];
	size_t nearest_count;
	struct policy_stand denies[DENIES_MOST]; /* the first that count */
	size_t denied;              /* how many count */
};

static void tell_step(struct reasons *r, const char *stage, const struct conf_node *rule, int code, const char *text)
{
	char place[300];
	pipeline_place(rule, place, sizeof place);
	decision_step(r->p->decision, &(struct decision_step){ .rule = place, .stage = stage, .name = r->name, .code = code, .text = text });
}

/* Behind words to which nothing was to be added. */
static void trim(struct buffer *text)
{
	while (text->length && text->data[text->length - 1] == ' ')
		text->data[--text->length] = 0;
}

/* What one cannot change, who one is, weighs most; and of that, whose one is. */
static int lack_count(const struct policy_stand *stand)
{
	const int theirs = (stand->strange & (POLICY_OTHER_PROVIDER | POLICY_OTHER_TENANT)) || (stand->lacks & POLICY_LACKS_VALUE && stand->values & POLICY_TENANT);
	return __builtin_popcount(stand->lacks) + 8 * __builtin_popcount(stand->strange) + (stand->lacks & POLICY_LACKS_VALUE ? 8 : 0) + (theirs ? 64 : 0);
}

/* The grants that lack least, nearest first. */
static void take_nearest(struct reasons *r, const struct policy_stand *stand)
{
	size_t at = r->nearest_count;
	while (at && lack_count(&r->nearest[at - 1]) > lack_count(stand))
		at--;
	if (at == NEAREST_MOST)
		return;
	if (r->nearest_count < NEAREST_MOST)
		r->nearest_count++;
	for (size_t i = r->nearest_count - 1; i > at; i--)
		r->nearest[i] = r->nearest[i - 1];
	r->nearest[at] = *stand;
}

static int code_of(const struct policy_stand *stand)
{
	if (stand->lacks & (POLICY_LACKS_WHO | POLICY_LACKS_TIME | POLICY_LACKS_ARGUMENTS | POLICY_LACKS_VALUE | POLICY_LACKS_CLIENT))
		return EMA_NOT_GRANTED;
	return stand->lacks & POLICY_LACKS_LOGIN ? EMA_WEAK_AUTHENTICATION : stand->lacks ? EMA_INSUFFICIENT_SCOPE : EMA_OK;
}

/* A deny of some tools, or of a scope, leaves the list of them. */
static int is_narrow(const struct reasons *r, const struct conf_grant *rule)
{
	return r->target->kind == POLICY_LIST && (rule->tools.count || rule->prompts.count || rule->uris.count || rule->scopes.count);
}

static void tell_stand(void *data, const struct policy_stand *stand)
{
	struct reasons *r = data;
	struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
	const int counts = !stand->lacks;
	const struct decision_list *held = &r->p->decision->scopes;
	const char *through = stand->scope ? policy_through(r->p->service->policy, held->list, held->count, stand->scope->name) : NULL;
	if (r->p->check->told)
		r->p->check->told(r->p->check->told_data, stand);
	if (counts) {
		buffer_text(&text, stand->deny ? "it counts: it is for " : "it gives this to ");
		describe_who(stand->rule, &text);
		if (stand->scope)
			buffer_printf(&text, " by the scope %.100s", stand->scope->name);
		if (through)
			buffer_printf(&text, " through %.100s", through);
		buffer_char(&text, ' ');
		describe_when(stand->rule->conditions, &text);
		trim(&text);
	} else {
		buffer_text(&text, "it does not count: ");
		describe_lacks(stand, &text);
	}
	if (stand->rule->shadow)
		buffer_text(&text, " (mode = \"shadow\": it decides nothing)");
	tell_step(r, stand->deny ? "deny" : "grant", stand->rule->node, stand->deny ? counts ? EMA_DENIED : EMA_OK : code_of(stand), text.data);
	buffer_free(&text);
	if (stand->rule->shadow)
		return;
	if (stand->deny && counts && !is_narrow(r, stand->rule) && r->denied++ < DENIES_MOST)
		r->denies[r->denied - 1] = *stand;
	if (!stand->deny)
		take_nearest(r, stand);
	r->permitted += !stand->deny && counts;
}

static void tell_denies(struct reasons *r)
{
	for (size_t i = 0; i < r->denied && i < DENIES_MOST; i++) {
		struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
		buffer_printf(&text, "%sthis deny must not count, or go: it is for ", i ? "and " : "");
		describe_who(r->denies[i].rule, &text);
		buffer_char(&text, ' ');
		describe_when(r->denies[i].rule->conditions, &text);
		trim(&text);
		if (i == DENIES_MOST - 1 && r->denied > DENIES_MOST)
			buffer_printf(&text, "; and so must %zu more", r->denied - DENIES_MOST);
		tell_step(r, "change", r->denies[i].rule->node, EMA_DENIED, text.data);
		buffer_free(&text);
	}
}

/* The scopes that have the target, though no grant gives them. */
static void tell_ungranted(struct reasons *r)
{
	tell_step(r, "change", r->p->service->conf->node, EMA_NOT_GRANTED,
	          r->target->kind == POLICY_TASK ? "an id of a task says nothing of the tool that made it: no rule can give it" :
	                                           "no grant opens this for anybody: a scope must have it (tools, prompts or uris), and a grant must give that scope");
}

void reasons_tell(struct pipeline *p, const struct policy_target *target, const struct policy_result *result)
{
	struct policy_who who = pipeline_who(p);
	char name[120];
	struct reasons r = { .p = p, .target = target, .name = name };
	snprintf(name, sizeof name, "%.100s", target->name ? target->name : "");
	const int code = policy_explain(p->service->policy, &who, target, p->now, tell_stand, &r);
	p->check->untold |= code == EMA_OUT_OF_MEMORY;
	if (code || !result->enforced || target->kind == POLICY_SERVER)
		return;
	tell_denies(&r);
	if (!r.nearest_count)
		tell_ungranted(&r);
	else if (r.permitted && !r.denied)
		tell_step(&r, "change", conf_child(p->service->conf->node, "tools_file"), result->code, result->text);
	for (size_t i = 0; i < r.nearest_count && !r.permitted; i++) {
		struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
		buffer_printf(&text, "%sthis grant would give it, but ", i ? "or " : r.denied ? "and " : "");
		describe_lacks(&r.nearest[i], &text);
		tell_step(&r, "change", r.nearest[i].rule->node, code_of(&r.nearest[i]), text.data);
		buffer_free(&text);
	}
}

static void tell_token(struct pipeline *p, struct buffer *text)
{
	if (text->length)
		decision_step(p->decision, &(struct decision_step){ .stage = "scopes", .code = EMA_OK, .text = text->data });
	buffer_free(text);
}

/* Before anything can refuse it. */
void reasons_subject(struct pipeline *p)
{
	const struct policy_who who = pipeline_who(p);
	struct buffer text = BUFFER_INIT(SUBJECT_MOST);
	char *subject = subject_text(&p->winner->subject);
	buffer_printf(&text, "the subject: %s", subject ? subject : "");
	if (who.tenant)
		buffer_printf(&text, ", of the tenant %s", who.tenant);
	if (who.email)
		buffer_printf(&text, ", e-mail address %s", who.email);
	if (who.client)
		buffer_printf(&text, ", by the client %s", who.client);
	free(subject);
	tell_token(p, &text);
}

static void tell_names(struct pipeline *p, const char *what, const struct principal_name *names, size_t count)
{
	struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
	for (size_t i = 0; i < count && i < NAMES_MOST; i++)
		buffer_printf(&text, "%s%s %.80s (%.64s)", i ? "," : what, i ? "" : ":", names[i].name, names[i].source);
	if (count > NAMES_MOST)
		buffer_printf(&text, " and %zu more", count - NAMES_MOST);
	tell_token(p, &text);
}

/* What the token has, before what is asked of it; and what directories know. */
void reasons_token(struct pipeline *p)
{
	const struct decision_list *scopes = &p->decision->scopes;
	const struct conf_service *service = p->service->conf;
	struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
	tell_names(p, "its groups", p->principal.groups, p->principal.group_count);
	tell_names(p, "its roles", p->principal.roles, p->principal.role_count);
	buffer_text(&text, scopes->count ? "its scopes:" : "it has no scope");
	for (size_t i = 0; i < scopes->count && !text.failed; i++) {
		size_t k = 0;
		while (k < service->scope_count && strcmp(service->scopes[k].name, scopes->list[i]))
			k++;
		buffer_printf(&text, " %.100s%s", scopes->list[i], k < service->scope_count ? "" : " (which the service has no more)");
	}
	tell_token(p, &text);
}
