/* The settings of an instance, as its plugin asks for them in open; what nobody asked for is a finding. */
#include <stdlib.h>
#include <string.h>

#include "lent.h"
#include "secret.h"

#define FILE_MOST ((size_t)16 << 20)
#define ASKED_MOST 4096

/* The instance while its open asks, in the thread that runs it; else NULL. */
static struct instance *asking(const ema_conf *conf)
{
	return conf && conf->instance && atomic_load(&conf->instance->opener) == lent_thread() ? conf->instance : NULL;
}

static int out_of_memory(struct instance *instance)
{
	instance->findings->out_of_memory = 1;
	instance->conf_failed = 1;
	return EMA_OUT_OF_MEMORY;
}

#define FOUND(instance, id, node, ...) ((instance)->conf_failed = 1, finding_node((instance)->findings, id, (node), __VA_ARGS__), EMA_CONFIG)
#define WRONG(instance, node, ...) FOUND(instance, "E-VALUE", node, __VA_ARGS__)
#define MISTYPED(instance, node, ...) FOUND(instance, "E-TYPE", node, __VA_ARGS__)

void conf_mark(struct instance *instance, const struct conf_node *group, const char *key)
{
	if (!key || instance->asked_count >= ASKED_MOST)
		return;
	for (size_t i = 0; i < instance->asked_count; i++)
		if (instance->asked[i].group == group && !strcmp(instance->asked[i].key, key))
			return;
	if (instance->asked_count == instance->asked_room) {
		size_t room = instance->asked_room ? 2 * instance->asked_room : 32;
		struct asked *asked = realloc(instance->asked, room * sizeof *asked);
		if (!asked) {
			out_of_memory(instance);
			return;
		}
		instance->asked = asked;
		instance->asked_room = room;
	}
	char *copy = room_text(&instance->room, key);
	if (copy)
		instance->asked[instance->asked_count++] = (struct asked){ group, copy };
	else
		out_of_memory(instance);
}

/* EMA_OK and the node, NULL if the key is absent; EMA_INTERNAL if the plugin may not ask now. */
static int ask(ema_conf *conf, const char *key, const void *out, struct instance **instance, const struct conf_node **node)
{
	*instance = asking(conf);
	if (!*instance)
		return EMA_INTERNAL;
	if (!key || !out) {
		(*instance)->conf_failed = 1;
		finding_node((*instance)->findings, "E-PLUGIN", conf->node, "the plugin \"%s\" asked for a setting without naming it",
		             plugin_description((*instance)->plugin)->name);
		return EMA_INTERNAL;
	}
	conf_mark(*instance, conf->node, key);
	*node = conf->node ? conf_child(conf->node, key) : NULL;
	return EMA_OK;
}

static int of_kind(struct instance *instance, const struct conf_node *node, enum conf_kind kind, const char *example)
{
	if (node->kind == kind)
		return EMA_OK;
	return MISTYPED(instance, node, "%s is %s; write it as %s", node->name, conf_kind_name(node->kind), example);
}

/* What all getters of one value begin with: returns from the caller unless the node is there and of the kind. */
#define ASK(kind, example) \
	struct instance *instance; \
	const struct conf_node *node = NULL; \
	int code = ask(conf, key, out, &instance, &node); \
	if (code || !node || (code = of_kind(instance, node, kind, example))) \
		return code

int host_conf_string(ema_conf *conf, const char *key, const char **out)
{
	ASK(CONF_STRING, "a string in quotes");
	*out = node->string;
	return EMA_OK;
}

int host_conf_int(ema_conf *conf, const char *key, int64_t least, int64_t most, int64_t *out)
{
	ASK(CONF_INT, "a whole number");
	if (node->integer < least || node->integer > most)
		return WRONG(instance, node, "%s is %lld; it can be from %lld to %lld", key, (long long)node->integer, (long long)least, (long long)most);
	*out = node->integer;
	return EMA_OK;
}

int host_conf_bool(ema_conf *conf, const char *key, int *out)
{
	ASK(CONF_BOOL, "true or false");
	*out = node->integer != 0;
	return EMA_OK;
}

