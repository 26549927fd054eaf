/*
 * A plugin of every kind, written when 1.0 was frozen and compiled with the header beside it alone: later cores must run it as it
 * is. It asks for nothing but what 1.0 had, and uses each member of it that a plugin of its kind would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ema/plugin.h"

#define KEPT_MOST 256

static const struct ema_host *host;

struct ema_instance {
	const ema_handle *handle;
	ema_keyset *keys;
	const char *group;
	FILE *file;
	/* A store of one entry. */
	char key[KEPT_MOST], value[KEPT_MOST];
	size_t key_length, value_length;
	int64_t expires, mark;
	int told;
};

static int instance_make(const ema_handle *handle, ema_instance **out)
{
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	*out = self;
	return EMA_OK;
}

static void every_close(ema_instance *self)
{
	if (self->file)
		fclose(self->file);
	free(self);
}

/* ---- Identity ---- */

static int identity_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	struct ema_issuer_name name = { NULL, NULL };
	struct ema_issuer issuer = { sizeof issuer, EMA_ID_JAG | EMA_ACCESS_TOKEN, EMA_ISSUER_NO_KEYS, &name, 1, NULL, NULL, 0, NULL, NULL, NULL };
	ema_instance *self = NULL;
	int code = instance_make(handle, &self);
	if (code != EMA_OK)
		return code;
	host->conf_url(conf, "url", &name.issuer);
	if (!name.issuer)
		code = host->conf_fail(conf, "url", "it lacks url");
	if (code == EMA_OK)
		code = host->keyset_open(conf, &issuer, &self->keys);
	if (code != EMA_OK) {
		every_close(self);
		return code;
	}
	(void)lent;
	*out = self;
	return EMA_OK;
}

static int identity_identify(ema_instance *self, ema_call *call)
{
	uint32_t kind = 0;
	size_t length = 0;
	const char *credential = host->credential(call, &length, &kind);
	if (kind != EMA_ACCESS_TOKEN || length != 4 || !host->same(credential, "open", 4))
		return host->fail(call, EMA_DENIED, "it does not say open");
	if (host->deadline(call) <= 0)
		return host->fail(call, EMA_TIMEOUT, "too late");
	host->set_number(call, EMA_VALUE_EXPIRES, host->now(self->handle) / 1000 + 60);
	host->set_value(call, EMA_VALUE_AUDIENCE, "https://rs.example");
	host->set_value(call, EMA_VALUE_CLIENT_ID, host->item(call, EMA_ITEM_CLIENT_ID));
	host->set_email(call, "ada@acme.example", 1);
	host->add_group(call, "engineering");
	host->add_role(call, "reader");
	return host->vouch(call, NULL, "ada");
}

/* ---- Directory and guard ---- */

static int plain_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	ema_instance *self = NULL;
	int code = instance_make(handle, &self);
	if (code != EMA_OK)
		return code;
	self->group = "none";
	host->conf_string(conf, "group", &self->group);
	(void)lent;
	*out = self;
	return EMA_OK;
}

static int directory_lookup(ema_instance *self, ema_call *call)
{
	const char *subject = host->item(call, EMA_ITEM_SUBJECT);
	if (!subject || strcmp(subject, "ada"))
		return host->fail(call, EMA_UNKNOWN_SUBJECT, "ada alone is known");
	host->set_person(call, "lovelace", 1);
	host->add_group(call, self->group);
	host->add_account(call, "github", "ada-l");
	host->set_max_age(call, 1000);
	return EMA_OK;
}

static int directory_people(ema_instance *self, ema_people *people)
{
	(void)self;
	return host->add_person(people, "lovelace", 1, "idp/-/ada", NULL);
}

static int directory_person(ema_instance *self, ema_call *call, const char *id)
{
	(void)self;
	if (strcmp(id, "lovelace"))
		return host->fail(call, EMA_UNKNOWN_SUBJECT, "lovelace alone is known");
	host->set_person(call, id, 1);
	return host->add_subject(call, "idp/-/ada");
}

static int guard_admit(ema_instance *self, ema_call *call)
{
	const char *remote = host->item(call, EMA_ITEM_REMOTE);
	(void)self;
	return remote && !strncmp(remote, "192.0.2.", 8) ? EMA_OK : host->fail(call, EMA_DENIED, "from elsewhere");
}

/* ---- Store ---- */

static int is_it(const ema_instance *self, const char *key, size_t length)
{
	return self->key_length == length && !memcmp(self->key, key, length);
}

