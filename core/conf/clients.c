/* clients, callers and client_documents: what the table cannot say of them. */
#include <stdio.h>
#include <string.h>

#include "jwk.h"
#include "schema.h"
#include "url.h"

/* What form-encoding leaves as it is: libraries do not agree on the rest in client_secret_basic (RFC 6749 2.3.1). */
static int is_plain(const char *text)
{
	return !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~-")];
}

static void id_lint(struct reader *reader, const struct conf_client *client)
{
	const struct conf_node *node = conf_child(client->node, "id");
	const char *id = client->id;
	size_t length = strlen(id);
	for (size_t i = 0; i < length; i++)
		if (id[i] < ' ' || id[i] > '~') {
			finding_node(reader->findings, "E-VALUE", node, "id has a character that a client_id cannot have (RFC 6749 A.1: printable ASCII)");
			return;
		}
	if (length > CLIENT_ID_MOST)
		finding_node(reader->findings, "E-VALUE", node, "id is over %d characters", CLIENT_ID_MOST);
	else if (!strncmp(id, "https://", 8) || !strncmp(id, "http://", 7))
		finding_node(reader->findings, "E-VALUE", node, "id is a URL: those name a client's own metadata document; list it in client_documents = { urls = [...]; }");
	else if (client->auth == AUTH_SECRET_BASIC && !is_plain(id))
		finding_node(reader->findings, "E-VALUE", node, "id: with client_secret_basic it can have letters, digits and _ . ~ - alone: clients do not "
			     "agree on how others are encoded, and a ':' ends it. Take another id or another auth");
}

/* The entries of a list, behind what the short keys say. */
static void credentials_read(struct reader *reader, struct conf_client *client, const struct conf_section *section, const char *name)
{
	const struct conf_node *list = conf_child(client->node, name);
	size_t more = value_groups(reader, list), single = client->only.secret || client->only.jwks_file || client->only.jwks_url || client->only.jwks;
	if (list && !list->count && (list->kind == CONF_LIST || list->kind == CONF_ARRAY))
		finding_node(reader->findings, "E-VALUE", list, "%s is empty: write an entry, or take the key away", name);
	if (list && list->count && single)
		finding_node(reader->findings, "E-VALUE", list, "%s: write what stands beside it as an entry of the list too", name);
	struct conf_credential *credentials = single + more ? arena_get(reader->arena, single + more, sizeof *credentials) : NULL;
	if (!credentials)
		return;
	client->credentials = credentials;
	client->credential_count = single + more;
	if (single) {
		credentials[0] = client->only;
		credentials[0].node = client->node;
	}
	for (size_t i = 0; i < more; i++) {
		struct conf_credential *credential = &credentials[single + i];
		credential->node = &list->children[i];
		section_read(reader, section, credential->node, credential, 1);
		if (section == &section_client_secret) {
			credential->secret = credential->node;
			if ((conf_child(credential->node, "file") != NULL) + (conf_child(credential->node, "fd") != NULL) +
			    (conf_child(credential->node, "credential") != NULL) != 1)
				finding_node(reader->findings, "E-VALUE", credential->node, "secrets: one of file, fd and credential is wanted");
		}
		if (credential->not_after && credential->not_after <= credential->not_before)
			finding_node(reader->findings, "E-VALUE", credential->node, "%s: not_after is not after not_before", name);
	}
	for (size_t i = 0; i < client->credential_count && section == &section_client_key; i++)
		if ((credentials[i].jwks_file != NULL) + (credentials[i].jwks_url != NULL) + (credentials[i].jwks != NULL) != 1)
			finding_node(reader->findings, "E-VALUE", credentials[i].node, "jwks_file, jwks_url and jwks: write one of them");
}

