/* Files -> tree -> typed values. libconfig is seen here alone. */
#include "conf.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "jwk.h"
#include "keyset.h"
#include "scan.h"
#include "schema.h"

#define CONF_FILE_MOST ((size_t)1048576)
#define CONF_ALL_MOST ((size_t)16 * 1048576)
#define CONF_FILES_MOST 256
#define CONF_INCLUDE_DEPTH 8
#define CONF_ENTRIES_MOST 4096

struct conf_source {
	config_t config;
	const char *path;
};

struct loader {
	struct reader reader;
	struct conf_source *sources[CONF_FILES_MOST];
	size_t count;
	size_t bytes;
	const char *open[CONF_INCLUDE_DEPTH + 1]; /* files that are being read: a cycle comes back to one */
};

char *conf_path(const struct conf_node *node, const char *path)
{
	char folder[PATH_MAX] = "";
	struct buffer out = BUFFER_INIT(2 * PATH_MAX);
	const char *slash = node && path[0] != '/' ? strrchr(node->file, '/') : NULL;
	if (path[0] != '/') {
		if (!node || node->file[0] != '/') {
			if (!getcwd(folder, sizeof folder))
				return NULL;
			buffer_printf(&out, "%s/", folder);
		}
		if (slash)
			buffer_append(&out, node->file, (size_t)(slash - node->file) + 1);
	}
	buffer_text(&out, path);
	return buffer_take(&out);
}

void reader_digest(struct reader *reader, const char *text, size_t length)
{
	/* NUL cannot stand in a file, so it tells two files from one. */
	if (EVP_DigestUpdate(reader->digest, text, length) != 1 || EVP_DigestUpdate(reader->digest, "", 1) != 1)
		reader->findings->out_of_memory = 1;
}

static void load_text(struct loader *loader, char *text, size_t length, const char *path, int depth);

static int owner_uid(const char *name, uid_t *out)
{
	char room[4096];
	struct passwd entry, *found = NULL;
	if (getpwnam_r(name, &entry, room, sizeof room, &found) || !found)
		return -1;
	*out = entry.pw_uid;
	return 0;
}

/* The owner stands in the main file, which root or the process's own user must own; for all others it is believed. */
static void load_owner(struct loader *loader, config_t *config, const char *path)
{
	struct reader *reader = &loader->reader;
	config_setting_t *setting = config_lookup(config, "owner");
	const char *name = setting ? config_setting_get_string(setting) : NULL;
	if (!name)
		return;
	if (owner_uid(name, &reader->trust.owner))
		finding_add(reader->findings, "E-UNKNOWN", path, (int)config_setting_source_line(setting), "owner: there is no user \"%.64s\" on this machine", name);
	else
		reader->trust.has_owner = 1;
}

static void load_file(struct loader *loader, const char *path, int depth, const char *file, int line)
{
	struct reader *reader = &loader->reader;
	size_t length = 0;
	for (int i = 0; i < depth; i++)
		if (!strcmp(loader->open[i], path)) {
			finding_add(reader->findings, "E-INCLUDE", file, line, "%s includes itself, by way of this line", path);
			return;
		}
	if (depth > CONF_INCLUDE_DEPTH) {
		finding_add(reader->findings, "E-INCLUDE", file, line, "files are included more than %d deep", CONF_INCLUDE_DEPTH);
		return;
	}
	char *text = file_read(&reader->trust, path, CONF_FILE_MOST, 0, file, line, &length, reader->findings);
	char *name = text ? arena_copy(reader->arena, path) : NULL;
	if (name)
		load_text(loader, text, length, name, depth);
	free(text);
}

