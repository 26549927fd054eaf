/* From a name to an object whose code may run: find, check the file, open it, ask it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr1, dlinfo, O_PATH */
#endif
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

#include "description.h"
#include "entry.h"
#include "host.h"

#define FOLDERS_MOST 16
#define PLUGINS_MOST 256 /* in all folders, when they are listed */

struct plugin {
	int users; /* atomic */
	char *path;
	struct description description;
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

/* The loader maps what the headers say, and dies of a file that ends before: half a copy. What is no object at all it says itself. */
static int is_whole(int file, off_t size)
{
	ElfW(Ehdr) head;
	ElfW(Phdr) part;
	if (pread(file, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_phentsize != sizeof part)
		return 1;
	for (unsigned i = 0; i < head.e_phnum; i++)
		if (pread(file, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) != sizeof part ||
		    (part.p_type == PT_LOAD && (part.p_offset > (uint64_t)size || part.p_filesz > (uint64_t)size - part.p_offset)))
			return 0;
	return 1;
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
			else if (!is_whole(at, now.st_size)) {
				failure_set(failure, EMA_CONFIG, "%s: the file is cut off: copy it again, under another name, and rename it then", path);
				result = -1;
			}
		}
		part = rest;
	}
	if (at >= 0)
		close(at);
	if (result)
		failure_set(failure, EMA_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
	return result;
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
		code = description_take(real, theirs, &plugin->description, failure);
	if (!code && name && strcmp(name, plugin->description.plugin.name))
		code = failure_set(failure, EMA_CONFIG, "%s: calls itself \"%s\"; its file must be %s.so", real,
		                   plugin->description.plugin.name, plugin->description.plugin.name);
	if (code) {
		plugin_close(plugin);
		return code;
	}
	*out = plugin;
	return EMA_OK;
}

/* ---- Folders ---- */

struct found {
	char name[DESCRIPTION_NAME_MOST + 1];
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
		char name[DESCRIPTION_NAME_MOST + 1];
		size_t length = strlen(entry->d_name), same = 0;
		if (length < 4 || length - 3 > DESCRIPTION_NAME_MOST || strcmp(entry->d_name + length - 3, ".so"))
			continue;
		memcpy(name, entry->d_name, length - 3);
		name[length - 3] = 0;
		while (same < names->count && strcmp(names->list[same].name, name))
			same++;
		if (same < names->count || !description_name(name))
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
	if (!description_name(name))
		return failure_set(failure, EMA_CONFIG, "the name of a plugin has up to %d letters, digits, '_' and '-'", DESCRIPTION_NAME_MOST);
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
	return &plugin->description.plugin;
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
