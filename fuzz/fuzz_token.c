/*
 * Any bytes as an HTTP request to an authorization server that knows three clients, a caller and the keys of its providers. The first
 * byte says where to, '0' to '7' as in places[]; the second, if it is odd, that who asks proves who that is, and by its next two bits
 * who %JAG% is of. Then lines of headers, an empty line, and the body. In these %TOKEN% is an access token that can be had, %BOUND%
 * one that is bound to the key that all have, %JKT% that key's thumbprint, and %JAG%, %PROOF% (of a client) and %DPOP% are signed: the
 * usual claims, and on top of them those of the pseudo-header Claims, Proof or Dpop. Without them there is no token and no permit, and
 * what is taken is only what each clause by itself lets in.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base64url.h"
#include "buffer.h"
#include "context.h"
#include "dpop.h"
#include "ema/ema.h"
#include "jwk.h"
#include "jws.h"

#define FUZZ_NOW INT64_C(1800000000)
#define FUZZ_MOST 65536
#define US "https://auth.example"
#define IDP "https://idp.example"
#define SVC "https://mcp.example/svc"
#define ORG "https://acme.okta.example"
#define TENANT "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
#define ENTRA "https://login.microsoftonline.com/" TENANT "/v2.0"
#define ENTRA_1 "https://sts.windows.net/" TENANT "/"
#define SKEW 30
#define ASSERTIONS_MOST 20000 /* that one context redeems */
#define SECRET "correct-horse-battery-staple"
#define FORM "application/x-www-form-urlencoded"
#define REDEEM "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *method, *url; /* url NULL: the first line is */
	const char *type, *authorization;
} places[] = {
	{ "POST", "/token", FORM, "Basic YXBwOmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=" },  /* app */
	{ "POST", "/revoke", FORM, "Basic YXBwOmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=" },
	{ "POST", "/introspect", FORM, "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" }, /* gateway */
	{ "POST", "/access/v1/evaluation", "application/json", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" },
	{ "POST", "/access/v1/evaluations", "application/json", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" },
	{ "POST", "/decision/svc", "application/json", NULL },
	{ "GET", NULL, NULL, NULL },
	{ "POST", NULL, FORM, NULL },
};
enum { TO_TOKEN, TO_REVOKE, TO_INTROSPECT, TO_EVALUATION, TO_EVALUATIONS, TO_DECISION };

/* What stands for a value: of a counter, the time, five minutes later, and so on. */
#define NEW "n"
#define NOW "t"
#define LATER "l"
#define NONCE "o"
#define HASH "h" /* of the bound token */

enum mark { JAG, PROOF, DPOP, SIGNED, TOKEN = SIGNED, BOUND, THUMBPRINT, MARKS };
static const char *const marks[MARKS] = { "%JAG%", "%PROOF%", "%DPOP%", "%TOKEN%", "%BOUND%", "%JKT%" };
static const char *const given_names[] = { "Claims", "Proof", "Dpop" };

/* JAG is of one of the first four. */
enum { OF_IDP, OF_OKTA, OF_ENTRA, OF_IDP_ACCESS, OF_CLIENT, OF_PHONE, OF_HOLDER };
static const struct {
	const char *type;
	struct { const char *name, *value; } claims[12];
} signed_by[] = {
	{ "oauth-id-jag+jwt", { { "iss", "\"" IDP "\"" }, { "sub", "\"ada\"" }, { "aud", "\"" US "\"" }, { "client_id", "\"app\"" }, { "jti", NEW },
	  { "iat", NOW }, { "exp", LATER }, { "scope", "\"read\"" } } },
	{ "oauth-id-jag+jwt", { { "iss", "\"" ORG "\"" }, { "sub", "\"00u1\"" }, { "aud", "\"" US "\"" }, { "client_id", "\"app\"" }, { "jti", NEW },
	  { "iat", NOW }, { "exp", LATER }, { "scope", "\"read\"" } } },
	{ "JWT", { { "iss", "\"" ENTRA "\"" }, { "ver", "\"2.0\"" }, { "tid", "\"" TENANT "\"" }, { "oid", "\"90b3f2a1-1c22-4a6e-9f0e-0123456789ab\"" }, { "sub", "\"pairwise\"" },
	  { "aud", "\"api\"" }, { "azp", "\"desk\"" }, { "scp", "\"read\"" }, { "iat", NOW }, { "exp", LATER } } },
	{ "at+jwt", { { "iss", "\"" IDP "\"" }, { "sub", "\"ada\"" }, { "aud", "\"api\"" }, { "client_id", "\"desk\"" }, { "jti", NEW },
	  { "iat", NOW }, { "exp", LATER }, { "scope", "\"read\"" } } },
	{ "JWT", { { "iss", "\"ci\"" }, { "sub", "\"ci\"" }, { "aud", "\"" US "\"" }, { "jti", NEW }, { "iat", NOW }, { "exp", LATER } } },
	{ "dpop+jwt", { { "jti", NEW }, { "htm", "\"POST\"" }, { "htu", "\"" US "/token\"" }, { "iat", NOW }, { "nonce", NONCE } } },
	{ "dpop+jwt", { { "jti", NEW }, { "htm", "\"POST\"" }, { "htu", "\"" SVC "\"" }, { "iat", NOW }, { "ath", HASH } } },
};

static const char fuzz_conf[] =
	"issuer = \"" US "\"; rates = { address = 0; subject = 0; }; proxies = [\"192.0.2.7\"];\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" IDP "\"; jwks = \"%s\"; groups_claim = \"groups\"; roles_claim = [\"/app/roles\"];\n"
	"    authority = [\"acme.example\"]; public_clients = true; },\n"
	"  { id = \"okta\"; plugin = \"okta_xaa\"; org = \"" ORG "\"; jwks = \"%s\"; groups_claim = \"groups\"; saml_issuer = [\"saml\"]; },\n"
	"  { id = \"entra\"; plugin = \"azure_ad\"; tenant = \"" TENANT "\"; jwks = \"%s\"; groups = true; } );\n"
	"clients = ( { id = \"app\"; auth = \"client_secret_basic\"; secret = { fd = %d; }; }, { id = \"phone\"; auth = \"none\"; dpop = \"required\"; },\n"
	"  { id = \"ci\"; auth = \"private_key_jwt\"; jwks = \"%s\"; } );\n"
	"callers = ( { id = \"gateway\"; auth = \"client_secret_basic\"; secret = { fd = %d; }; services = [\"svc\"]; } );\n"
	"services = ( { id = \"svc\"; resource = \"" SVC "\"; identity = [\"idp\", \"okta\", \"entra\"]; decision = { original = \"X-Original\"; };\n"
	"  audience = ( { provider = \"entra\"; is = [\"api\"]; clients = [\"desk\"]; scope_map = \"any\"; }, { provider = \"idp\"; is = [\"api\"]; clients = [\"desk\"]; scope_map = \"any\"; } );\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; }, { provider = \"okta\"; scopes = [\"read\"]; }, { provider = \"entra\"; scopes = [\"read\"]; },\n"
	"    { provider = \"idp\"; group = \"eng\"; scopes = [\"write\"]; }, { provider = \"okta\"; group = \"eng\"; scopes = [\"write\"]; },\n"
	"    { provider = \"entra\"; group = \"eng\"; scopes = [\"write\"]; } ); } );\n";

static struct {
	ema_context *context;
	struct jwk *key;          /* of all who sign */
	_Atomic int64_t now;      /* the thread that lets keys come and go reads it, too */
	char hash[DPOP_THUMBPRINT]; /* of the last token that was bound */
	int serial, begun;        /* of what is signed; with which one the context began */
} desk;

static int64_t fuzz_wall(void *data)
{
	(void)data;
	return desk.now * 1000;
}

static int64_t fuzz_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

/* Inside an ema.conf string; issuer: for whom alone the key counts, or NULL. */
static char *key_set(const char *issuer)
{
	struct buffer out = BUFFER_INIT(4096);
	char *key = jwk_print(desk.key, 0);
	buffer_text(&out, "{\\\"keys\\\":[");
	for (const char *c = key; c && *c && (c[1] || !issuer); c++)
		buffer_printf(&out, *c == '"' ? "\\%c" : "%c", *c);
	if (issuer)
		buffer_printf(&out, ",\\\"issuer\\\":\\\"%s\\\"}", issuer);
	buffer_text(&out, "]}");
	free(key);
	return buffer_take(&out);
}

static void complain(void *data, int level, const char *text)
{
	(void)data;
	if (level == LOG_LEVEL_ERROR)
		fprintf(stderr, "%s\n", text);
}

/* At the end, too: its threads use OpenSSL, which is taken down behind this. */
static void end_desk(void)
{
	ema_free(desk.context);
	desk.context = NULL;
	jwk_free(desk.key);
	desk.key = NULL;
}

static void begin(void)
{
	struct buffer text = BUFFER_INIT(8192);
	desk.now = FUZZ_NOW;
	if (jwk_generate(JOSE_ES256, &desk.key, NULL) || !(desk.context = ema_new()))
		abort();
	int fd = memfd_create("secret", MFD_CLOEXEC);
	char *keys = key_set(NULL), *entra = key_set(ENTRA);
	buffer_printf(&text, fuzz_conf, keys, keys, entra, fd, keys, fd);
	desk.context->clock = (struct clock){ fuzz_wall, fuzz_monotonic, NULL };
	ema_set_server(desk.context);
	ema_set_log(desk.context, complain, NULL);
	if (write(fd, SECRET, strlen(SECRET)) != (ssize_t)strlen(SECRET) || ema_set_plugin_path(desk.context, PLUGINS) ||
	    ema_load_memory(desk.context, text.data, text.length, "/nowhere/ema.conf")) {
		fprintf(stderr, "%s\n", ema_error(desk.context));
		abort();
	}
	close(fd);
	free(keys);
	free(entra);
	buffer_free(&text);
	desk.begun = desk.serial;
	desk.now += 10; /* nothing is taken that was issued before the store began */
}

/* ---- What may stand in a request ---- */

static void put_value(struct buffer *out, const char *value)
{
	char nonce[DPOP_NONCE] = "";
	if (*value == *NEW)
		buffer_printf(out, "\"id-%d\"", ++desk.serial);
	else if (*value == *NOW || *value == *LATER)
		buffer_printf(out, "%lld", (long long)desk.now + (*value == *LATER ? 300 : 0));
	else if (*value == *HASH)
		buffer_printf(out, "\"%s\"", desk.hash);
	else if (*value == *NONCE && !dpop_nonce(desk.context->nonces, desk.now, nonce, NULL))
		buffer_printf(out, "\"%s\"", nonce);
	else
		buffer_text(out, value);
}

static int parse_given(const char *given, struct json *claims)
{
	if (given && !json_parse(given, strlen(given), &json_limits_payload, claims, NULL) && json_is(json_root(claims), JSON_OBJECT))
		return 1;
	json_free(claims);
	*claims = (struct json){ 0 };
	return 0;
}

/* The usual claims where none of that name is given, and those given: the text of an object, or NULL. */
static char *sign_claims(size_t by, const char *given)
{
	struct buffer payload = BUFFER_INIT(JWS_PAYLOAD_MOST), more = BUFFER_INIT(1024);
	struct json claims = { 0 };
	char *token = NULL;
	const int has = parse_given(given, &claims);
	buffer_text(&payload, "{");
	for (size_t i = 0; signed_by[by].claims[i].name; i++) {
		if (has && json_member(&claims, json_root(&claims), signed_by[by].claims[i].name))
			continue;
		buffer_printf(&payload, "%s\"%s\":", payload.length > 1 ? "," : "", signed_by[by].claims[i].name);
		put_value(&payload, signed_by[by].claims[i].value);
	}
	if (has && json_root(&claims)->count)
		buffer_printf(&payload, "%s%s", payload.length > 1 ? "," : "", strchr(given, '{') + 1);
	else
		buffer_text(&payload, "}");
	if (by >= OF_PHONE) {
		char *key = jwk_print(desk.key, 0);
		buffer_printf(&more, ",\"jwk\":%s", key);
		free(key);
	}
	if (!payload.failed)
		jws_sign(desk.key, JOSE_ES256, signed_by[by].type, more.length ? more.data : "", payload.data, payload.length, &token, NULL);
	json_free(&claims);
	buffer_free(&payload);
	buffer_free(&more);
	return token;
}

static ema_request *request_to(const char *method, const char *url)
{
	ema_request *request = ema_request_new();
	if (!request || ema_request_set(request, EMA_REQUEST_METHOD, method) || ema_request_set(request, EMA_REQUEST_REMOTE, "192.0.2.7") ||
	    ema_request_header(request, "Host", "auth.example"))
		abort();
	ema_request_set(request, EMA_REQUEST_URL, url); /* may be none */
	return request;
}

static ema_response *ask(const ema_request *request)
{
	ema_response *response = NULL;
	int code = ema_http(desk.context, request, EMA_SERVE_TOKEN | EMA_SERVE_METADATA | EMA_SERVE_INTROSPECTION | EMA_SERVE_HEALTH | EMA_SERVE_METRICS |
	                    EMA_SERVE_DECISION | EMA_SERVE_AUTHZEN, &response);
	if (!response || code == EMA_INTERNAL)
		abort();
	return response;
}

static void remember(const char *token)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (EVP_Digest(token, strlen(token), digest, &size, EVP_sha256(), NULL) != 1)
		abort();
	base64url_encode(digest, size, desk.hash);
}

static char *access_token(int bound)
{
	struct buffer body = BUFFER_INIT(32768);
	struct json json = { 0 };
	char *jag = sign_claims(OF_IDP, NULL), *proof = bound ? sign_claims(OF_PHONE, NULL) : NULL;
	size_t length;
	ema_request *request = request_to("POST", "/token");
	buffer_text(&body, REDEEM);
	buffer_text(&body, jag ? jag : "");
	if (ema_request_header(request, "Content-Type", FORM) || ema_request_header(request, "Authorization", places[TO_TOKEN].authorization) ||
	    ema_request_body(request, body.data, body.length) || (proof && ema_request_header(request, "DPoP", proof)))
		abort();
	ema_response *response = ask(request);
	const char *text = ema_response_body(response, &length);
	if (ema_response_status(response) != 200 || json_parse(text, length, &json_limits_document, &json, NULL)) {
		fprintf(stderr, "no token: %s\n", text);
		abort();
	}
	char *token = strdup(json_string(json_at(&json, "/access_token")));
	json_free(&json);
	ema_response_free(response);
	ema_request_free(request);
	buffer_free(&body);
	free(jag);
	free(proof);
	if (bound)
		remember(token);
	return token;
}

/* ---- What came of it, the slow way: each clause by itself, necessary and not enough ---- */

struct asked {
	size_t place, by;    /* who JAG is of */
	char *given[SIGNED]; /* NULL: none */
	int has[MARKS];
	char hash[DPOP_THUMBPRINT]; /* that DPOP has where none is given */
};

/* The text of a claim, or of the one item of its list. NULL: it has none. */
static const char *claim_text(const struct json *claims, const char *name, const char *usual)
{
	const struct json_node *node = claims->count ? json_member(claims, json_root(claims), name) : NULL;
	if (node && json_is(node, JSON_ARRAY) && node->count == 1)
		node = json_first(claims, node);
	return node ? json_string(node) : usual;
}

static double claim_number(const struct json *claims, const char *name, double usual)
{
	const struct json_node *node = claims->count ? json_member(claims, json_root(claims), name) : NULL;
	return !node ? usual : json_is(node, JSON_NUMBER) ? strtod(node->text, NULL) : -1;
}

static int is_there(const struct json *claims, const char *name)
{
	return claims->count && json_member(claims, json_root(claims), name);
}

/* Is the claim this, as it was given or as that signer has it? */
static int is(const struct json *claims, size_t by, const char *name, const char *wanted)
{
	const char *text = claim_text(claims, name, NULL);
	const size_t length = strlen(wanted);
	if (is_there(claims, name))
		return text && !strcmp(text, wanted);
	for (size_t i = 0; signed_by[by].claims[i].name; i++)
		if (!strcmp(signed_by[by].claims[i].name, name))
			return strlen(signed_by[by].claims[i].value) == length + 2 && !memcmp(signed_by[by].claims[i].value + 1, wanted, length);
	return 0;
}

static int has_item(const struct json *claims, const char *name, const char *wanted)
{
	const struct json_node *node = claims->count ? json_member(claims, json_root(claims), name) : NULL;
	if (json_string(node) && !strcmp(json_string(node), wanted))
		return 1;
	for (node = json_is(node, JSON_ARRAY) ? json_first(claims, node) : NULL; node; node = json_next(claims, node))
		if (json_string(node) && !strcmp(json_string(node), wanted))
			return 1;
	return 0;
}

static int is_timely(const struct json *claims, double longest)
{
	const double now = (double)desk.now, issued = claim_number(claims, "iat", now), expires = claim_number(claims, "exp", now + 300),
	             before = claim_number(claims, "nbf", 0);
	return expires > now - SKEW && issued <= now + SKEW + 1 && before <= now + SKEW + 1 && expires <= issued + longest + SKEW + 1;
}

/* RFC 9449 4.3. A URL in any case and encoding, with a query, is more than is taken. */
static int is_proved(const struct json *claims, size_t by, const char *host, const char *path)
{
	const char *url = claim_text(claims, "htu", NULL), *id = claim_text(claims, "jti", "id");
	const double now = (double)desk.now, issued = claim_number(claims, "iat", now);
	char plain[4096];
	size_t length = 0;
	for (const char *c = url ? url : ""; *c && *c != '?' && *c != '#' && length + 1 < sizeof plain; c++) {
		char hex[3] = { c[0], c[0] ? c[1] : 0, 0 };
		if (*c == '%' && c[1] && c[2]) {
			memcpy(hex, c + 1, 2);
			plain[length++] = (char)strtol(hex, NULL, 16);
			c += 2;
		} else {
			plain[length++] = *c;
		}
	}
	plain[length] = 0;
	const size_t begin = strlen(host), port = begin + strspn(plain + (length < begin ? length : begin), ":443");
	return id && *id && is(claims, by, "htm", "POST") && issued >= now - 60 - SKEW - 1 && issued <= now + SKEW + 1 &&
	       (!is_there(claims, "htu") || (!strncasecmp(plain, host, begin) && !strcasecmp(plain + port, path)));
}

/* RFC 7523 3 */
static int is_client(const struct json *claims)
{
	const char *id = claim_text(claims, "jti", "id");
	return id && *id && is(claims, OF_CLIENT, "iss", "ci") && is(claims, OF_CLIENT, "sub", "ci") && is(claims, OF_CLIENT, "aud", US) &&
	       is_timely(claims, 1e15) && claim_number(claims, "exp", 0) <= (double)desk.now + 3600 + SKEW + 1;
}

static void check_redeemed(const struct asked *asked, const char *scope, const char *type)
{
	struct json claims = { 0 }, proof = { 0 }, dpop = { 0 };
	parse_given(asked->given[JAG], &claims);
	parse_given(asked->given[PROOF], &proof);
	parse_given(asked->given[DPOP], &dpop);
	const struct json_node *cnf = claims.count ? json_member(&claims, json_root(&claims), "cnf") : NULL;
	const char *subject = claim_text(&claims, "sub", "ada"), *id = claim_text(&claims, "jti", "id"), *profile = claim_text(&claims, "sub_profile", "user"),
	           *bound = json_is(cnf, JSON_OBJECT) && cnf->count == 1 ? json_string(json_member(&claims, cnf, "jkt")) : NULL;
	const size_t by = asked->by;
	const int proved = !strcmp(type, "DPoP");
	const int client = is(&claims, by, "client_id", "app") || (asked->has[PROOF] && is_client(&proof) && is(&claims, by, "client_id", "ci")) ||
	                   (proved && is(&claims, by, "client_id", "phone"));
	/* All have one key: whose it is says iss. */
	if (!asked->has[JAG] || by > OF_OKTA || !subject || !*subject || !id || !*id || !(is(&claims, by, "iss", IDP) || is(&claims, by, "iss", ORG)) ||
	    !is(&claims, by, "aud", US) || !profile || strcmp(profile, "user") || !is_timely(&claims, 300) || is_there(&claims, "authorization_details") || !client ||
	    (cnf && (!bound || strcmp(bound, jwk_thumbprint(desk.key)) || !proved)) ||
	    (proved ? !asked->has[DPOP] || !is_proved(&dpop, OF_PHONE, US, "/token") : strcmp(type, "Bearer") != 0))
		abort();
	/* What is granted, and no more. */
	if (strcmp(scope, "read") && (!has_item(&claims, "groups", "eng") || (strcmp(scope, "write") && strcmp(scope, "read write") && strcmp(scope, "write read"))))
		abort();
	json_free(&claims);
	json_free(&proof);
	json_free(&dpop);
}

/* Could it be by an access token that a provider gave? */
static int by_foreign(const struct asked *asked, int wrote)
{
	struct json claims = { 0 };
	const size_t by = asked->by;
	parse_given(asked->given[JAG], &claims);
	const int entra = is(&claims, by, "iss", ENTRA) || is(&claims, by, "iss", ENTRA_1);
	const int client = entra ? is(&claims, by, "azp", "desk") || is(&claims, by, "appid", "desk") : is(&claims, by, "client_id", "desk");
	const int could = asked->has[JAG] && by >= OF_ENTRA && (entra ? is(&claims, by, "tid", TENANT) : is(&claims, by, "iss", IDP)) && client &&
	                  (has_item(&claims, "aud", "api") || is(&claims, by, "aud", "api")) && is_timely(&claims, 1e15) && (!wrote || has_item(&claims, "groups", "eng"));
	json_free(&claims);
	return could;
}

/* By the bound token of ours: at an MCP server, with a proof of the key. */
static int by_bound(const struct asked *asked, int wrote)
{
	struct json dpop = { 0 };
	parse_given(asked->given[DPOP], &dpop);
	const char *hash = claim_text(&dpop, "ath", asked->hash);
	const int proved = asked->has[DPOP] && is_proved(&dpop, OF_HOLDER, "https://mcp.example", "/svc") && hash && !strcmp(hash, desk.hash);
	json_free(&dpop);
	return asked->has[BOUND] && !wrote && (asked->place != TO_DECISION || proved);
}

/* Is what is asked for the tool that read does not open? */
static int is_write(size_t place, const struct buffer *body)
{
	struct json json = { 0 };
	if ((place != TO_DECISION && place != TO_EVALUATION) || !body->length || json_parse(body->data, body->length, &json_limits_message, &json, NULL))
		return 0;
	const char *name = json_string(json_at(&json, place == TO_DECISION ? "/params/name" : "/resource/id"));
	const int is = name && (place == TO_DECISION ? !strcmp(name, "put_a") : !strcmp(name, SVC "#put_a"));
	json_free(&json);
	return is;
}

static void check_response(const struct asked *asked, const ema_response *response, const struct buffer *body)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 405 };
	struct json json = { 0 };
	const int status = ema_response_status(response);
	const size_t place = asked->place;
	size_t length, known = 0;
	const char *text = ema_response_body(response, &length), *value, *type = "";
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		known |= status == statuses[i];
	if (!known || strlen(text) != length || strstr(text, SECRET))
		abort();
	for (size_t i = 0; ema_response_header(response, i, &value); i++) {
		if (strpbrk(value, "\r\n") || strstr(value, SECRET))
			abort();
		if (!strcmp(ema_response_header(response, i, NULL), "Content-Type"))
			type = value;
	}
	if (!strcmp(type, "application/json") && length && json_parse(text, length, &json_limits_message, &json, NULL))
		abort();
	if (place == TO_TOKEN) {
		const char *token = json_string(json_at(&json, "/access_token"));
		if (status == 200 ? !token : token || (!strcmp(type, "application/json") && !json_string(json_at(&json, "/error"))))
			abort();
		if (status == 200)
			check_redeemed(asked, json_string(json_at(&json, "/scope")), json_string(json_at(&json, "/token_type")));
		if (status == 405 || status == 404)
			abort();
	}
	const int permitted = (place == TO_INTROSPECT && strstr(text, "\"active\":true")) || (place == TO_DECISION && status == 200) ||
	                      ((place == TO_EVALUATION || place == TO_EVALUATIONS) && strstr(text, "\"decision\":true"));
	/* Tokens of ours have read alone, which opens get_*. */
	const int wrote = permitted && is_write(place, body);
	if (permitted && !(asked->has[TOKEN] && !wrote) && !by_bound(asked, wrote) && !by_foreign(asked, wrote))
		abort();
	json_free(&json);
}