static void auth_lint(struct reader *reader, struct conf_client *client)
{
	const struct conf_node *node = client->node;
	int keys = conf_child(node, "jwks_file") || conf_child(node, "jwks_url") || conf_child(node, "jwks") || conf_child(node, "keys");
	int secrets = conf_child(node, "secret") || conf_child(node, "secrets"), certificate = conf_child(node, "certificate_file") != NULL;
	int names = (client->subject_dn != NULL) + (client->san_dns != NULL) + (client->san_uri != NULL) + (client->san_ip != NULL) + (client->san_email != NULL);
	const char *wrong = NULL;
	switch (client->auth) {
	case AUTH_PRIVATE_KEY_JWT:
		wrong = keys && !secrets && !certificate && !names ? NULL : "private_key_jwt wants jwks_file, jwks_url, jwks or keys, and nothing of the other ways";
		break;
	case AUTH_SECRET_BASIC:
	case AUTH_SECRET_POST:
		wrong = secrets && !keys && !certificate && !names ? NULL :
			"client_secret_basic and client_secret_post want secret = { file = \"PATH\"; } or secrets = ( ... ), and nothing of the other ways";
		break;
	case AUTH_TLS:
		wrong = names == 1 && !keys && !secrets && !certificate ? NULL :
			"tls_client_auth wants one of subject_dn, san_dns, san_uri, san_ip and san_email, one alone, and nothing of the other ways";
		break;
	case AUTH_TLS_SELF_SIGNED:
		wrong = certificate && !keys && !secrets && !names ? NULL : "self_signed_tls_client_auth wants certificate_file, and nothing of the other ways";
		break;
	case AUTH_NONE:
		wrong = keys || secrets || certificate || names ? "none wants neither keys nor a secret: name the way in which it uses them" :
			!client->proof_required && !client->certificate_bound ?
			"auth = \"none\" proves nothing: its tokens must be bound, by dpop = \"required\" or certificate_bound = true" : NULL;
		break;
	}
	if (!wrong && client->proof_required && client->certificate_bound)
		wrong = "dpop = \"required\" and certificate_bound = true: a token is bound to a key or to a certificate, not to both: take one of them away";
	if (wrong)
		finding_node(reader->findings, "E-VALUE", node, "%s", wrong);
}

/* Metrics are of the whole process; all else is of services, and no list of them would be all. */
static void caller_lint(struct reader *reader, const struct conf_client *caller)
{
	const struct conf_node *services = conf_child(caller->node, "services"), *purposes = conf_child(caller->node, "purposes");
	if (caller->purposes & ~CALLER_METRICS && !services)
		finding_node(reader->findings, "E-MISSING", caller->node, "caller lacks the key \"services\": services that it speaks for");
	if (caller->purposes == CALLER_METRICS && services)
		finding_node(reader->findings, "W-UNUSED", services, "services: metrics are those of all: this has no effect");
	if (caller->purposes & CALLER_METRICS && caller->auth != AUTH_SECRET_BASIC && conf_child(caller->node, "auth"))
		finding_node(reader->findings, "E-VALUE", purposes, "purposes: metrics are read with auth = \"client_secret_basic\" alone");
}

static void client_read(struct reader *reader, const struct conf_section *section, const struct conf_node *node, struct conf_client *client)
{
	client->node = node;
	section_read(reader, section, node, client, 1);
	credentials_read(reader, client, conf_child(node, "secrets") || client->only.secret ? &section_client_secret : &section_client_key,
			 conf_child(node, "secrets") || client->only.secret ? "secrets" : "keys");
	if (conf_child(node, "auth"))
		auth_lint(reader, client);
	if (client->id)
		id_lint(reader, client);
	if (client->grants & ~GRANT_JWT_BEARER && client->grants & GRANT_JWT_BEARER)
		finding_node(reader->findings, "E-VALUE", conf_child(node, "grants"), "grants: \"none\" stands alone");
	client->grants &= GRANT_JWT_BEARER;
}

