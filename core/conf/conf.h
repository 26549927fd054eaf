/* ema.conf -> typed values. Everything points into one allocation that conf_free() ends; nothing but its reader changes after conf_read(). */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "published.h"
#include "tree.h"

/* ---- Findings: every mistake, not the first alone ---- */

struct finding {
	char *id;   /* "E-UNKNOWN", "W-NO-AUDIT", "N-QUOTA", ...; E refuses to load, W is a warning, N a note */
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
int conf_has_string(const struct conf_strings *strings, const char *text); /* NULL is none of them */
int conf_takes(const struct conf_strings *strings, const char *text);      /* one of them; where there are none, any, and NULL */

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

struct conf_certificates { /* of clients, as a named proxy hands them on */
	const char *header;
	int verified; /* it hands on no others than those whose chain it verified */
};

struct conf_rates { /* a minute; 0: any number */
	int64_t address, subject, failure_cost;
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
	int public_clients;              /* clients with auth = "none" may come with its assertions */
	int64_t monthly_quota;           /* ID-JAGs that it gives a person a month and issuer of ours; 0: no such bound (JAG-120) */
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

enum conf_auth { AUTH_PRIVATE_KEY_JWT, AUTH_SECRET_BASIC, AUTH_SECRET_POST, AUTH_TLS, AUTH_TLS_SELF_SIGNED, AUTH_NONE };
#define AUTH_BIT(auth) (1u << (auth))
#define CLIENT_ID_MOST 512 /* characters */
#define GRANT_JWT_BEARER 1u /* of conf_client's grants */

#define CALLER_INTROSPECTION 1u /* of conf_client's purposes */
#define CALLER_AUTHZEN 2u
#define CALLER_METRICS 4u

/* A secret, or a source of keys, and when it counts. */
struct conf_credential {
	const struct conf_node *secret;  /* has one of file, fd and credential: for conf_secret(); NULL: keys */
	const char *jwks_file, *jwks_url, *jwks; /* one of them */
	int64_t not_before, not_after;   /* seconds since 1970; 0: no bound */
	const struct conf_node *node;
};

struct conf_client { /* or caller */
	const char *id;
	enum conf_auth auth;
	struct conf_credential *credentials; size_t credential_count; /* all of one kind, as auth wants it */
	struct conf_credential only;     /* what jwks_file, jwks_url, jwks and secret say, before it joins them */
	const char *certificate_file;    /* with AUTH_TLS_SELF_SIGNED */
	const char *subject_dn, *san_dns, *san_uri, *san_ip, *san_email; /* with AUTH_TLS: one of them */
	unsigned algorithms;             /* of its assertions: set of JOSE_BIT() */
	struct conf_strings internal_hosts; /* for jwks_url */
	int insecure_http;
	struct conf_strings scopes, services; /* empty: any */
	int64_t token_lifetime;          /* seconds, at most; 0: as the service's */
	unsigned grants;                 /* GRANT_ bits; none: it gets no tokens */
	unsigned purposes;               /* of a caller: CALLER_ bits */
	int proof_required;              /* dpop = "required" */
	int certificate_bound;
	const struct conf_node *node;
};

struct conf_documents { /* clients whose id is a URL: off while hosts and urls are empty */
	struct conf_strings hosts, urls, internal_hosts;
	int insecure_http, strict, public;
	struct conf_client client;       /* what holds for all of them; its id is NULL */
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
	struct conf_strings includes;    /* scopes that whoever has this one has too */
	const struct conf_node *node;
};

enum conf_test { TEST_EQUALS, TEST_LIKE, TEST_IN, TEST_LESS, TEST_GREATER, TEST_RANGE, TEST_ABSENT };

struct conf_argument {
	const char *at;                  /* a JSON pointer */
	enum conf_test test;
	const struct conf_node *value;   /* of equals, like and in */
	int64_t less, greater;           /* TEST_RANGE has both */
	const struct conf_node *node;
};

struct conf_conditions {
	struct conf_argument *args; size_t arg_count;
	struct conf_strings acr, amr;
	int64_t max_age;                 /* seconds; 0: any */
	struct conf_when time;           /* its windows and dates alone */
};

struct conf_grant { /* and deny; what is empty does not limit */
	const char *provider;            /* "*" if it was written out; NULL: not written */
	struct conf_strings from, tenants, groups, roles, subjects, clients, scopes, tools, prompts, uris;
	int shadow;
	const struct conf_node *when;
	struct conf_conditions *conditions; /* NULL: none */
	const struct conf_node *node;
};

struct conf_tool_header { /* Mcp-Param-NAME copies an argument (x-mcp-header) */
	const char *name;
	const char *at;                  /* a JSON pointer into the message */
};

struct conf_tool { /* of a tools_file */
	const char *name, *digest;       /* SHA-256 of its definition, when it was imported */
	int accepted;
	int read_only, destructive;      /* annotations of the server: 0, 1; -1: it did not say */
	const struct conf_tool_header *headers; size_t header_count;
	int arguments_known;             /* its schema names them all */
	struct conf_strings arguments;   /* of them the names at the top */
};

struct conf_tools {
	const struct conf_tool *list;
	size_t count;
};

enum conf_binding { BINDING_OPTIONAL, BINDING_REQUIRED };
enum conf_unseen { UNSEEN_MCP, UNSEEN_CONNECT };
enum conf_enforcer { ENFORCED_BY_PROXY, ENFORCED_BY_SERVER };
enum conf_original { ORIGINAL_X_ORIGINAL, ORIGINAL_X_FORWARDED, ORIGINAL_REQUEST };

struct conf_decision { /* what reverse proxies are answered */
	enum conf_unseen without_body;
	enum conf_enforcer enforced_by;  /* of rules about tools, prompts and URIs where the body is not seen */
	enum conf_original original;     /* where method and URI of the client's request stand */
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
	const char *tools_file;          /* NULL: all tools that a scope opens are open */
	struct conf_tools tools;
	struct conf_grant *grants; size_t grant_count;
	struct conf_grant *denies; size_t deny_count;
	struct conf_strings default_scopes;
	int64_t token_lifetime;          /* seconds; 0: the global one */
	int64_t deadline_ms;
	const struct conf_node *permissions; /* { mode = "shadow"; until = ... } */
	int64_t shadow_until;            /* seconds since 1970; 0: permissions are enforced */
	int insecure_shared_audience;
	const char *name, *interactive;
	enum conf_binding binding;
	struct conf_strings origins;     /* of browsers that may come; empty: none */
	unsigned revisions;              /* of MCP: set of enum mcp_revision */
	struct conf_decision decision;
	const struct conf_node *node;
};

struct conf_token { /* access tokens of ours and the keys that sign them */
	int algorithm;                   /* enum jose_algorithm */
	int64_t lifetime;                /* seconds */
	int64_t rotate_after_ms, publish_before_ms;
};

/* What emad listens on. */
enum conf_listen { LISTEN_TCP, LISTEN_UNIX, LISTEN_SYSTEMD };

struct conf_listener {
	const char *address;             /* as it stands there */
	enum conf_listen kind;
	int loopback;                    /* of LISTEN_TCP */
	unsigned serve;                  /* set of EMA_SERVE_* */
	const char *mode_text, *group;   /* of a unix socket */
	unsigned mode;
	const struct conf_node *tls;     /* NULL: clear text */
	const char *certificate, *key, *client_ca_file;
	int client_certificates;         /* clients are asked for one */
	const struct conf_node *node;
};

struct conf_limits {
	int connections, per_address;
	int64_t header_ms, body_ms, idle_ms;
	int64_t header_bytes, body_bytes;
};

/* A range of addresses, IPv4 as ::ffff:0:0/96. */
struct conf_net {
	unsigned char bytes[16];
	unsigned bits;
};

/* Who reads the files that a configuration names. What one that only looks cannot see is a note, N-UNSEEN: descriptors and credentials
   that emad is handed; and, if it may be another user than emad, files that it may not read. */
enum conf_reader { READER_SERVES, READER_LOOKS, READER_MAY_BE_ANOTHER };

struct conf {
	const char *path;                /* of the main file */
	enum conf_reader reader;         /* the one member that is set afterwards, by who looks */
	const struct conf_node *root;
	size_t nodes;                    /* how many nodes the tree has */
	char digest[65];                 /* SHA-256 over all files, hex */
	const char *issuer, *state_dir, *owner;
	const char *publish;             /* for an authorization server: where it publishes; NULL: nowhere */
	struct published published;      /* for all others: what is published; path NULL: nothing */
	const char *published_by;
	const char *authorization_endpoint; /* that the metadata name; none is ours */
	int insecure_http;               /* issuers and resources of ours may be http, on loopback */
	struct conf_fetch fetch;
	struct conf_rates rates;
	struct conf_certificates client_certificates;
	struct conf_token token;
	int64_t spool_bytes;
	int durability_disk;
	int64_t pseudonym_period;        /* milliseconds; 0: never */
	struct conf_provider *providers; size_t provider_count;
	struct conf_directory *directories; size_t directory_count;
	struct conf_guard *guards; size_t guard_count;
	struct conf_sink *sinks; size_t sink_count;
	struct conf_instance store;      /* plugin "memory" if it is absent */
	int64_t store_entries, store_bytes, store_quota; /* of the memory store */
	int store_last_known;            /* on_store_loss */
	int64_t store_loss_ms;
	struct conf_client *clients; size_t client_count;
	struct conf_client *callers; size_t caller_count; /* who may ask about tokens and decisions, for their services */
	struct conf_documents documents;
	struct conf_stack *stacks; size_t stack_count;
	struct conf_service *services; size_t service_count;
	struct conf_listener *listeners; size_t listener_count;
	struct conf_strings proxies;     /* peers whose forwarding headers count: see conf_is_proxy() */
	struct conf_net *proxy_nets; size_t proxy_net_count;
	int proxy_unix;
	const char *user, *group, *admin_socket; /* of emad */
	int threads;
	struct conf_limits limits;
	void *memory;
};

/* How many of the grants, or denies, are in shadow mode. */
size_t conf_shadow_count(const struct conf_grant *rules, size_t count);
/* 1 if an identity rule of the service, or of a stack that it names, is this provider's. */
int conf_has_provider(const struct conf *conf, const struct conf_service *service, const char *provider);
/* What the service makes of access tokens that the provider itself issues; NULL: it takes none. */
const struct conf_audience *conf_audience_of(const struct conf_service *service, const char *provider);
/* 0 if it is sure that the provider's plugin reads no groups (role: no roles) from tokens, by its settings. */
int conf_claims_supply(const struct conf_provider *provider, int role);
/* The setting by which it would, of a provider of which that is sure. */
const char *conf_claims_advice(const struct conf_provider *provider, int role);
/* Seconds that a token lives: the service's or the global lifetime, and no longer than the client's (NULL: none). */
int64_t conf_token_lifetime(const struct conf *conf, const struct conf_service *service, const struct conf_client *client);
struct fetch_rules;
/* Rules for what is fetched by these settings; hosts and plain http are the caller's to add. */
struct fetch_rules conf_fetch_rules(const struct conf_fetch *fetch);
/* An address of either family, as IPv6: 4 or 6, the family it is written in; -1: it is none. */
int conf_address(const char *text, size_t length, unsigned char out[16]);
/* Whether the store is the built-in one, of one process alone. */
int conf_store_in_memory(const struct conf *conf);
/* Whether a peer, "192.0.2.1", "2001:db8::1" or "unix", is one of the proxies; anything else is none. */
int conf_is_proxy(const struct conf *conf, const char *peer);

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
/* The tree alone, root and path, of one that need not load. */
struct conf *conf_read_tree(const char *path, struct findings *findings);
struct conf *conf_read_text(const char *text, size_t length, const char *name, struct findings *findings);
void conf_free(struct conf *conf);
/* Adds N-RATES, or W-RATES: how far the limits of the token endpoint go. For those who look, not at each load. */
void conf_lint_rates(const struct conf *conf, struct findings *findings);

/*
 * Reads another file that the configuration names, whole, after its owner and mode were checked on the open descriptor, as
 * those of every folder on its path (E-PERMS). A new string with a NUL behind, free() it; NULL: a finding was added.
 * secret: nobody but the owner may read it. node says where the name stands.
 */
char *conf_file(const struct conf *conf, const struct conf_node *node, const char *path, size_t most, int secret, size_t *length,
                struct findings *findings);
/*
 * Reads a secret: group has one of file, fd and credential (others of its keys are the caller's). A new string without the end
 * of line, wipe and free() it; NULL: a finding was added. key is what messages call it.
 */
char *conf_secret(const struct conf *conf, const struct conf_node *group, const char *key, size_t *length, struct findings *findings);
/* Reads any file in libconfig syntax with the same rules, for conf's users that keep data in it (people.conf). */
struct conf *conf_read_data(const char *path, struct findings *findings);
/* An absolute path: a relative one begins at the folder of the file in which node stands. A new string. */
char *conf_path(const struct conf_node *node, const char *path);

#endif
