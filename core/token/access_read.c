#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "base64url.h"
#include "jws.h"
#include "jwt.h"
#include "policy.h"
#include "subject.h"

struct reader {
	const struct json *json;
	const struct json_node *root, *login;
	struct access_claims *claims;
	struct failure *failure;
	/* One allocation; each part's room was counted first. */
	const char **strings;
	struct access_name *names;
	char *scope;
};

static int bad(struct reader *reader, const char *what)
{
	return failure_set(reader->failure, EMA_BAD_CLAIM, "the access token's %s is not what we write there", what);
}

/* The string in *out, which stays NULL if it is absent and not needed. */
static int get_string(struct reader *reader, const struct json_node *parent, const char *name, int needed, const char **out)
{
	const struct json_node *node = json_member(reader->json, parent, name);
	if (!node)
		return needed ? failure_set(reader->failure, EMA_MISSING_CLAIM, "the access token has no %s", name) : EMA_OK;
	if (!json_string(node) || !node->length)
		return bad(reader, name);
	*out = node->text;
	return EMA_OK;
}

static int get_integer(struct reader *reader, const struct json_node *parent, const char *name, int needed, int64_t *out)
{
	const struct json_node *node = json_member(reader->json, parent, name);
	if (!node)
		return needed ? failure_set(reader->failure, EMA_MISSING_CLAIM, "the access token has no %s", name) : EMA_OK;
	return json_integer(node, out) ? EMA_OK : bad(reader, name);
}

static int is_one_of(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(text, list[i]))
			return 1;
	return 0;
}

/* RFC 6749 3.3: tokens with one space between. */
static int read_scopes(struct reader *reader)
{
	const struct json_node *node = json_member(reader->json, reader->root, "scope");
	struct access_claims *claims = reader->claims;
	if (!node)
		return EMA_OK;
	if (!json_string(node) || !node->length)
		return failure_set(reader->failure, EMA_BAD_SCOPE, "the access token's scope is no string, or empty");
	memcpy(reader->scope, node->text, node->length + 1);
	claims->scopes = reader->strings;
	for (char *at = reader->scope; at;) {
		char *space = strchr(at, ' ');
		if (space)
			*space = 0;
		for (const char *c = at; *c; c++)
			if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\')
				return failure_set(reader->failure, EMA_BAD_SCOPE, "the access token's scope has a character that no scope has");
		if (!*at || claims->scope_count == ACCESS_SCOPES_MOST || is_one_of(at, claims->scopes, claims->scope_count))
			return failure_set(reader->failure, EMA_BAD_SCOPE, "the access token's scope has a scope twice, none between two spaces, or over %d",
			                   ACCESS_SCOPES_MOST);
		*reader->strings++ = at;
		claims->scope_count++;
		at = space ? space + 1 : NULL;
	}
	return EMA_OK;
}

static int read_binding(struct reader *reader)
{
	const struct json_node *node = json_member(reader->json, reader->root, "cnf");
	struct access_claims *claims = reader->claims;
	unsigned char bytes[64];
	if (!node)
		return EMA_OK;
	/* A confirmation that is not understood must not be passed over. */
	if (!json_is(node, JSON_OBJECT) || node->count != 1)
		return bad(reader, "cnf");
	claims->jkt = json_string(json_member(reader->json, node, "jkt"));
	claims->x5t = json_string(json_member(reader->json, node, "x5t#S256"));
	const char *thumbprint = claims->jkt ? claims->jkt : claims->x5t;
	return thumbprint && strlen(thumbprint) == 43 && base64url_decode(thumbprint, 43, bytes) == 32 ? EMA_OK : bad(reader, "cnf");
}

static int read_actors(struct reader *reader)
{
	const struct json_node *node = json_member(reader->json, reader->root, "act");
	struct access_claims *claims = reader->claims;
	claims->actors = node ? reader->strings : NULL;
	for (; node; node = json_member(reader->json, node, "act")) {
		const char *sub = json_is(node, JSON_OBJECT) ? json_string(json_member(reader->json, node, "sub")) : NULL;
		if (!sub || !*sub || claims->actor_count == ACCESS_ACTORS_MOST)
			return bad(reader, "act");
		*reader->strings++ = sub;
		claims->actor_count++;
	}
	return EMA_OK;
}