static void load_text(struct loader *loader, char *text, size_t length, const char *path, int depth)
{
	struct reader *reader = &loader->reader;
	struct conf_source *source = NULL;
	struct scan scan = { NULL, 0 };
	loader->bytes += length;
	if (length > CONF_FILE_MOST || loader->bytes > CONF_ALL_MOST || loader->count == CONF_FILES_MOST) {
		finding_add(reader->findings, "E-SIZE", path, 1, "too much configuration: a file may have 1 MiB, all together 16 MiB in %d files", CONF_FILES_MOST);
		return;
	}
	reader_digest(reader, text, length);
	if (!scan_text(text, length, path, &scan, reader->findings))
		source = arena_get(reader->arena, 1, sizeof *source);
	if (source) {
		config_init(&source->config);
		source->path = path;
		loader->sources[loader->count++] = source;
		if (config_read_string(&source->config, text) != CONFIG_TRUE) {
			const char *why = config_error_text(&source->config);
			finding_add(reader->findings, "E-SYNTAX", path, config_error_line(&source->config), "%s%s", why ? why : "syntax error",
				    !why || !strcmp(why, "syntax error") ? ": something is missing or too many here or in the line before" :
				    !strcmp(why, "duplicate setting name") ? ": the key stands in this group already" :
				    strstr(why, "mismatched") ? ": an array [ ] has values of one kind; use a list ( )" : "");
		} else if (loader->count == 1) {
			load_owner(loader, &source->config, path);
		}
	}
	loader->open[depth] = path;
	for (size_t i = 0; i < scan.count; i++) {
		struct conf_node here = { .file = path };
		char *target = conf_path(&here, scan.includes[i].path);
		if (target)
			load_file(loader, target, depth + 1, path, scan.includes[i].line);
		else
			reader->findings->out_of_memory = 1;
		free(target);
	}
	scan_free(&scan);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ema.d beside the main file. */
static void load_folder(struct loader *loader, const char *main)
{
	struct reader *reader = &loader->reader;
	struct conf_node here = { .file = main };
	char *folder = conf_path(&here, "ema.d"), *names[CONF_FILES_MOST];
	DIR *dir = NULL;
	struct stat status;
	size_t count = 0;
	if (!folder)
		reader->findings->out_of_memory = 1;
	/* Only what is not there at all may be left out: what cannot be looked at could hold a rule. */
	if (!folder || (lstat(folder, &status) && errno == ENOENT))
		goto end;
	int fd = file_open(&reader->trust, folder, 0, 1, main, 1, reader->findings);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0) {
			close(fd);
			reader->findings->out_of_memory = 1;
		}
		goto end;
	}
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (!entry && errno)
			finding_add(reader->findings, "E-FILE", folder, 0, "the folder cannot be read whole");
		if (!entry)
			break;
		size_t length = strlen(entry->d_name);
		if (entry->d_name[0] == '.' || length < 6 || strcmp(entry->d_name + length - 5, ".conf"))
			continue;
		if (count == CONF_FILES_MOST) {
			finding_add(reader->findings, "E-SIZE", folder, 0, "more than %d files", CONF_FILES_MOST);
			goto end;
		}
		names[count] = strdup(entry->d_name);
		if (!names[count]) {
			reader->findings->out_of_memory = 1;
			goto end;
		}
		count++;
	}
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		char path[PATH_MAX];
		if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path)
			load_file(loader, path, 1, main, 1);
		else
			finding_add(reader->findings, "E-FILE", main, 1, "the name of a file in %s is too long", folder);
	}
end:
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	if (dir)
		closedir(dir);
	free(folder);
}

/* ---- The tree ---- */

static void node_fill(struct loader *loader, config_setting_t *setting, const char *path, const struct conf_node *parent, struct conf_node *out)
{
	struct reader *reader = &loader->reader;
	const char *name = config_setting_name(setting), *text = NULL;
	out->name = name ? arena_copy(reader->arena, name) : NULL;
	out->file = path;
	out->line = (int)config_setting_source_line(setting);
	out->parent = parent;
	out->number = reader->conf->nodes++;
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		out->kind = CONF_BOOL;
		out->integer = config_setting_get_bool(setting) ? 1 : 0;
		return;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		out->kind = CONF_INT;
		out->integer = config_setting_get_int64(setting);
		return;
	case CONFIG_TYPE_FLOAT:
		out->kind = CONF_FLOAT;
		out->real = config_setting_get_float(setting);
		return;
	case CONFIG_TYPE_STRING:
		out->kind = CONF_STRING;
		text = config_setting_get_string(setting);
		out->string = arena_copy(reader->arena, text ? text : "");
		return;
	case CONFIG_TYPE_ARRAY:
		out->kind = CONF_ARRAY;
		break;
	case CONFIG_TYPE_LIST:
		out->kind = CONF_LIST;
		break;
	default:
		out->kind = CONF_GROUP;
		break;
	}
	size_t count = (size_t)config_setting_length(setting);
	struct conf_node *children = count ? arena_get(reader->arena, count, sizeof *children) : NULL;
	for (size_t i = 0; children && i < count; i++)
		node_fill(loader, config_setting_get_elem(setting, (unsigned)i), path, out, &children[i]);
	out->children = children;
	out->count = children ? count : 0;
}

