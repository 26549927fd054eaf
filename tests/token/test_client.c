#define _GNU_SOURCE /* RTLD_NEXT */
#include "test.h"

#include <dlfcn.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../conf/show.h"
#include "buffer.h"
#include "client.h"
#include "clock.h"
#include "forgetful.h"
#include "issue.h"
#include "jws.h"

#define NOW INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define ISSUER "https://auth.acme.example"
#define ENDPOINT "https://auth.acme.example/token"
#define URN "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define SECRET "0123456789abcdef-old"
#define SECRET_NEW "fedcba9876543210-new"
#define ROOM 8192

static int64_t wall(void *data)
{
	(void)data;
	return NOW * 1000;
}
static const struct clock test_clock = { wall, wall, NULL };

struct rig {
	char folder[64];
	struct jwk *key, *next, *stranger;
	struct trust *trust;
	struct store *store;
	struct conf *conf;
	struct clients *clients, *callers;
	struct certificate *certificate, *other; /* of the TLS clients; of nobody */
};

static void write_file(struct rig *rig, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", rig->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

static void write_keys(struct rig *rig, const char *name, const struct jwk *key)
{
	char *text = jwk_print(key, 0);
	struct buffer set = BUFFER_INIT((size_t)ROOM);
	buffer_printf(&set, "{\"keys\":[%s]}", text);
	write_file(rig, name, set.data);
	buffer_free(&set);
	free(text);
}

static const char config[] =
	"clients = (\n"
	" { id = \"pk\"; auth = \"private_key_jwt\"; jwks_file = \"key.jwks\"; algorithms = [\"ES256\"]; },\n"
	" { id = \"narrow\"; auth = \"private_key_jwt\"; jwks_file = \"next.jwks\"; algorithms = [\"ES256\"]; },\n"
	" { id = \"wide\"; auth = \"private_key_jwt\"; jwks_file = \"next.jwks\"; },\n"
	" { id = \"rotating\"; auth = \"private_key_jwt\"; keys = ( { jwks_file = \"key.jwks\"; not_after = \"2027-02-01\"; },\n"
	"     { jwks_file = \"next.jwks\"; not_before = \"2027-01-15T08:00:00Z\"; } ); },\n"
	" { id = \"basic\"; auth = \"client_secret_basic\"; secrets = ( { file = \"old.secret\"; not_after = \"2027-01-15T08:00:00Z\"; }, { file = \"new.secret\"; } ); },\n"
	" { id = \"post\"; auth = \"client_secret_post\"; secret = { file = \"old.secret\"; }; },\n"
	" { id = \"odd:id\"; auth = \"client_secret_post\"; secret = { file = \"old.secret\"; }; },\n"
	" { id = \"dn\"; auth = \"tls_client_auth\"; subject_dn = \"CN=vscode, O=Acme\"; },\n"
	" { id = \"dns\"; auth = \"tls_client_auth\"; san_dns = \"vscode.acme.example\"; },\n"
	" { id = \"uri\"; auth = \"tls_client_auth\"; san_uri = \"urn:acme:vscode\"; },\n"
	" { id = \"ip\"; auth = \"tls_client_auth\"; san_ip = \"192.0.2.1\"; },\n"
	" { id = \"email\"; auth = \"tls_client_auth\"; san_email = \"vscode@acme.example\"; },\n"
	" { id = \"mixed\"; auth = \"tls_client_auth\"; subject_dn = \"CN=vscode.acme.example\"; },\n"
	" { id = \"self\"; auth = \"self_signed_tls_client_auth\"; certificate_file = \"self.pem\"; certificate_bound = true; },\n"
	" { id = \"public\"; auth = \"none\"; dpop = \"required\"; },\n"
	" { id = \"mtls-public\"; auth = \"none\"; certificate_bound = true; },\n"
	" { id = \"retired\"; auth = \"client_secret_post\"; secret = { file = \"old.secret\"; }; grants = \"none\"; services = \"github\"; } );\n"
	"callers = ( { id = \"gateway\"; auth = \"client_secret_basic\"; secret = { file = \"old.secret\"; }; services = \"github\"; },\n"
	"            { id = \"pk\"; auth = \"private_key_jwt\"; jwks_file = \"key.jwks\"; services = \"github\"; } );\n"
	"issuer = \"" ISSUER "\";\n"
	"providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; } );\n"
	"services = ( { id = \"github\"; resource = \"https://mcp.acme.example/github\"; identity = [\"okta\"]; } );\n";

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	static const char *const subject[] = { "O", "Acme", "CN", "vscode", NULL };
	struct memory_settings memory = { &test_clock, 1000, 0, 20 };
	struct trust_settings trust = { .clock = &test_clock };
	struct findings findings = { NULL, 0, 0, 0 };
	char path[128];
	assert_non_null(rig);
	snprintf(rig->folder, sizeof rig->folder, "/tmp/ema-client-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	assert_int_equal(jwk_generate(JOSE_ES256, &rig->key, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ED25519, &rig->next, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ES256, &rig->stranger, NULL), EMA_OK);
	write_keys(rig, "key.jwks", rig->key);
	write_keys(rig, "next.jwks", rig->next);
	write_file(rig, "old.secret", SECRET "\n");
	write_file(rig, "new.secret", SECRET_NEW);
	char *pem = issue(subject, "DNS:vscode.acme.example,URI:urn:acme:vscode,IP:192.0.2.1,email:vscode@acme.example", NOW, -1, 1);
	char *other = issue(subject + 2, NULL, NOW, -1, 1);
	write_file(rig, "self.pem", pem);
	assert_int_equal(certificate_read(pem, strlen(pem), &rig->certificate, NULL), EMA_OK);
	assert_int_equal(certificate_read(other, strlen(other), &rig->other, NULL), EMA_OK);
	free(pem);
	free(other);
	assert_int_equal(store_memory(&memory, &rig->store, NULL), EMA_OK);
	rig->trust = trust_new(&trust, NULL);
	assert_non_null(rig->trust);
	snprintf(path, sizeof path, "%s/ema.conf", rig->folder);
	rig->conf = conf_read_text(config, strlen(config), path, &findings);
	if (!rig->conf)
		show_all(&findings);
	assert_non_null(rig->conf);
	struct clients_settings settings = { .conf = rig->conf, .which = CLIENTS_OF_TOKENS, .trust = rig->trust, .clock = &test_clock };
	int code = clients_open(&settings, &findings, &rig->clients);
	if (code)
		show_all(&findings);
	assert_int_equal(code, EMA_OK);
	settings.which = CLIENTS_CALLERS;
	assert_int_equal(clients_open(&settings, &findings, &rig->callers), EMA_OK);
	findings_free(&findings);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;
	static const char *const files[] = { "key.jwks", "next.jwks", "old.secret", "new.secret", "self.pem" };
	char path[128];
	clients_free(rig->clients);
	clients_free(rig->callers);
	conf_free(rig->conf);
	trust_free(rig->trust);
	store_free(rig->store);
	certificate_close(rig->certificate);
	certificate_close(rig->other);
	jwk_free(rig->key);
	jwk_free(rig->next);
	jwk_free(rig->stranger);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", rig->folder, files[i]);
		unlink(path);
	}
	rmdir(rig->folder);
	free(rig);
	return 0;
}

