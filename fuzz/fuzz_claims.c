/*
 * Any bytes as claims, signed by our own key: access_read() takes them, or refuses them with this code, only if a slow reader over
 * json-c finds the same; and times of any kind. What is not strict JSON is fuzz_json's.
 */
#define _GNU_SOURCE
#define json_type json_c_type /* our reader has a type of that name */
#include <json-c/json.h>
#undef json_type
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "jwt.h"
#include "seen.h"

#define FUZZ_NOW INT64_C(1800000000)
#define FUZZ_SKEW 30
#define SAFE (INT64_C(1) << 53)
#define US "https://auth.example"
#define SVC "https://mcp.example/svc"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t fuzz_time(void *data)
{
	(void)data;
	return FUZZ_NOW * 1000;
}

static const struct clock fuzz_clock = { fuzz_time, fuzz_time, NULL };

/* ---- The slow reader: each clause by itself, whatever the others say. wrong has each code that it finds. ---- */

struct slow {
	char wrong[EMA_CODES];
	struct json_object *root, *login;
};

static struct json_object *slow_member(struct json_object *of, const char *name, int *there)
{
	struct json_object *member = NULL;
	*there = json_object_is_type(of, json_type_object) && json_object_object_get_ex(of, name, &member);
	return member;
}

static int is_text(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) > 0;
}

static int is_whole(struct json_object *value, int64_t *out)
{
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) >= SAFE || json_object_get_int64(value) <= -SAFE)
		return 0;
	*out = json_object_get_int64(value);
	return 1;
}

static const char *slow_text(struct slow *slow, struct json_object *of, const char *name, int needed)
{
	int there;
	struct json_object *value = slow_member(of, name, &there);
	if (there && is_text(value))
		return json_object_get_string(value);
	slow->wrong[EMA_BAD_CLAIM] |= (char)there;
	slow->wrong[EMA_MISSING_CLAIM] |= (char)(!there && needed);
	return NULL;
}

static int64_t slow_whole(struct slow *slow, struct json_object *of, const char *name, int needed)
{
	int there;
	int64_t number = JWT_ABSENT;
	struct json_object *value = slow_member(of, name, &there);
	if (there && is_whole(value, &number))
		return number;
	slow->wrong[EMA_BAD_CLAIM] |= (char)there;
	slow->wrong[EMA_MISSING_CLAIM] |= (char)(!there && needed);
	return JWT_ABSENT;
}

/* RFC 6749 3.3 */
static void slow_scope(struct slow *slow)
{
	int there;
	struct json_object *value = slow_member(slow->root, "scope", &there);
	if (!there)
		return;
	if (!is_text(value)) {
		slow->wrong[EMA_BAD_SCOPE] = 1;
		return;
	}
	char *text = strdup(json_object_get_string(value)), *scopes[8192];
	size_t count = 0;
	for (char *at = text, *scope; text && (scope = strsep(&at, " "));) {
		if (!*scope || count == ACCESS_SCOPES_MOST)
			slow->wrong[EMA_BAD_SCOPE] = 1;
		for (const char *c = scope; *c; c++)
			if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\')
				slow->wrong[EMA_BAD_SCOPE] = 1;
		for (size_t i = 0; i < count; i++)
			if (!strcmp(scopes[i], scope))
				slow->wrong[EMA_BAD_SCOPE] = 1;
		if (count < sizeof scopes / sizeof *scopes)
			scopes[count++] = scope;
	}
	free(text);
}

/* 32 bytes in base64url are 43 characters, whose last one has four bits. */
static int is_thumbprint(struct json_object *value)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *text = is_text(value) ? json_object_get_string(value) : "";
	return strlen(text) == 43 && strspn(text, letters) == 43 && !((strchr(letters, text[42]) - letters) & 3);
}

