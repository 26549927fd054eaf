#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "jwt.h"
#include "marks.h"
#include "replay.h"
#include "standing.h"

void pipeline_place(const struct conf_node *node, char *out, size_t room)
{
	char digits[16], *digit = digits + sizeof digits;
	out[0] = 0;
	if (!node || !node->file)
		return;
	/* FILE:LINE of each rule, several for each check: printf takes a tenth of its time. */
	for (unsigned line = node->line > 0 ? (unsigned)node->line : 0; line || digit == digits + sizeof digits; line /= 10)
		*--digit = (char)('0' + line % 10);
	*--digit = ':';
	const size_t length = strnlen(node->file, room - 1), number = (size_t)(digits + sizeof digits - digit);
	const size_t kept = number < room - length ? number : room - 1 - length;
	memcpy(out, node->file, length);
	memcpy(out + length, digit, kept);
	out[length + kept] = 0;
}

int pipeline_fail(struct pipeline *p, int code, const struct conf_node *node, const char *text)
{
	if (p->failure.code)
		return p->failure.code;
	failure_set(&p->failure, code, "%s", text && *text ? text : code_row(code) ? code_row(code)->meaning : "");
	pipeline_place(node, p->rule, sizeof p->rule);
	return code;
}

static void step(struct pipeline *p, const char *stage, int code, const char *text)
{
	decision_step(p->decision, &(struct decision_step){ .stage = stage, .code = code, .text = text });
}

int pipeline_read(struct pipeline *p)
{
	if (!p->credential || !p->credential_kind)
		return failure_set(&p->failure, EMA_BAD_REQUEST, "the request has no credential");
	if (p->now * 1000 < CLOCK_LEAST)
		return failure_set(&p->failure, EMA_CLOCK_WRONG, "this machine's clock is before the day EMA was made: set it");
	p->kind = p->credential_kind == EMA_CREDENTIAL_ID_JAG ? EMA_ID_JAG : EMA_ACCESS_TOKEN;
	int code = jws_parse(p->credential, p->credential_length, &p->jws, &p->failure);
	if (!code)
		code = jws_claims(&p->jws, &p->route, &p->failure);
	if (code)
		return code;
	const struct json_node *issuer = json_member(&p->route, json_root(&p->route), "iss");
	p->issuer = json_string(issuer);
	if (!issuer || (p->issuer && !*p->issuer))
		return failure_set(&p->failure, EMA_MISSING_CLAIM, "the token has no issuer (iss)");
	if (!p->issuer)
		return failure_set(&p->failure, EMA_BAD_CLAIM, "the token's issuer (iss) is no string");
	/* An assertion comes once. What is kept was verified by a key of this issuer, which is one of the configuration's then. */
	if (p->kind == EMA_ACCESS_TOKEN) {
		p->jws.seen = p->context->seen;
		p->jws.seen_share = policy_hash_text(POLICY_HASH, p->issuer);
	}
	return EMA_OK;
}

/*
 * What was issued before the store began to remember may have been used then: in the second of the beginning too, and later,
 * where an issuer's clock is ahead. A skew here would let it be used again.
 */
static int check_memory(struct pipeline *p, int64_t issued)
{
	int64_t since = INT64_MIN;
	if (store_since(p->context->store, &since))
		return failure_set(&p->failure, EMA_STORE_UNAVAILABLE, "the store was not reached yet");
	if (since != INT64_MIN && issued < since / 1000 + (since % 1000 != 0))
		return failure_set(&p->failure, EMA_BEFORE_START, "the assertion was issued %lld s before the store began to remember (with the process, if "
		                   "it is in memory; with its file or master, if not), and may have been used then", (long long)(since / 1000 - issued));
	if (p->context->horizon && issued <= horizon_before(p->context->horizon))
		return failure_set(&p->failure, EMA_BEFORE_START, "the assertion was issued no later than the last that was redeemed before the process "
		                   "began, and may be that one: the issuer's clock is ahead");
	return EMA_OK;
}

