#include "again.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "codes.h"
#include "jwt.h"
#include "method.h"
#include "ocsf.h"
#include "secret.h"

#define REQUEST_MOST 65536
#define CUT "...[cut "
#define EVERY_REVISION (MCP_2026_07_28 | MCP_2025_11_25 | MCP_2025_06_18 | MCP_2025_03_26)

static const struct json_limits record_limits = { OCSF_LINE, 8, 16384, OCSF_LINE };
static const struct json_limits value_limits = { 4096, 2, 2, 4096 };

static int never(struct failure *failure, const char *why)
{
	return failure_set(failure, EMA_BAD_REQUEST, "%s", why);
}

static const struct json_node *at(const struct again *a, const char *name)
{
	return json_member(a->record, json_root(a->record), name);
}

static const char *text(const struct again *a, const char *name)
{
	return json_string(at(a, name));
}

static int is_cut(const char *value)
{
	return value && strstr(value, CUT);
}

/* A list of strings; EMA_BAD_REQUEST if it was cut. */
static int take_list(const struct again *a, const char *name, const char ***out, size_t *count, struct failure *failure)
{
	const struct json_node *list = at(a, name);
	*count = 0;
	*out = calloc((json_is(list, JSON_ARRAY) ? list->count : 0) + (size_t)1, sizeof **out);
	if (!*out)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	for (const struct json_node *item = json_is(list, JSON_ARRAY) ? json_first(a->record, list) : NULL; item; item = json_next(a->record, item)) {
		if (!json_string(item) || is_cut(json_string(item)))
			return never(failure, "a list of the record was cut");
		(*out)[(*count)++] = json_string(item);
	}
	return EMA_OK;
}

/* "SOURCE:NAME", each. */
static int take_names(struct again *a, const char *field, char **memory, struct access_name **out, size_t *count, struct failure *failure)
{
	const char **list = NULL;
	size_t room = 1;
	int code = take_list(a, field, &list, count, failure);
	for (size_t i = 0; !code && i < *count; i++)
		room += strlen(list[i]) + 1;
	*out = code ? NULL : calloc(*count + 1, sizeof **out);
	char *to = *memory = code ? NULL : malloc(room);
	if (!code && (!*out || !to))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	for (size_t i = 0; !code && i < *count; i++) {
		size_t length = strlen(list[i]), source = strcspn(list[i], ":");
		memcpy(to, list[i], length + 1);
		if (source == length)
			code = never(failure, "a group or role of the record has no source");
		else
			to[source] = 0;
		(*out)[i] = (struct access_name){ to + source + 1, to, a->assumed.claims.tenant };
		to += length + 1;
	}
	free(list);
	return code;
}

/* ---- Arguments: POINTER=JSON, as many as rules look at ---- */

struct item {
	const char *at;      /* what is left of the pointer */
	size_t length;
	const char *value;
};

/* Where the value begins: a pointer may have '=' in it, and no rest of one is JSON. */
static const char *value_of(const char *item)
{
	for (const char *equals = strchr(item, '='); equals; equals = strchr(equals + 1, '=')) {
		struct json json = { .nodes = NULL };
		int code = json_parse(equals + 1, strlen(equals + 1), &value_limits, &json, NULL);
		json_free(&json);
		if (!code)
			return equals + 1;
	}
	return NULL;
}

static size_t token_length(const struct item *item)
{
	size_t n = 1;
	while (n < item->length && item->at[n] != '/')
		n++;
	return n;
}

/* A member's name, unescaped (RFC 6901 4). */
static void put_name(struct buffer *out, const char *token, size_t length)
{
	struct buffer name = BUFFER_INIT(4096);
	for (size_t i = 0; i < length; i++) {
		char c = token[i];
		if (c == '~' && i + 1 < length)
			c = token[++i] == '1' ? '/' : '~';
		buffer_char(&name, c);
	}
	buffer_json(out, name.data ? name.data : "", name.length);
	out->failed |= name.failed;
	buffer_free(&name);
}

