/*
 * oidc: any issuer of ID-JAGs or JWT access tokens that publishes its keys. What is odd about a product is a preset
 * (preset.c) or a setting; what tells an access token from an ID token is always said. The manual page is ema-oidc(7).
 */
#include "oidc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OIDC_NAMES_MOST 8
#define OIDC_MARKS_MOST 16
#define OIDC_REQUIRE_MOST 16
#define OIDC_SUBJECT_MOST 1024
#define OIDC_GROUPS_MOST 1024

static const struct ema_host *host;

struct oidc_claims { /* pointers */
	const char *const *list;
	size_t count;
};

struct oidc_require {
	const char *claim;
	const char *const *values;
	size_t count;
	const char *one; /* the only value */
};

struct ema_instance {
	const struct oidc_preset *preset;
	ema_keyset *keys;
	struct oidc_claims types, marks, subject, groups, roles;
	const char *audience_claim, *client_claim, *scope_claim, *email_claim, *verified_claim;
	const char *kind_claim, *kind_value, *strip;
	const char *tenant_claim;
	const char *const *tenants;
	size_t tenant_count;
	struct oidc_require require[OIDC_REQUIRE_MOST + 1];
	size_t require_count;
	struct ema_refusal refusals[OIDC_MARKS_MOST + 3];
	size_t refusal_count;
	int workloads;
};

/* ---- Settings ---- */

static struct oidc_claims oidc_short_list(const char *const list[OIDC_LIST])
{
	struct oidc_claims out = { list, 0 };
	while (out.count < OIDC_LIST && list[out.count])
		out.count++;
	return out;
}

static int oidc_one(ema_conf *conf, const char *key, const char **out)
{
	const char *const *list = NULL;
	size_t count = 0;
	int code = host->conf_claims(conf, key, &list, &count);
	if (code == EMA_OK && count > 1)
		return host->conf_fail(conf, key, "it names one claim");
	if (code == EMA_OK && count)
		*out = list[0];
	return code;
}

static int oidc_declare(ema_conf *conf, ema_instance *self)
{
	const struct oidc_preset *preset = self->preset;
	const char *issuer = preset->issuer, *discovery_url = NULL, *const *aliases = NULL;
	struct ema_issuer_name names[OIDC_NAMES_MOST + 2] = { { NULL, NULL } };
	size_t count = 0, name_count = 0;
	char text[512];
	int code = EMA_OK;
	host->conf_string(conf, "issuer", &issuer);
	if (!issuer) {
		snprintf(text, sizeof text, "it is missing: write the issuer exactly as iss has it, %s",
		         preset->issuer_hint ? preset->issuer_hint : "issuer = \"https://idp.example\"");
		return host->conf_fail(conf, "issuer", text);
	}
	if (preset->issuer_begins && strncmp(issuer, preset->issuer_begins, strlen(preset->issuer_begins)) != 0 && !strstr(issuer, "://127.0.0.1") &&
	    !strstr(issuer, "://localhost") && !strstr(issuer, "://[::1]")) {
		snprintf(text, sizeof text, "issuers of the preset \"%s\" are %s", preset->name, preset->issuer_hint);
		return host->conf_fail(conf, "issuer", text);
	}
	if (strstr(issuer, "/.well-known/"))
		return host->conf_fail(conf, "issuer", "that is the address of the discovery document; the issuer is what \"issuer\" says in it "
		                                       "(the address itself may be written as discovery_url)");
	names[name_count++].issuer = issuer;
	if (preset->alias && strcmp(issuer, preset->issuer) == 0)
		names[name_count++].issuer = preset->alias;
	host->conf_list(conf, "aliases", &aliases, &count);
	if (count > OIDC_NAMES_MOST)
		return host->conf_fail(conf, "aliases", "more than 8 names for one issuer");
	for (size_t i = 0; i < count; i++)
		names[name_count++].issuer = aliases[i];
	if ((code = host->conf_url(conf, "discovery_url", &discovery_url)) != EMA_OK)
		return code;
	struct ema_issuer what = {
		.size = sizeof what, .kinds = preset->kinds, .names = names, .name_count = name_count,
		.tenant_claim = self->tenant_claim, .tenants = self->tenants, .tenant_count = self->tenant_count,
		.discovery_url = discovery_url,
	};
	return host->keyset_open(conf, &what, &self->keys);
}