static int authenticate(const struct clients *clients, struct rig *rig, const char *authorization, const char *body, struct client_request *more,
                        struct client_found *found, struct failure *failure)
{
	struct form form = { .count = 0 };
	struct client_request request = { .issuer = ISSUER, .endpoint = ENDPOINT, .store = rig->store, .now = NOW, .skew = 30, .deadline = NOW * 1000 + 1000,
	                                  .store_ms = 1000 };
	if (more) {
		request.certificate = more->certificate;
		request.certificate_verified = more->certificate_verified;
		request.now = more->now ? more->now : NOW;
		request.forgets_before = more->forgets_before;
		request.authorizations = more->authorizations;
		request.authorization_count = more->authorization_count;
	}
	if (authorization) {
		request.authorizations = &authorization;
		request.authorization_count = 1;
	}
	assert_int_equal(form_parse(body, strlen(body), &form, NULL), EMA_OK);
	request.form = &form;
	int code = client_authenticate(clients, &request, found, failure);
	form_free(&form);
	return code;
}

static void base64_of(const char *text, char out[1024])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text), to = 0;
	for (size_t i = 0; i < length; i += 3) {
		unsigned bits = 0;
		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (i + j < length ? (unsigned char)text[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			out[to++] = i + j <= length ? letters[bits >> (18 - 6 * j) & 63] : '=';
	}
	out[to] = 0;
}

/* JAG-11, JAG-12, JAG-13, JAG-14, JAG-24, JAG-26: secrets, one row for each fault. */
static void secrets(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *basic; /* before base64 */
		const char *body;
		int code;
		const char *claimed, *says;
	} rows[] = {
		{ "basic:" SECRET_NEW, "", EMA_OK, "basic", NULL },
		{ "b%61sic:" SECRET_NEW, "client_id=basic", EMA_OK, "basic", NULL },
		{ "basic:%66edcba9876543210-new", "", EMA_OK, "basic", NULL },
		{ "basic:" SECRET, "", EMA_CLIENT_REFUSED, "basic", "counts no more" }, /* its last second is over */
		{ "basic:wrong", "", EMA_CLIENT_REFUSED, "basic", "is wrong" },
		{ "basic:", "", EMA_CLIENT_REFUSED, "basic", "is wrong" },
		{ "basic:" SECRET_NEW "x", "", EMA_CLIENT_REFUSED, "basic", "is wrong" },
		{ "nobody:" SECRET_NEW, "", EMA_UNKNOWN_CLIENT, "nobody", "no client" },
		{ "Basic:" SECRET_NEW, "", EMA_UNKNOWN_CLIENT, "Basic", "no client" },
		{ "gateway:" SECRET, "", EMA_UNKNOWN_CLIENT, "gateway", "no client" }, /* a caller is no client */
		{ "basic", "", EMA_CLIENT_REFUSED, "", "ID:SECRET" },
		{ ":" SECRET_NEW, "", EMA_CLIENT_REFUSED, "", "id is absent" },
		{ "bas\ric:" SECRET_NEW, "", EMA_CLIENT_REFUSED, "", "control" },
		{ "basic:%00" SECRET_NEW, "", EMA_CLIENT_REFUSED, "", "control" },
		{ "basic:%0a", "", EMA_CLIENT_REFUSED, "", "control" },
		{ "basic:%4", "", EMA_CLIENT_REFUSED, "", "form-encoded" },
		{ "b\xc3\xa4:x", "", EMA_CLIENT_REFUSED, "", "ASCII" },
		{ "basic:" SECRET_NEW, "client_id=post", EMA_CLIENT_REFUSED, "basic", "client_id" },
		{ "basic:" SECRET_NEW, "client_secret=" SECRET_NEW, EMA_BAD_REQUEST, "", "more than one way" },
		{ "basic:" SECRET_NEW, "client_assertion=x", EMA_BAD_REQUEST, "", "more than one way" },
		{ "basic:" SECRET_NEW, "client_assertion_type=" URN, EMA_BAD_REQUEST, "", "more than one way" },
		{ "post:" SECRET, "", EMA_CLIENT_METHOD, "post", "client_secret_basic" },
		{ "pk:" SECRET, "", EMA_CLIENT_METHOD, "pk", "client_secret_basic" },
		{ "public:" SECRET, "", EMA_CLIENT_METHOD, "public", "client_secret_basic" },
		{ "dn:" SECRET, "", EMA_CLIENT_METHOD, "dn", "client_secret_basic" },
		{ "odd%3Aid:" SECRET, "", EMA_CLIENT_METHOD, "odd:id", "client_secret_basic" },
		{ "odd:id:" SECRET, "", EMA_UNKNOWN_CLIENT, "odd", "no client" }, /* what is not encoded ends at its colon */
		{ NULL, "client_id=post&client_secret=" SECRET, EMA_OK, "post", NULL },
		{ NULL, "client_id=odd%3Aid&client_secret=" SECRET, EMA_OK, "odd:id", NULL },
		{ NULL, "client_id=post&client_secret=" SECRET_NEW, EMA_CLIENT_REFUSED, "post", "is wrong" },
		{ NULL, "client_id=nobody&client_secret=" SECRET, EMA_UNKNOWN_CLIENT, "nobody", "no client" },
		{ NULL, "client_id=basic&client_secret=" SECRET_NEW, EMA_CLIENT_METHOD, "basic", "client_secret_post" },
		{ NULL, "client_id=pk&client_secret=" SECRET, EMA_CLIENT_METHOD, "pk", "client_secret_post" },
		{ NULL, "client_id=public&client_secret=" SECRET, EMA_CLIENT_METHOD, "public", "client_secret_post" },
		{ NULL, "client_secret=" SECRET, EMA_CLIENT_REFUSED, "", "id is absent" },
		{ NULL, "client_id=post&client_secret=" SECRET "&client_assertion=x", EMA_BAD_REQUEST, "", "more than one way" },
		{ NULL, "client_id=post&client_secret=", EMA_CLIENT_METHOD, "post", "client_id alone" },
		{ NULL, "client_id=post", EMA_CLIENT_METHOD, "post", "client_id alone" },
		{ NULL, "client_id=pk", EMA_CLIENT_METHOD, "pk", "client_id alone" },
		{ NULL, "client_id=nobody", EMA_UNKNOWN_CLIENT, "nobody", "no client" },
		{ NULL, "client_id=https%3A%2F%2Fclient.example%2Fc", EMA_UNKNOWN_CLIENT, "https://client.example/c", "no client" },
		{ NULL, "", EMA_CLIENT_REFUSED, "", "which client" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client_found found;
		struct failure failure = FAILURE_INIT;
		char header[1200] = "Basic ";
		if (rows[i].basic)
			base64_of(rows[i].basic, header + 6);
		int code = authenticate(rig->clients, rig, rows[i].basic ? header : NULL, rows[i].body, NULL, &found, &failure);
		if (code != rows[i].code || strcmp(found.claimed, rows[i].claimed) || (rows[i].says && !strstr(failure.text, rows[i].says)))
			fail_msg("row %zu: %d \"%s\" %s", i, code, found.claimed, failure.text);
		/* A 401 to it has a challenge (RFC 6749 5.2). */
		assert_int_equal(found.header, rows[i].basic != NULL);
		/* Nothing of a secret is in a text. */
		assert_null(strstr(failure.text, "0123456789"));
		assert_null(strstr(failure.text, "9876543210"));
		if (!code) {
			assert_string_equal(found.id, rows[i].claimed);
			assert_true(client_may_redeem(&found) && !found.public && !found.needs_proof && !found.needs_certificate);
		}
	}
}

/* Stands before OpenSSL's own: how much of whatever was hashed. */
static size_t hashed, hashed_bytes;
unsigned char *HMAC(const EVP_MD *type, const void *key, int key_length, const unsigned char *data, size_t length, unsigned char *out, unsigned *size)
{
	unsigned char *(*real)(const EVP_MD *, const void *, int, const unsigned char *, size_t, unsigned char *, unsigned *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "HMAC");
	memcpy(&real, &symbol, sizeof real);
	assert_non_null(real);
	hashed++;
	hashed_bytes += length;
	return real(type, key, key_length, data, length, out, size);
}

/* JAG-24: the wire says the same of a client that there is not and of a secret that is wrong, and the same work is done before: one hash of what came. */
static void one_answer(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *body;
		int code;
	} rows[] = {
		{ "client_id=post&client_secret=" SECRET, EMA_OK }, { "client_id=post&client_secret=" SECRET_NEW, EMA_CLIENT_REFUSED },
		{ "client_id=nobody&client_secret=" SECRET, EMA_UNKNOWN_CLIENT }, { "client_id=https%3A%2F%2Fa.example%2Fa&client_secret=" SECRET, EMA_UNKNOWN_CLIENT },
		{ "client_id=basic&client_secret=" SECRET, EMA_CLIENT_METHOD }, { "client_id=pk&client_secret=" SECRET, EMA_CLIENT_METHOD },
		{ "client_id=dn&client_secret=" SECRET, EMA_CLIENT_METHOD }, { "client_id=public&client_secret=" SECRET, EMA_CLIENT_METHOD },
	};
	static const int codes[] = { EMA_UNKNOWN_CLIENT, EMA_CLIENT_METHOD, EMA_CLIENT_REPLAYED };
	const struct code_row *refused = code_row(EMA_CLIENT_REFUSED);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		const struct code_row *row = code_row(codes[i]);
		assert_string_equal(row->oauth, refused->oauth);
		assert_string_equal(row->user, refused->user);
		assert_int_equal(row->token_status, refused->token_status);
		assert_int_equal(row->retry, refused->retry);
	}
	for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
		struct client_found found;
		char header[1200] = "Basic ", id[128] = "";
		sscanf(rows[i / 2].body, "client_id=%99[^&]", id);
		snprintf(id + strlen(id), sizeof id - strlen(id), ":%s", SECRET);
		base64_of(id, header + 6);
		hashed = hashed_bytes = 0;
		int code = authenticate(rig->clients, rig, i % 2 ? header : NULL, i % 2 ? "" : rows[i / 2].body, NULL, &found, NULL);
		assert_true(i % 2 ? code != EMA_OK : code == rows[i / 2].code);
		assert_int_equal(hashed, 1);
		assert_int_equal(hashed_bytes, strlen(SECRET));
	}
}

