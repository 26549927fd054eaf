/*
 * okta_xaa: ID-JAGs that an Okta org issues (Cross App Access). They are signed by the org authorization server, never by
 * a custom one. The manual page is ema-okta_xaa(7).
 */
#include "ema/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OKTA_MATCH_MOST 6
#define OKTA_NAME_ID_MOST 1024

static const struct ema_host *host;

struct ema_instance {
	const ema_handle *handle;
	ema_keyset *keys;
	const char *const *groups, *const *roles;
	size_t group_count, role_count;
	const char *const *saml_issuers;
	size_t saml_issuer_count;
	const char *const *saml_match;
	size_t saml_match_count;
	int saml_required, saml_underscore;
};

/* The mistakes that people make with Okta; scheme, user, query and fragment are seen to by conf_url(). */
static int okta_check_org(ema_conf *conf, const char *org)
{
	const char *name = strstr(org, "://");
	if (!name)
		return host->conf_fail(conf, "org", "it is no URL: write the org as \"https://acme.okta.com\"");
	name += 3;
	size_t length = strcspn(name, "/");
	char text[512];
	const char *why = NULL;
	if (strncmp(name + length, "/oauth2", 7) == 0)
		why = "that is a custom authorization server; ID-JAGs come from the org authorization server, whose issuer is the bare "
		      "org: write";
	else if (strcmp(name + length, "/") == 0)
		why = "Okta's issuer has no slash at the end: write";
	else if (name[length])
		why = "the org is scheme and host alone, without a path: write";
	if (why) {
		size_t bare = (size_t)(name - org) + length;
		snprintf(text, sizeof text, "%s \"%.*s\"", why, (int)(bare > 255 ? 255 : bare), org);
		return host->conf_fail(conf, "org", text);
	}
	static const char *const admin[] = { "-admin.okta.com", "-admin.oktapreview.com", "-admin.okta-emea.com" };
	for (size_t i = 0; i < sizeof admin / sizeof *admin; i++) {
		size_t tail = strlen(admin[i]);
		if (length > tail && strncmp(name + length - tail, admin[i], tail) == 0) {
			snprintf(text, sizeof text, "that is the address of the admin console; the issuer is without \"-admin\": write \"https://%.*s%s\"",
			         (int)(length - tail > 200 ? 200 : length - tail), name, admin[i] + strlen("-admin"));
			return host->conf_fail(conf, "org", text);
		}
	}
	return EMA_OK;
}

static int okta_read_saml(ema_conf *conf, ema_instance *self)
{
	static const char *const known[] = { "issuer", "nameid", "nameid_format", "name_qualifier", "sp_name_qualifier", "sp_provided_id" };
	static const char *const usual[] = { "issuer", "nameid" };
	int nameid = 0, issuer = 0;
	self->saml_match = usual;
	self->saml_match_count = 2;
	host->conf_list(conf, "saml_issuer", &self->saml_issuers, &self->saml_issuer_count);
	host->conf_list(conf, "saml_match", &self->saml_match, &self->saml_match_count);
	host->conf_bool(conf, "saml_required", &self->saml_required);
	host->conf_bool(conf, "saml_underscore", &self->saml_underscore);
	if (self->saml_required && !self->saml_issuer_count)
		return host->conf_fail(conf, "saml_required", "it needs saml_issuer: the SAML issuers that this org speaks for");
	if (self->saml_match_count > OKTA_MATCH_MOST)
		return host->conf_fail(conf, "saml_match", "a member stands twice");
	for (size_t i = 0; i < self->saml_match_count; i++) {
		size_t k = 0;
		while (k < sizeof known / sizeof *known && strcmp(self->saml_match[i], known[k]) != 0)
			k++;
		if (k == sizeof known / sizeof *known)
			return host->conf_fail(conf, "saml_match", "the members of a SAML name id are issuer, nameid, nameid_format, "
			                                           "name_qualifier, sp_name_qualifier and sp_provided_id");
		issuer |= k == 0;
		nameid |= k == 1;
	}
	if (!nameid || !issuer)
		return host->conf_fail(conf, "saml_match", "it must have \"issuer\" and \"nameid\": neither says alone who it is");
	return EMA_OK;
}

