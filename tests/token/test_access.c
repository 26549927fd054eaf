#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "access.h"
#include "base64url.h"
#include "buffer.h"
#include "jwt.h"

#define NOW INT64_C(1780272000)
#define THUMBPRINT "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

static int64_t now_read(void *data)
{
	(void)data;
	return NOW * 1000;
}

static const struct clock test_clock = { now_read, now_read, NULL };

static struct seen *known;

static int set_up(void **state)
{
	const struct keyring_settings settings = { .clock = &test_clock, .algorithm = JOSE_ES256 };
	if (!known)
		known = seen_new(64, 1 << 20);
	return keyring_open(&settings, (struct keyring **)state, NULL);
}

static int tear_down(void **state)
{
	keyring_close(*state);
	seen_free(known);
	known = NULL;
	return 0;
}

static const char *const issuers[] = { "https://auth.example/other", "https://auth.example" };
static const struct access_rules rules = { issuers, 2, "https://mcp.example/github", NOW, 30, 0, NULL };
static const char *const scopes[] = { "repo:read", "repo:write" };
static const char *const amr[] = { "pwd", "mfa" };
static const char *const actors[] = { "agent", "agent's agent" };
static const struct access_name groups[] = { { "engineering", "staff", NULL }, { "a \"b\"", "claims", "t1" } };
static const struct access_name roles[] = { { "reader", "claims", NULL } };

/* By a reader that remembers nothing, by one that sees it for the first time, and by one that knows it: with the same answer. */
static int read_token(struct keyring *keyring, const char *token, size_t length, struct access_token *out, struct failure *failure)
{
	struct access_rules remembering = rules;
	struct access_token plain;
	int code = access_read(keyring, token, length, &rules, &plain, failure);
	remembering.known = known;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(access_read(keyring, token, length, &remembering, out, NULL), code);
		if (code)
			continue;
		assert_non_null(out->known);
		assert_string_equal(out->subject, plain.subject);
		assert_string_equal(out->kid, plain.kid);
		assert_int_equal(out->algorithm, JOSE_ES256);
		assert_int_equal(out->claims.scope_count, plain.claims.scope_count);
		assert_int_equal(out->claims.group_count, plain.claims.group_count);
		if (!round)
			access_free(out);
	}
	if (!code)
		access_free(&plain);
	return code;
}

static struct access_claims least(void)
{
	return (struct access_claims){ .issuer = issuers[1], .audience = rules.audience, .client_id = "vscode", .jti = "j1", .issued = NOW,
	                               .expires = NOW + 3600, .provider = "okta", .sub = "00u1/x", .auth_time = JWT_ABSENT };
}

static char *payload_of(const char *token)
{
	static char text[20000];
	const char *from = strchr(token, '.') + 1;
	long length = base64url_decode(from, strcspn(from, "."), text);
	assert_true(length > 0);
	text[length] = 0;
	return text;
}

/* JWT-69, JWT-70, JWT-71, JWT-73, JAG-108, JAG-110: a token has what it must have, and nothing else. */
static void least_token(void **state)
{
	struct access_claims claims = least();
	char *token = NULL;
	struct access_token out;
	assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
	assert_string_equal(payload_of(token), "{\"iss\":\"https://auth.example\",\"aud\":\"https://mcp.example/github\",\"sub\":\"okta/-/00u1%2Fx\","
	                                       "\"client_id\":\"vscode\",\"jti\":\"j1\",\"iat\":1780272000,\"exp\":1780275600,"
	                                       "\"urn:ema:login\":{\"provider\":\"okta\",\"sub\":\"00u1/x\"}}");
	char header[512] = "";
	base64url_decode(token, strcspn(token, "."), header);
	assert_non_null(strstr(header, "\"typ\":\"at+jwt\""));
	assert_non_null(strstr(header, "\"kid\":"));
	assert_int_equal(read_token(*state, token, strlen(token), &out, NULL), EMA_OK);
	assert_string_equal(out.subject, "okta/-/00u1%2Fx");
	assert_string_equal(out.claims.sub, "00u1/x");
	assert_null(out.claims.tenant);
	assert_null(out.claims.email);
	assert_int_equal(out.claims.scope_count + out.claims.group_count + out.claims.role_count + out.claims.amr_count + out.claims.actor_count, 0);
	assert_true(out.claims.auth_time == JWT_ABSENT);
	assert_true(out.claims.issued == NOW && out.claims.expires == NOW + 3600);
	access_free(&out);
	free(token);
}

