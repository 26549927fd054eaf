/* What the server says of itself: RFC 8414 (and the OpenID place), RFC 9728, and its keys. None of it names a provider, a tenant
   or a client (JAG-115, MCP-08). */
#include <stdlib.h>
#include <string.h>

#include "dpop.h"
#include "exchange.h"
#include "jwk.h"
#include "keyring.h"
#include "pipeline.h"

#define MAX_AGE "public, max-age=300"

static void put_text(struct buffer *body, const char *name, const char *text)
{
	buffer_printf(body, "%s\"%s\":", body->length > 1 ? "," : "", name);
	buffer_json(body, text, strlen(text));
}

static void put_url(struct exchange *x, const char *name, const char *below)
{
	char *url = route_url(x->issuer, below);
	if (url)
		put_text(&x->response->body, name, url);
	else
		x->response->failed = 1;
	free(url);
}

static void put_list(struct buffer *body, const char *name, const char *const *list, size_t count)
{
	buffer_printf(body, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buffer_char(body, ',');
		buffer_json(body, list[i], strlen(list[i]));
	}
	buffer_char(body, ']');
}

static void put_set(struct buffer *body, const char *name, unsigned set)
{
	const char *list[JOSE_ALGORITHMS];
	size_t count = 0;
	for (int i = JOSE_NONE + 1; i < JOSE_ALGORITHMS; i++)
		if (set & JOSE_BIT(i))
			list[count++] = jose_algorithm_name((enum jose_algorithm)i);
	put_list(body, name, list, count);
}

static void put_algorithms(struct buffer *body, const char *name)
{
	put_set(body, name, JOSE_DEFAULT_SET);
}

/* Of the keys that are published: one of them signs. */
static unsigned signing_set(const struct exchange *x)
{
	struct keyring_entry keys[KEYRING_MOST];
	const size_t count = x->context->keyring ? keyring_list(x->context->keyring, keys) : 0;
	unsigned set = 0;
	for (size_t i = 0; i < count; i++)
		set |= JOSE_BIT(keys[i].algorithm);
	return set;
}

/* Public, and for pages of other origins too: browsers hold MCP clients as well. */
static int is_public(struct exchange *x)
{
	if (strcmp(x->method, "GET") && strcmp(x->method, "HEAD")) {
		exchange_method(x, "GET, HEAD");
		return 0;
	}
	x->response->status = 200;
	response_header(x->response, "Content-Type", "application/json");
	response_header(x->response, "Cache-Control", MAX_AGE);
	response_header(x->response, "Access-Control-Allow-Origin", "*");
	metrics_count(&x->context->metrics.pages);
	return 1;
}

static const struct {
	enum conf_auth auth;
	const char *name;
} methods[] = {
	{ AUTH_PRIVATE_KEY_JWT, "private_key_jwt" },
	{ AUTH_SECRET_BASIC, "client_secret_basic" },
	{ AUTH_SECRET_POST, "client_secret_post" },
	{ AUTH_TLS, "tls_client_auth" },
	{ AUTH_TLS_SELF_SIGNED, "self_signed_tls_client_auth" },
	{ AUTH_NONE, "none" },
};

static size_t list_methods(unsigned set, const char *list[8])
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (set & AUTH_BIT(methods[i].auth))
			list[count++] = methods[i].name;
	return count;
}

/* Here, or by another listener of ema.conf. */
static int is_served(const struct exchange *x, uint32_t page)
{
	uint32_t serve = x->serve;
	for (size_t i = 0; i < x->snapshot->conf->listener_count; i++)
		serve |= x->snapshot->conf->listeners[i].serve;
	return (serve & page) != 0;
}

