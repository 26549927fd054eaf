/* Calls of the system that fail: those of this program, of the plugins in it and of the libraries under them. For one program each. */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

/* What may fail. Of files only: what goes to a pipe or a socket by write() is for the threads of others. */
#define CALLS_OPEN 1u    /* open for writing */
#define CALLS_WRITE 2u   /* write, pwrite, writev, pwritev */
#define CALLS_SYNC 4u    /* fsync, fdatasync, msync */
#define CALLS_NAME 8u    /* mkdir, link, rename, renameat */
#define CALLS_ROOM 16u   /* posix_fallocate, which leaves half of it, as it may */
#define CALLS_MAP 32u    /* mmap of a file */
#define CALLS_CONNECT 64u
#define CALLS_SEND 128u
#define CALLS_CUT 256u   /* ftruncate: of a disk that is broken, not full */
#define CALLS_DISK 63u
#define CALLS_NET 192u

enum calls_mode {
	CALLS_ONCE,   /* the n-th fails */
	CALLS_STAY,   /* and all that follow: a disk that is full; a write that is the n-th is short */
	CALLS_SHORT,  /* of writes alone: the n-th is short */
	CALLS_MODES
};

/* From now on, whichever thread asks. The errors are ENOSPC, EIO, EMFILE, ENOMEM, ECONNREFUSED, EPIPE, as they fit. */
void calls_fail(unsigned which, long n, enum calls_mode mode);
/* How many failed. */
long calls_good(void);
/* So far. */
long calls_failed(void);
/* Descriptors that are open. */
int calls_descriptors(void);
/* The names in a folder, and in those in it, that are of nothing that was written whole: NULL, or the first. */
const char *calls_left(const char *folder);

#endif