/* JAG-12, JAG-13: headers that are no Basic credentials, or too many. */
static void odd_headers(void **state)
{
	struct rig *rig = *state;
	static const char good[] = "Basic YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXc="; /* basic:fedcba9876543210-new */
	static const struct { const char *header; int code; } rows[] = {
		{ good, EMA_OK }, { "basic YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXc=", EMA_OK }, { "Basic   YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXc=", EMA_OK },
		{ "Basic YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXc", EMA_CLIENT_REFUSED }, { "Basic YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXd=", EMA_CLIENT_REFUSED },
		{ "Basic YmFzaWM6ZmVkY2JhOTg3NjU0MzIxMC1uZXc= x", EMA_CLIENT_REFUSED }, { "Basic YmFzaWM6 ZmVkY2JhOTg3NjU0MzIxMC1uZXc=", EMA_CLIENT_REFUSED },
		{ "Basic ", EMA_CLIENT_REFUSED }, { "Basic", EMA_CLIENT_REFUSED }, { "", EMA_CLIENT_REFUSED }, { "Bearer abc", EMA_CLIENT_REFUSED },
		{ "Basic AGJhc2ljOng=", EMA_CLIENT_REFUSED }, /* begins with a NUL */
		{ "Basic ====", EMA_CLIENT_REFUSED },
	};
	struct client_found found;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int code = authenticate(rig->clients, rig, rows[i].header, "", NULL, &found, NULL);
		if (code != rows[i].code)
			fail_msg("row %zu: %d", i, code);
		assert_true(found.header);
	}
	const char *const two[] = { good, good };
	struct client_request more = { .authorizations = two, .authorization_count = 2 };
	assert_int_equal(authenticate(rig->clients, rig, NULL, "", &more, &found, NULL), EMA_BAD_REQUEST);
	char large[10000];
	memset(large, 'A', sizeof large);
	memcpy(large, "Basic ", 6);
	large[sizeof large - 1] = 0;
	assert_int_equal(authenticate(rig->clients, rig, large, "", NULL, &found, NULL), EMA_CLIENT_REFUSED);
	memset(large, 'a', 1000);
	memcpy(large, "client_id=", 10);
	large[10 + CLIENT_ID_MOST + 1] = 0;
	assert_int_equal(authenticate(rig->clients, rig, NULL, large, NULL, &found, NULL), EMA_CLIENT_REFUSED);
	assert_string_equal(found.claimed, "");
}

