#include "selection.h"

#include <string.h>

#define TENANT "{tenantid}"

/* key's own issuer with the tenant filled in, byte by byte the one that is wanted: without it every tenant whose keys stand
   in a shared set could sign for every other. */
static int issuer_fits(const struct jwk *key, const char *wanted, const char *tenant)
{
	if (!wanted)
		return 1;
	const char *issuer = jwk_issuer(key);
	if (!issuer)
		return 0;
	const char *mark = strstr(issuer, TENANT);
	if (!mark)
		return !strcmp(issuer, wanted);
	if (!tenant || !*tenant)
		return 0;
	size_t before = (size_t)(mark - issuer), length = strlen(tenant);
	return !strncmp(issuer, wanted, before) && !strncmp(wanted + before, tenant, length) &&
	       !strcmp(mark + sizeof TENANT - 1, wanted + before + length);
}

int selection_verify(const struct jwks *set, const struct jws *jws, unsigned allowed, const char *key_issuer, const char *tenant,
                     unsigned kidless, const struct jwk **out, struct failure *failure)
{
	const struct jwk *candidates[JWKS_KEYS_MOST];
	size_t count = 0;
	int named = 0, foreign = 0;

	if (!(allowed & JOSE_BIT(jws->algorithm)) || jws->algorithm == JOSE_NONE)
		return failure_set(failure, EMA_BAD_ALGORITHM, "algorithm %.20s is not allowed for this issuer", jose_algorithm_name(jws->algorithm));
	for (size_t i = 0; i < set->count && count < JWKS_KEYS_MOST; i++) {
		const struct jwk *key = set->keys[i];
		const char *kid = jwk_kid(key);
		if (jws->kid && (!kid || strcmp(kid, jws->kid)))
			continue;
		named = 1;
		if (!issuer_fits(key, key_issuer, tenant))
			foreign = 1;
		else if (jwk_fits(key, jws->algorithm))
			candidates[count++] = key;
	}
	if (!count && jws->kid && named && !foreign)
		return failure_set(failure, EMA_BAD_ALGORITHM, "the key that the token names is not one for %s", jose_algorithm_name(jws->algorithm));
	if (!count)
		return failure_set(failure, EMA_UNKNOWN_KEY, foreign ? "the key belongs to another issuer of the shared key set" :
		                   jws->kid ? "the issuer's key set has no key of the token's kid" : "no key of the issuer fits the token's algorithm");
	if (!jws->kid && count > kidless)
		return failure_set(failure, EMA_UNKNOWN_KEY, "the token has no kid and %zu keys fit; at most %u are tried", count, kidless);
	int code = EMA_BAD_SIGNATURE;
	for (size_t i = 0; i < count; i++) {
		struct failure one = FAILURE_INIT;
		code = jws_verify(jws, candidates[i], allowed, &one);
		if (code == EMA_OK) {
			*out = candidates[i];
			return EMA_OK;
		}
		if (code != EMA_BAD_SIGNATURE || i + 1 == count)
			return failure_set(failure, code, "%s", one.text);
	}
	return code;
}
