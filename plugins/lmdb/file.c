#include "lmdb_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORMAT "ema store 1"
#define READERS 512
#define LOCK_PAUSE_LEAST 100000L /* nanoseconds */
#define LOCK_PAUSE_MOST 4000000L
#define RECOVER "stop all that uses it and move its folder away: a new one refuses assertions that were issued before it was made, and " \
	"processes that run raise the marks that they know again"

/* LMDB takes them without const, and only reads them. */
static char totals_key[] = "totals", format_key[] = "format", format[] = FORMAT;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
static _Thread_local sigjmp_buf *guard;

int64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_assert(MDB_env *env, const char *text)
{
	(void)env, (void)text;
	if (guard)
		siglongjmp(*guard, 1);
}

int file_guarded(ema_instance *self, struct file *file, int (*work)(void *argument), void *argument)
{
	sigjmp_buf here;
	sigjmp_buf *volatile outer = guard;
	int code;
	if (sigsetjmp(here, 0)) {
		guard = outer;
		__atomic_store_n(&file->broken, 1, __ATOMIC_SEQ_CST);
		self->host->log(self->handle, 1, "the store's file is corrupt: " RECOVER);
		return EMA_UNAVAILABLE;
	}
	guard = &here;
	code = work(argument);
	guard = outer;
	return code;
}

int file_failed(ema_instance *self, const char *what, int error)
{
	char text[300];
	if (error == MDB_MAP_FULL || error == ENOSPC || error == EDQUOT || error == EFBIG || error == MDB_TXN_FULL)
		return EMA_STORE_FULL;
	if (error == ENOMEM)
		return EMA_OUT_OF_MEMORY;
	int corrupt = error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND || error == MDB_INVALID || error == MDB_BAD_TXN;
	if (!__atomic_exchange_n(&self->failing, 1, __ATOMIC_SEQ_CST)) {
		snprintf(text, sizeof text, "the store's file: %s: %.80s%s%s", what, mdb_strerror(error), corrupt ? ": " : "", corrupt ? RECOVER : "");
		self->host->log(self->handle, 1, text);
	}
	return EMA_UNAVAILABLE;
}

/* ---- The writers' lock ---- */

static void pause_for(long nanoseconds)
{
	struct timespec t = { 0, nanoseconds };
	nanosleep(&t, NULL);
}

static void deadline(int64_t until, struct timespec *out)
{
	int64_t left = until - monotonic_ms();
	clock_gettime(CLOCK_REALTIME, out);
	int64_t nanoseconds = out->tv_nsec + (left > 0 ? left % 1000 * 1000000 : 0);
	out->tv_sec += (time_t)((left > 0 ? left / 1000 : 0) + nanoseconds / 1000000000);
	out->tv_nsec = (long)(nanoseconds % 1000000000);
}

/* LMDB's own lock has no time limit, so ours stands before it. It ends with its process, and no child has it. */
static int writer_lock(struct file *file, int64_t until)
{
	struct timespec limit;
	deadline(until, &limit);
	if (pthread_mutex_timedlock(&file->writer, &limit))
		return EMA_TIMEOUT;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	for (long pause = LOCK_PAUSE_LEAST; fcntl(file->lock_fd, F_SETLK, &lock); pause = pause * 2 > LOCK_PAUSE_MOST ? LOCK_PAUSE_MOST : pause * 2) {
		int busy = errno == EACCES || errno == EAGAIN || errno == EINTR;
		if (!busy || monotonic_ms() >= until) {
			pthread_mutex_unlock(&file->writer);
			return busy ? EMA_TIMEOUT : EMA_UNAVAILABLE;
		}
		pause_for(pause);
	}
	return EMA_OK;
}

static void writer_unlock(struct file *file)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	fcntl(file->lock_fd, F_SETLK, &lock);
	pthread_mutex_unlock(&file->writer);
}

/* ---- Transactions ---- */

