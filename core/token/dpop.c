#include "dpop.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "jwk.h"
#include "jws.h"
#include "jwt.h"
#include "secret.h"

#define DPOP_JTI_MOST 255
#define DPOP_DIGEST 32
#define DPOP_PREFIX "dpop/"
#define DPOP_QUOTA "dpop"
#define DPOP_NONCE_BYTES 16
#define DPOP_NONCE_KEY "dpop-nonces"
#define DPOP_NONCE_KEY_LIFE (INT64_C(30) * 86400)

/* ---- Nonces ---- */

struct dpop_nonces {
	pthread_mutex_t lock;
	unsigned char key[DPOP_DIGEST];
	int64_t asked; /* seconds: when the store was, last */
};

int dpop_nonces_new(struct dpop_nonces **out, struct failure *failure)
{
	struct dpop_nonces *nonces = calloc(1, sizeof *nonces);
	if (!nonces)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (RAND_priv_bytes(nonces->key, sizeof nonces->key) != 1) {
		free(nonces);
		return failure_set(failure, EMA_INTERNAL, "OpenSSL has no random bytes for DPoP nonces");
	}
	pthread_mutex_init(&nonces->lock, NULL);
	*out = nonces;
	return EMA_OK;
}

void dpop_nonces_free(struct dpop_nonces *nonces)
{
	if (!nonces)
		return;
	pthread_mutex_destroy(&nonces->lock);
	secret_wipe(nonces, sizeof *nonces);
	free(nonces);
}

/* At most once a second: who brings nonces that are none does not keep the store busy. */
void dpop_nonces_share(struct dpop_nonces *nonces, struct store *store, int64_t now, int64_t ms)
{
	unsigned char key[DPOP_DIGEST], theirs[DPOP_DIGEST];
	size_t length = sizeof theirs;
	pthread_mutex_lock(&nonces->lock);
	const int ask = nonces->asked != now;
	nonces->asked = now;
	memcpy(key, nonces->key, sizeof key);
	pthread_mutex_unlock(&nonces->lock);
	if (ask && store_put_if_absent(store, DPOP_NONCE_KEY, DPOP_NONCE_KEY, sizeof DPOP_NONCE_KEY - 1, key, sizeof key, (now + DPOP_NONCE_KEY_LIFE) * 1000, 1, ms) == EMA_EXISTS &&
	    store_get(store, DPOP_NONCE_KEY, sizeof DPOP_NONCE_KEY - 1, theirs, &length, ms) == EMA_OK && length == sizeof key) {
		pthread_mutex_lock(&nonces->lock);
		memcpy(nonces->key, theirs, sizeof nonces->key);
		pthread_mutex_unlock(&nonces->lock);
	}
	secret_wipe(key, sizeof key);
	secret_wipe(theirs, sizeof theirs);
}

static int nonce_of(struct dpop_nonces *nonces, int64_t window, char out[DPOP_NONCE])
{
	unsigned char number[8], mac[EVP_MAX_MD_SIZE], key[DPOP_DIGEST];
	unsigned size = 0;
	for (int i = 0; i < 8; i++)
		number[i] = (unsigned char)((uint64_t)window >> (56 - 8 * i));
	pthread_mutex_lock(&nonces->lock);
	memcpy(key, nonces->key, sizeof key);
	pthread_mutex_unlock(&nonces->lock);
	const int made = HMAC(EVP_sha256(), key, sizeof key, number, sizeof number, mac, &size) && size >= DPOP_NONCE_BYTES;
	secret_wipe(key, sizeof key);
	if (!made)
		return -1;
	base64url_encode(mac, DPOP_NONCE_BYTES, out);
	return 0;
}

int dpop_nonce(struct dpop_nonces *nonces, int64_t now, char out[DPOP_NONCE], struct failure *failure)
{
	return nonce_of(nonces, now / DPOP_NONCE_SECONDS, out) ? failure_set(failure, EMA_INTERNAL, "OpenSSL could not make a DPoP nonce") : EMA_OK;
}