static int store_put(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                     int64_t expires, int64_t limit, int64_t milliseconds)
{
	(void)quota;
	(void)limit;
	(void)milliseconds;
	if (self->key_length)
		return is_it(self, key, key_length) ? EMA_EXISTS : EMA_STORE_FULL;
	if (!key_length || key_length > KEPT_MOST || value_length > KEPT_MOST)
		return EMA_STORE_FULL;
	memcpy(self->key, key, key_length);
	if (value_length)
		memcpy(self->value, value, value_length);
	self->key_length = key_length;
	self->value_length = value_length;
	self->expires = expires;
	self->told = 0;
	return EMA_OK;
}

static int store_get(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t milliseconds)
{
	size_t room = *length;
	(void)milliseconds;
	if (!is_it(self, key, key_length))
		return EMA_ABSENT;
	*length = self->value_length;
	if (self->value_length > room)
		return EMA_TOO_LARGE;
	memcpy(out, self->value, self->value_length);
	return EMA_OK;
}

static int store_remove(ema_instance *self, const char *key, size_t key_length, int64_t milliseconds)
{
	(void)milliseconds;
	if (!is_it(self, key, key_length))
		return EMA_ABSENT;
	self->key_length = 0;
	return EMA_OK;
}

static int store_raise(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t milliseconds)
{
	(void)key;
	(void)key_length;
	(void)expires;
	(void)milliseconds;
	if (mark > self->mark)
		self->mark = mark;
	*now = self->mark;
	return EMA_OK;
}

static int store_list(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t milliseconds)
{
	(void)milliseconds;
	if (!self->key_length || self->key_length < prefix_length || memcmp(self->key, prefix, prefix_length))
		return EMA_OK;
	return host->feed(feed, self->key, self->key_length, self->value, self->value_length, self->expires);
}

static int store_changes(ema_instance *self, ema_feed *feed, int64_t milliseconds)
{
	int told = self->told;
	self->told = 1;
	return told ? EMA_OK : store_list(self, "", 0, feed, milliseconds);
}

static int store_since(ema_instance *self, int64_t *milliseconds)
{
	*milliseconds = host->now(self->handle);
	return EMA_OK;
}

/* ---- Audit ---- */

static int audit_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	const char *path = NULL;
	ema_instance *self = NULL;
	int code = instance_make(handle, &self);
	if (code != EMA_OK)
		return code;
	host->conf_path(conf, "path", &path);
	self->file = path ? fopen(path, "a") : NULL;
	if (!self->file) {
		every_close(self);
		return host->conf_fail(conf, "path", "cannot be opened");
	}
	(void)lent;
	*out = self;
	return EMA_OK;
}

static int audit_record(ema_instance *self, const ema_event *event)
{
	size_t length = 0, rendered = 0;
	const char *line = host->event_line(event, &length), *again = host->event_render(event, "ema", &rendered), *code = host->event_field(event, "code");
	if (!line || !again || rendered != length || !host->event_name(event, 0))
		return EMA_UNAVAILABLE;
	fprintf(self->file, "%s %d %d %.*s\n", code ? code : "-", host->event_severity(event), (int)host->event_time(event), (int)length, line);
	return ferror(self->file) ? EMA_UNAVAILABLE : EMA_OK;
}

static int audit_flush(ema_instance *self, int64_t milliseconds)
{
	(void)milliseconds;
	return fflush(self->file) ? EMA_UNAVAILABLE : EMA_OK;
}

static int audit_reopen(ema_instance *self)
{
	host->log(self->handle, EMA_LOG_INFO, "opened anew");
	return EMA_OK;
}

static const struct ema_identity_ops identity = { sizeof identity, identity_open, every_close, identity_identify };
static const struct ema_directory_ops directory = { sizeof directory, plain_open, every_close, directory_lookup, directory_people, directory_person };
static const struct ema_guard_ops guard = { sizeof guard, plain_open, every_close, guard_admit };
static const struct ema_store_ops store = { sizeof store, plain_open, every_close, store_put, store_get, store_remove, store_raise, store_list,
                                            store_changes, store_since };
static const struct ema_audit_ops audit = { sizeof audit, audit_open, every_close, audit_record, audit_flush, audit_reopen };

static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_SERIAL, "every_kind", "1.0", "is of every kind", &identity, &directory,
                                          &guard, &store, &audit };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	if (!EMA_HOST_HAS(lent, add_subject))
		return NULL;
	host = lent;
	return &plugin;
}
