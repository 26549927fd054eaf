/*
 * ema/plugin.h - what a plugin of EMA is compiled against. The manual page is ema-plugin(7).
 *
 * A plugin is a shared object with one exported function, ema_plugin_entry(). It links to nothing of EMA: all that it
 * may call stands in the struct ema_host that the entry point is given.
 *
 *  1. Nobody frees what the other side allocated; there is no allocator in this interface.
 *  2. What the host hands in lives until the callback returns; settings live as long as the instance.
 *  3. What the plugin hands out through the host is copied before that function returns.
 *  4. open does no network, returns EMA_OK and sets *out, or fails and leaves nothing behind; close comes exactly once
 *     per successful open.
 *  5. Secrets come from conf_secret only; the host wipes them after close.
 *  6. A plugin does not call exit, fork without exec, setlocale, signal, chdir, umask, nor change the environment.
 *
 * Growth: 1.0 is frozen. Members are appended, never moved, retyped or reused. Each struct that crosses begins with its
 * size; what lies beyond the size that the other side knows reads as zero, and zero is always the safest value.
 *
 * This header is C90 and C++98. All of it is there since 1.0 unless a comment says otherwise.
 */
#ifndef EMA_PLUGIN_H
#define EMA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "ema/codes.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EMA_EXPORT __attribute__((visibility("default")))
#else
#define EMA_EXPORT
#endif

/* Major number times 65536 plus minor number. A host loads plugins of its own major number alone. */
#define EMA_ABI_MAJOR 1
#define EMA_ABI_MINOR 0
#define EMA_ABI 0x00010000u

/* All of these belong to the host, but for ema_instance, which is the plugin's own. */
typedef struct ema_handle ema_handle;     /* one configured instance, as the host knows it */
typedef struct ema_conf ema_conf;         /* its settings, or a group of them */
typedef struct ema_call ema_call;         /* one decision that is under way */
typedef struct ema_claims ema_claims;     /* the claims of a token that was verified */
typedef struct ema_keyset ema_keyset;     /* an issuer's keys, kept fresh by the host */
typedef struct ema_response ema_response; /* what a fetch brought */
typedef struct ema_event ema_event;       /* one audit record */
typedef struct ema_feed ema_feed;         /* who listens to a store's changes or entries */
typedef struct ema_people ema_people;       /* a directory's list of people, while it is told */
typedef struct ema_instance ema_instance; /* declared here, defined by each plugin as it likes */

/* Levels of log(). */
#define EMA_LOG_ERROR 1
#define EMA_LOG_WARNING 2
#define EMA_LOG_INFO 3
#define EMA_LOG_DEBUG 4

/* Kinds of credentials; a set of them is their sum. */
#define EMA_ID_JAG 1u       /* an ID-JAG at the token endpoint */
#define EMA_ACCESS_TOKEN 2u /* an access token of the provider at a request */

/* What item() gives of the request. NULL stands for "not there". */
#define EMA_ITEM_SERVICE 1   /* id of the service in ema.conf */
#define EMA_ITEM_RESOURCE 2  /* its RFC 9728 resource identifier */
#define EMA_ITEM_CLIENT_ID 3 /* the authenticated client */
#define EMA_ITEM_METHOD 4    /* MCP method, at a request */
#define EMA_ITEM_TARGET 5    /* tool, prompt or URI, at a request */
#define EMA_ITEM_REMOTE 6    /* address of the peer */
#define EMA_ITEM_REQUEST 7   /* the correlation id of this decision */
#define EMA_ITEM_PROVIDER 8  /* id of the provider; for directories and guards, of the one that vouched */
#define EMA_ITEM_ISSUER 9    /* identity: the name of a key set that the credential has as its issuer, not verified yet;
                                directories and guards: issuer of the vouched subject */
#define EMA_ITEM_TENANT 10   /* directories and guards: its tenant */
#define EMA_ITEM_SUBJECT 11  /* directories and guards: its sub */
#define EMA_ITEM_EMAIL 12    /* directories and guards: its e-mail address, if the provider has the authority for it */
#define EMA_ITEM_SCOPE 13    /* the scopes that the request asks for, separated by spaces */
#define EMA_ITEM_ACTOR 14    /* guards: subject of the actor (act), if there is one */
#define EMA_ITEM_NAME_ID 15  /* directories and guards: its SAML name id, as the identity plugin said it */

