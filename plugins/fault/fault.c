/*
 * fault: answers whatever its settings say, as slowly and as wrongly as they say. For tests; never installed.
 *
 *   code      name of the code to answer ("ok")          text      for fail()
 *   delay     how long an answer takes ("0ms")           misbehave see misbehaviours below
 *   fetch     a URL to fetch; its body is a group
 *   hold      a file: it is made, and while it is there no answer is given, until the deadline (of a record: whatever the deadline)
 *   secret    a secret, which must be expect, or the answer is denied
 *   identity: issuer, issuer_tenant, verify (by jwt_verify; else it says all by itself), audience, client, scopes,
 *             subject ("alice"), tenant, email, groups, roles
 *   directory: person ("alice"), active, groups, roles, accounts ("system=name"), max_age
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ema/plugin.h"

static const struct ema_host *host;

static const char *const codes[] = {
	"ok", "internal", "not_mine", "not_granted", "no_rules", "denied", "unavailable", "timeout", "malformed", "too_large", "bad_encoding",
	"bad_json", "duplicate_member", "encrypted", "wrong_type", "critical_header", "bad_algorithm", "unknown_key", "bad_signature",
	"keys_unavailable", "unknown_issuer", "missing_claim", "bad_claim", "expired", "not_yet_valid", "issued_in_future",
	"lifetime_too_long", "wrong_audience", "wrong_client", "wrong_resource", "bad_scope", "unknown_scope", "missing_tenant",
	"wrong_tenant", "wrong_provider", "subject_conflict", "unknown_subject", "disabled", "actor_refused", "not_a_person",
	"group_overage", "weak_authentication", "bound_token", "unsupported_details", "revoked", "replayed", "directory_unavailable",
	"directory_stale", "store_unavailable", "store_full", "audit_unavailable", "out_of_memory", "clock_wrong", "after_fork",
	"unknown_service", "bad_request", "config", "absent", "exists",
};

enum misbehaviour {
	NONE, UNKNOWN_CODE, NO_VOUCH, VOUCH_TWICE, VOUCH_AND_FAIL, VOUCH_IN_VAIN, KEEP_CALL, OTHER_THREAD, LEAK_THREAD, FORK, UNASKED_KEY, OPEN_FAILS, MISBEHAVIOURS
};
static const char *const misbehaviours[MISBEHAVIOURS] = {
	"none", "unknown_code", "no_vouch", "vouch_twice", "vouch_and_fail", "vouch_in_vain", "keep_call", "other_thread", "leak_thread", "fork",
	"unasked_key", "open_fails",
};

struct ema_instance {
	const ema_handle *handle;
	ema_keyset *keys;
	int code, verify, active;
	enum misbehaviour misbehave;
	int64_t delay, max_age;
	const char *fetch, *hold, *text, *subject, *tenant, *email, *person, *client;
	const char *const *audience, *const *scopes, *const *groups, *const *roles, *const *accounts, *const *about;
	size_t audiences, scope_count, group_count, role_count, account_count, about_count;
	ema_call *kept;
	long serial;
};

static int in_table(ema_conf *conf, const char *key, const char *name, const char *const *table, size_t count)
{
	size_t i = 0;
	while (i < count && strcmp(table[i], name))
		i++;
	if (i == count)
		host->conf_fail(conf, key, "no such name; plugins/fault/fault.c lists them");
	return (int)i;
}

static int declare(struct ema_instance *self, ema_conf *conf)
{
	struct ema_issuer_name name = { "https://fault.example", NULL };
	struct ema_issuer issuer = { sizeof issuer, EMA_ID_JAG | EMA_ACCESS_TOKEN, 0, &name, 1, NULL, NULL, 0, NULL, NULL, NULL };
	host->conf_string(conf, "issuer", &name.issuer);
	host->conf_string(conf, "issuer_tenant", &name.tenant);
	if (!self->verify)
		issuer.flags |= EMA_ISSUER_NO_KEYS;
	return host->keyset_open(conf, &issuer, &self->keys);
}

static int open_any(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, struct ema_instance **out)
{
	struct ema_instance *self = calloc(1, sizeof *self);
	const char *code = "ok", *misbehave = "none";
	(void)lent;
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	self->active = 1;
	self->max_age = -1;
	self->subject = self->person = "alice";
	host->conf_string(conf, "code", &code);
	self->code = in_table(conf, "code", code, codes, sizeof codes / sizeof *codes);
	host->conf_string(conf, "misbehave", &misbehave);
	self->misbehave = (enum misbehaviour)in_table(conf, "misbehave", misbehave, misbehaviours, MISBEHAVIOURS);
	host->conf_duration(conf, "delay", &self->delay);
	if (self->misbehave != UNASKED_KEY)
		host->conf_string(conf, "text", &self->text);
	host->conf_list(conf, "groups", &self->groups, &self->group_count);
	host->conf_list(conf, "roles", &self->roles, &self->role_count);
	host->conf_string(conf, "fetch", &self->fetch);
	host->conf_string(conf, "hold", &self->hold);
	const char *secret = "", *expect = "";
	size_t length = 0;
	host->conf_secret(conf, "secret", &secret, &length);
	host->conf_string(conf, "expect", &expect);
	if (length != strlen(expect) || !host->same(secret, expect, length))
		self->code = EMA_DENIED;
	if (self->misbehave == OPEN_FAILS) {
		free(self);
		return EMA_UNAVAILABLE;
	}
	*out = self;
	return EMA_OK;
}

static int open_identity(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, struct ema_instance **out)
{
	int code = open_any(lent, handle, conf, out);
	if (code)
		return code;
	struct ema_instance *self = *out;
	host->conf_bool(conf, "verify", &self->verify);
	host->conf_string(conf, "subject", &self->subject);
	host->conf_string(conf, "tenant", &self->tenant);
	host->conf_string(conf, "email", &self->email);
	host->conf_string(conf, "client", &self->client);
	host->conf_list(conf, "audience", &self->audience, &self->audiences);
	host->conf_list(conf, "scopes", &self->scopes, &self->scope_count);
	code = declare(self, conf);
	if (code)
		free(self);
	return code;
}

static int open_directory(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, struct ema_instance **out)
{
	int code = open_any(lent, handle, conf, out);
	if (code)
		return code;
	host->conf_string(conf, "person", &(*out)->person);
	host->conf_bool(conf, "active", &(*out)->active);
	host->conf_duration(conf, "max_age", &(*out)->max_age);
	host->conf_list(conf, "accounts", &(*out)->accounts, &(*out)->account_count);
	return EMA_OK;
}

/* about: "METHOD TARGET", "-" for none; of anything else the answer is ok. */
static int open_guard(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, struct ema_instance **out)
{
	int code = open_any(lent, handle, conf, out);
	if (!code)
		host->conf_list(conf, "about", &(*out)->about, &(*out)->about_count);
	return code;
}