static int read_amr(struct reader *reader)
{
	const struct json_node *node = json_member(reader->json, reader->login, "amr");
	struct access_claims *claims = reader->claims;
	if (!node)
		return EMA_OK;
	if (!json_is(node, JSON_ARRAY) || node->count > ACCESS_AMR_MOST)
		return bad(reader, "amr");
	claims->amr = reader->strings;
	for (const struct json_node *n = json_first(reader->json, node); n; n = json_next(reader->json, n)) {
		if (!json_string(n) || !n->length)
			return bad(reader, "amr");
		*reader->strings++ = n->text;
		claims->amr_count++;
	}
	return EMA_OK;
}

static int read_names(struct reader *reader, const char *what, const struct access_name **list, size_t *count)
{
	const struct json_node *node = json_member(reader->json, reader->login, what);
	if (!node)
		return EMA_OK;
	if (!json_is(node, JSON_ARRAY) || node->count > ACCESS_NAMES_MOST)
		return bad(reader, what);
	*list = reader->names;
	for (const struct json_node *n = json_first(reader->json, node); n; n = json_next(reader->json, n)) {
		const struct json_node *name = json_first(reader->json, n), *source = name ? json_next(reader->json, name) : NULL,
		                       *tenant = source ? json_next(reader->json, source) : NULL;
		if (!json_is(n, JSON_ARRAY) || n->count < 2 || n->count > 3 || !json_string(name) || !name->length || !json_string(source) || !source->length ||
		    (tenant && (!json_string(tenant) || !tenant->length)))
			return bad(reader, what);
		*reader->names++ = (struct access_name){ name->text, source->text, json_string(tenant) };
		++*count;
	}
	return EMA_OK;
}

/* Room for all that the lists can have, by the sizes of what was parsed. */
static int make_room(struct reader *reader, struct access_token *token)
{
	const struct json_node *scope = json_member(reader->json, reader->root, "scope"), *amr = json_member(reader->json, reader->login, "amr"),
	                       *groups = json_member(reader->json, reader->login, "groups"), *roles = json_member(reader->json, reader->login, "roles");
	size_t scope_bytes = scope ? scope->length + 1 : 0, kid_bytes = strlen(token->kid) + 1, scopes = 1,
	       names = (groups ? groups->count : 0) + (roles ? roles->count : 0);
	for (const char *c = json_string(scope); c && *c; c++)
		scopes += *c == ' ';
	const size_t strings = ACCESS_ACTORS_MOST + (scopes < ACCESS_SCOPES_MOST ? scopes : ACCESS_SCOPES_MOST) + (amr ? amr->count : 0);
	/* Pointers first, so that all is aligned. */
	const size_t size = names * sizeof *reader->names + strings * sizeof *reader->strings + scope_bytes + kid_bytes;
	char *memory = malloc(size);
	if (!memory)
		return failure_set(reader->failure, EMA_OUT_OF_MEMORY, "no memory for an access token");
	token->memory = memory;
	token->memory_size = size;
	reader->names = (struct access_name *)(void *)memory;
	reader->strings = (const char **)(void *)(memory + names * sizeof *reader->names);
	reader->scope = memory + names * sizeof *reader->names + strings * sizeof *reader->strings;
	token->kid = memcpy(reader->scope + scope_bytes, token->kid, kid_bytes);
	return EMA_OK;
}

static int read_subject(struct reader *reader, struct access_token *token)
{
	struct access_claims *claims = reader->claims;
	int code = get_string(reader, reader->root, "sub", 1, &token->subject);
	if (!code)
		code = get_string(reader, reader->login, "provider", 1, &claims->provider);
	if (!code)
		code = get_string(reader, reader->login, "tenant", 0, &claims->tenant);
	if (!code)
		code = get_string(reader, reader->login, "sub", 1, &claims->sub);
	if (code)
		return code;
	if (strlen(claims->provider) > SUBJECT_PART_MOST || strlen(claims->sub) > SUBJECT_PART_MOST || (claims->tenant && strlen(claims->tenant) > SUBJECT_PART_MOST))
		return bad(reader, "sub");
	const struct subject subject = { claims->provider, NULL, claims->tenant, claims->sub };
	char *text = subject_text(&subject);
	if (!text)
		return failure_set(reader->failure, EMA_OUT_OF_MEMORY, "no memory for an access token");
	if (strcmp(text, token->subject))
		code = failure_set(reader->failure, EMA_SUBJECT_CONFLICT, "the access token's sub is not the subject of its login");
	free(text);
	return code;
}

