/* What stands behind the opaque types that plugins are lent. */
#ifndef PLUGIN_LENT_H
#define PLUGIN_LENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "host.h"
#include "room.h"

#define LENT_TEXT_MOST 1024   /* bytes of a string that a plugin says */
#define LENT_SUBJECT_MOST (9 * LENT_TEXT_MOST + 2) /* of a subject as text: three parts, each byte of them %XX */
#define LENT_LIST_MOST 4096   /* groups, and so on, of one call */
#define LENT_FETCHES_MOST 8   /* of one call */
#define LENT_DECLARED_MOST 64 /* key sets of one instance */
#define LENT_NAMES_MOST 4096  /* issuer names or tenants of one key set */

struct ema_handle {
	struct instance *instance;
};

/* The provider's group, or one in it that was asked for. */
struct ema_conf {
	struct instance *instance;
	const struct conf_node *node;
	struct ema_conf *next;
};

struct ema_keyset {
	struct declared declared;
	uint32_t flags;
	const char *discovery_issuer; /* NULL: not said */
};

struct asked { /* a key that the plugin asked for */
	const struct conf_node *group;
	const char *key;
};

struct instance {
	struct instance_settings settings;
	struct plugin *plugin;
	const char *id;
	struct ema_handle handle;
	ema_instance *self;
	void (*close)(ema_instance *self);
	struct room room;
	/* While open runs. */
	_Atomic uintptr_t opener;   /* the thread that may ask for settings; 0: none */
	struct findings *findings;
	int conf_failed;
	struct ema_conf root;
	struct asked *asked;
	size_t asked_count, asked_room;
	struct ema_keyset *declared[LENT_DECLARED_MOST];
	size_t declared_count;
	/* Calls. */
	pthread_mutex_t lock;
	pthread_cond_t free_now;
	int serial, busy;
	struct ema_call *spare;     /* tickets that no call uses */
};

struct ema_claims {
	struct ema_call *call;
};

struct ema_response {
	struct ema_call *call;
	int status;
	char *body;
	size_t length;
};

struct ema_call {
	_Atomic uintptr_t owner;    /* the thread that runs the callback; 0: none, and then a plugin gets nothing here */
	struct ema_call *next;
	struct instance *instance;
	const struct call_settings *settings;
	int64_t now;                /* seconds */
	struct ema_claims claims;
	struct ema_response responses[LENT_FETCHES_MOST];
	size_t response_count;
	struct jws jws;             /* if the caller had none */
	struct room room;
	struct call_result result;
	unsigned read;              /* bits of EMA_VALUE_*: the core read it, or the plugin said it */
	int64_t not_before;         /* nbf, for the times */
	struct failure failure;
	int ruined;                 /* the outcome, whatever the plugin answers; EMA_OK: not ruined */
};

/* This thread, while it lives. */
uintptr_t lent_thread(void);
/* NULL unless this thread is in the callback that call was made for. */
struct ema_call *lent_call(ema_call *call);
struct ema_call *lent_claims(const ema_claims *claims);

/* UTF-8 without control characters, 1 to most bytes. */
int lent_text_fits(const char *text, size_t most);
/* The outcome of the call is code, whatever its plugin answers. Returns code. */
int call_ruin(struct ema_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* EMA_OK or why not: memory and the bound are a ruin. */
int call_list_add(struct ema_call *call, struct call_list *list, const char *text);
/* Are times, audience, client, issuer and actor such as the provider and the service demand? Sets the call's failure. */
int call_demands(struct ema_call *call);
/* RFC 6749 3.3: splits and adds; EMA_BAD_SCOPE. */
int call_scopes(struct ema_call *call, const char *text);
/* RFC 8707 2. */
int lent_resource_fits(const char *text);
/* The tenant is one that the declaration knows. */
int call_tenant_fits(struct ema_call *call, const struct declared *declared, const char *tenant);

void conf_mark(struct instance *instance, const struct conf_node *group, const char *key);
/* Findings for what nobody asked for. */
void settings_unasked(struct instance *instance, int early);
/* What a fetch for this instance may do. internal_hosts: room for more hosts behind those of the provider; NULL. */
void lent_fetch_rules(const struct instance *instance, struct fetch_rules *out);

/* The host functions, by file. */
/* settings.c */
int host_conf_string(ema_conf *, const char *, const char **);
int host_conf_int(ema_conf *, const char *, int64_t, int64_t, int64_t *);
int host_conf_bool(ema_conf *, const char *, int *);
int host_conf_duration(ema_conf *, const char *, int64_t *);
int host_conf_size(ema_conf *, const char *, int64_t *);
int host_conf_list(ema_conf *, const char *, const char *const **, size_t *);
int host_conf_path(ema_conf *, const char *, const char **);
int host_conf_secret(ema_conf *, const char *, const char **, size_t *);
int host_conf_group(ema_conf *, const char *, ema_conf **);
int host_conf_item(ema_conf *, const char *, size_t, ema_conf **);
int host_conf_key(ema_conf *, size_t, const char **);
int host_conf_fail(ema_conf *, const char *, const char *);
int host_conf_file(ema_conf *, const char *, size_t, const char **, size_t *);
int host_conf_claims(ema_conf *, const char *, const char *const **, size_t *);
int host_conf_url(ema_conf *, const char *, const char **);
/* declare.c */
int host_keyset_open(ema_conf *, const struct ema_issuer *, ema_keyset **);
/* verify.c */
int host_jwt_verify(ema_call *, ema_keyset *, const struct ema_jwt_rules *, const ema_claims **);
/* claims.c */
int host_claim_string(const ema_claims *, const char *, const char **);
int host_claim_int(const ema_claims *, const char *, int64_t *);
int host_claim_bool(const ema_claims *, const char *, int *);
int host_claim_item(const ema_claims *, const char *, size_t, const char **);
int host_claim_key(const ema_claims *, const char *, size_t, const char **);
int host_claim_header(const ema_claims *, const char *, const char **);
int host_add_groups(ema_call *, const ema_claims *, const char *);
int host_add_roles(ema_call *, const ema_claims *, const char *);
/* call.c */
const char *host_item(ema_call *, int);
const char *host_credential(ema_call *, size_t *, uint32_t *);
int64_t host_deadline(ema_call *);
int host_fail(ema_call *, int, const char *);
int host_vouch(ema_call *, const char *, const char *);
int host_add_group(ema_call *, const char *);
int host_add_role(ema_call *, const char *);
int host_set_email(ema_call *, const char *, int);
int host_set_value(ema_call *, int, const char *);
int host_set_number(ema_call *, int, int64_t);
int host_add_account(ema_call *, const char *, const char *);
int host_add_subject(ema_call *, const char *);
int host_set_person(ema_call *, const char *, int);
int host_set_max_age(ema_call *, int64_t);
int host_fetch(ema_call *, const struct ema_fetch *, const ema_response **);
int host_response(const ema_response *, int *, const char **, size_t *);

#endif
