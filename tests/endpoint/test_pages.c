#define _GNU_SOURCE /* asprintf */
#include "desk.h"

#include <stdio.h>

#include "access.h"
#include "audit.h"
#include "context.h"
#include "jws.h"
#include "jwt.h"
#include "keyring.h"

#define TLS_CLIENT "CLIENTS:, { id = \"dn\"; auth = \"tls_client_auth\"; subject_dn = \"CN=dn\"; }"

static const char two[] = "SERVICES:, { id = \"own\"; issuer = \"https://auth.example/own/\"; resource = \"https://mcp.example/own/mcp\"; identity = [\"idp\"];\n"
                          "  name = \"Own\"; interactive = \"https://login.example\"; default_scopes = [\"read\"]; binding = \"required\";\n"
                          "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"list\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }";

/* JAG-112, JAG-113, JAG-114, JAG-115, JAG-117, MCP-31, MCP-32, MCP-34, MCP-38, MCP-75: one document at each place where clients look. */
static void server_metadata(void **state)
{
	(void)state;
#define OWN "https://auth.example/own/"
	static const struct {
		const char *url, *issuer, *token, *keys;
	} rows[] = {
		{ "/.well-known/oauth-authorization-server", OURS, OURS "/token", OURS "/jwks" },
		{ "/.well-known/openid-configuration", OURS, OURS "/token", OURS "/jwks" },
		{ "/.well-known/oauth-authorization-server/own", OWN, OWN "token", OWN "jwks" },
		{ "/.well-known/oauth-authorization-server/own/", OWN, OWN "token", OWN "jwks" },
		{ "/.well-known/openid-configuration/own", OWN, OWN "token", OWN "jwks" },
		{ "/own/.well-known/openid-configuration", OWN, OWN "token", OWN "jwks" },
		{ "/.well-known/oauth-authorization-server/nowhere", NULL, NULL, NULL },
		{ "/.well-known/oauth-authorization-serverown", NULL, NULL, NULL },
		{ "/own/.well-known/oauth-authorization-server", NULL, NULL, NULL },
	};
	static const char algorithms[] = "_auth_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\",\"EdDSA\",\"Ed25519\"]";
	struct desk desk;
	char *same[2] = { NULL, NULL };
	desk_open(&desk, two, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk_request(&desk, "GET", rows[i].url, NULL, NULL);
		if (desk.status != (rows[i].issuer ? 200 : 404))
			print_error("%s: %d\n", rows[i].url, desk.status);
		assert_int_equal(desk.status, rows[i].issuer ? 200 : 404);
		if (!rows[i].issuer)
			continue;
		assert_string_equal(desk_text(&desk, "/issuer"), rows[i].issuer);
		assert_string_equal(desk_text(&desk, "/token_endpoint"), rows[i].token);
		assert_string_equal(desk_text(&desk, "/jwks_uri"), rows[i].keys);
		assert_non_null(strstr(desk.body, "\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",\"client_secret_basic\",\"client_secret_post\"]"));
		const char *listed = strstr(desk.body, "token_endpoint_auth_signing_alg_values_supported");
		assert_non_null(listed);
		assert_memory_equal(listed + strlen("token_endpoint"), algorithms, strlen(algorithms));
		/* JAG-114: to the byte. */
		char **first = &same[!strcmp(rows[i].issuer, OWN)];
		if (*first)
			assert_string_equal(desk.body, *first);
		else
			assert_non_null(*first = strdup(desk.body));
		assert_string_equal(desk_text(&desk, "/authorization_grant_profiles_supported/0"), "urn:ietf:params:oauth:grant-profile:id-jag");
		assert_string_equal(desk_text(&desk, "/grant_types_supported/0"), JWT_BEARER);
		assert_string_equal(desk_text(&desk, "/code_challenge_methods_supported/0"), "S256");
		assert_string_equal(desk_text(&desk, "/token_endpoint_auth_methods_supported/0"), "private_key_jwt");
		assert_non_null(strstr(desk.body, "\"dpop_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\",\"ES384\",\"ES512\",\"EdDSA\",\"Ed25519\"]"));
		assert_null(json_at(&desk.json, "/authorization_endpoint"));
		assert_null(json_at(&desk.json, "/registration_endpoint"));
		assert_non_null(json_at(&desk.json, "/introspection_endpoint"));
		assert_null(strstr(desk.body, "idp")); /* JAG-115 */
		assert_null(strstr(desk.body, "none\""));
		assert_string_equal(desk_header(&desk, "Access-Control-Allow-Origin"), "*");
	}
	free(same[0]);
	free(same[1]);
	desk_request(&desk, "GET", "/own/jwks", NULL, NULL); /* where it says */
	assert_string_equal(desk_text(&desk, "/keys/0/kty"), "EC");
	desk_request(&desk, "POST", "/.well-known/oauth-authorization-server", "", NULL);
	assert_int_equal(desk.status, 405);
	desk_request(&desk, "HEAD", "/.well-known/oauth-authorization-server", NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk.body, "");
	desk_close(&desk);
}

/* JAG-116, MCP-35: what is on is advertised, and nothing else. */
static void what_is_on_is_said(void **state)
{
	(void)state;
	enum { TLS = 1, DOCUMENTS = 2, BY_URL = 4, CALLERS = 8, ALL = 16 };
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	for (int on = 0; on < ALL; on++) {
		char extra[512];
		snprintf(extra, sizeof extra, "%s%s%s%s%s", on & (DOCUMENTS | BY_URL) ? "client_documents = { " : "", on & DOCUMENTS ? "hosts = [\"app.example\"]; " : "",
		         on & BY_URL ? "urls = [\"https://other.example/app\"]; " : "", on & (DOCUMENTS | BY_URL) ? "};" : "", on & TLS ? TLS_CLIENT : "");
		if (!(on & CALLERS))
			strcat(extra, "CALLER:]; purposes = [\"metrics\"");
		if (desk_load(&desk, extra, NULL))
			fail_msg("%s", ema_error(desk.world.context));
		desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
		assert_int_equal(json_is(json_at(&desk.json, "/tls_client_certificate_bound_access_tokens"), JSON_TRUE), (on & TLS) != 0);
		assert_int_equal(strstr(desk.body, "\"tls_client_auth\"") != NULL, (on & TLS) != 0);
		assert_int_equal(json_is(json_at(&desk.json, "/client_id_metadata_document_supported"), JSON_TRUE), (on & (DOCUMENTS | BY_URL)) != 0);
		assert_int_equal(json_at(&desk.json, "/introspection_endpoint") != NULL, (on & CALLERS) != 0);
		assert_string_equal(desk_text(&desk, "/revocation_endpoint"), OURS "/revoke");
		assert_non_null(json_at(&desk.json, "/dpop_signing_alg_values_supported/0"));
		/* What is never on. */
		assert_null(json_at(&desk.json, "/authorization_details_types_supported"));
		assert_null(json_at(&desk.json, "/registration_endpoint"));
		assert_int_equal(strstr(desk.body, "false") != NULL, 0);
	}
	desk_close(&desk);
}

