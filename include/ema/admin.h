/*
 * ema/admin.h - for operators' tools. It promises less than ema.h: what is here may change with a minor version.
 */
#ifndef EMA_ADMIN_H
#define EMA_ADMIN_H

#include "ema/ema.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Looking without serving ---- */

/*
 * Loads of this context open configuration, plugins and keys to look at: no audit, no store, nothing of state_dir is touched but
 * jwks.json, which is read, and ema_decide() refuses everything; ema_explain() works. Before the first load.
 */
void ema_set_observer(ema_context *context);

/*
 * Loads of this context open the store and the audit sinks, to revoke by: ema_revoke(), ema_unblock(), ema_revoked(). No keys are
 * fetched or read, so nobody is let in. Before the first load.
 */
void ema_set_operator(ema_context *context);

/* ---- Lint ---- */

typedef struct ema_findings ema_findings;

/*
 * Checks a configuration without putting it in place: no thread, no network, no file written. context gives the log and
 * the plugin path; of an authorization server or an observer, what emad reads when it starts is read as well: secrets, keys and
 * certificates of clients, files of listeners, and whether state_dir and unix sockets can be made. An observer may be another user
 * than emad: what it may not read is a note. Returns EMA_OK, or EMA_CONFIG if it could not be loaded; *out has what was found in both cases.
 */
int ema_lint(ema_context *context, const char *path, ema_findings **out);
void ema_findings_free(ema_findings *findings);
/* Of the index'th finding; NULL (0 for the line) past the end. */
const char *ema_finding_id(const ema_findings *findings, size_t index); /* "E-NO-GRANTER", "W-SOFT-FAIL", "N-QUOTA", ...; E: not loaded, W: a warning, N: a note */
const char *ema_finding_file(const ema_findings *findings, size_t index);
int ema_finding_line(const ema_findings *findings, size_t index);
const char *ema_finding_text(const ema_findings *findings, size_t index);

/* ema_load(), which also gives what was found: why it was not loaded, or what should be read all the same. */
int ema_load_found(ema_context *context, const char *path, ema_findings **out);
/*
 * The same, of the configuration that was read before: digest is ema_config_digest()'s, or an ema_daemon's. EMA_UNAVAILABLE: another stands
 * there by now, and what was in place stays.
 */
int ema_load_same(ema_context *context, const char *path, const char *digest, ema_findings **out);
/*
 * For a program that has itself refused to put a configuration in place, and so asked for no ema_load(): audit and the counts of loads hear
 * of it as if that had. findings say why, or, where that is NULL or has no error, reason does.
 */
void ema_load_refused(ema_context *context, const char *path, const ema_findings *findings, const char *reason);

/* ---- Explain ---- */

/*
 * Decides as ema_decide(), but uses up nothing and writes no audit record. now: seconds since 1970 to decide at, or 0 for the
 * clock. In an authorization server and an observer an ID-JAG is decided as the token endpoint would redeem it: by the entry of the
 * client that the request names, as if it had proved who it is, and with the scopes that grants give. Keys are fetched if they are
 * not there yet. A request with a body is a message at the MCP server of the service, and its credential the access token that
 * came with it: decided as ema_check_mcp() would, without headers, proof of possession and
 * revocation, and the steps then have the stages "scopes" (what the token has), "grant" and "deny" (each rule that is about what
 * is asked for, and whether it counts), and "change" (what would have to be another for a permit). Who it is is told of a refusal,
 * too, as soon as that is known.
 */
int ema_explain(ema_context *context, const char *service, const ema_request *request, int64_t now, ema_decision **out);

/* One step of the trace in its parts; NULL (-1 for the code) past the end. */
const char *ema_step_rule(const ema_decision *decision, size_t index);    /* FILE:LINE */
const char *ema_step_stage(const ema_decision *decision, size_t index);   /* "identity", "directory", "guard", ... */
const char *ema_step_name(const ema_decision *decision, size_t index);    /* provider, directory, guard or stack */
const char *ema_step_control(const ema_decision *decision, size_t index); /* "sufficient", ..., NULL where there is none */
const char *ema_step_action(const ema_decision *decision, size_t index);  /* "done", "bad", ... */
int ema_step_code(const ema_decision *decision, size_t index);
int ema_step_depth(const ema_decision *decision, size_t index);           /* 0; 1 inside a named stack, ... */
const char *ema_step_text(const ema_decision *decision, size_t index);    /* why; "" where there is nothing to say */

