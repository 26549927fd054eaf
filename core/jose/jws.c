#include "jws.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "algorithm.h"
#include "base64url.h"
#include "buffer.h"
#include "secret.h"

#define JWS_DER_MOST (2 * (ALGORITHM_FIELD_MOST + 3) + 3)
#define JWS_MORE_MOST 65536

/* 1: a letter of base64url, 2: the dot. */
static const unsigned char jws_letters[256] = {
	['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['_'] = 1, ['.'] = 2,
};

/* The media type without "application/", in lower case (RFC 7515 4.1.9). 0: not one without parameters. */
static int jws_media_type(const struct json_node *node, char out[64])
{
	static const char prefix[] = "application/";
	if (!json_string(node) || !node->length || node->length > 63 + sizeof prefix - 1)
		return 0;
	char text[64 + sizeof prefix];
	int slashes = 0;
	for (uint32_t i = 0; i <= node->length; i++) {
		char c = node->text[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		else if (c && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("!#$&-^_.+/", c))
			return 0;
		slashes += c == '/';
		text[i] = c;
	}
	const char *type = strncmp(text, prefix, sizeof prefix - 1) ? text : text + sizeof prefix - 1;
	if (slashes > 1 || !*type || strlen(type) > 63)
		return 0;
	memcpy(out, type, strlen(type) + 1);
	return 1;
}

static int jws_read_header(struct jws *jws, struct failure *failure)
{
	char text[JWS_HEADER_MOST + 3];
	if (jws->header_length > BASE64URL_ROOM(JWS_HEADER_MOST))
		return failure_set(failure, EMA_TOO_LARGE, "the token's header is over %d bytes", JWS_HEADER_MOST);
	long length = base64url_decode(jws->token, jws->header_length, text);
	if (length < 0)
		return failure_set(failure, EMA_BAD_ENCODING, "the token's header is not canonical base64url");
	int code = json_parse(text, (size_t)length, &json_limits_header, &jws->header, failure);
	if (code)
		return code;
	const struct json_node *root = json_root(&jws->header);
	if (!json_is(root, JSON_OBJECT))
		return failure_set(failure, EMA_BAD_JSON, "the token's header is no JSON object");
	/* RFC 7515 4.1.11: none is understood here, and RFC 7797 6 wants b64 to be critical */
	if (json_member(&jws->header, root, "crit") || json_member(&jws->header, root, "b64"))
		return failure_set(failure, EMA_CRITICAL_HEADER, "the token's header has crit or b64, which EMA does not take");
	jws->algorithm_name = json_string(json_member(&jws->header, root, "alg"));
	jws->algorithm = jose_algorithm_by_name(jws->algorithm_name);
	if (jws->algorithm == JOSE_NONE)
		return failure_set(failure, EMA_BAD_ALGORITHM, "the token's alg is %s", jws->algorithm_name ? "none that EMA verifies" : "absent or no string");
	const struct json_node *kid = json_member(&jws->header, root, "kid"), *type = json_member(&jws->header, root, "typ"),
	                       *content = json_member(&jws->header, root, "cty");
	if (kid && (!json_string(kid) || !kid->length))
		return failure_set(failure, EMA_MALFORMED, "the token's kid is no string or empty");
	if (kid && kid->length > JWS_KID_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "the token's kid is over %d bytes", JWS_KID_MOST);
	jws->kid = json_string(kid);
	if (type && !jws_media_type(type, jws->type_text))
		return failure_set(failure, EMA_WRONG_TYPE, "the token's typ is no media type without parameters");
	char nested[64];
	/* RFC 7519 5.2 */
	if (content && (!jws_media_type(content, nested) || !strcmp(nested, "jwt")))
		return failure_set(failure, EMA_WRONG_TYPE, "the token holds another token (cty)");
	return EMA_OK;
}

static int jws_split(struct jws *jws, struct failure *failure)
{
	size_t dots[2] = { 0, 0 }, count = 0;
	for (size_t i = 0; i < jws->length; i++) {
		unsigned char kind = jws_letters[(unsigned char)jws->token[i]];
		if (!kind)
			return failure_set(failure, EMA_BAD_ENCODING, "byte %zu of the token is no letter of base64url", i);
		if (kind == 2 && count++ < 2)
			dots[count - 1] = i;
	}
	if (count == 4)
		return failure_set(failure, EMA_ENCRYPTED, "the token is encrypted (five parts)");
	if (count != 2 || !dots[0] || dots[1] == dots[0] + 1)
		return failure_set(failure, EMA_MALFORMED, "the token is not three parts with a header and a payload");
	jws->header_length = dots[0];
	jws->payload_length = dots[1] - dots[0] - 1;
	return EMA_OK;
}

static int jws_read(struct jws *jws, struct failure *failure)
{
	if (jws->length > JWS_BYTES_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "a token of %zu bytes: over %d", jws->length, JWS_BYTES_MOST);
	int code = jws_split(jws, failure);
	if (code || (code = jws_read_header(jws, failure)))
		return code;
	size_t before = jws->header_length + jws->payload_length + 2, left = jws->length - before;
	if (jws->payload_length > BASE64URL_ROOM(JWS_PAYLOAD_MOST))
		return failure_set(failure, EMA_TOO_LARGE, "the token's payload is over %d bytes", JWS_PAYLOAD_MOST);
	if (left > BASE64URL_ROOM(sizeof jws->signature))
		return failure_set(failure, EMA_TOO_LARGE, "the token's signature is over %zu bytes", sizeof jws->signature);
	jws->payload = malloc(jws->payload_length);
	if (!jws->payload)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a token");
	long payload = base64url_decode(jws->token + jws->header_length + 1, jws->payload_length, jws->payload);
	long signature = base64url_decode(jws->token + before, left, jws->signature);
	if (payload < 0 || signature < 0)
		return failure_set(failure, EMA_BAD_ENCODING, "the token's %s is not canonical base64url", payload < 0 ? "payload" : "signature");
	jws->payload_bytes = (size_t)payload;
	jws->signature_bytes = (size_t)signature;
	return EMA_OK;
}

int jws_parse(const char *token, size_t length, struct jws *out, struct failure *failure)
{
	memset(out, 0, sizeof *out);
	out->token = token;
	out->length = length;
	int code = jws_read(out, failure);
	if (code)
		jws_free(out);
	else
		out->type = out->type_text;
	return code;
}

void jws_free(struct jws *jws)
{
	json_free(&jws->header);
	if (jws->payload)
		secret_wipe(jws->payload, jws->payload_length);
	free(jws->payload);
	memset(jws, 0, sizeof *jws);
}

/* A DER INTEGER of the number in length bytes; its end. */
static unsigned char *jws_der_integer(unsigned char *to, const unsigned char *number, size_t length)
{
	while (length > 1 && !*number) {
		number++;
		length--;
	}
	size_t sign = *number >> 7;
	*to++ = 0x02;
	*to++ = (unsigned char)(length + sign);
	*to = 0;
	memcpy(to + sign, number, length);
	return to + sign + length;
}

/* r||s as the SEQUENCE that OpenSSL takes; its length. */
static size_t jws_der(const unsigned char *signature, size_t field, unsigned char der[JWS_DER_MOST])
{
	unsigned char body[JWS_DER_MOST];
	unsigned char *end = jws_der_integer(jws_der_integer(body, signature, field), signature + field, field);
	size_t length = (size_t)(end - body), head = 0;
	der[head++] = 0x30;
	if (length > 127)
		der[head++] = 0x81;
	der[head++] = (unsigned char)length;
	memcpy(der + head, body, length);
	return head + length;
}

/* 1 if the number is in 1..order-1, both big-endian. */
static int jws_below(const unsigned char *number, const unsigned char *order, size_t length)
{
	unsigned char any = 0;
	for (size_t i = 0; i < length; i++)
		any |= number[i];
	return any && memcmp(number, order, length) < 0;
}

/* RFC 8032 5.1.7: S, little-endian, below the order of the group; or there were two signatures where one was made. */
static int jws_edwards_below(const unsigned char s[32])
{
	static const unsigned char order[32] = { 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6,
	                                         0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed };
	for (size_t i = 0; i < 32; i++)
		if (s[31 - i] != order[i])
			return s[31 - i] < order[i];
	return 0;
}

int jws_verify(const struct jws *jws, const struct jwk *key, unsigned allowed, struct failure *failure)
{
	if (jws->algorithm <= JOSE_NONE || jws->algorithm >= JOSE_ALGORITHMS || !(allowed & JOSE_BIT(jws->algorithm)))
		return failure_set(failure, EMA_BAD_ALGORITHM, "%s is not allowed here", jose_algorithm_name(jws->algorithm));
	if (!jwk_fits(key, jws->algorithm))
		return failure_set(failure, EMA_BAD_ALGORITHM, "%s does not fit the key", jose_algorithm_name(jws->algorithm));
	const struct algorithm *a = &algorithms[jws->algorithm];
	const unsigned char *signature = jws->signature;
	unsigned char der[JWS_DER_MOST];
	size_t length = a->field ? 2 * a->field : key->modulus;
	if (jws->signature_bytes != length)
		return failure_set(failure, EMA_BAD_SIGNATURE, "a signature of %zu bytes: %s with this key has %zu", jws->signature_bytes, a->name, length);
	if (a->type == JWK_EC) {
		if (!jws_below(signature, key->order, a->field) || !jws_below(signature + a->field, key->order, a->field))
			return failure_set(failure, EMA_BAD_SIGNATURE, "r or s of the signature is out of range");
		length = jws_der(signature, a->field, der);
		signature = der;
	}
	if (a->type == JWK_OKP && !jws_edwards_below(signature + 32))
		return failure_set(failure, EMA_BAD_SIGNATURE, "S of the signature is out of range");
	unsigned char digest[SEEN_DIGEST];
	ERR_set_mark(); /* what OpenSSL thinks of a bad signature is not for the caller's queue */
	int digested = jws->seen && seen_digest(jws->seen, key->thumbprint, jws->token, jws->length, digest);
	if (digested && seen_has(jws->seen, digest, 0, NULL)) {
		ERR_pop_to_mark();
		return EMA_OK;
	}
	int code = EMA_INTERNAL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context && EVP_MD_CTX_copy_ex(context, key->verify[jws->algorithm]) == 1)
		code = EVP_DigestVerify(context, signature, length, (const unsigned char *)jws->token, jws->header_length + 1 + jws->payload_length) == 1
			? EMA_OK : EMA_BAD_SIGNATURE;
	EVP_MD_CTX_free(context);
	ERR_pop_to_mark();
	if (!code && digested)
		seen_add(jws->seen, digest, jws->seen_share, NULL);
	if (code)
		failure_set(failure, code, code == EMA_BAD_SIGNATURE ? "the signature (%s) is wrong" : "OpenSSL could not check a signature (%s)", a->name);
	return code;
}

int jws_claims(const struct jws *jws, struct json *out, struct failure *failure)
{
	struct json json = { 0 };
	int code = json_parse((const char *)jws->payload, jws->payload_bytes, &json_limits_payload, &json, failure);
	if (!code && !json_is(json_root(&json), JSON_OBJECT))
		code = failure_set(failure, EMA_BAD_JSON, "the token's payload is no JSON object");
	if (code)
		json_free(&json);
	else
		*out = json;
	return code;
}

/* Between the SEQUENCE that OpenSSL made and r||s; 0 if it is none. */
static int jws_raw(const unsigned char *der, size_t length, size_t field, unsigned char *out)
{
	size_t at = length > 2 && der[1] == 0x81 ? 3 : 2;
	memset(out, 0, 2 * field);
	for (int half = 0; half < 2; half++, out += field) {
		if (at + 2 > length || der[at] != 0x02)
			return 0;
		size_t size = der[at + 1], start = at + 2;
		at = start + size;
		if (at > length)
			return 0;
		for (; size > field && !der[start]; start++)
			size--;
		if (size > field)
			return 0;
		memcpy(out + field - size, der + start, size);
	}
	return at == length;
}

static int jws_append(struct buffer *out, const void *data, size_t length)
{
	char *text = malloc(BASE64URL_ROOM(length) + 1);
	if (!text)
		return -1;
	size_t letters = base64url_encode(data, length, text);
	int result = buffer_append(out, text, letters);
	secret_wipe(text, letters);
	free(text);
	return result;
}

int jws_sign(const struct jwk *key, enum jose_algorithm algorithm, const char *type, const char *more, const char *payload,
             size_t length, char **out, struct failure *failure)
{
	if (!jwk_fits(key, algorithm) || !key->private)
		return failure_set(failure, EMA_BAD_ALGORITHM, "%s does not fit the key, or the key is not a private one", jose_algorithm_name(algorithm));
	const struct algorithm *a = &algorithms[algorithm];
	struct buffer header = BUFFER_INIT(JWS_MORE_MOST), token = BUFFER_INIT(2 * JWS_MORE_MOST);
	unsigned char made[1024], raw[2 * ALGORITHM_FIELD_MOST];
	const unsigned char *signature = made;
	size_t size = sizeof made;
	EVP_MD_CTX *context = NULL;
	int code = EMA_OUT_OF_MEMORY;
	ERR_set_mark();
	if (length > JWS_MORE_MOST)
		goto done;
	buffer_printf(&header, "{\"alg\":\"%s\"", a->name);
	if (key->kid) {
		buffer_text(&header, ",\"kid\":");
		buffer_json(&header, key->kid, strlen(key->kid));
	}
	if (type) {
		buffer_text(&header, ",\"typ\":");
		buffer_json(&header, type, strlen(type));
	}
	buffer_text(&header, more ? more : "");
	if (buffer_char(&header, '}') || jws_append(&token, header.data, header.length) || buffer_char(&token, '.') ||
	    jws_append(&token, payload, length))
		goto done;
	code = EMA_INTERNAL;
	if (!(context = key_signer(key, algorithm)) ||
	    EVP_DigestSign(context, made, &size, (const unsigned char *)token.data, token.length) != 1)
		goto done;
	if (a->type == JWK_EC) {
		if (!jws_raw(made, size, a->field, raw))
			goto done;
		signature = raw;
		size = 2 * a->field;
	}
	code = EMA_OUT_OF_MEMORY;
	if (buffer_char(&token, '.') || jws_append(&token, signature, size))
		goto done;
	char *text = buffer_take(&token);
	if (text) {
		*out = text;
		code = EMA_OK;
	}
done:
	EVP_MD_CTX_free(context);
	ERR_pop_to_mark();
	buffer_free(&header);
	buffer_free(&token);
	if (code)
		failure_set(failure, code, code == EMA_INTERNAL ? "OpenSSL could not sign (%s)" : "no memory to sign, or too much to sign (%s)", a->name);
	return code;
}