/* JAG-116: tokens are bound to certificates for whoever is registered so, and for those who prove by them who they are. */
static void certificates_are_said(void **state)
{
	static const struct {
		const char *clients;
		int said;
	} rows[] = {
		{ "CLIENTS:, { id = \"x\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; }", 0 },
		{ "CLIENTS:, { id = \"x\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; certificate_bound = true; }", 1 },
		{ "CLIENTS:, { id = \"x\"; auth = \"none\"; certificate_bound = true; }", 1 },
		{ TLS_CLIENT, 1 },
	};
	static const char *const pages[] = { "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/svc" };
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (desk_load(&desk, rows[i].clients, NULL))
			fail_msg("%s", ema_error(desk.world.context));
		for (size_t k = 0; k < 2; k++) {
			desk_request(&desk, "GET", pages[k], NULL, NULL);
			assert_int_equal(json_is(json_at(&desk.json, "/tls_client_certificate_bound_access_tokens"), JSON_TRUE), rows[i].said);
		}
	}
	desk_close(&desk);
}

/* JAG-116: introspection is named where it is served, here or by another listener. */
static void introspection_is_said(void **state)
{
#define LISTEN(serve) "proxies = [\"unix\"]; listen = ( { address = \"unix:%FOLDER%/one\"; }, { address = \"unix:%FOLDER%/two\"; serve = [" serve "]; } );"
	static const struct {
		const char *listen;
		uint32_t serve;
		int said;
	} rows[] = {
		{ NULL, EMA_SERVE_METADATA | EMA_SERVE_TOKEN, 0 },
		{ NULL, EMA_SERVE_METADATA | EMA_SERVE_INTROSPECTION, 1 },
		{ LISTEN("\"health\""), EMA_SERVE_METADATA | EMA_SERVE_TOKEN, 0 },
		{ LISTEN("\"introspection\""), EMA_SERVE_METADATA | EMA_SERVE_TOKEN, 1 },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ema_request *request = ema_request_new();
		ema_response *response = NULL;
		size_t length;
		if (desk_load(&desk, rows[i].listen, NULL))
			fail_msg("%s", ema_error(desk.world.context));
		ema_request_set(request, EMA_REQUEST_METHOD, "GET");
		ema_request_set(request, EMA_REQUEST_URL, "/.well-known/oauth-authorization-server");
		assert_int_equal(ema_http(desk.world.context, request, rows[i].serve, &response), EMA_OK);
		if ((strstr(ema_response_body(response, &length), "introspection") != NULL) != rows[i].said)
			fail_msg("row %zu: %s", i, ema_response_body(response, &length));
		ema_response_free(response);
		ema_request_free(request);
	}
	desk_close(&desk);
}

/* JAG-41: an issuer that was stands for another spelling of one that is, and for another host; it never takes the pages away. */
static void issuers_that_were(void **state)
{
	(void)state;
	static const struct {
		const char *was, *host, *says; /* NULL: none */
	} rows[] = {
		{ OURS "/", "auth.example", OURS }, { "https://AUTH.example", "auth.example", OURS }, { OURS ":443", "auth.example:443", OURS },
		{ OURS "/", "elsewhere.example", OURS }, { "https://old.example", "auth.example", OURS }, { "https://old.example", "old.example", "https://old.example" },
		{ "https://old.example/", "old.example", "https://old.example/" }, { "https://old.example", "elsewhere.example", OURS },
	};
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char service[160];
		snprintf(service, sizeof service, "former_issuers = ( { issuer = \"%s\"; until = \"2099-01-01\"; } );", rows[i].was);
		assert_int_equal(desk_load(&desk, NULL, service), EMA_OK);
		desk.host = rows[i].host;
		desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
		if (desk.status != 200 || strcmp(desk_text(&desk, "/issuer"), rows[i].says))
			fail_msg("%s at %s: %d %s", rows[i].was, rows[i].host, desk.status, desk.body);
	}
	desk_close(&desk);
}

/* MCP-75: an authorization endpoint is named for clients that want one; the token endpoint takes no code all the same. */
static void authorization_endpoint(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
	assert_null(json_at(&desk.json, "/authorization_endpoint"));
	assert_non_null(json_at(&desk.json, "/response_types_supported"));
	assert_null(json_at(&desk.json, "/response_types_supported/0"));
	assert_int_equal(desk_load(&desk, "authorization_endpoint = \"https://login.example/authorize?x=y\";", NULL), EMA_OK);
	desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
	assert_string_equal(desk_text(&desk, "/authorization_endpoint"), "https://login.example/authorize?x=y");
	assert_string_equal(desk_text(&desk, "/response_types_supported/0"), "code");
	assert_string_equal(desk_text(&desk, "/grant_types_supported/0"), JWT_BEARER);
	assert_null(json_at(&desk.json, "/grant_types_supported/1"));
	desk_form(&desk, "/token", NULL, "grant_type", "authorization_code", "code", "x", NULL);
	assert_string_equal(desk_text(&desk, "/error"), "unsupported_grant_type");
	static const char *const bad[] = { "http://login.example/authorize", "https://login.example/#x", "/authorize", "" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char extra[128];
		snprintf(extra, sizeof extra, "authorization_endpoint = \"%s\";", bad[i]);
		assert_int_not_equal(desk_load(&desk, extra, NULL), EMA_OK);
	}
	desk_close(&desk);
}