/* A top-level key of one file joins that of the files before: lists grow, all else is an error. */
static void node_join(struct loader *loader, config_setting_t *setting, const char *path, struct conf_node *into)
{
	struct reader *reader = &loader->reader;
	size_t more = config_setting_is_list(setting) ? (size_t)config_setting_length(setting) : 0;
	if (into->kind != CONF_LIST || !config_setting_is_list(setting)) {
		finding_add(reader->findings, "E-DUPLICATE", path, (int)config_setting_source_line(setting),
			    "%s is set at %s:%d already: take one of the two away", into->name, into->file, into->line);
		return;
	}
	if (into->count + more > CONF_ENTRIES_MOST) {
		finding_add(reader->findings, "E-SIZE", path, (int)config_setting_source_line(setting), "%s: more than %d entries", into->name, CONF_ENTRIES_MOST);
		return;
	}
	struct conf_node *children = more ? arena_get(reader->arena, into->count + more, sizeof *children) : NULL;
	if (!children)
		return;
	for (size_t i = 0; i < into->count; i++) {
		children[i] = into->children[i];
		/* Grandchildren lie where they were; their parent moved. They are this tree's own, not yet shown to anybody. */
		struct conf_node *below = (struct conf_node *)(uintptr_t)children[i].children;
		for (size_t j = 0; j < children[i].count; j++)
			below[j].parent = &children[i];
	}
	for (size_t i = 0; i < more; i++)
		node_fill(loader, config_setting_get_elem(setting, (unsigned)i), path, into, &children[into->count + i]);
	into->children = children;
	into->count += more;
}

static struct conf_node *tree_build(struct loader *loader, const char *main)
{
	struct reader *reader = &loader->reader;
	size_t most = 0, used = 0;
	for (size_t i = 0; i < loader->count; i++)
		most += (size_t)config_setting_length(config_root_setting(&loader->sources[i]->config));
	struct conf_node *root = arena_get(reader->arena, 1, sizeof *root);
	struct conf_node *children = arena_get(reader->arena, most + 1, sizeof *children);
	if (!root || !children)
		return NULL;
	*root = (struct conf_node){ .kind = CONF_GROUP, .file = main, .line = 1, .number = reader->conf->nodes++ };
	for (size_t i = 0; i < loader->count; i++) {
		config_setting_t *top = config_root_setting(&loader->sources[i]->config);
		for (unsigned j = 0; j < (unsigned)config_setting_length(top); j++) {
			config_setting_t *setting = config_setting_get_elem(top, j);
			size_t k = 0;
			while (k < used && strcmp(children[k].name, config_setting_name(setting)))
				k++;
			if (k < used)
				node_join(loader, setting, loader->sources[i]->path, &children[k]);
			else
				node_fill(loader, setting, loader->sources[i]->path, root, &children[used++]);
			if (reader->arena->failed)
				return NULL;
		}
	}
	root->children = children;
	root->count = used;
	return root;
}

/* ---- Typed values ---- */

void *conf_entries(struct reader *reader, const char *name, size_t size, const struct conf_node **list, size_t *count)
{
	*list = conf_child(reader->conf->root, name);
	*count = value_groups(reader, *list);
	void *memory = *count ? arena_get(reader->arena, *count, size) : NULL;
	*count = memory ? *count : 0;
	return memory;
}

void conf_unique(struct reader *reader, const char *id, const struct conf_node *node, const char *other, const struct conf_node *first)
{
	if (id && other && !strcmp(id, other))
		finding_node(reader->findings, "E-DUPLICATE", node, "the id \"%.64s\" stands at %s:%d already", id, first->file, first->line);
}

#define EACH_UNIQUE(reader, list, i, id_member, node_member) \
	for (size_t before = 0; before < (i); before++) \
		conf_unique(reader, (list)[i].id_member, (list)[i].node_member, (list)[before].id_member, (list)[before].node_member)

