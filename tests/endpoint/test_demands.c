/* What entries of ema.conf demand of an assertion at the token endpoint, and what comes of it. */
#define _GNU_SOURCE /* asprintf, memmem */
#include "desk.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>

#include "audit.h"
#include "base64url.h"
#include "buffer.h"
#include "clock.h"
#include "context.h"
#include "dpop.h"
#include "jws.h"

#define QUIET "rates = { address = 0; subject = 0; };"
#define READ "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );"
#define SVC(id, more) "{ id = \"" id "\"; resource = \"https://mcp.example/" id "\"; identity = [\"idp\"]; " READ " " more " }"
#define GRANT "grants = ( { provider = \"idp\"; scopes = [\"read\"]; } );"

static void answered(struct desk *desk, size_t row, const char *error, const char *code)
{
	if (strcmp(desk_text(desk, "/error"), error) || strcmp(desk_audited(desk, "/code"), code))
		fail_msg("row %zu: %s instead of %s: %s (%s)", row, desk_audited(desk, "/code"), code, desk->body, desk_audited(desk, "/reason"));
}

/* As a client that has the secret of all of them. */
static void redeem_as(struct desk *desk, const char *client, char *jag, const char *resource)
{
	desk_form(desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", client, "client_secret", SECRET, "resource", resource, NULL);
	free(jag);
}

/* JAG-40: whatever claim the provider's entry takes for the subject, an ID-JAG has a sub. */
static void a_sub_is_there(void **state)
{
	static const struct {
		const char *claims, *error, *code;
	} rows[] = {
		{ "{\"employee\":\"e-1\"}", "", "ok" },
		{ "{\"employee\":\"e-1\",\"sub\":null}", "invalid_grant", "missing_claim" },
		{ "{\"employee\":\"e-1\",\"sub\":7}", "invalid_grant", "bad_claim" },
		{ "{\"employee\":\"e-1\",\"sub\":\"\"}", "invalid_grant", "bad_claim" },
		{ "{\"sub\":\"ada\"}", "invalid_grant", "missing_claim" },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, QUIET "PROVIDER: subject = \"employee\";", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk_redeem(&desk, world_token(&desk.world, rows[i].claims), NULL, NULL);
		answered(&desk, i, rows[i].error, rows[i].code);
	}
	desk_close(&desk);
}

/* JAG-92: who is refused for the login is told which one would do; who is refused for something else is not. */
static void a_login_that_would_do(void **state)
{
	static const struct {
		const char *service, *acr; /* NULL: none */
		int ago;
		const char *error, *values;
		int64_t age;
	} rows[] = {
		{ "both", "urn:low", 60, "insufficient_user_authentication", "urn:high urn:higher", 600 },
		{ "both", "urn:high", 3600, "insufficient_user_authentication", "urn:high urn:higher", 600 },
		{ "both", "urn:higher", 60, "", "", 0 },
		{ "fresh", NULL, 3600, "insufficient_user_authentication", "", 300 },
		{ "fresh", NULL, 60, "", "", 0 },
		{ "strong", NULL, 60, "insufficient_user_authentication", "urn:high", 0 },
		{ "never", "urn:low", 3600, "invalid_grant", "", 0 },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, QUIET "SERVICES:, "
	          SVC("both", "grants = ( { provider = \"idp\"; scopes = [\"read\"]; when = { acr = [\"urn:high\", \"urn:higher\"]; max_age = \"10m\"; }; } );") ", "
	          SVC("fresh", "grants = ( { provider = \"idp\"; scopes = [\"read\"]; when = { max_age = \"5m\"; }; } );") ", "
	          SVC("strong", "grants = ( { provider = \"idp\"; scopes = [\"read\"]; when = { acr = [\"urn:high\"]; }; } );") ", "
	          SVC("never", "grants = ( { provider = \"idp\"; subject = \"bob\"; scopes = [\"read\"]; when = { acr = [\"urn:high\"]; }; } );"), NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char claims[256], resource[64];
		int64_t age = 0;
		snprintf(claims, sizeof claims, "{\"auth_time\":%lld%s%s%s}", (long long)desk.world.now - rows[i].ago, rows[i].acr ? ",\"acr\":\"" : "",
		         rows[i].acr ? rows[i].acr : "", rows[i].acr ? "\"" : "");
		snprintf(resource, sizeof resource, "https://mcp.example/%s", rows[i].service);
		desk_redeem(&desk, world_token(&desk.world, claims), NULL, resource);
		json_integer(json_at(&desk.json, "/max_age"), &age);
		if (strcmp(desk_text(&desk, "/error"), rows[i].error) || strcmp(desk_text(&desk, "/acr_values"), rows[i].values) || age != rows[i].age ||
		    desk.status != (*rows[i].error ? 400 : 200))
			fail_msg("row %zu: %d %s", i, desk.status, desk.body);
	}
	desk_close(&desk);
}

/* ---- Algorithms ---- */

static char *usual_claims(const struct desk *desk, const char *issuer, const char *jti)
{
	char *claims = NULL;
	assert_true(asprintf(&claims, "{\"iss\":\"%s\",\"sub\":\"ada\",\"aud\":\"" OURS "\",\"client_id\":\"app\",\"scope\":\"read\",\"jti\":\"%s\",\"iat\":%lld,\"exp\":%lld}",
	                     issuer, jti, (long long)desk->world.now, (long long)desk->world.now + 300) > 0);
	return claims;
}

/* Of an algorithm that needs no key of the issuer: "none", or an HMAC with its public key as the secret. */
static char *keyless(const char *algorithm, const char *claims, const char *secret)
{
	char header[128], parts[2][2048], *token = NULL, mark[64] = "";
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"oauth-id-jag+jwt\"}", algorithm);
	base64url_encode(header, strlen(header), parts[0]);
	base64url_encode(claims, strlen(claims), parts[1]);
	assert_true(asprintf(&token, "%s.%s", parts[0], parts[1]) > 0);
	if (secret) {
		assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)token, strlen(token), mac, &size));
		base64url_encode(mac, size, mark);
	}
	char *all = NULL;
	assert_true(asprintf(&all, "%s.%s", token, mark) > 0);
	free(token);
	return all;
}

