#define _GNU_SOURCE /* setresuid */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "emad.h"

/* Of OpenSSL, for keys that sign and what is computed with them, by all threads at once: an allocation that finds no room fails. */
#define SECURE_BYTES (1 << 20)
#define SECURE_LEAST 32

int group_by_name(const char *name, gid_t *out)
{
	const struct group *group = getgrnam(name);
	if (!group)
		return -1;
	*out = group->gr_gid;
	return 0;
}

int identity_find(const ema_daemon *daemon, struct identity *out)
{
	const char *user = ema_daemon_text(daemon, "user"), *group = ema_daemon_text(daemon, "group");
	*out = (struct identity){ .uid = geteuid(), .gid = getegid(), .user = user };
	const struct passwd *entry = user ? getpwnam(user) : NULL;
	if (user && !entry) {
		say(SAY_ERROR, "user = \"%s\": there is no such user on this machine", user);
		return -1;
	}
	if (entry) {
		out->uid = entry->pw_uid;
		out->gid = entry->pw_gid;
	}
	if (group && group_by_name(group, &out->gid)) {
		say(SAY_ERROR, "group = \"%s\": there is no such group on this machine", group);
		return -1;
	}
	if (geteuid() != 0) {
		if (out->uid != geteuid() || (group && out->gid != getegid())) {
			say(SAY_ERROR, "only root can become user \"%s\" and group \"%s\": start emad as root or as that user", user ? user : "-",
			    group ? group : "-");
			return -1;
		}
		out->gid = getegid();
		return 0;
	}
	out->change = user || group;
	if (!out->uid)
		say(SAY_WARNING, "emad stays root: set \"user\" in ema.conf");
	return 0;
}

int identity_become(const struct identity *identity)
{
	if (identity->change) {
		int groups = identity->user ? initgroups(identity->user, identity->gid) : setgroups(1, &identity->gid);
		if (groups || setresgid(identity->gid, identity->gid, identity->gid) || setresuid(identity->uid, identity->uid, identity->uid)) {
			say(SAY_ERROR, "emad could not become user %lu, group %lu: %s", (unsigned long)identity->uid, (unsigned long)identity->gid,
			    strerror(errno));
			return -1;
		}
		if (identity->uid && (!setuid(0) || !seteuid(0))) {
			say(SAY_ERROR, "emad could become root again: this system keeps privileges that it should not");
			return -1;
		}
	}
	/* No core dump and no debugger of the same user sees keys. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		say(SAY_ERROR, "the process could not be closed to others: %s", strerror(errno));
		return -1;
	}
	int secured = CRYPTO_secure_malloc_init(SECURE_BYTES, SECURE_LEAST);
	if (!secured) {
		say(SAY_ERROR, "there is no memory for keys apart from all other (OpenSSL's secure heap)");
		return -1;
	}
	if (secured != 1)
		say(SAY_WARNING, "keys that sign might be swapped out to disk: their %d KiB could not be locked into memory (LimitMEMLOCK=)", SECURE_BYTES / 1024);
	return 0;
}