static void instances_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *list = NULL;
	conf->providers = conf_entries(reader, "providers", sizeof *conf->providers, &list, &conf->provider_count);
	for (size_t i = 0; i < conf->provider_count; i++) {
		conf->providers[i].instance.node = &list->children[i];
		conf->providers[i].fetch = conf->fetch;
		section_read(reader, &section_provider, &list->children[i], &conf->providers[i], 1);
		EACH_UNIQUE(reader, conf->providers, i, instance.id, instance.node);
	}
	conf->directories = conf_entries(reader, "directories", sizeof *conf->directories, &list, &conf->directory_count);
	for (size_t i = 0; i < conf->directory_count; i++) {
		conf->directories[i].instance.node = &list->children[i];
		section_read(reader, &section_directory, &list->children[i], &conf->directories[i], 1);
		EACH_UNIQUE(reader, conf->directories, i, instance.id, instance.node);
	}
	conf->guards = conf_entries(reader, "guards", sizeof *conf->guards, &list, &conf->guard_count);
	for (size_t i = 0; i < conf->guard_count; i++) {
		conf->guards[i].instance.node = &list->children[i];
		section_read(reader, &section_guard, &list->children[i], &conf->guards[i], 1);
		EACH_UNIQUE(reader, conf->guards, i, instance.id, instance.node);
	}
}

static const char *base_name(const char *plugin)
{
	const char *slash = strrchr(plugin, '/');
	return slash ? slash + 1 : plugin;
}

static void sinks_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *list = NULL;
	conf->sinks = conf_entries(reader, "audit", sizeof *conf->sinks, &list, &conf->sink_count);
	for (size_t i = 0; i < conf->sink_count; i++) {
		struct conf_instance *instance = &conf->sinks[i].instance;
		size_t same = 1;
		instance->node = &list->children[i];
		section_read(reader, &section_audit, instance->node, &conf->sinks[i], 1);
		for (size_t j = 0; j < i && instance->plugin; j++)
			same += conf->sinks[j].instance.plugin && !strcmp(base_name(conf->sinks[j].instance.plugin), base_name(instance->plugin));
		if (!instance->id && instance->plugin) {
			const char *name = base_name(instance->plugin);
			size_t room = strlen(name) + 24;
			char *id = arena_get(reader->arena, room, 1);
			if (id)
				snprintf(id, room, same > 1 ? "%s-%zu" : "%s", name, same);
			instance->id = id;
		}
		EACH_UNIQUE(reader, conf->sinks, i, instance.id, instance.node);
	}
	const struct conf_node *store = conf_child(conf->root, "store"), *plugin = store ? conf_child(store, "plugin") : NULL;
	int memory = !plugin || plugin->kind != CONF_STRING || !strcmp(plugin->string, "memory");
	section_read(reader, &section_store_memory, NULL, conf, 1);
	conf->store.node = store;
	if (store && store->kind == CONF_GROUP)
		section_read(reader, memory ? &section_store_memory : &section_store, store, conf, 1);
}

/* The next part of a path, and its length; 0 at its end. */
static size_t path_part(const char **path)
{
	for (;;) {
		*path += strspn(*path, "/");
		size_t length = strcspn(*path, "/");
		if (length != 1 || **path != '.')
			return length;
		*path += 1;
	}
}

static int is_within(const char *path, const char *folder)
{
	size_t of, is;
	while ((of = path_part(&folder)) > 0) {
		is = path_part(&path);
		if (is != of || memcmp(path, folder, of))
			return 0;
		path += is;
		folder += of;
	}
	return 1;
}

