#include "query.h"

#include <string.h>

#include "jws.h"
#include "resource.h"

#define SKEW 30
#define ISSUERS_MOST 32

int query_service(const struct exchange *x, const char *token, const struct service **out)
{
	struct jws jws = { .token = NULL };
	struct json claims = { .count = 0 };
	const char *audience = NULL;
	*out = NULL;
	int code = jws_parse(token, strlen(token), &jws, NULL);
	if (!code)
		code = jws_claims(&jws, &claims, NULL);
	if (!code)
		audience = json_string(json_at(&claims, "/aud"));
	for (size_t i = 0; audience && i < x->snapshot->conf->service_count && !*out; i++)
		if (!strcmp(x->snapshot->services[i].conf->resource, audience))
			*out = &x->snapshot->services[i];
	json_free(&claims);
	jws_free(&jws);
	return *out ? EMA_OK : code == EMA_OUT_OF_MEMORY ? code : EMA_ABSENT;
}

int query_token(struct exchange *x, const struct service *service, const char *text, struct access_token *out, struct failure *failure)
{
	const char *issuers[ISSUERS_MOST] = { service->conf->issuer };
	size_t count = 1;
	for (size_t i = 0; i < service->conf->former_issuers.count && count < ISSUERS_MOST; i++)
		if (x->now < service->conf->former_until[i])
			issuers[count++] = service->conf->former_issuers.list[i];
	struct access_rules rules = { .issuers = issuers, .issuer_count = count, .audience = service->conf->resource, .now = x->now, .skew = SKEW, .ahead = 1,
	                              .known = x->context->known };
	return access_read(x->context->keyring, text, strlen(text), &rules, out, failure);
}