/* An object of those that share what came before; what was an array is one too, whose names are numbers: a pointer finds the same. */
static void put_level(struct buffer *out, const struct item *items, size_t count, int depth)
{
	int first = 1;
	buffer_char(out, '{');
	for (size_t i = 0; i < count && depth < 32; i++) {
		struct item below[AGAIN_ARGUMENTS_MOST];
		const size_t token = token_length(&items[i]);
		const char *value = NULL;
		size_t deeper = 0;
		int seen = 0;
		for (size_t k = 0; k < count; k++) {
			if (token_length(&items[k]) != token || memcmp(items[k].at, items[i].at, token))
				continue;
			seen |= k < i;
			if (items[k].length == token)
				value = items[k].value;
			else
				below[deeper++] = (struct item){ items[k].at + token, items[k].length - token, items[k].value };
		}
		if (seen)
			continue;
		if (!first)
			buffer_char(out, ',');
		first = 0;
		put_name(out, items[i].at + 1, token - 1);
		buffer_char(out, ':');
		if (deeper && (!value || *value == '{'))
			put_level(out, below, deeper, depth + 1);
		else
			buffer_text(out, value ? value : "{}");
	}
	buffer_char(out, '}');
}

/* RFC 6901, as a record has it: nothing is written for it that two others are written as. */
static int is_pointer(const char *text, size_t length)
{
	struct buffer clean = BUFFER_INIT(length + 1);
	int good = *text == '/' && !buffer_clean(&clean, text, length) && clean.length == length && !memcmp(clean.data, text, length);
	for (size_t i = 0; i < length; i++)
		good &= text[i] != '~' || (i + 1 < length && (text[i + 1] == '0' || text[i + 1] == '1'));
	buffer_free(&clean);
	return good;
}

static int take_arguments(struct again *a, struct failure *failure)
{
	struct item items[AGAIN_ARGUMENTS_MOST];
	const char **list = NULL;
	size_t count = 0;
	struct buffer out = BUFFER_INIT(REQUEST_MOST);
	int code = take_list(a, "arguments", &list, &count, failure);
	if (!code && count > AGAIN_ARGUMENTS_MOST)
		code = never(failure, "the record has more arguments than a record has");
	for (size_t i = 0; !code && i < count; i++) {
		const char *value = value_of(list[i]);
		if (!value || !is_pointer(list[i], (size_t)(value - 1 - list[i])))
			code = never(failure, "an argument of the record is not POINTER=VALUE");
		else
			items[i] = (struct item){ list[i], (size_t)(value - 1 - list[i]), value };
	}
	if (!code && count) {
		put_level(&out, items, count, 0);
		a->arguments = buffer_take(&out);
		if (!a->arguments)
			code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	buffer_free(&out);
	free(list);
	a->assumed.arguments = a->arguments;
	return code;
}

/* ---- The record ---- */

int again_read(const char *line, size_t length, struct again *out, struct failure *failure)
{
	const struct json_node *raw;
	char *names = NULL;
	*out = (struct again){ .code = EMA_INTERNAL };
	int code = json_parse(line, length, &record_limits, &out->json, failure);
	out->record = &out->json;
	if (!code && json_string(raw = json_member(&out->json, json_root(&out->json), "raw_data"))) {
		code = json_parse(raw->text, raw->length, &record_limits, &out->inner, failure);
		out->record = &out->inner;
	}
	if (code)
		return code;
	if (!text(out, "kind") || strcmp(text(out, "kind"), "check"))
		return failure_set(failure, EMA_ABSENT, "it is no record of a check");
	out->code = text(out, "code") ? code_by_name(text(out, "code")) : -1;
	if (!assume_is_answer(out->code))
		return failure_set(failure, EMA_BAD_REQUEST, "it was not the permissions that answered: %.64s", text(out, "code") ? text(out, "code") : "");
	if (text(out, "unrepeatable"))
		return failure_set(failure, EMA_BAD_REQUEST, "%.200s", text(out, "unrepeatable"));
	/* Of those who were looked at, a refusal of the rules names the provider. */
	if (out->code == EMA_FORBIDDEN && !text(out, "provider"))
		return never(failure, "it was refused for the page that it came from (origins), before the token was looked at");
	struct access_claims *claims = &out->assumed.claims;
	int64_t login = 0;
	out->assumed.resolved = 1;
	out->assumed.service = text(out, "service");
	out->assumed.method = text(out, "method");
	out->assumed.target = text(out, "target");
	out->salt = text(out, "salt");
	out->view = text(out, "held_view");
	out->arguments_view = text(out, "arguments_view");
	out->audience = text(out, "audience_view");
	out->ours = text(out, "token_id") != NULL;
	out->assumed.foreign = !out->ours;
	*claims = (struct access_claims){ .provider = text(out, "provider"), .tenant = text(out, "tenant"), .sub = text(out, "subject"),
		                          .client_id = text(out, "token_client"), .acr = text(out, "acr"), .auth_time = JWT_ABSENT };
	if (json_integer(at(out, "auth_time"), &login))
		claims->auth_time = login;
	if (!out->assumed.service || !out->assumed.method || !claims->provider || !claims->sub || !out->salt || !json_integer(at(out, "decided_at"), &out->assumed.now))
		return never(failure, "the record lacks what a decision needs: it was written by an earlier version");
	if (is_cut(out->assumed.target) || is_cut(claims->acr) || is_cut(claims->tenant) || is_cut(claims->client_id))
		return never(failure, "a value of the record was cut");
	code = take_list(out, "held_scopes", &out->lists[0], &claims->scope_count, failure);
	claims->scopes = out->lists[0];
	if (!code)
		code = take_list(out, "amr", &out->lists[1], &claims->amr_count, failure);
	claims->amr = out->lists[1];
	if (!code)
		code = take_names(out, "held_groups", &out->names, &out->groups, &claims->group_count, failure);
	claims->groups = out->groups;
	if (!code)
		code = take_names(out, "held_roles", &names, &out->roles, &claims->role_count, failure);
	claims->roles = out->roles;
	out->lists[2] = (const char **)(void *)names;
	return code ? code : take_arguments(out, failure);
}

void again_clear(struct again *again)
{
	json_free(&again->json);
	json_free(&again->inner);
	for (size_t i = 0; i < sizeof again->lists / sizeof *again->lists; i++)
		free((void *)(uintptr_t)again->lists[i]);
	free(again->groups);
	free(again->roles);
	free(again->names);
	free(again->arguments);
	*again = (struct again){ .code = EMA_INTERNAL };
}

static void put(struct buffer *out, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_printf(out, ",\"%s\":", name);
	buffer_json(out, value, strlen(value));
}

static void put_list(struct buffer *out, const char *name, const char *const *list, size_t count)
{
	buffer_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		buffer_text(out, i ? "," : "");
		buffer_json(out, list[i], strlen(list[i]));
	}
	buffer_char(out, ']');
}