/* Keys and marks go one way: who publishes them makes them. */
static void published_read_keys(struct reader *reader)
{
	struct conf *conf = reader->conf;
	static const char *const inner[] = { "keys", "cache", "spool", "marks" };
	const struct conf_node *by = conf_child(conf->root, "published_by");
	if (conf->publish && conf->published.path)
		finding_node(reader->findings, "E-VALUE", conf_child(conf->root, "published"), "publish is for emad, and published for programs that take from it: "
		             "write one of them");
	if (conf->publish && conf->state_dir && is_within(conf->state_dir, conf->publish))
		finding_node(reader->findings, "E-VALUE", conf_child(conf->root, "publish"), "publish is for others to read, and state_dir is in it: name a folder "
		             "beside or below it");
	for (size_t i = 0; conf->publish && conf->state_dir && i < sizeof inner / sizeof *inner; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/%s", conf->state_dir, inner[i]);
		if (n > 0 && (size_t)n < sizeof path && is_within(conf->publish, path))
			finding_node(reader->findings, "E-VALUE", conf_child(conf->root, "publish"), "publish is state_dir's own folder \"%s\": name another one", inner[i]);
	}
	if (by && !conf->published.path)
		finding_node(reader->findings, "E-VALUE", by, "published_by says whose files in the folder \"published\" count, and that is not set");
	if (by && conf->published_by && owner_uid(conf->published_by, &conf->published.owner))
		finding_node(reader->findings, "E-UNKNOWN", by, "published_by: there is no user \"%.64s\" on this machine", conf->published_by);
}

static void services_read(struct reader *reader)
{
	struct conf *conf = reader->conf;
	const struct conf_node *list = NULL;
	conf->stacks = conf_entries(reader, "stacks", sizeof *conf->stacks, &list, &conf->stack_count);
	/* Ids first: stacks name each other in any order. */
	for (size_t i = 0; i < conf->stack_count; i++) {
		conf->stacks[i].node = &list->children[i];
		section_read(reader, &section_stack, &list->children[i], &conf->stacks[i], 1);
		EACH_UNIQUE(reader, conf->stacks, i, id, node);
	}
	for (size_t i = 0; i < conf->stack_count; i++)
		stack_read(reader, &list->children[i], &conf->stacks[i]);
	conf->services = conf_entries(reader, "services", sizeof *conf->services, &list, &conf->service_count);
	for (size_t i = 0; i < conf->service_count; i++) {
		service_read(reader, &list->children[i], &conf->services[i]);
		EACH_UNIQUE(reader, conf->services, i, id, node);
	}
}

static void token_read(struct reader *reader)
{
	struct conf_token *token = &reader->conf->token;
	const struct conf_node *node = conf_child(reader->conf->root, "token");
	section_read(reader, &section_token, node && node->kind == CONF_GROUP ? node : NULL, token, 1);
	token->algorithm = (int)jose_algorithm_by_name(token_words[token->algorithm]);
}

static void values_read(struct loader *loader)
{
	struct reader *reader = &loader->reader;
	struct conf *conf = reader->conf;
	const struct conf_node *insecure = conf_child(conf->root, "insecure_http"), *owner = conf_child(conf->root, "owner");
	/* The forms of other keys depend on it. */
	conf->insecure_http = insecure && insecure->kind == CONF_BOOL && insecure->integer;
	section_read(reader, &section_top, conf->root, conf, 1);
	/* Files are read before, by load_owner(); for plugins it holds no more. */
	if (owner && strcmp(owner->file, conf->path)) {
		finding_node(reader->findings, "W-UNUSED", owner, "owner counts in the main file, %s, alone: this has no effect, write it there", conf->path);
		conf->owner = NULL;
	}
	token_read(reader);
	published_read_keys(reader);
	instances_read(reader);
	sinks_read(reader);
	clients_read(reader);
	services_read(reader);
	clients_lint(reader);
	listen_read(reader);
	lint_run(reader);
}

/* ---- Reading ---- */

static void conf_end(struct conf *conf)
{
	struct conf_memory *memory = conf->memory;
	if (memory)
		arena_free(&memory->arena);
	free(memory);
	free(conf);
}

/* What is read of a file: ema.conf with its values, its tree alone, or another file's tree, which has no ema.d/. */
enum extent { EXTENT_ALL, EXTENT_TREE, EXTENT_DATA };