/* JAG-26: a secret counts until its end date, to the second. */
static void secrets_rotate(void **state)
{
	struct rig *rig = *state;
	struct client_found found;
	char header[1200] = "Basic ";
	struct client_request before = { .now = NOW - 1 };
	base64_of("basic:" SECRET, header + 6);
	assert_int_equal(authenticate(rig->clients, rig, header, "", &before, &found, NULL), EMA_OK);
	assert_int_equal(authenticate(rig->clients, rig, header, "", NULL, &found, NULL), EMA_CLIENT_REFUSED);
	base64_of("basic:" SECRET_NEW, header + 6);
	assert_int_equal(authenticate(rig->clients, rig, header, "", &before, &found, NULL), EMA_OK);
}

/* ---- private_key_jwt ---- */

static void post_assertion(char body[ROOM], const struct jwk *key, enum jose_algorithm algorithm, const char *type, const char *payload, const char *more)
{
	char *token = NULL;
	assert_int_equal(jws_sign(key, algorithm, type, "", payload, strlen(payload), &token, NULL), EMA_OK);
	snprintf(body, ROOM, "client_assertion_type=%s&client_assertion=%s%s", URN, token, more);
	free(token);
}

#define CLAIMS(iss, sub, aud, times, jti) "{\"iss\":" iss ",\"sub\":" sub ",\"aud\":" aud "," times jti "}"
#define LIVE "\"exp\":1800000060"
#define GOOD(jti) CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"" jti "\"")

