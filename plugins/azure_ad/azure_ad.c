/*
 * azure_ad: access tokens of Microsoft Entra ID (v1 and v2), and ID-JAGs of a broker that speaks for its people.
 * Who it is: the tenant (tid) and the object id (oid); never an address. The manual page is ema-azure_ad(7).
 */
#include "ema/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AZURE_TENANTS_MOST 64
#define AZURE_SETS_MOST (AZURE_TENANTS_MOST * 2 + 1)
#define AZURE_GUID 36
#define AZURE_URL_MOST 512

static const struct ema_host *host;

enum azure_version { AZURE_V1, AZURE_V2, AZURE_BROKER };

struct azure_set { /* what one keyset_open() declared */
	enum azure_version version;
	ema_keyset *keys;
	struct ema_issuer_name *names;
	size_t name_count;
	char *text; /* of the names */
};

struct ema_instance {
	const ema_handle *handle;
	struct azure_set sets[AZURE_SETS_MOST];
	size_t set_count;
	char tenants[AZURE_TENANTS_MOST][AZURE_GUID + 1];
	const char *tenant_list[AZURE_TENANTS_MOST];
	size_t tenant_count;
	const char *broker_tenant, *broker_subject;
	int groups, roles, app_only, refuse_guests;
};

/* A cloud: v2 and v1 issuers with the tenant in between. %s of external tenants stands in the host name. */
struct azure_cloud {
	const char *name, *login, *sts;
};

static const struct azure_cloud azure_clouds[] = {
	{ "global", "https://login.microsoftonline.com", "https://sts.windows.net" },
	{ "us", "https://login.microsoftonline.us", "https://sts.windows.net" },
	{ "china", "https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn" },
	{ "external", NULL, NULL },
};

#define AZURE_GRAPH_TEXT "a token for Microsoft Graph: nobody but Graph can verify it; the client must ask for a token for this server " \
	"(scope api://APP-ID/NAME, without any Graph scope beside it)"
#define AZURE_GRAPH(value) { "/aud", value, 0, EMA_WRONG_AUDIENCE, AZURE_GRAPH_TEXT }

static const struct ema_refusal azure_refusals[] = {
	AZURE_GRAPH("00000003-0000-0000-c000-000000000000"),
	AZURE_GRAPH("https://graph.microsoft.com"), AZURE_GRAPH("https://graph.microsoft.com/"),
	AZURE_GRAPH("https://graph.microsoft.us"), AZURE_GRAPH("https://graph.microsoft.us/"),
	AZURE_GRAPH("https://dod-graph.microsoft.us"), AZURE_GRAPH("https://dod-graph.microsoft.us/"),
	AZURE_GRAPH("https://microsoftgraph.chinacloudapi.cn"), AZURE_GRAPH("https://microsoftgraph.chinacloudapi.cn/"),
	AZURE_GRAPH("00000002-0000-0000-c000-000000000000"),
	AZURE_GRAPH("https://graph.windows.net"), AZURE_GRAPH("https://graph.windows.net/"),
	{ "/nonce", NULL, EMA_REFUSAL_HEADER, EMA_WRONG_AUDIENCE,
	  "the header has a nonce: a token for Microsoft's own services (Graph), which nobody else can verify" },
	{ "/nonce", NULL, 0, EMA_WRONG_TYPE, "it has a nonce: an ID token, which is for the application that signed the person in" },
};

/* ---- Settings ---- */

static int azure_guid(const char *text, char out[AZURE_GUID + 1])
{
	if (strlen(text) != AZURE_GUID)
		return -1;
	for (int i = 0; i < AZURE_GUID; i++) {
		char c = text[i];
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return -1;
		} else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
			return -1;
		}
		out[i] = c >= 'A' && c <= 'F' ? (char)(c + 'a' - 'A') : c;
	}
	out[AZURE_GUID] = '\0';
	return 0;
}

static int azure_add_tenant(ema_conf *conf, const char *key, ema_instance *self, const char *text)
{
	static const char *const wide[] = { "common", "organizations", "consumers" };
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (strcmp(text, wide[i]) == 0)
			return host->conf_fail(conf, key, "that would take people of every tenant of the world; list the ids of the tenants that may come in");
	if (self->tenant_count == AZURE_TENANTS_MOST)
		return host->conf_fail(conf, key, "more than 64 tenants");
	char *guid = self->tenants[self->tenant_count];
	if (azure_guid(text, guid) < 0)
		return host->conf_fail(conf, key, "a tenant is its id, like \"6babcaad-604b-40ac-a9d7-9fd97c0b779f\" (Entra admin center, Overview, "
		                                  "Tenant ID); a domain name is not, because it may move to another tenant");
	if (strcmp(guid, "9188040d-6c67-4c5b-b112-36a304b66dad") == 0)
		return host->conf_fail(conf, key, "that is the tenant of personal Microsoft accounts, which anybody may have");
	for (size_t i = 0; i < self->tenant_count; i++)
		if (strcmp(self->tenants[i], guid) == 0)
			return host->conf_fail(conf, key, "a tenant stands twice");
	self->tenant_list[self->tenant_count++] = guid;
	return EMA_OK;
}

