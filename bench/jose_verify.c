/* What a verification costs, next to what OpenSSL alone takes for the same signature. Prints nanoseconds each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "algorithm.h"
#include "jws.h"

#define ROUNDS 5000

static double bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The copy and the verification, with nothing around them. The signature is in the form that OpenSSL takes. */
static int bench_bare(const struct jwk *key, enum jose_algorithm algorithm, const char *text, size_t length, double *each)
{
	unsigned char signature[1024];
	size_t size = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int good = context && EVP_MD_CTX_copy_ex(context, key->sign[algorithm]) == 1 &&
	           EVP_DigestSign(context, signature, &size, (const unsigned char *)text, length) == 1;
	EVP_MD_CTX_free(context);
	double start = bench_now();
	for (int i = 0; good && i < ROUNDS; i++) {
		context = EVP_MD_CTX_new();
		good = context && EVP_MD_CTX_copy_ex(context, key->verify[algorithm]) == 1 &&
		       EVP_DigestVerify(context, signature, size, (const unsigned char *)text, length) == 1;
		EVP_MD_CTX_free(context);
	}
	*each = (bench_now() - start) / ROUNDS;
	return good;
}

/* seen: NULL, or where the token is known after the first time. */
static int bench_whole(const struct jwk *key, const char *token, struct seen *seen, double *each)
{
	double start = bench_now();
	int good = 1;
	for (int i = 0; good && i < ROUNDS; i++) {
		struct jws jws;
		struct json claims = { 0 };
		good = !jws_parse(token, strlen(token), &jws, NULL);
		jws.seen = seen;
		good = good && !jws_verify(&jws, key, JOSE_DEFAULT_SET, NULL) && !jws_claims(&jws, &claims, NULL);
		json_free(&claims);
		jws_free(&jws);
	}
	*each = (bench_now() - start) / ROUNDS;
	return good;
}

int main(void)
{
	static const enum jose_algorithm algorithms_timed[] = { JOSE_RS256, JOSE_PS256, JOSE_ES256, JOSE_ED25519 };
	char payload[2048];
	int at = snprintf(payload, sizeof payload, "{\"iss\":\"https://idp.example\",\"sub\":\"00u1abc\",\"exp\":1800000000,\"groups\":[");
	for (int i = 0; i < 40; i++)
		at += snprintf(payload + at, sizeof payload - (size_t)at, "%s\"engineering-%04d\"", i ? "," : "", i);
	at += snprintf(payload + at, sizeof payload - (size_t)at, "]}");

	struct json json = { 0 };
	double start = bench_now();
	for (int i = 0; i < 20 * ROUNDS; i++) {
		if (json_parse(payload, (size_t)at, &json_limits_payload, &json, NULL))
			return 1;
		json_free(&json);
	}
	printf("%-8s %9.0f ns for %d bytes\n", "JSON", (bench_now() - start) / (20 * ROUNDS), at);

	struct seen *seen = seen_new(SEEN_ENTRIES);
	for (size_t i = 0; seen && i < sizeof algorithms_timed / sizeof *algorithms_timed; i++) {
		struct jwk *key = NULL;
		char *token = NULL;
		double bare = 0, whole = 0, known = 0;
		if (jwk_generate(algorithms_timed[i], &key, NULL) ||
		    jws_sign(key, algorithms_timed[i], "at+jwt", "", payload, (size_t)at, &token, NULL) ||
		    !bench_bare(key, algorithms_timed[i], token, (size_t)(strrchr(token, '.') - token), &bare) || !bench_whole(key, token, NULL, &whole) ||
		    !bench_whole(key, token, seen, &known)) {
			fprintf(stderr, "%s does not verify\n", jose_algorithm_name(algorithms_timed[i]));
			return 1;
		}
		printf("%-8s %9.0f ns, OpenSSL alone %9.0f ns, around it %6.0f ns, known %6.0f ns\n", jose_algorithm_name(algorithms_timed[i]), whole, bare,
		       whole - bare, known);
		free(token);
		jwk_free(key);
	}
	seen_free(seen);
	return 0;
}
