/* Keys as OpenSSL has them: what they may be used for, their thumbprint, their text. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "algorithm.h"
#include "base64url.h"
#include "buffer.h"
#include "secret.h"

#define KEY_TEXT_MOST 16384
#define KEY_NUMBER_MOST 1024 /* bytes: RSA 8192 */
#define KEY_MODULUS_LEAST 2048
#define KEY_MODULUS_MOST 8192
#define KEY_EXPONENT_LEAST 65537
#define KEY_NEW_MODULUS 3072

const struct algorithm algorithms[JOSE_ALGORITHMS] = {
	[JOSE_RS256] = { "RS256", JWK_RSA, "SHA256", NULL, 0, 0 },
	[JOSE_RS384] = { "RS384", JWK_RSA, "SHA384", NULL, 0, 0 },
	[JOSE_RS512] = { "RS512", JWK_RSA, "SHA512", NULL, 0, 0 },
	[JOSE_PS256] = { "PS256", JWK_RSA, "SHA256", NULL, 1, 0 },
	[JOSE_PS384] = { "PS384", JWK_RSA, "SHA384", NULL, 1, 0 },
	[JOSE_PS512] = { "PS512", JWK_RSA, "SHA512", NULL, 1, 0 },
	[JOSE_ES256] = { "ES256", JWK_EC, "SHA256", "P-256", 0, 32 },
	[JOSE_ES384] = { "ES384", JWK_EC, "SHA384", "P-384", 0, 48 },
	[JOSE_ES512] = { "ES512", JWK_EC, "SHA512", "P-521", 0, 66 },
	[JOSE_EDDSA] = { "EdDSA", JWK_OKP, NULL, "Ed25519", 0, 32 },
	[JOSE_ED25519] = { "Ed25519", JWK_OKP, NULL, "Ed25519", 0, 32 },
};

enum jose_algorithm jose_algorithm_by_name(const char *name)
{
	for (int i = JOSE_NONE + 1; name && i < JOSE_ALGORITHMS; i++)
		if (!strcmp(name, algorithms[i].name))
			return (enum jose_algorithm)i;
	return JOSE_NONE;
}

const char *jose_algorithm_name(enum jose_algorithm algorithm)
{
	return algorithm > JOSE_NONE && algorithm < JOSE_ALGORITHMS ? algorithms[algorithm].name : "none";
}

static const char *key_curve(const EVP_PKEY *pkey)
{
	static const struct {
		const char *group, *curve;
	} names[] = { { "prime256v1", "P-256" }, { "secp384r1", "P-384" }, { "secp521r1", "P-521" } };
	char group[32];
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return "Ed25519";
	if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (!strcmp(group, names[i].group))
				return names[i].curve;
	return NULL;
}

/* Appends "name":"base64url", the number in field bytes, or in as few as it needs if field is 0. */
static int key_number(struct buffer *out, const EVP_PKEY *pkey, const char *parameter, const char *name, size_t field)
{
	BIGNUM *number = NULL;
	unsigned char bytes[KEY_NUMBER_MOST];
	char text[BASE64URL_ROOM(KEY_NUMBER_MOST) + 1];
	int result = -1;
	if (EVP_PKEY_get_bn_param(pkey, parameter, &number) != 1)
		return -1;
	size_t length = field ? field : (size_t)BN_num_bytes(number);
	if (length <= sizeof bytes && BN_bn2binpad(number, bytes, (int)length) == (int)length) {
		base64url_encode(bytes, length, text);
		result = buffer_printf(out, "\"%s\":\"%s\"", name, text);
	}
	BN_clear_free(number);
	secret_wipe(bytes, sizeof bytes);
	secret_wipe(text, sizeof text);
	return result;
}