/* A page that the file lacks would be a signal, not an error. */
static int is_truncated(const struct file *file)
{
	MDB_envinfo info;
	struct stat st;
	return mdb_env_info(file->env, &info) || fstat(file->data_fd, &st) ||
	       (uint64_t)st.st_size < ((uint64_t)info.me_last_pgno + 1) * file->page;
}

static int env_again(ema_instance *self, struct file *file, int64_t until);

static int txn_begin(struct file *file, int write, MDB_txn **out)
{
	int error = !file->env ? MDB_PANIC : is_truncated(file) ? MDB_CORRUPTED : mdb_txn_begin(file->env, NULL, write ? 0 : MDB_RDONLY, out);
	if (error == MDB_READERS_FULL) {
		int dead;
		mdb_reader_check(file->env, &dead);
		error = mdb_txn_begin(file->env, NULL, MDB_RDONLY, out);
	}
	return error;
}

int file_begin(ema_instance *self, struct file *file, int write, int64_t ms, MDB_txn **out)
{
	int64_t until = monotonic_ms() + (ms > 0 ? ms : 0);
	for (int again = 0;; again++) {
		if (file->pid != getpid() || __atomic_load_n(&file->broken, __ATOMIC_SEQ_CST))
			return EMA_UNAVAILABLE;
		/* The lock of writers within it: env_again() takes both, too. */
		pthread_rwlock_rdlock(&file->use);
		int error = 0, code = write ? writer_lock(file, until) : EMA_OK;
		if (code == EMA_OK && !(error = txn_begin(file, write, out)))
			return EMA_OK;
		if (code == EMA_OK && write)
			writer_unlock(file);
		pthread_rwlock_unlock(&file->use);
		if (code != EMA_OK)
			return code;
		if (error != MDB_PANIC || again)
			return file_failed(self, "begin", error);
		if ((code = env_again(self, file, until)) != EMA_OK)
			return code;
	}
}

int file_end(ema_instance *self, struct file *file, int write, MDB_txn *txn, int code)
{
	int error = 0;
	if (write && code == EMA_OK)
		error = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (write)
		writer_unlock(file);
	pthread_rwlock_unlock(&file->use);
	if (error)
		return file_failed(self, "commit", error);
	if (code == EMA_OK)
		__atomic_store_n(&self->failing, 0, __ATOMIC_SEQ_CST);
	return code;
}

int totals_read(struct file *file, MDB_txn *txn, struct totals *out)
{
	MDB_val key = { 6, totals_key }, value;
	int error = mdb_get(txn, file->about, &key, &value);
	if (!error && value.mv_size != sizeof *out)
		error = MDB_CORRUPTED;
	if (!error)
		memcpy(out, value.mv_data, sizeof *out);
	return error == MDB_NOTFOUND ? MDB_CORRUPTED : error;
}

int totals_write(struct file *file, MDB_txn *txn, const struct totals *totals)
{
	struct totals copy = *totals;
	MDB_val key = { 6, totals_key }, value = { sizeof copy, &copy };
	return mdb_put(txn, file->about, &key, &value, 0);
}

/* ---- Opening ---- */

static void boot_id(char id[40])
{
	memset(id, 0, 40);
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, 36);
	if (fd >= 0)
		close(fd);
	if (n != 36)
		memcpy(id, "unknown", 8);
}