static void put_names(struct buffer *out, const char *name, const struct access_name *list, size_t count)
{
	buffer_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		buffer_text(out, i ? ",{\"name\":" : "{\"name\":");
		buffer_json(out, list[i].name, strlen(list[i].name));
		put(out, "source", list[i].source);
		buffer_char(out, '}');
	}
	buffer_char(out, ']');
}

void again_print(const struct again *a, struct buffer *out)
{
	const struct access_claims *claims = &a->assumed.claims;
	buffer_printf(out, "{\"time\":%lld", (long long)a->assumed.now);
	put(out, "service", a->assumed.service);
	put(out, "method", a->assumed.method);
	put(out, "target", a->assumed.target);
	if (a->assumed.arguments)
		buffer_printf(out, ",\"arguments\":%s", a->assumed.arguments);
	put(out, "provider", claims->provider);
	put(out, "tenant", claims->tenant);
	put(out, "subject", claims->sub);
	put(out, "salt", a->salt);
	put(out, "client", claims->client_id);
	put(out, "acr", claims->acr);
	put_list(out, "amr", claims->amr, claims->amr_count);
	if (claims->auth_time != JWT_ABSENT)
		buffer_printf(out, ",\"auth_time\":%lld", (long long)claims->auth_time);
	put_list(out, "scopes", claims->scopes, claims->scope_count);
	put_names(out, "groups", claims->groups, claims->group_count);
	put_names(out, "roles", claims->roles, claims->role_count);
	buffer_char(out, '}');
}

/* ---- Again ---- */

static int holds(const struct conf_strings *list, const char *part)
{
	for (size_t i = 0; i < list->count; i++)
		if (strstr(list->list[i], part))
			return 1;
	return 0;
}

