#include "description.h"

#include <ctype.h>
#include <string.h>

static int size_fits(size_t size, size_t least)
{
	return size >= least && size <= DESCRIPTION_SIZE_MOST;
}

/* Takes over one kind's table; 0 if the plugin is not of the kind, or if the table is right. */
static int take_table(const char *path, const char *kind, const void *theirs, size_t least, size_t size, void *ours, struct failure *failure)
{
	size_t their_size;
	if (!theirs)
		return 0;
	memcpy(&their_size, theirs, sizeof their_size);
	if (!size_fits(their_size, least))
		return failure_set(failure, EMA_CONFIG, "%s: its %s table says that it has %zu bytes, where %zu to %d can be", path, kind, their_size, least, DESCRIPTION_SIZE_MOST);
	memcpy(ours, theirs, their_size < size ? their_size : size);
	memcpy(ours, &size, sizeof size);
	return 0;
}

#define LEAST(type, member) (offsetof(struct type, member) + sizeof(((struct type *)0)->member))

static int missing(const char *path, const char *kind, const char *member, struct failure *failure)
{
	return failure_set(failure, EMA_CONFIG, "%s: its %s table lacks %s", path, kind, member);
}

static int take_tables(const char *path, struct description *out, struct failure *failure)
{
	struct ema_plugin *d = &out->plugin;
	if (take_table(path, "identity", d->identity, LEAST(ema_identity_ops, identify), sizeof out->identity, &out->identity, failure) ||
	    take_table(path, "directory", d->directory, LEAST(ema_directory_ops, lookup), sizeof out->directory, &out->directory, failure) ||
	    take_table(path, "guard", d->guard, LEAST(ema_guard_ops, admit), sizeof out->guard, &out->guard, failure) ||
	    take_table(path, "store", d->store, LEAST(ema_store_ops, changes), sizeof out->store, &out->store, failure) ||
	    take_table(path, "audit", d->audit, LEAST(ema_audit_ops, flush), sizeof out->audit, &out->audit, failure))
		return EMA_CONFIG;
	if (!d->identity && !d->directory && !d->guard && !d->store && !d->audit)
		return failure_set(failure, EMA_CONFIG, "%s: it is of no kind that this EMA knows", path);
#define NEED(kind, member) \
	if (d->kind && !out->kind.member) \
		return missing(path, #kind, #member, failure)
	NEED(identity, open); NEED(identity, close); NEED(identity, identify);
	NEED(directory, open); NEED(directory, close); NEED(directory, lookup);
	NEED(guard, open); NEED(guard, close); NEED(guard, admit);
	NEED(store, open); NEED(store, close); NEED(store, put_if_absent); NEED(store, get); NEED(store, remove); NEED(store, raise);
	NEED(store, list); NEED(store, changes);
	NEED(audit, open); NEED(audit, close); NEED(audit, record); NEED(audit, flush);
#undef NEED
#define OWN(kind) d->kind = d->kind ? &out->kind : NULL
	OWN(identity); OWN(directory); OWN(guard); OWN(store); OWN(audit);
#undef OWN
	return EMA_OK;
}

int description_name(const char *name)
{
	size_t length = name ? strnlen(name, DESCRIPTION_NAME_MOST + 1) : 0;
	for (size_t i = 0; i < length; i++)
		if (!isascii((unsigned char)name[i]) || !(isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-'))
			return 0;
	return length > 0 && length <= DESCRIPTION_NAME_MOST;
}

int description_take(const char *path, const struct ema_plugin *theirs, struct description *out, struct failure *failure)
{
	struct ema_plugin *d = &out->plugin;
	size_t size;
	if (!theirs)
		return failure_set(failure, EMA_CONFIG, "%s: it needs a newer EMA than this one (it gave no description)", path);
	memcpy(&size, theirs, sizeof size);
	if (!size_fits(size, LEAST(ema_plugin, summary)))
		return failure_set(failure, EMA_CONFIG, "%s: its description says that it has %zu bytes, where %zu to %d can be", path, size,
		                   LEAST(ema_plugin, summary), DESCRIPTION_SIZE_MOST);
	memcpy(d, theirs, size < sizeof *d ? size : sizeof *d);
	d->size = sizeof *d;
	if (d->abi >> 16 != EMA_ABI_MAJOR)
		return failure_set(failure, EMA_CONFIG, "%s: made for plugin interface %u.%u, this EMA has %u.%u", path, (unsigned)(d->abi >> 16),
		                   (unsigned)(d->abi & 0xffff), EMA_ABI_MAJOR, EMA_ABI_MINOR);
	if (!description_name(d->name))
		return failure_set(failure, EMA_CONFIG, "%s: it has no name of letters, digits, '_' and '-'", path);
	if (d->threads > EMA_THREADS_PARALLEL)
		d->threads = EMA_THREADS_SERIAL; /* something newer: one call at a time is always safe */
	if (!d->version)
		d->version = "";
	if (!d->summary)
		d->summary = "";
	return take_tables(path, out, failure);
}
