/* Keys out of JSON (RFC 7517, 7518 6, 8037 2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "algorithm.h"
#include "base64url.h"
#include "buffer.h"
#include "jws.h"
#include "secret.h"

#define JWK_NUMBER_MOST 1024 /* bytes: RSA 8192 */
#define JWK_ISSUER_MOST 1024
#define JWK_CERTIFICATE_MOST 65536
#define JWK_OPERATIONS_MOST 8
#define JWK_PUBLIC_MOST 8192

static int jwk_bad(struct failure *failure, const char *why)
{
	return failure_set(failure, EMA_BAD_CLAIM, "the key cannot be used: %s", why);
}

int key_has_private(const struct json *json, const struct json_node *node)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_member(json, node, names[i]))
			return 1;
	return 0;
}

/* Bytes of the member, or -1 if it is absent, no base64url, empty or over most. bytes has room for most. */
static long jwk_bytes(const struct json *json, const struct json_node *node, const char *name, unsigned char *bytes, size_t most)
{
	const struct json_node *member = json_member(json, node, name);
	if (!json_string(member) || !member->length || member->length > BASE64URL_ROOM(most))
		return -1;
	return base64url_decode(member->text, member->length, bytes);
}

static int jwk_push_number(OSSL_PARAM_BLD *build, const char *parameter, const unsigned char *bytes, size_t length, BIGNUM **number, int secret)
{
	*number = secret ? BN_secure_new() : BN_new();
	return *number && BN_bin2bn(bytes, (int)length, *number) && OSSL_PARAM_BLD_push_BN(build, parameter, *number) == 1;
}