int host_conf_duration(ema_conf *conf, const char *key, int64_t *out)
{
	ASK(CONF_STRING, "a time with its unit, as in \"5m\"");
	if (conf_duration(node->string, out))
		return WRONG(instance, node, "%s is no time with a unit; write it as \"250ms\", \"30s\", \"5m\", \"1h\" or \"7d\"", key);
	return EMA_OK;
}

int host_conf_size(ema_conf *conf, const char *key, int64_t *out)
{
	ASK(CONF_STRING, "a size with its unit, as in \"16KiB\"");
	if (conf_size(node->string, out))
		return WRONG(instance, node, "%s is no size with a unit; write it as \"512\", \"16KiB\" or \"1MiB\"", key);
	return EMA_OK;
}

static int strings_of(struct instance *instance, const struct conf_node *node, const char ***list)
{
	*list = room_take(&instance->room, (node->count + 1) * sizeof **list);
	if (!*list)
		return out_of_memory(instance);
	for (size_t i = 0; i < node->count; i++) {
		if (node->children[i].kind != CONF_STRING)
			return MISTYPED(instance, &node->children[i], "%s has %s in its list, where only strings can be", node->name, conf_kind_name(node->children[i].kind));
		(*list)[i] = node->children[i].string;
	}
	return EMA_OK;
}

int host_conf_list(ema_conf *conf, const char *key, const char *const **out, size_t *count)
{
	struct instance *instance;
	const struct conf_node *node = NULL;
	const char **list = NULL;
	int code = ask(conf, key, count ? out : NULL, &instance, &node);
	if (code || !node)
		return code;
	if (node->kind != CONF_ARRAY && node->kind != CONF_LIST)
		return MISTYPED(instance, node, "%s is %s; write it as a list, as in [\"one\", \"two\"]", key, conf_kind_name(node->kind));
	if ((code = strings_of(instance, node, &list)))
		return code;
	*out = list;
	*count = node->count;
	return EMA_OK;
}

int host_conf_claims(ema_conf *conf, const char *key, const char *const **out, size_t *count)
{
	struct instance *instance;
	const struct conf_node *node = NULL;
	const char **list = NULL;
	int code = ask(conf, key, count ? out : NULL, &instance, &node);
	if (code || !node)
		return code;
	size_t length = node->kind == CONF_STRING ? 1 : node->count;
	if (node->kind == CONF_STRING) {
		if (!(list = room_take(&instance->room, 2 * sizeof *list)))
			return out_of_memory(instance);
		list[0] = node->string;
	} else if (node->kind != CONF_ARRAY && node->kind != CONF_LIST) {
		return MISTYPED(instance, node, "%s is %s; write the name of a claim, or a list of them", key, conf_kind_name(node->kind));
	} else if ((code = strings_of(instance, node, &list))) {
		return code;
	}
	for (size_t i = 0; i < length; i++) {
		struct buffer pointer = BUFFER_INIT(2 * LENT_TEXT_MOST + 1);
		if (!lent_text_fits(list[i], LENT_TEXT_MOST))
			return WRONG(instance, node, "%s has a name of a claim that is empty, too long or no text", key);
		if (*list[i] == '/')
			continue;
		buffer_char(&pointer, '/');
		for (const char *c = list[i]; *c; c++)
			buffer_text(&pointer, *c == '~' ? "~0" : *c == '/' ? "~1" : (char[]){ *c, 0 });
		list[i] = pointer.failed ? NULL : room_copy(&instance->room, pointer.data, pointer.length);
		buffer_free(&pointer);
		if (!list[i])
			return out_of_memory(instance);
	}
	*out = list;
	*count = length;
	return EMA_OK;
}

static int loopback(const char *host, size_t length)
{
	return (length == 9 && !strncmp(host, "localhost", 9)) || (length == 5 && !strncmp(host, "[::1]", 5)) ||
	       (length > 4 && !strncmp(host, "127.", 4) && strspn(host, "0123456789.") >= length);
}