/* JAG-15, JAG-16, JAG-17, JAG-18, JWT-63: each fault alone. */
static void assertions(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *type, *payload, *more;
		int code;
		const char *says;
	} rows[] = {
		{ NULL, GOOD("1"), "", EMA_OK, NULL },
		{ "JWT", GOOD("2"), "", EMA_OK, NULL },
		{ "client-authentication+jwt", GOOD("3"), "", EMA_OK, NULL },
		{ "application/Client-Authentication+JWT", GOOD("4"), "&client_id=pk", EMA_OK, NULL },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[\"" ISSUER "\"]", LIVE, ",\"jti\":\"5\""), "", EMA_OK, NULL },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE ",\"iat\":1800000000,\"nbf\":1800000000", ",\"jti\":\"6\""), "", EMA_OK, NULL },
		{ "at+jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ "oauth-id-jag+jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ "dpop+jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ "secevent+jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ "token-introspection+jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ "x/jwt", GOOD("a"), "", EMA_CLIENT_REFUSED, "typ" },
		{ NULL, CLAIMS("\"other\"", "\"pk\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "iss and sub" },
		{ NULL, CLAIMS("\"pk\"", "\"rotating\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "iss and sub" },
		{ NULL, CLAIMS("7", "\"pk\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "iss and sub" },
		{ NULL, CLAIMS("\"pk\"", "null", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "id is absent" },
		{ NULL, CLAIMS("\"nobody\"", "\"nobody\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_UNKNOWN_CLIENT, "no client" },
		{ NULL, CLAIMS("\"post\"", "\"post\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_METHOD, "private_key_jwt" },
		{ NULL, CLAIMS("\"public\"", "\"public\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_METHOD, "private_key_jwt" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ENDPOINT "\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "RFC 10070" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[\"" ISSUER "\",\"x\"]", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "2 values" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[\"" ISSUER "\",\"" ISSUER "\"]", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "2 values" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[]", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "0 values" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[7]", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "aud is absent" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "[[\"" ISSUER "\"]]", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "aud is absent" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "7", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "aud is absent" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "/\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "not the issuer" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"https://AUTH.acme.example\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "not the issuer" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"\"", LIVE, ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "not the issuer" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", "\"iat\":1800000000", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "no exp" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", "\"exp\":1799999970", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "expired" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", "\"exp\":\"1800000060\"", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "exp" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", "\"exp\":1800003631", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "ahead" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE ",\"iat\":1800000031", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "future" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE ",\"nbf\":1800000031", ",\"jti\":\"a\""), "", EMA_CLIENT_REFUSED, "nbf" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE, ""), "", EMA_CLIENT_REFUSED, "jti" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"\""), "", EMA_CLIENT_REFUSED, "jti" },
		{ NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE, ",\"jti\":7"), "", EMA_CLIENT_REFUSED, "jti" },
		{ NULL, GOOD("a"), "&client_id=post", EMA_CLIENT_REFUSED, "client_id" },
		{ NULL, GOOD("a"), "&client_secret=x", EMA_BAD_REQUEST, "more than one" },
		{ NULL, "{\"iss\":\"pk\",\"iss\":\"pk\"}", "", EMA_CLIENT_REFUSED, "twice" },
		{ NULL, "[]", "", EMA_CLIENT_REFUSED, "object" },
		/* None of these burned it. */
		{ NULL, GOOD("a"), "", EMA_OK, NULL },
		{ NULL, GOOD("a"), "", EMA_CLIENT_REPLAYED, "used before" },
	};
	char body[ROOM];
	struct client_found found;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		post_assertion(body, rig->key, JOSE_ES256, rows[i].type, rows[i].payload, rows[i].more);
		int code = authenticate(rig->clients, rig, NULL, body, NULL, &found, &failure);
		if (code != rows[i].code || (rows[i].says && !strstr(failure.text, rows[i].says)))
			fail_msg("row %zu: %d %s", i, code, failure.text);
		assert_string_equal(found.key, !code || code == EMA_CLIENT_REPLAYED ? jwk_thumbprint(rig->key) : found.key);
		assert_false(found.header);
	}
	/* JWT-66: at whatever endpoint. */
	post_assertion(body, rig->key, JOSE_ES256, NULL, GOOD("a"), "");
	assert_int_equal(authenticate(rig->callers, rig, NULL, body, NULL, &found, NULL), EMA_CLIENT_REPLAYED);
}

/* JAG-15: the client's key with an algorithm that its entry does not have. */
static void algorithms_of_a_client(void **state)
{
	struct rig *rig = *state;
	char body[ROOM];
	struct client_found found;
	post_assertion(body, rig->next, JOSE_ED25519, NULL, CLAIMS("\"wide\"", "\"wide\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"1\""), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL), EMA_OK);
	post_assertion(body, rig->next, JOSE_ED25519, NULL, CLAIMS("\"narrow\"", "\"narrow\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"1\""), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL), EMA_CLIENT_REFUSED);
}

/* JAG-15, JAG-18: what is no assertion, and signatures of others. */
static void assertions_of_others(void **state)
{
	struct rig *rig = *state;
	static const struct { const char *body, *says; } rows[] = {
		{ "client_assertion=a.b.c", "client_assertion_type" },
		{ "client_assertion_type=jwt-bearer&client_assertion=a.b.c", "client_assertion_type" },
		{ "client_assertion_type=" URN, "without client_assertion" },
		{ "client_assertion_type=" URN "&client_assertion=a.b.c", "assertion" },
		{ "client_assertion_type=" URN "&client_assertion=a.b.c.d.e", "encrypted" },
		{ "client_assertion_type=" URN "&client_assertion=eyJhbGciOiJub25lIn0.e30.", "alg" },
		{ "client_assertion_type=" URN "&client_assertion=eyJhbGciOiJIUzI1NiJ9.e30.AA", "alg" },
	};
	char body[ROOM];
	struct client_found found;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		int code = authenticate(rig->clients, rig, NULL, rows[i].body, NULL, &found, &failure);
		if (code != EMA_CLIENT_REFUSED || !strstr(failure.text, rows[i].says))
			fail_msg("row %zu: %d %s", i, code, failure.text);
	}
	post_assertion(body, rig->stranger, JOSE_ES256, NULL, GOOD("s"), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL), EMA_CLIENT_REFUSED);
	assert_string_equal(found.claimed, "pk");
	assert_string_equal(found.key, "");
	assert_null(found.id);
	/* Not in the client's list. */
	post_assertion(body, rig->next, JOSE_ED25519, NULL, GOOD("s"), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL), EMA_CLIENT_REFUSED);
	/* JAG-58 */
	post_assertion(body, rig->key, JOSE_ES256, NULL, CLAIMS("\"pk\"", "\"pk\"", "\"" ISSUER "\"", LIVE ",\"iat\":1799999900", ",\"jti\":\"old\""), "");
	struct client_request restarted = { .forgets_before = NOW - 99 };
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, &restarted, &found, NULL), EMA_CLIENT_REFUSED);
	restarted.forgets_before = NOW - 100;
	struct forgetful forgetful = { .since = (NOW - 110) * 1000 };
	assert_int_equal(store_begin(&forgetful.store, &forgetful_kind, NULL), EMA_OK);
	struct store *store = rig->store;
	rig->store = &forgetful.store;
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, &restarted, &found, NULL), EMA_CLIENT_REFUSED);
	forgetful.since = (NOW - 120) * 1000;
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, &restarted, &found, NULL), EMA_OK);
	rig->store = store;
	EVP_MD_free(forgetful.store.sha256);
	post_assertion(body, rig->key, JOSE_ES256, NULL, GOOD("no-iat"), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, &restarted, &found, NULL), EMA_CLIENT_REFUSED);
}

