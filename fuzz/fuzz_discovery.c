/* Any bytes as a discovery document: what is believed of it is a URL that may be fetched, and of the right issuer. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyset_settings settings = { .id = "idp", .issuer = "https://idp.example" };
	struct failure failure = FAILURE_INIT;
	char *jwks_uri = NULL;
	int code = discovery_read((const char *)data, size, "https://idp.example/.well-known/openid-configuration", &settings, &jwks_uri, &failure);
	if (code != failure.code || (code != EMA_OK && (jwks_uri || !failure.text[0])))
		abort();
	/* its own host alone, on any port: no other one was allowed */
	if (code == EMA_OK && (!jwks_uri || strncasecmp(jwks_uri, "https://idp.example", 19) ||
	                       (jwks_uri[19] == ':' && !strchr("/?", jwks_uri[20 + strspn(jwks_uri + 20, "0123456789")])) || !strchr("/:?", jwks_uri[19])))
		abort();
	free(jwks_uri);
	return 0;
}
