/*
 * The permissions of one service: scopes, grants and denies, compiled once when the configuration is loaded. No input or output,
 * no clock. A policy and a prepared principal never change; any thread may use them.
 *
 * What counts: a grant gives a target if the subject is one that it names, its conditions hold, and one of its scopes, which must
 * be in the token, opens the target. Whoever has a scope, by a token or by a grant, has those that it includes. Denies win over
 * grants, and what nothing gives is denied. A grant or deny that names tools, prompts or uris is about these alone; a deny that names
 * scopes is about what they open themselves. What a condition needs and is not there, or is of the wrong type, makes a grant not
 * count and a deny count.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "conf.h"
#include "json.h"
#include "principal.h"

#define POLICY_SCOPES_MOST 1024   /* of a service */
#define POLICY_POINTERS_MOST 256  /* different arguments that rules look at, of which policy_pointers() knows */
/* FNV-1a, of what the operator wrote himself. */
#define POLICY_HASH UINT64_C(14695981039346656037)
static inline uint64_t policy_hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(1099511628211);
}
/* With the NUL: "a", "bc" is not "ab", "c". */
static inline uint64_t policy_hash_text(uint64_t hash, const char *text)
{
	for (;; text++) {
		hash = policy_hash_byte(hash, (unsigned char)*text);
		if (!*text)
			return hash;
	}
}

#define POLICY_MATCHES_MOST 512   /* patterns that match one name; more are refused */

struct policy;

/*
 * Compiles. Mistakes are findings (E-PATTERN and others) with the place of each, and NULL; NULL without one: no memory. The
 * configuration must outlive the policy. findings may be NULL.
 */
struct policy *policy_new(const struct conf *conf, const struct conf_service *service, struct findings *findings);
void policy_free(struct policy *policy);

/* 1 if whoever has the broad scope has the narrow one too: it is the same, or included. */
int policy_includes(const struct policy *policy, const char *broad, const char *narrow);
/* The first of the scopes by which one is had that is none of them; NULL: it is one of them, or not had. */
const char *policy_through(const struct policy *policy, const char *const *scopes, size_t count, const char *scope);

/* ---- What the rules look at: the claims that our token must carry, and no more (design: data that is not needed) ---- */

enum {
	POLICY_WANTS_EMAIL = 1, /* {email}, or email_domain of an identity rule */
	POLICY_WANTS_ACR = 2,
	POLICY_WANTS_AMR = 4,
	POLICY_WANTS_AUTH_TIME = 8,
	POLICY_WANTS_GROUPS = 16,
	POLICY_WANTS_ROLES = 32
};
/* POLICY_WANTS_ bits of all rules. denies: of what an enforced deny looks at; a token that lacks the claim altogether is to be refused. */
unsigned policy_wants(const struct policy *policy, int denies);
/*
 * Stands for what enforced denies look at of those claims that a token has only if some rule wants them: the e-mail address, and
 * the names of groups and roles. 16 hexadecimal digits, "" for nothing of the kind. A token that was made under another one may
 * lack what a deny needs, and is to be refused.
 */
const char *policy_deny_view(const struct policy *policy);
/* 1 if a rule, in shadow mode or not, looks at the group (or role) of this name when it comes from the source, PRINCIPAL_CLAIMS or a directory. */
int policy_wants_name(const struct policy *policy, int role, const char *name, const char *source);
/*
 * Stands for all groups and roles at which rules look: 16 hexadecimal digits, and behind a blank POLICY_VIEW_NAME characters for each,
 * unless there are more than POLICY_VIEW_NAMES. Whoever has one and the same knows of the same names.
 */
#define POLICY_VIEW_NAME 12
#define POLICY_VIEW_NAMES 80
const char *policy_view(const struct policy *policy);
/* The name of a group or role at which a rule for this provider and tenant looks, and which under that view nobody looked at; NULL: none. */
const char *policy_view_lacks(const struct policy *policy, const char *view, const char *provider, const char *tenant);
/* The JSON pointers of the arguments that rules look at, each once, in the order of the rules. NULL: more than POLICY_POINTERS_MOST. */
const char *const *policy_pointers(const struct policy *policy, size_t *count);
/* Stands for these as policy_view() does for groups and roles; "" for more than POLICY_POINTERS_MOST. */
const char *policy_arguments_view(const struct policy *policy);
/* 1 if the pointer, at which a rule looks, is one of those that such a view stands for. */
int policy_arguments_seen(const struct policy *policy, const char *view, const char *pointer);

