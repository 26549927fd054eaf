#include "devidp.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define URN "urn:ietf:params:oauth:"

static unsigned refuse(json_object *answer, const char *error, const char *why)
{
	json_object_object_add(answer, "error", json_object_new_string(error));
	json_object_object_add(answer, "error_description", json_object_new_string(why));
	return !strcmp(error, "invalid_client") ? 401 : 400;
}

static json_object *person_of(json_object *people, const char *sub)
{
	for (size_t i = 0; i < json_object_array_length(people); i++) {
		json_object *person = json_object_array_get_idx(people, i), *own = NULL;
		if (json_object_object_get_ex(person, "sub", &own) && !strcmp(json_object_get_string(own), sub))
			return person;
	}
	return NULL;
}

unsigned exchange_answer(const struct form *form, const struct state *state, json_object *people, json_object **out)
{
	struct order order = ORDER_INIT;
	struct failure failure = FAILURE_INIT;
	json_object *answer = json_object_new_object(), *person, *user = NULL;
	char *token = NULL, sub[256];

	*out = answer;
	if (!form->client_id || (!form->client_secret && !form->client_assertion))
		return refuse(answer, "invalid_client", "client_id and client_secret (any) are needed");
	if (!form->grant_type || strcmp(form->grant_type, URN "grant-type:token-exchange"))
		return refuse(answer, "unsupported_grant_type", "grant_type is not token-exchange");
	if (!form->requested_token_type || strcmp(form->requested_token_type, URN "token-type:id-jag"))
		return refuse(answer, "invalid_request", "requested_token_type is not id-jag");
	if (!form->subject_token || !form->subject_token_type || strcmp(form->subject_token_type, URN "token-type:id_token"))
		return refuse(answer, "invalid_request", "subject_token must be an ID token");
	if (!form->audience)
		return refuse(answer, "invalid_request", "audience is missing");
	if (id_token_sub(state, form->subject_token, form->client_id, sub, sizeof sub) || !(person = person_of(people, sub)))
		return refuse(answer, "invalid_grant", "subject_token is no ID token of this client, or has expired");
	json_object_object_get_ex(person, "user", &user);
	order.user = json_object_get_string(user);
	order.service = form->audience;
	order.client = form->client_id;
	order.resource = form->resource;
	order.scope = form->scope;
	if (order_fill(&order, state, people, &token, &failure))
		return refuse(answer, "server_error", failure.text);
	json_object_object_add(answer, "issued_token_type", json_object_new_string(URN "token-type:id-jag"));
	json_object_object_add(answer, "access_token", json_object_new_string(token));
	json_object_object_add(answer, "token_type", json_object_new_string("N_A"));
	json_object_object_add(answer, "expires_in", json_object_new_int(300));
	if (form->scope)
		json_object_object_add(answer, "scope", json_object_new_string(form->scope));
	free(token);
	return 200;
}
