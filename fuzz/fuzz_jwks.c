/* Any bytes as a key set; what is taken has a thumbprint and a text that is read again as the same key, and stands there once, without its private half. */
#include <stdlib.h>
#include <string.h>

#include "jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwks *set = NULL;
	if (jwks_parse((const char *)data, size, &set, NULL))
		return 0;
	for (size_t i = 0; i < set->count; i++) {
		struct json json = { 0 };
		struct jwk *again = NULL;
		char *text = jwk_print(set->keys[i], 0);
		for (size_t j = 0; j < i; j++)
			if (jwk_same(set->keys[j], set->keys[i]))
				abort();
		for (size_t e = 0; e < set->exposed_count; e++)
			if (!strcmp(set->exposed[e], jwk_thumbprint(set->keys[i])))
				abort();
		if (!text || json_parse(text, strlen(text), &json_limits_document, &json, NULL))
			abort();
		/* jwk_print() puts U+FFFD where a kid would mislead a reader, which can make it longer than a kid may be. */
		if (!jwk_parse(&json, json_root(&json), &again, NULL) && strcmp(jwk_thumbprint(again), jwk_thumbprint(set->keys[i])) != 0)
			abort();
		jwk_free(again);
		json_free(&json);
		free(text);
	}
	if (set->exposed_count && !set->had_private)
		abort();
	jwks_free(set);
	return 0;
}
