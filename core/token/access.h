/* Our access token (RFC 9068): what is written into it, and what a token must be to be believed. */
#ifndef TOKEN_ACCESS_H
#define TOKEN_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "json.h"
#include "keyring.h"

#define ACCESS_TYPE "at+jwt"
#define ACCESS_LOGIN "urn:ema:login" /* the one private claim: who vouched for the subject, how they signed in, what rules need */
#define ACCESS_LIFE_MOST 86400       /* seconds */
#define ACCESS_ACTORS_MOST 8
#define ACCESS_SCOPES_MOST 256
#define ACCESS_NAMES_MOST 512        /* groups, and roles */
#define ACCESS_AMR_MOST 32

struct access_name { /* a group or role */
	const char *name, *source; /* "claims", or a directory */
	const char *tenant;        /* NULL: none */
};

/* What is NULL, empty or JWT_ABSENT is not in the token. */
struct access_claims {
	const char *issuer, *audience; /* the service's issuer; its resource, one */
	const char *client_id, *jti;
	int64_t issued, expires;       /* seconds since 1970 */
	const char *const *scopes;
	size_t scope_count;
	const char *jkt, *x5t;         /* cnf: SHA-256 thumbprint of the DPoP key, or of the certificate; 43 characters, never both */
	const char *const *actors;     /* act, outermost first */
	size_t actor_count;
	/* The subject: sub is made of these, PROVIDER/TENANT/SUB (subject_text()). */
	const char *provider, *tenant, *sub;
	const char *person;
	const char *view;              /* policy_deny_view() of when it was made */
	const char *acr;
	const char *const *amr;
	size_t amr_count;
	int64_t auth_time;             /* seconds since 1970; JWT_ABSENT */
	/* Those alone that a rule of the service looks at, or a directory or guard of it may. */
	const char *email, *name_id;
	const struct access_name *groups, *roles;
	size_t group_count, role_count;
};

/*
 * A new string, free() it. EMA_BAD_CLAIM: something is missing, too long, or would not be read as it was (invalid UTF-8, and
 * characters that buffer_json() replaces); EMA_TOO_LARGE: over what a token may have; EMA_LIFETIME_TOO_LONG; keyring_sign()'s.
 */
int access_mint(struct keyring *keyring, const struct access_claims *claims, char **out, struct failure *failure);

struct access_rules {
	const char *const *issuers; /* one of these, byte for byte */
	size_t issuer_count;
	const char *audience;       /* the service's resource */
	int64_t now, skew;          /* seconds */
	int ahead;                  /* one that is not valid yet is read as if it were: another host's clock may be ahead, and it is to be revoked */
	struct seen *known;         /* where a token that was read is kept, and looked for; NULL: nowhere */
};

struct access_token {
	struct access_claims claims; /* pointing into what follows */
	const char *subject, *kid;   /* the token's sub, and its header's kid */
	enum jose_algorithm algorithm;
	int64_t not_before;          /* JWT_ABSENT */
	struct json json;
	void *memory;
	size_t memory_size;
	struct seen_value *known;    /* that json and memory belong to; NULL: to this one */
};

/*
 * Verifies and reads. A code of the table for every fault: jws_parse()'s, EMA_WRONG_TYPE, keyring_verify()'s, EMA_BAD_JSON,
 * EMA_DUPLICATE_MEMBER, EMA_MISSING_CLAIM, EMA_BAD_CLAIM, EMA_UNKNOWN_ISSUER, EMA_WRONG_AUDIENCE, EMA_EXPIRED,
 * EMA_NOT_YET_VALID, EMA_ISSUED_IN_FUTURE, EMA_LIFETIME_TOO_LONG, EMA_BAD_SCOPE, EMA_SUBJECT_CONFLICT (sub is not what the login
 * says), EMA_CLOCK_WRONG. Whether a bound token was proved, and whether the provider still stands in the rules, is the caller's.
 */
int access_read(struct keyring *keyring, const char *text, size_t length, const struct access_rules *rules, struct access_token *out,
                struct failure *failure);
/* The same, of a token that jws_parse() took apart. */
int access_read_parsed(struct keyring *keyring, const struct jws *jws, const struct access_rules *rules, struct access_token *out,
                       struct failure *failure);
/*
 * 1 and the token as access_read() left it, if it was kept there and no key of ours has come or gone since: verified, and read, but
 * not held against any rules. Else 0.
 */
int access_recall(struct keyring *keyring, struct seen *known, const char *text, size_t length, struct access_token *out);
/* What access_read() asks of a token beyond what stands in it: whether it is for us, and its times. */
int access_hold(const struct access_token *token, const struct access_rules *rules, struct failure *failure);
/* Fine on a zeroed one. */
void access_free(struct access_token *token);

#endif