/* An assertion counts once. Last of all checks, so that a bad request cannot burn a good one. */
static int take_replay(struct pipeline *p)
{
	const struct call_result *found = call_result(p->winner->call);
	const struct conf_provider *conf = p->winner->provider->conf;
	if (p->kind != EMA_ID_JAG || p->flags & DECIDE_DRY)
		return EMA_OK;
	int code = check_memory(p, found->issued);
	if (code) {
		step(p, "replay", code, p->failure.text);
		return code;
	}
	if (audit_reserve(p->context->audit, AUDIT_RESERVE, p->deadline))
		return failure_set(&p->failure, EMA_AUDIT_UNAVAILABLE, "there is no room in the audit spool");
	p->reserved = AUDIT_RESERVE;
	struct replay replay = {
		.provider = conf->instance.id,
		.issuer = p->winner->subject.issuer,
		.tenant = p->winner->subject.tenant,
		.jti = found->jti,
		.assertion = p->credential,
		.assertion_length = p->credential_length,
		.client = found->client_id,
		.proof_key = p->redemption && p->redemption->proof ? p->redemption->proof->thumbprint : NULL,
		.expires = found->expires,
		.uses = conf->replay == REPLAY_SINGLE_USE ? 1 : conf->replay_uses,
	};
	/* Plugins may have taken their time: once it is past the slot's end, a store may have forgotten the first use. */
	if (!p->given_now && clock_wall(&p->context->clock) / 1000 - found->expires >= conf->skew)
		return failure_set(&p->failure, EMA_EXPIRED, "the token expired while it was decided on");
	int64_t left = p->deadline - clock_monotonic(&p->context->clock);
	code = replay_take(p->context->store, &replay, left > 0 ? left : 0, &p->failure);
	/* It may have found out just now that it lost its memory, or be another one. */
	if (code == EMA_OK)
		code = check_memory(p, found->issued);
	if (code == EMA_OK && p->context->horizon)
		horizon_raise(p->context->horizon, found->issued);
	step(p, "replay", code, p->failure.text);
	return code;
}

/* EMA_OK, or the worse of the two: a block is worse than an epoch, and not to know is worse than both. */
static int marks_ask(struct pipeline *p, const struct mark_query *query, int so_far)
{
	struct failure failure = FAILURE_INIT;
	if (so_far && so_far != EMA_REVOKED)
		return so_far;
	int code = marks_check(p->context->marks, query, &failure);
	if (!code || code == so_far)
		return so_far;
	failure_clear(&p->failure);
	return failure_set(&p->failure, code, "%s", failure.text);
}

/* The provider itself issued it; also when it is asked again. */
static int is_foreign(const struct pipeline *p)
{
	return p->winner->call || !p->own.claims.jti;
}

/*
 * When a provider's own access token ends for us: what was issued longer ago may have been hit by a mark that is gone. Where nobody says when
 * it was issued, it may have so much left. JWT_ABSENT: with its exp alone.
 */
static int64_t reach(const struct pipeline *p)
{
	const struct call_result *found = p->winner->call ? call_result(p->winner->call) : NULL;
	const int64_t issued = found ? found->issued : p->own.claims.issued, expires = found ? found->expires : p->own.claims.expires;
	if (!is_foreign(p) || p->kind == EMA_ID_JAG || p->purpose == PURPOSE_ASSUME)
		return JWT_ABSENT;
	if (issued != JWT_ABSENT)
		return issued - p->winner->provider->conf->skew + MARKS_REACH_MS / 1000;
	return expires != JWT_ABSENT && expires - p->now > MARKS_REACH_MS / 1000 ? p->now - 1 : JWT_ABSENT;
}

/*
 * Whether any of it was revoked. Once when it is known whose it is, and once behind all that may take time: what is issued
 * for it carries the time of the decision's beginning, so a revocation which comes later than this hits that. Persons are known
 * behind the directories alone.
 */