/* JWT-72: all that there may be comes back as it was. */
static void full_token(void **state)
{
	struct access_claims claims = least(), *c;
	char *token = NULL;
	struct access_token out;
	claims.scopes = scopes, claims.scope_count = 2;
	claims.x5t = THUMBPRINT;
	claims.actors = actors, claims.actor_count = 2;
	claims.tenant = "t1";
	claims.person = "p/\xc3\xa9";
	claims.acr = "urn:acme:high";
	claims.amr = amr, claims.amr_count = 2;
	claims.auth_time = NOW - 60;
	claims.email = "a@acme.example";
	claims.name_id = "http%3A%2F%2Fidp/ada";
	claims.groups = groups, claims.group_count = 2;
	claims.roles = roles, claims.role_count = 1;
	assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
	assert_int_equal(read_token(*state, token, strlen(token), &out, NULL), EMA_OK);
	c = &out.claims;
	assert_string_equal(out.subject, "okta/t1/00u1%2Fx");
	assert_int_equal(c->scope_count, 2);
	assert_string_equal(c->scopes[1], "repo:write");
	assert_string_equal(c->x5t, THUMBPRINT);
	assert_null(c->jkt);
	assert_int_equal(c->actor_count, 2);
	assert_string_equal(c->actors[0], "agent");
	assert_string_equal(c->actors[1], "agent's agent");
	assert_string_equal(c->tenant, "t1");
	assert_string_equal(c->person, claims.person);
	assert_string_equal(c->acr, claims.acr);
	assert_int_equal(c->amr_count, 2);
	assert_string_equal(c->amr[1], "mfa");
	assert_true(c->auth_time == NOW - 60);
	assert_string_equal(c->email, claims.email);
	assert_string_equal(c->name_id, claims.name_id);
	assert_int_equal(c->group_count, 2);
	assert_string_equal(c->groups[0].source, "staff");
	assert_null(c->groups[0].tenant);
	assert_string_equal(c->groups[1].name, "a \"b\"");
	assert_string_equal(c->groups[1].tenant, "t1");
	assert_int_equal(c->role_count, 1);
	assert_string_equal(c->roles[0].name, "reader");
	access_free(&out);
	free(token);
}

/* JAG-109, JWT-69: what is not minted. */
static void not_minted(void **state)
{
	static char long_text[4096];
	memset(long_text, 'x', sizeof long_text - 1);
	static const char *const bad_scope[] = { "a b" };
	static const char *const bad_amr[] = { "" };
	static struct access_name many[ACCESS_NAMES_MOST + 1];
	for (size_t i = 0; i <= ACCESS_NAMES_MOST; i++)
		many[i] = (struct access_name){ "a group of a long name", "claims", NULL };
	struct {
		struct access_claims claims;
		int code;
	} rows[32];
	size_t count = 0;
#define ROW(change, expected)                                               \
	do {                                                                \
		struct access_claims c = least();                           \
		change;                                                     \
		rows[count].claims = c;                                     \
		rows[count++].code = expected;                              \
	} while (0)
	ROW(c.issuer = NULL, EMA_BAD_CLAIM);
	ROW(c.audience = NULL, EMA_BAD_CLAIM);
	ROW(c.client_id = NULL, EMA_BAD_CLAIM);
	ROW(c.jti = NULL, EMA_BAD_CLAIM);
	ROW(c.provider = NULL, EMA_BAD_CLAIM);
	ROW(c.sub = NULL, EMA_BAD_CLAIM);
	ROW(c.sub = "", EMA_BAD_CLAIM);
	ROW(c.sub = long_text, EMA_BAD_CLAIM);
	ROW(c.sub = "a\xe2\x80\x8e", EMA_BAD_CLAIM); /* would be read as another subject */
	ROW(c.sub = "a\xff", EMA_BAD_CLAIM);
	ROW(c.sub = "a\xef\xbf\xbd", EMA_OK);
	ROW(c.tenant = "", EMA_BAD_CLAIM);
	ROW(c.person = "\xef\xbb\xbf", EMA_BAD_CLAIM);
	ROW(c.expires = NOW, EMA_LIFETIME_TOO_LONG);
	ROW(c.expires = NOW + 86401, EMA_LIFETIME_TOO_LONG);
	ROW(c.expires = NOW + 86400, EMA_OK);
	ROW((c.scopes = bad_scope, c.scope_count = 1), EMA_BAD_CLAIM);
	ROW((c.amr = bad_amr, c.amr_count = 1), EMA_BAD_CLAIM);
	ROW(c.jkt = "short", EMA_BAD_CLAIM);
	ROW((c.jkt = THUMBPRINT, c.x5t = THUMBPRINT), EMA_BAD_CLAIM);
	ROW(c.jkt = THUMBPRINT "A", EMA_BAD_CLAIM);
	ROW((c.groups = many, c.group_count = ACCESS_NAMES_MOST + 1), EMA_TOO_LARGE);
	ROW((c.groups = many, c.group_count = ACCESS_NAMES_MOST), EMA_TOO_LARGE); /* over 12 KiB */
	ROW((c.groups = many, c.group_count = 300), EMA_OK);
	for (size_t i = 0; i < count; i++) {
		char *token = NULL;
		struct failure failure = FAILURE_INIT;
		struct access_token out;
		int code = access_mint(*state, &rows[i].claims, &token, &failure);
		if (code != rows[i].code)
			fail_msg("row %zu: %d, expected %d: %s", i, code, rows[i].code, failure.text);
		assert_int_equal(token != NULL, code == EMA_OK);
		if (!code) {
			assert_int_equal(read_token(*state, token, strlen(token), &out, NULL), EMA_OK);
			assert_string_equal(out.claims.sub, rows[i].claims.sub);
			access_free(&out);
		}
		free(token);
	}
}