/* JAG-26: several sources of keys with their dates; JAG-15: the store's room is each client's own. */
static void keys_rotate(void **state)
{
	struct rig *rig = *state;
	static const struct { int next; int64_t now; int code; } rows[] = {
		{ 0, NOW, EMA_OK }, { 1, NOW, EMA_OK }, { 1, NOW - 1, EMA_CLIENT_REFUSED }, { 0, 1801439999, EMA_OK }, { 0, 1801440000, EMA_CLIENT_REFUSED },
		{ 1, 1801440000, EMA_OK },
	};
	char body[ROOM], payload[512];
	struct client_found found;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client_request request = { .now = rows[i].now };
		struct failure failure = FAILURE_INIT;
		snprintf(payload, sizeof payload, "{\"iss\":\"rotating\",\"sub\":\"rotating\",\"aud\":\"" ISSUER "\",\"exp\":%lld,\"jti\":\"r%zu\"}",
		         (long long)rows[i].now + 60, i);
		post_assertion(body, rows[i].next ? rig->next : rig->key, rows[i].next ? JOSE_ED25519 : JOSE_ES256, NULL, payload, "");
		int code = authenticate(rig->clients, rig, NULL, body, &request, &found, &failure);
		if (code != rows[i].code)
			fail_msg("row %zu: %d %s", i, code, failure.text);
	}
	int code = EMA_OK;
	for (int i = 0; i < 40 && !code; i++) {
		snprintf(payload, sizeof payload, "{\"iss\":\"pk\",\"sub\":\"pk\",\"aud\":\"" ISSUER "\",\"exp\":1800000060,\"jti\":\"f%d\"}", i);
		post_assertion(body, rig->key, JOSE_ES256, NULL, payload, "");
		code = authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL);
	}
	assert_int_equal(code, EMA_STORE_FULL);
	post_assertion(body, rig->key, JOSE_ES256, NULL, CLAIMS("\"rotating\"", "\"rotating\"", "\"" ISSUER "\"", LIVE, ",\"jti\":\"own\""), "");
	assert_int_equal(authenticate(rig->clients, rig, NULL, body, NULL, &found, NULL), EMA_OK);
}

