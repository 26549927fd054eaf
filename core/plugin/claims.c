/* Reading the claims that jwt_verify() bound to the call. */
#include "lent.h"

static const struct json_node *claim(const ema_claims *claims, const char *pointer, int *code)
{
	struct ema_call *call = lent_claims(claims);
	const struct json_node *node = call && pointer ? json_at(&call->result.claims, pointer) : NULL;
	*code = !call || !pointer ? EMA_INTERNAL : node ? EMA_OK : EMA_MISSING_CLAIM;
	return node;
}

static int string_of(const struct json_node *node, const char **out)
{
	const char *text = json_string(node);
	if (!text)
		return EMA_BAD_CLAIM;
	*out = text;
	return EMA_OK;
}

int host_claim_string(const ema_claims *claims, const char *pointer, const char **out)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	return !out ? EMA_INTERNAL : code ? code : string_of(node, out);
}

int host_claim_int(const ema_claims *claims, const char *pointer, int64_t *out)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	return !out ? EMA_INTERNAL : code ? code : json_integer(node, out) ? EMA_OK : EMA_BAD_CLAIM;
}

int host_claim_bool(const ema_claims *claims, const char *pointer, int *out)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	if (!out || code)
		return out ? code : EMA_INTERNAL;
	if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE))
		return EMA_BAD_CLAIM;
	*out = json_is(node, JSON_TRUE);
	return EMA_OK;
}

/* The child of that index; NULL: EMA_MISSING_CLAIM. */
static const struct json_node *child_of(const struct json *json, const struct json_node *node, size_t index)
{
	const struct json_node *child = json_first(json, node);
	while (child && index--)
		child = json_next(json, child);
	return child;
}

int host_claim_item(const ema_claims *claims, const char *pointer, size_t index, const char **out)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	if (!out || code)
		return out ? code : EMA_INTERNAL;
	if (!json_is(node, JSON_ARRAY))
		return EMA_BAD_CLAIM;
	node = child_of(&claims->call->result.claims, node, index);
	return node ? string_of(node, out) : EMA_MISSING_CLAIM;
}

int host_claim_key(const ema_claims *claims, const char *pointer, size_t index, const char **out)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	if (!out || code)
		return out ? code : EMA_INTERNAL;
	if (!json_is(node, JSON_OBJECT))
		return EMA_BAD_CLAIM;
	node = child_of(&claims->call->result.claims, node, index);
	if (!node)
		return EMA_MISSING_CLAIM;
	*out = node->name;
	return EMA_OK;
}

int host_claim_header(const ema_claims *claims, const char *pointer, const char **out)
{
	struct ema_call *call = lent_claims(claims);
	if (!call || !pointer || !out)
		return EMA_INTERNAL;
	const struct jws *jws = call->settings->jws ? call->settings->jws : &call->jws;
	const struct json_node *node = json_at(&jws->header, pointer);
	return node ? string_of(node, out) : EMA_MISSING_CLAIM;
}

static int add_all(ema_call *ticket, const ema_claims *claims, const char *pointer, int (*add)(ema_call *, const char *), const char *what)
{
	int code;
	const struct json_node *node = claim(claims, pointer, &code);
	struct ema_call *call = lent_call(ticket);
	if (!call || claims != &call->claims)
		return EMA_INTERNAL;
	if (code)
		return code == EMA_MISSING_CLAIM ? EMA_OK : code;
	if (json_string(node))
		code = add(ticket, json_string(node));
	else if (!json_is(node, JSON_ARRAY))
		code = EMA_BAD_CLAIM;
	else
		for (const struct json_node *item = json_first(&call->result.claims, node); item && !code; item = json_next(&call->result.claims, item))
			code = json_string(item) ? add(ticket, json_string(item)) : EMA_BAD_CLAIM;
	if (code != EMA_BAD_CLAIM)
		return code;
	struct buffer says = BUFFER_INIT(255);
	buffer_printf(&says, "the claim %.80s is no %s or list of them", pointer, what);
	code = host_fail(ticket, EMA_BAD_CLAIM, says.data);
	buffer_free(&says);
	return code;
}

int host_add_groups(ema_call *ticket, const ema_claims *claims, const char *pointer)
{
	return add_all(ticket, claims, pointer, host_add_group, "group");
}

int host_add_roles(ema_call *ticket, const ema_claims *claims, const char *pointer)
{
	return add_all(ticket, claims, pointer, host_add_role, "role");
}