#define ISS "\"iss\":\"https://auth.example\","
#define AUD "\"aud\":\"https://mcp.example/github\","
#define SUB "\"sub\":\"okta/-/u\","
#define CID "\"client_id\":\"vscode\","
#define JTI "\"jti\":\"j\","
#define IAT "\"iat\":1780272000,"
#define EXP "\"exp\":1780275600,"
#define LOG "\"urn:ema:login\":{\"provider\":\"okta\",\"sub\":\"u\"}"
#define REST SUB CID JTI IAT EXP LOG
#define LOGIN(more) "{" ISS AUD SUB CID JTI IAT EXP "\"urn:ema:login\":{\"provider\":\"okta\",\"sub\":\"u\"," more "}}"
#define TOP(more) "{" more "," ISS AUD REST "}"

/* JWT-74, JWT-67: every fault has its code. */
static void faults(void **state)
{
	static const struct {
		const char *type, *payload;
		int code;
	} rows[] = {
		{ "at+jwt", "{" ISS AUD REST "}", EMA_OK },
		{ "application/at+jwt", "{" ISS AUD REST "}", EMA_OK },
		{ "AT+JWT", "{" ISS AUD REST "}", EMA_OK },
		{ NULL, "{" ISS AUD REST "}", EMA_WRONG_TYPE },
		{ "jwt", "{" ISS AUD REST "}", EMA_WRONG_TYPE },
		{ "oauth-id-jag+jwt", "{" ISS AUD REST "}", EMA_WRONG_TYPE },
		{ "at+jwt", "[]", EMA_BAD_JSON },
		{ "at+jwt", "{" ISS ISS AUD REST "}", EMA_DUPLICATE_MEMBER },
		{ "at+jwt", "{" AUD REST "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{\"iss\":1," AUD REST "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{\"iss\":[\"https://auth.example\"]," AUD REST "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{\"iss\":\"https://auth.example/\"," AUD REST "}", EMA_UNKNOWN_ISSUER },
		{ "at+jwt", "{" ISS REST "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS "\"aud\":\"https://mcp.example/other\"," REST "}", EMA_WRONG_AUDIENCE },
		{ "at+jwt", "{" ISS "\"aud\":[\"https://mcp.example/github\"]," REST "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS "\"aud\":\"\"," REST "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD CID JTI IAT EXP LOG "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD "\"sub\":\"okta/-/v\"," CID JTI IAT EXP LOG "}", EMA_SUBJECT_CONFLICT },
		{ "at+jwt", "{" ISS AUD SUB JTI IAT EXP LOG "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB "\"client_id\":{}," JTI IAT EXP LOG "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID IAT EXP LOG "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID "\"jti\":7," IAT EXP LOG "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI EXP LOG "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT LOG "}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT "\"exp\":\"1780275600\"," LOG "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT "\"exp\":1e10," LOG "}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT "\"exp\":1780271970," LOG "}", EMA_EXPIRED },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT "\"exp\":1780358431," LOG "}", EMA_LIFETIME_TOO_LONG },
		{ "at+jwt", "{" ISS AUD SUB CID JTI "\"iat\":1780272031," EXP LOG "}", EMA_ISSUED_IN_FUTURE },
		{ "at+jwt", TOP("\"nbf\":1780272031"), EMA_NOT_YET_VALID },
		{ "at+jwt", TOP("\"nbf\":\"x\""), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"scope\":\"a b\""), EMA_OK },
		{ "at+jwt", TOP("\"scope\":\"\""), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"scope\":\"a  b\""), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"scope\":\"a a\""), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"scope\":\"a \""), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"scope\":\"a\\tb\""), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"scope\":[\"a\"]"), EMA_BAD_SCOPE },
		{ "at+jwt", TOP("\"cnf\":{\"jkt\":\"" THUMBPRINT "\"}"), EMA_OK },
		{ "at+jwt", TOP("\"cnf\":{\"jkt\":\"x\"}"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"cnf\":{\"jkt\":\"" THUMBPRINT "\",\"x5t#S256\":\"" THUMBPRINT "\"}"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"cnf\":{\"jwk\":{}}"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"cnf\":{}"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"cnf\":null"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"act\":{\"sub\":\"a\",\"act\":{\"sub\":\"b\"}}"), EMA_OK },
		{ "at+jwt", TOP("\"act\":{\"sub\":\"a\",\"act\":{}}"), EMA_BAD_CLAIM },
		{ "at+jwt", TOP("\"act\":\"a\""), EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT "\"exp\":1780275600}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT EXP "\"urn:ema:login\":[]}", EMA_BAD_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT EXP "\"urn:ema:login\":{}}", EMA_MISSING_CLAIM },
		{ "at+jwt", "{" ISS AUD SUB CID JTI IAT EXP "\"urn:ema:login\":{\"provider\":\"okta\"}}", EMA_MISSING_CLAIM },
		{ "at+jwt", LOGIN("\"tenant\":\"t\""), EMA_SUBJECT_CONFLICT },
		{ "at+jwt", LOGIN("\"tenant\":null"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"person\":[]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"acr\":1"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"auth_time\":\"1\""), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"email\":{}"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"amr\":\"mfa\""), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"amr\":[1]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":{\"a\":[]}"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[\"a\"]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[[\"a\"]]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[[\"a\",\"b\",\"c\",\"d\"]]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[[\"a\",1]]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[{\"x\":\"a\",\"y\":\"b\"}]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"groups\":[[\"a\",\"b\",null]]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"roles\":[[\"a\",\"b\",\"c\"],[\"\",\"b\"]]"), EMA_BAD_CLAIM },
		{ "at+jwt", LOGIN("\"roles\":[[\"a\",\"b\",\"c\"]],\"later\":1"), EMA_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = NULL;
		struct failure failure = FAILURE_INIT;
		struct access_token out;
		assert_int_equal(keyring_sign(*state, rows[i].type, rows[i].payload, strlen(rows[i].payload), &token, NULL), EMA_OK);
		int code = read_token(*state, token, strlen(token), &out, &failure);
		if (code != rows[i].code)
			fail_msg("row %zu: %s: %d, expected %d: %s", i, rows[i].payload, code, rows[i].code, failure.text);
		if (!code)
			access_free(&out);
		free(token);
	}
}