/* ---- Certificates and public clients ---- */

/* JAG-19: one attribute, of the kind that is registered. */
static void certificates(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *id;
		char certificate; /* 'c', 'o' another, '-' none */
		int verified;
		int64_t now;
		int code;
		const char *says;
	} rows[] = {
		{ "dn", 'c', 1, NOW, EMA_OK, NULL }, { "dns", 'c', 1, NOW, EMA_OK, NULL }, { "uri", 'c', 1, NOW, EMA_OK, NULL }, { "ip", 'c', 1, NOW, EMA_OK, NULL },
		{ "email", 'c', 1, NOW, EMA_OK, NULL },
		{ "dn", 'c', 0, NOW, EMA_CLIENT_REFUSED, "not verified" }, { "dns", 'c', 0, NOW, EMA_CLIENT_REFUSED, "not verified" },
		{ "dn", '-', 1, NOW, EMA_CLIENT_REFUSED, "without a TLS certificate" }, { "self", '-', 0, NOW, EMA_CLIENT_REFUSED, "without a TLS certificate" },
		{ "dn", 'o', 1, NOW, EMA_CLIENT_REFUSED, "name" }, { "dns", 'o', 1, NOW, EMA_CLIENT_REFUSED, "name" }, { "uri", 'o', 1, NOW, EMA_CLIENT_REFUSED, "name" },
		{ "ip", 'o', 1, NOW, EMA_CLIENT_REFUSED, "name" }, { "email", 'o', 1, NOW, EMA_CLIENT_REFUSED, "name" },
		{ "mixed", 'c', 1, NOW, EMA_CLIENT_REFUSED, "name" }, /* its DNS name is no subject */
		{ "dn", 'c', 1, NOW + 2 * 86400, EMA_CLIENT_REFUSED, "expired" }, { "self", 'c', 0, NOW - 2 * 86400, EMA_CLIENT_REFUSED, "not valid yet" },
		{ "self", 'c', 0, NOW, EMA_OK, NULL }, { "self", 'c', 1, NOW, EMA_OK, NULL }, { "self", 'o', 1, NOW, EMA_CLIENT_REFUSED, "none of those" },
		{ "pk", 'c', 1, NOW, EMA_CLIENT_METHOD, "client_id alone" }, { "post", 'c', 1, NOW, EMA_CLIENT_METHOD, "client_id alone" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client_request request = { .now = rows[i].now, .certificate_verified = rows[i].verified,
		                                  .certificate = rows[i].certificate == 'c' ? rig->certificate : rows[i].certificate == 'o' ? rig->other : NULL };
		struct client_found found;
		struct failure failure = FAILURE_INIT;
		char body[64];
		snprintf(body, sizeof body, "client_id=%s", rows[i].id);
		int code = authenticate(rig->clients, rig, NULL, body, &request, &found, &failure);
		if (code != rows[i].code || (rows[i].says && !strstr(failure.text, rows[i].says)))
			fail_msg("row %zu: %d %s", i, code, failure.text);
		if (!code) {
			assert_string_equal(found.key, certificate_thumbprint(rig->certificate));
			assert_int_equal(found.needs_certificate, !strcmp(rows[i].id, "self"));
		}
	}
	/* A secret beside it is another way. */
	struct client_request request = { .certificate = rig->certificate, .certificate_verified = 1 };
	struct client_found found;
	assert_int_equal(authenticate(rig->clients, rig, NULL, "client_id=dn&client_secret=" SECRET, &request, &found, NULL), EMA_CLIENT_METHOD);
}