/* The members that RFC 7638 3.2 takes, in its order, without the braces. */
static int key_public(struct buffer *out, const EVP_PKEY *pkey, enum jwk_type type, const char *curve, size_t field)
{
	if (type == JWK_RSA)
		return key_number(out, pkey, OSSL_PKEY_PARAM_RSA_E, "e", 0) || buffer_text(out, ",\"kty\":\"RSA\",") ||
		       key_number(out, pkey, OSSL_PKEY_PARAM_RSA_N, "n", 0);
	if (type == JWK_EC)
		return buffer_printf(out, "\"crv\":\"%s\",\"kty\":\"EC\",", curve) ||
		       key_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x", field) || buffer_char(out, ',') ||
		       key_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y", field);
	unsigned char bytes[32];
	char text[BASE64URL_ROOM(sizeof bytes) + 1];
	size_t length = sizeof bytes;
	if (EVP_PKEY_get_raw_public_key(pkey, bytes, &length) != 1 || length != sizeof bytes)
		return -1;
	base64url_encode(bytes, length, text);
	return buffer_printf(out, "\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"", curve, text);
}

static int key_secret(struct buffer *out, const EVP_PKEY *pkey, enum jwk_type type, size_t field)
{
	static const struct {
		const char *parameter, *name;
	} members[] = {
		{ OSSL_PKEY_PARAM_RSA_D, "d" }, { OSSL_PKEY_PARAM_RSA_FACTOR1, "p" }, { OSSL_PKEY_PARAM_RSA_FACTOR2, "q" },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT1, "dp" }, { OSSL_PKEY_PARAM_RSA_EXPONENT2, "dq" }, { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, "qi" },
	};
	if (type == JWK_EC)
		return buffer_char(out, ',') || key_number(out, pkey, OSSL_PKEY_PARAM_PRIV_KEY, "d", field);
	for (size_t i = 0; type == JWK_RSA && i < sizeof members / sizeof *members; i++)
		if (buffer_char(out, ',') || key_number(out, pkey, members[i].parameter, members[i].name, 0))
			return -1;
	if (type == JWK_RSA)
		return 0;
	unsigned char bytes[32];
	char text[BASE64URL_ROOM(sizeof bytes) + 1];
	size_t length = sizeof bytes;
	if (EVP_PKEY_get_raw_private_key(pkey, bytes, &length) != 1 || length != sizeof bytes)
		return -1;
	base64url_encode(bytes, length, text);
	int result = buffer_printf(out, ",\"d\":\"%s\"", text);
	secret_wipe(bytes, sizeof bytes);
	secret_wipe(text, sizeof text);
	return result;
}

static size_t key_field(enum jwk_type type, const char *curve)
{
	for (int i = JOSE_NONE + 1; i < JOSE_ALGORITHMS; i++)
		if (algorithms[i].type == type && curve && !strcmp(algorithms[i].curve, curve))
			return algorithms[i].field;
	return 0;
}

static EVP_MD_CTX *key_context(EVP_PKEY *pkey, const struct algorithm *a, int sign)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inner = NULL; /* context's */
	int (*init)(EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *, EVP_PKEY *, const OSSL_PARAM *) =
		sign ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
	if (!context || init(context, &inner, a->hash, NULL, NULL, pkey, NULL) != 1)
		goto fail;
	/* RFC 7518 3.5: MGF1 with the same hash, a salt as long as it */
	if (a->pss && (EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) != 1 ||
	               EVP_PKEY_CTX_set_rsa_mgf1_md_name(inner, a->hash, NULL) != 1 ||
	               EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) != 1))
		goto fail;
	return context;
fail:
	EVP_MD_CTX_free(context);
	return NULL;
}

EVP_PKEY *key_from(const char *type, OSSL_PARAM *numbers, int selection)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!numbers || !context || EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &pkey, selection, numbers) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	return pkey;
}

static OSSL_PARAM *key_numbers(const EVP_PKEY *pkey)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	enum { COUNT = sizeof names / sizeof *names };
	BIGNUM *numbers[COUNT] = { NULL };
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	int good = build != NULL;
	for (size_t i = 0; good && i < COUNT; i++)
		good = (numbers[i] = BN_secure_new()) && EVP_PKEY_get_bn_param(pkey, names[i], &numbers[i]) == 1 &&
		       OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]) == 1;
	OSSL_PARAM *out = good ? OSSL_PARAM_BLD_to_param(build) : NULL;
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < COUNT; i++)
		BN_clear_free(numbers[i]);
	return out;
}

/*
 * OpenSSL has in ordinary memory, as long as the key lives, what it reads of an Ed25519 key (but not its copy), what it reads of an RSA
 * key, and the primes of any RSA key that has signed. So RSA's numbers are kept apart, and each signature has a key of its own, whose end
 * wipes it.
 */
static int key_hide(struct jwk *key)
{
	EVP_PKEY *instead = NULL;
	if (key->type == JWK_EC)
		return 0;
	if (key->type == JWK_OKP)
		instead = EVP_PKEY_dup(key->key);
	else if ((key->numbers = key_numbers(key->key)))
		instead = key_from("RSA", key->numbers, EVP_PKEY_PUBLIC_KEY);
	if (!instead)
		return -1;
	EVP_PKEY_free(key->key);
	key->key = instead;
	return 0;
}