/* MCP-01, MCP-02, MCP-03, MCP-05, MCP-06, MCP-07: from the resource to its one authorization server. */
static void resource_metadata(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, two, NULL);
	desk_request(&desk, "GET", "/.well-known/oauth-protected-resource/own/mcp", NULL, "Host: mcp.example", NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_header(&desk, "Content-Type"), "application/json");
	assert_string_equal(desk_header(&desk, "Cache-Control"), "public, max-age=300");
	assert_string_equal(desk_text(&desk, "/resource"), "https://mcp.example/own/mcp");
	assert_string_equal(desk_text(&desk, "/authorization_servers/0"), "https://auth.example/own/");
	assert_string_equal(desk_text(&desk, "/authorization_servers/1"), "https://login.example");
	assert_string_equal(desk_text(&desk, "/scopes_supported/0"), "read");
	assert_null(json_at(&desk.json, "/scopes_supported/1"));
	assert_string_equal(desk_text(&desk, "/bearer_methods_supported/0"), "header");
	assert_null(json_at(&desk.json, "/bearer_methods_supported/1"));
	assert_string_equal(desk_text(&desk, "/dpop_signing_alg_values_supported/3"), "ES384"); /* each that is taken */
	assert_string_equal(desk_text(&desk, "/resource_name"), "Own");
	assert_true(json_is(json_at(&desk.json, "/dpop_bound_access_tokens_required"), JSON_TRUE));
	assert_null(json_at(&desk.json, "/tls_client_certificate_bound_access_tokens"));
	desk_request(&desk, "GET", "/.well-known/oauth-protected-resource/svc", NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_null(json_at(&desk.json, "/authorization_servers/1"));
	assert_string_equal(desk_text(&desk, "/scopes_supported/0"), "read"); /* and not write */
	assert_null(json_at(&desk.json, "/scopes_supported/1"));
	assert_null(json_at(&desk.json, "/resource_name"));
	assert_null(json_at(&desk.json, "/dpop_bound_access_tokens_required"));
	static const char *const absent[] = { "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/svc/", "/.well-known/oauth-protected-resource/sv", NULL };
	for (size_t i = 0; absent[i]; i++) {
		desk_request(&desk, "GET", absent[i], NULL, NULL);
		assert_int_equal(desk.status, 404);
	}
	/* A certificate does as well as a key, where clients have some. */
	char extra[2048];
	snprintf(extra, sizeof extra, "%s%s", TLS_CLIENT, two);
	assert_int_equal(desk_load(&desk, extra, NULL), EMA_OK);
	desk_request(&desk, "GET", "/.well-known/oauth-protected-resource/own/mcp", NULL, NULL);
	assert_true(json_is(json_at(&desk.json, "/tls_client_certificate_bound_access_tokens"), JSON_TRUE));
	assert_null(json_at(&desk.json, "/dpop_bound_access_tokens_required"));
	desk_close(&desk);
}

/* MCP-04: without a path, nothing stands behind the well-known name, be there a slash behind the host or not. */
static void resources_without_a_path(void **state)
{
	(void)state;
	static const struct {
		const char *host, *resource; /* NULL: not found */
	} rows[] = { { "bare.example", "https://bare.example" }, { "slash.example", "https://slash.example/" }, { "third.example", NULL } };
	struct desk desk;
	desk_open(&desk, "SERVICES:, { id = \"bare\"; resource = \"https://bare.example\"; identity = [\"idp\"]; },\n"
	                 "{ id = \"slash\"; resource = \"https://slash.example/\"; identity = [\"idp\"]; }", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk.host = rows[i].host;
		desk_request(&desk, "GET", "/.well-known/oauth-protected-resource", NULL, NULL);
		if (desk.status != (rows[i].resource ? 200 : 404))
			fail_msg("row %zu: %d", i, desk.status);
		assert_string_equal(desk_text(&desk, "/resource"), rows[i].resource ? rows[i].resource : "");
	}
	static const char *const services[] = { "bare", "slash" };
	for (size_t i = 0; i < 2; i++) {
		ema_request *request = ema_request_new();
		ema_decision *decision = NULL;
		char place[128];
		assert_int_equal(ema_check(desk.world.context, services[i], request, "tools/list", NULL, &decision), EMA_NO_TOKEN);
		snprintf(place, sizeof place, "resource_metadata=\"https://%s.example/.well-known/oauth-protected-resource\"", services[i]);
		assert_non_null(strstr(ema_decision_challenge(decision), place));
		ema_decision_free(decision);
		ema_request_free(request);
	}
	desk_close(&desk);
}

/* MCP-08, JAG-115: none of the documents says whom we trust. */
static void documents_name_nobody(void **state)
{
	(void)state;
	static const char *const urls[] = { "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-protected-resource/svc" };
	/* Provider, issuer, tenants, directory, group, clients, caller, secret, subject of a grant. */
	static const char *const names[] = { "idp", "TENANT", "STAFF", "GROUP", "\"app\"", "retired", "gateway", "secret\"", SECRET, "ADA" };
	struct desk desk;
	desk_open(&desk, "directories = ( { id = \"STAFF\"; plugin = \"fault\"; } );\n"
	                 "SERVICES:, { id = \"more\"; resource = \"https://mcp.example/more\"; identity = [\"idp\"]; }"
	                 "PROVIDER: tenant_claim = \"t\"; tenants = [\"TENANT-1\"]; groups_claim = \"groups\";",
	          "tenants = [\"TENANT-1\"]; directory = ( { id = \"STAFF\"; for = [\"idp\"]; } );\n"
	          "denies = ( { provider = \"idp\"; group = \"GROUP\"; tools = [\"get_x\"]; }, { provider = \"idp\"; subject = \"ADA\"; tools = [\"get_x\"]; } );");
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		desk_request(&desk, "GET", urls[i], NULL, NULL);
		assert_int_equal(desk.status, 200);
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (strstr(desk.body, names[k]))
				fail_msg("%s says %s: %s", urls[i], names[k], desk.body);
	}
	desk_close(&desk);
}

/* Two issuers with one path and different hosts: the host tells them apart, and a strange one gets none of them. */
static void hosts(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "SERVICES:, { id = \"other\"; issuer = \"https://other.example\"; resource = \"https://mcp.example/o\"; identity = [\"idp\"]; }", NULL);
	static const struct {
		const char *host, *issuer;
	} rows[] = {
		{ "auth.example", OURS }, { "AUTH.example:443", OURS }, { "other.example", "https://other.example" }, { "third.example", NULL }, { "auth.example:8443", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk.host = rows[i].host;
		desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
		assert_int_equal(desk.status, rows[i].issuer ? 200 : 404);
		if (rows[i].issuer)
			assert_string_equal(desk_text(&desk, "/issuer"), rows[i].issuer);
	}
	desk_close(&desk);
}

static char *token_of(struct desk *desk)
{
	desk_redeem(desk, world_token(&desk->world, "{\"scope\":\"read write\",\"act\":{\"sub\":\"agent\"}}"), NULL, NULL);
	assert_int_equal(desk->status, 200);
	return strdup(desk_text(desk, "/access_token"));
}

#define METERED "CALLER:]; purposes = [\"introspection\", \"metrics\"" /* the caller may */
#define GATEWAY "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"
static const char inactive[] = "{\"active\":false}";