int pipeline_marks(struct pipeline *p)
{
	const struct candidate *winner = p->winner;
	const struct call_result *found = winner->call ? call_result(winner->call) : NULL;
	const size_t provider = (size_t)(winner->provider - p->snapshot->providers);
	const struct call_list *persons = &p->principal.persons;
	const int64_t ends = reach(p);
	if (ends != JWT_ABSENT && p->now > ends) {
		failure_set(&p->failure, EMA_EXPIRED, "the token was issued so long ago (iat), or is to live for so long, that it ended %lld s ago: revocations are "
		            "remembered for 48 hours, and its provider must issue tokens that live shorter", (long long)(p->now - ends));
		step(p, "revocation", EMA_EXPIRED, p->failure.text);
		return EMA_EXPIRED;
	}
	if (!p->context->marks)
		return EMA_OK;
	struct issuer_walk walk = { 0, 0 };
	struct mark_query query = {
		.issuer = snapshot_issuer_next(p->snapshot, provider, winner->subject.tenant, &walk),
		.tenant = winner->subject.tenant,
		.sub = winner->subject.sub,
		.provider = winner->subject.provider,
		.service = p->service->conf->id,
	};
	int64_t issued = found ? found->issued : p->own.claims.issued;
	query.issued = issued == JWT_ABSENT || issued > INT64_MAX / 1000 || issued < 0 ? MARKS_NEVER : issued * 1000;
	/* A provider's clock may be ahead of that which the mark is by: what it issued before then would seem to be newer. */
	if (is_foreign(p) && query.issued != MARKS_NEVER)
		query.issued -= winner->provider->conf->skew * 1000;
	if (found) {
		query.client = found->client_id;
		query.assertion = p->kind == EMA_ID_JAG ? found->jti : NULL;
	} else {
		query.client = p->own.claims.client_id;
		query.jti = p->own.claims.jti;
		query.person = p->own.claims.person;
	}
	int code = marks_ask(p, &query, EMA_OK);
	/* The subject under the other names of its issuer: what was revoked while another one was the first. */
	struct mark_query other = { .issued = query.issued, .tenant = query.tenant, .sub = query.sub, .assertion = query.assertion };
	while ((marks_any(p->context->marks, MARK_SUBJECT) || marks_any(p->context->marks, MARK_ASSERTION)) &&
	       (other.issuer = snapshot_issuer_next(p->snapshot, provider, query.tenant, &walk)))
		code = marks_ask(p, &other, code);
	/* And under the provider's id, which stays when its issuer has other names. */
	other.issuer = winner->subject.provider;
	other.assertion = NULL;
	if (marks_any(p->context->marks, MARK_SUBJECT))
		code = marks_ask(p, &other, code);
	for (size_t i = 0; i < persons->count; i++)
		code = marks_ask(p, &(struct mark_query){ .issued = query.issued, .person = persons->list[i] }, code);
	if (code)
		step(p, "revocation", code, p->failure.text);
	return code;
}

/* The service's issuer, and those that it had before until their dates. */
int pipeline_audiences(struct pipeline *p)
{
	const struct conf_service *service = p->service->conf;
	if (p->audiences)
		return EMA_OK;
	p->audiences = decision_get(p->decision, service->former_issuers.count + 1, sizeof *p->audiences);
	if (!p->audiences)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	p->audiences[p->audience_count++] = service->issuer;
	for (size_t i = 0; i < service->former_issuers.count; i++)
		if (p->now < service->former_until[i])
			p->audiences[p->audience_count++] = service->former_issuers.list[i];
	return EMA_OK;
}

/* A token of ours: what it says was decided once; what may have changed since is decided again. */
static int walk_own(struct pipeline *p)
{
	int code = pipeline_own(p);
	if (!code)
		code = pipeline_marks(p);
	if (!code)
		code = pipeline_bound(p, p->own.claims.jkt || p->own.claims.x5t);
	if (!code)
		code = pipeline_directories(p);
	if (!code)
		code = pipeline_guards(p);
	if (!code)
		code = pipeline_grants(p);
	if (!code)
		code = pipeline_marks(p);
	if (!code && clock_monotonic(&p->context->clock) > p->deadline)
		code = failure_set(&p->failure, EMA_TIMEOUT, "the decision took longer than the service's deadline");
	return code;
}

static int walk(struct pipeline *p)
{
	if (p->purpose == PURPOSE_INTROSPECT)
		return walk_own(p);
	if (p->check)
		return check_walk(p);
	int code = pipeline_read(p);
	if (!code && p->flags & DECIDE_DRY && (code = pipeline_rehearse(p))) {
		step(p, "client", code, p->failure.text);
		return code;
	}
	if (!code && p->redemption)
		code = pipeline_target(p);
	if (!code)
		code = pipeline_audiences(p);
	if (code) {
		step(p, "token", code, p->failure.text);
		return code;
	}
	code = pipeline_identity(p);
	if (!code)
		code = pipeline_marks(p);
	if (!code)
		code = pipeline_binding(p);
	if (!code)
		code = pipeline_directories(p);
	if (!code)
		code = pipeline_guards(p);
	if (!code)
		code = pipeline_scopes(p);
	if (!code)
		code = pipeline_keys(p);
	if (!code && p->purpose == PURPOSE_REDEEM)
		code = pipeline_grants(p);
	if (!code)
		code = pipeline_life(p);
	if (!code && clock_monotonic(&p->context->clock) > p->deadline)
		code = failure_set(&p->failure, EMA_TIMEOUT, "the decision took longer than the service's deadline");
	if (!code)
		code = pipeline_marks(p);
	if (!code)
		code = take_replay(p);
	return code ? code : pipeline_sign(p);
}

static void copy_list(struct ema_decision *decision, struct decision_list *to, const struct call_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		decision_add(decision, to, from->list[i]);
}