/* JAG-38: a key of the provider is no good for an algorithm that its entry does not have, and what needs no key of it is none. */
static void algorithms(void **state)
{
	static const char two[] =
		QUIET "SERVICES:, { id = \"two\"; resource = \"https://mcp.example/two\"; identity = [\"two\"]; " READ " grants = ( { provider = \"two\"; scopes = [\"read\"]; } ); }\n"
		"PROVIDER: }, { id = \"two\"; plugin = \"oidc\"; issuer = \"https://two.example\"; jwks_file = \"two.jwks\"; accepts = [\"id_jag\"]; %s";
	struct desk desk;
	struct jwk *keys[2] = { NULL, NULL };
	char *printed[2], *set = NULL, jti[32], extra[1024];
	int serial = 0;
	(void)state;
	desk_open(&desk, NULL, NULL);
	assert_int_equal(jwk_generate(JOSE_ES256, &keys[0], NULL) || jwk_generate(JOSE_ED25519, &keys[1], NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_non_null(printed[i] = jwk_print(keys[i], 0));
	assert_true(asprintf(&set, "{\"keys\":[%s,%s]}", printed[0], printed[1]) > 0);
	world_file(&desk.world, "two.jwks", set);
	for (int narrow = 0; narrow < 2; narrow++) {
		snprintf(extra, sizeof extra, two, narrow ? "algorithms = [\"ES256\"];" : "");
		if (desk_load(&desk, extra, NULL))
			fail_msg("%s", ema_error(desk.world.context));
		for (int i = 0; i < 2; i++) {
			char *token = NULL;
			snprintf(jti, sizeof jti, "alg-%d", serial++);
			char *claims = usual_claims(&desk, "https://two.example", jti);
			assert_int_equal(jws_sign(keys[i], i ? JOSE_ED25519 : JOSE_ES256, "oauth-id-jag+jwt", "", claims, strlen(claims), &token, NULL), EMA_OK);
			desk_redeem(&desk, token, NULL, "https://mcp.example/two");
			answered(&desk, (size_t)serial, narrow && i ? "invalid_grant" : "", narrow && i ? "bad_algorithm" : "ok");
			free(claims);
		}
	}
	char *claims = usual_claims(&desk, ISSUER, "keyless"), *public = jwk_print(desk.world.key, 0);
	static const char *const names[] = { "none", "noNE", "HS256", "HS512" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		desk_redeem(&desk, keyless(names[i], claims, *names[i] == 'H' ? public : NULL), NULL, "https://mcp.example/svc");
		answered(&desk, 100 + i, "invalid_grant", "bad_algorithm");
	}
	free(public);
	free(claims);
	free(set);
	for (int i = 0; i < 2; i++) {
		free(printed[i]);
		jwk_free(keys[i]);
	}
	desk_close(&desk);
}

/* ---- How long, for what, for whom ---- */

/* JAG-109: a token does not outlive the session at the provider. */
static void sessions_end(void **state)
{
	struct desk desk;
	struct json claims = { .count = 0 };
	struct jws jws = { .token = NULL };
	int64_t life = 0, expires = 0;
	(void)state;
	desk_open(&desk, NULL, NULL);
	for (int far = 0; far < 2; far++) {
		const int64_t end = desk.world.now + (far ? 86400 : 1000);
		char changes[64];
		snprintf(changes, sizeof changes, "{\"session_expiry\":%lld}", (long long)end);
		desk_redeem(&desk, world_token(&desk.world, changes), NULL, NULL);
		assert_int_equal(desk.status, 200);
		const char *token = desk_text(&desk, "/access_token");
		assert_int_equal(jws_parse(token, strlen(token), &jws, NULL) || jws_claims(&jws, &claims, NULL), 0);
		assert_true(json_integer(json_at(&desk.json, "/expires_in"), &life) && json_integer(json_at(&claims, "/exp"), &expires));
		assert_true(far ? life == 3600 : life < 3600 && expires == end);
		json_free(&claims);
		jws_free(&jws);
		claims = (struct json){ .count = 0 };
		jws = (struct jws){ .token = NULL };
	}
	desk_close(&desk);
}

/* JAG-62: without a resource anywhere, what the client may reach with this issuer stands in for it: one, several, none. */
static void services_of_a_client(void **state)
{
#define CLIENT(id, services) ", { id = \"" id "\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; services = [" services "]; }"
	static const struct {
		const char *client, *got, *error, *code;
	} rows[] = {
		{ "one", "https://mcp.example/two", "", "ok" },
		{ "several", "", "invalid_target", "bad_target" },
		{ "none", "", "invalid_grant", "not_granted" },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, QUIET "SERVICES:, " SVC("two", GRANT) ", " SVC("own", GRANT " issuer = \"https://auth.example/own\";")
	          " CLIENTS:" CLIENT("one", "\"two\"") CLIENT("several", "\"svc\", \"two\"") CLIENT("none", "\"own\""), NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char claims[64];
		snprintf(claims, sizeof claims, "{\"client_id\":\"%s\"}", rows[i].client);
		redeem_as(&desk, rows[i].client, world_token(&desk.world, claims), NULL);
		answered(&desk, i, rows[i].error, rows[i].code);
		assert_string_equal(desk_text(&desk, "/resource"), rows[i].got);
	}
	desk_close(&desk);
}

/* JAG-82: which tenant of ours is meant must be known where there are several. */
static void tenants_of_ours(void **state)
{
	static const struct {
		const char *provider, *claims, *error, *code;
	} rows[] = {
		{ "", "{\"t\":\"a\"}", "", "ok" },
		{ "", "{\"t\":\"a\",\"aud_tenant\":\"a\"}", "invalid_grant", "wrong_tenant" },
		{ "aud_tenants = [\"a\"];", "{\"t\":\"a\",\"aud_tenant\":\"a\"}", "", "ok" },
		{ "aud_tenants = [\"a\"];", "{\"t\":\"a\",\"aud_tenant\":\"b\"}", "invalid_grant", "wrong_tenant" },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char conf[2048];
		snprintf(conf, sizeof conf,
		         "issuer = \"" OURS "\"; " QUIET "\n"
		         "providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%%JWKS%%\"; tenant_claim = \"t\"; tenants = [\"a\", \"b\"]; %s } );\n"
		         "audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%%FOLDER%%/audit.jsonl\"; } );\n"
		         "clients = ( { id = \"app\"; auth = \"client_secret_post\"; secret = { file = \"%%FOLDER%%/secret\"; }; } );\n"
		         "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; tenants = [\"a\", \"b\"]; " READ "\n"
		         "  grants = ( { provider = \"idp\"; tenant = [\"a\", \"b\"]; scopes = [\"read\"]; } ); } );\n",
		         rows[i].provider);
		if (world_load(&desk.world, conf))
			fail_msg("%s", ema_error(desk.world.context));
		redeem_as(&desk, "app", world_token(&desk.world, rows[i].claims), NULL);
		answered(&desk, i, rows[i].error, rows[i].code);
	}
	desk_close(&desk);
}

/* JAG-119: what vouches for anybody vouches for its own issuer's tokens alone, however early it stands and whatever its control says. */
static void nobody_takes_over(void **state)
{
	static const char conf[] =
		"issuer = \"" OURS "\"; " QUIET "\n"
		"providers = ( { id = \"any\"; plugin = \"fault\"; issuer = \"https://any.example\"; subject = \"root\"; client = \"post\"; audience = [\"" OURS "\"]; scopes = [\"read\"]; },\n"
		"  { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		"clients = ( { id = \"post\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; " READ "\n"
		"  identity = ( { control = \"sufficient\"; provider = \"any\"; }, { control = \"sufficient\"; provider = \"idp\"; } );\n"
		"  grants = ( { provider = \"any\"; scopes = [\"read\"]; }, { provider = \"idp\"; scopes = [\"read\"]; } ); } );\n";
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	if (world_load(&desk.world, conf))
		fail_msg("%s", ema_error(desk.world.context));
	char *jag = world_token(&desk.world, "{\"client_id\":\"post\"}"), *bent = strdup(jag), *signature = strrchr(bent, '.') + 10;
	*signature = *signature == 'A' ? 'B' : 'A';
	redeem_as(&desk, "post", bent, NULL);
	answered(&desk, 0, "invalid_grant", "bad_signature");
	redeem_as(&desk, "post", world_sign(&desk.world, desk.world.other, "oauth-id-jag+jwt", "{\"client_id\":\"post\"}"), NULL);
	answered(&desk, 1, "invalid_grant", "unknown_key");
	redeem_as(&desk, "post", jag, NULL);
	answered(&desk, 2, "", "ok");
	assert_string_equal(desk_audited(&desk, "/provider"), "idp");
	desk_close(&desk);
}

/* JAG-05, JAG-08: what is not known, or empty, is as if it were absent; and an assertion that is a byte too long is not read. */
static void forms(void **state)
{
	static char long_one[JWS_BYTES_MOST + 2];
	struct desk desk;
	(void)state;
	desk_open(&desk, QUIET, NULL);
	char *jag = world_token(&desk.world, "{\"client_id\":\"post\"}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "post", "client_secret", SECRET, "foo", "bar", "scope", "",
	          "resource", "", "authorization_details", "", "client_assertion", "", NULL);
	answered(&desk, 0, "", "ok");
	assert_string_equal(desk_text(&desk, "/scope"), "read");
	free(jag);
	for (size_t over = 0; over < 2; over++) {
		memset(long_one, 'A', sizeof long_one - 1);
		long_one[JWS_BYTES_MOST + over] = 0;
		desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", long_one, "client_id", "post", "client_secret", SECRET, NULL);
		answered(&desk, 1 + over, "invalid_grant", over ? "too_large" : "malformed");
	}
	desk_close(&desk);
}

/* JAG-132, JAG-134: a claim that no entry names does nothing. */
static void unmapped_claims(void **state)
{
	static const char *const claims[] = { "{\"cimd_digest\":\"x\"}", "{\"https://auth.example/roles\":[\"admin\"],\"roles\":[\"admin\"],\"groups\":[\"admin\"]}" };
	struct desk desk;
	(void)state;
	desk_open(&desk, "SERVICES:, " SVC("admin", "grants = ( { provider = \"idp\"; group = \"admin\"; scopes = [\"read\"]; }, { provider = \"idp\"; role = \"admin\"; scopes = [\"read\"]; } );"),
	          NULL);
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		desk_redeem(&desk, world_token(&desk.world, claims[i]), NULL, "https://mcp.example/svc");
		answered(&desk, i, "", "ok");
		assert_string_equal(desk_text(&desk, "/scope"), "read");
	}
	desk_redeem(&desk, world_token(&desk.world, claims[1]), NULL, "https://mcp.example/admin");
	answered(&desk, 2, "invalid_grant", "not_granted");
	desk_close(&desk);
}

/* ---- What is told ---- */

/* JAG-123, JAG-124: of secrets, client assertions, proofs, assertions and the tokens that are made of them, nothing is in the trail, the log or an answer, and
   no address of a person, be it one that the provider has the authority for. */
static void nothing_is_told(void **state)
{
	static const char personal[] = "\"email\":\"" CANARY "@idp.example\",\"email_verified\":true,\"name\":\"" CANARY "\",\"phone_number\":\"" CANARY "\"";
	struct desk desk;
	struct ears ears = { PTHREAD_MUTEX_INITIALIZER, BUFFER_INIT(16 * 1024 * 1024) };
	char *secrets[16] = { NULL }, claims[512], payload[512], nonce[DPOP_NONCE];
	size_t count = 0;
	(void)state;
	desk_open(&desk, QUIET "PROVIDER: authority = [\"idp.example\"];", NULL);
	ema_set_log(desk.world.context, ears_hear, &ears);
	char *jwk = jwk_print(desk.world.other, 0), *more = NULL;
	assert_true(asprintf(&more, ",\"jwk\":%s", jwk) > 0);
	assert_int_equal(dpop_nonce(desk.world.context->nonces, clock_wall(&clock_system) / 1000, nonce, NULL), EMA_OK);
	for (int good = 0; good < 2; good++) {
		/* By an assertion of the client's and a proof, both of which are refused first. */
		snprintf(claims, sizeof claims, "{%s,\"jti\":\"" CANARY "-%d\",\"nonce\":\"" CANARY "\"}", personal, good);
		snprintf(payload, sizeof payload, "{\"jti\":\"" CANARY "\",\"htm\":\"%s\",\"htu\":\"" OURS "/token\",\"iat\":%lld,\"nonce\":\"%s\",\"x\":\"" CANARY "\"}",
		         good ? "POST" : CANARY, (long long)desk.world.now, nonce);
		char *jag = secrets[count++] = world_token(&desk.world, claims);
		char *client = secrets[count++] = desk_assertion(&desk, good ? "\"jti\":\"" CANARY "\",\"x\":\"" CANARY "\"" : "\"aud\":\"" CANARY "\"");
		char *proof = NULL;
		assert_int_equal(jws_sign(desk.world.other, JOSE_ES256, "dpop+jwt", more, payload, strlen(payload), &proof, NULL), EMA_OK);
		secrets[count++] = proof;
		for (int with = 0; with < 2; with++) {
			ema_request *request = desk_prepare(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION,
			                                    "client_assertion", with && !good ? (secrets[count++] = desk_assertion(&desk, "\"y\":\"" CANARY "\"")) : client,
			                                    "foo", CANARY, NULL);
			assert_int_equal(ema_request_header(request, "DPoP", proof), EMA_OK);
			desk_send(&desk, request);
			assert_int_equal(desk.status == 200, good && !with);
			if (desk.status == 200)
				secrets[count++] = strdup(desk_text(&desk, "/access_token"));
			else
				nothing_leaks("the answer", desk.body, NULL, 16);
		}
	}
	/* By secrets that are wrong, in the body and in the header, which are base64 of it. */
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", secrets[0], "client_id", "post", "client_secret", CANARY "-secret", NULL);
	assert_int_equal(desk.status, 401);
	desk_form(&desk, "/token", "Basic YmFzaWM6Y0FuQXJZLXNlY3JldA==", "grant_type", JWT_BEARER, "assertion", secrets[0], NULL);
	assert_int_equal(desk.status, 401);
	desk_form(&desk, "/token?client_secret=" CANARY, NULL, "grant_type", JWT_BEARER, "assertion", secrets[0], NULL);
	assert_int_equal(desk.status, 400);
	assert_int_equal(audit_drain(desk.world.context->audit, 20000), EMA_OK);
	char *trail = world_read(&desk.world, "audit.jsonl");
	assert_non_null(strstr(trail, "\"code\":\"ok\""));
	assert_non_null(strstr(trail, "\"code\":\"bad_proof\""));
	assert_non_null(strstr(trail, "\"code\":\"client_refused\""));
	ears_hear(&ears, 0, "the end");
	for (size_t i = 0; i < count; i++) {
		nothing_leaks("the trail", trail, secrets[i], 16);
		nothing_leaks("the log", ears.heard.data, secrets[i], 16);
	}
	nothing_leaks("the trail", trail, "YmFzaWM6Y0FuQXJZLXNlY3JldA==", 16);
	nothing_leaks("the trail", trail, SECRET, 16);
	free(trail);
	for (size_t i = 0; i < count; i++)
		free(secrets[i]);
	free(jwk);
	free(more);
	desk_close(&desk);
	buffer_free(&ears.heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sub_is_there),
		cmocka_unit_test(a_login_that_would_do),
		cmocka_unit_test(algorithms),
		cmocka_unit_test(sessions_end),
		cmocka_unit_test(services_of_a_client),
		cmocka_unit_test(tenants_of_ours),
		cmocka_unit_test(nobody_takes_over),
		cmocka_unit_test(forms),
		cmocka_unit_test(unmapped_claims),
		cmocka_unit_test(nothing_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