/* 1 if it is the nonce of this window or of the one before. -1: OpenSSL failed. */
static int nonce_fits(struct dpop_nonces *nonces, int64_t now, const char *nonce)
{
	char current[DPOP_NONCE], before[DPOP_NONCE];
	if (nonce_of(nonces, now / DPOP_NONCE_SECONDS, current) || nonce_of(nonces, now / DPOP_NONCE_SECONDS - 1, before))
		return -1;
	if (strlen(nonce) != DPOP_NONCE - 1)
		return 0;
	return secret_same(nonce, current, DPOP_NONCE - 1) | secret_same(nonce, before, DPOP_NONCE - 1);
}

/* ---- URLs (RFC 9449 4.3, RFC 3986 6.2.2 and 6.2.3) ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int is_unreserved(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/*
 * Scheme and host in lower case, the scheme's own port left out, an empty path as "/", percent-encoding in its one form, no
 * query and fragment. 0, or -1: no such URL. Dot segments are refused, not resolved: who sends one means to confuse.
 */
static int url_normal(const char *url, char out[DPOP_URL_MOST])
{
	size_t to = 0, scheme = strcspn(url, ":");
	if (strlen(url) >= DPOP_URL_MOST - 1 || strncmp(url + scheme, "://", 3))
		return -1;
	for (size_t i = 0; i < scheme; i++)
		out[to++] = lower(url[i]);
	const char *port = to == 5 && !memcmp(out, "https", 5) ? ":443" : to == 4 && !memcmp(out, "http", 4) ? ":80" : NULL;
	if (!port)
		return -1;
	memcpy(out + to, "://", 3);
	to += 3;
	const char *at = url + scheme + 3;
	size_t authority = strcspn(at, "/?#");
	if (!authority || *at == ':')
		return -1;
	for (size_t i = 0; i < authority; i++) {
		if (at[i] <= ' ' || at[i] >= 0x7f || strchr("@%\\", at[i]))
			return -1;
		out[to++] = lower(at[i]);
	}
	size_t length = strlen(port);
	if (to > length && !memcmp(out + to - length, port, length))
		to -= length;
	else if (out[to - 1] == ':')
		to--;
	at += authority;
	size_t path = to;
	for (; *at && *at != '?' && *at != '#'; at++) {
		char c = *at;
		if (c <= ' ' || c >= 0x7f || c == '\\')
			return -1;
		if (c == '%') {
			int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
			if (low < 0)
				return -1;
			char decoded = (char)(high << 4 | low);
			if (is_unreserved(decoded)) {
				out[to++] = decoded;
			} else {
				out[to++] = '%';
				out[to++] = "0123456789ABCDEF"[high];
				out[to++] = "0123456789ABCDEF"[low];
			}
			at += 2;
		} else {
			out[to++] = c;
		}
	}
	if (to == path)
		out[to++] = '/';
	out[to] = 0;
	for (const char *segment = out + path; *segment; segment += 1 + strcspn(segment + 1, "/")) {
		size_t n = strcspn(segment + 1, "/");
		if ((n == 1 && segment[1] == '.') || (n == 2 && !strncmp(segment + 1, "..", 2)))
			return -1;
	}
	return 0;
}

/* ---- Proofs ---- */

struct dpop_checking {
	const struct dpop_request *request;
	struct jws jws;
	struct json claims;
	struct jwk *key;
	int64_t issued;
	const char *jti;
	struct failure *failure;
};

#define WRONG(c, ...) failure_set((c)->failure, EMA_BAD_PROOF, __VA_ARGS__)

static int proof_signature(struct dpop_checking *c)
{
	const struct dpop_request *request = c->request;
	unsigned allowed = request->algorithms ? request->algorithms : DPOP_ALGORITHMS;
	struct failure why = FAILURE_INIT;
	const char *proof = request->proofs[0];
	int code = jws_parse(proof, strlen(proof), &c->jws, &why);
	if (code)
		return failure_set(c->failure, code == EMA_OUT_OF_MEMORY ? code : EMA_BAD_PROOF, "DPoP proof: %.400s", why.text);
	if (strcmp(c->jws.type, "dpop+jwt"))
		return WRONG(c, "DPoP proof: typ is not dpop+jwt");
	if (!(allowed & JOSE_BIT(c->jws.algorithm)))
		return WRONG(c, "DPoP proof: %s is not allowed here", jose_algorithm_name(c->jws.algorithm));
	const struct json_node *jwk = json_member(&c->jws.header, json_root(&c->jws.header), "jwk");
	if (!json_is(jwk, JSON_OBJECT))
		return WRONG(c, "DPoP proof: its header has no jwk");
	/* Private and symmetric keys are refused there. */
	code = jwk_parse(&c->jws.header, jwk, &c->key, &why);
	if (!code)
		code = jws_verify(&c->jws, c->key, allowed, &why);
	if (!code)
		code = jws_claims(&c->jws, &c->claims, &why);
	if (code)
		return failure_set(c->failure, code == EMA_OUT_OF_MEMORY || code == EMA_INTERNAL ? code : EMA_BAD_PROOF, "DPoP proof: %.400s", why.text);
	return EMA_OK;
}

