/* From a name to a description that can be trusted to be one: find, check the file, open it, check what it says. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr1, dlinfo, O_PATH */
#endif
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "host.h"

#define NAME_MOST 64
#define SIZE_MOST 4096   /* no struct of this interface is near to it */
#define FOLDERS_MOST 16
#define PLUGINS_MOST 256 /* in all folders, when they are listed */

struct plugin {
	int users; /* atomic */
	char *path;
	struct ema_plugin description;
	struct ema_identity_ops identity;
	struct ema_directory_ops directory;
	struct ema_guard_ops guard;
	struct ema_store_ops store;
	struct ema_audit_ops audit;
};

/* ---- The file ---- */

static int owner_fits(uid_t uid, const char *owner)
{
	struct passwd entry, *found = NULL;
	char memory[4096];
	if (uid == 0 || uid == geteuid())
		return 1;
	return owner && !getpwnam_r(owner, &entry, memory, sizeof memory, &found) && found && found->pw_uid == uid;
}

/*
 * Opens each folder of the path and then the file, without following a link, and checks what was opened: nobody but root, us and
 * owner can have put something else there. A folder with the sticky bit is fine, as only the owner of an entry can replace it.
 */
static int open_checked(const char *path, const char *owner, struct stat *file, struct failure *failure)
{
	char copy[PATH_MAX], *save = NULL;
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), result = -1;
	struct stat now;
	snprintf(copy, sizeof copy, "%s", path);
	for (char *part = strtok_r(copy, "/", &save); at >= 0 && part; ) {
		char *rest = strtok_r(NULL, "/", &save);
		int next = openat(at, part, rest ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		close(at);
		at = next;
		if (at < 0)
			break;
		if (fstat(at, &now)) {
			close(at);
			at = -1;
			break;
		}
		int shared = (now.st_mode & (S_IWGRP | S_IWOTH)) != 0;
		if (!owner_fits(now.st_uid, owner) || (shared && !(rest && (now.st_mode & S_ISVTX)))) {
			failure_set(failure, EMA_DENIED, "%s: %s \"%s\" %s; a plugin and every folder on its path must be writable by root or EMA's own user alone "
			            "(chown root, chmod go-w)", path, rest ? "the folder" : "the file", part,
			            shared ? "is writable by others" : "belongs to another user");
			break;
		}
		if (!rest) {
			*file = now;
			result = S_ISREG(now.st_mode) ? 0 : -1;
			if (result)
				failure_set(failure, EMA_CONFIG, "%s is no file", path);
		}
		part = rest;
	}
	if (at >= 0)
		close(at);
	if (result)
		failure_set(failure, EMA_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
	return result;
}

/* ---- What it says ---- */

static int size_fits(size_t size, size_t least)
{
	return size >= least && size <= SIZE_MOST;
}

/* Takes over one kind's table; 0 if the plugin is not of the kind, or if the table is right. */
static int take_table(const struct plugin *plugin, const char *kind, const void *theirs, size_t least, size_t size, void *ours, struct failure *failure)
{
	size_t their_size;
	if (!theirs)
		return 0;
	memcpy(&their_size, theirs, sizeof their_size);
	if (!size_fits(their_size, least))
		return failure_set(failure, EMA_CONFIG, "%s: its %s table says that it has %zu bytes, where %zu to %d can be", plugin->path, kind, their_size, least, SIZE_MOST);
	memcpy(ours, theirs, their_size < size ? their_size : size);
	memcpy(ours, &size, sizeof size);
	return 0;
}

#define LEAST(type, member) (offsetof(struct type, member) + sizeof(((struct type *)0)->member))

static int missing(const struct plugin *plugin, const char *kind, const char *member, struct failure *failure)
{
	return failure_set(failure, EMA_CONFIG, "%s: its %s table lacks %s", plugin->path, kind, member);
}

static int take_tables(struct plugin *plugin, struct failure *failure)
{
	struct ema_plugin *d = &plugin->description;
	if (take_table(plugin, "identity", d->identity, LEAST(ema_identity_ops, identify), sizeof plugin->identity, &plugin->identity, failure) ||
	    take_table(plugin, "directory", d->directory, LEAST(ema_directory_ops, lookup), sizeof plugin->directory, &plugin->directory, failure) ||
	    take_table(plugin, "guard", d->guard, LEAST(ema_guard_ops, admit), sizeof plugin->guard, &plugin->guard, failure) ||
	    take_table(plugin, "store", d->store, LEAST(ema_store_ops, changes), sizeof plugin->store, &plugin->store, failure) ||
	    take_table(plugin, "audit", d->audit, LEAST(ema_audit_ops, flush), sizeof plugin->audit, &plugin->audit, failure))
		return EMA_CONFIG;
	if (!d->identity && !d->directory && !d->guard && !d->store && !d->audit)
		return failure_set(failure, EMA_CONFIG, "%s: it is of no kind that this EMA knows", plugin->path);
#define NEED(kind, member) \
	if (d->kind && !plugin->kind.member) \
		return missing(plugin, #kind, #member, failure)
	NEED(identity, open); NEED(identity, close); NEED(identity, identify);
	NEED(directory, open); NEED(directory, close); NEED(directory, lookup);
	NEED(guard, open); NEED(guard, close); NEED(guard, admit);
	NEED(store, open); NEED(store, close); NEED(store, put_if_absent); NEED(store, get); NEED(store, remove); NEED(store, raise);
	NEED(store, list); NEED(store, changes);
	NEED(audit, open); NEED(audit, close); NEED(audit, record); NEED(audit, flush);
#undef NEED
#define OWN(kind) d->kind = d->kind ? &plugin->kind : NULL
	OWN(identity); OWN(directory); OWN(guard); OWN(store); OWN(audit);
#undef OWN
	return EMA_OK;
}

static int plain_name(const char *name)
{
	size_t length = name ? strnlen(name, NAME_MOST + 1) : 0;
	for (size_t i = 0; i < length; i++)
		if (!isascii((unsigned char)name[i]) || !(isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-'))
			return 0;
	return length > 0 && length <= NAME_MOST;
}

static int take_description(struct plugin *plugin, const struct ema_plugin *theirs, struct failure *failure)
{
	struct ema_plugin *d = &plugin->description;
	size_t size;
	if (!theirs)
		return failure_set(failure, EMA_CONFIG, "%s: it needs a newer EMA than this one (it gave no description)", plugin->path);
	memcpy(&size, theirs, sizeof size);
	if (!size_fits(size, LEAST(ema_plugin, summary)))
		return failure_set(failure, EMA_CONFIG, "%s: its description says that it has %zu bytes, where %zu to %d can be", plugin->path, size,
		                   LEAST(ema_plugin, summary), SIZE_MOST);
	memcpy(d, theirs, size < sizeof *d ? size : sizeof *d);
	d->size = sizeof *d;
	if (d->abi >> 16 != EMA_ABI_MAJOR)
		return failure_set(failure, EMA_CONFIG, "%s: made for plugin interface %u.%u, this EMA has %u.%u", plugin->path, (unsigned)(d->abi >> 16),
		                   (unsigned)(d->abi & 0xffff), EMA_ABI_MAJOR, EMA_ABI_MINOR);
	if (!plain_name(d->name))
		return failure_set(failure, EMA_CONFIG, "%s: it has no name of letters, digits, '_' and '-'", plugin->path);
	if (d->threads > EMA_THREADS_PARALLEL)
		d->threads = EMA_THREADS_SERIAL; /* something newer: one call at a time is always safe */
	if (!d->version)
		d->version = "";
	if (!d->summary)
		d->summary = "";
	return take_tables(plugin, failure);
}

static int load_file(const struct plugin_search *search, const char *path, const char *name, struct plugin **out, struct failure *failure)
{
	entry_fn *entry = NULL;
	const struct ema_plugin *theirs = NULL;
	struct plugin *plugin = NULL;
	struct link_map *opened = NULL, *from = NULL;
	struct stat file, loaded;
	Dl_info info;
	char real[PATH_MAX];
	if (!realpath(path, real))
		return failure_set(failure, EMA_CONFIG, "%s: %s", path, strerror(errno));
	if (open_checked(real, search->owner, &file, failure))
		return failure->code;
	/* No dlclose, ever: a destructor of a thread's key that is left behind would run in unmapped memory. */
	void *object = dlopen(real, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!object)
		return failure_set(failure, EMA_CONFIG, "%s: cannot be loaded: %s", real, dlerror());
	if (stat(real, &loaded) || loaded.st_dev != file.st_dev || loaded.st_ino != file.st_ino)
		return failure_set(failure, EMA_CONFIG, "%s: was replaced while it was loaded; try again", real);
	void *symbol = dlsym(object, "ema_plugin_entry");
	if (!symbol)
		return failure_set(failure, EMA_CONFIG, "%s: no plugin of EMA: it has no ema_plugin_entry", real);
	/* dlsym looks into what the object depends on, too. */
	if (dlinfo(object, RTLD_DI_LINKMAP, &opened) || !dladdr1(symbol, &info, (void **)&from, RTLD_DL_LINKMAP) || from != opened)
		return failure_set(failure, EMA_CONFIG, "%s: no plugin of EMA: its ema_plugin_entry is that of %s, which it depends on", real,
		                   from && from->l_name && *from->l_name ? from->l_name : "another object");
	memcpy(&entry, &symbol, sizeof entry);
	plugin = calloc(1, sizeof *plugin);
	if (!plugin || !(plugin->path = strdup(real))) {
		free(plugin);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory to load %s", real);
	}
	plugin->users = 1;
	int code = entry_ask(entry, search->host ? search->host : plugin_host(), &theirs, failure);
	if (!code)
		code = take_description(plugin, theirs, failure);
	if (!code && name && strcmp(name, plugin->description.name))
		code = failure_set(failure, EMA_CONFIG, "%s: calls itself \"%s\"; its file must be %s.so", real, plugin->description.name, plugin->description.name);
	if (code) {
		plugin_close(plugin);
		return code;
	}
	*out = plugin;
	return EMA_OK;
}

/* ---- Folders ---- */

struct found {
	char name[NAME_MOST + 1];
	char path[PATH_MAX];
};

/* Calls each for the folders in their order until it returns nonzero, which is returned. */
static int each_folder(const struct plugin_search *search, int (*each)(void *data, const char *folder), void *data)
{
	const char *at = search->folders ? search->folders : "";
	int result = 0;
	for (int i = 0; !result && *at && i < FOLDERS_MOST; i++) {
		char folder[PATH_MAX];
		size_t length = strcspn(at, ":");
		if (length && length < sizeof folder && *at == '/') {
			memcpy(folder, at, length);
			folder[length] = 0;
			result = each(data, folder);
		}
		at += length + (at[length] == ':');
	}
	return result ? result : each(data, PLUGINDIR);
}

struct names {
	struct found *list;
	size_t count;
};

static int list_folder(void *data, const char *folder)
{
	struct names *names = data;
	DIR *dir = opendir(folder);
	struct dirent *entry;
	while (dir && names->count < PLUGINS_MOST && (entry = readdir(dir))) {
		char name[NAME_MOST + 1];
		size_t length = strlen(entry->d_name), same = 0;
		if (length < 4 || length - 3 > NAME_MOST || strcmp(entry->d_name + length - 3, ".so"))
			continue;
		memcpy(name, entry->d_name, length - 3);
		name[length - 3] = 0;
		while (same < names->count && strcmp(names->list[same].name, name))
			same++;
		if (same < names->count || !plain_name(name))
			continue;
		struct found *found = &names->list[names->count];
		memcpy(found->name, name, sizeof name);
		if (snprintf(found->path, sizeof found->path, "%s/%s.so", folder, name) < (int)sizeof found->path)
			names->count++;
	}
	if (dir)
		closedir(dir);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static void list_all(const struct plugin_search *search, struct names *names)
{
	names->count = 0;
	names->list = calloc(PLUGINS_MOST, sizeof *names->list);
	if (!names->list)
		return;
	each_folder(search, list_folder, names);
	qsort(names->list, names->count, sizeof *names->list, by_name);
}

struct wanted {
	const char *name;
	char path[PATH_MAX];
};

static int look_in(void *data, const char *folder)
{
	struct wanted *wanted = data;
	return snprintf(wanted->path, sizeof wanted->path, "%s/%s.so", folder, wanted->name) < (int)sizeof wanted->path &&
	       access(wanted->path, F_OK) == 0;
}

static int not_found(const struct plugin_search *search, const char *name, struct failure *failure)
{
	struct names names;
	const char *known[PLUGINS_MOST + 1] = { NULL };
	list_all(search, &names);
	for (size_t i = 0; i < names.count; i++)
		known[i] = names.list[i].name;
	const char *nearest = conf_nearest(name, known);
	int code = failure_set(failure, EMA_CONFIG, "no plugin \"%s\" in %s%s%s%s%s%s", name, search->folders ? search->folders : "", search->folders ? ":" : "", PLUGINDIR,
	                       nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	free(names.list);
	return code;
}

int plugin_open(const struct plugin_search *search, const char *name, struct plugin **out, struct failure *failure)
{
	struct wanted wanted = { name, "" };
	if (strchr(name, '/')) {
		if (*name != '/')
			return failure_set(failure, EMA_CONFIG, "the plugin \"%s\" must be a name or an absolute path", name);
		return load_file(search, name, NULL, out, failure);
	}
	if (!plain_name(name))
		return failure_set(failure, EMA_CONFIG, "the name of a plugin has up to %d letters, digits, '_' and '-'", NAME_MOST);
	if (!each_folder(search, look_in, &wanted))
		return not_found(search, name, failure);
	return load_file(search, wanted.path, name, out, failure);
}

void plugin_close(struct plugin *plugin)
{
	if (!plugin || __atomic_sub_fetch(&plugin->users, 1, __ATOMIC_ACQ_REL))
		return;
	free(plugin->path);
	free(plugin);
}

struct plugin *plugin_keep(struct plugin *plugin)
{
	__atomic_add_fetch(&plugin->users, 1, __ATOMIC_RELAXED);
	return plugin;
}

const struct ema_plugin *plugin_description(const struct plugin *plugin)
{
	return &plugin->description;
}

const char *plugin_path(const struct plugin *plugin)
{
	return plugin->path;
}

void plugin_each(const struct plugin_search *search, void (*found)(void *data, const char *name, const char *path, const struct plugin *plugin, const struct failure *failure), void *data)
{
	struct names names;
	list_all(search, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct failure failure = FAILURE_INIT;
		struct plugin *plugin = NULL;
		load_file(search, names.list[i].path, names.list[i].name, &plugin, &failure);
		found(data, names.list[i].name, names.list[i].path, plugin, plugin ? NULL : &failure);
		plugin_close(plugin);
	}
	free(names.list);
}