/* One issuer name that a key set answers for. */
struct ema_issuer_name {
	const char *issuer; /* compared byte for byte with iss */
	const char *tenant; /* the tenant that this name stands for; NULL: none, or the one that tenant_claim says */
};

/* What keyset_open() is told of an issuer. */
struct ema_issuer {
	size_t size;
	uint32_t kinds;                      /* EMA_ID_JAG | EMA_ACCESS_TOKEN that the plugin can read; ema.conf may take less */
	uint32_t flags;                      /* EMA_ISSUER_* */
	const struct ema_issuer_name *names; /* the exact names; the first is the one that messages use */
	size_t name_count;
	const char *tenant_claim;            /* JSON pointer to the claim that names the tenant; NULL: the name says it */
	const char *const *tenants;          /* tenants that tenant_claim may name; NULL: any */
	size_t tenant_count;
	const char *jwks_url;                /* where the keys are; NULL: where discovery says */
	const char *discovery_url;           /* the one place of the discovery document; NULL: the standard places */
	const char *discovery_issuer;        /* issuer that the document must have; NULL: the first name */
};
#define EMA_ISSUER_KEY_ISSUER 1u /* only such keys verify whose member "issuer" is discovery_issuer (or the token's issuer,
                                    without one), after "{tenantid}" in both is replaced by the tenant */
#define EMA_ISSUER_NO_KEYS 2u    /* declares the issuer alone: the plugin verifies otherwise than by jwt_verify() */

/* Tokens that are refused before any key is asked for: of another kind, or such as nobody but their receiver can verify. */
struct ema_refusal {
	const char *claim; /* JSON pointer */
	const char *value; /* the string that it is, or has in its list; NULL: whatever it is */
	uint32_t flags;    /* EMA_REFUSAL_* */
	int32_t code;
	const char *text;  /* for the operator */
};
#define EMA_REFUSAL_HEADER 1u /* claim points into the JOSE header */

/* What jwt_verify() is told beyond what ema.conf says of the provider and what the service demands. */
struct ema_jwt_rules {
	size_t size;
	uint32_t flags;                /* 0 */
	uint32_t reserved;
	const char *const *types;      /* typ values that are taken of an access token, in lower case and without
	                                  "application/"; "" stands for an absent typ; NULL: "at+jwt". An ID-JAG is always of
	                                  type "oauth-id-jag+jwt" */
	size_t type_count;
	const char *audience_claim;    /* JSON pointer to the claim that names the audience; NULL: "/aud" */
	const char *client_claim;      /* the claim that names the client of an access token; NULL: "/client_id" */
	const char *scope_claim;       /* the claim with its scopes, a string or a list; NULL: "/scope" */
	const char *subject_claim;     /* the claim that must be there as the subject; NULL: "/sub" */
	const struct ema_refusal *refusals;
	size_t refusal_count;
};

/* What fetch() is told. */
struct ema_fetch {
	size_t size;
	const char *url;
	const char *method;             /* NULL: GET, or POST with a body */
	const char *const *headers;     /* "Name: value" */
	size_t header_count;
	const char *body;
	size_t body_length;
	size_t max_bytes;               /* 0: 64 KiB; at most 1 MiB */
};

/* Values for set_number() and set_value(): what the core reads by itself from the claims that jwt_verify() bound, and
 * a plugin that verified otherwise says one by one. */
#define EMA_VALUE_ID 1             /* jti */
#define EMA_VALUE_EXPIRES 2        /* number: exp */
#define EMA_VALUE_ISSUED 3         /* number: iat */
#define EMA_VALUE_CLIENT_ID 4
#define EMA_VALUE_SCOPE 5          /* separated by spaces */
#define EMA_VALUE_RESOURCE 6       /* may be said several times */
#define EMA_VALUE_AUDIENCE 7       /* may be said several times */
#define EMA_VALUE_ACR 8
#define EMA_VALUE_AMR 9            /* may be said several times */
#define EMA_VALUE_AUTH_TIME 10     /* number */
#define EMA_VALUE_ACTOR 11         /* subject of the actor */
#define EMA_VALUE_ISSUER 12        /* iss: must be a name of the key set, or the provider's issuer */
#define EMA_VALUE_NAME_ID 13       /* a SAML name id that a directory may match */