static int azure_read_tenants(ema_conf *conf, ema_instance *self)
{
	const char *tenant = NULL, *const *list = NULL;
	size_t count = 0;
	int code = EMA_OK;
	host->conf_string(conf, "tenant", &tenant);
	host->conf_list(conf, "tenants", &list, &count);
	if (tenant && list)
		return host->conf_fail(conf, "tenants", "tenant and tenants: write one of the two");
	if (!tenant && !count)
		return host->conf_fail(conf, "tenant", "it is missing: write the id of the tenant, tenant = \"6babcaad-604b-40ac-a9d7-9fd97c0b779f\", "
		                                       "or tenants = [ ... ]");
	if (tenant)
		return azure_add_tenant(conf, "tenant", self, tenant);
	for (size_t i = 0; i < count && code == EMA_OK; i++)
		code = azure_add_tenant(conf, "tenants", self, list[i]);
	return code;
}

static const char azure_v2_form[] = "%s/%s/v2.0";
static const char azure_v1_form[] = "%s/%s/";

/*
 * Declares the issuers of one version for tenants first to first + count. The keys are those of the tenant's v2 document, or
 * of the common one, whose keys say which issuer each is of; a v1 token is held to the v2 form of its tenant.
 */
static int azure_declare(ema_conf *conf, ema_instance *self, enum azure_version version, uint32_t kinds, const char *login,
                         const char *sts, const char *key_app, size_t first, size_t count)
{
	int alone = key_app || (!sts && count == 1); /* a document of one tenant or application, whose keys need not say it */
	struct azure_set *set = &self->sets[self->set_count];
	char discovery[AZURE_URL_MOST], document[AZURE_URL_MOST];
	set->version = version;
	set->names = calloc(count, sizeof *set->names);
	set->text = malloc(count * AZURE_URL_MOST);
	self->set_count++;
	if (!set->names || !set->text)
		return EMA_OUT_OF_MEMORY;
	set->name_count = count;
	for (size_t i = 0; i < count; i++) {
		char *text = set->text + i * AZURE_URL_MOST;
		snprintf(text, AZURE_URL_MOST, version == AZURE_V1 ? azure_v1_form : azure_v2_form, version == AZURE_V1 ? sts : login,
		         self->tenants[first + i]);
		set->names[i].issuer = text;
		set->names[i].tenant = self->tenants[first + i];
	}
	int one = count == 1;
	snprintf(document, sizeof document, azure_v2_form, login, one ? self->tenants[first] : "{tenantid}");
	snprintf(discovery, sizeof discovery, "%s/%s/v2.0/.well-known/openid-configuration%s%s", login,
	         one ? self->tenants[first] : "common", key_app ? "?appid=" : "", key_app ? key_app : "");
	struct ema_issuer issuer = {
		.size = sizeof issuer, .kinds = kinds, .flags = alone ? 0 : EMA_ISSUER_KEY_ISSUER,
		.names = set->names, .name_count = count,
		.tenant_claim = "/tid", .tenants = self->tenant_list + first, .tenant_count = count,
		.discovery_url = discovery, .discovery_issuer = document,
	};
	return host->keyset_open(conf, &issuer, &set->keys);
}

