/* jwt_verify: from bytes to claims that may be believed, and what the core reads of them by itself. */
#include <string.h>

#include "jwt.h"
#include "lent.h"

#define SKEW 30     /* seconds, where no provider says otherwise */
#define LIFETIME 300
#define ACTORS_MOST 4

/* A verification under way. */
struct check {
	struct ema_call *call;
	const struct ema_keyset *keyset;
	const struct jws *jws;
	struct ema_jwt_rules rules;
	struct json claims;
	const char *issuer;
	const char *tenant; /* NULL: none */
	struct failure failure;
};

static const struct conf_provider *provider_of(const struct ema_call *call)
{
	return call->instance->settings.provider;
}

/* ---- Before the signature: which key may have made it. Nothing of this is believed. ---- */

static int types_fit(const struct check *check)
{
	/* Explicit types of other kinds of tokens (RFC 8725 3.11): no plugin can take them for an access token. */
	static const char *const foreign[] = { "oauth-id-jag+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt",
		                               "logout+jwt", "global-token-revocation+jwt" };
	const char *type = check->jws->type;
	if (check->call->settings->kind == EMA_ID_JAG)
		return !strcmp(type, "oauth-id-jag+jwt");
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		if (!strcmp(type, foreign[i]))
			return 0;
	if (!check->rules.types)
		return !strcmp(type, "at+jwt");
	for (size_t i = 0; i < check->rules.type_count; i++)
		if (check->rules.types[i] && !strcmp(check->rules.types[i], type))
			return 1;
	return 0;
}

static int node_says(const struct json *json, const struct json_node *node, const char *value)
{
	const char *text = json_string(node);
	if (!value)
		return node != NULL;
	if (text)
		return !strcmp(text, value);
	for (const struct json_node *item = json_is(node, JSON_ARRAY) ? json_first(json, node) : NULL; item; item = json_next(json, item))
		if (json_string(item) && !strcmp(json_string(item), value))
			return 1;
	return 0;
}

static int refusals(struct check *check)
{
	for (size_t i = 0; check->rules.refusals && i < check->rules.refusal_count; i++) {
		const struct ema_refusal *refusal = &check->rules.refusals[i];
		const struct json *json = refusal->flags & EMA_REFUSAL_HEADER ? &check->jws->header : &check->claims;
		if (refusal->claim && refusal->code != EMA_OK && node_says(json, json_at(json, refusal->claim), refusal->value))
			return failure_set(&check->failure, refusal->code, "%s", refusal->text ? refusal->text : "");
	}
	return EMA_OK;
}

static int find_issuer(struct check *check)
{
	const struct declared *declared = &check->keyset->declared;
	const char *named = NULL;
	check->issuer = json_string(json_at(&check->claims, "/iss"));
	if (!check->issuer || !*check->issuer)
		return failure_set(&check->failure, check->issuer ? EMA_BAD_CLAIM : EMA_MISSING_CLAIM, "the token has no iss");
	size_t i = 0;
	while (i < declared->name_count && strcmp(declared->names[i].issuer, check->issuer))
		i++;
	if (i == declared->name_count)
		return failure_set(&check->failure, EMA_NOT_MINE, "iss is none of the issuers of %.200s", declared->names[0].issuer);
	named = check->tenant = declared->names[i].tenant;
	const struct json_node *node = declared->tenant_claim ? json_at(&check->claims, declared->tenant_claim) : NULL;
	if (node) {
		check->tenant = json_string(node);
		if (!check->tenant || !lent_text_fits(check->tenant, LENT_TEXT_MOST))
			return failure_set(&check->failure, EMA_BAD_CLAIM, "%.100s names no tenant: it must be a string", declared->tenant_claim);
		if (named && strcmp(named, check->tenant))
			return failure_set(&check->failure, EMA_WRONG_TENANT, "%.100s is not the tenant of this issuer", declared->tenant_claim);
	} else if (declared->tenant_claim && !named) {
		return failure_set(&check->failure, EMA_MISSING_TENANT, "the token has no %.100s, and this provider has more than one tenant", declared->tenant_claim);
	}
	if (check->tenant && !call_tenant_fits(check->call, declared, check->tenant))
		return failure_set(&check->failure, EMA_WRONG_TENANT, "the tenant that the token names is none of the provider's");
	return EMA_OK;
}

