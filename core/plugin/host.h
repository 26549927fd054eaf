/* Plugins: found, opened, checked, lent the host functions, called with a deadline. */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "conf.h"
#include "ema/plugin.h"
#include "failure.h"
#include "json.h"
#include "keyset.h"
#include "log.h"

/* ---- A shared object ---- */

struct plugin; /* counted; its code stays mapped for good */

struct plugin_search {
	const char *folders; /* "a:b", before the installed folder; NULL */
	struct log log;
	const char *owner;   /* user besides root and our own that may own it; NULL */
	const struct ema_host *host; /* NULL: plugin_host(); a test lends an older one */
};

/* name as in ema.conf, or a path. EMA_DENIED: others may write the file or a folder on its path. EMA_CONFIG: not found (and the
   nearest name), not a plugin, wrong ABI or size, entry in another object. */
int plugin_open(const struct plugin_search *search, const char *name, struct plugin **out, struct failure *failure);
void plugin_close(struct plugin *plugin);
/* One more user, for whom plugin_close() is called, too. */
struct plugin *plugin_keep(struct plugin *plugin);
/* A copy in the host's own size, zero beyond what the plugin knows; tables likewise, NULL if not of that kind. */
const struct ema_plugin *plugin_description(const struct plugin *plugin);
const char *plugin_path(const struct plugin *plugin);
/* Calls found for every NAME.so in the folders, sorted by name; failure is why it cannot be used. */
void plugin_each(const struct plugin_search *search, void (*found)(void *data, const char *name, const char *path, const struct plugin *plugin, const struct failure *failure), void *data);

/* The table that plugins are lent; size can be cut for the test of older hosts. */
const struct ema_host *plugin_host(void);

/* ---- An instance ---- */

enum plugin_kind { PLUGIN_IDENTITY, PLUGIN_DIRECTORY, PLUGIN_GUARD, PLUGIN_STORE, PLUGIN_AUDIT };

struct instance;

struct instance_settings {
	struct plugin *plugin;
	enum plugin_kind kind;
	const char *id;
	const struct conf *conf;          /* must live as long as the instance */
	const struct conf_node *node;     /* its group */
	const char *const *core_keys;     /* keys of the group that the core reads itself; ends with NULL */
	const struct clock *clock;
	struct log log;
	struct trust *trust;              /* identity: where key sets are opened */
	const struct conf_provider *provider; /* identity: algorithms, times, key source; else NULL */
	void (*changed)(void *data);      /* directory_changed was called; any thread */
	void *changed_data;
};

/* Calls open; then each key that nobody asked for is a finding (E-UNKNOWN with the nearest of those that were asked for). */
int instance_open(const struct instance_settings *settings, struct instance **out, struct findings *findings);
void instance_close(struct instance *instance);
const char *instance_id(const struct instance *instance);
const struct ema_plugin *instance_plugin(const struct instance *instance);
ema_instance *instance_self(const struct instance *instance);
/* Around a direct call of a store or an audit plugin: waits for a serial instance until deadline (monotonic milliseconds of
   the clock). EMA_OK or EMA_TIMEOUT; nothing to wait for if the plugin is parallel. */
int instance_enter(struct instance *instance, int64_t deadline);
void instance_leave(struct instance *instance);

/* What an identity instance declared by keyset_open. */
struct declared {
	const struct ema_issuer_name *names; size_t name_count;
	const char *tenant_claim;
	const char *const *tenants; size_t tenant_count;
	unsigned kinds;
	struct keyset *keyset; /* NULL with EMA_ISSUER_NO_KEYS */
};
size_t instance_declared_count(const struct instance *instance);
const struct declared *instance_declared(const struct instance *instance, size_t index);
/* The declaration whose name is this iss, and the tenant that the name says (NULL: none). NULL: not mine. */
const struct declared *instance_for_issuer(const struct instance *instance, const char *issuer, const char **tenant);

/* ---- A call ---- */

struct call_list { char **list; size_t count; };

/* What a call found. Strings are the call's own. */
struct call_result {
	int vouched;             /* how many times, and whether they differed */
	int vouched_differently;
	char *tenant, *subject;
	struct call_list groups, roles, accounts;
	struct call_list subjects; /* of a person, as texts */
	char *email; int email_verified;
	/* From the bound claims, or said one by one. */
	int bound;
	char *issuer, *jti, *client_id, *acr, *actor, *name_id;
	struct call_list audience, scopes, resources, amr, actors; /* actors: the chain, outermost first */
	int64_t expires, issued, auth_time; /* seconds; JWT_ABSENT: not there */
	struct json claims;      /* of the verified token; empty if none was bound */
	struct json header;
	struct keyset_verdict keys;
	char *person; int person_active;
	int64_t max_age_ms;      /* -1: not said */
	int claims_incomplete;   /* no memory on the way: the outcome is out_of_memory */
};

/* What the service demands of the token, checked by jwt_verify and again by the core after identify. */
struct call_demand {
	const char *const *audiences; size_t audience_count; /* one of these, and for an ID-JAG it alone */
	const char *const *clients; size_t client_count;     /* of an access token; empty: the request's client must match */
};

struct call_settings {
	struct instance *instance;
	uint32_t kind;                 /* EMA_ID_JAG, EMA_ACCESS_TOKEN; 0: no credential */
	const char *credential; size_t credential_length;
	const struct jws *jws;         /* the same, parsed; NULL: not a JWS */
	const struct declared *declared; /* whose issuer it is */
	const char *name_tenant;       /* tenant that the issuer's name says */
	const char *items[16];         /* by EMA_ITEM_* */
	const struct call_demand *demand;
	int64_t deadline;              /* monotonic milliseconds of the clock */
	int64_t now;                   /* seconds since 1970; 0: the clock (explain may give another time) */
	int takes_bound;               /* the caller asks for the proof of a token with cnf; else it is refused */
	const char *person;            /* of a directory: who is to be found by this id; NULL: by the items */
	int unjudged;                  /* the control maps ok to ignore: a vouching is neither asked for nor judged */
};

/* The plugin's ema_call. Its memory belongs to the instance and is used again, so that a pointer that a plugin kept does no harm. */
struct ema_call;

/*
 * Calls identify, lookup or admit: waits for a serial instance until the deadline; an answer after it is EMA_TIMEOUT, a code
 * that the kind may not answer is EMA_INTERNAL, and so is ok without a vouching, a vouching with a failing code, or two
 * different vouchings; in a child that the plugin forked it is EMA_AFTER_FORK. *out is NULL without memory, else call_free()
 * ends it, before the instance is closed. Returns the code; *failure has the text.
 */
int call_run(const struct call_settings *settings, struct ema_call **out, struct failure *failure);
const struct call_result *call_result(const struct ema_call *call);
void call_free(struct ema_call *call);

#endif