static int azure_declare_broker(ema_conf *conf, ema_instance *self)
{
	ema_conf *group = NULL;
	const char *issuer = NULL, *jwks_url = NULL, *discovery_url = NULL, *const *list = NULL;
	size_t count = 0;
	host->conf_group(conf, "broker", &group);
	if (!group)
		return EMA_OK;
	int code = host->conf_url(group, "issuer", &issuer);
	if (code == EMA_OK)
		code = host->conf_url(group, "jwks_url", &jwks_url);
	if (code == EMA_OK)
		code = host->conf_url(group, "discovery_url", &discovery_url);
	if (code != EMA_OK)
		return code;
	if (!issuer)
		return host->conf_fail(group, "issuer", "it is missing: the issuer of the broker's ID-JAGs");
	self->broker_tenant = "/tid";
	self->broker_subject = "/oid";
	if ((code = host->conf_claims(group, "tenant_claim", &list, &count)) != EMA_OK)
		return code;
	if (count)
		self->broker_tenant = list[0];
	if (count > 1)
		return host->conf_fail(group, "tenant_claim", "one claim names the tenant");
	count = 0;
	if ((code = host->conf_claims(group, "subject_claim", &list, &count)) != EMA_OK)
		return code;
	if (count)
		self->broker_subject = list[0];
	if (count > 1)
		return host->conf_fail(group, "subject_claim", "one claim names the person: the one with the Entra object id");
	struct azure_set *set = &self->sets[self->set_count++];
	set->version = AZURE_BROKER;
	set->names = calloc(1, sizeof *set->names);
	if (!set->names)
		return EMA_OUT_OF_MEMORY;
	set->name_count = 1;
	set->names[0].issuer = issuer;
	struct ema_issuer what = {
		.size = sizeof what, .kinds = EMA_ID_JAG, .names = set->names, .name_count = 1,
		.tenant_claim = self->broker_tenant, .tenants = self->tenant_list, .tenant_count = self->tenant_count,
		.jwks_url = jwks_url, .discovery_url = discovery_url,
	};
	return host->keyset_open(conf, &what, &set->keys);
}

static void azure_close(ema_instance *self)
{
	for (size_t i = 0; i < self->set_count; i++) {
		free(self->sets[i].names);
		free(self->sets[i].text);
	}
	free(self);
}

static int azure_versions(ema_conf *conf, int *v1, int *v2)
{
	const char *const *list = NULL;
	size_t count = 0;
	host->conf_list(conf, "versions", &list, &count);
	if (!list)
		return EMA_OK;
	*v1 = *v2 = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i], "1.0") == 0)
			*v1 = 1;
		else if (strcmp(list[i], "2.0") == 0)
			*v2 = 1;
		else
			return host->conf_fail(conf, "versions", "the versions of Entra's tokens are \"1.0\" and \"2.0\"");
	}
	return *v1 || *v2 ? EMA_OK : host->conf_fail(conf, "versions", "the list is empty: no token would be taken");
}

static int azure_declare_all(ema_conf *conf, ema_instance *self)
{
	const char *cloud = "global", *login = NULL, *sts = NULL, *key_app = NULL;
	char app[AZURE_GUID + 1];
	const struct azure_cloud *known = NULL;
	int native = 0, v1 = 1, v2 = 1, code;
	host->conf_string(conf, "cloud", &cloud);
	host->conf_string(conf, "key_app", &key_app);
	host->conf_bool(conf, "native_id_jag", &native);
	if ((code = host->conf_url(conf, "login_url", &login)) != EMA_OK || (code = host->conf_url(conf, "sts_url", &sts)) != EMA_OK ||
	    (code = azure_versions(conf, &v1, &v2)) != EMA_OK)
		return code;
	for (size_t i = 0; i < sizeof azure_clouds / sizeof *azure_clouds; i++)
		if (strcmp(cloud, azure_clouds[i].name) == 0)
			known = &azure_clouds[i];
	if (!known)
		return host->conf_fail(conf, "cloud", "the clouds are \"global\", \"us\", \"china\" and \"external\"");
	int external = !known->login;
	if (external && (login || sts))
		return host->conf_fail(conf, login ? "login_url" : "sts_url", "cloud = \"external\" has a host for each tenant, from the tenant's id");
	if ((login && strlen(login) > 200) || (sts && strlen(sts) > 200))
		return host->conf_fail(conf, login && strlen(login) > 200 ? "login_url" : "sts_url", "longer than 200 characters");
	if (key_app && self->tenant_count > 1)
		return host->conf_fail(conf, "key_app", "keys of one application are for one tenant: make a provider for each");
	if (key_app && azure_guid(key_app, app) < 0)
		return host->conf_fail(conf, "key_app", "the id of the application with its own signing keys is a GUID");
	if (native && !v2)
		return host->conf_fail(conf, "native_id_jag", "it needs version \"2.0\"");
	login = login ? login : known->login;
	sts = sts ? sts : known->sts;
	uint32_t kinds = EMA_ACCESS_TOKEN | (native ? EMA_ID_JAG : 0u);
	size_t each = external ? 1 : self->tenant_count;
	for (size_t first = 0; first < self->tenant_count && code == EMA_OK; first += each) {
		char own[128];
		if (external) {
			snprintf(own, sizeof own, "https://%s.ciamlogin.com", self->tenants[first]);
			login = own;
		}
		if (v2)
			code = azure_declare(conf, self, AZURE_V2, kinds, login, sts, key_app ? app : NULL, first, each);
		if (v1 && !external && code == EMA_OK)
			code = azure_declare(conf, self, AZURE_V1, EMA_ACCESS_TOKEN, login, sts, key_app ? app : NULL, first, each);
	}
	return code == EMA_OK ? azure_declare_broker(conf, self) : code;
}