static int read_login(struct reader *reader, struct access_token *token)
{
	struct access_claims *claims = reader->claims;
	int code = read_subject(reader, token);
	if (!code)
		code = get_string(reader, reader->login, "person", 0, &claims->person);
	if (!code)
		code = get_string(reader, reader->login, "view", 0, &claims->view);
	if (!code)
		code = get_string(reader, reader->login, "acr", 0, &claims->acr);
	if (!code)
		code = get_string(reader, reader->login, "email", 0, &claims->email);
	if (!code)
		code = get_string(reader, reader->login, "name_id", 0, &claims->name_id);
	if (!code)
		code = get_integer(reader, reader->login, "auth_time", 0, &claims->auth_time);
	if (!code)
		code = read_amr(reader);
	if (!code)
		code = read_names(reader, "groups", &claims->groups, &claims->group_count);
	if (!code)
		code = read_names(reader, "roles", &claims->roles, &claims->role_count);
	return code;
}

static int read_times(struct reader *reader, struct access_token *token)
{
	int code = get_integer(reader, reader->root, "iat", 1, &token->claims.issued);
	if (!code)
		code = get_integer(reader, reader->root, "exp", 1, &token->claims.expires);
	return code ? code : get_integer(reader, reader->root, "nbf", 0, &token->not_before);
}

int access_hold(const struct access_token *token, const struct access_rules *rules, struct failure *failure)
{
	const struct access_claims *claims = &token->claims;
	if (!is_one_of(claims->issuer, rules->issuers, rules->issuer_count))
		return failure_set(failure, EMA_UNKNOWN_ISSUER, "the access token's iss is not the issuer of this service");
	if (strcmp(claims->audience, rules->audience))
		return failure_set(failure, EMA_WRONG_AUDIENCE, "the access token's aud is not the resource of this service");
	const int64_t begins = token->not_before != JWT_ABSENT && token->not_before > claims->issued ? token->not_before : claims->issued;
	const struct jwt_times times = { .now = rules->ahead && begins > rules->now ? begins : rules->now, .skew = rules->skew, .longest = ACCESS_LIFE_MOST, .expires = claims->expires,
	                                 .issued = claims->issued, .not_before = token->not_before, .need_issued = 1 };
	return jwt_check_times(&times, failure);
}

static int read_claims(struct reader *reader, const struct access_rules *rules, struct access_token *token)
{
	struct access_claims *claims = reader->claims;
	int code = get_string(reader, reader->root, "iss", 1, &claims->issuer);
	if (!code)
		code = get_string(reader, reader->root, "aud", 1, &claims->audience);
	if (!code)
		code = read_times(reader, token);
	if (!code)
		code = access_hold(token, rules, reader->failure);
	if (!code)
		code = get_string(reader, reader->root, "client_id", 1, &claims->client_id);
	if (!code)
		code = get_string(reader, reader->root, "jti", 1, &claims->jti);
	reader->login = json_member(reader->json, reader->root, ACCESS_LOGIN);
	if (!code && !reader->login)
		code = failure_set(reader->failure, EMA_MISSING_CLAIM, "the access token has no " ACCESS_LOGIN);
	if (!code && !json_is(reader->login, JSON_OBJECT))
		code = bad(reader, ACCESS_LOGIN);
	if (!code)
		code = make_room(reader, token);
	if (!code)
		code = read_scopes(reader);
	if (!code)
		code = read_binding(reader);
	if (!code)
		code = read_actors(reader);
	if (!code)
		code = read_login(reader, token);
	return code;
}

/* ---- Kept for who brings it again ---- */

struct known {
	struct seen_value value;   /* its version is the generation of the keys that it was verified by */
	struct seen_value *origin; /* of a view: whose strings these are */
	struct access_token token;
};

static void known_free(struct seen_value *value)
{
	struct known *known = (struct known *)(void *)value;
	if (known->origin)
		seen_release(known->origin);
	else
		access_free(&known->token);
	free(known);
}

#define LINE 64 /* bytes of memory that threads fight about at once */

static struct seen_value *known_view(struct seen_value *value)
{
	const struct known *known = (const struct known *)(const void *)value;
	struct known *view = aligned_alloc(LINE, (sizeof *view + LINE - 1) / LINE * LINE);
	if (!view)
		return NULL;
	/* Not all of it: others count its references meanwhile. */
	*view = (struct known){ { .size = value->size, .version = value->version, .free = value->free }, value, known->token };
	atomic_init(&view->value.references, 1);
	atomic_fetch_add(&value->references, 1);
	return &view->value;
}

