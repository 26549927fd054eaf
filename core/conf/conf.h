/* ema.conf -> typed values. Everything points into one allocation that conf_free() ends; nothing changes after conf_read(). */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "tree.h"

/* ---- Findings: every mistake, not the first alone ---- */

struct finding {
	char *id;   /* "E-UNKNOWN", "W-NO-AUDIT", ... ; E refuses to load */
	char *file;
	int line;
	char *text; /* what is wrong and what to write instead */
};

struct findings {
	struct finding *list;
	size_t count;
	int errors;       /* how many begin with E */
	int out_of_memory;
};

void finding_add(struct findings *findings, const char *id, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void finding_node(struct findings *findings, const char *id, const struct conf_node *node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void findings_free(struct findings *findings);

/* ---- Typed values ---- */

struct conf_strings {
	const char *const *list;
	size_t count;
};

/* A rule's control as a table from code to action. */
enum conf_action { ACTION_UNSET, ACTION_IGNORE, ACTION_OK, ACTION_DONE, ACTION_BAD, ACTION_DIE };

struct conf_control {
	const char *keyword;      /* "required", ...; NULL if it was spelled out */
	unsigned char action[128]; /* enum conf_action by code; complete: nothing is unset */
};

struct conf_window { /* a time window: days as bits (Monday 1), minutes of the day, in UTC or the zone's fixed offset */
	unsigned days;
	int from, until;
	int offset; /* minutes east of UTC */
};

struct conf_when {
	struct conf_strings tenants, clients, email_domains;
	struct conf_window *windows;
	size_t window_count;
	int64_t not_before, not_after; /* seconds since 1970; 0: none */
	const struct conf_node *node;
};

struct conf_rule {
	const char *target;       /* provider, guard or stack */
	int is_stack;             /* written "@name" or stack = "name" */
	struct conf_control control;
	struct conf_when *when;   /* NULL: always */
	const struct conf_node *node;
};

struct conf_rules {
	struct conf_rule *list;
	size_t count;
	const struct conf_node *node; /* NULL: the key is absent */
};

struct conf_stack {
	const char *id;
	struct conf_rules rules;
	const struct conf_node *node;
};

struct conf_fetch {
	const char *proxy, *ca_file;
	int64_t connect_ms, total_ms;
	int redirects;
};

enum conf_replay { REPLAY_SINGLE_USE, REPLAY_SAME_CLIENT };
enum conf_scope_rule { SCOPE_STRICT, SCOPE_NARROW };
enum conf_guests { GUESTS_REFUSE, GUESTS_ALLOW };

/* An instance of a plugin: what the core reads of it is typed, the rest is the plugin's, in node. */
struct conf_instance {
	const char *id;     /* audit sinks without one get PLUGIN, PLUGIN-2, ... */
	const char *plugin; /* name, or a path with '/' */
	const struct conf_node *node;
};

struct conf_provider {
	struct conf_instance instance;
	struct conf_strings authority;   /* e-mail domains, lower case */
	unsigned accepts;                /* EMA_ID_JAG | EMA_ACCESS_TOKEN; 0: what the plugin can read */
	enum conf_guests guests;
	enum conf_replay replay;
	int64_t replay_uses;             /* with REPLAY_SAME_CLIENT */
	enum conf_scope_rule scope_rule;
	int drop_unknown_scopes;
	unsigned algorithms;             /* set of JOSE_BIT() */
	int64_t skew;                    /* seconds */
	int64_t longest;                 /* ID-JAG lifetime, seconds */
	int64_t oldest;                  /* 0: any age */
	int64_t stale_ms, read_only_ms, cooldown_ms;
	unsigned kidless_most;
	const char *jwks_url, *jwks_file, *jwks; /* instead of what the plugin says */
	struct conf_strings jwks_hosts, internal_hosts;
	struct conf_fetch fetch;         /* what it leaves out comes from the global one */
	int insecure_http;
	struct conf_strings aud_tenants; /* JAG-82: the tenants of ours that it may name; empty: the claim is refused if we serve several */
	int actor_required;              /* JAG-91 */
	struct conf_strings actors;      /* that may act; empty: any */
	int64_t actor_depth;
	struct conf_strings clients;     /* that may come with its assertions; empty: any */
};

struct conf_directory {
	struct conf_instance instance;
	int64_t max_age_ms;              /* default of its answers */
	int last_known;                  /* on_failure = "last_known" */
};

struct conf_guard {
	struct conf_instance instance;
};

enum conf_on_failure { FAILURE_DENY, FAILURE_CONTINUE };
struct conf_sink {
	struct conf_instance instance;
	enum conf_on_failure on_failure;
};

enum conf_auth { AUTH_PRIVATE_KEY_JWT, AUTH_SECRET_BASIC, AUTH_SECRET_POST };

struct conf_client { /* used by the token endpoint; parsed and linted now */
	const char *id;
	enum conf_auth auth;
	const char *jwks_file, *jwks_url;
	const struct conf_node *secret;  /* { file }, { fd } or { credential } */
	struct conf_strings scopes, services; /* empty: any */
	int64_t token_lifetime;          /* seconds */
	const struct conf_node *node;
};

struct conf_audience {
	const char *provider;
	struct conf_strings is, clients;
	int scope_any;                   /* scope_map = "any" */
	const struct conf_node *scope_map;
	const struct conf_node *node;
};

struct conf_service_directory {
	const char *id;
	struct conf_strings providers;   /* for = [...] */
	int required;
	const struct conf_node *node;
};

struct conf_scope {
	const char *name;
	int writes;                      /* access = "write" */
	struct conf_strings tools, prompts, uris;
	const struct conf_node *node;
};

struct conf_grant { /* and deny; what is empty does not limit */
	const char *provider;            /* "*" if it was written out; NULL: not written */
	struct conf_strings from, tenants, groups, roles, subjects, clients, scopes, tools, prompts, uris;
	int shadow;
	const struct conf_node *when;
	const struct conf_node *node;
};

struct conf_service {
	const char *id;
	const char *resource;
	const char *issuer;              /* its own, or the global one */
	struct conf_strings former_issuers;
	const int64_t *former_until;     /* of each: seconds since 1970 */
	struct conf_strings tenants;     /* empty: all of its providers' */
	struct conf_rules identity, guards;
	struct conf_audience *audiences; size_t audience_count;
	struct conf_service_directory *directories; size_t directory_count;
	struct conf_scope *scopes; size_t scope_count;
	struct conf_grant *grants; size_t grant_count;
	struct conf_grant *denies; size_t deny_count;
	struct conf_strings default_scopes;
	int64_t deadline_ms;
	const struct conf_node *permissions; /* { mode = "shadow"; until = ... } */
	int64_t shadow_until;            /* seconds since 1970; 0: permissions are enforced */
	int insecure_shared_audience;
	const struct conf_node *node;
};

struct conf {
	const char *path;                /* of the main file */
	const struct conf_node *root;
	size_t nodes;                    /* how many nodes the tree has */
	char digest[65];                 /* SHA-256 over all files, hex */
	const char *issuer, *state_dir, *owner;
	int insecure_http;               /* issuers and resources of ours may be http, on loopback */
	struct conf_fetch fetch;
	int64_t spool_bytes;
	int durability_disk;
	struct conf_provider *providers; size_t provider_count;
	struct conf_directory *directories; size_t directory_count;
	struct conf_guard *guards; size_t guard_count;
	struct conf_sink *sinks; size_t sink_count;
	struct conf_instance store;      /* plugin "memory" if it is absent */
	int64_t store_entries, store_bytes, store_quota; /* of the memory store */
	int store_last_known;            /* on_store_loss */
	int64_t store_loss_ms;
	struct conf_client *clients; size_t client_count;
	struct conf_stack *stacks; size_t stack_count;
	struct conf_service *services; size_t service_count;
	void *memory;
};

/* A control by its keyword: required, requisite, sufficient, optional; NULL for any other word. */
const struct conf_control *conf_keyword(const char *keyword);

/* Keys of an instance's group that the core reads itself: the others are the plugin's. Ends with NULL. */
enum conf_instance_kind { CONF_PROVIDER, CONF_DIRECTORY, CONF_GUARD, CONF_AUDIT, CONF_STORE };
const char *const *conf_core_keys(enum conf_instance_kind kind);

/*
 * Reads a file with its includes and ema.d/, or text; finds what is wrong with syntax, keys, types, references between
 * entries and rules. NULL if there was an error: findings has it. What needs plugins is linted by context.
 */
struct conf *conf_read(const char *path, struct findings *findings);
struct conf *conf_read_text(const char *text, size_t length, const char *name, struct findings *findings);
void conf_free(struct conf *conf);

/*
 * Reads another file that the configuration names, whole, after its owner and mode were checked on the open descriptor, as
 * those of every folder on its path (E-PERMS). A new string with a NUL behind, free() it; NULL: a finding was added.
 * secret: nobody but the owner may read it. node says where the name stands.
 */
char *conf_file(const struct conf *conf, const struct conf_node *node, const char *path, size_t most, int secret, size_t *length,
                struct findings *findings);
/* Reads any file in libconfig syntax with the same rules, for conf's users that keep data in it (people.conf). */
struct conf *conf_read_data(const char *path, struct findings *findings);
/* An absolute path: a relative one begins at the folder of the file in which node stands. A new string. */
char *conf_path(const struct conf_node *node, const char *path);

#endif
