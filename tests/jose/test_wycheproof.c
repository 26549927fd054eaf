/* Vectors in the form of project Wycheproof: those of the folder that WYCHEPROOF_DIR names, and always a file made here, so that
   the reader itself is tested. */
#define _GNU_SOURCE
#include "test.h"

#define json_type json_c_type /* our reader has a type of that name */
#include <json-c/json.h>
#undef json_type

#include <dirent.h>
#include <stdio.h>

#include "buffer.h"
#include "jws.h"

#define VECTOR_MOST 8192

struct tally {
	int verified, refused, wrong, unread;
};

static const char *text(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static struct json_object *member(struct json_object *object, const char *const *names)
{
	struct json_object *value = NULL;
	for (; *names; names++)
		if (json_object_object_get_ex(object, *names, &value))
			return value;
	return NULL;
}

/* Bytes of hexadecimal digits; -1: too long or none. */
static long bytes_of(const char *hex, unsigned char *out, size_t room)
{
	size_t length = strlen(hex);
	if (length % 2 || length / 2 > room)
		return -1;
	for (size_t i = 0; i < length / 2; i++) {
		unsigned byte;
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -1;
		out[i] = (unsigned char)byte;
	}
	return (long)(length / 2);
}

/* The algorithm that a file and a group are about; JOSE_NONE: none of ours. */
static enum jose_algorithm algorithm_of(const char *file_algorithm, struct json_object *group)
{
	static const struct {
		const char *algorithm, *sha;
		enum jose_algorithm ours;
	} known[] = {
		{ "RSASSA-PKCS1-v1_5", "SHA-256", JOSE_RS256 }, { "RSASSA-PKCS1-v1_5", "SHA-384", JOSE_RS384 },
		{ "RSASSA-PKCS1-v1_5", "SHA-512", JOSE_RS512 }, { "RSASSA-PSS", "SHA-256", JOSE_PS256 },
		{ "RSASSA-PSS", "SHA-384", JOSE_PS384 },        { "RSASSA-PSS", "SHA-512", JOSE_PS512 },
		{ "ECDSA", "SHA-256", JOSE_ES256 },             { "ECDSA", "SHA-384", JOSE_ES384 },
		{ "ECDSA", "SHA-512", JOSE_ES512 },             { "EDDSA", "", JOSE_ED25519 },
	};
	struct json_object *salt = NULL;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i].algorithm, file_algorithm) || (*known[i].sha && strcmp(known[i].sha, text(group, "sha"))))
			continue;
		/* RFC 7518 3.5: MGF1 with the same hash, and a salt as long as it. */
		if (!strcmp(file_algorithm, "RSASSA-PSS") && (strcmp(text(group, "mgfSha"), known[i].sha) ||
		    !json_object_object_get_ex(group, "sLen", &salt) || json_object_get_int(salt) != strtol(known[i].sha + 4, NULL, 10) / 8))
			return JOSE_NONE;
		return known[i].ours;
	}
	return JOSE_NONE;
}

static struct jwk *key_of(struct json_object *group)
{
	static const char *const names[] = { "publicKeyJwk", "keyJwk", "jwk", "public", NULL };
	struct json_object *object = member(group, names);
	struct json json = { 0 };
	struct jwk *key = NULL;
	const char *written = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : "";
	if (json_parse(written, strlen(written), &json_limits_document, &json, NULL) == EMA_OK)
		jwk_parse(&json, json_root(&json), &key, NULL);
	json_free(&json);
	return key;
}

/* A vector of bytes: signed is what a JWS would have as its first two parts with the dot. */
static int verify_bytes(struct json_object *test, const struct jwk *key, enum jose_algorithm algorithm)
{
	static unsigned char message[VECTOR_MOST];
	struct jws jws = { .algorithm = algorithm, .algorithm_name = jose_algorithm_name(algorithm) };
	unsigned char signature[VECTOR_MOST];
	long length = bytes_of(text(test, "msg"), message, sizeof message), signed_length = bytes_of(text(test, "sig"), signature, sizeof signature);
	if (length < 1 || signed_length < 0)
		return -1;
	if ((size_t)signed_length > sizeof jws.signature)
		return EMA_BAD_SIGNATURE;
	memcpy(jws.signature, signature, (size_t)signed_length);
	jws.signature_bytes = (size_t)signed_length;
	jws.token = (const char *)message;
	jws.length = (size_t)length;
	jws.header_length = 0;
	jws.payload_length = (size_t)length - 1;
	return jws_verify(&jws, key, JOSE_BIT(algorithm), NULL);
}

static int verify_token(const char *token, const struct jwk *key)
{
	struct jws jws = { 0 };
	int code = jws_parse(token, strlen(token), &jws, NULL);
	if (!code)
		code = jws_verify(&jws, key, ~0u, NULL);
	jws_free(&jws);
	return code;
}