EVP_MD_CTX *key_signer(const struct jwk *key, enum jose_algorithm algorithm)
{
	EVP_MD_CTX *context = NULL;
	if (key->numbers) {
		EVP_PKEY *pkey = key_from("RSA", key->numbers, EVP_PKEY_KEYPAIR);
		if (pkey)
			context = key_context(pkey, &algorithms[algorithm], 1);
		EVP_PKEY_free(pkey);
	} else if ((context = EVP_MD_CTX_new()) && EVP_MD_CTX_copy_ex(context, key->sign[algorithm]) != 1) {
		EVP_MD_CTX_free(context);
		context = NULL;
	}
	return context;
}

/* NULL, or what is wrong with the numbers. */
static const char *key_weakness(struct jwk *key, const EVP_PKEY *pkey, size_t field)
{
	BIGNUM *n = NULL, *e = NULL;
	const char *why = "its numbers cannot be read";
	if (key->type == JWK_OKP)
		return NULL;
	if (key->type == JWK_EC) {
		if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_ORDER, &n) == 1 && BN_bn2binpad(n, key->order, (int)field) == (int)field)
			why = NULL;
		BN_free(n);
		return why;
	}
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1) {
		if (BN_num_bits(n) < KEY_MODULUS_LEAST || BN_num_bits(n) > KEY_MODULUS_MOST)
			why = "its modulus is not of 2048 to 8192 bits";
		else if (!BN_is_odd(n))
			why = "its modulus is even";
		else if (!BN_is_odd(e) || BN_num_bits(e) > 64 || BN_get_word(e) < KEY_EXPONENT_LEAST)
			why = "its exponent is not odd, at least 65537 and of at most 64 bits";
		else
			why = NULL;
		key->modulus = (size_t)BN_num_bytes(n);
	}
	BN_free(n);
	BN_free(e);
	return why;
}

int key_thumbprint(const char *text, size_t length, char out[JWK_THUMBPRINT])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned hash_length = 0;
	if (EVP_Digest(text, length, hash, &hash_length, EVP_sha256(), NULL) != 1)
		return EMA_INTERNAL;
	base64url_encode(hash, hash_length, out);
	return EMA_OK;
}

int key_make(EVP_PKEY *pkey, enum jose_algorithm own, int private, struct jwk **out, struct failure *failure)
{
	int code = EMA_OK;
	struct buffer text = BUFFER_INIT(KEY_TEXT_MOST);
	struct jwk *key = calloc(1, sizeof *key);
	if (!key) {
		EVP_PKEY_free(pkey);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a key");
	}
	ERR_set_mark();
	key->key = pkey;
	key->own = own;
	key->private = private;
	const char *curve = key_curve(pkey);
	key->type = EVP_PKEY_is_a(pkey, "RSA") ? JWK_RSA : curve && !strcmp(curve, "Ed25519") ? JWK_OKP : JWK_EC;
	size_t field = key_field(key->type, curve);
	if (key->type == JWK_EC && !curve) {
		code = failure_set(failure, EMA_BAD_CLAIM, "the key is none of RSA, EC on P-256, P-384 or P-521, or Ed25519");
		goto done;
	}
	const char *why = key_weakness(key, pkey, field);
	if (why) {
		code = failure_set(failure, EMA_BAD_CLAIM, "the key cannot be used: %s", why);
		goto done;
	}
	if (private && key_hide(key)) {
		code = failure_set(failure, EMA_INTERNAL, "OpenSSL did not copy a key");
		goto done;
	}
	int edwards = own == JOSE_EDDSA || own == JOSE_ED25519; /* two names of one algorithm (RFC 9864) */
	for (int i = JOSE_NONE + 1; i < JOSE_ALGORITHMS; i++) {
		const struct algorithm *a = &algorithms[i];
		if (a->type != key->type || (a->curve && strcmp(a->curve, curve)) || (own && (int)own != i && !(edwards && a->type == JWK_OKP)))
			continue;
		key->fits |= 1u << i;
		int signs = private && key->type != JWK_RSA;
		key->verify[i] = key_context(key->key, a, 0);
		key->sign[i] = signs ? key_context(key->key, a, 1) : NULL;
		if (!key->verify[i] || (signs && !key->sign[i])) {
			code = failure_set(failure, EMA_BAD_CLAIM, "the key cannot be used: OpenSSL does not take it for %s", a->name);
			goto done;
		}
	}
	if (!key->fits) {
		code = failure_set(failure, EMA_BAD_CLAIM, "the key cannot be used: its alg does not fit its type");
		goto done;
	}
	if (buffer_char(&text, '{') || key_public(&text, key->key, key->type, curve, field) || buffer_char(&text, '}') ||
	    key_thumbprint(text.data, text.length, key->thumbprint)) {
		code = failure_set(failure, EMA_INTERNAL, "no thumbprint could be made of a key");
		goto done;
	}
	*out = key;
done:
	ERR_pop_to_mark();
	buffer_free(&text);
	if (code)
		jwk_free(key);
	return code;
}