/* ---- A principal as numbers ---- */

struct policy_who { /* what is known; copied where it is needed */
	const char *provider; /* its id */
	const char *tenant;   /* NULL: none */
	const char *sub;
	const char *client;   /* NULL: unknown */
	const char *email;    /* that the provider has the authority for; NULL: none */
	const char *acr;      /* NULL: the token said nothing, as amr and auth_time */
	const char *const *amr; size_t amr_count;
	int64_t auth_time;    /* seconds since 1970; 0: unknown */
	const struct principal_name *groups, *roles; size_t group_count, role_count;
	const char *const *scopes; size_t scope_count; /* of the token; unknown ones are nothing */
	const char *const *registered; size_t registered_count; /* scopes that tokens of the client may have, with what they include; NULL: any */
};

/*
 * Finds the rules that name the principal. To be kept with a verified token, for as long as the policy, and what directories say
 * of the subject, are the same, in memory of the arena. NULL: no memory. Cost: the rules that may apply to it, not all of them.
 */
struct policy_principal;
struct policy_principal *policy_prepare(const struct policy *policy, const struct policy_who *who, struct arena *arena);

/* ---- Decisions ---- */

enum policy_kind {
	POLICY_TOOL, POLICY_PROMPT, POLICY_URI, /* by name */
	POLICY_SERVER, /* what every valid token may: server/discover, ping, notifications */
	POLICY_LIST,   /* lists, whose entries are judged each: whoever has any scope granted */
	POLICY_TASK    /* an id that says nothing of what it is: denied. Ask for the tool that made the task instead */
};

struct policy_target {
	enum policy_kind kind;
	const char *name;   /* of the first three, as the client wrote it (unescaped); NULL else */
	size_t length;
	const struct json *json;            /* of arguments */
	const struct json_node *arguments;  /* NULL: none */
	int unseen;         /* what arguments there are nobody knows: no condition of a grant on them holds, and a deny's does */
	int is_template;    /* the name is a template of URIs: with listing, could some expansion be permitted? Else: are all? */
	int listing;        /* could some call be permitted? Argument conditions of grants are taken as met, those of denies as not */
};

struct policy_result {
	int code;                     /* EMA_OK, DENIED (by a deny), NOT_GRANTED, INSUFFICIENT_SCOPE, WEAK_AUTHENTICATION, BAD_REQUEST */
	const struct conf_node *rule; /* the grant or deny that decided (NULL with NOT_GRANTED: none, or the tool is not accepted; the grant with client_lacks), or the grant that something is lacking for; the mode of permissions where shadow mode alone gave it; NULL: none */
	const struct conf_scope *scope; /* by which the grant gives it; with INSUFFICIENT_SCOPE the one that a token would need */
	const struct conf_conditions *login; /* with WEAK_AUTHENTICATION: whose acr, amr, max_age are not met */
	int lacks_scope;              /* and then: the token lacks the scope, too */
	int client_lacks;             /* with NOT_GRANTED: a grant gives it by `scope`, which the client is not registered for */
	int writes;                   /* with DENIED and NOT_GRANTED: what opens the target are scopes that write, and no other */
	const char *text;             /* static, for the operator; "" with EMA_OK */
	/* Shadow mode. enforced is what the code would be without permissions = { mode = "shadow" }: the same if that is off. */
	int enforced;
	const struct conf_node *shadow; /* a grant or deny in shadow mode that would have changed enforced; NULL: none */
	int shadowed;                   /* what it would have made of it */
};

/*
 * now: seconds since 1970. Allocates nothing. The principal must be of this policy (EMA_INTERNAL). policy_decide() looks at one
 * target; a message with several is permitted if each of them is. Returns out->code.
 */