/* JWT-75: unsigned, encrypted, signed by another, with the public key as a secret: none is a token of ours. */
static void not_ours(void **state)
{
	static const char payload[] = "{" ISS AUD REST "}";
	static const struct {
		const char *header;
		int code;
	} rows[] = {
		{ "{\"alg\":\"none\",\"typ\":\"at+jwt\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", EMA_UNKNOWN_KEY },
		{ "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x\"}", EMA_UNKNOWN_KEY },
		{ "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"x\",\"jwk\":{}}", EMA_UNKNOWN_KEY },
		{ "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"crit\":[\"x\"]}", EMA_CRITICAL_HEADER },
	};
	struct access_token out;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char token[2048];
		size_t length = base64url_encode(rows[i].header, strlen(rows[i].header), token);
		token[length++] = '.';
		length += base64url_encode(payload, sizeof payload - 1, token + length);
		token[length++] = '.';
		length += base64url_encode("0123456789012345678901234567890123456789012345678901234567890123", 64, token + length);
		assert_int_equal(read_token(*state, token, length, &out, NULL), rows[i].code);
	}
	assert_int_equal(read_token(*state, "a.b.c.d.e", 9, &out, NULL), EMA_ENCRYPTED);
	assert_int_equal(read_token(*state, "", 0, &out, NULL), EMA_MALFORMED);
	void *other = NULL;
	char *token = NULL;
	struct access_claims claims = least();
	assert_int_equal(set_up(&other), 0);
	assert_int_equal(access_mint(other, &claims, &token, NULL), EMA_OK);
	assert_int_equal(read_token(*state, token, strlen(token), &out, NULL), EMA_UNKNOWN_KEY);
	keyring_close(other);
	free(token);
}