static void slow_binding(struct slow *slow)
{
	int there, jkt, x5t;
	struct json_object *value = slow_member(slow->root, "cnf", &there);
	struct json_object *key = slow_member(value, "jkt", &jkt), *certificate = slow_member(value, "x5t#S256", &x5t);
	if (there && !(json_object_is_type(value, json_type_object) && json_object_object_length(value) == 1 &&
	               ((jkt && is_thumbprint(key)) || (x5t && is_thumbprint(certificate)))))
		slow->wrong[EMA_BAD_CLAIM] = 1;
}

static void slow_actors(struct slow *slow)
{
	int there, has_sub, count = 0;
	for (struct json_object *value = slow_member(slow->root, "act", &there); there; value = slow_member(value, "act", &there))
		if (!is_text(slow_member(value, "sub", &has_sub)) || ++count > ACCESS_ACTORS_MOST)
			slow->wrong[EMA_BAD_CLAIM] = 1;
}

static void slow_list(struct slow *slow, const char *name, size_t most, int names)
{
	int there;
	struct json_object *value = slow_member(slow->login, name, &there);
	int fine = json_object_is_type(value, json_type_array) && json_object_array_length(value) <= most;
	for (size_t i = 0; fine && i < json_object_array_length(value); i++) {
		struct json_object *one = json_object_array_get_idx(value, i);
		if (!names) {
			fine = is_text(one);
			continue;
		}
		fine = json_object_is_type(one, json_type_array) && json_object_array_length(one) >= 2 && json_object_array_length(one) <= 3;
		for (size_t k = 0; fine && k < json_object_array_length(one); k++)
			fine = is_text(json_object_array_get_idx(one, k));
	}
	slow->wrong[EMA_BAD_CLAIM] |= (char)(there && !fine);
}

static void put_part(char **to, const char *text, int is_tenant)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	if (is_tenant && !strcmp(text, "-"))
		*to += sprintf(*to, "%%2D");
	else
		for (; *text; text++)
			*to += sprintf(*to, strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
}

static void slow_subject(struct slow *slow)
{
	static char text[4 * JWS_PAYLOAD_MOST];
	const char *said = slow_text(slow, slow->root, "sub", 1), *provider = slow_text(slow, slow->login, "provider", 1),
	           *tenant = slow_text(slow, slow->login, "tenant", 0), *sub = slow_text(slow, slow->login, "sub", 1);
	char *to = text;
	if (!said || !provider || !sub)
		return;
	slow->wrong[EMA_BAD_CLAIM] |= strlen(provider) > 1024 || strlen(sub) > 1024 || (tenant && strlen(tenant) > 1024);
	put_part(&to, provider, 0);
	*to++ = '/';
	if (tenant)
		put_part(&to, tenant, 1);
	else
		*to++ = '-';
	*to++ = '/';
	put_part(&to, sub, 0);
	*to = 0;
	slow->wrong[EMA_SUBJECT_CONFLICT] = strcmp(text, said) != 0;
}

/* All within 2^53, so that no sum is too large. */
static void slow_times(char wrong[EMA_CODES], int64_t now, int64_t skew, int64_t longest, int64_t oldest, int64_t expires, int64_t issued, int64_t before)
{
	wrong[EMA_EXPIRED] |= now >= expires + skew || (oldest > 0 && now > issued + oldest + skew);
	wrong[EMA_NOT_YET_VALID] |= before > now + skew;
	wrong[EMA_ISSUED_IN_FUTURE] |= issued > now + skew;
	wrong[EMA_LIFETIME_TOO_LONG] |= longest > 0 && expires > issued + longest + skew;
}