/* Does a pattern for targets of this kind take the subject's name in? Without a kind, no pattern is looked at. */
static int takes(const enum policy_kind *kind, const struct conf_strings *tools, const struct conf_strings *prompts, const struct conf_strings *uris)
{
	return kind && holds(*kind == POLICY_TOOL ? tools : *kind == POLICY_PROMPT ? prompts : uris, "{subject}");
}

static int takes_subject(const struct conf_grant *rule, const enum policy_kind *kind)
{
	int found = takes(kind, &rule->tools, &rule->prompts, &rule->uris);
	for (size_t i = 0; kind && *kind != POLICY_URI && rule->conditions && i < rule->conditions->arg_count && !found; i++)
		found = rule->conditions->args[i].test == TEST_LIKE && strstr(rule->conditions->args[i].value->string, "{subject}");
	return found;
}

/* Of the subjects that a rule names, the one that the pseudonym stands for. */
static int find_subject(const struct conf_grant *rule, const unsigned char *salt, const char **sub, struct failure *failure)
{
	char pseudonym[AUDIT_PSEUDONYM];
	if (rule->subjects.count && !salt)
		return never(failure, "a rule names subjects, and the key of the record's pseudonyms is not there (state_dir)");
	for (size_t i = 0; i < rule->subjects.count; i++) {
		if (audit_pseudonym_under(salt, rule->subjects.list[i], pseudonym))
			return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		if (!strcmp(pseudonym, *sub)) {
			*sub = rule->subjects.list[i];
			return EMA_OK;
		}
	}
	return EMA_OK;
}

static int name_subject(const struct conf_service *conf, const struct assumption *assumed, const unsigned char *salt, const char **sub,
                        struct failure *failure)
{
	const struct mcp_method *method = mcp_method(assumed->method, EVERY_REVISION);
	/* A list, or a ping, is given by scopes: no pattern is looked at. */
	const enum policy_kind *kind = assumed->target && method ? &method->kind : NULL;
	const char *pseudonym = *sub;
	int code = EMA_OK;
	for (size_t i = 0; i < conf->scope_count; i++)
		if (takes(kind, &conf->scopes[i].tools, &conf->scopes[i].prompts, &conf->scopes[i].uris))
			return never(failure, "a pattern takes the subject's name in, of which the record has a pseudonym");
	for (size_t i = 0; i < conf->grant_count + conf->deny_count && !code && *sub == pseudonym; i++) {
		const struct conf_grant *rule = i < conf->grant_count ? &conf->grants[i] : &conf->denies[i - conf->grant_count];
		code = takes_subject(rule, kind) ? never(failure, "a pattern takes the subject's name in, of which the record has a pseudonym") :
		                             find_subject(rule, salt, sub, failure);
	}
	return code;
}

/* Where a rule looks at a name at which none did, the record does not say whether the subject has it. */
static int know_names(const struct service *service, const struct again *again, struct failure *failure)
{
	const struct access_claims *claims = &again->assumed.claims;
	const char *lacks = again->view ? policy_view_lacks(service->policy, again->view, claims->provider, claims->tenant) : NULL;
	return lacks ? failure_set(failure, EMA_BAD_REQUEST, "a rule looks at the group or role \"%.100s\", at which none looked when the record was made", lacks) : EMA_OK;
}

static uint64_t hash_strings(uint64_t hash, const struct conf_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		hash = policy_hash_text(hash, strings->list[i]);
	return policy_hash_text(hash, "");
}

static uint64_t hash_scopes(uint64_t hash, const struct conf_node *node)
{
	const char *scope;
	for (size_t i = 0; (scope = conf_text_at(node, i)); i++)
		hash = policy_hash_text(hash, scope);
	return policy_hash_text(hash, "");
}

void again_audience(const struct conf_service *service, const char *provider, char out[AGAIN_AUDIENCE])
{
	const struct conf_audience *audience = conf_audience_of(service, provider);
	*out = 0;
	if (!audience)
		return;
	uint64_t hash = hash_strings(hash_strings(POLICY_HASH, &audience->is), &audience->clients);
	const struct conf_node *map = audience->scope_any ? NULL : audience->scope_map;
	for (size_t k = 0; map && map->kind != CONF_STRING && k < map->count; k++)
		hash = hash_scopes(hash_scopes(hash, conf_child(&map->children[k], "from")), conf_child(&map->children[k], "to"));
	/* "any" stands for all that there are. */
	for (size_t k = 0; audience->scope_any && k < service->scope_count; k++)
		hash = policy_hash_text(hash, service->scopes[k].name);
	snprintf(out, AGAIN_AUDIENCE, "%016" PRIx64, hash);
}