/* JWT-74: a token of which any byte was changed, or that was cut, is none. */
static void changed(void **state)
{
	struct access_claims claims = least();
	char *token = NULL;
	struct access_token out;
	claims.groups = groups, claims.group_count = 2;
	assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
	size_t length = strlen(token);
	static const char others[] = "A_.=\x80";
	for (size_t i = 0; i < length; i++) {
		char was = token[i];
		for (size_t j = 0; j < sizeof others; j++) {
			token[i] = others[j];
			if (token[i] != was)
				assert_int_not_equal(read_token(*state, token, length, &out, NULL), EMA_OK);
		}
		token[i] = was;
		assert_int_not_equal(read_token(*state, token, i, &out, NULL), EMA_OK);
	}
	assert_int_equal(read_token(*state, token, length, &out, NULL), EMA_OK);
	access_free(&out);
	free(token);
}

static uint64_t hits(void)
{
	uint64_t hits, added;
	seen_counts(known, &hits, &added);
	return hits;
}

/* JWT-61, JWT-63, JWT-64, JWT-70: of a token that is known, what may have changed is judged anew: its times, whom it is for, and its key. */
static void known_token(void **state)
{
	struct access_claims claims = least();
	struct access_rules r = rules;
	struct access_token out, held;
	char *token = NULL, *other = NULL;
	static const char *const another[] = { "https://auth.example/new" };
	r.known = known;
	assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
	const size_t length = strlen(token);
	/* What is refused is not remembered, */
	r.audience = "https://mcp.example/other";
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_WRONG_AUDIENCE);
	assert_int_equal(access_recall(*state, known, token, length, &out), 0);
	r.audience = rules.audience;
	assert_int_equal(access_read(*state, token, length, &r, &held, NULL), EMA_OK);
	assert_int_equal(hits(), 0);
	/* and what is remembered is refused where it does not hold. */
	r.audience = "https://mcp.example/other";
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_WRONG_AUDIENCE);
	r.audience = rules.audience;
	r.issuers = another, r.issuer_count = 1;
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_UNKNOWN_ISSUER);
	r.issuers = issuers, r.issuer_count = 2;
	r.now = NOW + 3600 + 30;
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_EXPIRED);
	r.now = NOW - 31;
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_ISSUED_IN_FUTURE);
	r.now = NOW;
	assert_int_equal(hits(), 4);
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_OK);
	assert_int_equal(hits(), 5);
	assert_ptr_equal(out.claims.sub, held.claims.sub);
	access_free(&out);
	/* Another key signs from here on, and the old one is void. */
	assert_int_equal(keyring_rotate(*state, 1, NULL), EMA_OK);
	assert_int_equal(access_recall(*state, known, token, length, &out), 0);
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_UNKNOWN_KEY);
	assert_int_equal(access_read(*state, token, length, &r, &out, NULL), EMA_UNKNOWN_KEY);
	assert_int_equal(access_mint(*state, &claims, &other, NULL), EMA_OK);
	assert_int_equal(read_token(*state, other, strlen(other), &out, NULL), EMA_OK);
	access_free(&out);
	/* Who has it keeps it. */
	assert_string_equal(held.subject, "okta/-/00u1%2Fx");
	access_free(&held);
	/* Another keyring, as of a process that was configured anew. */
	void *keyring = NULL;
	assert_int_equal(set_up(&keyring), 0);
	assert_int_equal(access_recall(keyring, known, other, strlen(other), &out), 0);
	keyring_close(keyring);
	free(token);
	free(other);
}