int host_conf_url(ema_conf *conf, const char *key, const char **out)
{
	ASK(CONF_STRING, "a URL in quotes, as in \"https://idp.example\"");
	const struct conf_provider *provider = instance->settings.provider;
	size_t length = strnlen(node->string, LENT_TEXT_MOST + 1);
	char *url = length > LENT_TEXT_MOST ? NULL : room_copy(&instance->room, node->string, length);
	if (!url)
		return length > LENT_TEXT_MOST ? WRONG(instance, node, "%s is too long for a URL", key) : out_of_memory(instance);
	for (char *c = url; *c; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("\\\"<>^`{|}?#@", *c))
			return WRONG(instance, node, "%s must be an absolute https URL without user, query and fragment, as in \"https://idp.example\"", key);
	char *authority = strstr(url, "://");
	authority = authority ? authority + 3 : url;
	size_t host = strcspn(authority, "/");
	for (char *c = url; c < authority + host; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	size_t name = *authority == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/");
	int plain = !strncmp(url, "http://", 7);
	if ((!plain && strncmp(url, "https://", 8)) || !host || !name || name > host)
		return WRONG(instance, node, "%s must be an absolute https URL, as in \"https://idp.example\"", key);
	if (plain && !(provider && provider->insecure_http && loopback(authority, name)))
		return WRONG(instance, node, "%s must begin with https:// (http is for loopback alone, with insecure_http = true)", key);
	if (!strcmp(authority + host, "/"))
		authority[host] = 0;
	*out = url;
	return EMA_OK;
}

int host_conf_path(ema_conf *conf, const char *key, const char **out)
{
	ASK(CONF_STRING, "a path in quotes");
	if (!*node->string)
		return WRONG(instance, node, "%s is an empty path", key);
	char *path = conf_path(node, node->string);
	char *copy = path ? room_text(&instance->room, path) : NULL;
	free(path);
	if (!copy)
		return out_of_memory(instance);
	*out = copy;
	return EMA_OK;
}

/* ---- Groups ---- */

static int group_of(struct instance *instance, const struct conf_node *node, ema_conf **out)
{
	for (struct ema_conf *known = instance->root.next; known; known = known->next)
		if (known->node == node) {
			*out = known;
			return EMA_OK;
		}
	struct ema_conf *made = room_take(&instance->room, sizeof *made);
	if (!made)
		return out_of_memory(instance);
	*made = (struct ema_conf){ instance, node, instance->root.next };
	instance->root.next = made;
	*out = made;
	return EMA_OK;
}

int host_conf_group(ema_conf *conf, const char *key, ema_conf **out)
{
	ASK(CONF_GROUP, "a group, as in { key = value; }");
	return group_of(instance, node, out);
}

int host_conf_item(ema_conf *conf, const char *key, size_t index, ema_conf **out)
{
	struct instance *instance;
	const struct conf_node *node = NULL;
	int code = ask(conf, key, out, &instance, &node);
	if (code || !node)
		return code;
	if (node->kind != CONF_LIST)
		return MISTYPED(instance, node, "%s is %s; write it as a list of groups, as in ( { key = value; } )", key, conf_kind_name(node->kind));
	if (index >= node->count)
		return EMA_OK;
	if (node->children[index].kind != CONF_GROUP)
		return MISTYPED(instance, &node->children[index], "%s has %s in its list, where only groups can be", key, conf_kind_name(node->children[index].kind));
	return group_of(instance, &node->children[index], out);
}

int host_conf_key(ema_conf *conf, size_t index, const char **out)
{
	if (!asking(conf) || !out)
		return EMA_INTERNAL;
	*out = conf->node && index < conf->node->count ? conf->node->children[index].name : NULL;
	return EMA_OK;
}

int host_conf_fail(ema_conf *conf, const char *key, const char *text)
{
	struct instance *instance = asking(conf);
	if (!instance)
		return EMA_INTERNAL;
	const struct conf_node *node = key && conf->node ? conf_child(conf->node, key) : NULL;
	conf_mark(instance, conf->node, key); /* whoever finds fault with it knows it */
	struct failure clean = FAILURE_INIT;
	failure_set(&clean, EMA_CONFIG, "%s", text ? text : "it did not say why");
	return WRONG(instance, node ? node : conf->node, "%s%s%s", key ? key : "", key ? ": " : "", clean.text);
}

/* ---- Files and secrets ---- */

/* Into the instance's own memory, which is wiped when it is closed. */
static int file_into(struct instance *instance, const struct conf_node *node, const char *path, size_t most, const char **out, size_t *length)
{
	size_t bytes = 0;
	char *text = conf_file(instance->settings.conf, node, path, most, 0, &bytes, instance->findings);
	if (!text) {
		instance->conf_failed = 1;
		return EMA_CONFIG;
	}
	char *copy = room_copy(&instance->room, text, bytes);
	secret_wipe(text, bytes);
	free(text);
	if (!copy)
		return out_of_memory(instance);
	*out = copy;
	*length = bytes;
	return EMA_OK;
}

int host_conf_file(ema_conf *conf, const char *path, size_t most, const char **out, size_t *length)
{
	struct instance *instance = asking(conf);
	if (!instance || !path || !out || !length)
		return EMA_INTERNAL;
	/* The key whose value it is, for the line in a message. */
	const struct conf_node *node = conf->node;
	for (size_t i = 0; node && i < conf->node->count; i++) {
		const struct conf_node *child = &conf->node->children[i];
		size_t tail = child->kind == CONF_STRING ? strlen(child->string) : 0, whole = strlen(path);
		if (tail && tail <= whole && !strcmp(path + whole - tail, child->string)) {
			node = child;
			break;
		}
	}
	return file_into(instance, node, path, most && most < FILE_MOST ? most : FILE_MOST, out, length);
}

int host_conf_secret(ema_conf *conf, const char *key, const char **out, size_t *length)
{
	struct instance *instance;
	const struct conf_node *node = NULL;
	size_t bytes = 0;
	int code = ask(conf, key, length ? out : NULL, &instance, &node);
	if (code || !node)
		return code;
	/* What else stands in the group would be nobody's. */
	if (node->kind == CONF_GROUP && node->count > 1)
		return WRONG(instance, node, "%s: one of file, fd and credential is wanted, and nothing else", key);
	char *text = conf_secret(instance->settings.conf, node, key, &bytes, instance->findings);
	if (!text) {
		instance->conf_failed = 1;
		return instance->findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	}
	char *copy = room_copy(&instance->room, text, bytes);
	secret_wipe(text, bytes);
	free(text);
	if (!copy)
		return out_of_memory(instance);
	*out = copy;
	*length = bytes;
	return EMA_OK;
}

/* ---- What nobody asked for ---- */

static int listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

/* early: the plugin gave up, so that it may not have asked for all that it knows; then a misspelt key alone is told. */
static void unasked_in(struct instance *instance, const struct conf_node *group, const char *const *core_keys, int early)
{
	size_t core_count = 0, count = 0;
	while (core_keys && core_keys[core_count])
		core_count++;
	const char **names = calloc(core_count + instance->asked_count + 1, sizeof *names);
	if (!names) {
		out_of_memory(instance);
		return;
	}
	for (size_t i = 0; i < instance->asked_count; i++)
		if (instance->asked[i].group == group)
			names[count++] = instance->asked[i].key;
	for (size_t i = 0; i < core_count; i++)
		names[count++] = core_keys[i];
	for (size_t i = 0; i < group->count; i++) {
		const struct conf_node *child = &group->children[i];
		if (!child->name || listed(names, child->name))
			continue;
		const char *nearest = conf_nearest(child->name, names);
		if (early && !nearest)
			continue;
		finding_node(instance->findings, "E-UNKNOWN", child, "unknown key \"%s\" of plugin \"%s\"%s%s%s", child->name, plugin_description(instance->plugin)->name,
		             nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	}
	free(names);
}

void settings_unasked(struct instance *instance, int early)
{
	if (instance->settings.node)
		unasked_in(instance, instance->settings.node, instance->settings.core_keys, early);
	for (struct ema_conf *group = instance->root.next; group; group = group->next)
		unasked_in(instance, group->node, NULL, early);
}
