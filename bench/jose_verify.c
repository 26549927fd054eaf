/*
 * What it costs to verify a token of ours that was never seen, and to read its claims and hold them against the service and the time,
 * next to what OpenSSL alone takes for such a signature; and of a provider's token that is known, next to its digest.
 */
#include "digest.h"
#include "race.h"
#include "signature.h"

#include <string.h>

#include "access.h"
#include "jwt.h"

#define GROUPS 20

struct bench {
	struct keyring *keyring;
	struct access_rules rules;
	char *token;
	struct jwks *keys;             /* that it is verified by */
	struct seen *seen;
	struct jwk *other;
	struct signature signature;    /* of the same text, by a key of the same kind */
	struct digest digest;
};

static int bare(void *data, int times)
{
	const struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= signature_verify(&b->signature);
	return !good;
}

static int unseen(void *data, int times)
{
	const struct bench *b = data;
	const size_t length = strlen(b->token);
	int good = 1;
	for (int i = 0; i < times && good; i++) {
		struct access_token token;
		good = access_read(b->keyring, b->token, length, &b->rules, &token, NULL) == EMA_OK;
		if (good)
			access_free(&token);
	}
	return !good;
}

/* What the core does before a plugin reads the claims. */
static int seen_before(void *data, int times)
{
	const struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		struct jws jws;
		struct json claims = { 0 };
		good &= !jws_parse(b->token, strlen(b->token), &jws, NULL);
		jws.seen = b->seen;
		good &= good && !jws_verify(&jws, b->keys->keys[0], JOSE_DEFAULT_SET, NULL) && !jws_claims(&jws, &claims, NULL);
		json_free(&claims);
		jws_free(&jws);
	}
	return !good;
}

static int prepare(struct bench *b, enum jose_algorithm algorithm)
{
	static const char *const issuers[] = { "https://auth.example" }, *const scopes[] = { "repo:read", "repo:write" };
	static char names[GROUPS][32];
	struct access_name groups[GROUPS];
	const struct keyring_settings settings = { .clock = &clock_system, .algorithm = algorithm };
	const int64_t now = clock_wall(&clock_system) / 1000;
	for (int i = 0; i < GROUPS; i++) {
		snprintf(names[i], sizeof names[i], "engineering-%04d", i);
		groups[i] = (struct access_name){ .name = names[i], .source = "claims" };
	}
	const struct access_claims claims = {
		.issuer = issuers[0], .audience = "https://mcp.example/github", .client_id = "app", .jti = "0123456789abcdef", .issued = now, .expires = now + 3600,
		.scopes = scopes, .scope_count = 2, .provider = "okta", .sub = "00u1abc", .auth_time = JWT_ABSENT, .groups = groups, .group_count = GROUPS,
	};
	b->rules = (struct access_rules){ .issuers = issuers, .issuer_count = 1, .audience = claims.audience, .now = now, .skew = 30 };
	if (keyring_open(&settings, &b->keyring, NULL) || access_mint(b->keyring, &claims, &b->token, NULL) || jwk_generate(algorithm, &b->other, NULL) ||
	    digest_init(&b->digest, b->token))
		return -1;
	char *keys = keyring_jwks(b->keyring);
	const int bad = !keys || jwks_parse(keys, strlen(keys), &b->keys, NULL);
	free(keys);
	b->seen = seen_new(4096, 0);
	b->signature = (struct signature){ .key = b->other, .algorithm = algorithm, .text = b->token, .text_length = (size_t)(strrchr(b->token, '.') - b->token) };
	return bad || !b->seen || !signature_make(&b->signature) ? -1 : 0;
}

int main(void)
{
	static const struct { enum jose_algorithm algorithm; double most; } rows[] = { { JOSE_RS256, 1.25 }, { JOSE_ES256, 1.06 }, { JOSE_ED25519, 1.04 } };
	int bad = 0;
	for (size_t i = 0; !bad && i < sizeof rows / sizeof *rows; i++) {
		struct bench b = { .keyring = NULL };
		const char *name = jose_algorithm_name(rows[i].algorithm);
		char first[80], second[80];
		snprintf(first, sizeof first, "%s: a token never seen, with its claims", name);
		snprintf(second, sizeof second, "%s: a provider's token seen before", name);
		bad = prepare(&b, rows[i].algorithm);
		if (bad)
			fprintf(stderr, "%s: there is no token to measure with\n", name);
		const struct race races[] = {
			{ first, "OpenSSL's verification alone", unseen, bare, &b, &b, 500, 500, rows[i].most },
			{ second, "SHA-256 of the token", seen_before, digest_run, &b, &b.digest, 5000, 20000, 0 },
		};
		for (size_t k = 0; !bad && k < sizeof races / sizeof *races; k++)
			bad = race_print(&races[k]);
		EVP_MD_CTX_free(b.digest.context);
		jwks_free(b.keys);
		jwk_free(b.other);
		seen_free(b.seen);
		keyring_close(b.keyring);
		free(b.token);
	}
	return bad != 0;
}