/*
 * What the host lends. It lives as long as the process. Members after the first three are there if EMA_HOST_HAS says so.
 * Thread rule: log, wipe, same, now and directory_changed may be called by any thread at any time; conf_* and keyset_open
 * by open alone; everything with a call by the thread that was called with it, until that callback returns.
 */
struct ema_host {
	size_t size;
	uint32_t abi;
	uint32_t reserved;

	/* Any time. */
	void (*log)(const ema_handle *handle, int level, const char *text); /* never a token, never a secret */
	void (*wipe)(void *memory, size_t length);
	int (*same)(const void *a, const void *b, size_t length);           /* 1 or 0, in constant time */
	int64_t (*now)(const ema_handle *handle);                           /* milliseconds since 1970, UTC */
	void (*directory_changed)(const ema_handle *handle);                /* earlier answers of this directory end now */

	/*
	 * Settings. Each returns EMA_OK, and leaves *out alone if the key is absent, so that the default is what stood there.
	 * A value of the wrong type is EMA_CONFIG, with a message that names file, line and key; the failure is kept, and
	 * open fails whatever it returns. A key that nobody asked for is an error after open.
	 */
	int (*conf_string)(ema_conf *conf, const char *key, const char **out);
	int (*conf_int)(ema_conf *conf, const char *key, int64_t least, int64_t most, int64_t *out);
	int (*conf_bool)(ema_conf *conf, const char *key, int *out);
	int (*conf_duration)(ema_conf *conf, const char *key, int64_t *milliseconds);  /* "5m" */
	int (*conf_size)(ema_conf *conf, const char *key, int64_t *bytes);             /* "16KiB" */
	int (*conf_list)(ema_conf *conf, const char *key, const char *const **out, size_t *count); /* of strings */
	int (*conf_path)(ema_conf *conf, const char *key, const char **out);           /* made absolute: relative to the file */
	int (*conf_secret)(ema_conf *conf, const char *key, const char **out, size_t *length);
	int (*conf_group)(ema_conf *conf, const char *key, ema_conf **out);            /* key = { ... } */
	int (*conf_item)(ema_conf *conf, const char *key, size_t index, ema_conf **out); /* key = ( { ... }, ... ) */
	int (*conf_key)(ema_conf *conf, size_t index, const char **out);               /* names in a group; NULL at the end */
	/* Says what is wrong with a key (NULL: with all of it) and what to write instead; returns EMA_CONFIG. */
	int (*conf_fail)(ema_conf *conf, const char *key, const char *text);
	/* A file that the configuration names, read whole after its owner and mode were checked. Lives as long as the instance. */
	int (*conf_file)(ema_conf *conf, const char *path, size_t most, const char **out, size_t *length);

	/* Keys. open only; lives as long as the instance. The settings jwks_url, jwks_file and jwks of the provider win. */
	int (*keyset_open)(ema_conf *conf, const struct ema_issuer *issuer, ema_keyset **out);

	/* The call. */
	const char *(*item)(ema_call *call, int item);
	const char *(*credential)(ema_call *call, size_t *length, uint32_t *kind);
	int64_t (*deadline)(ema_call *call);                          /* milliseconds that are left; 0 or less: too late */
	int (*fail)(ema_call *call, int code, const char *text);      /* copies the text for the operator, returns the code */

	/*
	 * Verifies the credential against keys, the provider's and the service's rules. EMA_OK binds the claims to the call;
	 * anything else is the code to return, with its text set already.
	 */
	int (*jwt_verify)(ema_call *call, ema_keyset *keys, const struct ema_jwt_rules *rules, const ema_claims **out);

	/*
	 * Claims by JSON pointer (RFC 6901). EMA_OK; EMA_MISSING_CLAIM if it is not there; EMA_BAD_CLAIM if it is of another
	 * type. Neither sets the call's failure, so that a plugin may go on without.
	 */
	int (*claim_string)(const ema_claims *claims, const char *pointer, const char **out);
	int (*claim_int)(const ema_claims *claims, const char *pointer, int64_t *out);
	int (*claim_bool)(const ema_claims *claims, const char *pointer, int *out);
	int (*claim_item)(const ema_claims *claims, const char *pointer, size_t index, const char **out); /* string of a list */
	int (*claim_key)(const ema_claims *claims, const char *pointer, size_t index, const char **out);  /* name in an object */
	int (*claim_header)(const ema_claims *claims, const char *pointer, const char **out);             /* of the JOSE header */