static int proof_target(struct dpop_checking *c)
{
	const struct json_node *root = json_root(&c->claims);
	const char *method = json_string(json_member(&c->claims, root, "htm")), *url = json_string(json_member(&c->claims, root, "htu"));
	char named[DPOP_URL_MOST], asked[DPOP_URL_MOST], also[DPOP_URL_MOST];
	if (!method || strcmp(method, c->request->method))
		return WRONG(c, "DPoP proof: htm is not the method of the request, %.16s", c->request->method);
	if (url_normal(c->request->url, asked))
		return failure_set(c->failure, EMA_INTERNAL, "a DPoP proof cannot be compared with %.200s, which is no URL", c->request->url);
	const int has_also = c->request->also && !url_normal(c->request->also, also);
	if (!url || url_normal(url, named) || (strcmp(named, asked) && (!has_also || strcmp(named, also))))
		return WRONG(c, "DPoP proof: htu is not the URL of the request, %.200s%s%.200s", asked, has_also ? " or " : "", has_also ? also : "");
	return EMA_OK;
}

static int proof_token(struct dpop_checking *c)
{
	const char *ath = json_string(json_member(&c->claims, json_root(&c->claims), "ath"));
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[DPOP_THUMBPRINT];
	unsigned size = 0;
	if (!c->request->token)
		return EMA_OK;
	if (EVP_Digest(c->request->token, c->request->token_length, digest, &size, EVP_sha256(), NULL) != 1 || size != DPOP_DIGEST)
		return failure_set(c->failure, EMA_INTERNAL, "SHA-256 failed for a DPoP proof");
	base64url_encode(digest, size, text);
	if (!ath || strlen(ath) != sizeof text - 1 || !secret_same(ath, text, sizeof text - 1))
		return WRONG(c, "DPoP proof: ath is not the hash of the access token");
	return EMA_OK;
}

static int proof_remembered(struct dpop_checking *c, int64_t forgets_before)
{
	return c->issued < forgets_before ? WRONG(c, "DPoP proof: made before the store began to remember: it may have been used then") : EMA_OK;
}

static int proof_times(struct dpop_checking *c)
{
	const struct dpop_request *request = c->request;
	const struct json_node *root = json_root(&c->claims), *expires = json_member(&c->claims, root, "exp"), *before = json_member(&c->claims, root, "nbf");
	/* A proof needs no exp of its own. */
	struct jwt_times times = { .now = request->now, .skew = request->skew, .oldest = DPOP_WINDOW, .expires = request->now + 1,
	                           .not_before = JWT_ABSENT, .need_issued = 1 };
	struct failure why = FAILURE_INIT;
	if (!json_date(json_member(&c->claims, root, "iat"), &times.issued) || (expires && !json_date(expires, &times.expires)) ||
	    (before && !json_date(before, &times.not_before)))
		return WRONG(c, "DPoP proof: iat is absent, or iat, exp or nbf is no number of seconds");
	int code = jwt_check_times(&times, &why);
	if (code)
		return failure_set(c->failure, code == EMA_CLOCK_WRONG ? code : EMA_BAD_PROOF, "DPoP proof: %.400s", why.text);
	c->issued = times.issued;
	return proof_remembered(c, request->forgets_before);
}