/* REV-01, REV-02, REV-03, REV-04, REV-06, REV-08, REV-09, REV-10: what a caller is told of a token, before and after its client revoked it. */
static void introspection_and_revocation(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "SERVICES:, { id = \"other\"; resource = \"https://mcp.example/o\"; identity = [\"idp\"]; "
	                 "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }", NULL);
	char *client = desk_assertion(&desk, ""), *jag = world_token(&desk.world, "{\"act\":{\"sub\":\"agent\"}}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client,
	          "resource", "https://mcp.example/svc", NULL);
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	free(client);
	free(jag);
	desk_form(&desk, "/introspect", GATEWAY, "token", token, "token_type_hint", "refresh_token", NULL);
	assert_int_equal(desk.status, 200);
	assert_true(json_is(json_at(&desk.json, "/active"), JSON_TRUE));
	assert_string_equal(desk_text(&desk, "/sub"), "idp/-/ada");
	assert_string_equal(desk_text(&desk, "/client_id"), "app");
	assert_string_equal(desk_text(&desk, "/aud"), "https://mcp.example/svc");
	assert_string_equal(desk_text(&desk, "/iss"), OURS);
	assert_string_equal(desk_text(&desk, "/scope"), "read");
	assert_string_equal(desk_text(&desk, "/token_type"), "Bearer");
	assert_string_equal(desk_text(&desk, "/act/sub"), "agent");
	assert_true(*desk_text(&desk, "/jti"));
	int64_t issued = 0, expires = 0;
	assert_true(json_integer(json_at(&desk.json, "/iat"), &issued) && json_integer(json_at(&desk.json, "/exp"), &expires) && expires > issued);
	assert_string_equal(desk_header(&desk, "Cache-Control"), "no-store");
	assert_string_equal(desk_audited(&desk, "/kind"), "introspection");
	assert_string_equal(desk_audited(&desk, "/caller"), "gateway");
	/* REV-10: what it is bound to; a server that did not hear of it would take it from anybody. */
	static const char *const scopes[] = { "read" };
	const char *thumbprint = jwk_thumbprint(desk.world.key);
	const struct access_claims claims = { .issuer = OURS, .audience = "https://mcp.example/svc", .client_id = "app", .jti = "bound", .issued = issued,
		                              .expires = expires, .scopes = scopes, .scope_count = 1, .provider = "idp", .sub = "ada",
		                              .auth_time = JWT_ABSENT };
	for (int key = 0; key < 2; key++) {
		struct access_claims of = claims;
		char *bound = NULL;
		*(key ? &of.jkt : &of.x5t) = thumbprint;
		assert_int_equal(access_mint(desk.world.context->keyring, &of, &bound, NULL), EMA_OK);
		desk_form(&desk, "/introspect", GATEWAY, "token", bound, NULL);
		assert_string_equal(desk_text(&desk, key ? "/cnf/jkt" : "/cnf/x5t#S256"), thumbprint);
		assert_string_equal(desk_text(&desk, "/token_type"), key ? "DPoP" : "Bearer");
		free(bound);
	}
	/* Nobody, and a client that is no caller */
	desk_form(&desk, "/introspect", NULL, "token", token, NULL);
	assert_int_equal(desk.status, 401);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_client");
	desk_form(&desk, "/introspect", "Basic YmFzaWM6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", "token", token, NULL);
	assert_int_equal(desk.status, 401);
	desk_form(&desk, "/introspect", GATEWAY, NULL);
	assert_int_equal(desk.status, 400);
	/* What is not known, broken, and of a service that the caller does not speak for, looks the same. */
	desk_form(&desk, "/introspect", GATEWAY, "token", "x", NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk.body, inactive);
	client = desk_assertion(&desk, "");
	jag = world_token(&desk.world, "{}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client,
	          "resource", "https://mcp.example/o", NULL);
	assert_int_equal(desk.status, 200);
	char *foreign = strdup(desk_text(&desk, "/access_token"));
	free(client);
	free(jag);
	desk_form(&desk, "/introspect", GATEWAY, "token", foreign, NULL);
	assert_string_equal(desk.body, inactive);
	free(foreign);
	/* So does one whose signature is another's, and one that is over. */
	char *bent = strdup(token), *last = strrchr(bent, '.') + 10;
	*last = *last == 'A' ? 'B' : 'A';
	desk_form(&desk, "/introspect", GATEWAY, "token", bent, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk.body, inactive);
	assert_string_equal(desk_audited(&desk, "/code"), "bad_signature");
	free(bent);
	const char *scope = "read";
	char *expired = NULL;
	const struct access_claims over = { .issuer = OURS, .audience = "https://mcp.example/svc", .client_id = "app", .jti = "over", .issued = desk.world.now - 7200,
		                            .expires = desk.world.now - 3600, .scopes = &scope, .scope_count = 1, .provider = "idp", .sub = "ada", .auth_time = JWT_ABSENT };
	assert_int_equal(access_mint(desk.world.context->keyring, &over, &expired, NULL), EMA_OK);
	desk_form(&desk, "/introspect", GATEWAY, "token", expired, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk.body, inactive);
	assert_string_equal(desk_audited(&desk, "/code"), "expired");
	client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "token", expired, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk.body, "");
	free(client);
	free(expired);
	/* Another client's try changes nothing. */
	desk_form(&desk, "/revoke", "Basic YmFzaWM6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", "token", token, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "unauthorized_client");
	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_true(json_is(json_at(&desk.json, "/active"), JSON_TRUE));
	desk_request(&desk, "GET", "/revoke", NULL, NULL);
	assert_int_equal(desk.status, 405);
	/* Nor does whoever does not prove to be a client, or one whose token it is. */
	static const char *const nobody[] = { NULL, "Basic YmFzaWM6d3Jvbmc=", "Basic YXBwOndyb25n" };
	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
		desk_form(&desk, "/revoke", nobody[i], "token", token, NULL);
		assert_int_equal(desk.status, 401);
		assert_string_equal(desk_text(&desk, "/error"), "invalid_client");
	}
	client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_request");
	free(client);
	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_true(json_is(json_at(&desk.json, "/active"), JSON_TRUE));
	for (int i = 0; i < 2; i++) { /* again is no fault */
		client = desk_assertion(&desk, "");
		desk_form(&desk, "/revoke", NULL, "token", token, "token_type_hint", "refresh_token", "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
		assert_int_equal(desk.status, 200);
		assert_string_equal(desk.body, "");
		free(client);
		desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
		assert_string_equal(desk.body, inactive);
		assert_string_equal(desk_audited(&desk, "/code"), "revoked");
	}
	client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "token", "nothing", "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	/* Who tries tokens leaves a trail. */
	assert_string_equal(desk_audited(&desk, "/kind"), "revocation");
	assert_string_equal(desk_audited(&desk, "/request"), desk_header(&desk, "X-Request-ID"));
	assert_non_null(strstr(desk_audited(&desk, "/reason"), "nothing was revoked"));
	free(client);
	free(token);
	desk_close(&desk);
}

/* A token for client basic. */
static char *token_for(struct desk *desk, const char *changes, const char *resource)
{
	char *jag = world_token(&desk->world, changes);
	desk_form(desk, "/token", "Basic YmFzaWM6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", "grant_type", JWT_BEARER, "assertion", jag, "resource", resource, NULL);
	assert_int_equal(desk->status, 200);
	free(jag);
	return strdup(desk_text(desk, "/access_token"));
}