/* A provider's own token has the scopes that the service made of its own, for one of the audiences and clients that the service took. */
static int know_token(const struct conf *conf, const struct conf_service *service, const struct again *again, struct failure *failure)
{
	char audience[AGAIN_AUDIENCE];
	/* Of a provider that is not there any more, nobody comes. */
	if (again->ours || !conf_has_provider(conf, service, again->assumed.claims.provider))
		return EMA_OK;
	again_audience(service, again->assumed.claims.provider, audience);
	if (again->audience && !strcmp(audience, again->audience))
		return EMA_OK;
	if (again->audience)
		return never(failure, "the provider itself issued the token, and the service's audience entry for it is another than when the record was made");
	return never(failure, "the provider itself issued the token, and the record, of an earlier version, does not say what the service made of it");
}

/* The arguments of rules that are about what was asked for, and name whoever asked. */
struct looked {
	const struct policy *policy;
	const struct again *again;
	const char *lacks;
};

static void look(void *data, const struct policy_stand *stand)
{
	struct looked *looked = data;
	const struct conf_conditions *when = stand->rule->conditions;
	const char *view = looked->again->arguments_view;
	if (stand->lacks & POLICY_LACKS_WHO || (view && !strcmp(view, AGAIN_NO_ARGUMENTS)))
		return;
	for (size_t i = 0; when && i < when->arg_count && !looked->lacks; i++)
		if (!view || !policy_arguments_seen(looked->policy, view, when->args[i].at))
			looked->lacks = when->args[i].at;
}

static int lacks_argument(const struct looked *looked, struct failure *failure)
{
	return failure_set(failure, EMA_BAD_REQUEST, "a rule looks at the argument %.100s, %s", looked->lacks,
	                   looked->again->arguments_view ? "at which none looked when the record was made" :
	                                                   "and the record, of an earlier version, does not say at which rules looked");
}

int again_decide(struct ema_context *context, const struct again *again, const char *state_dir, struct ema_decision **out, struct failure *failure)
{
	struct snapshot *snapshot = context_snapshot(context);
	const struct service *service = snapshot ? snapshot_service(snapshot, again->assumed.service) : NULL;
	struct looked looked = { .policy = service ? service->policy : NULL, .again = again };
	struct assumption assumed = again->assumed;
	unsigned char salt[32];
	const int has_salt = state_dir && !audit_salt(state_dir, again->salt, salt);
	int code = EMA_OK;
	*out = NULL;
	if (service && policy_wants(service->policy, 0) & POLICY_WANTS_EMAIL)
		code = never(failure, "a rule looks at the e-mail address, which the record does not have");
	else if (service)
		code = know_names(service, again, failure);
	if (!code && service)
		code = know_token(snapshot->conf, service->conf, again, failure);
	if (!code && service)
		code = name_subject(service->conf, &again->assumed, has_salt ? salt : NULL, &assumed.claims.sub, failure);
	if (!code) {
		/* Conditions on arguments count for nothing where a list is asked for. */
		if (assumed.target) {
			assumed.told = look;
			assumed.told_data = &looked;
		}
		code = context_assume(context, &assumed, out);
		/* Not an answer of the rules, and not that nobody of this provider may come: what cannot be asked so. */
		if (looked.lacks || code == EMA_BAD_MESSAGE || code == EMA_INTERNAL || code == EMA_OUT_OF_MEMORY) {
			decision_free(*out);
			*out = NULL;
			code = code == EMA_OUT_OF_MEMORY ? failure_set(failure, code, "no memory") :
			       looked.lacks             ? lacks_argument(&looked, failure) :
			                                  never(failure, "the method cannot be asked about by its record");
		}
	}
	secret_wipe(salt, sizeof salt);
	snapshot_release(snapshot);
	return code;
}