static int proof_nonce(struct dpop_checking *c)
{
	const char *nonce = json_string(json_member(&c->claims, json_root(&c->claims), "nonce"));
	if (!c->request->nonces)
		return EMA_OK;
	int fits = nonce ? nonce_fits(c->request->nonces, c->request->now, nonce) : 0;
	if (nonce && !fits) {
		/* Another process's, which has the key that is in the store by now. */
		dpop_nonces_share(c->request->nonces, c->request->store, c->request->now, c->request->store_ms);
		fits = nonce_fits(c->request->nonces, c->request->now, nonce);
	}
	if (fits < 0)
		return failure_set(c->failure, EMA_INTERNAL, "OpenSSL could not make a DPoP nonce");
	return fits ? EMA_OK : failure_set(c->failure, EMA_PROOF_NONCE, nonce ? "DPoP proof: its nonce is not, or no longer, one of ours" : "DPoP proof: it has no nonce");
}

/* Once for each key: another client's jti is none of its business. */
static int proof_fresh(struct dpop_checking *c)
{
	const struct dpop_request *request = c->request;
	unsigned char key[sizeof DPOP_PREFIX - 1 + DPOP_DIGEST];
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int done = digest && EVP_DigestInit_ex(digest, store_sha256(request->store), NULL) == 1 &&
	           /* Always 43 characters, so that no two pairs are one string. */
	           EVP_DigestUpdate(digest, jwk_thumbprint(c->key), DPOP_THUMBPRINT - 1) == 1 && EVP_DigestUpdate(digest, c->jti, strlen(c->jti)) == 1 &&
	           EVP_DigestFinal_ex(digest, key + sizeof DPOP_PREFIX - 1, NULL) == 1;
	EVP_MD_CTX_free(digest);
	if (!done)
		return failure_set(c->failure, EMA_INTERNAL, "SHA-256 failed for a DPoP proof");
	int64_t forgets_before = 0;
	memcpy(key, DPOP_PREFIX, sizeof DPOP_PREFIX - 1);
	/* A second more than it could be taken. */
	int64_t expires = (c->issued + DPOP_WINDOW + request->skew + 1) * 1000;
	switch (store_put_if_absent(request->store, request->quota ? request->quota : DPOP_QUOTA, key, sizeof key, "1", 1, expires, 1, request->store_ms)) {
	case EMA_OK:
		if (request->forgets_before && store_forgets_before(request->store, &forgets_before))
			return failure_set(c->failure, EMA_STORE_UNAVAILABLE, "the store does not know since when it remembers DPoP proofs");
		return proof_remembered(c, forgets_before);
	case EMA_EXISTS:
		return WRONG(c, "DPoP proof: used before (jti)");
	case EMA_STORE_FULL:
		return failure_set(c->failure, EMA_STORE_FULL, "the store has no room for another DPoP proof");
	case EMA_OUT_OF_MEMORY:
		return failure_set(c->failure, EMA_OUT_OF_MEMORY, "no memory for a DPoP proof");
	default:
		return failure_set(c->failure, EMA_STORE_UNAVAILABLE, "the store could not remember a DPoP proof");
	}
}

int dpop_check(const struct dpop_request *request, struct dpop_proof *out, struct failure *failure)
{
	struct dpop_checking c = { .request = request, .failure = failure };
	if (!request->proof_count)
		return failure_set(failure, EMA_PROOF_MISSING, "there is no DPoP proof");
	if (request->proof_count > 1)
		return WRONG(&c, "there is more than one DPoP header");
	int code = proof_signature(&c);
	if (!code) {
		c.jti = json_string(json_member(&c.claims, json_root(&c.claims), "jti"));
		if (!c.jti || !*c.jti || strlen(c.jti) > DPOP_JTI_MOST)
			code = WRONG(&c, "DPoP proof: jti is absent, or not 1 to %d bytes", DPOP_JTI_MOST);
	}
	if (!code)
		code = proof_target(&c);
	if (!code)
		code = proof_token(&c);
	if (!code)
		code = proof_times(&c);
	if (!code)
		code = proof_nonce(&c);
	if (!code && (!request->bound || !strcmp(request->bound, jwk_thumbprint(c.key))))
		code = proof_fresh(&c);
	if (!code)
		memcpy(out->thumbprint, jwk_thumbprint(c.key), sizeof out->thumbprint);
	jwk_free(c.key);
	json_free(&c.claims);
	jws_free(&c.jws);
	return code;
}