static int azure_open(const struct ema_host *given, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	(void)given;
	const char *guests = "allow";
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	self->roles = 1;
	host->conf_bool(conf, "groups", &self->groups);
	host->conf_bool(conf, "roles", &self->roles);
	host->conf_bool(conf, "app_only", &self->app_only);
	host->conf_string(conf, "guest_accounts", &guests);
	self->refuse_guests = strcmp(guests, "refuse") == 0;
	int code = self->refuse_guests || strcmp(guests, "allow") == 0 ? EMA_OK
	         : host->conf_fail(conf, "guest_accounts", "it is \"allow\" or \"refuse\"");
	if (code == EMA_OK)
		code = azure_read_tenants(conf, self);
	if (code == EMA_OK)
		code = azure_declare_all(conf, self);
	if (code == EMA_OK)
		*out = self;
	else
		azure_close(self);
	return code;
}

/* ---- Tokens ---- */

static int azure_names(const struct azure_set *set, const char *issuer)
{
	for (size_t n = 0; n < set->name_count; n++)
		if (strcmp(set->names[n].issuer, issuer) == 0)
			return 1;
	return 0;
}

static int azure_is(const ema_claims *claims, const char *pointer, const char *value)
{
	const char *text = NULL;
	return host->claim_string(claims, pointer, &text) == EMA_OK && strcmp(text, value) == 0;
}

static int azure_has(const ema_claims *claims, const char *pointer)
{
	const char *text = NULL;
	return host->claim_string(claims, pointer, &text) != EMA_MISSING_CLAIM;
}

/* A person's token has scp. An application's has idtyp "app" if somebody asked for it, else no scp and itself as the object. */
static int azure_judge_person(const ema_instance *self, ema_call *call, const ema_claims *claims, const char *object)
{
	int app = azure_is(claims, "/idtyp", "app");
	int scp = azure_has(claims, "/scp");
	if (!app && scp)
		return EMA_OK;
	if (!app && !azure_is(claims, "/sub", object))
		return host->fail(call, EMA_WRONG_TYPE, "no scp: not an access token that a person asked for (an ID token, or no permission of this server was requested)");
	if (!self->app_only)
		return host->fail(call, EMA_NOT_A_PERSON, "an application's own token (client credentials); people only, unless app_only = true");
	return EMA_OK;
}

static int azure_judge_guest(const ema_instance *self, ema_call *call, const ema_claims *claims, const char *tenant)
{
	int64_t account = 0;
	const char *home = NULL;
	host->claim_int(claims, "/acct", &account);
	/* idp is in the v1 form of the person's own tenant, or the name of another provider. */
	int foreign = host->claim_string(claims, "/idp", &home) == EMA_OK && !strstr(home, tenant);
	if (account != 1 && !foreign)
		return EMA_OK;
	if (self->refuse_guests)
		return host->fail(call, EMA_DENIED, "a guest of the tenant (acct, idp), and guest_accounts = \"refuse\"");
	host->log(self->handle, EMA_LOG_DEBUG, "a guest of the tenant (acct, idp)");
	return EMA_OK;
}

static int azure_add_groups(const ema_instance *self, ema_call *call, const ema_claims *claims)
{
	int has = 0;
	if (self->groups) {
		/* Where the groups went is a URL in the token. It is never followed: it is dead, and the token's author chose it. */
		host->claim_bool(claims, "/hasgroups", &has);
		if (has || azure_has(claims, "/_claim_names/groups") || azure_is(claims, "/hasgroups", "true"))
			return host->fail(call, EMA_GROUP_OVERAGE, "the person is in more groups than a token has room for; in the app registration, "
			                  "choose \"Groups assigned to the application\", or use app roles or a directory");
		int code = host->add_groups(call, claims, "/groups");
		if (code != EMA_OK)
			return code;
	}
	return self->roles ? host->add_roles(call, claims, "/roles") : EMA_OK;
}