/* ---- The bytes ---- */

/* Appends text with what the marks stand for. */
static void fill(struct buffer *out, const char *text, size_t length, struct asked *asked)
{
	const size_t holder = asked->place == TO_TOKEN ? OF_PHONE : OF_HOLDER;
	for (size_t i = 0; i < length;) {
		size_t mark = 0;
		/* Several would be as good as one. */
		while (mark < MARKS && (asked->has[mark] || length - i < strlen(marks[mark]) || memcmp(text + i, marks[mark], strlen(marks[mark])) != 0))
			mark++;
		if (mark == MARKS) {
			buffer_char(out, text[i++]);
			continue;
		}
		if (mark == DPOP)
			memcpy(asked->hash, desk.hash, sizeof asked->hash);
		char *made = mark == TOKEN        ? access_token(0)
		             : mark == BOUND      ? access_token(1)
		             : mark == THUMBPRINT ? strdup(jwk_thumbprint(desk.key))
		             : sign_claims(mark == PROOF ? OF_CLIENT : mark == DPOP ? holder : asked->by, asked->given[mark]);
		buffer_text(out, made ? made : "");
		free(made);
		i += strlen(marks[mark]);
		asked->has[mark] = 1;
	}
}

/* 1: it is no header, but claims for one of the marks. */
static int take_given(struct asked *asked, const char *name, const char *value)
{
	for (size_t i = 0; i < SIGNED; i++) {
		if (strcmp(name, given_names[i]))
			continue;
		if (!asked->has[i]) {
			free(asked->given[i]);
			asked->given[i] = strdup(value);
		}
		return 1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer body = BUFFER_INIT(4 * FUZZ_MOST), line = BUFFER_INIT(4 * FUZZ_MOST);
	static int registered;
	/* Time does not go by here, so that its store would be full one day. */
	if (desk.serial - desk.begun > ASSERTIONS_MOST)
		end_desk();
	if (!desk.context)
		begin();
	if (!registered && atexit(end_desk))
		abort();
	registered = 1;
	if (size < 2 || size > FUZZ_MOST)
		return 0;
	struct asked asked = { .place = data[0] & 7, .by = data[1] >> 1 & 3 };
	const size_t place = asked.place;
	desk.hash[0] = 0;
	const char *at = (const char *)data + 2, *end = (const char *)data + size;
	char *url = NULL;
	if (!places[place].url) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);
		url = calloc(1, length + 1);
		memcpy(url, at, length);
		at = stop ? stop + 1 : end;
	}
	ema_request *request = request_to(places[place].method, places[place].url ? places[place].url : url);
	int typed = 0;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);
		const char *from = at;
		at = stop ? stop + 1 : end;
		if (!length)
			break;
		buffer_clear(&line);
		fill(&line, from, length, &asked);
		char *colon = line.data ? strstr(line.data, ": ") : NULL;
		if (!colon)
			continue;
		*colon = 0;
		if (take_given(&asked, line.data, colon + 2))
			continue;
		typed |= !strcasecmp(line.data, "Content-Type");
		ema_request_header(request, line.data, colon + 2); /* what HTTP does not have is refused */
	}
	fill(&body, at, (size_t)(end - at), &asked);
	if (places[place].type && !typed)
		ema_request_header(request, "Content-Type", places[place].type);
	if (places[place].authorization && data[1] & 1)
		ema_request_header(request, "Authorization", places[place].authorization);
	if (body.length)
		ema_request_body(request, body.data, body.length);
	ema_response *response = ask(request);
	check_response(&asked, response, &body);
	ema_response_free(response);
	ema_request_free(request);
	buffer_free(&body);
	buffer_free(&line);
	for (size_t i = 0; i < SIGNED; i++)
		free(asked.given[i]);
	free(url);
	return 0;
}