/* A key is added beside: what was verified by the one that stays is verified once more, and then known again. */
static void known_after_rotation(void **state)
{
	struct access_claims claims = least();
	struct access_rules r = rules;
	struct access_token out;
	char *token = NULL;
	r.known = known;
	assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
	for (int i = 0; i < 10; i++) {
		if (i == 5)
			assert_int_equal(keyring_rotate(*state, 0, NULL), EMA_OK);
		assert_int_equal(access_recall(*state, known, token, strlen(token), &out), i % 5 != 0);
		if (i % 5)
			access_free(&out);
		assert_int_equal(access_read(*state, token, strlen(token), &r, &out, NULL), EMA_OK);
		access_free(&out);
	}
	free(token);
}

/* However many tokens come of one issuer of ours, or of those for whom one provider vouched, others' stay known. */
static void known_in_a_flood(void **state)
{
	static const struct { const char *issuer, *provider; } rows[] = { { "https://auth.example", "entra" }, { "https://auth.example/other", "okta" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct access_rules r = rules;
		struct access_token out;
		char *first = NULL, *token = NULL, id[16];
		seen_free(known);
		r.known = known = seen_new(8, 1 << 20); /* all in one place */
		assert_non_null(known);
		struct access_claims claims = least();
		assert_int_equal(access_mint(*state, &claims, &first, NULL), EMA_OK);
		assert_int_equal(access_read(*state, first, strlen(first), &r, &out, NULL), EMA_OK);
		access_free(&out);
		claims.issuer = rows[i].issuer;
		claims.provider = rows[i].provider;
		claims.jti = id;
		for (int k = 0; k < 20; k++) {
			snprintf(id, sizeof id, "flood-%d", k);
			assert_int_equal(access_mint(*state, &claims, &token, NULL), EMA_OK);
			assert_int_equal(access_read(*state, token, strlen(token), &r, &out, NULL), EMA_OK);
			access_free(&out);
			free(token);
		}
		assert_int_equal(access_recall(*state, known, first, strlen(first), &out), 1);
		access_free(&out);
		free(first);
	}
}

/* ---- Several at once ---- */

#define RACERS 8
#define RACED 16

struct race {
	struct keyring *keyring;
	char *tokens[RACED];
	atomic_int wrong;
};

static void *race_run(void *data)
{
	struct race *race = data;
	struct access_rules r = rules;
	char id[16];
	r.known = known;
	for (int i = 0; i < 4000; i++) {
		struct access_token out;
		const int k = i / 4 % RACED;
		snprintf(id, sizeof id, "id-%d", k);
		if (access_read(race->keyring, race->tokens[k], strlen(race->tokens[k]), &r, &out, NULL)) {
			atomic_fetch_add(&race->wrong, 1);
			continue;
		}
		atomic_fetch_add(&race->wrong, strcmp(out.claims.jti, id) != 0);
		access_free(&out);
	}
	return NULL;
}

/* The same tokens, while a key comes. */
static void known_to_threads(void **state)
{
	struct race race = { .keyring = *state };
	pthread_t ids[RACERS];
	char id[16];
	for (int k = 0; k < RACED; k++) {
		struct access_claims claims = least();
		snprintf(id, sizeof id, "id-%d", k);
		claims.jti = id;
		assert_int_equal(access_mint(race.keyring, &claims, &race.tokens[k], NULL), EMA_OK);
	}
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, race_run, &race), 0);
	usleep(5000);
	assert_int_equal(keyring_rotate(race.keyring, 0, NULL), EMA_OK);
	for (int i = 0; i < RACERS; i++)
		pthread_join(ids[i], NULL);
	assert_int_equal(race.wrong, 0);
	for (int k = 0; k < RACED; k++)
		free(race.tokens[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(least_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_minted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(known_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(known_after_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(known_in_a_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(known_to_threads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