static EVP_PKEY *jwk_from(const char *type, OSSL_PARAM_BLD *build, int private)
{
	EVP_PKEY_CTX *check = NULL;
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *pkey = key_from(type, params, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	/* A private half that belongs to another public one would make signatures that give it away. */
	if (pkey && private && (!(check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL)) || EVP_PKEY_pairwise_check(check) != 1)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(check);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *jwk_rsa(const struct json *json, const struct json_node *node, int private, const char **why)
{
	static const struct {
		const char *name, *parameter;
	} members[] = {
		{ "n", OSSL_PKEY_PARAM_RSA_N }, { "e", OSSL_PKEY_PARAM_RSA_E }, { "d", OSSL_PKEY_PARAM_RSA_D },
		{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 }, { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 }, { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};
	size_t count = private ? sizeof members / sizeof *members : 2;
	BIGNUM *numbers[sizeof members / sizeof *members] = { NULL };
	unsigned char bytes[JWK_NUMBER_MOST];
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	*why = "its numbers are absent, no base64url, too long, or begin with a zero byte";
	for (size_t i = 0; i < count; i++) {
		long length = jwk_bytes(json, node, members[i].name, bytes, sizeof bytes);
		/* RFC 7518 2: as few bytes as the number needs; otherwise one key would have many thumbprints */
		if (!build || length < 1 || !bytes[0] || (i == 1 && length > 8) ||
		    !jwk_push_number(build, members[i].parameter, bytes, (size_t)length, &numbers[i], i > 1))
			goto done;
	}
	if (private && json_member(json, node, "oth"))
		goto done;
	*why = "OpenSSL does not take its numbers";
	/* Before OpenSSL sees it: a modulus that is too small or too big. */
	if (BN_num_bits(numbers[0]) < 2048)
		*why = "its modulus is of less than 2048 bits";
	else
		pkey = jwk_from("RSA", build, private);
done:
	for (size_t i = 0; i < count; i++)
		BN_clear_free(numbers[i]);
	OSSL_PARAM_BLD_free(build);
	secret_wipe(bytes, sizeof bytes);
	return pkey;
}

static EVP_PKEY *jwk_ec(const struct json *json, const struct json_node *node, int private, const char **why)
{
	const char *curve = json_string(json_member(json, node, "crv"));
	size_t field = 0;
	for (int i = JOSE_ES256; curve && i <= JOSE_ES512; i++)
		if (!strcmp(curve, algorithms[i].curve))
			field = algorithms[i].field;
	*why = "its curve is none of P-256, P-384 and P-521";
	if (!field)
		return NULL;
	unsigned char point[1 + 2 * ALGORITHM_FIELD_MOST] = { 4 /* uncompressed */ }, secret[ALGORITHM_FIELD_MOST];
	EVP_PKEY *pkey = NULL;
	BIGNUM *number = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	*why = "its coordinates are not exactly as long as the field";
	/* RFC 7518 6.2.1.2: the full size of a coordinate */
	if (!build || jwk_bytes(json, node, "x", point + 1, field) != (long)field ||
	    jwk_bytes(json, node, "y", point + 1 + field, field) != (long)field ||
	    (private && jwk_bytes(json, node, "d", secret, field) != (long)field))
		goto done;
	*why = "its point is not on the curve";
	if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * field) == 1 &&
	    (!private || jwk_push_number(build, OSSL_PKEY_PARAM_PRIV_KEY, secret, field, &number, 1)))
		pkey = jwk_from("EC", build, private);
done:
	BN_clear_free(number);
	OSSL_PARAM_BLD_free(build);
	secret_wipe(secret, sizeof secret);
	return pkey;
}

/* Points whose order divides 8, by y without the sign bit: with such a key one signature fits any message. */
static int jwk_small_order(const unsigned char x[32])
{
	static const unsigned char orders[][32] = {
		{ 0 },
		{ 1 },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		  0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		  0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
	};
	unsigned char y[32];
	memcpy(y, x, sizeof y);
	y[31] &= 0x7f;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (!memcmp(y, orders[i], sizeof y))
			return 1;
	/* p - 1 = 2^255 - 20 has order 2; from p on the encoding is not the canonical one (RFC 8032 5.1.3) */
	if (y[0] < 0xec || y[31] != 0x7f)
		return 0;
	for (size_t i = 1; i < 31; i++)
		if (y[i] != 0xff)
			return 0;
	return 1;
}

static EVP_PKEY *jwk_okp(const struct json *json, const struct json_node *node, int private, const char **why)
{
	const char *curve = json_string(json_member(json, node, "crv"));
	unsigned char x[32], d[32], derived[32];
	size_t length = sizeof derived;
	*why = "its curve is not Ed25519";
	if (!curve || strcmp(curve, "Ed25519"))
		return NULL;
	*why = "x or d is not of 32 bytes in base64url";
	if (jwk_bytes(json, node, "x", x, sizeof x) != sizeof x || (private && jwk_bytes(json, node, "d", d, sizeof d) != sizeof d))
		return NULL;
	*why = "its point is of small order or not in canonical form";
	if (jwk_small_order(x))
		return NULL;
	*why = "its private half does not belong to x";
	EVP_PKEY *pkey = private ? EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, d, sizeof d) :
	                           EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof x);
	secret_wipe(d, sizeof d);
	if (pkey && (EVP_PKEY_get_raw_public_key(pkey, derived, &length) != 1 || length != sizeof x || memcmp(derived, x, sizeof x))) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

/* RFC 7517 4.7: the first certificate holds this very key. Nothing else of it is looked at. */
static const char *jwk_check_certificate(const struct json *json, const struct json_node *chain, const EVP_PKEY *pkey)
{
	const struct json_node *first = json_first(json, chain);
	const char *text = json_string(first), *why = "x5c holds no certificate";
	unsigned char *der = NULL;
	X509 *certificate = NULL;
	if (!json_is(chain, JSON_ARRAY) || !text || !first->length || first->length % 4 || first->length > JWK_CERTIFICATE_MOST ||
	    !(der = malloc(first->length)))
		return why;
	int length = EVP_DecodeBlock(der, (const unsigned char *)text, (int)first->length);
	for (uint32_t i = first->length; length > 0 && i > first->length - 2 && text[i - 1] == '='; i--)
		length--;
	const unsigned char *at = der;
	if (length > 0 && (certificate = d2i_X509(NULL, &at, length)) && at == der + length) {
		const EVP_PKEY *other = X509_get0_pubkey(certificate);
		why = other && EVP_PKEY_eq(other, pkey) == 1 ? NULL : "x5c holds another key";
	}
	X509_free(certificate);
	free(der);
	return why;
}