/* "{tenantid}" in text becomes the tenant. NULL: no memory. */
static const char *fill_tenant(struct check *check, const char *text)
{
	static const char mark[] = "{tenantid}";
	const char *at = check->tenant ? strstr(text, mark) : NULL;
	struct buffer filled = BUFFER_INIT(4 * LENT_TEXT_MOST);
	if (!at)
		return text;
	buffer_append(&filled, text, (size_t)(at - text));
	buffer_text(&filled, check->tenant);
	buffer_text(&filled, at + sizeof mark - 1);
	char *copy = filled.failed ? NULL : room_text(&check->call->room, filled.data);
	buffer_free(&filled);
	return copy;
}

static int signature(struct check *check)
{
	struct ema_call *call = check->call;
	const struct conf_provider *provider = provider_of(call);
	unsigned allowed = provider && provider->algorithms ? provider->algorithms : JOSE_DEFAULT_SET;
	const char *key_issuer = NULL;
	if (check->keyset->flags & EMA_ISSUER_KEY_ISSUER) {
		key_issuer = fill_tenant(check, check->keyset->discovery_issuer ? check->keyset->discovery_issuer : check->issuer);
		if (!key_issuer)
			return failure_set(&check->failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	return keyset_verify(check->keyset->declared.keyset, check->jws, allowed, key_issuer, check->tenant, call->settings->deadline,
	                     &call->result.keys, &check->failure);
}

/* ---- After it ---- */

static int bad(struct check *check, int code, const char *claim, const char *why)
{
	return failure_set(&check->failure, code, "the claim %.100s %s", claim, why);
}

/* A string claim of 1 to most bytes. EMA_OK with *out NULL if it is absent and need not be there. */
static int read_string(struct check *check, const char *pointer, int need, size_t most, unsigned value, char **out)
{
	const struct json_node *node = json_at(&check->claims, pointer);
	if (!node)
		return need ? bad(check, EMA_MISSING_CLAIM, pointer, "must be there") : EMA_OK;
	const char *text = json_string(node);
	if (!text || !lent_text_fits(text, most))
		return bad(check, EMA_BAD_CLAIM, pointer, "must be a string, not empty, not too long, without control characters");
	char *copy = room_text(&check->call->room, text);
	if (!copy)
		return failure_set(&check->failure, EMA_OUT_OF_MEMORY, "no memory");
	*out = copy;
	check->call->read |= 1u << value;
	return EMA_OK;
}

static int read_date(struct check *check, const char *pointer, int need, unsigned value, int64_t *out)
{
	const struct json_node *node = json_at(&check->claims, pointer);
	if (!node)
		return need ? bad(check, EMA_MISSING_CLAIM, pointer, "must be there") : EMA_OK;
	if (!json_date(node, out))
		return bad(check, EMA_BAD_CLAIM, pointer, "must be a number of seconds since 1970");
	check->call->read |= 1u << value;
	return EMA_OK;
}

enum { LIST_ALONE = 1, LIST_EMPTY = 2, LIST_NONE = 4 };

/* A string (but with LIST_ALONE), or a list of strings (but with LIST_NONE); neither is empty, but with LIST_EMPTY, where that is as if it were absent. */
static int read_list(struct check *check, const char *pointer, int how, unsigned value, int (*add)(struct check *check, const char *text))
{
	const struct json_node *node = json_at(&check->claims, pointer);
	int code = EMA_OK;
	if (!node)
		return EMA_OK;
	const int text = json_string(node) && !(how & LIST_ALONE);
	if (how & LIST_EMPTY && (text ? !node->length : json_is(node, JSON_ARRAY) && !node->count))
		return EMA_OK;
	if (text)
		code = add(check, json_string(node));
	else if (how & LIST_NONE || !json_is(node, JSON_ARRAY) || !node->count)
		code = EMA_BAD_CLAIM;
	else
		for (const struct json_node *item = json_first(&check->claims, node); item && !code; item = json_next(&check->claims, item))
			code = json_string(item) ? add(check, json_string(item)) : EMA_BAD_CLAIM;
	check->call->read |= 1u << value;
	if (code == EMA_BAD_CLAIM || code == EMA_BAD_SCOPE)
		return bad(check, code, pointer, "has the wrong form");
	return code ? failure_set(&check->failure, code, "%s", check->call->failure.text) : EMA_OK;
}

static int add_audience(struct check *check, const char *text)
{
	return lent_text_fits(text, LENT_TEXT_MOST) ? call_list_add(check->call, &check->call->result.audience, text) : EMA_BAD_CLAIM;
}

static int add_amr(struct check *check, const char *text)
{
	return lent_text_fits(text, LENT_TEXT_MOST) ? call_list_add(check->call, &check->call->result.amr, text) : EMA_BAD_CLAIM;
}

static int add_resource(struct check *check, const char *text)
{
	return lent_resource_fits(text) ? call_list_add(check->call, &check->call->result.resources, text) : EMA_BAD_CLAIM;
}

static int add_scopes(struct check *check, const char *text)
{
	return call_scopes(check->call, text);
}

/* RFC 8693 4.1: the outermost is the one that acts now. */
static int read_actors(struct check *check)
{
	struct ema_call *call = check->call;
	const struct conf_provider *provider = provider_of(call);
	int64_t most = provider ? provider->actor_depth : ACTORS_MOST;
	const struct json_node *act = json_at(&check->claims, "/act");
	if (act)
		call->read |= 1u << EMA_VALUE_ACTOR;
	for (int64_t depth = 0; act; depth++) {
		const char *subject = json_string(json_member(&check->claims, act, "sub"));
		if (!json_is(act, JSON_OBJECT) || !subject || !lent_text_fits(subject, LENT_TEXT_MOST))
			return bad(check, EMA_BAD_CLAIM, "/act", "must be an object with a sub, and so must those in it");
		if (depth >= most)
			return failure_set(&check->failure, EMA_ACTOR_REFUSED, "more than %lld actors (act) in each other", (long long)most);
		if (call_list_add(call, &call->result.actors, subject))
			return failure_set(&check->failure, call->ruined, "%s", call->failure.text);
		act = json_member(&check->claims, act, "act");
	}
	if (call->result.actors.count)
		call->result.actor = call->result.actors.list[0];
	return EMA_OK;
}

static int refuse_unsupported(struct check *check)
{
	const struct conf_provider *provider = provider_of(check->call);
	/* RFC 7800 3.1 would let us ignore it, and that would make a bearer token of a bound one. */
	if (json_at(&check->claims, "/cnf") && !check->call->settings->takes_bound)
		return failure_set(&check->failure, EMA_BOUND_TOKEN, "the token is bound to a key (cnf), and no proof of it can be taken here");
	if (json_at(&check->claims, "/authorization_details"))
		return failure_set(&check->failure, EMA_UNSUPPORTED_DETAILS, "the token has authorization_details, which are not understood here and must not be dropped");
	/* JAG-133: agents and workloads that are subjects themselves have a profile of their own, which is not this. */
	const struct json_node *profile = check->call->settings->kind == EMA_ID_JAG ? json_at(&check->claims, "/sub_profile") : NULL;
	if (profile && !json_string(profile))
		return bad(check, EMA_BAD_CLAIM, "/sub_profile", "must be a string");
	if (profile && strcmp(json_string(profile), "user"))
		return failure_set(&check->failure, EMA_NOT_A_PERSON, "sub_profile is not \"user\": an agent or service that acts for itself; people only");
	const struct json_node *node = json_at(&check->claims, "/aud_tenant");
	const char *tenant = json_string(node);
	if (node && !tenant)
		return bad(check, EMA_BAD_CLAIM, "/aud_tenant", "must be a string");
	if (!node || !provider || !provider->aud_tenants.count)
		return EMA_OK;
	for (size_t i = 0; i < provider->aud_tenants.count; i++)
		if (!strcmp(provider->aud_tenants.list[i], tenant))
			return EMA_OK;
	return failure_set(&check->failure, EMA_WRONG_TENANT, "aud_tenant is none of the provider's aud_tenants");
}

static int read_claims(struct check *check)
{
	struct ema_call *call = check->call;
	struct call_result *result = &call->result;
	int jag = call->settings->kind == EMA_ID_JAG;
	const char *audience = check->rules.audience_claim ? check->rules.audience_claim : "/aud";
	const char *client = !jag && check->rules.client_claim ? check->rules.client_claim : "/client_id";
	char *sub = NULL, *subject = NULL;
	int64_t not_before = JWT_ABSENT;
	int code;
	if (!json_at(&check->claims, audience))
		return bad(check, EMA_MISSING_CLAIM, audience, "must be there");
	/* Keycloak writes a scope or an amr that is empty where others write none. An ID-JAG without a scope may ask for the usual ones, so one
	   whose scope is empty is not taken for it. It has a sub and one string as its scope, whatever claims the provider names (JAG-40, JAG-66). */
	if ((code = refuse_unsupported(check)) ||
	    (code = read_string(check, "/iss", 1, LENT_TEXT_MOST, EMA_VALUE_ISSUER, &result->issuer)) ||
	    (code = jag && check->rules.subject_claim ? read_string(check, "/sub", 1, LENT_TEXT_MOST, 0, &sub) : EMA_OK) ||
	    (code = read_string(check, check->rules.subject_claim ? check->rules.subject_claim : "/sub", 1, LENT_TEXT_MOST, 0, &subject)) ||
	    (code = read_list(check, audience, 0, EMA_VALUE_AUDIENCE, add_audience)) ||
	    (code = read_string(check, client, jag, LENT_TEXT_MOST, EMA_VALUE_CLIENT_ID, &result->client_id)) ||
	    (code = read_string(check, "/jti", jag, 255, EMA_VALUE_ID, &result->jti)) ||
	    (code = read_date(check, "/exp", 1, EMA_VALUE_EXPIRES, &result->expires)) ||
	    (code = read_date(check, "/iat", jag, EMA_VALUE_ISSUED, &result->issued)) ||
	    (code = read_date(check, "/nbf", 0, 0, &not_before)) ||
	    (code = read_list(check, check->rules.scope_claim ? check->rules.scope_claim : "/scope", jag ? LIST_NONE : LIST_EMPTY, EMA_VALUE_SCOPE, add_scopes)) ||
	    (code = read_list(check, "/resource", 0, EMA_VALUE_RESOURCE, add_resource)) ||
	    (code = read_string(check, "/acr", 0, LENT_TEXT_MOST, EMA_VALUE_ACR, &result->acr)) ||
	    (code = read_list(check, "/amr", LIST_ALONE | LIST_EMPTY, EMA_VALUE_AMR, add_amr)) ||
	    (code = read_date(check, "/auth_time", 0, EMA_VALUE_AUTH_TIME, &result->auth_time)) ||
	    (code = read_actors(check)))
		return code;
	const struct json_node *aud = json_at(&check->claims, audience);
	if (jag && json_is(aud, JSON_ARRAY) && aud->count != 1)
		return failure_set(&check->failure, EMA_WRONG_AUDIENCE, "aud is a list of %u; an ID-JAG is for one audience alone", (unsigned)aud->count);
	if (check->tenant && !(result->tenant = room_text(&call->room, check->tenant)))
		return failure_set(&check->failure, EMA_OUT_OF_MEMORY, "no memory");
	call->not_before = not_before;
	return EMA_OK;
}

/* What was read or said before counts no more. */
static void forget(struct ema_call *call)
{
	struct call_result *r = &call->result;
	char *name_id = r->name_id;
	*r = (struct call_result){ .expires = JWT_ABSENT, .issued = JWT_ABSENT, .auth_time = JWT_ABSENT, .max_age_ms = -1, .name_id = name_id,
		                   .groups = r->groups, .roles = r->roles, .email = r->email, .email_verified = r->email_verified };
	call->read = 0;
	call->not_before = JWT_ABSENT;
}

/* Parses the credential if the caller did not, for the code and the text. */
static int parse(struct check *check)
{
	struct ema_call *call = check->call;
	if (call->settings->jws) {
		check->jws = call->settings->jws;
		return EMA_OK;
	}
	if (!call->settings->credential)
		return failure_set(&check->failure, EMA_INTERNAL, "there is no credential to verify");
	jws_free(&call->jws);
	check->jws = &call->jws;
	return jws_parse(call->settings->credential, call->settings->credential_length, &call->jws, &check->failure);
}

static int verify(struct check *check)
{
	struct ema_call *call = check->call;
	int code;
	if (!(check->keyset->declared.kinds & call->settings->kind))
		return failure_set(&check->failure, EMA_NOT_MINE, "the provider takes no credential of this kind (accepts)");
	if ((code = parse(check)))
		return code;
	if (!types_fit(check))
		return failure_set(&check->failure, EMA_WRONG_TYPE, "typ is \"%.63s\", which no %s of this provider has", check->jws->type,
		                   call->settings->kind == EMA_ID_JAG ? "ID-JAG (oauth-id-jag+jwt)" : "access token");
	if ((code = jws_claims(check->jws, &check->claims, &check->failure)) || (code = refusals(check)) || (code = find_issuer(check)) ||
	    (code = signature(check)) || (code = read_claims(check)))
		return code;
	return EMA_OK;
}

int host_jwt_verify(ema_call *ticket, ema_keyset *keys, const struct ema_jwt_rules *rules, const ema_claims **out)
{
	struct ema_call *call = lent_call(ticket);
	struct check check = { .call = call, .failure = FAILURE_INIT };
	size_t i = 0;
	if (!call || !out || !keys)
		return EMA_INTERNAL;
	while (i < call->instance->declared_count && call->instance->declared[i] != keys)
		i++;
	if (i == call->instance->declared_count || !keys->declared.keyset || (rules && (rules->size < offsetof(struct ema_jwt_rules, types) || rules->size > 4096)))
		return call_ruin(call, EMA_INTERNAL, "jwt_verify was called with what is no key set of this instance");
	if (call->result.bound)
		return call_ruin(call, EMA_INTERNAL, "jwt_verify was called again after it had succeeded");
	if (rules)
		memcpy(&check.rules, rules, rules->size < sizeof check.rules ? rules->size : sizeof check.rules);
	check.keyset = keys;
	forget(call);
	int code = verify(&check);
	if (call->ruined)
		code = call->ruined;
	if (!code) {
		/* An earlier key set may have refused; this one did not. */
		failure_clear(&call->failure);
		code = call_demands(call);
	} else if (!call->ruined) {
		failure_clear(&call->failure);
		failure_set(&call->failure, code, "%s", check.failure.text);
	}
	if (code) {
		json_free(&check.claims);
		if (!call->ruined)
			forget(call);
		return code;
	}
	call->result.claims = check.claims;
	call->result.bound = 1;
	call->claims.call = call;
	*out = &call->claims;
	return EMA_OK;
}

/* ---- What the provider and the service demand, of claims that were read or said ---- */

static int demand_times(struct ema_call *call)
{
	const struct conf_provider *provider = provider_of(call);
	int jag = call->settings->kind == EMA_ID_JAG;
	struct jwt_times times = {
		.now = call->now, .skew = provider ? provider->skew : SKEW,
		.longest = !jag ? 0 : provider ? provider->longest : LIFETIME,
		.oldest = jag && provider ? provider->oldest : 0,
		.expires = call->result.expires, .issued = call->result.issued, .not_before = call->not_before,
		/* An access token's is held against revocations. */
		.need_issued = jag || call->result.bound,
	};
	return jwt_check_times(&times, &call->failure);
}

static int in_list(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], text))
			return 1;
	return 0;
}