static int keep(struct seen *table, const unsigned char digest[SEEN_DIGEST], uint64_t generation, struct access_token *token, struct failure *failure)
{
	struct known *known = malloc(sizeof *known);
	if (!known)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for an access token");
	*known = (struct known){ { .size = sizeof *known + token->json.strings_room + token->memory_size, .version = generation, .free = known_free, .view = known_view },
	                         NULL, *token };
	atomic_init(&known->value.references, 1);
	token->known = &known->value;
	/* By the service's issuer, and by who vouched. */
	seen_add(table, digest, policy_hash_text(policy_hash_text(POLICY_HASH, token->claims.issuer), token->claims.provider), &known->value);
	return EMA_OK;
}

static int recall(struct seen *table, const unsigned char digest[SEEN_DIGEST], uint64_t generation, struct access_token *out)
{
	struct seen_value *value = NULL;
	/* Of another generation: a key may be gone since. */
	if (!seen_has(table, digest, generation, &value) || !value)
		return 0;
	const struct known *known = (const struct known *)(const void *)value;
	*out = known->token;
	out->known = value;
	return 1;
}

int access_recall(struct keyring *keyring, struct seen *known, const char *text, size_t length, struct access_token *out)
{
	unsigned char digest[SEEN_DIGEST];
	return seen_digest(known, "", text, length, digest) && recall(known, digest, keyring_generation(keyring), out);
}

static int verify(struct keyring *keyring, const struct jws *jws, const struct access_rules *rules, struct access_token *out, struct failure *failure)
{
	struct access_token token = { .claims = { .auth_time = JWT_ABSENT }, .not_before = JWT_ABSENT };
	int code = EMA_OK;
	if (strcmp(jws->type, ACCESS_TYPE))
		code = failure_set(failure, EMA_WRONG_TYPE, "the token's typ is not " ACCESS_TYPE);
	if (!code)
		code = keyring_verify(keyring, jws, failure);
	if (!code)
		code = jws_claims(jws, &token.json, failure);
	if (!code) {
		struct reader reader = { .json = &token.json, .root = json_root(&token.json), .claims = &token.claims, .failure = failure };
		token.kid = jws->kid;
		token.algorithm = jws->algorithm;
		code = read_claims(&reader, rules, &token);
	}
	if (code) {
		access_free(&token);
		return code;
	}
	/* What was read points to the strings alone. */
	json_forget_nodes(&token.json);
	*out = token;
	return EMA_OK;
}

/* parsed: of the text, or NULL if it was not yet. */
static int read_text(struct keyring *keyring, const char *text, size_t length, const struct jws *parsed, const struct access_rules *rules,
                     struct access_token *out, struct failure *failure)
{
	unsigned char digest[SEEN_DIGEST];
	const int digested = rules->known && seen_digest(rules->known, "", text, length, digest);
	/* Before it is verified: what changes meanwhile must be seen the next time. */
	const uint64_t generation = digested ? keyring_generation(keyring) : 0;
	/* It is large: not copied more often than it must be. */
	if (digested && recall(rules->known, digest, generation, out)) {
		int held = access_hold(out, rules, failure);
		if (held)
			access_free(out);
		return held;
	}
	struct access_token token = { .memory = NULL };
	struct jws own;
	int code = parsed ? EMA_OK : jws_parse(text, length, &own, failure);
	if (!code)
		code = verify(keyring, parsed ? parsed : &own, rules, &token, failure);
	if (!parsed)
		jws_free(&own);
	if (!code && digested)
		code = keep(rules->known, digest, generation, &token, failure);
	if (code)
		access_free(&token);
	else
		*out = token;
	return code;
}

int access_read(struct keyring *keyring, const char *text, size_t length, const struct access_rules *rules, struct access_token *out,
                struct failure *failure)
{
	return read_text(keyring, text, length, NULL, rules, out, failure);
}

int access_read_parsed(struct keyring *keyring, const struct jws *jws, const struct access_rules *rules, struct access_token *out,
                       struct failure *failure)
{
	return read_text(keyring, jws->token, jws->length, jws, rules, out, failure);
}

void access_free(struct access_token *token)
{
	struct seen_value *known = token->known;
	if (!known) {
		json_free(&token->json);
		free(token->memory);
	}
	memset(token, 0, sizeof *token);
	seen_release(known);
}