/* JAG-111: the record of a redemption ties a token to what it came from, and whatever of it is revoked ends the token, and no other. */
static void a_token_ends_with_what_it_came_from(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *name; /* NULL: the id of the first */
		int left[3];             /* of ada's by app, bob's by basic, and bob's for another service */
	} rows[] = {
		{ "subject", "idp/t1/ada", { 0, 1, 1 } }, { "person", "a-lovelace", { 0, 1, 1 } }, { "client", "app", { 0, 1, 1 } }, { "token", NULL, { 0, 1, 1 } },
		{ "service", "svc", { 0, 0, 1 } }, { "tenant", "idp/t1", { 0, 0, 0 } }, { "provider", "idp", { 0, 0, 0 } }, { "everything", "", { 0, 0, 0 } },
	};
#define PEOPLE "directory = ( { id = \"staff\"; for = [\"idp\"]; } );"
	static const char extra[] = "directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
		"SERVICES:, { id = \"other\"; resource = \"https://mcp.example/o\"; identity = [\"idp\"]; " PEOPLE
		" scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }"
		"PROVIDER: tenant_claim = \"t\"; tenants = [\"t1\"];";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk desk;
		char *tokens[3], id[80], *text = NULL;
		desk_open(&desk, NULL, NULL);
		world_file(&desk.world, "people.conf", "people = ( { id = \"a-lovelace\"; subjects = [\"idp/t1/ada\"]; }, { id = \"b\"; subjects = [\"idp/t1/bob\"]; } );\n");
		if (desk_load(&desk, extra, PEOPLE))
			fail_msg("%s", ema_error(desk.world.context));
		desk_redeem(&desk, world_token(&desk.world, "{\"t\":\"t1\",\"act\":{\"sub\":\"agent\"}}"), NULL, "https://mcp.example/svc");
		assert_int_equal(desk.status, 200);
		tokens[0] = strdup(desk_text(&desk, "/access_token"));
		snprintf(id, sizeof id, "%s", desk_audited(&desk, "/token_id"));
		static const char *const tied[] = { "/token_id", "/issuer", "/jti", "/client", "/subject", "/actor", "/person", "/tenant", "/service", "/resource", "/scopes/0" };
		for (size_t k = 0; k < sizeof tied / sizeof *tied; k++)
			if (!*desk_audited(&desk, tied[k]))
				fail_msg("the record lacks %s", tied[k]);
		tokens[1] = token_for(&desk, "{\"sub\":\"bob\",\"t\":\"t1\",\"client_id\":\"basic\"}", "https://mcp.example/svc");
		tokens[2] = token_for(&desk, "{\"sub\":\"bob\",\"t\":\"t1\",\"client_id\":\"basic\"}", "https://mcp.example/o");
		const struct ema_revocation what = { .size = sizeof what, .kind = rows[i].kind, .name = rows[i].name ? rows[i].name : id };
		for (int k = 0; k < 3; k++)
			assert_int_equal(desk_check(&desk, k < 2 ? "svc" : "other", tokens[k], "tools/call", "get_a", NULL, NULL), EMA_OK);
		if (ema_revoke(desk.world.context, &what, &text))
			fail_msg("%s: %s", rows[i].kind, text ? text : "");
		ema_text_free(text);
		for (int k = 0; k < 3; k++) {
			int code = desk_check(&desk, k < 2 ? "svc" : "other", tokens[k], "tools/call", "get_a", NULL, NULL);
			if (code != (rows[i].left[k] ? EMA_OK : EMA_REVOKED))
				fail_msg("%s, token %d: %s", rows[i].kind, k, ema_code_name(code));
			free(tokens[k]);
		}
		desk_close(&desk);
	}
}

/* AUD-17: what the identity provider knows an assertion by leads to the token, and the token to all that was asked with it and of it; each has its own request
   id, which its caller has, too. */