	/* What the plugin found. Strings are UTF-8 without control characters, at most 1,024 bytes; else EMA_BAD_CLAIM. */
	int (*vouch)(ema_call *call, const char *tenant, const char *subject); /* identity; tenant NULL: what the core read */
	int (*add_group)(ema_call *call, const char *name);                    /* identity and directory */
	int (*add_role)(ema_call *call, const char *name);
	int (*set_email)(ema_call *call, const char *address, int verified);   /* identity; the core judges the authority */
	int (*set_value)(ema_call *call, int value, const char *text);         /* EMA_VALUE_* */
	int (*set_number)(ema_call *call, int value, int64_t number);
	int (*add_account)(ema_call *call, const char *system, const char *name); /* directory: account upstream */
	int (*set_person)(ema_call *call, const char *person, int active);     /* directory: whom it found */
	int (*set_max_age)(ema_call *call, int64_t milliseconds);              /* directory: how long this answer may be kept */

	/* Fetches a URL within the deadline: https, size, time, redirect and address rules are the host's. */
	int (*fetch)(ema_call *call, const struct ema_fetch *what, const ema_response **out);
	int (*response)(const ema_response *response, int *status, const char **body, size_t *length);

	/* A store's feed. */
	int (*feed)(ema_feed *feed, const char *key, size_t key_length, const char *value, size_t value_length, int64_t expires);

	/* An audit record: the JSON line as the core made and chained it, and its fields by name ("code", "service", ...). */
	const char *(*event_line)(const ema_event *event, size_t *length);
	const char *(*event_field)(const ema_event *event, const char *name); /* NULL: not in this record */
	const char *(*event_name)(const ema_event *event, size_t index);      /* names of the fields; NULL at the end */
	int64_t (*event_time)(const ema_event *event);                        /* milliseconds since 1970 */
	int (*event_severity)(const ema_event *event);                        /* of syslog: 0 to 7 */

	/* Settings that name claims: a string or a list, each a JSON pointer ("/realm/roles") or a name, given as pointers. */
	int (*conf_claims)(ema_conf *conf, const char *key, const char *const **out, size_t *count);
	/* An absolute https URL without user, query and fragment, in lower case up to its path; with the provider's
	   insecure_http also http to a loopback address. Without a path it has no slash at the end. */
	int (*conf_url)(ema_conf *conf, const char *key, const char **out);
	/* Adds what a claim has, a string or a list of them. A claim that is not there is no group; one of another type is
	   EMA_BAD_CLAIM, said by fail() already. */
	int (*add_groups)(ema_call *call, const ema_claims *claims, const char *pointer);
	int (*add_roles)(ema_call *call, const ema_claims *claims, const char *pointer);

	/* An audit record in one line of another form: "ema" (as event_line) or "ocsf" (OCSF 1.8.0). It lives until record()
	   returns. NULL: a form that this host does not have, or no memory. */
	const char *(*event_render)(const ema_event *event, const char *form, size_t *length);

	/* A directory's list of people: one of the names that a person is found by, a subject (provider/tenant/sub, percent-encoded, "-"
	   for no tenant) or an e-mail address; NULL: none of that kind. Call it again for another name. */
	int (*add_person)(ema_people *people, const char *person, int active, const char *subject, const char *email);
	/* Directory, in person(): a subject of whom it found, "provider/tenant/sub", each part percent-encoded, '-' for no tenant. */
	int (*add_subject)(ema_call *call, const char *subject);
};

#define EMA_HOST_HAS(host, member) \
	((host)->size >= offsetof(struct ema_host, member) + sizeof((host)->member))

/*
 * The kinds. open is called by one thread; close when no call is under way. Between them, calls come one at a time, or,
 * with EMA_THREADS_PARALLEL in the plugin's threads, from several threads at once.
 */

/* Who is this? Only this kind may vouch. */
struct ema_identity_ops {
	size_t size;
	int (*open)(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);
	void (*close)(ema_instance *self);
	/* EMA_OK after exactly one vouch(), or a code by fail(). Not called for a credential of another issuer or kind. */
	int (*identify)(ema_instance *self, ema_call *call);
};