void endpoint_server_metadata(struct exchange *x)
{
	static const char *const grants[] = { "urn:ietf:params:oauth:grant-type:jwt-bearer" }, *const profiles[] = { "urn:ietf:params:oauth:grant-profile:id-jag" };
	static const char *const challenges[] = { "S256" }, *const responses[] = { "code" };
	const char *interactive = x->snapshot->conf->authorization_endpoint;
	struct buffer *body = &x->response->body;
	const char *list[8];
	if (!is_public(x))
		return;
	unsigned set = clients_methods(x->snapshot->clients), callers = is_served(x, EMA_SERVE_INTROSPECTION) ? sender_ways(x, CALLER_INTROSPECTION) : 0;
	size_t count = list_methods(set, list);
	buffer_char(body, '{');
	put_text(body, "issuer", x->issuer);
	put_url(x, "token_endpoint", "/token");
	put_url(x, "jwks_uri", "/jwks");
	put_url(x, "revocation_endpoint", "/revoke");
	put_list(body, "grant_types_supported", grants, 1);
	put_list(body, "authorization_grant_profiles_supported", profiles, 1);
	/* None of ours: no interactive way leads round the identity provider (MCP-75). RFC 8414 2 lets a server without one leave it out,
	   but there are clients that then read no further, so an operator may name one. */
	if (interactive)
		put_text(body, "authorization_endpoint", interactive);
	put_list(body, "response_types_supported", responses, interactive ? 1 : 0);
	put_list(body, "code_challenge_methods_supported", challenges, 1);
	put_list(body, "token_endpoint_auth_methods_supported", list, count);
	put_list(body, "revocation_endpoint_auth_methods_supported", list, count);
	if (set & AUTH_BIT(AUTH_PRIVATE_KEY_JWT)) {
		put_algorithms(body, "token_endpoint_auth_signing_alg_values_supported");
		put_algorithms(body, "revocation_endpoint_auth_signing_alg_values_supported");
	}
	if (callers) {
		count = list_methods(callers, list);
		put_url(x, "introspection_endpoint", "/introspect");
		put_list(body, "introspection_endpoint_auth_methods_supported", list, count);
		if (callers & AUTH_BIT(AUTH_PRIVATE_KEY_JWT))
			put_algorithms(body, "introspection_endpoint_auth_signing_alg_values_supported");
		/* RFC 9701 7 */
		put_set(body, "introspection_signing_alg_values_supported", signing_set(x));
	}
	put_set(body, "dpop_signing_alg_values_supported", DPOP_ALGORITHMS);
	if (clients_certificates(x->snapshot->clients))
		buffer_text(body, ",\"tls_client_certificate_bound_access_tokens\":true");
	if (x->snapshot->conf->documents.hosts.count || x->snapshot->conf->documents.urls.count)
		buffer_text(body, ",\"client_id_metadata_document_supported\":true");
	buffer_char(body, '}');
}

/* The small set for everyday use (MCP-06): what is asked for by default, else what reads. */
static void put_scopes(struct buffer *body, const struct conf_service *service)
{
	int first = 1;
	if (service->default_scopes.count) {
		put_list(body, "scopes_supported", service->default_scopes.list, service->default_scopes.count);
		return;
	}
	for (size_t i = 0; i < service->scope_count; i++) {
		if (service->scopes[i].writes)
			continue;
		buffer_text(body, first ? ",\"scopes_supported\":[" : ",");
		buffer_json(body, service->scopes[i].name, strlen(service->scopes[i].name));
		first = 0;
	}
	if (!first)
		buffer_char(body, ']');
}

void endpoint_resource_metadata(struct exchange *x, const struct service *service)
{
	static const char *const header[] = { "header" };
	const struct conf_service *conf = service->conf;
	const char *servers[2] = { conf->issuer, conf->interactive };
	struct buffer *body = &x->response->body;
	if (!is_public(x))
		return;
	buffer_char(body, '{');
	put_text(body, "resource", conf->resource);
	put_list(body, "authorization_servers", servers, conf->interactive ? 2 : 1);
	put_scopes(body, conf);
	put_list(body, "bearer_methods_supported", header, 1);
	if (conf->name)
		put_text(body, "resource_name", conf->name);
	put_set(body, "dpop_signing_alg_values_supported", DPOP_ALGORITHMS);
	if (clients_certificates(x->snapshot->clients))
		buffer_text(body, ",\"tls_client_certificate_bound_access_tokens\":true");
	else if (conf->binding == BINDING_REQUIRED)
		buffer_text(body, ",\"dpop_bound_access_tokens_required\":true");
	buffer_char(body, '}');
}

void endpoint_keys(struct exchange *x)
{
	char *keys = x->snapshot && x->context->keyring ? keyring_jwks(x->context->keyring) : NULL;
	if (!is_public(x)) {
		free(keys);
		return;
	}
	if (keys)
		buffer_text(&x->response->body, keys);
	else
		exchange_refuse(x, EMA_KEYS_UNAVAILABLE, NULL);
	free(keys);
}