static void documents_read(struct reader *reader)
{
	struct conf_documents *documents = &reader->conf->documents;
	const struct conf_node *node = documents->node;
	if (!node || node->kind != CONF_GROUP)
		return;
	section_read(reader, &section_documents, node, documents, 1);
	documents->node = documents->client.node = node;
	documents->client.auth = AUTH_PRIVATE_KEY_JWT;
	documents->client.algorithms = JOSE_DEFAULT_SET;
	documents->client.grants = GRANT_JWT_BEARER;
	if (!conf_child(node, "hosts") && !conf_child(node, "urls"))
		finding_node(reader->findings, "E-MISSING", node, "client_documents lacks hosts or urls: without them no URL would be a client id");
	for (size_t i = 0; i < documents->urls.count; i++) {
		const char *url = documents->urls.list[i], *host = strstr(url, "://");
		if (!host || !strchr(host + 3, '/') || strpbrk(url, "?#"))
			finding_node(reader->findings, "E-VALUE", conf_child(node, "urls"), "urls: a client id has a path, no query and no fragment");
	}
}

void clients_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *list = NULL;
	conf->clients = conf_entries(reader, "clients", sizeof *conf->clients, &list, &conf->client_count);
	for (size_t i = 0; i < conf->client_count; i++) {
		client_read(reader, &section_client, &list->children[i], &conf->clients[i]);
		for (size_t j = 0; j < i; j++)
			conf_unique(reader, conf->clients[i].id, conf->clients[i].node, conf->clients[j].id, conf->clients[j].node);
	}
	conf->callers = conf_entries(reader, "callers", sizeof *conf->callers, &list, &conf->caller_count);
	for (size_t i = 0; i < conf->caller_count; i++) {
		client_read(reader, &section_caller, &list->children[i], &conf->callers[i]);
		caller_lint(reader, &conf->callers[i]);
		for (size_t j = 0; j < i; j++)
			conf_unique(reader, conf->callers[i].id, conf->callers[i].node, conf->callers[j].id, conf->callers[j].node);
	}
	documents_read(reader);
}

/* May it be the URL of a document that client_documents takes? */
static int has_document(struct reader *reader, const char *id)
{
	const struct conf_documents *documents = &reader->conf->documents;
	const struct fetch_rules rules = { .insecure_http = documents->insecure_http,
		                           .internal_hosts = documents->internal_hosts.list, .internal_host_count = documents->internal_hosts.count };
	struct failure why = FAILURE_INIT;
	struct url url;
	if (conf_has_string(&documents->urls, id))
		return 1;
	int code = documents->hosts.count ? url_read(id, &rules, "client", &url, &why) : EMA_CONFIG;
	reader->findings->out_of_memory |= code == EMA_OUT_OF_MEMORY;
	/* As the token endpoint has it: another port may be another's. */
	return !code && (url.http || url.port == 443) && url_host_listed(url.host, documents->hosts.list, documents->hosts.count);
}

/* Does the service take access tokens that a provider gave this client? */
static int comes_with_tokens(const struct conf_service *service, const char *id)
{
	for (size_t i = 0; i < service->audience_count; i++)
		if (conf_has_string(&service->audiences[i].clients, id))
			return 1;
	return 0;
}

void clients_check(struct reader *reader, const char *id, const struct conf_service *service, const struct conf_node *node,
                   const struct conf_strings *clients)
{
	const struct conf *conf = reader->conf;
	/* Without a list of clients they are known elsewhere. */
	const char **names = clients->count && conf->client_count ? arena_get(reader->arena, conf->client_count + 1, sizeof *names) : NULL;
	char hint[256], shown[96];
	for (size_t i = 0, used = 0; names && i < conf->client_count; i++)
		if (conf->clients[i].id)
			names[used++] = conf->clients[i].id;
	for (size_t i = 0; names && i < clients->count; i++) {
		const char *name = clients->list[i];
		size_t j = 0;
		while (names[j] && strcmp(names[j], name))
			j++;
		int there = names[j] || has_document(reader, name) || (service && comes_with_tokens(service, name));
		for (size_t k = 0; !service && !there && k < conf->service_count; k++)
			there = comes_with_tokens(&conf->services[k], name);
		if (!there)
			finding_node(reader->findings, id, node, "there is no client \"%s\"%s", value_show(name, shown), value_offer(name, names, "clients", hint));
	}
}

