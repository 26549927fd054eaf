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

/* A kid came from outside: what is no plain character of one is not shown. */
static const char *show_kid(const char *kid, char out[44])
{
	size_t i = 0;
	for (; i < 40 && kid[i]; i++)
		out[i] = (kid[i] >= '0' && kid[i] <= '9') || ((kid[i] | 0x20) >= 'a' && (kid[i] | 0x20) <= 'z') || strchr("-_.=:", kid[i]) ? kid[i] : '?';
	memcpy(out + i, kid[i] ? "..." : "", kid[i] ? 4 : 1);
	return out;
}

int selection_verify(const struct jwks *set, const struct jws *jws, unsigned allowed, const char *key_issuer, const char *tenant,
                     unsigned kidless, const struct jwk **out, struct failure *failure)
{
	const struct jwk *candidates[JWKS_KEYS_MOST];
	size_t count = 0;
	int named = 0, foreign = 0;
	char kid_text[44];

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
		return failure_set(failure, EMA_BAD_ALGORITHM, "the key %s is not one for %s", show_kid(jws->kid, kid_text),
		                   jose_algorithm_name(jws->algorithm));
	if (!count && foreign)
		return failure_set(failure, EMA_UNKNOWN_KEY, "the key belongs to another issuer of the shared key set");
	if (!count && jws->kid)
		return failure_set(failure, EMA_UNKNOWN_KEY, "none of the issuer's %zu keys has the token's kid, %s", set->count,
		                   show_kid(jws->kid, kid_text));
	if (!count)
		return failure_set(failure, EMA_UNKNOWN_KEY, "none of the issuer's %zu keys is one for %s", set->count,
		                   jose_algorithm_name(jws->algorithm));
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