/* use and key_ops (RFC 7517 4.2, 4.3): NULL, or why the key is not for this. */
static const char *jwk_check_use(const struct json *json, const struct json_node *node, const char *wanted)
{
	const struct json_node *use = json_member(json, node, "use"), *operations = json_member(json, node, "key_ops");
	int found = 0;
	if (use && (!json_string(use) || strcmp(use->text, "sig")))
		return "its use is not sig";
	if (!operations)
		return NULL;
	if (!json_is(operations, JSON_ARRAY) || operations->count > JWK_OPERATIONS_MOST)
		return "key_ops is no short list";
	for (const struct json_node *o = json_first(json, operations); o; o = json_next(json, o)) {
		const char *name = json_string(o);
		if (!name)
			return "key_ops has an element that is no string";
		for (const struct json_node *p = json_first(json, operations); p != o; p = json_next(json, p))
			if (!strcmp(p->text, name))
				return "key_ops has an element twice";
		found |= !strcmp(name, wanted);
		if (use && strcmp(name, "verify") && strcmp(name, "sign"))
			return "use and key_ops do not agree";
	}
	return found ? NULL : "key_ops does not allow it";
}

/* A copy of the member in *out, NULL if it is absent. EMA_BAD_JSON: it is no string, empty or over most. */
static int jwk_copy(const struct json *json, const struct json_node *node, const char *name, size_t most, char **out)
{
	const struct json_node *member = json_member(json, node, name);
	if (!member)
		return EMA_OK;
	if (!json_string(member) || !member->length || member->length > most)
		return EMA_BAD_JSON;
	*out = strdup(member->text);
	return *out ? EMA_OK : EMA_OUT_OF_MEMORY;
}

static int jwk_read(const struct json *json, const struct json_node *node, int private, struct jwk **out, struct failure *failure)
{
	const char *type = json_string(json_member(json, node, "kty")), *why = NULL;
	const struct json_node *alg = json_member(json, node, "alg"), *chain = json_member(json, node, "x5c");
	enum jose_algorithm own = JOSE_NONE;
	EVP_PKEY *pkey = NULL;
	struct jwk *key = NULL;
	if (!type)
		return jwk_bad(failure, "it has no kty");
	if (!private && key_has_private(json, node))
		return jwk_bad(failure, "it has private members: whoever could read it can sign with it");
	if ((why = jwk_check_use(json, node, private ? "sign" : "verify")))
		return jwk_bad(failure, why);
	if (alg && (own = jose_algorithm_by_name(json_string(alg))) == JOSE_NONE)
		return jwk_bad(failure, "its alg is none that EMA verifies");
	ERR_set_mark();
	if (!strcmp(type, "RSA"))
		pkey = jwk_rsa(json, node, private, &why);
	else if (!strcmp(type, "EC"))
		pkey = jwk_ec(json, node, private, &why);
	else if (!strcmp(type, "OKP"))
		pkey = jwk_okp(json, node, private, &why);
	else
		why = "its kty is none of RSA, EC and OKP";
	if (pkey)
		why = chain ? jwk_check_certificate(json, chain, pkey) : NULL;
	ERR_pop_to_mark();
	if (why) {
		EVP_PKEY_free(pkey);
		return jwk_bad(failure, why);
	}
	int code = key_make(pkey, own, private, &key, failure);
	if (code)
		return code;
	code = jwk_copy(json, node, "kid", JWS_KID_MOST, &key->kid);
	if (!code)
		code = jwk_copy(json, node, "issuer", JWK_ISSUER_MOST, &key->issuer);
	if (code) {
		jwk_free(key);
		return code == EMA_OUT_OF_MEMORY ? failure_set(failure, code, "no memory") : jwk_bad(failure, "its kid or issuer is no string, empty or too long");
	}
	*out = key;
	return EMA_OK;
}

int jwk_parse(const struct json *json, const struct json_node *node, struct jwk **out, struct failure *failure)
{
	return jwk_read(json, node, 0, out, failure);
}

int jwk_parse_private(const struct json *json, const struct json_node *node, struct jwk **out, struct failure *failure)
{
	return jwk_read(json, node, 1, out, failure);
}