static void slow_read(struct slow *slow)
{
	int there;
	const char *issuer = slow_text(slow, slow->root, "iss", 1), *audience = slow_text(slow, slow->root, "aud", 1);
	int64_t issued = slow_whole(slow, slow->root, "iat", 1), expires = slow_whole(slow, slow->root, "exp", 1), before = slow_whole(slow, slow->root, "nbf", 0);
	slow->login = slow_member(slow->root, ACCESS_LOGIN, &there);
	slow->wrong[EMA_MISSING_CLAIM] |= (char)!there;
	slow->wrong[EMA_BAD_CLAIM] |= (char)(there && !json_object_is_type(slow->login, json_type_object));
	slow->wrong[EMA_UNKNOWN_ISSUER] = issuer && strcmp(issuer, US) != 0;
	slow->wrong[EMA_WRONG_AUDIENCE] = audience && strcmp(audience, SVC) != 0;
	if (issued != JWT_ABSENT && expires != JWT_ABSENT)
		slow_times(slow->wrong, FUZZ_NOW, FUZZ_SKEW, ACCESS_LIFE_MOST, 0, expires, issued, before == JWT_ABSENT ? -SAFE : before);
	slow_text(slow, slow->root, "client_id", 1);
	slow_text(slow, slow->root, "jti", 1);
	slow_scope(slow);
	slow_binding(slow);
	slow_actors(slow);
	slow_subject(slow);
	slow_text(slow, slow->login, "person", 0);
	slow_text(slow, slow->login, "view", 0);
	slow_text(slow, slow->login, "acr", 0);
	slow_text(slow, slow->login, "email", 0);
	slow_whole(slow, slow->login, "auth_time", 0);
	slow_list(slow, "amr", ACCESS_AMR_MOST, 0);
	slow_list(slow, "groups", ACCESS_NAMES_MOST, 1);
	slow_list(slow, "roles", ACCESS_NAMES_MOST, 1);
}

/* ---- Comparing ---- */

static int is_wrong(const char wrong[EMA_CODES])
{
	for (int i = 0; i < EMA_CODES; i++)
		if (wrong[i])
			return 1;
	return 0;
}

static void same_text(struct json_object *of, const char *name, const char *text)
{
	struct json_object *value = NULL;
	const char *said = json_object_object_get_ex(of, name, &value) ? json_object_get_string(value) : NULL;
	if (said ? !text || strcmp(said, text) != 0 : text != NULL)
		abort();
}

static size_t length_of(struct json_object *of, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(of, name, &value) ? json_object_array_length(value) : 0;
}

static void same_claims(const struct slow *slow, const struct access_token *token)
{
	const struct access_claims *claims = &token->claims;
	struct json_object *scope = NULL;
	same_text(slow->root, "sub", token->subject);
	same_text(slow->root, "client_id", claims->client_id);
	same_text(slow->root, "jti", claims->jti);
	same_text(slow->login, "provider", claims->provider);
	same_text(slow->login, "tenant", claims->tenant);
	same_text(slow->login, "sub", claims->sub);
	same_text(slow->login, "person", claims->person);
	same_text(slow->login, "email", claims->email);
	same_text(slow->login, "acr", claims->acr);
	if (claims->expires != json_object_get_int64(json_object_object_get(slow->root, "exp")) || claims->amr_count != length_of(slow->login, "amr") ||
	    claims->group_count != length_of(slow->login, "groups") || claims->role_count != length_of(slow->login, "roles"))
		abort();
	const char *text = json_object_object_get_ex(slow->root, "scope", &scope) ? json_object_get_string(scope) : "";
	for (size_t i = 0; i < claims->scope_count; i++) {
		size_t length = strlen(claims->scopes[i]);
		if (strncmp(text, claims->scopes[i], length) || (i + 1 < claims->scope_count ? text[length] != ' ' : text[length]))
			abort();
		text += length + 1;
	}
}