/* The mistake that is made most: one of the two ends with a slash. */
static int slash_apart(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), least = la < lb ? la : lb;
	return (la > lb ? la - lb : lb - la) == 1 && !strncmp(a, b, least) && (la > lb ? a : b)[least] == '/';
}

static int demand_audience(struct ema_call *call)
{
	const struct call_demand *demand = call->settings->demand;
	const struct call_list *said = &call->result.audience;
	if (!demand || !demand->audience_count)
		return failure_set(&call->failure, EMA_WRONG_AUDIENCE, "the service names no audience for this provider");
	size_t fitting = 0;
	for (size_t i = 0; i < said->count; i++)
		fitting += (size_t)in_list(demand->audiences, demand->audience_count, said->list[i]);
	if (fitting && (call->settings->kind != EMA_ID_JAG || said->count == 1))
		return EMA_OK;
	return failure_set(&call->failure, said->count ? EMA_WRONG_AUDIENCE : EMA_MISSING_CLAIM, "the audience is \"%.150s\"%s, where \"%.150s\" is asked for (%s)",
	                   said->count ? said->list[0] : "", said->count > 1 ? " and more" : "", demand->audiences[0],
	                   said->count && slash_apart(said->list[0], demand->audiences[0]) ? "a slash at the end is the difference" : "each byte counts");
}

