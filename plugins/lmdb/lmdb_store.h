/* lmdb.so: state in a file, for several processes of one host. */
#ifndef LMDB_LMDB_STORE_H
#define LMDB_LMDB_STORE_H

#include <lmdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ema/plugin.h"

#define KEY_MOST 255
#define VALUE_MOST 4096
#define QUOTA_MOST 255
#define CHANGES_KEPT 4096 /* keys that wait for the slowest reader */

/* What is true of all of the file; one record. The file is for machines of one kind anyway. */
struct totals {
	int64_t latest;      /* the latest time that any process saw */
	int64_t since;       /* when it was made, or may have forgotten something */
	uint64_t count, bytes, sequence;
	char unsynced[40];   /* id of the boot in which a process wrote without sync; "" if none did */
};

enum joined { JOINED_NOT, JOINED_SHARED, JOINED_ALONE };

/* A file as this process has it open: once, whatever number of instances there is, as LMDB demands. */
struct file {
	struct file *next;
	unsigned users;
	dev_t device;
	ino_t inode;
	pid_t pid;
	int lock_fd;               /* of the writers' lock */
	pthread_mutex_t writer;    /* the same lock among threads */
	pthread_rwlock_t use;      /* held for reading by transactions, for writing while env is opened anew */
	MDB_env *env;              /* NULL: that failed, and is tried again */
	MDB_dbi entries, expiry, quotas, changes, about;
	unsigned page;
	int data_fd;
	enum joined joined;        /* whether this process is one of those that use it, or the only one */
	int broken;                /* LMDB met a state that it thinks impossible: not touched again */
};

struct ema_instance {
	const struct ema_host *host;
	const ema_handle *handle;
	const char *path;
	int64_t size, entries, quota;
	int sync;
	int share;                 /* other processes may use it, too */
	pthread_mutex_t lock;      /* guards file while it is NULL */
	struct file *file;         /* NULL: not there yet; the first call makes it */
	uint64_t told;             /* sequence of the last change that was told */
	int failing;
	int64_t late_next;         /* monotonic milliseconds, atomically: before it a clock that was ahead is not told again */
};

/* file.c. Opens or makes the file. EMA_OK, EMA_UNAVAILABLE; why is set then (at most room bytes). */
int file_open(ema_instance *self, int make, struct file **out, char *why, size_t room);
/* Whether there is one already. EMA_UNAVAILABLE: what is there is not to be trusted; why says it. */
int file_there(ema_instance *self, int *there, char *why, size_t room);
void file_close(struct file *file);
/* The file, made now if it was not there. NULL: logged. */
struct file *file_get(ema_instance *self);
/* Before it is used, not looked at alone: EMA_UNAVAILABLE while another process, or instance, has it to itself, or is there and this one wants that. */
int file_join(ema_instance *self, struct file *file);
/* Begins a transaction within ms; a writing one under the writers' lock. EMA_OK, EMA_TIMEOUT, EMA_UNAVAILABLE. */
int file_begin(ema_instance *self, struct file *file, int write, int64_t ms, MDB_txn **out);
/* Ends it: commits a writing one if code is EMA_OK. Returns the code, or why it was not committed. */
int file_end(ema_instance *self, struct file *file, int write, MDB_txn *txn, int code);
/* EMA's code for LMDB's, logged once until something works again. */
int file_failed(ema_instance *self, const char *what, int error);
int totals_read(struct file *file, MDB_txn *txn, struct totals *out);
int totals_write(struct file *file, MDB_txn *txn, const struct totals *totals);
int64_t monotonic_ms(void);

/*
 * LMDB ends the process where it finds what cannot be. We leave it by a jump instead, and never touch the file again; the writers'
 * lock stays ours, so that others run into their deadline and not into LMDB's mutex. work runs between.
 */
int file_guarded(ema_instance *self, struct file *file, int (*work)(void *argument), void *argument);

extern const struct ema_store_ops lmdb_ops;

#endif