/* The format of a file that is there; of a new one, the first record. */
static int about_check(ema_instance *self, struct file *file, MDB_txn *txn, const char **why)
{
	MDB_val key = { 6, format_key }, value;
	struct totals totals;
	char boot[40];
	int64_t now = self->host->now(self->handle);
	int error = mdb_get(txn, file->about, &key, &value);
	boot_id(boot);
	if (error == MDB_NOTFOUND) {
		MDB_stat stat;
		if ((error = mdb_stat(txn, file->entries, &stat)))
			return error;
		if (stat.ms_entries) {
			*why = "the file is another program's";
			return MDB_INCOMPATIBLE;
		}
		memset(&totals, 0, sizeof totals);
		totals.latest = totals.since = now;
		value = (MDB_val){ sizeof format - 1, format };
		if ((error = mdb_put(txn, file->about, &key, &value, 0)))
			return error;
	} else if (error) {
		return error;
	} else if (value.mv_size != sizeof FORMAT - 1 || memcmp(value.mv_data, FORMAT, sizeof FORMAT - 1)) {
		*why = "it is of another version of EMA's store (this one makes \"" FORMAT "\"): use that version, or another path";
		return MDB_INCOMPATIBLE;
	} else if ((error = totals_read(file, txn, &totals))) {
		return error;
	}
	/* Without sync, the end of the machine may have undone what was acknowledged. */
	totals.unsynced[sizeof totals.unsynced - 1] = 0;
	if (totals.unsynced[0] && strcmp(totals.unsynced, boot)) {
		totals.since = now > totals.latest ? now : totals.latest;
		totals.unsynced[0] = 0;
	}
	if (!self->sync)
		memcpy(totals.unsynced, boot, sizeof totals.unsynced);
	return totals_write(file, txn, &totals);
}

struct prepare { ema_instance *self; struct file *file; const char *why; };

static int prepare(void *argument)
{
	struct prepare *p = argument;
	struct file *file = p->file;
	MDB_txn *txn = NULL;
	int error = mdb_txn_begin(file->env, NULL, 0, &txn);
	if (!error)
		error = mdb_dbi_open(txn, "about", MDB_CREATE, &file->about);
	if (!error)
		error = mdb_dbi_open(txn, "entries", MDB_CREATE, &file->entries);
	if (!error)
		error = mdb_dbi_open(txn, "expiry", MDB_CREATE, &file->expiry);
	if (!error)
		error = mdb_dbi_open(txn, "quotas", MDB_CREATE, &file->quotas);
	if (!error)
		error = mdb_dbi_open(txn, "changes", MDB_CREATE, &file->changes);
	if (!error)
		error = about_check(p->self, file, txn, &p->why);
	if (!error)
		error = mdb_txn_commit(txn);
	else if (txn)
		mdb_txn_abort(txn);
	return error;
}

/* Whoever may write it may forget for us. */
static int is_ours(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & 022);
}

static void file_release(struct file *file)
{
	if (file->env)
		mdb_env_close(file->env);
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	pthread_mutex_destroy(&file->writer);
	pthread_rwlock_destroy(&file->use);
	free(file);
}

static int said(char *why, size_t room, const char *text, const char *more)
{
	snprintf(why, room, "%s%s%s", text, more ? ": " : "", more ? more : "");
	return EMA_UNAVAILABLE;
}

static int env_open(ema_instance *self, struct file *file, char *why, size_t room)
{
	MDB_envinfo info;
	MDB_stat stat;
	unsigned flags = MDB_NOTLS | (self->sync ? 0 : MDB_NOSYNC);
	struct prepare argument = { self, file, NULL };
	int error = mdb_env_create(&file->env), dead;
	if (!error)
		error = mdb_env_set_assert(file->env, on_assert);
	if (!error)
		error = mdb_env_set_maxdbs(file->env, 5);
	if (!error)
		error = mdb_env_set_maxreaders(file->env, READERS);
	if (!error)
		error = mdb_env_set_mapsize(file->env, (size_t)self->size);
	if (!error)
		error = mdb_env_open(file->env, self->path, flags, 0600);
	if (!error && !(error = mdb_env_info(file->env, &info)) && !(error = mdb_env_stat(file->env, &stat)))
		error = mdb_env_get_fd(file->env, &file->data_fd);
	if (!error) {
		file->page = stat.ms_psize;
		error = is_truncated(file) && info.me_last_pgno > 1 ? MDB_CORRUPTED : 0;
	}
	if (!error)
		mdb_reader_check(file->env, &dead); /* of processes that were killed: they would pin old pages */
	if (!error) {
		int code = writer_lock(file, monotonic_ms() + 5000);
		if (code != EMA_OK)
			return said(why, room, "another process writes to it for more than 5 s", NULL);
		error = file_guarded(self, file, prepare, &argument);
		if (__atomic_load_n(&file->broken, __ATOMIC_SEQ_CST))
			error = MDB_CORRUPTED;
		writer_unlock(file);
	}
	if (error == MDB_INVALID || error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND || error == MDB_VERSION_MISMATCH)
		return said(why, room, "the file is corrupt, truncated or no LMDB file", RECOVER);
	if (error)
		return said(why, room, argument.why ? argument.why : mdb_strerror(error), NULL);
	return EMA_OK;
}