int policy_decide(const struct policy *policy, const struct policy_principal *principal, const struct policy_target *target, int64_t now,
                  struct policy_result *out);

/* 1 if it is a tool that the service's tools_file does not have, or not as accepted: nobody gets it. */
int policy_closed(const struct policy *policy, const struct policy_target *target);

/* What the configuration says of a tool (prompt, URI) of that name to anybody, be it a value's owner alone: bits. */
enum {
	POLICY_OPENED = 1,         /* a scope opens it */
	POLICY_REFUSED = 2,        /* a deny has a pattern that it fits */
	POLICY_REFUSED_BY_NAME = 4 /* and one names it in full */
};
unsigned policy_mentions(const struct policy *policy, enum policy_kind kind, const char *name);

/* ---- Why: each rule that is about a target, and what keeps it from counting ---- */

enum {
	POLICY_LACKS_WHO = 1,       /* it names others */
	POLICY_LACKS_SCOPE = 2,     /* the token has none of the scopes by which the grant opens this */
	POLICY_LACKS_LOGIN = 4,     /* acr, amr or max_age */
	POLICY_LACKS_TIME = 8,
	POLICY_LACKS_ARGUMENTS = 16,
	POLICY_LACKS_CLIENT = 64,   /* with POLICY_LACKS_SCOPE: and the client is not registered for it */
	POLICY_LACKS_VALUE = 32     /* a pattern opens this for another {tenant}, {subject} or {email} */
};
/* Those three, as they stand in the patterns by which alone a rule is about the target. */
enum { POLICY_TENANT = 1, POLICY_SUBJECT = 2, POLICY_EMAIL = 4 };
/* What of whom a rule names the principal is not. */
enum { POLICY_OTHER_PROVIDER = 1, POLICY_OTHER_TENANT = 2, POLICY_OTHER_GROUP = 4, POLICY_OTHER_ROLE = 8, POLICY_OTHER_SUBJECT = 16, POLICY_OTHER_CLIENT = 32 };
#define POLICY_FAILED_MOST 8
struct policy_failed {              /* an argument that is not what a rule is for */
	const struct conf_argument *argument;
	const struct json_node *sent; /* NULL: nothing, or nobody knows what */
};
struct policy_stand {
	const struct conf_grant *rule;
	int deny;
	unsigned lacks;                 /* 0: it counts, or would if it were not in shadow mode */
	unsigned strange;               /* with POLICY_LACKS_WHO: POLICY_OTHER_ bits */
	unsigned values;                /* POLICY_TENANT, _SUBJECT and _EMAIL */
	struct policy_failed failed[POLICY_FAILED_MOST]; /* with POLICY_LACKS_ARGUMENTS: the first of them; none of what is asked for as a list */
	size_t failed_count;
	const struct conf_scope *scope; /* of a grant, by which it opens this; one of the token's if there is one */
};

/*
 * Tells of each grant that opens the target for somebody whom it names, be it another {tenant}, {subject} or {email}, and each deny that
 * is about it, in the order of the configuration: the target is permitted if a grant in force lacks nothing, and each deny in force lacks something.
 * Of a list with listing set, all rules are told. EMA_OK; BAD_REQUEST, INTERNAL as policy_decide(); OUT_OF_MEMORY.
 */
int policy_explain(const struct policy *policy, const struct policy_who *who, const struct policy_target *target, int64_t now,
                   void (*tell)(void *data, const struct policy_stand *stand), void *data);

/*
 * May a token carry the scope? Some enforced grant could give it now: the login and the time are looked at, arguments are not, nor
 * the scopes of the principal. EMA_OK, NOT_GRANTED, WEAK_AUTHENTICATION, DENIED, or UNKNOWN_SCOPE. Returns out->code.
 */
int policy_scope(const struct policy *policy, const struct policy_principal *principal, const char *scope, int64_t now, struct policy_result *out);
/* All of the service's: granted has a byte for each of conf_service's scopes, set to 1 where policy_scope() says EMA_OK. */
void policy_scopes(const struct policy *policy, const struct policy_principal *principal, int64_t now, unsigned char *granted);

#endif