static void close_any(struct ema_instance *self)
{
	free(self);
}

/* ---- Slow and wrong ---- */

static void take_time(const struct ema_instance *self)
{
	struct timespec t = { (time_t)(self->delay / 1000), (long)(self->delay % 1000) * 1000000 };
	if (self->delay > 0)
		nanosleep(&t, NULL);
}

static void hold(const struct ema_instance *self, ema_call *call)
{
	static const struct timespec moment = { 0, 10000000 };
	int file = self->hold ? open(self->hold, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (file < 0)
		return;
	close(file);
	while (!access(self->hold, F_OK) && (!call || host->deadline(call) > 0))
		nanosleep(&moment, NULL);
}

static void *vouch_elsewhere(void *call)
{
	host->vouch(call, NULL, "mallory");
	return NULL;
}

static void *stay(void *nothing)
{
	sleep(1);
	return nothing;
}

/* What is done before the answer; returns the answer. */
static int answer(struct ema_instance *self, ema_call *call)
{
	pthread_t thread;
	take_time(self);
	hold(self, call);
	switch (self->misbehave) {
	case UNKNOWN_CODE:
		return 4711;
	case KEEP_CALL:
		if (self->kept)
			host->vouch(self->kept, NULL, "mallory");
		self->kept = call;
		break;
	case OTHER_THREAD:
		if (!pthread_create(&thread, NULL, vouch_elsewhere, call))
			pthread_join(thread, NULL);
		break;
	case LEAK_THREAD:
		if (!pthread_create(&thread, NULL, stay, NULL))
			pthread_detach(thread);
		break;
	case FORK:
		(void)!fork();
		break;
	default:
		break;
	}
	if (self->fetch) {
		struct ema_fetch what = { sizeof what, self->fetch, NULL, NULL, 0, NULL, 0, 0 };
		const ema_response *response;
		const char *body = NULL;
		int status = 0, code = host->fetch(call, &what, &response);
		size_t length = 0;
		if (code)
			return code;
		if (host->response(response, &status, &body, &length) || status != 200 || strlen(body) != length)
			return host->fail(call, EMA_UNAVAILABLE, "not what was fetched for");
		host->add_group(call, body);
	}
	return self->code == EMA_OK ? EMA_OK : host->fail(call, self->code, self->text ? self->text : "the plugin fault was told to");
}

static void add_names(const struct ema_instance *self, ema_call *call)
{
	for (size_t i = 0; i < self->group_count; i++)
		host->add_group(call, self->groups[i]);
	for (size_t i = 0; i < self->role_count; i++)
		host->add_role(call, self->roles[i]);
}

static void say_all(struct ema_instance *self, ema_call *call)
{
	const char *client = self->client ? self->client : host->item(call, EMA_ITEM_CLIENT_ID);
	int64_t now = host->now(self->handle);
	char id[64];
	snprintf(id, sizeof id, "fault-%lld-%ld", (long long)now, __atomic_add_fetch(&self->serial, 1, __ATOMIC_RELAXED));
	host->set_value(call, EMA_VALUE_ID, id);
	host->set_number(call, EMA_VALUE_ISSUED, now / 1000);
	host->set_number(call, EMA_VALUE_EXPIRES, now / 1000 + 300);
	host->set_value(call, EMA_VALUE_CLIENT_ID, client ? client : "client");
	for (size_t i = 0; i < self->audiences; i++)
		host->set_value(call, EMA_VALUE_AUDIENCE, self->audience[i]);
	for (size_t i = 0; i < self->scope_count; i++)
		host->set_value(call, EMA_VALUE_SCOPE, self->scopes[i]);
}

static int identify(struct ema_instance *self, ema_call *call)
{
	const ema_claims *claims;
	int code = answer(self, call);
	if (code && self->misbehave != VOUCH_AND_FAIL)
		return code;
	if (self->verify) {
		int verified = host->jwt_verify(call, self->keys, NULL, &claims);
		if (verified)
			return verified;
	} else {
		say_all(self, call);
	}
	add_names(self, call);
	if (self->email)
		host->set_email(call, self->email, 1);
	if (self->misbehave != NO_VOUCH)
		host->vouch(call, self->tenant, self->subject);
	if (self->misbehave == VOUCH_TWICE)
		host->vouch(call, self->tenant, "mallory");
	return self->misbehave == VOUCH_AND_FAIL && !code ? EMA_DENIED : code;
}

static int lookup(struct ema_instance *self, ema_call *call)
{
	int code = answer(self, call);
	if (self->misbehave == VOUCH_IN_VAIN)
		host->vouch(call, NULL, "mallory");
	if (code)
		return code;
	host->set_person(call, self->person, self->active);
	add_names(self, call);
	for (size_t i = 0; i < self->account_count; i++) {
		char system[128];
		const char *equals = strchr(self->accounts[i], '=');
		if (!equals || (size_t)(equals - self->accounts[i]) >= sizeof system)
			continue;
		memcpy(system, self->accounts[i], (size_t)(equals - self->accounts[i]));
		system[equals - self->accounts[i]] = 0;
		host->add_account(call, system, equals + 1);
	}
	if (self->max_age >= 0)
		host->set_max_age(call, self->max_age);
	return EMA_OK;
}

static int admit(struct ema_instance *self, ema_call *call)
{
	const char *method = host->item(call, EMA_ITEM_METHOD), *target = host->item(call, EMA_ITEM_TARGET);
	char asked[1024];
	if (self->misbehave == VOUCH_IN_VAIN)
		host->vouch(call, NULL, "mallory");
	snprintf(asked, sizeof asked, "%s %s", method ? method : "-", target ? target : "-");
	for (size_t i = 0; i < self->about_count; i++)
		if (!strcmp(self->about[i], asked))
			return answer(self, call);
	return self->about_count ? EMA_OK : answer(self, call);
}

/* ---- A store and a sink that take everything, or nothing ---- */

static int slow(struct ema_instance *self)
{
	take_time(self);
	return self->misbehave == UNKNOWN_CODE ? 4711 : self->code;
}

static int put_if_absent(struct ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                         int64_t expires, int64_t limit, int64_t milliseconds)
{
	(void)quota; (void)key; (void)key_length; (void)value; (void)value_length; (void)expires; (void)limit; (void)milliseconds;
	return slow(self);
}

static int get(struct ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t milliseconds)
{
	(void)key; (void)key_length; (void)out; (void)length; (void)milliseconds;
	int code = slow(self);
	return code ? code : EMA_ABSENT;
}

static int remove_entry(struct ema_instance *self, const char *key, size_t key_length, int64_t milliseconds)
{
	(void)key; (void)key_length; (void)milliseconds;
	return slow(self);
}

static int raise_mark(struct ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t milliseconds)
{
	(void)key; (void)key_length; (void)expires; (void)milliseconds;
	*now = mark;
	return slow(self);
}

/* Codes that say something of one entry are not for a list of them. */
static int slow_list(struct ema_instance *self)
{
	int code = slow(self);
	return code == EMA_EXISTS || code == EMA_ABSENT || code == EMA_STORE_FULL ? EMA_OK : code;
}

static int list(struct ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t milliseconds)
{
	(void)prefix; (void)prefix_length; (void)feed; (void)milliseconds;
	return slow_list(self);
}

static int changes(struct ema_instance *self, ema_feed *feed, int64_t milliseconds)
{
	struct timespec t = { (time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000 };
	(void)feed;
	if (milliseconds > 0)
		nanosleep(&t, NULL);
	return slow_list(self);
}

static int record(struct ema_instance *self, const ema_event *event)
{
	char text[64];
	hold(self, NULL);
	snprintf(text, sizeof text, "a record of %lld at %lld", (long long)host->event_time(event), (long long)host->now(self->handle));
	host->log(self->handle, EMA_LOG_DEBUG, text);
	return slow(self);
}

static int flush(struct ema_instance *self, int64_t milliseconds)
{
	(void)milliseconds;
	return slow(self);
}

static const struct ema_identity_ops identity = { sizeof identity, open_identity, close_any, identify };
static const struct ema_directory_ops directory = { sizeof directory, open_directory, close_any, lookup, NULL, NULL };
static const struct ema_guard_ops guard = { sizeof guard, open_guard, close_any, admit };
static const struct ema_store_ops store = { sizeof store, open_any, close_any, put_if_absent, get, remove_entry, raise_mark, list, changes,
	NULL };
static const struct ema_audit_ops audit = { sizeof audit, open_any, close_any, record, flush, NULL };

static const struct ema_plugin plugin = {
	sizeof plugin, EMA_ABI, EMA_THREADS_PARALLEL, "fault", "1.0", "answers whatever a test tells it to",
	&identity, &directory, &guard, &store, &audit,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	if (!EMA_HOST_HAS(lent, set_max_age))
		return NULL;
	host = lent;
	return &plugin;
}