static void tell_subject(struct pipeline *p)
{
	struct ema_decision *d = p->decision;
	const struct candidate *winner = p->winner;
	const struct call_result *found = winner->call ? call_result(winner->call) : NULL;
	char room[512];
	struct buffer subject;
	buffer_on(&subject, room, sizeof room, SUBJECT_TEXT_MOST);
	d->broken |= subject_write(&winner->subject, &subject) != 0;
	d->subject = decision_copy(d, subject.data);
	buffer_free(&subject);
	d->provider = decision_copy(d, winner->subject.provider);
	d->issuer = decision_copy(d, winner->subject.issuer);
	d->tenant = decision_copy(d, winner->subject.tenant);
	d->sub = decision_copy(d, winner->subject.sub);
	d->client = decision_copy(d, found ? found->client_id : p->own.claims.client_id);
	d->email = decision_copy(d, winner->email);
	d->actor = decision_copy(d, winner->actor);
	d->person = decision_copy(d, p->principal.person);
}

static void grant(struct pipeline *p)
{
	struct ema_decision *d = p->decision;
	const struct call_result *found = p->winner->call ? call_result(p->winner->call) : NULL;
	tell_subject(p);
	d->code = EMA_OK;
	d->resource = decision_copy(d, p->service->conf->resource);
	int64_t expires = found ? found->expires : p->own.claims.expires;
	const int64_t ends = reach(p);
	if (ends != JWT_ABSENT && ends < expires)
		expires = ends;
	d->expires = expires == JWT_ABSENT ? 0 : expires;
	for (size_t i = 0; i < p->principal.group_count; i++)
		decision_add(d, &d->groups, p->principal.groups[i].name);
	for (size_t i = 0; i < p->principal.role_count; i++)
		decision_add(d, &d->roles, p->principal.roles[i].name);
	copy_list(d, &d->accounts, &p->principal.accounts);
	if (d->shadow)
		d->operator_line = decision_printf(d, "%s%s%s", p->rule, p->rule[0] ? ": " : "", d->shadow);
	else
		d->operator_line = decision_printf(d, "granted to %s by provider \"%s\"", d->subject, d->provider);
}

static void finish(struct pipeline *p, int code)
{
	struct ema_decision *d = p->decision;
	if (!code)
		grant(p);
	if (!code && p->purpose == PURPOSE_CHECK && kept_take(p))
		d->broken = 1;
	/* Before the record, which must say what was answered. A refusal may be due to what was lost, a scope perhaps: it is none. */
	if (d->broken) {
		failure_clear(&p->failure);
		code = failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	if (!(p->flags & DECIDE_DRY)) {
		int written = record_decision(p, code);
		if (written && (!code || written == EMA_AUDIT_UNAVAILABLE)) {
			failure_clear(&p->failure);
			code = failure_set(&p->failure, EMA_AUDIT_UNAVAILABLE, "the audit record could not be written: see the log of the sinks");
			p->rule[0] = 0;
		}
	}
	if (p->purpose == PURPOSE_CHECK)
		check_answer(p, code);
	if (code) {
		d->operator_line = decision_printf(d, "%s%s%s", p->rule, p->rule[0] ? ": " : "", p->failure.text);
		decision_refuse(d, code);
		/* Whom a server must not take for let in, those who look may know. */
		if (p->winner && p->flags & DECIDE_DRY)
			tell_subject(p);
	}
}

static void end(struct pipeline *p)
{
	if (p->reserved)
		audit_release(p->context->audit, p->reserved);
	if (p->check)
		check_end(p);
	for (struct candidate *candidate = p->candidates; candidate; candidate = candidate->next)
		call_free(candidate->call);
	principal_clear(&p->principal);
	access_free(&p->own);
	json_free(&p->route);
	jws_free(&p->jws);
	snapshot_release(p->snapshot);
}

/* A decision without a configuration, a service, or this process. */
static int begin(struct pipeline *p, const char *service)
{
	struct ema_context *context = p->context;
	p->now = p->given_now ? p->given_now : clock_wall(&context->clock) / 1000;
	p->snapshot = context_snapshot(context);
	p->service = p->snapshot && service ? snapshot_service(p->snapshot, service) : NULL;
	p->deadline = clock_monotonic(&context->clock) + (p->service ? p->service->conf->deadline_ms : 5000);
	if (!p->snapshot)
		return failure_set(&p->failure, EMA_CONFIG, "no configuration is loaded");
	if (context->operator)
		return failure_set(&p->failure, EMA_CONFIG, "this context is there to revoke by, and decides nothing (ema_set_operator)");
	if (context->observer && !(p->flags & DECIDE_DRY))
		return failure_set(&p->failure, EMA_CONFIG, "this context is there to look, and decides nothing (ema_set_observer)");
	if (p->service || p->purpose == PURPOSE_REDEEM)
		return EMA_OK;
	return snapshot_no_service(p->snapshot, service ? service : "", &p->failure);
}

static int decide(struct pipeline *p, const char *service, struct ema_decision **out)
{
	struct ema_decision *decision = decision_new();
	if (!decision)
		return EMA_OUT_OF_MEMORY;
	*out = decision;
	if (!context_is_alive(p->context)) {
		decision->operator_line = "this context was made before fork(): make one in the child";
		decision_refuse(decision, EMA_AFTER_FORK);
		return EMA_AFTER_FORK;
	}
	p->decision = decision;
	if (!p->check) {
		p->credential = p->request->credential;
		p->credential_length = p->request->length;
		p->credential_kind = p->request->kind;
	}
	audit_id(&p->context->ids, &p->context->clock, decision->id);
	int code = begin(p, service);
	if (!code)
		code = walk(p);
	if (code && p->flags & DECIDE_DRY)
		pipeline_mistaken(p, code);
	finish(p, code);
	end(p);
	static const enum metrics_place places[] = { [PURPOSE_DECIDE] = METRICS_LIBRARY, [PURPOSE_REDEEM] = METRICS_TOKEN,
		                                      [PURPOSE_INTROSPECT] = METRICS_INTROSPECT, [PURPOSE_CHECK] = METRICS_CHECK };
	/* Who looks is not answered. */
	if (!(p->flags & DECIDE_DRY))
		metrics_answer(&p->context->metrics, places[p->purpose], decision->code);
	return decision->code;
}

int context_decide(struct ema_context *context, const char *service, const struct ema_request *request, int flags, int64_t now,
                   struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .flags = flags, .given_now = now, .failure = FAILURE_INIT,
		              .step = FAILURE_INIT, .unwanted = FAILURE_INIT };
	return decide(&p, service, out);
}