/* Where the disk failed at the end of a commit, LMDB takes nothing more until the file is opened anew. */
static int env_again(ema_instance *self, struct file *file, int64_t until)
{
	struct timespec limit;
	char why[400];
	struct stat st;
	MDB_txn *txn = NULL;
	int code = EMA_OK;
	deadline(until, &limit);
	if (pthread_rwlock_timedwrlock(&file->use, &limit)) /* one that met what cannot be has it for ever */
		return EMA_TIMEOUT;
	int error = file->env ? mdb_txn_begin(file->env, NULL, MDB_RDONLY, &txn) : MDB_PANIC;
	if (!error)
		mdb_txn_abort(txn);
	if (error == MDB_PANIC) { /* no other thread was faster */
		if (file->env)
			mdb_env_close(file->env);
		file->env = NULL;
		/* Another folder of that name would know nothing of what this one does. */
		if (stat(self->path, &st) || st.st_dev != file->device || st.st_ino != file->inode)
			code = said(why, sizeof why, "its folder is not the one that it was", NULL);
		else
			code = env_open(self, file, why, sizeof why);
		if (code != EMA_OK && file->env) {
			mdb_env_close(file->env);
			file->env = NULL;
		}
	}
	pthread_rwlock_unlock(&file->use);
	if (code != EMA_OK && !__atomic_exchange_n(&self->failing, 1, __ATOMIC_SEQ_CST))
		self->host->log(self->handle, 1, why);
	return code;
}

