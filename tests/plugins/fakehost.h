/* As much of a host as an audit sink needs, so that its plugin can be tried without a context. */
#ifndef TESTS_PLUGINS_FAKEHOST_H
#define TESTS_PLUGINS_FAKEHOST_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ema/plugin.h"
#include "event.h"

struct setting {
	const char *key, *text;
	int64_t number;
};

struct ema_conf {
	const struct setting *settings; /* ends with a NULL key */
	char said[512];                 /* what was wrong */
	char *files[4];
	size_t file_count;
};

static const struct setting *setting_of(const ema_conf *conf, const char *key)
{
	for (const struct setting *s = conf->settings; s->key; s++)
		if (!strcmp(s->key, key))
			return s;
	return NULL;
}

static int fake_string(ema_conf *conf, const char *key, const char **out)
{
	const struct setting *s = setting_of(conf, key);
	if (s)
		*out = s->text;
	return EMA_OK;
}

static int fake_number(ema_conf *conf, const char *key, int64_t *out)
{
	const struct setting *s = setting_of(conf, key);
	if (s)
		*out = s->number;
	return EMA_OK;
}

static int fake_int(ema_conf *conf, const char *key, int64_t least, int64_t most, int64_t *out)
{
	const struct setting *s = setting_of(conf, key);
	if (s && (s->number < least || s->number > most))
		return EMA_CONFIG;
	return fake_number(conf, key, out);
}

static int fake_bool(ema_conf *conf, const char *key, int *out)
{
	const struct setting *s = setting_of(conf, key);
	if (s)
		*out = (int)s->number;
	return EMA_OK;
}

static int fake_file(ema_conf *conf, const char *path, size_t most, const char **out, size_t *length)
{
	FILE *file = fopen(path, "re");
	char *text = file && conf->file_count < 4 ? calloc(1, most + 1) : NULL;
	if (text) {
		*length = fread(text, 1, most, file);
		*out = conf->files[conf->file_count++] = text;
	}
	if (file)
		fclose(file);
	return text ? EMA_OK : EMA_CONFIG;
}

static int fake_secret(ema_conf *conf, const char *key, const char **out, size_t *length)
{
	const struct setting *s = setting_of(conf, key);
	return s ? fake_file(conf, s->text, 65536, out, length) : EMA_OK;
}

static int fake_fail(ema_conf *conf, const char *key, const char *text)
{
	snprintf(conf->said, sizeof conf->said, "%s: %s", key ? key : "-", text);
	return EMA_CONFIG;
}

static char fake_logged[512]; /* the last line */

static void fake_log(const ema_handle *handle, int level, const char *text)
{
	(void)handle;
	snprintf(fake_logged, sizeof fake_logged, "%d %s", level, text);
}

static const char *fake_line(const ema_event *event, size_t *length)
{
	*length = event->length;
	return event->line;
}

static const char *fake_name(const ema_event *event, size_t index)
{
	return index < event->count ? event->names[index] : NULL;
}

static const char *fake_field(const ema_event *event, const char *name)
{
	for (size_t i = 0; i < event->count; i++)
		if (!strcmp(event->names[i], name))
			return event->values[i];
	return NULL;
}

static int64_t fake_time(const ema_event *event)
{
	return event->time;
}

static int fake_severity(const ema_event *event)
{
	return event->severity;
}

static const char *fake_render(const ema_event *event, const char *form, size_t *length)
{
	return !strcmp(form, "ema") ? fake_line(event, length) : event->render ? event->render(event, form, length) : NULL;
}

static const struct ema_host fake_host = {
	.size = sizeof(struct ema_host), .abi = EMA_ABI, .log = fake_log, .conf_string = fake_string, .conf_int = fake_int, .conf_bool = fake_bool,
	.conf_duration = fake_number, .conf_size = fake_number, .conf_path = fake_string, .conf_secret = fake_secret, .conf_fail = fake_fail,
	.conf_file = fake_file, .event_line = fake_line, .event_field = fake_field, .event_name = fake_name, .event_time = fake_time,
	.event_severity = fake_severity, .event_render = fake_render,
};

static const struct ema_audit_ops *load_sink(const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!object)
		fail_msg("%s", dlerror());
	const struct ema_plugin *(*entry)(const struct ema_host *) = NULL;
	void *symbol = dlsym(object, "ema_plugin_entry");
	memcpy(&entry, &symbol, sizeof entry);
	const struct ema_plugin *plugin = entry ? entry(&fake_host) : NULL;
	if (!plugin || !plugin->audit)
		fail_msg("%s is no audit plugin", path);
	return plugin ? plugin->audit : NULL;
}

static ema_instance *open_sink(const struct ema_audit_ops *ops, ema_conf *conf)
{
	ema_instance *self = NULL;
	if (ops->open(&fake_host, NULL, conf, &self) != EMA_OK)
		fail_msg("%s", conf->said);
	return self;
}

static inline void conf_end(ema_conf *conf)
{
	while (conf->file_count)
		free(conf->files[--conf->file_count]);
}

#endif