static int key_named(EVP_PKEY *pkey, enum jose_algorithm algorithm, struct jwk **out, struct failure *failure)
{
	struct jwk *key = NULL;
	int code = key_make(pkey, algorithm, 1, &key, failure);
	if (code)
		return code;
	key->kid = strdup(key->thumbprint);
	if (!key->kid) {
		jwk_free(key);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a key");
	}
	*out = key;
	return EMA_OK;
}

/* An encrypted file is refused instead of asking at a terminal. */
static int key_no_password(char *room, int size, int writing, void *data)
{
	(void)room, (void)size, (void)writing, (void)data;
	return -1;
}

int jwk_parse_pem(const char *pem, size_t length, enum jose_algorithm algorithm, struct jwk **out, struct failure *failure)
{
	if (length > KEY_TEXT_MOST)
		return failure_set(failure, EMA_BAD_CLAIM, "a PEM key of over %d bytes", KEY_TEXT_MOST);
	ERR_set_mark();
	BIO *bio = BIO_new_mem_buf(pem, (int)length);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, key_no_password, NULL) : NULL;
	BIO_free(bio);
	ERR_pop_to_mark();
	if (!pkey)
		return failure_set(failure, EMA_BAD_CLAIM, "no private key in PEM without a password");
	return key_named(pkey, algorithm, out, failure);
}

int jwk_generate(enum jose_algorithm algorithm, struct jwk **out, struct failure *failure)
{
	if (algorithm <= JOSE_NONE || algorithm >= JOSE_ALGORITHMS)
		return failure_set(failure, EMA_BAD_ALGORITHM, "no key can be made for this algorithm");
	const struct algorithm *a = &algorithms[algorithm];
	ERR_set_mark();
	EVP_PKEY *pkey = a->type == JWK_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)KEY_NEW_MODULUS) :
	                 a->type == JWK_EC ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", a->curve) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ERR_pop_to_mark();
	if (!pkey)
		return failure_set(failure, EMA_INTERNAL, "OpenSSL made no key for %s", a->name);
	return key_named(pkey, algorithm, out, failure);
}

void jwk_free(struct jwk *key)
{
	if (!key)
		return;
	for (int i = 0; i < JOSE_ALGORITHMS; i++) {
		EVP_MD_CTX_free(key->verify[i]);
		EVP_MD_CTX_free(key->sign[i]);
	}
	EVP_PKEY_free(key->key);
	OSSL_PARAM_free(key->numbers);
	free(key->kid);
	free(key->issuer);
	free(key);
}

const char *jwk_kid(const struct jwk *key)
{
	return key->kid;
}

const char *jwk_thumbprint(const struct jwk *key)
{
	return key->thumbprint;
}

const char *jwk_issuer(const struct jwk *key)
{
	return key->issuer;
}

enum jwk_type jwk_type(const struct jwk *key)
{
	return key->type;
}

enum jose_algorithm jwk_algorithm(const struct jwk *key)
{
	return key->own;
}

int jwk_fits(const struct jwk *key, enum jose_algorithm algorithm)
{
	return algorithm > JOSE_NONE && algorithm < JOSE_ALGORITHMS && (key->fits & JOSE_BIT(algorithm));
}

char *jwk_print(const struct jwk *key, int with_private)
{
	struct buffer out = BUFFER_INIT(KEY_TEXT_MOST);
	const char *curve = key_curve(key->key);
	size_t field = key_field(key->type, curve);
	if ((with_private && !key->private) || (key->type != JWK_RSA && !curve))
		return NULL;
	ERR_set_mark();
	EVP_PKEY *pkey = with_private && key->numbers ? key_from("RSA", key->numbers, EVP_PKEY_KEYPAIR) : key->key;
	int bad = !pkey || buffer_char(&out, '{') || key_public(&out, pkey, key->type, curve, field) ||
	          (with_private && key_secret(&out, pkey, key->type, field));
	if (pkey != key->key)
		EVP_PKEY_free(pkey);
	ERR_pop_to_mark();
	buffer_text(&out, ",\"use\":\"sig\"");
	if (key->own)
		buffer_printf(&out, ",\"alg\":\"%s\"", jose_algorithm_name(key->own));
	if (key->kid) {
		buffer_text(&out, ",\"kid\":");
		buffer_json(&out, key->kid, strlen(key->kid));
	}
	buffer_char(&out, '}');
	out.failed |= bad;
	return buffer_take(&out);
}