static int file_new(ema_instance *self, const struct stat *st, struct file **out, char *why, size_t room)
{
	char name[4096];
	struct file *file = calloc(1, sizeof *file);
	if (!file)
		return said(why, room, "no memory", NULL);
	file->lock_fd = -1;
	file->users = 1;
	file->pid = getpid();
	file->device = st->st_dev;
	file->inode = st->st_ino;
	pthread_mutex_init(&file->writer, NULL);
	pthread_rwlock_init(&file->use, NULL);
	int code = EMA_OK;
	if ((size_t)snprintf(name, sizeof name, "%s/writer.lock", self->path) >= sizeof name)
		code = said(why, room, "the path is too long", NULL);
	if (code == EMA_OK && (file->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		code = said(why, room, "writer.lock cannot be opened", strerror(errno));
	if (code == EMA_OK)
		code = env_open(self, file, why, room);
	if (code != EMA_OK) {
		file_release(file);
		return code;
	}
	file->next = files;
	files = file;
	*out = file;
	return EMA_OK;
}

int file_there(ema_instance *self, int *there, char *why, size_t room)
{
	struct stat st;
	char name[4096];
	if ((size_t)snprintf(name, sizeof name, "%s/data.mdb", self->path) >= sizeof name)
		return said(why, room, "the path is too long", NULL);
	*there = !lstat(name, &st);
	return *there || errno == ENOENT ? EMA_OK : said(why, room, "the folder cannot be read", strerror(errno));
}

int file_open(ema_instance *self, int make, struct file **out, char *why, size_t room)
{
	struct stat st, data;
	char name[4096];
	int code = EMA_OK;
	pthread_mutex_lock(&files_lock);
	if (make && mkdir(self->path, 0700) && errno != EEXIST)
		code = said(why, room, "the folder cannot be made", strerror(errno));
	else if (stat(self->path, &st))
		code = said(why, room, "the folder cannot be read", strerror(errno));
	else if (!S_ISDIR(st.st_mode) || !is_ours(&st))
		code = said(why, room, "it must be a folder that is yours or root's, and that nobody else may write to", NULL);
	else if ((size_t)snprintf(name, sizeof name, "%s/data.mdb", self->path) >= sizeof name)
		code = said(why, room, "the path is too long", NULL);
	else if (!lstat(name, &data) && (!S_ISREG(data.st_mode) || !is_ours(&data)))
		code = said(why, room, "data.mdb in it must be a file that is yours or root's, and that nobody else may write to", NULL);
	if (code == EMA_OK) {
		struct file *file = files;
		while (file && (file->device != st.st_dev || file->inode != st.st_ino || file->pid != getpid()))
			file = file->next;
		if (file) {
			file->users++;
			*out = file;
		} else {
			code = file_new(self, &st, out, why, room);
		}
	}
	pthread_mutex_unlock(&files_lock);
	return code;
}

void file_close(struct file *file)
{
	/* A child has the memory, and nothing of the file. A broken one keeps the writers' lock. */
	if (!file || file->pid != getpid())
		return;
	pthread_mutex_lock(&files_lock);
	if (!--file->users && !file->broken) {
		struct file **at = &files;
		while (*at != file)
			at = &(*at)->next;
		*at = file->next;
		file_release(file);
	}
	pthread_mutex_unlock(&files_lock);
}

struct file *file_get(ema_instance *self)
{
	char why[400];
	pthread_mutex_lock(&self->lock);
	struct file *file = self->file;
	if (!file && file_open(self, 1, &file, why, sizeof why) == EMA_OK)
		self->file = file;
	else if (!file && !__atomic_exchange_n(&self->failing, 1, __ATOMIC_SEQ_CST))
		self->host->log(self->handle, 1, why);
	pthread_mutex_unlock(&self->lock);
	return file;
}

/* A process that has the lock of one alone may have any number of instances; one that shares it has none that asked to be alone. */
static int joins_with(const ema_instance *self, int joined)
{
	return joined == JOINED_ALONE || (joined == JOINED_SHARED && self->share);
}

/* The second byte of the file of the writers' lock: the lock ends with its process, and no child has it. */
int file_join(ema_instance *self, struct file *file)
{
	char text[400];
	if (joins_with(self, __atomic_load_n(&file->joined, __ATOMIC_SEQ_CST)))
		return EMA_OK;
	if (file->pid != getpid())
		return EMA_UNAVAILABLE;
	struct flock lock = { .l_type = (short)(self->share ? F_RDLCK : F_WRLCK), .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
	int error = 0;
	pthread_mutex_lock(&files_lock);
	if (file->joined == JOINED_NOT) {
		if (fcntl(file->lock_fd, F_SETLK, &lock))
			error = errno;
		else
			__atomic_store_n(&file->joined, self->share ? JOINED_SHARED : JOINED_ALONE, __ATOMIC_SEQ_CST);
	}
	int code = joins_with(self, file->joined) ? EMA_OK : EMA_UNAVAILABLE;
	pthread_mutex_unlock(&files_lock);
	if (code == EMA_OK || __atomic_exchange_n(&self->failing, 1, __ATOMIC_SEQ_CST))
		return code;
	if (error && error != EACCES && error != EAGAIN)
		snprintf(text, sizeof text, "the store's file: writer.lock cannot be locked, so that others could use the store, too, and nothing is granted: %.80s",
		         strerror(error));
	else
		snprintf(text, sizeof text, "another process%s uses this store, and not both have share = \"same-trust\" in their ema.conf: nothing is granted. Processes that "
		         "share a store can each forget for all; say so in the ema.conf of each, or give each a store of its own", error ? "" : ", or a part of this one,");
	self->host->log(self->handle, 1, text);
	return code;
}
