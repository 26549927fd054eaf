/* What a token is bound to: when it is made, and when it comes back. Pure. */
#include <string.h>

#include "base64url.h"
#include "dpop.h"
#include "secret.h"

static int thumbprint_read(const struct json_node *node, char out[DPOP_THUMBPRINT])
{
	unsigned char bytes[DPOP_THUMBPRINT];
	const char *text = json_string(node);
	if (!text || strlen(text) != DPOP_THUMBPRINT - 1 || base64url_decode(text, DPOP_THUMBPRINT - 1, bytes) != 32)
		return -1;
	memcpy(out, text, DPOP_THUMBPRINT);
	return 0;
}

int dpop_cnf(const struct json *json, const struct json_node *node, int own, struct dpop_binding *out, struct failure *failure)
{
	struct dpop_binding binding = { "", "" };
	if (node && (!json_is(node, JSON_OBJECT) || !node->count))
		return failure_set(failure, EMA_BAD_CLAIM, "the claim cnf must be an object that names a key or a certificate");
	for (const struct json_node *member = node ? json_first(json, node) : NULL; member; member = json_next(json, member)) {
		char *to = !strcmp(member->name, "jkt") ? binding.jkt : !strcmp(member->name, "x5t#S256") ? binding.x5t : NULL;
		/* RFC 7800 3.1 would let us pass it over: then what it binds would come unbound. */
		if (!to)
			return failure_set(failure, EMA_BOUND_TOKEN, "the claim cnf has a member other than jkt and x5t#S256");
		if (thumbprint_read(member, to))
			return failure_set(failure, EMA_BAD_CLAIM, "%s of the claim cnf is no SHA-256 in base64url", to == binding.jkt ? "jkt" : "x5t#S256");
	}
	if (!own && binding.jkt[0] && binding.x5t[0])
		return failure_set(failure, EMA_BAD_CLAIM, "the claim cnf names a key and a certificate; one is taken");
	*out = binding;
	return EMA_OK;
}

static int same(const char *a, const char *b)
{
	return strlen(a) == DPOP_THUMBPRINT - 1 && strlen(b) == DPOP_THUMBPRINT - 1 && secret_same(a, b, DPOP_THUMBPRINT - 1);
}

/* What was bound must have been proven. */
static int proven(const struct dpop_binding *bound, const struct dpop_proof *proof, const char *certificate, struct failure *failure)
{
	if (bound->jkt[0] && !proof)
		return failure_set(failure, EMA_PROOF_MISSING, "it is bound to a key (cnf.jkt), and the request has no DPoP proof");
	if (bound->jkt[0] && !same(bound->jkt, proof->thumbprint))
		return failure_set(failure, EMA_BOUND_TOKEN, "the DPoP proof was made with another key than cnf.jkt names");
	if (bound->x5t[0] && !certificate)
		return failure_set(failure, EMA_PROOF_MISSING, "it is bound to a certificate (cnf.x5t#S256), and the request has none");
	if (bound->x5t[0] && !same(bound->x5t, certificate))
		return failure_set(failure, EMA_BOUND_TOKEN, "the request came with another certificate than cnf.x5t#S256 names");
	return EMA_OK;
}

int dpop_bind(const struct dpop_binding *cnf, const struct dpop_proof *proof, const char *certificate, const struct dpop_need *need,
              struct dpop_binding *out, struct failure *failure)
{
	struct dpop_binding binding = { "", "" };
	int code = proven(cnf, proof, certificate, failure);
	if (code)
		return code;
	if (need->proof && !proof)
		return failure_set(failure, EMA_PROOF_MISSING, "a DPoP proof is required here, and the request has none");
	if (need->certificate && !certificate)
		return failure_set(failure, EMA_PROOF_MISSING, "a client certificate is required here, and the request has none");
	if (need->either && !proof && !certificate)
		return failure_set(failure, EMA_PROOF_MISSING, "a DPoP proof or a client certificate is required here, and the request has neither");
	/* A certificate that nobody asked for may be a proxy's own: it binds nothing. */
	const int by_certificate = certificate && (need->certificate || cnf->x5t[0] || (need->either && !proof));
	if (proof && by_certificate)
		return failure_set(failure, EMA_BAD_PROOF, "DPoP proof: the token is to be bound to the client's certificate, and no token is bound twice: send no proof");
	if (proof)
		memcpy(binding.jkt, proof->thumbprint, sizeof binding.jkt);
	if (by_certificate) {
		if (strlen(certificate) != DPOP_THUMBPRINT - 1)
			return failure_set(failure, EMA_INTERNAL, "the thumbprint of a certificate has a wrong length");
		memcpy(binding.x5t, certificate, sizeof binding.x5t);
	}
	*out = binding;
	return EMA_OK;
}

int dpop_hold(const struct dpop_binding *bound, int scheme_dpop, const struct dpop_proof *proof, const char *certificate,
              struct failure *failure)
{
	if (bound->jkt[0] && !scheme_dpop)
		return failure_set(failure, EMA_BOUND_TOKEN, "the token is bound to a key: it comes as DPoP with a proof, not as Bearer (RFC 9449 7.2)");
	if (!bound->jkt[0] && scheme_dpop)
		return failure_set(failure, EMA_BOUND_TOKEN, "the token is bound to no key and came as DPoP");
	return proven(bound, proof, certificate, failure);
}
