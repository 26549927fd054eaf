/* The one table of what may stand in ema.conf: the reader, the messages, the manual and etc/ema.conf are held against it. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "conf.h"
#include "file.h"

enum key_type {
	KEY_STRING,   /* const char * */
	KEY_STRINGS,  /* struct conf_strings; one string stands for a list of one */
	KEY_BOOL,     /* int */
	KEY_INT,      /* int, unsigned or int64_t */
	KEY_DURATION, /* int64_t, milliseconds */
	KEY_SECONDS,  /* int64_t, seconds, written as a duration */
	KEY_SIZE,     /* int64_t, bytes */
	KEY_WORD,     /* an enum: the place in words */
	KEY_WORDS,    /* unsigned: a bit for each of words, the first being that of least */
	KEY_DATE,     /* int64_t, seconds since 1970 */
	KEY_GROUP,    /* read by its section */
	KEY_LIST,     /* of groups, or what its own reader says */
	KEY_SECRET,   /* { file = ... }, { fd = ... } or { credential = ... }: const struct conf_node * */
	KEY_NODE      /* const struct conf_node *, checked by its own reader */
};

enum key_form {
	FORM_ANY,
	FORM_ID,       /* of an entry of ours */
	FORM_ISSUER,   /* https, no query, no fragment */
	FORM_RESOURCE, /* the same */
	FORM_ENDPOINT, /* https, no fragment */
	FORM_URL,
	FORM_HOST,
	FORM_DOMAIN,   /* stored in lower case */
	FORM_FILE,     /* made absolute; is opened and its owner checked */
	FORM_PATH,     /* made absolute */
	FORM_SCOPE,
	FORM_POINTER
};

struct conf_section;

struct conf_key {
	const char *name;
	enum key_type type;
	enum key_form form;
	int required;
	size_t offset, size;
	int64_t least, most;
	const char *fallback;               /* as it would be written (words by spaces); NULL: none */
	const char *const *words;
	const struct conf_section *section; /* of a group, or of the groups of a list */
	const char *doc;
};

struct conf_section {
	const char *name;    /* "provider": for messages */
	const struct conf_key *keys;
	size_t count;
	int open;            /* other keys are the plugin's */
};

extern const struct conf_section section_top, section_fetch, section_rates, section_certificates, section_token,
	section_provider, section_directory, section_guard, section_audit, section_store, section_store_memory,
	section_client, section_client_secret, section_client_key, section_caller, section_documents,
	section_stack, section_service, section_rule, section_rule_when,
	section_window, section_audience, section_scope_map, section_service_directory, section_scope, section_grant, section_deny,
	section_grant_when, section_argument, section_permissions, section_decision, section_former_issuer, section_secret,
	section_listen, section_tls, section_limits;
extern const char *const token_words[]; /* of token.algorithm */
/* All of them, ends with NULL. */
extern const struct conf_section *const sections[];

/* What reading needs. */
struct reader {
	struct conf *conf;
	struct arena *arena;
	struct findings *findings;
	struct file_trust trust;
	void *digest; /* EVP_MD_CTX: of all that was read */
};

/* What the configuration's digest is to cover, too: a file of it. */
void reader_digest(struct reader *reader, const char *text, size_t length);

/* What hangs at conf->memory. */
struct conf_memory {
	struct arena arena;
	struct file_trust trust;
};

/* Fills a struct from a group, by its section: unknown keys, types, bounds, forms, what is missing. defaults: keys that are
   not there get theirs. node may be NULL: all is absent. */
void section_read(struct reader *reader, const struct conf_section *section, const struct conf_node *node, void *out, int defaults);
/* Adds E-TYPE unless node is of this kind. */
int value_is(struct reader *reader, const struct conf_node *node, enum conf_kind kind);
/* A list of groups (or what stands as group alone), else E-TYPE; the number of entries. */
size_t value_groups(struct reader *reader, const struct conf_node *node);
/* "2027-02-01" or "2027-02-01T08:00:00Z". */
int value_date(const char *text, int64_t *seconds);
/* , nearest of names in a list of strings ends with NULL; ": did you mean X?" into out. */
const char *value_hint(const char *wrong, const char *const *names, char out[128]);
/* The same, or else which names there are: ": LIST has \"a\", \"b\"". */
const char *value_offer(const char *wrong, const char *const *names, const char *list, char out[256]);
/* Text of a configuration for a message: short and without control characters. */
const char *value_show(const char *text, char out[96]);

/* conf.c: the groups of a top-level list, in memory of the arena; two with one id. */
void *conf_entries(struct reader *reader, const char *name, size_t size, const struct conf_node **list, size_t *count);
void conf_unique(struct reader *reader, const char *id, const struct conf_node *node, const char *other, const struct conf_node *first);
/* clients.c: clients, callers, client_documents; and, when the services are read, what they name. */
void clients_read(struct reader *reader);
void clients_lint(struct reader *reader);
/* A finding with the id for each client that a rule names, and nobody can be; service: whose rule it is, NULL: a stack's. */
void clients_check(struct reader *reader, const char *id, const struct conf_service *service, const struct conf_node *node,
                   const struct conf_strings *clients);
/* rules.c */
void rules_read(struct reader *reader, const struct conf_node *node, int guards, const char *what, struct conf_rules *out);
/* service.c: one service; what it names must have been read. */
void service_read(struct reader *reader, const struct conf_node *node, struct conf_service *out);
void stack_read(struct reader *reader, const struct conf_node *node, struct conf_stack *out);
/* policy.c */
void policy_read(struct reader *reader, const struct conf_node *node, struct conf_service *service);
void policy_lint(struct reader *reader, const struct conf_service *service);
struct conf_window *policy_windows(struct reader *reader, const struct conf_node *node, size_t *count);
/* supply.c: rules about groups, roles and tenants that come from nowhere */
void supply_lint(struct reader *reader, const struct conf_service *service, const struct conf_provider *const *asked);
/* listen.c: what is emad's */
void listen_read(struct reader *reader);
/* lint.c */
void lint_run(struct reader *reader);

#endif