/* What do we know of the vouched subject? */
struct ema_directory_ops {
	size_t size;
	int (*open)(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);
	void (*close)(ema_instance *self);
	/* EMA_OK with set_person(), groups and roles; EMA_UNKNOWN_SUBJECT; EMA_DISABLED; EMA_DIRECTORY_UNAVAILABLE; ... */
	int (*lookup)(ema_instance *self, ema_call *call);
	/* Optional, for operators' tools: gives all people to add_person(). EMA_OK, or EMA_DIRECTORY_UNAVAILABLE and the like. NULL:
	   this directory cannot be listed. */
	int (*people)(ema_instance *self, ema_people *people);
	/* Whose subjects are to be revoked: the person of that id. EMA_OK with set_person(), and add_subject() for each subject; codes
	   as of lookup, but a person who is disabled is found all the same. May be NULL: it cannot say. */
	int (*person)(ema_instance *self, ema_call *call, const char *id);
};

/* May the vouched subject come in? */
struct ema_guard_ops {
	size_t size;
	int (*open)(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);
	void (*close)(ema_instance *self);
	int (*admit)(ema_instance *self, ema_call *call); /* EMA_OK, or a code by fail() */
};

/*
 * State. Keys and values are bytes (keys up to 255, values up to 4,096); expires is in milliseconds since 1970.
 * Each call is given the milliseconds that it may take and answers within them: EMA_OK, EMA_UNAVAILABLE, EMA_TIMEOUT,
 * EMA_STORE_FULL, or what stands at the member.
 */
struct ema_store_ops {
	size_t size;
	int (*open)(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);
	void (*close)(ema_instance *self);
	/*
	 * Atomic. EMA_OK: it was not there, and is now. EMA_EXISTS: it is there with another value, or was put limit times;
	 * with the same value and limit above 1 it counts one more and is EMA_OK. quota names whose room it takes.
	 */
	int (*put_if_absent)(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value,
	                     size_t value_length, int64_t expires, int64_t limit, int64_t milliseconds);
	/* EMA_ABSENT if it is not there. *length is the room in out, then the value's length. */
	int (*get)(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t milliseconds);
	int (*remove)(ema_instance *self, const char *key, size_t key_length, int64_t milliseconds);
	/* An epoch only rises: the larger of what is there and mark is kept, and returned in *now. */
	int (*raise)(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now,
	             int64_t milliseconds);
	/* Gives every entry whose key begins with prefix to the feed. */
	int (*list)(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t milliseconds);
	/* Gives what changed since the last call (the first: since open) to the feed, after waiting up to milliseconds for
	   something to change. Entries under a quota need not be told. */
	int (*changes)(ema_instance *self, ema_feed *feed, int64_t milliseconds);
	/* Optional. Since when nothing that was acknowledged can have been forgotten, in milliseconds since 1970: later than its
	   creation if a master was changed, or memory was lost. What was issued earlier is refused. NULL: for ever. Takes no
	   time: what put_if_absent learned, which fails with EMA_UNAVAILABLE when it learns of a change. */
	int (*since)(ema_instance *self, int64_t *milliseconds);
};

/* Writes it down. One thread of the host calls record() in order; flush() after a batch and before close. */
struct ema_audit_ops {
	size_t size;
	int (*open)(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);
	void (*close)(ema_instance *self);
	/* EMA_OK: taken. EMA_UNAVAILABLE: not now, the host keeps the record and comes again. */
	int (*record)(ema_instance *self, const ema_event *event);
	int (*flush)(ema_instance *self, int64_t milliseconds);
	/* Optional. The log was rotated: open the file anew. */
	int (*reopen)(ema_instance *self);
};

#define EMA_THREADS_SERIAL 0u
#define EMA_THREADS_PARALLEL 1u

struct ema_plugin {
	size_t size;
	uint32_t abi;        /* EMA_ABI of the header that it was compiled with */
	uint32_t threads;    /* EMA_THREADS_* */
	const char *name;    /* as ema.conf writes it; the file is NAME.so */
	const char *version; /* its own */
	const char *summary; /* one line */
	const struct ema_identity_ops *identity; /* NULL: not of this kind; new kinds are appended */
	const struct ema_directory_ops *directory;
	const struct ema_guard_ops *guard;
	const struct ema_store_ops *store;
	const struct ema_audit_ops *audit;
};

/* The one exported symbol. Called once a process, before all else; returns a description that stays valid, or NULL if the host
   lacks what the plugin needs. */
EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *host);

#ifdef __cplusplus
}
#endif

#endif