static int jwk_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

int jwk_same(const struct jwk *a, const struct jwk *b)
{
	return !strcmp(a->thumbprint, b->thumbprint) && a->own == b->own && jwk_same_text(a->kid, b->kid) && jwk_same_text(a->issuer, b->issuer);
}

/* RFC 7517 4.5: 1 if a token with this kid could mean either of two keys. Of one issuer: in a set that is shared each counts its own. */
static int jwks_ambiguous(const struct jwk *a, const struct jwk *b)
{
	return a->kid && jwk_same_text(a->kid, b->kid) && jwk_same_text(a->issuer, b->issuer) && (a->fits & b->fits) && strcmp(a->thumbprint, b->thumbprint);
}

/* 1 if the last of the set stands there already. */
static int jwks_repeats(const struct jwks *set)
{
	for (size_t i = 0; i + 1 < set->count; i++)
		if (jwk_same(set->keys[i], set->keys[set->count - 1]))
			return 1;
	return 0;
}

static void jwks_skip(struct jwks *set, size_t number, const char *why)
{
	if (!set->skipped++)
		snprintf(set->skipped_why, sizeof set->skipped_why, "key %zu: %s", number, why);
}

/* RFC 7518 6: what makes a key of a type, in the order of RFC 7638 3.2, and what only its private half has. */
static const struct jwks_form {
	const char *type, *public[5], *private[7];
} jwks_forms[] = {
	{ "RSA", { "e", "kty", "n", NULL }, { "d", "p", "q", "dp", "dq", "qi", NULL } },
	{ "EC", { "crv", "kty", "x", "y", NULL }, { "d", NULL } },
	{ "OKP", { "crv", "kty", "x", NULL }, { "d", NULL } },
	{ "oct", { NULL }, { "k", NULL } },
};

/* A member that is null, or a number, gives nothing away: some programs write all that a key could have. */
static int jwks_shows(const struct json *json, const struct json_node *node, const char *const *names)
{
	for (; *names; names++) {
		const struct json_node *member = json_member(json, node, *names);
		if (json_string(member) && member->length)
			return 1;
	}
	return 0;
}

/* A number of an RSA key, without zeros in front, which some programs write and jwk_read() refuses. 0 if it is none. */
static int jwks_put_number(struct buffer *text, const struct json_node *member)
{
	unsigned char bytes[BASE64URL_ROOM(JWK_NUMBER_MOST)];
	char plain[BASE64URL_ROOM(JWK_NUMBER_MOST) + 4];
	long length = base64url_decode(member->text, member->length, bytes), zeros = 0;
	while (zeros < length && !bytes[zeros])
		zeros++;
	if (length - zeros <= 0)
		return 0;
	base64url_encode(bytes + zeros, (size_t)(length - zeros), plain);
	buffer_printf(text, "\"%s\"", plain);
	return 1;
}

/*
 * The thumbprint of a key whose private half is in the node, without giving that to OpenSSL: its public half, where jwk_read() takes it, is
 * written in one way. "" if there is none.
 */
static int jwks_thumbprint(const struct json *json, const struct json_node *node, const struct jwks_form *form, char out[JWK_THUMBPRINT])
{
	struct buffer text = BUFFER_INIT(JWK_PUBLIC_MOST);
	int code = EMA_OK, whole = form->public[0] != NULL;
	out[0] = 0;
	for (size_t m = 0; whole && form->public[m]; m++) {
		const char *name = form->public[m];
		const struct json_node *member = json_member(json, node, name);
		if (!json_string(member) || member->length > BASE64URL_ROOM(JWK_NUMBER_MOST)) {
			whole = 0;
			break;
		}
		buffer_printf(&text, "%s\"%s\":", m ? "," : "{", name);
		if (!strcmp(form->type, "RSA") && strcmp(name, "kty"))
			whole = jwks_put_number(&text, member);
		else
			buffer_json(&text, member->text, member->length);
	}
	buffer_char(&text, '}');
	/* What is too long is no key of ours. */
	if (whole && text.failed != BUFFER_FULL)
		code = text.failed ? EMA_OUT_OF_MEMORY : key_thumbprint(text.data, text.length, out);
	buffer_free(&text);
	return code;
}