/* JAG-22, JAG-102: public clients are told as such, and always bound; what a client is registered for. */
static void what_a_client_may(void **state)
{
	struct rig *rig = *state;
	struct client_found found;
	assert_int_equal(authenticate(rig->clients, rig, NULL, "client_id=public", NULL, &found, NULL), EMA_OK);
	assert_true(found.public && found.needs_proof && !found.needs_certificate);
	assert_int_equal(authenticate(rig->clients, rig, NULL, "client_id=mtls-public", NULL, &found, NULL), EMA_OK);
	assert_true(found.public && !found.needs_proof && found.needs_certificate);
	assert_int_equal(authenticate(rig->clients, rig, NULL, "client_id=retired&client_secret=" SECRET, NULL, &found, NULL), EMA_OK);
	assert_false(client_may_redeem(&found));
	assert_true(client_may_reach(&found, "github"));
	assert_false(client_may_reach(&found, "jira"));
	assert_int_equal(authenticate(rig->clients, rig, NULL, "client_id=post&client_secret=" SECRET, NULL, &found, NULL), EMA_OK);
	assert_true(client_may_redeem(&found) && client_may_reach(&found, "anything"));
	assert_int_equal(clients_methods(rig->clients), AUTH_BIT(AUTH_PRIVATE_KEY_JWT) | AUTH_BIT(AUTH_SECRET_BASIC) | AUTH_BIT(AUTH_SECRET_POST) | AUTH_BIT(AUTH_TLS) |
	                 AUTH_BIT(AUTH_TLS_SELF_SIGNED) | AUTH_BIT(AUTH_NONE));
	/* Callers are others. */
	char header[1200] = "Basic ";
	base64_of("gateway:" SECRET, header + 6);
	assert_int_equal(authenticate(rig->callers, rig, header, "", NULL, &found, NULL), EMA_OK);
	assert_true(client_may_reach(&found, "github"));
	assert_false(client_may_redeem(&found) || client_may_reach(&found, "jira"));
	assert_int_equal(authenticate(rig->callers, rig, NULL, "client_id=post&client_secret=" SECRET, NULL, &found, NULL), EMA_UNKNOWN_CLIENT);
	assert_int_equal(clients_methods(rig->callers), AUTH_BIT(AUTH_PRIVATE_KEY_JWT) | AUTH_BIT(AUTH_SECRET_BASIC));
}

/* JAG-14, JAG-19: what is wrong in files is told when they are loaded, with the line, and without the secret. */
static void wrong_files(void **state)
{
	struct rig *rig = *state;
	static const struct { const char *file, *text, *entry, *says; } rows[] = {
		{ "x.secret", "short", "auth = \"client_secret_post\"; secret = { file = \"x.secret\"; };", "16 to 512" },
		{ "x.secret", "", "auth = \"client_secret_post\"; secret = { file = \"x.secret\"; };", "is empty" },
		{ "x.secret", "sixteen characters and a blank", "auth = \"client_secret_basic\"; secret = { file = \"x.secret\"; };", "client_secret_basic" },
		{ "x.secret", "sixteen characters/more", "auth = \"client_secret_basic\"; secret = { file = \"x.secret\"; };", "client_secret_basic" },
		{ "x.secret", "sixteen characters\nand a line", "auth = \"client_secret_post\"; secret = { file = \"x.secret\"; };", "second line" },
		{ "x.jwks", "{}", "auth = \"private_key_jwt\"; jwks_file = \"x.jwks\";", "x.jwks" },
		{ "x.jwks", "{\"keys\":[]}", "auth = \"private_key_jwt\"; jwks_file = \"x.jwks\";", "no usable key" },
		{ NULL, NULL, "auth = \"private_key_jwt\"; jwks = \"nonsense\";", "jwks" },
		{ "x.pem", "nonsense", "auth = \"self_signed_tls_client_auth\"; certificate_file = \"x.pem\";", "no certificate" },
		{ "x.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "auth = \"self_signed_tls_client_auth\"; certificate_file = \"x.pem\";", "number 1" },
		{ NULL, NULL, "auth = \"tls_client_auth\"; subject_dn = \"vscode\";", "distinguished name" },
		{ NULL, NULL, "auth = \"tls_client_auth\"; san_ip = \"vscode\";", "no IP address" },
		{ NULL, NULL, "auth = \"tls_client_auth\"; san_email = \"vscode\";", "no e-mail address" },
	};
	char path[128], text[512], name[128];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct clients *clients = NULL;
		if (rows[i].file)
			write_file(rig, rows[i].file, rows[i].text);
		snprintf(text, sizeof text, "\nclients = ( { id = \"c\"; %s } );", rows[i].entry);
		snprintf(path, sizeof path, "%s/ema.conf", rig->folder);
		struct conf *conf = conf_read_text(text, strlen(text), path, &findings);
		if (!conf)
			show_all(&findings);
		assert_non_null(conf);
		struct clients_settings settings = { .conf = conf, .trust = rig->trust, .clock = &test_clock };
		assert_int_equal(clients_open(&settings, &findings, &clients), EMA_CONFIG);
		if (!show_find(&findings, "E-VALUE", 2, rows[i].says)) {
			show_all(&findings);
			fail_msg("row %zu", i);
		}
		assert_null(strstr(findings.list[findings.count - 1].text, "sixteen"));
		findings_free(&findings);
		conf_free(conf);
		if (rows[i].file) {
			snprintf(name, sizeof name, "%s/%s", rig->folder, rows[i].file);
			unlink(name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(secrets, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(one_answer, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(odd_headers, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(secrets_rotate, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(assertions, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(algorithms_of_a_client, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(assertions_of_others, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(keys_rotate, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(certificates, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(what_a_client_may, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(wrong_files, rig_begin, rig_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