static struct conf *conf_load(const char *path, char *text, size_t length, enum extent extent, struct findings *findings)
{
	struct loader *loader = calloc(1, sizeof *loader);
	struct conf *conf = calloc(1, sizeof *conf);
	struct conf_memory *memory = calloc(1, sizeof *memory);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int before = findings->errors;
	char *absolute = text ? strdup(path) : conf_path(NULL, path);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!loader || !conf || !memory || !absolute || !context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
		findings->out_of_memory = 1;
		goto end;
	}
	conf->memory = memory;
	loader->reader = (struct reader){ conf, &memory->arena, findings, { .has_owner = 0 }, context };
	conf->path = arena_copy(&memory->arena, absolute);
	if (!conf->path)
		goto end;
	if (text)
		load_text(loader, text, length, conf->path, 0);
	else
		load_file(loader, conf->path, 0, conf->path, 0);
	if (!text && extent != EXTENT_DATA && loader->count)
		load_folder(loader, conf->path);
	/* After an error of syntax the rest would be guesses. */
	if (findings->errors == before && !memory->arena.failed)
		conf->root = tree_build(loader, conf->path);
	memory->trust = loader->reader.trust;
	if (conf->root && extent == EXTENT_ALL)
		values_read(loader);
	if (EVP_DigestFinal_ex(context, digest, &size) != 1)
		findings->out_of_memory = 1;
	else
		buffer_hex(conf->digest, digest, sizeof conf->digest / 2);
end:
	for (size_t i = 0; loader && i < loader->count; i++)
		config_destroy(&loader->sources[i]->config);
	EVP_MD_CTX_free(context);
	if (conf && memory && (memory->arena.failed || findings->out_of_memory || (!conf->root && findings->errors == before))) {
		findings->out_of_memory = 1;
		finding_add(findings, "E-MEMORY", path, 0, "no memory");
	}
	int bad = !conf || !conf->root || findings->errors != before || findings->out_of_memory;
	free(absolute);
	free(loader);
	if (!conf || !conf->memory)
		free(memory);
	if (bad && conf) {
		conf_end(conf);
		conf = NULL;
	}
	return conf;
}

struct conf *conf_read(const char *path, struct findings *findings)
{
	return conf_load(path, NULL, 0, EXTENT_ALL, findings);
}

struct conf *conf_read_tree(const char *path, struct findings *findings)
{
	return conf_load(path, NULL, 0, EXTENT_TREE, findings);
}

struct conf *conf_read_data(const char *path, struct findings *findings)
{
	return conf_load(path, NULL, 0, EXTENT_DATA, findings);
}

struct conf *conf_read_text(const char *text, size_t length, const char *name, struct findings *findings)
{
	char *copy = malloc(length + 1);
	struct conf *conf = NULL;
	if (!copy) {
		findings->out_of_memory = 1;
		return NULL;
	}
	memcpy(copy, text, length);
	copy[length] = 0;
	conf = conf_load(name, copy, length, EXTENT_ALL, findings);
	free(copy);
	return conf;
}

int conf_store_in_memory(const struct conf *conf)
{
	return !strcmp(conf->store.plugin, "memory");
}

void conf_free(struct conf *conf)
{
	if (conf)
		conf_end(conf);
}

struct fetch_rules conf_fetch_rules(const struct conf_fetch *fetch)
{
	return (struct fetch_rules){ .proxy = fetch->proxy, .ca_file = fetch->ca_file, .connect_ms = fetch->connect_ms, .total_ms = fetch->total_ms,
	                             .redirects = fetch->redirects };
}

int64_t conf_token_lifetime(const struct conf *conf, const struct conf_service *service, const struct conf_client *client)
{
	int64_t lifetime = service->token_lifetime ? service->token_lifetime : conf->token.lifetime;
	return client && client->token_lifetime && client->token_lifetime < lifetime ? client->token_lifetime : lifetime;
}

char *conf_file(const struct conf *conf, const struct conf_node *node, const char *path, size_t most, int secret, size_t *length,
                struct findings *findings)
{
	const struct conf_memory *memory = conf->memory;
	struct file_trust trust = memory->trust;
	char *absolute = conf_path(node, path), *text = NULL;
	trust.reader = conf->reader;
	/* What is the user's that emad will be is good for it. */
	if (conf->reader == READER_MAY_BE_ANOTHER && !trust.has_owner && conf->user && !owner_uid(conf->user, &trust.owner))
		trust.has_owner = 1;
	if (absolute)
		text = file_read(&trust, absolute, most, secret, node ? node->file : conf->path, node ? node->line : 0, length, findings);
	else
		findings->out_of_memory = 1;
	free(absolute);
	return text;
}