static int oidc_read_require(ema_conf *conf, ema_instance *self)
{
	const char *connector = NULL;
	for (size_t i = 0;; i++) {
		ema_conf *item = NULL;
		int code = host->conf_item(conf, "require", i, &item);
		if (code != EMA_OK)
			return code;
		if (!item)
			break;
		if (i == OIDC_REQUIRE_MOST)
			return host->conf_fail(conf, "require", "more than 16 entries");
		struct oidc_require *require = &self->require[self->require_count++];
		if ((code = oidc_one(item, "claim", &require->claim)) != EMA_OK)
			return code;
		host->conf_string(item, "equals", &require->one);
		host->conf_list(item, "one_of", &require->values, &require->count);
		if (!require->claim)
			return host->conf_fail(item, "claim", "it is missing: the claim that is looked at");
		if (!require->one == !require->count)
			return host->conf_fail(item, "equals", "write equals = \"VALUE\" or one_of = [ ... ]");
	}
	host->conf_string(conf, "connector", &connector);
	if (connector) {
		self->require[self->require_count].claim = "/federated_claims/connector_id";
		self->require[self->require_count++].one = connector;
	}
	const struct oidc_claims must = oidc_short_list(self->preset->must_require);
	int held = must.count == 0;
	for (size_t m = 0; m < must.count; m++) {
		held |= self->tenant_claim && strcmp(self->tenant_claim, must.list[m]) == 0;
		for (size_t i = 0; i < self->require_count; i++)
			held |= strcmp(self->require[i].claim, must.list[m]) == 0;
	}
	return held ? EMA_OK : host->conf_fail(conf, "require", self->preset->must_hint);
}