int context_redeem(struct ema_context *context, const struct redemption *redemption, const struct ema_request *request, struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .purpose = PURPOSE_REDEEM, .redemption = redemption, .failure = FAILURE_INIT, .step = FAILURE_INIT,
		              .unwanted = FAILURE_INIT };
	return decide(&p, NULL, out);
}

int context_introspect(struct ema_context *context, const char *service, const struct ema_request *request, struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .purpose = PURPOSE_INTROSPECT, .failure = FAILURE_INIT, .step = FAILURE_INIT,
		              .unwanted = FAILURE_INIT };
	return decide(&p, service, out);
}

int pipeline_check(struct ema_context *context, const char *service, const struct ema_request *request, struct check *check, struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .purpose = PURPOSE_CHECK, .check = check, .failure = FAILURE_INIT, .step = FAILURE_INIT,
		              .unwanted = FAILURE_INIT };
	return decide(&p, service, out);
}

int pipeline_still(struct ema_context *context, const char *service, const struct access_claims *claims, struct check *check)
{
	const struct ema_request nothing = { .kind = 0 };
	struct ema_decision *decision = NULL;
	struct pipeline p = { .context = context, .request = &nothing, .purpose = PURPOSE_STILL, .flags = DECIDE_DRY, .check = check, .failure = FAILURE_INIT,
		              .step = FAILURE_INIT, .unwanted = FAILURE_INIT };
	p.own.claims = *claims;
	int code = decide(&p, service, &decision);
	decision_free(decision);
	return code;
}

int pipeline_explain(struct ema_context *context, const char *service, const struct ema_request *request, int64_t now, struct check *check,
                     struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .purpose = PURPOSE_CHECK, .flags = DECIDE_DRY, .given_now = now, .check = check,
		              .credential = request->credential, .credential_length = request->length, .credential_kind = request->kind,
		              .failure = FAILURE_INIT, .step = FAILURE_INIT, .unwanted = FAILURE_INIT };
	return decide(&p, service, out);
}

int pipeline_assume(struct ema_context *context, const char *service, const struct ema_request *request, const struct access_claims *claims,
                    int64_t now, struct check *check, struct ema_decision **out)
{
	struct pipeline p = { .context = context, .request = request, .purpose = PURPOSE_ASSUME, .flags = DECIDE_DRY, .given_now = now, .check = check,
		              .failure = FAILURE_INIT, .step = FAILURE_INIT, .unwanted = FAILURE_INIT };
	p.own.claims = *claims;
	return decide(&p, service, out);
}