static void run_group(const char *path, const char *algorithm, struct json_object *group, struct tally *tally)
{
	struct json_object *tests = NULL;
	struct jwk *key = key_of(group);
	enum jose_algorithm ours = algorithm_of(algorithm, group);
	for (size_t i = 0; json_object_object_get_ex(group, "tests", &tests) && i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i), *number = NULL;
		const char *result = text(test, "result"), *token = text(test, "jws");
		int code = !key ? -1 : *token ? verify_token(token, key) : ours != JOSE_NONE && jwk_fits(key, ours) ? verify_bytes(test, key, ours) : -1;
		if (code < 0) {
			tally->unread++;
			continue;
		}
		tally->verified += code == EMA_OK;
		tally->refused += code != EMA_OK;
		if ((code == EMA_OK && !strcmp(result, "invalid")) || (code != EMA_OK && !strcmp(result, "valid"))) {
			json_object_object_get_ex(test, "tcId", &number);
			print_message("# %s: test %d is %s, and we answered %d\n", path, json_object_get_int(number), result, code);
			tally->wrong++;
		}
	}
	jwk_free(key);
}

static void run_folder(const char *folder, struct tally *tally)
{
	DIR *directory = opendir(folder);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		struct json_object *groups = NULL;
		char *path = NULL;
		size_t length = strlen(entry->d_name);
		if (length < 5 || strcmp(entry->d_name + length - 5, ".json"))
			continue;
		assert_true(asprintf(&path, "%s/%s", folder, entry->d_name) > 0);
		struct json_object *file = json_object_from_file(path);
		for (size_t i = 0; json_object_object_get_ex(file, "testGroups", &groups) && i < json_object_array_length(groups); i++)
			run_group(path, text(file, "algorithm"), json_object_array_get_idx(groups, i), tally);
		json_object_put(file);
		free(path);
	}
	closedir(directory);
}

static void hex(struct buffer *out, const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		buffer_printf(out, "%02x", bytes[i]);
}

/* One file with a good and a bent signature, as bytes and as a token. */
static void write_file(const char *folder, enum jose_algorithm algorithm, const char *name, const char *group)
{
	struct jwk *key = NULL;
	struct jws jws = { 0 };
	char *token = NULL, path[128];
	struct buffer out = BUFFER_INIT(65536);
	assert_int_equal(jwk_generate(algorithm, &key, NULL), EMA_OK);
	assert_int_equal(jws_sign(key, algorithm, "JWT", "", "{\"a\":1}", 7, &token, NULL), EMA_OK);
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	char *public = jwk_print(key, 0);
	buffer_printf(&out, "{\"algorithm\":\"%s\",\"testGroups\":[{\"publicKeyJwk\":%s,%s\"tests\":[", name, public, group);
	for (int bent = 0; bent < 2; bent++) {
		buffer_printf(&out, "%s{\"tcId\":%d,\"msg\":\"", bent ? "," : "", bent + 1);
		hex(&out, (const unsigned char *)token, jws.header_length + 1 + jws.payload_length);
		jws.signature[9] ^= (unsigned char)bent;
		buffer_text(&out, "\",\"sig\":\"");
		hex(&out, jws.signature, jws.signature_bytes);
		buffer_printf(&out, "\",\"result\":\"%s\"}", bent ? "invalid" : "valid");
	}
	buffer_printf(&out, ",{\"tcId\":3,\"jws\":\"%s\",\"result\":\"valid\"},{\"tcId\":4,\"jws\":\"%s=\",\"result\":\"invalid\"}]}]}", token, token);
	assert_false(out.failed);
	snprintf(path, sizeof path, "%s/%s.json", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(out.data, 1, out.length, file), out.length);
	assert_int_equal(fclose(file), 0);
	buffer_free(&out);
	jws_free(&jws);
	jwk_free(key);
	free(public);
	free(token);
}

/* JWT-28: the reader tells good from bent in files that are made here. */
static void vectors_of_our_own(void **state)
{
	char folder[] = "/tmp/ema-vectors-XXXXXX", path[128];
	static const char *const names[] = { "ECDSA", "EDDSA" };
	struct tally tally = { 0 };
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file(folder, JOSE_ES256, names[0], "\"sha\":\"SHA-256\",");
	write_file(folder, JOSE_ED25519, names[1], "");
	run_folder(folder, &tally);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s.json", folder, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(tally.verified, 4);
	assert_int_equal(tally.refused, 4);
	assert_int_equal(tally.wrong, 0);
	assert_int_equal(tally.unread, 0);
}

static void vectors_of_the_folder(void **state)
{
	struct tally tally = { 0 };
	(void)state;
	run_folder(getenv("WYCHEPROOF_DIR"), &tally);
	print_message("# %d verified, %d refused, %d not for us\n", tally.verified, tally.refused, tally.unread);
	assert_int_equal(tally.wrong, 0);
	assert_true(tally.verified > 0);
}

int main(void)
{
	const struct CMUnitTest always[] = {
		cmocka_unit_test(vectors_of_our_own),
	};
	const struct CMUnitTest all[] = {
		cmocka_unit_test(vectors_of_our_own),
		cmocka_unit_test(vectors_of_the_folder),
	};
	if (getenv("WYCHEPROOF_DIR"))
		return cmocka_run_group_tests(all, NULL, NULL);
	print_message("# WYCHEPROOF_DIR is not set: no public vectors are run\n");
	return cmocka_run_group_tests(always, NULL, NULL);
}
