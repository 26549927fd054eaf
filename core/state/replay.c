#include "replay.h"

#include <inttypes.h>
#include <string.h>

#include "digest.h"
#include "jwt.h"
#include "secret.h"

#define REPLAY_JTI_MOST 255
#define REPLAY_PREFIX "replay/"
#define REPLAY_PREFIX_LENGTH (sizeof REPLAY_PREFIX - 1)
#define REPLAY_DIGEST DIGEST_BYTES
#define REPLAY_SECONDS_MOST INT64_C(253402300799) /* the year 9999 */

static int replay_digests(const EVP_MD *sha256, const struct replay *replay, unsigned char key[REPLAY_DIGEST], unsigned char value[REPLAY_DIGEST])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int done = digest && EVP_DigestInit_ex(digest, sha256, NULL) && digest_text(digest, "replay") &&
	           digest_text(digest, replay->issuer) && digest_text(digest, replay->tenant) && digest_text(digest, replay->jti) &&
	           EVP_DigestFinal_ex(digest, key, NULL) && EVP_DigestInit_ex(digest, NULL, NULL) &&
	           digest_field(digest, replay->assertion, replay->assertion_length) && digest_text(digest, replay->client) &&
	           digest_text(digest, replay->proof_key) && EVP_DigestFinal_ex(digest, value, NULL);
	EVP_MD_CTX_free(digest);
	return done;
}

int replay_take(struct store *store, const struct replay *replay, int64_t ms, struct failure *failure)
{
	unsigned char key[REPLAY_PREFIX_LENGTH + REPLAY_DIGEST], value[REPLAY_DIGEST];
	size_t jti_length = replay->jti ? strlen(replay->jti) : 0;
	if (jti_length < 1 || jti_length > REPLAY_JTI_MOST)
		return failure_set(failure, EMA_BAD_CLAIM, "jti has %zu bytes; 1 to %d are taken", jti_length, REPLAY_JTI_MOST);
	if (!replay->issuer || !replay->provider || !replay->assertion || replay->uses < 1 || replay->expires < 0 ||
	    replay->expires > REPLAY_SECONDS_MOST)
		return failure_set(failure, EMA_INTERNAL, "a replay slot without issuer, provider, assertion, uses or a possible exp");
	memcpy(key, REPLAY_PREFIX, REPLAY_PREFIX_LENGTH);
	if (!replay_digests(store_sha256(store), replay, key + REPLAY_PREFIX_LENGTH, value))
		return failure_set(failure, EMA_INTERNAL, "SHA-256 failed for a replay slot");
	/* Not by the skew of today: a reload, or another node with this store, may have a larger one. And a second more than JAG-51 asks: no
	   rounding may free it while the assertion lives. */
	int64_t expires = (replay->expires + JWT_SKEW_MOST + 1) * 1000;
	int code = store_put_if_absent(store, replay->provider, key, sizeof key, value, sizeof value, expires, replay->uses, ms);
	secret_wipe(value, sizeof value);
	switch (code) {
	case EMA_OK:
		return EMA_OK;
	case EMA_EXISTS:
		if (replay->uses == 1)
			return failure_set(failure, EMA_REPLAYED, "the assertion (jti) was redeemed before");
		return failure_set(failure, EMA_REPLAYED, "the jti was redeemed %" PRId64 " times already, or first with other bytes, by another "
		                   "client or with another proof key", replay->uses);
	case EMA_STORE_FULL:
		return failure_set(failure, EMA_STORE_FULL, "the store has no room for another assertion of provider %s", replay->provider);
	case EMA_OUT_OF_MEMORY:
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a replay slot");
	default:
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "the store could not remember the assertion: %s", code_name(code));
	}
}