/* ---- Test ---- */

/*
 * Holds a table of expectations (emactl(1), ema-policy(7)) against the configuration that is loaded: identity rules, tenants, directories
 * and permissions; not guards and revocation. EMA_OK: all hold; EMA_DENIED: some do not; EMA_CONFIG: the table cannot be read, or names
 * what the configuration does not have. *out has a finding for each case with the place of its line: N-HOLDS or E-EXPECTED, whose text
 * names the rule that decided; and W-EXPECTED for each name that may be misspelt.
 */
int ema_test(ema_context *context, const char *path, ema_findings **out);

/* ---- Who can, and what can they ---- */

typedef struct ema_survey ema_survey;

/*
 * Who may use the target ("create_issue" of method "tools/call", "prompts/get" or "resources/read") at some time with some arguments: the
 * rules that are about it, and each person of the service's directories that can be listed, with no claims of a token but the
 * subject. now as for ema_explain(). EMA_OK; EMA_UNKNOWN_SERVICE: then one note says which may be meant; EMA_BAD_REQUEST: the target has a
 * form that cannot be judged.
 */
int ema_who_can(ema_context *context, const char *service, const char *method, const char *target, int64_t now, ema_survey **out);
/*
 * What a subject may do at each service that its provider's people may come to: provider/tenant/sub, or the id or e-mail address of
 * a person of a directory; an address that none lists is taken for one of the provider that has the authority for it, if it is one alone.
 * email (NULL: none) is the address that the token of a provider/tenant/sub has; groups and roles, which end with NULL or are it, are
 * those that the provider's token has. EMA_OK; EMA_UNKNOWN_SUBJECT: no such provider, or nobody is known by that name;
 * EMA_WRONG_PROVIDER: it has no authority for the address; EMA_BAD_REQUEST: email is no address, or subject no provider/tenant/sub.
 */
int ema_what_can(ema_context *context, const char *subject, const char *email, const char *const *groups, const char *const *roles, int64_t now, ema_survey **out);
void ema_survey_free(ema_survey *survey);
/*
 * Of the index'th row; NULL (-1 for the code) past the end. name: "kind" ("grant" or "deny": a rule that is about it; "person": the
 * answer for one; "service": may the subject come in at all; "tool": the answer for one that the configuration names; "shadow":
 * permissions of the service are in shadow mode; "closed": its tools_file keeps the tool from everybody, or a deny does; "note": what could not be
 * looked at), "service", "who", "what", "rule" (FILE:LINE, or ""), "text" (under which conditions, or why not).
 */
const char *ema_survey_text(const ema_survey *survey, size_t index, const char *name);
int ema_survey_code(const ema_survey *survey, size_t index);

/* ---- A service's tools_file ---- */

/*
 * The text of a tools_file: old (NULL: there is none yet) with what a server answers to tools/list, a result or the whole response
 * (NULL: as it is). A tool with the definition that it had stays as it is; a new or changed one waits, closed, until its name is among
 * accept ("*": all; ends with NULL; may be NULL); one that is gone leaves. Annotations are the server's. EMA_OK: all are accepted;
 * EMA_DENIED: some wait; then *file is the new text and *report a line for each that is new, changed, gone, waits or was accepted. Else
 * *file is NULL, and *report says why. Free both with ema_text_free().
 */
int ema_tools_import(const char *answer, size_t length, const char *old, size_t old_length, const char *const *accept, char **file, char **report);

/* ---- Plugins ---- */

typedef struct ema_plugins ema_plugins;

/* Opens every plugin in the plugin path and says what it is. */
int ema_plugins_list(ema_context *context, ema_plugins **out);
void ema_plugins_free(ema_plugins *plugins);
const char *ema_plugins_name(const ema_plugins *plugins, size_t index);    /* NULL past the end */
const char *ema_plugins_path(const ema_plugins *plugins, size_t index);
const char *ema_plugins_version(const ema_plugins *plugins, size_t index);
const char *ema_plugins_summary(const ema_plugins *plugins, size_t index);
const char *ema_plugins_kinds(const ema_plugins *plugins, size_t index);   /* "identity", "store audit", ... */
const char *ema_plugins_threads(const ema_plugins *plugins, size_t index); /* "serial" or "parallel" */
const char *ema_plugins_abi(const ema_plugins *plugins, size_t index);     /* "1.0" */
const char *ema_plugins_error(const ema_plugins *plugins, size_t index);   /* why it cannot be used; NULL: it can */

