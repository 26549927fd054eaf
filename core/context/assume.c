#include "assume.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pipeline.h"
#include "request.h"

int context_assume(struct ema_context *context, const struct assumption *assumed, struct ema_decision **out)
{
	struct snapshot *snapshot = context_snapshot(context);
	const struct service *service = snapshot ? snapshot_service(snapshot, assumed->service) : NULL;
	struct check check = { .method = assumed->method, .target = assumed->target, .explain = 1, .resolved = assumed->resolved, .listing = assumed->listing,
		               .foreign = assumed->foreign,
		               .told = assumed->told, .told_data = assumed->told_data };
	struct access_claims claims = assumed->claims;
	struct ema_request request = { .kind = 0 };
	const char **scopes = NULL;
	int code = EMA_OUT_OF_MEMORY;
	*out = NULL;
	if (assumed->every_scope && service) {
		scopes = calloc(service->conf->scope_count + 1, sizeof *scopes);
		if (!scopes)
			goto out;
		for (size_t i = 0; i < service->conf->scope_count; i++)
			scopes[i] = service->conf->scopes[i].name;
		claims.scopes = scopes;
		claims.scope_count = service->conf->scope_count;
	}
	if (assumed->arguments && request_body(&request, assumed->arguments, strlen(assumed->arguments)))
		goto out;
	code = pipeline_assume(context, assumed->service, &request, &claims, assumed->now, &check, out);
out:
	free(request.body);
	free(scopes);
	snapshot_release(snapshot);
	return code;
}

const char *assume_rule(const struct ema_decision *decision)
{
	const char *rule = "";
	for (size_t i = 0; i < decision->step_count; i++)
		if (!strcmp(decision->steps[i].stage, "permission"))
			rule = decision->steps[i].rule;
	return rule;
}

int assume_is_answer(int code)
{
	return code == EMA_OK || code == EMA_FORBIDDEN || code == EMA_INSUFFICIENT_SCOPE || code == EMA_WEAK_AUTHENTICATION;
}