static void services_lint(struct reader *reader, const struct conf_client *client)
{
	const struct conf *conf = reader->conf;
	for (size_t i = 0; i < client->services.count; i++) {
		const char *name = client->services.list[i];
		struct conf_nearest nearest = { .wrong = name };
		char hint[128];
		size_t k = 0;
		for (; k < conf->service_count && (!conf->services[k].id || strcmp(conf->services[k].id, name)); k++)
			if (conf->services[k].id)
				conf_nearest_offer(&nearest, conf->services[k].id);
		if (k < conf->service_count)
			continue;
		const char *const names[] = { nearest.name, NULL };
		finding_node(reader->findings, "E-UNKNOWN", conf_child(client->node, "services"), "there is no service \"%.64s\"%s", name, value_hint(name, names, hint));
	}
}

/* A scope that no service has is given to nobody. */
static void scopes_lint(struct reader *reader, const struct conf_client *client)
{
	const struct conf *conf = reader->conf;
	for (size_t i = 0; conf->service_count && i < client->scopes.count; i++) {
		int there = 0;
		for (size_t k = 0; k < conf->service_count && !there; k++)
			for (size_t s = 0; s < conf->services[k].scope_count && !there; s++)
				there = conf->services[k].scopes[s].name && !strcmp(conf->services[k].scopes[s].name, client->scopes.list[i]);
		if (!there)
			finding_node(reader->findings, "W-UNUSED", conf_child(client->node, "scopes"), "no service has a scope \"%.64s\": this has no effect",
			             client->scopes.list[i]);
	}
}

/* Of a provider. Where clients are listed, one that is not, and is no URL, is misspelt. */
static void provider_clients_lint(struct reader *reader, const struct conf_provider *provider)
{
	const struct conf *conf = reader->conf;
	for (size_t i = 0; conf->client_count && i < provider->clients.count; i++) {
		const char *name = provider->clients.list[i];
		struct conf_nearest nearest = { .wrong = name };
		int there = strstr(name, "://") != NULL;
		for (size_t k = 0; k < conf->client_count && !there; k++)
			if (conf->clients[k].id) {
				there = !strcmp(conf->clients[k].id, name);
				conf_nearest_offer(&nearest, conf->clients[k].id);
			}
		if (!there)
			finding_node(reader->findings, "W-UNUSED", conf_child(provider->instance.node, "clients"), "there is no client \"%.64s\"%s%s%s: this has no effect",
			             name, nearest.name ? " (did you mean \"" : "", nearest.name ? nearest.name : "", nearest.name ? "\"?)" : "");
	}
}

void clients_lint(struct reader *reader)
{
	const struct conf *conf = reader->conf;
	int taken = 0;
	for (size_t i = 0; i < conf->provider_count; i++)
		taken |= conf->providers[i].public_clients;
	for (size_t i = 0; i < conf->provider_count; i++)
		provider_clients_lint(reader, &conf->providers[i]);
	for (size_t i = 0; i < conf->client_count; i++) {
		services_lint(reader, &conf->clients[i]);
		scopes_lint(reader, &conf->clients[i]);
		if (conf->clients[i].auth == AUTH_NONE)
			finding_node(reader->findings, "W-PUBLIC-CLIENT", conf->clients[i].node, taken ?
				     "a public client: whoever knows its id may come as it, and its tokens are bound to a key that nobody has vouched for" :
				     "a public client, and no provider has public_clients = true: it gets no token");
	}
	for (size_t i = 0; i < conf->caller_count; i++)
		services_lint(reader, &conf->callers[i]);
	services_lint(reader, &conf->documents.client);
	scopes_lint(reader, &conf->documents.client);
}