static int okta_open(const struct ema_host *given, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	(void)given;
	const char *org = NULL;
	char *jwks_url = NULL;
	int code = EMA_CONFIG;
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	if ((code = host->conf_string(conf, "org", &org)) != EMA_OK)
		goto end;
	if (!org) {
		code = host->conf_fail(conf, "org", "it is missing: write the org's address, org = \"https://acme.okta.com\"");
		goto end;
	}
	if ((code = okta_check_org(conf, org)) != EMA_OK || (code = host->conf_url(conf, "org", &org)) != EMA_OK ||
	    (code = okta_read_saml(conf, self)) != EMA_OK)
		goto end;
	host->conf_claims(conf, "groups_claim", &self->groups, &self->group_count);
	host->conf_claims(conf, "roles_claim", &self->roles, &self->role_count);

	size_t room = strlen(org) + sizeof "/oauth2/v1/keys";
	jwks_url = malloc(room);
	if (!jwks_url) {
		code = EMA_OUT_OF_MEMORY;
		goto end;
	}
	snprintf(jwks_url, room, "%s/oauth2/v1/keys", org);
	struct ema_issuer_name name = { org, NULL };
	struct ema_issuer issuer = { .size = sizeof issuer, .kinds = EMA_ID_JAG, .names = &name, .name_count = 1, .jwks_url = jwks_url };
	code = host->keyset_open(conf, &issuer, &self->keys);
	if (code == EMA_OK)
		*out = self;
end:
	free(jwks_url);
	if (code != EMA_OK)
		free(self);
	return code;
}

static void okta_close(ema_instance *self)
{
	free(self);
}

/* Appends text with all but the unreserved percent-encoded: members cannot run into one another. -1: no room. */
static int okta_append(char *out, size_t room, size_t *used, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
		if (*used + 4 > room)
			return -1;
		if (!plain) {
			out[(*used)++] = '%';
			out[(*used)++] = hex[c >> 4];
			out[(*used)++] = hex[c & 15];
		} else {
			out[(*used)++] = (char)c;
		}
	}
	out[*used] = '\0';
	return 0;
}