static void compare(struct keyring *keyring, struct seen *known, const char *text, size_t length)
{
	static const char *const issuers[] = { "https://other.example", US };
	struct access_rules rules = { issuers + 1, 1, SVC, FUZZ_NOW, FUZZ_SKEW, 0, known };
	struct access_token token;
	struct failure failure = FAILURE_INIT;
	struct slow slow = { .root = NULL };
	char *signed_text = NULL;
	if (keyring_sign(keyring, ACCESS_TYPE, text, length, &signed_text, NULL))
		return; /* too long */
	int code = access_read(keyring, signed_text, strlen(signed_text), &rules, &token, &failure);
	if (code != failure.code)
		abort();
	if (code == EMA_MALFORMED || code == EMA_BAD_JSON || code == EMA_DUPLICATE_MEMBER || code == EMA_TOO_LARGE)
		goto end;
	struct json_tokener *tokener = json_tokener_new_ex(64);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	slow.root = json_tokener_parse_ex(tokener, text, (int)length);
	if (!slow.root && json_tokener_get_error(tokener) == json_tokener_continue) /* a number at the end may go on */
		slow.root = json_tokener_parse_ex(tokener, "", -1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		abort(); /* what we read, others read */
	json_tokener_free(tokener);
	slow_read(&slow);
	if (code ? !slow.wrong[code] : is_wrong(slow.wrong))
		abort();
	if (!code) {
		same_claims(&slow, &token);
		access_free(&token);
		/* Known by now: held against the rules again, and against others. */
		if (access_read(keyring, signed_text, strlen(signed_text), &rules, &token, NULL) || !token.known)
			abort();
		same_claims(&slow, &token);
		access_free(&token);
		rules.issuers = issuers;
		if (access_read(keyring, signed_text, strlen(signed_text), &rules, &token, NULL) != EMA_UNKNOWN_ISSUER)
			abort();
	}
	json_object_put(slow.root);
end:
	free(signed_text);
}

/* ---- Times of a provider's token, which may have a fraction and an exponent ---- */

static void compare_date(const struct json_node *node)
{
	int64_t date = 0;
	const int fine = json_date(node, &date);
	if (!json_is(node, JSON_NUMBER)) {
		if (fine)
			abort();
		return;
	}
	const double number = strtod(node->text, NULL), most = (double)SAFE - 1, cut = number < 0 ? (double)date - number : number - (double)date;
	if (!fine && number > -most && number < most)
		abort();
	/* What is cut off is less than a second, but where a text of so many digits is another one as a double. */
	if (fine && (cut < 0 || cut > 1 || (cut == 1 && strlen(node->text) < 15)))
		abort();
}

static void compare_times(const struct json *json)
{
	static const char *const names[] = { "now", "skew", "longest", "oldest", "exp", "iat", "nbf" };
	int64_t numbers[7];
	char wrong[EMA_CODES] = { 0 };
	for (size_t i = 0; i < 7; i++) {
		const struct json_node *node = json_member(json, json_root(json), names[i]);
		if (node)
			compare_date(node);
		if (!node || !json_date(node, &numbers[i]))
			numbers[i] = i < 4 ? (const int64_t[]){ FUZZ_NOW, FUZZ_SKEW, 300, 0 }[i] : JWT_ABSENT;
	}
	const struct jwt_times times = { .now = numbers[0], .skew = numbers[1], .longest = numbers[2], .oldest = numbers[3], .expires = numbers[4],
		                         .issued = numbers[5], .not_before = numbers[6] };
	struct failure failure = FAILURE_INIT;
	int code = jwt_check_times(&times, &failure);
	if (code != failure.code)
		abort();
	wrong[EMA_CLOCK_WRONG] = times.now < CLOCK_LEAST / 1000;
	wrong[EMA_MISSING_CLAIM] = times.expires == JWT_ABSENT || (times.issued == JWT_ABSENT && times.oldest > 0);
	if (!is_wrong(wrong))
		slow_times(wrong, times.now, times.skew < 0 ? 0 : times.skew > 60 ? 60 : times.skew, times.longest, times.oldest, times.expires,
		           times.issued == JWT_ABSENT ? times.now : times.issued, times.not_before == JWT_ABSENT ? -SAFE : times.not_before);
	if (code ? !wrong[code] : is_wrong(wrong))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct keyring *keyring;
	static struct seen *known;
	struct json json = { 0 };
	if (!keyring) {
		const struct keyring_settings settings = { .clock = &fuzz_clock, .algorithm = JOSE_ES256 };
		known = seen_new(64, 1 << 20);
		if (!known || keyring_open(&settings, &keyring, NULL))
			abort();
	}
	compare(keyring, known, (const char *)data, size);
	if (!json_parse((const char *)data, size, &json_limits_payload, &json, NULL))
		compare_times(&json);
	json_free(&json);
	return 0;
}
