#define _GNU_SOURCE
#include "horizon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "EMAHORZ1"

struct contents {
	char magic[8];
	_Atomic int64_t latest; /* of this machine's byte order: the file does not travel */
};

struct horizon {
	struct contents *contents;
	int64_t before;
};

/* All of it is on the disk before it is mapped, so that a full disk is an error here and no signal later. */
static int begin(int fd, int64_t latest, int is_new)
{
	struct contents fresh = { .magic = MAGIC, .latest = latest };
	ssize_t written = pwrite(fd, &fresh, sizeof fresh, 0);
	if (written == (ssize_t)sizeof fresh && !ftruncate(fd, sizeof fresh))
		return 0;
	int error = written >= 0 && written != (ssize_t)sizeof fresh ? ENOSPC : errno;
	/* What is not whole would be taken for one that was lost; where that cannot be helped, it is. */
	if (is_new)
		(void)!ftruncate(fd, 0);
	errno = error;
	return -1;
}

static int map(int fd, int64_t now, struct horizon *horizon)
{
	struct contents contents;
	struct stat status;
	if (fstat(fd, &status))
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* Whoever may write it could have all taken twice, or nothing any more. */
	if (status.st_uid != geteuid() || status.st_nlink != 1 || (status.st_mode & 022)) {
		errno = EPERM;
		return -1;
	}
	horizon->before = INT64_MIN;
	if (status.st_size == (off_t)sizeof contents && pread(fd, &contents, sizeof contents, 0) == (ssize_t)sizeof contents &&
	    !memcmp(contents.magic, MAGIC, sizeof contents.magic)) {
		horizon->before = contents.latest;
	} else {
		if (status.st_size > 0)
			horizon->before = now + HORIZON_AHEAD;
		if (begin(fd, horizon->before, !status.st_size))
			return -1;
	}
	horizon->contents = mmap(NULL, sizeof contents, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return horizon->contents == MAP_FAILED ? -1 : 0;
}

int horizon_open(const char *state_dir, int64_t now, struct horizon **out, struct failure *failure)
{
	struct horizon *horizon = calloc(1, sizeof *horizon);
	char *path = NULL;
	int code = EMA_OK, fd = -1;
	*out = NULL;
	if (!horizon || asprintf(&path, "%s/horizon", state_dir) < 0) {
		free(horizon);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for %s/horizon", state_dir);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || map(fd, now, horizon)) {
		code = failure_set(failure, EMA_CONFIG, "%s cannot be used: %s", path, strerror(errno));
		free(horizon);
	} else {
		*out = horizon;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return code;
}

void horizon_close(struct horizon *horizon)
{
	if (!horizon)
		return;
	munmap(horizon->contents, sizeof *horizon->contents);
	free(horizon);
}

int64_t horizon_before(const struct horizon *horizon)
{
	return horizon->before;
}

void horizon_raise(struct horizon *horizon, int64_t issued)
{
	int64_t latest = atomic_load(&horizon->contents->latest);
	while (latest < issued && !atomic_compare_exchange_weak(&horizon->contents->latest, &latest, issued)) {
	}
}