/* The SAML name of the same person, for apps that know people by it. It never makes a trust of its own (ID-JAG 9.5). */
static int okta_sub_id(ema_instance *self, ema_call *call, const ema_claims *claims)
{
	const char *format = NULL, *issuer = NULL, *kind = NULL, *value = NULL;
	char pointer[64], name_id[OKTA_NAME_ID_MOST + 1];
	size_t used = 0;
	if (!self->saml_issuer_count)
		return EMA_OK;
	int code = host->claim_string(claims, "/sub_id", &value);
	if (code == EMA_MISSING_CLAIM && !self->saml_required)
		return EMA_OK;
	if (code == EMA_MISSING_CLAIM)
		return host->fail(call, code, "no sub_id: the connection must send a SAML subject (saml_required)");
	if (host->claim_string(claims, "/sub_id/format", &format) != EMA_OK)
		return host->fail(call, EMA_BAD_CLAIM, "sub_id has no string format");
	if (strcmp(format, "saml_nameid") == 0 && !self->saml_underscore)
		return host->fail(call, EMA_BAD_CLAIM, "sub_id.format is \"saml_nameid\"; the standard spells it \"saml-nameid\" "
		                                       "(saml_underscore = true takes both)");
	if (strcmp(format, "saml-nameid") != 0 && strcmp(format, "saml_nameid") != 0)
		return host->fail(call, EMA_BAD_CLAIM, "sub_id.format is not \"saml-nameid\"");
	if (host->claim_string(claims, "/sub_id/issuer", &issuer) != EMA_OK)
		return host->fail(call, EMA_BAD_CLAIM, "sub_id has no string issuer");
	size_t i = 0;
	while (i < self->saml_issuer_count && strcmp(issuer, self->saml_issuers[i]) != 0)
		i++;
	if (i == self->saml_issuer_count)
		return host->fail(call, EMA_BAD_CLAIM, "sub_id.issuer is none of saml_issuer: this org does not speak for it");
	code = host->claim_string(claims, "/sub_id/nameid_format", &kind);
	if (code == EMA_BAD_CLAIM)
		return host->fail(call, code, "sub_id.nameid_format is no string");
	if (code == EMA_OK && strstr(kind, ":transient"))
		return host->fail(call, EMA_BAD_CLAIM, "sub_id is transient: such a name id says nothing of who it is next time");
	for (i = 0; i < self->saml_match_count; i++) {
		snprintf(pointer, sizeof pointer, "/sub_id/%s", self->saml_match[i]);
		if (host->claim_string(claims, pointer, &value) != EMA_OK || !*value) {
			char text[128];
			snprintf(text, sizeof text, "sub_id has no string %s, which saml_match compares", self->saml_match[i]);
			return host->fail(call, EMA_BAD_CLAIM, text);
		}
		if ((i > 0 && (used + 2 > sizeof name_id || !(name_id[used++] = '/'))) ||
		    okta_append(name_id, sizeof name_id, &used, value) < 0)
			return host->fail(call, EMA_BAD_CLAIM, "sub_id is longer than 1,024 characters");
	}
	code = host->set_value(call, EMA_VALUE_NAME_ID, name_id);
	return code == EMA_OK ? code : host->fail(call, code, "sub_id has characters that no name has");
}

static int okta_identify(ema_instance *self, ema_call *call)
{
	static const struct ema_jwt_rules rules = { .size = sizeof rules };
	const ema_claims *claims = NULL;
	const char *subject = NULL, *email = NULL;
	int verified = 0, code = host->jwt_verify(call, self->keys, &rules, &claims);
	if (code != EMA_OK)
		return code;
	if ((code = host->claim_string(claims, "/sub", &subject)) != EMA_OK)
		return host->fail(call, code, "sub is no string");
	if ((code = okta_sub_id(self, call, claims)) != EMA_OK)
		return code;
	code = host->claim_string(claims, "/email", &email);
	if (code == EMA_BAD_CLAIM)
		return host->fail(call, code, "email is no string");
	if (code == EMA_OK) {
		/* Real ones have no email_verified: the provider's authority over the domain decides. One that is
		   not true says that the address is one that somebody wrote into a form: it is not taken. */
		int said = host->claim_bool(claims, "/email_verified", &verified);
		if ((said == EMA_MISSING_CLAIM || verified) && (code = host->set_email(call, email, verified)) != EMA_OK)
			return host->fail(call, code, "email has a form that no address has");
	}
	for (size_t i = 0; i < self->group_count; i++)
		if ((code = host->add_groups(call, claims, self->groups[i])) != EMA_OK)
			return code;
	for (size_t i = 0; i < self->role_count; i++)
		if ((code = host->add_roles(call, claims, self->roles[i])) != EMA_OK)
			return code;
	code = host->vouch(call, NULL, subject);
	return code == EMA_OK ? code : host->fail(call, code, "sub has characters that no subject has, or is too long");
}

static const struct ema_identity_ops okta_identity = { sizeof okta_identity, okta_open, okta_close, okta_identify };

static const struct ema_plugin okta_plugin = {
	.size = sizeof okta_plugin,
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL,
	.name = "okta_xaa",
	.version = "1.0",
	.summary = "ID-JAGs of an Okta org (Cross App Access)",
	.identity = &okta_identity,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *given)
{
	if (!EMA_HOST_HAS(given, add_roles))
		return NULL;
	host = given;
	return &okta_plugin;
}