/* ---- What a loaded configuration has, for check --live, onboard and completion ---- */

/* Id of the index'th provider or service; NULL past the end. Valid until the next load. */
const char *ema_provider_id(ema_context *context, size_t index);
const char *ema_service_id(ema_context *context, size_t index);
/* A fact by name, NULL if there is none: of a provider "plugin", "issuer", "jwks_url", "discovery_url"; of a service "issuer",
   "resource". Valid until the next load. */
const char *ema_provider_fact(ema_context *context, const char *id, const char *fact);
const char *ema_service_fact(ema_context *context, const char *id, const char *fact);
/* The index'th scope of a service; NULL past the end. Valid until the next load. */
const char *ema_service_scope(ema_context *context, const char *id, size_t index);
/* The index'th of a service's audience entry for a provider, of what "is" or of its "clients"; NULL past the end. Valid until the next load. */
const char *ema_service_audience(ema_context *context, const char *id, const char *provider, const char *what, size_t index);
/* Id of the index'th client of the configuration's clients; NULL past the end. Valid until the next load. */
const char *ema_client_id(ema_context *context, size_t index);

/*
 * Fetches discovery document and keys of a provider now, whatever is cached. EMA_OK or the failure; *out is a report for a
 * person: what was fetched from where, issuer byte by byte, keys by kid and algorithm, the difference of the clocks. Free it
 * with ema_text_free().
 */
int ema_provider_probe(ema_context *context, const char *id, char **out);
/*
 * Fetches what is served for a service now, by its authorization server and its resource, and compares issuer, resource and
 * authorization_servers with the configuration's, byte for byte. EMA_OK; EMA_UNAVAILABLE: it is not served, or cannot be reached from
 * here; others: it is wrong. *out as above.
 */
int ema_service_probe(ema_context *context, const char *id, char **out);

/* ---- Signing keys ---- */

typedef struct ema_keys ema_keys;

/*
 * The keys below the state_dir of the configuration at path, oldest first, as they are; the configuration need not be loaded, and
 * nothing is written. EMA_OK, or a failure that ema_error() explains: EMA_ABSENT where there are none yet.
 */
int ema_keys_list(ema_context *context, const char *path, ema_keys **out);
/*
 * Publishes a next key, which signs after token.publish_before; no token is refused for it. EMA_EXISTS: there is one already.
 * now: a new key signs at once and all others are dropped, so that every token which was issued before is refused; files that
 * cannot be used are set aside. Programs that run notice within a second or so. Makes the first key where there is none.
 */
int ema_keys_rotate(ema_context *context, const char *path, int now);
void ema_keys_free(ema_keys *keys);
/* Of the index'th key; NULL (0 for the time) past the end. */
const char *ema_key_id(const ema_keys *keys, size_t index);        /* kid */
const char *ema_key_algorithm(const ema_keys *keys, size_t index); /* "ES256", ... */
const char *ema_key_state(const ema_keys *keys, size_t index);     /* "next", "current", "previous" */
/* what: "published", "signs_from", "gone_at"; seconds since 1970, 0 where it is not known yet. */
int64_t ema_key_time(const ema_keys *keys, size_t index, const char *what);
/* SHA-256 over all files of the loaded configuration, hexadecimal; NULL: none is loaded. Valid until the next load. */
const char *ema_config_digest(ema_context *context);
/* Id of the index'th audit sink; NULL past the end. Valid until the next load. */
const char *ema_sink_id(ema_context *context, size_t index);

/*
 * What the context is at, as one JSON object: "providers" (where the keys of each stand, and since when), "signing_keys", "store",
 * "sinks", "audit", "revoked" (how many marks of each kind), "answers" and "rates" (of the last minute, where the context has signing
 * keys). emactl(1) has its members. *out is a new string, ema_text_free(). EMA_OK; EMA_CONFIG: nothing is loaded.
 */
int ema_status(ema_context *context, char **out);

/* ---- What a configuration says to emad: by the names of its keys ---- */

typedef struct ema_daemon ema_daemon;

