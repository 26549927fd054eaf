#include "query.h"

#include <string.h>

#include "jws.h"
#include "resource.h"

#define SKEW 30
#define ISSUERS_MOST 32

const struct service *query_service(const struct exchange *x, const char *token)
{
	struct jws jws = { .token = NULL };
	struct json claims = { .count = 0 };
	const struct service *found = NULL;
	const char *audience = NULL;
	if (!jws_parse(token, strlen(token), &jws, NULL) && !jws_claims(&jws, &claims, NULL))
		audience = json_string(json_at(&claims, "/aud"));
	for (size_t i = 0; audience && i < x->snapshot->conf->service_count && !found; i++)
		if (!strcmp(x->snapshot->services[i].conf->resource, audience))
			found = &x->snapshot->services[i];
	json_free(&claims);
	jws_free(&jws);
	return found;
}

int query_token(struct exchange *x, const struct service *service, const char *text, struct access_token *out, struct failure *failure)
{
	const char *issuers[ISSUERS_MOST] = { service->conf->issuer };
	size_t count = 1;
	for (size_t i = 0; i < service->conf->former_issuers.count && count < ISSUERS_MOST; i++)
		if (x->now < service->conf->former_until[i])
			issuers[count++] = service->conf->former_issuers.list[i];
	struct access_rules rules = { .issuers = issuers, .issuer_count = count, .audience = service->conf->resource, .now = x->now, .skew = SKEW };
	return access_read(x->context->keyring, text, strlen(text), &rules, out, failure);
}
