/* One configuration, resolved and opened: what a decision walks. Counted, never changed. */
#ifndef CONTEXT_SNAPSHOT_H
#define CONTEXT_SNAPSHOT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "conf.h"
#include "host.h"
#include "log.h"
#include "policy.h"
#include "stack.h"

/* A configuration that several hold: snapshots, and sinks that were carried over from an earlier one. */
struct held_conf {
	struct conf *conf;
	atomic_int holders;
};

struct held_conf *held_conf_new(struct conf *conf); /* takes the conf over; NULL: no memory, and the conf is freed */
struct held_conf *held_conf_hold(struct held_conf *held);
void held_conf_release(struct held_conf *held);

struct provider {
	const struct conf_provider *conf;
	struct instance *instance;
	unsigned accepts; /* kinds: what ema.conf says and the plugin can */
};

struct directory {
	const struct conf_directory *conf;
	struct instance *instance;
	atomic_uint_least64_t generation; /* rises when earlier answers end */
};

struct guard {
	const struct conf_guard *conf;
	struct instance *instance;
};

struct service_directory {
	const struct conf_service_directory *conf;
	size_t directory;
};

struct service {
	const struct conf_service *conf;
	struct stack_list identity, guards;
	struct service_directory *directories;
	size_t directory_count;
	struct policy *policy;
};

/* An issuer name that a provider answers for. */
struct issuer_name {
	const char *issuer;
	const char *tenant; /* NULL: none, or whatever the claim says */
	size_t provider;
	const struct declared *declared;
};

struct snapshot {
	atomic_int holders;
	uint64_t generation;
	struct held_conf *held;
	const struct conf *conf;
	struct provider *providers;
	struct directory *directories;
	struct guard *guards;
	struct service *services;
	struct issuer_name *names; /* sorted by issuer, tenant */
	size_t name_count;
	struct stack_list *stacks; /* as conf->stacks */
	struct stack_rule **rules; /* what the lists point into */
	size_t rule_lists;
	const struct conf_client **entries; /* ema.conf's clients, sorted by id */
	struct clients *clients, *callers; /* of an authorization server; NULL otherwise */
};

struct snapshot_settings {
	const struct plugin_search *search;
	const struct clock *clock;
	struct log log;
	struct trust *trust;
	uint64_t generation;
	int server;              /* clients are opened too */
	struct cimd *documents;
};

/* Opens every instance, resolves every name, and finds what only the plugins' answers show to be wrong. NULL: findings has
   why. Takes a hold of its own on the configuration. */
struct snapshot *snapshot_new(struct held_conf *held, const struct snapshot_settings *settings, struct findings *findings);
struct snapshot *snapshot_hold(struct snapshot *snapshot);
void snapshot_release(struct snapshot *snapshot);

const struct service *snapshot_service(const struct snapshot *snapshot, const char *id);
/* The client's entry in ema.conf; NULL: none. */
const struct conf_client *snapshot_client(const struct snapshot *snapshot, const char *id);
/* EMA_UNKNOWN_SERVICE for an id that none has, and which one may be meant. */
int snapshot_no_service(const struct snapshot *snapshot, const char *id, struct failure *failure);
/* Number of the provider of that id; SIZE_MAX: none. */
size_t snapshot_provider(const struct snapshot *snapshot, const char *id);

/*
 * The one name for a provider's subjects of that tenant (NULL: none), of all those that it may have as an issuer: what is
 * revoked under it is revoked whichever name a token has. NULL: the tenant is none of the provider's any more.
 */
const char *snapshot_issuer(const struct snapshot *snapshot, size_t provider, const char *tenant);
/* All of these names, one after the other; NULL at the end. Which is the first changes with ema.conf, what is revoked must not. */
struct issuer_walk { /* all zero: at the beginning */
	size_t declared, name;
};
const char *snapshot_issuer_next(const struct snapshot *snapshot, size_t provider, const char *tenant, struct issuer_walk *walk);
/* Whether the provider has that tenant: 1; 0: it has others, or none; -1: it takes whatever tenant a token names. */
int snapshot_tenant(const struct snapshot *snapshot, size_t provider, const char *tenant);

#endif