/* How an ID token is told from an access token must be said wherever typ does not say it. */
static int oidc_read_kind(ema_conf *conf, ema_instance *self)
{
	static const char text[] = "an ID token: it is for the application that signed the person in; the client must send its access token";
	ema_conf *group = NULL;
	int loose = 0, code;
	host->conf_list(conf, "types", &self->types.list, &self->types.count);
	if ((code = host->conf_claims(conf, "id_token_marks", &self->marks.list, &self->marks.count)) != EMA_OK)
		return code;
	host->conf_group(conf, "token_kind", &group);
	if (group) {
		self->kind_claim = self->kind_value = NULL;
		if ((code = oidc_one(group, "claim", &self->kind_claim)) != EMA_OK)
			return code;
		host->conf_string(group, "equals", &self->kind_value);
		if (!self->kind_claim || !self->kind_value)
			return host->conf_fail(group, NULL, "write token_kind = { claim = \"/token_use\"; equals = \"access\"; }");
	}
	for (size_t i = 0; i < self->types.count; i++) {
		const char *type = self->types.list[i];
		for (const char *c = type; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				return host->conf_fail(conf, "types", "write the types in lower case (\"jwt\"); the case in a token does not matter");
		if (strncmp(type, "application/", 12) == 0)
			return host->conf_fail(conf, "types", "write the types without \"application/\"");
		loose |= strcmp(type, "jwt") == 0 || !*type;
	}
	if (self->preset->kinds & EMA_ACCESS_TOKEN && !self->types.count)
		return host->conf_fail(conf, "types", "the list is empty: no access token would be taken (accepts = [\"id_jag\"] says so)");
	if (loose && !self->kind_claim && !self->marks.count && !self->preset->workload)
		return host->conf_fail(conf, "types", "\"jwt\" and \"\" are types of ID tokens too: say how access tokens differ, token_kind = "
		                                      "{ claim = \"/token_use\"; equals = \"access\"; } or id_token_marks = [\"/nonce\", \"/at_hash\"]");
	if (self->marks.count > OIDC_MARKS_MOST)
		return host->conf_fail(conf, "id_token_marks", "more than 16 claims");
	struct ema_refusal *next = self->refusals;
	*next++ = (struct ema_refusal){ "/token_use", "id", 0, EMA_WRONG_TYPE, text };
	*next++ = (struct ema_refusal){ "/typ", "ID", 0, EMA_WRONG_TYPE, text };
	for (size_t i = 0; i < self->marks.count; i++)
		*next++ = (struct ema_refusal){ self->marks.list[i], NULL, 0, EMA_WRONG_TYPE, text };
	self->refusal_count = (size_t)(next - self->refusals);
	return EMA_OK;
}

static int oidc_read_claims(ema_conf *conf, ema_instance *self)
{
	const struct {
		const char *key;
		struct oidc_claims *out;
	} lists[] = { { "subject", &self->subject }, { "groups_claim", &self->groups }, { "roles_claim", &self->roles } };
	const struct {
		const char *key;
		const char **out;
	} ones[] = { { "audience_claim", &self->audience_claim }, { "client_claim", &self->client_claim }, { "scope_claim", &self->scope_claim },
	             { "email_claim", &self->email_claim }, { "email_verified_claim", &self->verified_claim }, { "tenant_claim", &self->tenant_claim } };
	int code = EMA_OK;
	for (size_t i = 0; i < sizeof lists / sizeof *lists && code == EMA_OK; i++)
		code = host->conf_claims(conf, lists[i].key, &lists[i].out->list, &lists[i].out->count);
	for (size_t i = 0; i < sizeof ones / sizeof *ones && code == EMA_OK; i++)
		code = oidc_one(conf, ones[i].key, ones[i].out);
	if (code != EMA_OK)
		return code;
	if (!self->subject.count)
		return host->conf_fail(conf, "subject", "the list is empty: which claims say who it is?");
	host->conf_list(conf, "tenants", &self->tenants, &self->tenant_count);
	if (!self->tenant_claim != !self->tenant_count)
		return host->conf_fail(conf, self->tenant_claim ? "tenants" : "tenant_claim",
		                       "tenant_claim and tenants go together: which claim names the tenant, and which tenants may come");
	host->conf_string(conf, "group_prefix_strip", &self->strip);
	host->conf_bool(conf, "workloads", &self->workloads);
	return EMA_OK;
}

static int oidc_open(const struct ema_host *given, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	(void)given;
	(void)handle;
	const char *name = "generic";
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	int code = EMA_OK;
	host->conf_string(conf, "preset", &name);
	const struct oidc_preset *preset = self->preset = oidc_preset(name);
	if (!preset) {
		code = host->conf_fail(conf, "preset", oidc_preset_names);
		goto end;
	}
	self->types = oidc_short_list(preset->types);
	self->marks = oidc_short_list(preset->id_marks);
	self->subject = oidc_short_list(preset->subject);
	self->groups = oidc_short_list(preset->groups);
	self->roles = oidc_short_list(preset->roles);
	self->audience_claim = preset->audience_claim;
	self->client_claim = preset->client_claim;
	self->scope_claim = preset->scope_claim;
	self->kind_claim = preset->kind_claim;
	self->kind_value = preset->kind_value;
	self->strip = preset->strip;
	self->email_claim = "/email";
	self->verified_claim = "/email_verified";
	if ((code = oidc_read_claims(conf, self)) != EMA_OK || (code = oidc_read_kind(conf, self)) != EMA_OK ||
	    (code = oidc_read_require(conf, self)) != EMA_OK || (code = oidc_declare(conf, self)) != EMA_OK)
		goto end;
	*out = self;
end:
	if (code != EMA_OK)
		free(self);
	return code;
}

static void oidc_close(ema_instance *self)
{
	free(self);
}

/* ---- Tokens ---- */

/* A claim as text: a string, or a boolean by its name, because providers differ. */
static int oidc_text(const ema_claims *claims, const char *pointer, const char **out)
{
	int truth = 0, code = host->claim_string(claims, pointer, out);
	if (code == EMA_BAD_CLAIM && host->claim_bool(claims, pointer, &truth) == EMA_OK) {
		*out = truth ? "true" : "false";
		code = EMA_OK;
	}
	return code;
}

static int oidc_holds(const struct oidc_require *require, const char *value)
{
	if (require->one)
		return strcmp(require->one, value) == 0;
	for (size_t i = 0; i < require->count; i++)
		if (strcmp(require->values[i], value) == 0)
			return 1;
	return 0;
}

static int oidc_judge_required(const ema_instance *self, ema_call *call, const ema_claims *claims)
{
	char text[256];
	for (size_t i = 0; i < self->require_count; i++) {
		const struct oidc_require *require = &self->require[i];
		const char *value = NULL;
		int code = oidc_text(claims, require->claim, &value);
		int held = code == EMA_OK && oidc_holds(require, value);
		for (size_t k = 0; code == EMA_BAD_CLAIM && !held && k < OIDC_GROUPS_MOST; k++) {
			if (host->claim_item(claims, require->claim, k, &value) != EMA_OK)
				break;
			held = oidc_holds(require, value);
		}
		if (held)
			continue;
		snprintf(text, sizeof text, "the claim %.100s %s", require->claim,
		         code == EMA_MISSING_CLAIM ? "is not there, and require asks for it" : "has a value that require does not take");
		return host->fail(call, code == EMA_MISSING_CLAIM ? code : EMA_DENIED, text);
	}
	return EMA_OK;
}

static int oidc_judge_workload(const ema_instance *self, ema_call *call, const ema_claims *claims, uint32_t kind, const char *subject)
{
	const struct oidc_preset *preset = self->preset;
	const char *value = NULL, *client = NULL;
	int is = preset->workload;
	if (preset->workload_claim && host->claim_string(claims, preset->workload_claim, &value) == EMA_OK)
		is |= strncmp(value, preset->workload_begins, strlen(preset->workload_begins)) == 0;
	else if (preset->workload_claim_always && kind == EMA_ACCESS_TOKEN && !self->workloads)
		return host->fail(call, EMA_MISSING_CLAIM, "the claim that tells people from service accounts (preferred_username) is not there: give the client the "
		                  "scope \"profile\" at the provider, or write workloads = true to let both in");
	const size_t length = strlen(subject), end = preset->workload_ends ? strlen(preset->workload_ends) : 0;
	is |= end && length >= end && strcmp(subject + length - end, preset->workload_ends) == 0;
	/* Client credentials: the client is its own subject. */
	if (kind == EMA_ACCESS_TOKEN && self->client_claim && host->claim_string(claims, self->client_claim, &client) == EMA_OK)
		is |= strcmp(client, subject) == 0;
	return is && !self->workloads ? host->fail(call, EMA_NOT_A_PERSON, "the token of an application or workload; people only, unless workloads = true")
	                              : EMA_OK;
}

/* One claim as it is; several joined by ':', with what is ':' or '%' in them percent-encoded, so that no two run together. */
static int oidc_subject(const ema_instance *self, ema_call *call, const ema_claims *claims, char out[OIDC_SUBJECT_MOST + 1])
{
	char text[160];
	size_t used = 0;
	for (size_t i = 0; i < self->subject.count; i++) {
		const char *part = NULL;
		int code = host->claim_string(claims, self->subject.list[i], &part);
		if (code == EMA_OK && !*part)
			code = EMA_BAD_CLAIM;
		if (code != EMA_OK) {
			snprintf(text, sizeof text, "the claim %.100s, which says who it is, %s", self->subject.list[i],
			         code == EMA_MISSING_CLAIM ? "is not there" : "is no string");
			return host->fail(call, code, text);
		}
		if (i > 0 && used < OIDC_SUBJECT_MOST)
			out[used++] = ':';
		for (; *part && used + 3 < OIDC_SUBJECT_MOST; part++) {
			if (self->subject.count > 1 && (*part == ':' || *part == '%')) {
				memcpy(out + used, *part == ':' ? "%3A" : "%25", 3);
				used += 3;
			} else {
				out[used++] = *part;
			}
		}
		if (*part)
			return host->fail(call, EMA_BAD_CLAIM, "the subject is longer than 1,024 characters");
	}
	out[used] = '\0';
	return EMA_OK;
}

/* Where the issuer has a value elsewhere, and it is not in the token, it is not none (OpenID Connect Core 5.6.2). */
static int oidc_is_elsewhere(const ema_claims *claims, const char *pointer)
{
	char name[1024];
	const char *value = NULL;
	const size_t length = 1 + strcspn(pointer + 1, "/");
	return (size_t)snprintf(name, sizeof name, "/_claim_names%.*s", (int)length, pointer) < sizeof name && host->claim_string(claims, name, &value) == EMA_OK;
}

static int oidc_add_groups(const ema_instance *self, ema_call *call, const ema_claims *claims)
{
	size_t length = self->strip ? strlen(self->strip) : 0;
	const char *has = NULL;
	int code = EMA_OK, elsewhere = self->groups.count && oidc_text(claims, "/hasgroups", &has) == EMA_OK && strcmp(has, "true") == 0;
	for (size_t g = 0; g < self->groups.count + self->roles.count; g++)
		elsewhere |= oidc_is_elsewhere(claims, g < self->groups.count ? self->groups.list[g] : self->roles.list[g - self->groups.count]);
	if (elsewhere)
		return host->fail(call, EMA_GROUP_OVERAGE, "the token does not have the groups or roles, but says that there are some: let the issuer put them into it");
	for (size_t g = 0; g < self->groups.count; g++) {
		const char *pointer = self->groups.list[g], *name = NULL;
		if (!length) {
			if ((code = host->add_groups(call, claims, pointer)) != EMA_OK)
				return code;
			continue;
		}
		for (size_t i = 0;; i++) {
			code = host->claim_item(claims, pointer, i, &name);
			if (code == EMA_MISSING_CLAIM)
				break;
			if (code != EMA_OK)
				return host->fail(call, code, "the claim with the groups is no list of strings");
			int begins = strncmp(name, self->strip, length) == 0;
			/* All of Keycloak's groups are paths, or none is; with any other prefix, who lacks it is not meant. */
			if (!begins && strcmp(self->strip, "/") != 0)
				continue;
			if (begins && !name[length])
				continue;
			if ((code = host->add_group(call, begins ? name + length : name)) != EMA_OK)
				return host->fail(call, code, code == EMA_TOO_LARGE ? "it has more groups than are taken" : "a group has a name that no group has");
		}
	}
	for (size_t r = 0; r < self->roles.count; r++)
		if ((code = host->add_roles(call, claims, self->roles.list[r])) != EMA_OK)
			return code;
	return EMA_OK;
}

static int oidc_set_email(const ema_instance *self, ema_call *call, const ema_claims *claims)
{
	const char *email = NULL, *verified = NULL;
	int code = host->claim_string(claims, self->email_claim, &email);
	if (code == EMA_MISSING_CLAIM)
		return EMA_OK;
	if (code != EMA_OK)
		return host->fail(call, code, "the claim with the e-mail address is no string");
	int said = oidc_text(claims, self->verified_claim, &verified), sure = said == EMA_OK && strcmp(verified, "true") == 0;
	/* Many issuers are silent of it, and then the authority over the domain decides. One that says no knows of an address that
	   somebody wrote into a form, and that might be anybody's. */
	if (said != EMA_MISSING_CLAIM && !sure)
		return EMA_OK;
	code = host->set_email(call, email, sure);
	return code == EMA_OK ? code : host->fail(call, code, "the e-mail address has a form that no address has");
}

static int oidc_identify(ema_instance *self, ema_call *call)
{
	struct ema_jwt_rules rules = { .size = sizeof rules, .audience_claim = NULL };
	const ema_claims *claims = NULL;
	const char *kind_value = NULL;
	char subject[OIDC_SUBJECT_MOST + 1];
	uint32_t kind = 0;
	size_t length = 0;
	host->credential(call, &length, &kind);
	rules.subject_claim = self->subject.list[0];
	if (kind == EMA_ACCESS_TOKEN) {
		rules.types = self->types.list;
		rules.type_count = self->types.count;
		rules.audience_claim = self->audience_claim;
		rules.client_claim = self->client_claim;
		rules.scope_claim = self->scope_claim;
		rules.refusals = self->refusals;
		rules.refusal_count = self->refusal_count;
	}
	int code = host->jwt_verify(call, self->keys, &rules, &claims);
	if (code != EMA_OK)
		return code;
	if (kind == EMA_ACCESS_TOKEN && self->kind_claim) {
		code = host->claim_string(claims, self->kind_claim, &kind_value);
		if (code != EMA_OK || strcmp(kind_value, self->kind_value) != 0) {
			char text[192];
			snprintf(text, sizeof text, "the claim %.60s is not \"%.60s\": no access token", self->kind_claim, self->kind_value);
			return host->fail(call, EMA_WRONG_TYPE, text);
		}
	}
	if ((code = oidc_subject(self, call, claims, subject)) != EMA_OK ||
	    (code = oidc_judge_required(self, call, claims)) != EMA_OK ||
	    (code = oidc_judge_workload(self, call, claims, kind, subject)) != EMA_OK ||
	    (code = oidc_add_groups(self, call, claims)) != EMA_OK ||
	    (code = oidc_set_email(self, call, claims)) != EMA_OK)
		return code;
	code = host->vouch(call, NULL, subject);
	return code == EMA_OK ? code : host->fail(call, code, "the subject has characters that no subject has");
}

static const struct ema_identity_ops oidc_identity = { sizeof oidc_identity, oidc_open, oidc_close, oidc_identify };

static const struct ema_plugin oidc_plugin = {
	.size = sizeof oidc_plugin,
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL,
	.name = "oidc",
	.version = "1.0",
	.summary = "ID-JAGs and JWT access tokens of any OpenID Connect issuer, with presets",
	.identity = &oidc_identity,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *given)
{
	if (!EMA_HOST_HAS(given, add_roles))
		return NULL;
	host = given;
	return &oidc_plugin;
}