/* Whoever could read the set can sign as such a key, however often it stands there without its private half. */
static int jwks_expose(struct jwks *set, const struct json *json, const struct json_node *node)
{
	const char *type = json_string(json_member(json, node, "kty"));
	const struct jwks_form *form = NULL;
	for (size_t i = 0; type && i < sizeof jwks_forms / sizeof *jwks_forms; i++)
		if (!strcmp(type, jwks_forms[i].type))
			form = &jwks_forms[i];
	if (!form || !jwks_shows(json, node, form->private))
		return EMA_OK;
	set->had_private = 1;
	if (!set->exposed && !(set->exposed = calloc(JWKS_KEYS_MOST, sizeof *set->exposed)))
		return EMA_OUT_OF_MEMORY;
	int code = jwks_thumbprint(json, node, form, set->exposed[set->exposed_count]);
	set->exposed_count += !code && set->exposed[set->exposed_count][0];
	return code;
}

size_t jwks_drop(struct jwks *set, const char *thumbprint)
{
	size_t kept = 0, before = set->count;
	for (size_t i = 0; i < before; i++)
		if (!strcmp(set->keys[i]->thumbprint, thumbprint))
			jwk_free(set->keys[i]);
		else
			set->keys[kept++] = set->keys[i];
	set->count = kept;
	return before - kept;
}

int jwks_parse(const char *text, size_t length, struct jwks **out, struct failure *failure)
{
	struct json json = { 0 };
	unsigned char twice[JWKS_KEYS_MOST] = { 0 };
	size_t number = 0, numbers[JWKS_KEYS_MOST];
	struct jwks *set = NULL;
	int code = json_parse(text, length, &json_limits_keys, &json, failure);
	if (code)
		return code;
	const struct json_node *keys = json_member(&json, json_root(&json), "keys");
	if (!json_is(keys, JSON_ARRAY))
		code = failure_set(failure, EMA_BAD_JSON, "a key set has no list \"keys\"");
	else if (keys->count > JWKS_KEYS_MOST)
		code = failure_set(failure, EMA_TOO_LARGE, "a key set of %u keys: over %d", keys->count, JWKS_KEYS_MOST);
	else if (!(set = calloc(1, sizeof *set)) || !(set->keys = calloc(JWKS_KEYS_MOST, sizeof(struct jwk *))))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a key set");
	if (code)
		goto done;
	for (const struct json_node *k = json_first(&json, keys); k; k = json_next(&json, k)) {
		struct failure why = FAILURE_INIT;
		number++;
		if ((code = jwks_expose(set, &json, k))) {
			failure_set(failure, code, "no thumbprint could be made of a private key in a key set");
			goto done;
		}
		int bad = jwk_parse(&json, k, &set->keys[set->count], &why);
		if (bad == EMA_OUT_OF_MEMORY) {
			code = failure_set(failure, bad, "%s", why.text);
			goto done;
		}
		if (bad)
			jwks_skip(set, number, why.text);
		else
			numbers[set->count++] = number;
		if (!bad && jwks_repeats(set))
			jwk_free(set->keys[--set->count]);
	}
	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < set->count; j++)
			twice[i] |= i != j && jwks_ambiguous(set->keys[i], set->keys[j]);
	size_t kept = 0;
	for (size_t i = 0; i < set->count; i++) {
		if (twice[i]) {
			jwks_skip(set, numbers[i], "another key has the same kid, and nothing tells them apart");
			jwk_free(set->keys[i]);
		} else {
			set->keys[kept++] = set->keys[i];
		}
	}
	set->count = kept;
	for (size_t i = 0; i < set->exposed_count; i++)
		set->skipped += jwks_drop(set, set->exposed[i]);
	*out = set;
	set = NULL;
done:
	jwks_free(set);
	json_free(&json);
	return code;
}

void jwks_free(struct jwks *set)
{
	if (!set)
		return;
	for (size_t i = 0; set->keys && i < set->count; i++)
		jwk_free(set->keys[i]);
	free(set->keys);
	free(set->exposed);
	free(set);
}