static int demand_client(struct ema_call *call)
{
	const struct call_demand *demand = call->settings->demand;
	const struct conf_provider *provider = provider_of(call);
	const char *client = call->result.client_id, *asking = call->settings->items[EMA_ITEM_CLIENT_ID];
	int jag = call->settings->kind == EMA_ID_JAG;
	if (!client && (jag || demand->client_count))
		return failure_set(&call->failure, EMA_MISSING_CLAIM, "the token does not say for which client it is");
	if (provider && !conf_takes(&provider->clients, client))
		return failure_set(&call->failure, EMA_WRONG_CLIENT, "the client \"%.150s\" is none of the provider's clients", client ? client : "");
	if (!jag && demand->client_count) {
		if (!in_list(demand->clients, demand->client_count, client))
			return failure_set(&call->failure, EMA_WRONG_CLIENT, "the client \"%.150s\" is none of those that the service takes from this provider", client);
		return EMA_OK;
	}
	if (jag && !asking)
		return EMA_OK; /* nobody asks yet: the token endpoint does, and explain may not */
	if (!asking || !client || strcmp(client, asking))
		return failure_set(&call->failure, EMA_WRONG_CLIENT, "the token was issued to the client \"%.150s\"%s%.150s%s", client ? client : "",
		                   asking ? ", and \"" : ", and the service lists no clients for this provider", asking ? asking : "", asking ? "\" came with it" : "");
	return EMA_OK;
}

static int demand_actor(struct ema_call *call)
{
	const struct conf_provider *provider = provider_of(call);
	const char *actor = call->result.actor;
	if (!provider)
		return EMA_OK;
	if (provider->actor_required && !actor)
		return failure_set(&call->failure, EMA_ACTOR_REFUSED, "the token names no actor (act), and the provider must");
	if (actor && !conf_takes(&provider->actors, actor))
		return failure_set(&call->failure, EMA_ACTOR_REFUSED, "the actor that the token names (act) is none of the provider's actors");
	return EMA_OK;
}

int call_demands(struct ema_call *call)
{
	struct call_result *result = &call->result;
	int code;
	if (!result->issuer)
		return failure_set(&call->failure, EMA_INTERNAL, "the plugin \"%s\" said no issuer", plugin_description(call->instance->plugin)->name);
	if (call->settings->kind == EMA_ID_JAG && !result->jti)
		return failure_set(&call->failure, EMA_MISSING_CLAIM, "the token has no jti");
	if ((code = demand_times(call)) || (code = demand_audience(call)) || (code = demand_client(call)) || (code = demand_actor(call)))
		return code;
	return EMA_OK;
}