/* Entra says of no address of an organisation that it is verified; xms_edov says that the domain's owner is the tenant. */
static int azure_set_email(ema_call *call, const ema_claims *claims)
{
	const char *email = NULL;
	int owned = 0;
	int64_t number = 0;
	host->claim_bool(claims, "/xms_edov", &owned);
	host->claim_int(claims, "/xms_edov", &number);
	if (!owned && number != 1 && !azure_is(claims, "/xms_edov", "1") && !azure_is(claims, "/xms_edov", "true"))
		return EMA_OK;
	if (host->claim_string(claims, "/email", &email) != EMA_OK)
		return EMA_OK;
	int code = host->set_email(call, email, 1);
	return code == EMA_OK ? code : host->fail(call, code, "email has a form that no address has");
}

/* Verifies with the set whose issuer it is; the host answers EMA_NOT_MINE for another's. */
static int azure_verify(ema_instance *self, ema_call *call, uint32_t kind, const struct azure_set **out, const ema_claims **claims)
{
	/* typ of an Entra access token is "JWT" always; what tells it from an ID token is scp and the client's claim. */
	static const char *const types[] = { "jwt", "at+jwt" };
	const char *issuer = host->item(call, EMA_ITEM_ISSUER);
	int code = host->fail(call, EMA_NOT_MINE, "the issuer is of no tenant of this provider");
	for (size_t i = 0; i < self->set_count && code == EMA_NOT_MINE; i++) {
		const struct azure_set *set = &self->sets[i];
		struct ema_jwt_rules rules = { .size = sizeof rules, .types = types, .type_count = 2, .subject_claim = "/oid" };
		if (issuer && !azure_names(set, issuer))
			continue;
		if (set->version == AZURE_BROKER) {
			rules.subject_claim = self->broker_subject;
		} else if (kind == EMA_ACCESS_TOKEN) {
			rules.client_claim = set->version == AZURE_V1 ? "/appid" : "/azp";
			rules.scope_claim = "/scp";
			rules.refusals = azure_refusals;
			rules.refusal_count = sizeof azure_refusals / sizeof *azure_refusals;
		}
		*out = set;
		code = host->jwt_verify(call, set->keys, &rules, claims);
	}
	return code;
}

static int azure_identify(ema_instance *self, ema_call *call)
{
	const ema_claims *claims = NULL;
	const struct azure_set *set = NULL;
	const char *tenant = NULL, *object = NULL;
	char guid[AZURE_GUID + 1];
	uint32_t kind = 0;
	size_t length = 0;
	host->credential(call, &length, &kind);
	int code = azure_verify(self, call, kind, &set, &claims);
	if (code != EMA_OK)
		return code;
	int brokered = set->version == AZURE_BROKER;
	code = host->claim_string(claims, brokered ? self->broker_tenant : "/tid", &tenant);
	if (code != EMA_OK || azure_guid(tenant, guid) < 0)
		return host->fail(call, code == EMA_OK ? EMA_BAD_CLAIM : code, "the claim with the tenant (tid) is no GUID");
	code = host->claim_string(claims, brokered ? self->broker_subject : "/oid", &object);
	if (code != EMA_OK || azure_guid(object, guid) < 0)
		return host->fail(call, code == EMA_OK ? EMA_BAD_CLAIM : code, "the claim with the person's object id (oid) is no GUID");
	if (!brokered && kind == EMA_ACCESS_TOKEN) {
		if (!azure_is(claims, "/ver", set->version == AZURE_V1 ? "1.0" : "2.0"))
			return host->fail(call, EMA_BAD_CLAIM, set->version == AZURE_V1 ? "ver is not \"1.0\", as tokens of this issuer are"
			                                                                : "ver is not \"2.0\", as tokens of this issuer are");
		if ((code = azure_judge_person(self, call, claims, object)) != EMA_OK)
			return code;
	}
	if (!brokered && ((code = azure_judge_guest(self, call, claims, tenant)) != EMA_OK || (code = azure_set_email(call, claims)) != EMA_OK))
		return code;
	if ((code = azure_add_groups(self, call, claims)) != EMA_OK)
		return code;
	/* In lower case, as Entra's own tokens have it: a broker's letters must not make a second subject of one person. */
	code = host->vouch(call, tenant, guid);
	return code == EMA_OK ? code : host->fail(call, code, "tid and oid cannot be taken as a subject");
}

static const struct ema_identity_ops azure_identity = { sizeof azure_identity, azure_open, azure_close, azure_identify };

static const struct ema_plugin azure_plugin = {
	.size = sizeof azure_plugin,
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL,
	.name = "azure_ad",
	.version = "1.0",
	.summary = "access tokens of Microsoft Entra ID (Azure AD), and ID-JAGs of a broker for it",
	.identity = &azure_identity,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *given)
{
	if (!EMA_HOST_HAS(given, add_roles))
		return NULL;
	host = given;
	return &azure_plugin;
}