static void the_trail_joins(void **state)
{
	(void)state;
	static const char traced[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	struct desk desk;
	char jti[AUDIT_FINGERPRINT], id[80];
	desk_open(&desk, NULL, NULL);
	audit_fingerprint("of-the-idp", 10, jti);
	desk_redeem(&desk, world_token(&desk.world, "{\"jti\":\"of-the-idp\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_audited(&desk, "/kind"), "redemption");
	assert_string_equal(desk_audited(&desk, "/jti"), jti);
	snprintf(id, sizeof id, "%s", desk_audited(&desk, "/token_id"));
	assert_true(*id);
	char *token = strdup(desk_text(&desk, "/access_token")), *bearer = NULL;
	assert_true(asprintf(&bearer, "Bearer %s", token) > 0);
	static const char *const tools[] = { "get_a", "put_a", "nothing" };
	for (size_t i = 0; i < 3; i++) {
		ema_request *request = ema_request_new();
		ema_decision *decision = NULL;
		assert_int_equal(ema_request_header(request, "Authorization", bearer), EMA_OK);
		/* By the embedder, or as it came. */
		assert_int_equal(i ? ema_request_header(request, "Traceparent", traced) : ema_request_set(request, EMA_REQUEST_TRACEPARENT, traced), EMA_OK);
		int code = ema_check(desk.world.context, "svc", request, "tools/call", tools[i], &decision);
		assert_int_equal(code == EMA_OK, i == 0);
		assert_string_equal(desk_audited(&desk, "/kind"), "check");
		assert_string_equal(desk_audited(&desk, "/token_id"), id);
		assert_string_equal(desk_audited(&desk, "/request"), ema_decision_id(decision));
		assert_string_equal(desk_audited(&desk, "/traceparent"), traced);
		ema_decision_free(decision);
		ema_request_free(request);
	}
	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_string_equal(desk_audited(&desk, "/kind"), "introspection");
	assert_string_equal(desk_audited(&desk, "/token_id"), id);
	assert_string_equal(desk_audited(&desk, "/request"), desk_header(&desk, "X-Request-ID"));
	static const char form[] = "Content-Type: application/x-www-form-urlencoded", header[] = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	static const char *const headers[][3] = { { header }, { "traceparent: 00-0-0-01" }, { header, header } };
	for (size_t i = 0; i < 3; i++) {
		desk_request(&desk, "POST", "/introspect", "token=x", "Authorization: " GATEWAY, form, headers[i][0], headers[i][1], NULL);
		assert_int_equal(desk.status, 200);
		assert_string_equal(desk_audited(&desk, "/traceparent"), i ? "" : traced);
	}
	char *client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_string_equal(desk_audited(&desk, "/kind"), "revocation");
	assert_string_equal(desk_audited(&desk, "/token_id"), id);
	assert_string_equal(desk_audited(&desk, "/request"), desk_header(&desk, "X-Request-ID"));
	free(client);
	free(bearer);
	free(token);
	desk_close(&desk);
}

/* Asks as GATEWAY about a token, with that Accept header. */
static void ask_signed(struct desk *desk, const char *token, const char *accept)
{
	char header[200];
	snprintf(header, sizeof header, "Accept: %s", accept);
	char *body = NULL;
	assert_true(asprintf(&body, "token=%s", token) > 0);
	desk_request(desk, "POST", "/introspect", body, "Content-Type: application/x-www-form-urlencoded", "Authorization: " GATEWAY, header, NULL);
	free(body);
	assert_int_equal(desk->status, 200);
	assert_string_equal(desk_header(desk, "Cache-Control"), "no-store");
	assert_true(*desk_header(desk, "X-Request-ID"));
}

/* The claims of the last answer, which our key signed. */
static struct json signed_claims(struct desk *desk)
{
	struct jws jws;
	struct json claims;
	assert_string_equal(desk_header(desk, "Content-Type"), "application/token-introspection+jwt");
	assert_int_equal(jws_parse(desk->body, strlen(desk->body), &jws, NULL), EMA_OK);
	assert_string_equal(jws.type, "token-introspection+jwt");
	assert_int_equal(keyring_verify(desk->world.context->keyring, &jws, NULL), EMA_OK);
	assert_int_equal(jws_claims(&jws, &claims, NULL), EMA_OK);
	jws_free(&jws);
	return claims;
}

/* REV-13: a signed answer is for the one who asked, says all of the token in one member, and is no access token. */
static void signed_introspection(void **state)
{
	(void)state;
	static const struct {
		const char *accept;
		int is_signed;
	} rows[] = {
		{ "application/token-introspection+jwt", 1 }, { "application/json, Application/Token-Introspection+JWT ; q=0.5", 1 },
		{ "application/token-introspection+jwt;v=1;Q=1.000,", 1 }, { "application/token-introspection+jwt;q=0", 0 },
		{ "application/token-introspection+jwt; q=0.000, application/json", 0 }, { "application/token-introspection+jwt;q=0.001", 1 },
		{ "application/*, */*", 0 }, { "application/token-introspection+jwts", 0 }, { "application/jwt", 0 }, { "", 0 }, { " ,;,", 0 },
	};
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
	assert_string_equal(desk_text(&desk, "/introspection_signing_alg_values_supported/0"), "ES256");
	assert_null(json_at(&desk.json, "/introspection_signing_alg_values_supported/1"));
	char *token = token_of(&desk);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_signed(&desk, token, rows[i].accept);
		if (strcmp(desk_header(&desk, "Content-Type"), rows[i].is_signed ? "application/token-introspection+jwt" : "application/json"))
			fail_msg("%s: %s", rows[i].accept, desk_header(&desk, "Content-Type"));
	}
	ask_signed(&desk, token, rows[0].accept);
	struct json claims = signed_claims(&desk);
	assert_string_equal(json_string(json_at(&claims, "/iss")), OURS);
	assert_string_equal(json_string(json_at(&claims, "/aud")), "gateway");
	assert_true(json_is(json_at(&claims, "/iat"), JSON_NUMBER));
	assert_null(json_at(&claims, "/sub"));
	assert_null(json_at(&claims, "/exp"));
	assert_true(json_is(json_at(&claims, "/token_introspection/active"), JSON_TRUE));
	assert_string_equal(json_string(json_at(&claims, "/token_introspection/sub")), "idp/-/ada");
	assert_string_equal(json_string(json_at(&claims, "/token_introspection/aud")), "https://mcp.example/svc");
	assert_string_equal(json_string(json_at(&claims, "/token_introspection/act/sub")), "agent");
	assert_non_null(json_at(&claims, "/token_introspection/exp"));
	json_free(&claims);
	char *answer = strdup(desk.body);
	assert_int_equal(desk_check(&desk, "svc", answer, "tools/call", "get_it", NULL, NULL), EMA_WRONG_TYPE);
	/* Neither is it one for those who ask about it, and nothing more is said. */
	ask_signed(&desk, answer, rows[0].accept);
	claims = signed_claims(&desk);
	assert_true(json_is(json_at(&claims, "/token_introspection/active"), JSON_FALSE));
	assert_null(json_at(&claims, "/token_introspection/sub"));
	json_free(&claims);
	free(answer);
	free(token);
	/* Who may not ask is told so in JSON. */
	desk_request(&desk, "POST", "/introspect", "token=x", "Content-Type: application/x-www-form-urlencoded", "Accept: application/token-introspection+jwt", NULL);
	assert_int_equal(desk.status, 401);
	assert_string_equal(desk_header(&desk, "Content-Type"), "application/json");
	desk_close(&desk);
}

/* REV-15: who asks about made-up tokens is slowed down like who guesses at the token endpoint, the sooner with a wrong secret; each guess is written down. */
static void guesses(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "rates = { address = 4; failure_cost = 2; };", NULL);
	for (int i = 0; i < 3; i++)
		desk_form(&desk, "/introspect", "Basic Z2F0ZXdheTp3cm9uZw==", "token", "x", NULL);
	assert_int_equal(desk.status, 429);
	assert_true(atoi(desk_header(&desk, "Retry-After")) > 0);
	assert_string_equal(desk_audited(&desk, "/kind"), "introspection");
	desk.remote = "192.0.2.9";
	for (int i = 0; i < 5; i++) {
		char guess[32];
		snprintf(guess, sizeof guess, "e30.e30.%04d", i);
		desk_form(&desk, "/introspect", GATEWAY, "token", guess, NULL);
		assert_int_equal(desk.status, i < 4 ? 200 : 429);
		if (i < 4)
			assert_string_equal(desk.body, inactive);
		assert_string_equal(desk_audited(&desk, "/verdict"), "deny");
		assert_string_equal(desk_audited(&desk, "/request"), desk_header(&desk, "X-Request-ID"));
	}
	desk.remote = "127.0.0.1";
	desk_request(&desk, "GET", "/metrics", NULL, NULL);
	assert_non_null(strstr(desk.body, "ema_answers_total{endpoint=\"introspect\",code=\"client_refused\"} 2\n"));
	assert_non_null(strstr(desk.body, "ema_answers_total{endpoint=\"introspect\",code=\"rate_limited\"} 2\n"));
	desk_close(&desk);
}

/* REV-11: a token is not active once the directory shuts its person out, or its provider is taken from the service. */
static void what_changed_since(void **state)
{
	(void)state;
	struct desk desk;
	static const char people[] = "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; active = %s; } );\n";
	static const char directory[] = "directories = ( { id = \"staff\"; plugin = \"file\"; path = \"%FOLDER%/people.conf\"; } );",
	                  required[] = "directory = ( { id = \"staff\"; for = [\"idp\"]; required = true; } );";
	char text[512];
	desk_open(&desk, NULL, NULL);
	snprintf(text, sizeof text, people, "true");
	world_file(&desk.world, "people.conf", text);
	if (desk_load(&desk, directory, required))
		print_error("%s\n", ema_error(desk.world.context));
	char *token = token_of(&desk);
	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_true(json_is(json_at(&desk.json, "/active"), JSON_TRUE));
	snprintf(text, sizeof text, people, "false");
	world_file(&desk.world, "people.conf", text);
	assert_int_equal(desk_load(&desk, directory, required), EMA_OK);
	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_string_equal(desk.body, inactive);
	assert_string_equal(desk_audited(&desk, "/code"), "disabled");
	/* Although its signature was known by then. */
	desk.remote = "127.0.0.1";
	desk_request(&desk, "GET", "/metrics", NULL, NULL);
	assert_non_null(strstr(desk.body, "ema_signatures_total{result=\"verified\"} 1\nema_signatures_total{result=\"known\"} 1\n"));
	free(token);
	desk_close(&desk);
}

static void pages(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	desk_request(&desk, "GET", "/healthz", NULL, NULL);
	assert_int_equal(desk.status, 200);
	desk_request(&desk, "GET", "/readyz", NULL, NULL);
	assert_int_equal(desk.status, 200);
	free(token_of(&desk));
	desk.remote = "127.0.0.1";
	desk_request(&desk, "GET", "/metrics", NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_non_null(strstr(desk.body, "ema_answers_total{endpoint=\"token\",code=\"ok\"} 1\n"));
	assert_non_null(strstr(desk.body, "ema_audit_records_total{state=\"appended\"}"));
	desk_request(&desk, "GET", "/jwks", NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_text(&desk, "/keys/0/kty"), "EC");
	assert_null(strstr(desk.body, "\"d\"")); /* JWT-80 */
	desk_close(&desk);
}

/* What the caller's secret opens is open on this host without one, and closed to others; guesses are slowed down as elsewhere. */
static void who_reads_metrics(void **state)
{
	(void)state;
	struct desk desk;
	static const char wrong[] = "Authorization: Basic Z2F0ZXdheTp3cm9uZw==", right[] = "Authorization: " GATEWAY;
	static const struct {
		const char *remote, *url, *first, *second; /* headers; NULL: none */
		int status;
	} rows[] = {
		{ "127.0.0.1", "/metrics", NULL, NULL, 200 },
		{ "127.8.9.10", "/metrics", NULL, NULL, 200 },
		{ "::ffff:127.0.0.1", "/metrics", NULL, NULL, 200 },
		{ "::1", "/metrics", NULL, NULL, 200 },
		{ "unix", "/metrics", NULL, NULL, 200 },
		{ "unix", "/metrics", right, NULL, 200 },
		{ "unix", "/metrics", wrong, NULL, 401 },
		{ "127.0.0.1", "/metrics", wrong, NULL, 401 },
		{ "127.0.0.1", "/metrics", "Authorization: Bearer x", NULL, 401 },
		{ "192.0.2.7", "/metrics", NULL, NULL, 401 },
		{ "2001:db8::1", "/metrics", NULL, NULL, 401 },
		{ "::127.0.0.1", "/metrics", NULL, NULL, 401 },
		{ "::2", "/metrics", NULL, NULL, 401 },
		{ "localhost", "/metrics", NULL, NULL, 401 },
		{ "127.0.0.1:80", "/metrics", NULL, NULL, 401 },
		{ "", "/metrics", NULL, NULL, 401 },
		{ NULL, "/metrics", NULL, NULL, 401 },
		{ NULL, "/metrics", right, NULL, 200 },
		{ "192.0.2.7", "/metrics", right, NULL, 200 },
		{ "192.0.2.7", "/metrics", wrong, NULL, 401 },
		/* Of a client, and of a caller with another auth. */
		{ "192.0.2.7", "/metrics", "Authorization: Basic YmFzaWM6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", NULL, 401 },
		{ "192.0.2.7", "/metrics", right, right, 400 },
		{ "192.0.2.7", "/metrics?client_secret=correct-horse-battery-staple&client_id=gateway", NULL, NULL, 400 },
		{ "192.0.2.7", "/metrics", "X-Forwarded-For: 127.0.0.1", NULL, 401 },
		/* Proxies: named ones, whatever they send, and others that show themselves. */
		{ "127.0.0.2", "/metrics", NULL, NULL, 401 },
		{ "127.0.0.2", "/metrics", "X-Forwarded-For: 192.0.2.7", NULL, 401 },
		{ "127.0.0.2", "/metrics", "X-Forwarded-For: 127.0.0.1", NULL, 401 },
		{ "127.0.0.2", "/metrics", "X-Forwarded-For: 192.0.2.7", right, 200 },
		{ "127.0.0.1", "/metrics", "X-Forwarded-For: 192.0.2.7", NULL, 401 },
		{ "127.0.0.1", "/metrics", "forwarded: for=127.0.0.1", NULL, 401 },
		{ "127.0.0.1", "/metrics", "X-Real-IP: 127.0.0.1", NULL, 401 },
		{ "unix", "/metrics", "Via: 1.1 edge", NULL, 401 },
	};
	desk_open(&desk, "proxies = [\"127.0.0.2\"]; rates = { address = 0; };" METERED, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk.remote = rows[i].remote;
		desk_request(&desk, "GET", rows[i].url, NULL, rows[i].first ? rows[i].first : rows[i].second, rows[i].second, NULL);
		if (desk.status != rows[i].status)
			print_error("row %zu: %d\n", i, desk.status);
		assert_int_equal(desk.status, rows[i].status);
		assert_int_equal(strstr(desk.body, "ema_info") != NULL, desk.status == 200);
		assert_int_equal(!strncmp(desk_header(&desk, "WWW-Authenticate"), "Basic ", 6), desk.status == 401);
		if (desk.status != 200)
			assert_string_equal(desk_audited(&desk, "/kind"), "metrics");
	}
	desk.remote = "127.0.0.1";
	desk_request(&desk, "GET", "/metrics", NULL, NULL);
	assert_non_null(strstr(desk.body, "ema_answers_total{endpoint=\"metrics\",code=\"client_refused\"}"));
	/* Where other hosts come, too, an address of this one is as good as theirs. */
	for (int i = 0; i < 2; i++) {
		ema_request *request = ema_request_new();
		ema_response *response = NULL;
		ema_request_set(request, EMA_REQUEST_METHOD, "GET");
		ema_request_set(request, EMA_REQUEST_URL, "/metrics");
		ema_request_set(request, EMA_REQUEST_REMOTE, "127.0.0.1");
		ema_http(desk.world.context, request, EMA_SERVE_METRICS | (i ? EMA_SERVE_PUBLIC : 0), &response);
		assert_int_equal(ema_response_status(response), i ? 401 : 200);
		ema_response_free(response);
		ema_request_free(request);
	}
	/* Slowed down, and with the right secret, too, until the minute is over. */
	assert_int_equal(desk_load(&desk, "rates = { address = 20; failure_cost = 10; };" METERED, NULL), EMA_OK);
	desk.remote = "198.51.100.1";
	for (int i = 0; i < 3; i++)
		desk_request(&desk, "GET", "/metrics", NULL, wrong, NULL);
	assert_int_equal(desk.status, 429);
	assert_true(atoi(desk_header(&desk, "Retry-After")) > 0);
	desk_request(&desk, "GET", "/metrics", NULL, right, NULL);
	assert_int_equal(desk.status, 429);
	desk_close(&desk);
}

/* A caller gets what its purposes say and no more, and what nobody is there for is not announced. */
static void purposes(void **state)
{
	(void)state;
	static const char *const words[] = { "introspection", "authzen", "metrics" };
	struct desk desk;
	char extra[96];
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i <= sizeof words / sizeof *words; i++) {
		/* The last: none is written. */
		int may_introspect = i == 0 || i == 3, may_ask = i == 1 || i == 3, may_read = i == 2;
		snprintf(extra, sizeof extra, "CALLER:]; purposes = [\"%s\"", words[i % 3]);
		assert_int_equal(desk_load(&desk, i < 3 ? extra : NULL, NULL), EMA_OK);
		desk.remote = "192.0.2.7";
		desk_form(&desk, "/introspect", GATEWAY, "token", "x", NULL);
		assert_int_equal(desk.status, may_introspect ? 200 : 400);
		if (!may_introspect) {
			assert_string_equal(desk_text(&desk, "/error"), "unauthorized_client");
			assert_non_null(strstr(desk_audited(&desk, "/reason"), "lack \"introspection\""));
		}
		desk_request(&desk, "POST", "/access/v1/evaluation", "{}", "Authorization: " GATEWAY, "Content-Type: application/json", NULL);
		assert_int_equal(desk.status, 400);
		assert_int_equal(strstr(desk_audited(&desk, "/reason"), "lack \"authzen\"") == NULL, may_ask);
		desk_request(&desk, "GET", "/metrics", NULL, "Authorization: " GATEWAY, NULL);
		assert_int_equal(desk.status, may_read ? 200 : 401);
		assert_int_equal(strstr(desk.body, "ema_info") != NULL, may_read);
		desk_request(&desk, "GET", "/.well-known/oauth-authorization-server", NULL, NULL);
		assert_int_equal(strstr(desk.body, "introspection_endpoint") != NULL, may_introspect);
	}
	/* Another, who may, changes nothing. */
	assert_int_equal(desk_load(&desk, "CALLER:]; }, { id = \"prometheus\"; auth = \"client_secret_basic\"; secret = { file = \"%FOLDER%/secret\"; };"
	                 " purposes = [\"metrics\"", NULL), EMA_OK);
	desk_request(&desk, "GET", "/metrics", NULL, "Authorization: " GATEWAY, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_audited(&desk, "/code"), "client_not_allowed");
	desk_close(&desk);
}

/* Where nobody may, the operator is told what to write. */
static void nobody_reads_metrics(void **state)
{
	(void)state;
	struct world world;
	ema_response *response = NULL;
	world_open(&world);
	ema_set_server(world.context);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	ema_request *request = ema_request_new();
	ema_request_set(request, EMA_REQUEST_METHOD, "GET");
	ema_request_set(request, EMA_REQUEST_URL, "/metrics");
	ema_request_set(request, EMA_REQUEST_REMOTE, "192.0.2.7");
	assert_int_equal(ema_request_header(request, "Authorization", GATEWAY), EMA_OK);
	assert_int_equal(ema_http(world.context, request, EMA_SERVE_METRICS, &response), EMA_UNKNOWN_CLIENT);
	assert_int_equal(ema_response_status(response), 401);
	struct desk desk = { .world = world };
	assert_non_null(strstr(desk_audited(&desk, "/reason"), "write callers = ("));
	ema_response_free(response);
	ema_request_free(request);
	json_free(&desk.json);
	world_close(&desk.world);
}

/* A listener serves what it says and no more. */
static void served(void **state)
{
	(void)state;
	struct desk desk;
	static const struct {
		const char *url;
		uint32_t needs;
	} rows[] = {
		{ "/healthz", EMA_SERVE_HEALTH }, { "/readyz", EMA_SERVE_HEALTH }, { "/metrics", EMA_SERVE_METRICS }, { "/jwks", EMA_SERVE_METADATA },
		{ "/.well-known/oauth-authorization-server", EMA_SERVE_METADATA }, { "/.well-known/oauth-protected-resource/svc", EMA_SERVE_METADATA },
		{ "/token", EMA_SERVE_TOKEN }, { "/revoke", EMA_SERVE_TOKEN }, { "/introspect", EMA_SERVE_INTROSPECTION }, { "/decision/svc", EMA_SERVE_DECISION },
		{ "/access/v1/evaluation", EMA_SERVE_AUTHZEN }, { "/access/v1/evaluations", EMA_SERVE_AUTHZEN },
		{ "/.well-known/authzen-configuration", EMA_SERVE_AUTHZEN },
	};
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (uint32_t bit = 1; bit <= EMA_SERVE_AUTHZEN; bit <<= 1) {
			ema_request *request = ema_request_new();
			ema_response *response = NULL;
			ema_request_set(request, EMA_REQUEST_METHOD, "GET");
			ema_request_set(request, EMA_REQUEST_URL, rows[i].url);
			int code = ema_http(desk.world.context, request, bit, &response);
			assert_int_equal(ema_response_status(response) == 404, bit != rows[i].needs);
			assert_int_equal(code == EMA_ABSENT, bit != rows[i].needs);
			ema_response_free(response);
			ema_request_free(request);
		}
	desk_close(&desk);
}

/* A context that was not made a server signs nothing and answers nothing. */
static void not_a_server(void **state)
{
	(void)state;
	struct world world;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	ema_request *request = ema_request_new();
	ema_response *response = NULL;
	ema_request_set(request, EMA_REQUEST_METHOD, "GET");
	ema_request_set(request, EMA_REQUEST_URL, "/jwks");
	assert_int_equal(ema_http(world.context, request, EMA_SERVE_METADATA, &response), EMA_CONFIG);
	assert_int_equal(ema_response_status(response), 500);
	ema_response_free(response);
	ema_request_free(request);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_metadata),
		cmocka_unit_test(what_is_on_is_said),
		cmocka_unit_test(certificates_are_said),
		cmocka_unit_test(introspection_is_said),
		cmocka_unit_test(issuers_that_were),
		cmocka_unit_test(authorization_endpoint),
		cmocka_unit_test(resource_metadata),
		cmocka_unit_test(resources_without_a_path),
		cmocka_unit_test(documents_name_nobody),
		cmocka_unit_test(hosts),
		cmocka_unit_test(introspection_and_revocation),
		cmocka_unit_test(a_token_ends_with_what_it_came_from),
		cmocka_unit_test(the_trail_joins),
		cmocka_unit_test(signed_introspection),
		cmocka_unit_test(guesses),
		cmocka_unit_test(what_changed_since),
		cmocka_unit_test(pages),
		cmocka_unit_test(who_reads_metrics),
		cmocka_unit_test(purposes),
		cmocka_unit_test(nobody_reads_metrics),
		cmocka_unit_test(served),
		cmocka_unit_test(not_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
