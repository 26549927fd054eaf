/* Any bytes as a token; nothing that is not the one token signed with this key may verify. */
#include <stdlib.h>
#include <string.h>

#include "jws.h"

static const char fuzz_key[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"; /* RFC 7515 A.3 */
static const char fuzz_signed[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwk *key;
	struct json json = { 0 }, claims = { 0 };
	struct jws jws;
	if (!key && (json_parse(fuzz_key, strlen(fuzz_key), &json_limits_document, &json, NULL) || jwk_parse(&json, json_root(&json), &key, NULL)))
		abort();
	json_free(&json);
	if (jws_parse((const char *)data, size, &jws, NULL))
		return 0;
	/* r||s and r||(n - s) are both signatures of it, so only what was signed is compared. */
	if (!jws_verify(&jws, key, ~0u, NULL) && (size < strlen(fuzz_signed) || memcmp(data, fuzz_signed, strlen(fuzz_signed)) != 0))
		abort();
	if (!jws_claims(&jws, &claims, NULL))
		json_free(&claims);
	jws_free(&jws);
	return 0;
}
