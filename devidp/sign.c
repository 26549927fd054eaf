#include "devidp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64url.h"
#include "jws.h"

/* A token put together by hand, for what no honest signer makes. */
static char *raw_token(const char *algorithm, const char *type, const char *kid, const char *payload, const char *secret)
{
	char header[512], *token = NULL;
	unsigned char mac[32];
	int n = snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", algorithm, type, kid);
	size_t length = strlen(payload), room = BASE64URL_ROOM((size_t)n) + BASE64URL_ROOM(length) + BASE64URL_ROOM(sizeof mac) + 4, at;

	if (n < 0 || (size_t)n >= sizeof header || !(token = malloc(room)))
		return NULL;
	at = base64url_encode(header, (size_t)n, token);
	token[at++] = '.';
	at += base64url_encode(payload, length, token + at);
	if (secret)
		HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token, at, mac, NULL);
	token[at++] = '.';
	token[at] = 0;
	if (secret)
		base64url_encode(mac, sizeof mac, token + at);
	return token;
}

int order_sign(const struct order *order, const struct keyring *ring, const char *type, const char *payload, char **out, struct failure *failure)
{
	const char *bad = order->bad ? order->bad : "";
	struct jwk *foreign = NULL;
	const struct jwk *key = ring->keys[0];
	char more[256] = "", *public = NULL, *token = NULL;
	int code = EMA_OK;
	enum jose_algorithm algorithm = order->persona == PERSONA_OIDC ? JOSE_ES256 : JOSE_RS256;

	if (!strcmp(bad, "algorithm-none") || !strcmp(bad, "hs256")) {
		int none = *bad == 'a';
		public = jwk_print(key, 0);
		token = raw_token(none ? "none" : "HS256", type, jwk_kid(key), payload, none ? NULL : public);
		code = token ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a token");
		goto done;
	}
	if (!strcmp(bad, "unknown-key")) {
		if ((code = jwk_generate(algorithm, &foreign, failure)))
			goto done;
		key = foreign;
	}
	if (!strcmp(bad, "key-issuer")) {
		if (!ring->other) {
			code = failure_set(failure, EMA_CONFIG, "--bad key-issuer is for azure");
			goto done;
		}
		key = ring->other;
	}
	if (order->persona == PERSONA_AZURE && order->version == 1)
		snprintf(more, sizeof more, ",\"x5t\":\"%s\"", jwk_kid(key));
	code = jws_sign(key, algorithm, type, more, payload, strlen(payload), &token, failure);
	if (!code && !strcmp(bad, "signature")) {
		char *signature = strrchr(token, '.') + 10; /* in the middle, where each bit counts */
		*signature = *signature == 'A' ? 'B' : 'A';
	}
done:
	free(public);
	jwk_free(foreign);
	if (!code)
		*out = token;
	return code;
}

int id_token_sub(const struct state *state, const char *token, const char *client, char *out, size_t room)
{
	struct keyring ring = { { NULL }, 0, NULL };
	struct jws jws;
	struct json claims = { NULL, 0, NULL, 0 };
	char base[64];
	int64_t expires = 0;
	size_t i = 0;
	int code = EMA_DENIED;

	if (jws_parse(token, strlen(token), &jws, NULL))
		return code;
	if (state_keys(state, PERSONA_OKTA, &ring, NULL))
		goto done;
	while (i < ring.count && jws_verify(&jws, ring.keys[i], JOSE_DEFAULT_SET, NULL))
		i++;
	if (i == ring.count || jws_claims(&jws, &claims, NULL))
		goto done;
	const struct json_node *root = json_root(&claims);
	const char *issuer = json_string(json_member(&claims, root, "iss")), *audience = json_string(json_member(&claims, root, "aud"));
	const char *sub = json_string(json_member(&claims, root, "sub"));
	state_base(state, PERSONA_OKTA, base, sizeof base);
	if (issuer && !strcmp(issuer, base) && audience && !strcmp(audience, client) && !strcmp(jws.type, "jwt") && sub &&
	    json_date(json_member(&claims, root, "exp"), &expires) && expires > time(NULL) && strlen(sub) < room) {
		memcpy(out, sub, strlen(sub) + 1);
		code = EMA_OK;
	}
done:
	json_free(&claims);
	keyring_free(&ring);
	jws_free(&jws);
	return code;
}
