/* What a verification costs, next to what OpenSSL alone takes for the same signature; and of a token that is known, next to its digest. */
#include "digest.h"
#include "race.h"

#include <string.h>

#include <openssl/evp.h>

#include "algorithm.h"
#include "jws.h"

struct bench {
	const struct jwk *key;
	enum jose_algorithm algorithm;
	char *token;
	size_t signed_length;
	unsigned char signature[1024]; /* in the form that OpenSSL takes */
	size_t signature_length;
	struct seen *seen;             /* NULL, or where the token is known after the first time */
};

/* The copy and the verification, with nothing around them. */
static int bare(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		good &= context && EVP_MD_CTX_copy_ex(context, b->key->verify[b->algorithm]) == 1 &&
		        EVP_DigestVerify(context, b->signature, b->signature_length, (const unsigned char *)b->token, b->signed_length) == 1;
		EVP_MD_CTX_free(context);
	}
	return !good;
}

static int whole(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		struct jws jws;
		struct json claims = { 0 };
		good &= !jws_parse(b->token, strlen(b->token), &jws, NULL);
		jws.seen = b->seen;
		good &= good && !jws_verify(&jws, b->key, JOSE_DEFAULT_SET, NULL) && !jws_claims(&jws, &claims, NULL);
		json_free(&claims);
		jws_free(&jws);
	}
	return !good;
}

static int sign_bare(struct bench *b)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	b->signature_length = sizeof b->signature;
	int good = context && EVP_MD_CTX_copy_ex(context, b->key->sign[b->algorithm]) == 1 &&
	           EVP_DigestSign(context, b->signature, &b->signature_length, (const unsigned char *)b->token, b->signed_length) == 1;
	EVP_MD_CTX_free(context);
	return !good;
}

int main(void)
{
	static const struct { enum jose_algorithm algorithm; double most; } rows[] = { { JOSE_RS256, 1.25 }, { JOSE_ES256, 1.06 }, { JOSE_ED25519, 1.04 } };
	char payload[2048];
	int bad = 0, at = snprintf(payload, sizeof payload, "{\"iss\":\"https://idp.example\",\"sub\":\"00u1abc\",\"exp\":1800000000,\"groups\":[");
	for (int i = 0; i < 40; i++)
		at += snprintf(payload + at, sizeof payload - (size_t)at, "%s\"engineering-%04d\"", i ? "," : "", i);
	at += snprintf(payload + at, sizeof payload - (size_t)at, "]}");
	struct seen *seen = seen_new(4096, 0);
	bad = !seen;
	for (size_t i = 0; !bad && i < sizeof rows / sizeof *rows; i++) {
		struct jwk *key = NULL;
		struct bench unseen = { .algorithm = rows[i].algorithm }, known;
		struct digest digest = { NULL, NULL };
		const char *name = jose_algorithm_name(rows[i].algorithm);
		char first[64], second[64];
		snprintf(first, sizeof first, "%s: a token never seen", name);
		snprintf(second, sizeof second, "%s: a provider's token seen before", name);
		bad = jwk_generate(rows[i].algorithm, &key, NULL) || jws_sign(key, rows[i].algorithm, "at+jwt", "", payload, (size_t)at, &unseen.token, NULL);
		if (!bad) {
			unseen.key = key;
			unseen.signed_length = (size_t)(strrchr(unseen.token, '.') - unseen.token);
			bad = sign_bare(&unseen) || digest_init(&digest, unseen.token);
			known = unseen;
			known.seen = seen;
		}
		const struct race races[] = {
			{ first, "OpenSSL's verification alone", whole, bare, &unseen, &unseen, 500, 500, rows[i].most },
			{ second, "SHA-256 of the token", whole, digest_run, &known, &digest, 5000, 20000, 0 },
		};
		for (size_t k = 0; !bad && k < sizeof races / sizeof *races; k++)
			bad = race_print(&races[k]);
		EVP_MD_CTX_free(digest.context);
		free(unseen.token);
		jwk_free(key);
	}
	seen_free(seen);
	return bad != 0;
}