/* Reads and checks a configuration as far as it can be seen without plugins; opens nothing but its files, and needs no
   context. EMA_OK, EMA_CONFIG, EMA_OUT_OF_MEMORY; *found has what was found in each case but the last. */
int ema_daemon_read(const char *path, ema_daemon **out, ema_findings **found);
void ema_daemon_free(ema_daemon *daemon);
/* Where emad has its admin socket by a configuration that need not load: admin_socket, or emad.sock in state_dir. EMA_OK with a new string,
   ema_text_free(), or NULL if it has neither; EMA_CONFIG: it cannot be parsed. */
int ema_daemon_socket(const char *path, char **out);
/* "user", "group", "state_dir", "admin_socket", "published", "store" (its plugin), and "digest" as ema_config_digest(); NULL: not set. */
const char *ema_daemon_text(const ema_daemon *daemon, const char *name);
/* "threads", the keys of limits (milliseconds, bytes), "proxies" (how many are named); 0 for another name. */
int64_t ema_daemon_number(const ema_daemon *daemon, const char *name);
/* Whether a peer, "192.0.2.1", "2001:db8::1" or "unix", is one of the proxies. */
int ema_daemon_is_proxy(const ema_daemon *daemon, const char *peer);
/* Of the index'th listener: "address" (NULL past the end), "group", "certificate", "key", "client_ca_file"; NULL: not set. */
const char *ema_listener_text(const ema_daemon *daemon, size_t index, const char *name);
/* "serve" (a set of EMA_SERVE_*), "mode", "client_certificates" (1: clients are asked for one). */
int64_t ema_listener_number(const ema_daemon *daemon, size_t index, const char *name);
/* Reads the file that "certificate", "key" or "client_ca_file" names, with the rules for owners and modes. EMA_OK with *out,
   which ema_text_free() wipes; EMA_CONFIG with *found. */
int ema_listener_file(const ema_daemon *daemon, size_t index, const char *name, char **out, ema_findings **found);

/* ---- Audit ---- */

/*
 * Reads audit files of the file sink, each with those that were rotated if it has siblings PATH.1, ... EMA_OK: every chain holds;
 * EMA_DENIED: something was changed, dropped or inserted, or there are no records; EMA_CONFIG: a file, or the key of a state_dir, cannot
 * be read. *out says what, with file and line. With the state_dirs of the writers (NULL: without) the seals of checkpoints, and what
 * their heads say of the end and of who wrote, are checked too. Both lists end with NULL. A gap that a later record declares is known: if
 * it does so of the audit sink that has this id (NULL: of any, for who knows only the files).
 */
int ema_audit_verify(const char *const *paths, const char *const *state_dirs, const char *sink, char **out);

/*
 * The records of one subject in these files: take() is given each as its line, without the newline, and answers 0 to go on.
 * subject is provider/tenant/sub, or a name alone, of any provider, and then also as actor or person. Pseudonyms are compared under each
 * salt that is still in state_dir (NULL: plain names alone). EMA_OK or EMA_CONFIG; *out says how many, and what could not be
 * looked at: free it with ema_text_free().
 */
int ema_audit_subject(const char *path, const char *state_dir, const char *subject, int (*take)(void *data, const char *line, size_t length),
                      void *data, char **out);

/*
 * What a record of a check asked, one line of the file or of OCSF, as JSON: time, service, method, target, arguments (as far as a rule
 * of the service looked at them), provider, tenant, subject (a pseudonym under salt), client, acr, amr, auth_time, scopes of the token,
 * groups and roles as they were resolved. EMA_OK; EMA_ABSENT: it is a record of something else; EMA_BAD_REQUEST: it cannot be decided
 * again. Then *out says why. Free it with ema_text_free().
 */
int ema_audit_request(const char *line, size_t length, char **out);
/*
 * Decides it again by the configuration that is loaded: who would lose access under a new one? The code, which is the decision's; without
 * a decision it cannot be decided, and *why says why not: never a guess. Subjects that a rule names are compared as pseudonyms
 * under the salt in state_dir (NULL: such rules make it undecidable). Directories, guards and revocation are not asked.
 */
int ema_audit_again(ema_context *context, const char *line, size_t length, const char *state_dir, ema_decision **out, char **why);

#ifdef __cplusplus
}
#endif

#endif
