/* Calls of the system that fail: those of this program, of the plugins in it and of the libraries under them. For one program each. */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

/* What may fail. A pipe or a socket does not by read() and write(): these are for the threads of others. */
#define CALLS_OPEN 1u       /* open for writing, memfd_create */
#define CALLS_WRITE 2u      /* write, pwrite, writev, pwritev */
#define CALLS_SYNC 4u       /* fsync, fdatasync, msync */
#define CALLS_NAME 8u       /* mkdir, link, rename, renameat */
#define CALLS_ROOM 16u      /* posix_fallocate, which leaves half of it, as it may */
#define CALLS_MAP 32u       /* mmap of a file */
#define CALLS_CONNECT 64u   /* connect, and what became of it: SO_ERROR */
#define CALLS_SEND 128u     /* send, sendmsg */
#define CALLS_CUT 256u      /* ftruncate: of a disk that is broken, not full */
#define CALLS_SOCKET 512u
#define CALLS_RECEIVE 1024u /* recv */
#define CALLS_POLL 2048u
#define CALLS_DISK 63u
#define CALLS_NET 192u
#define CALLS_LINK (CALLS_NET | CALLS_SOCKET | CALLS_RECEIVE | CALLS_POLL)

enum calls_mode {
	CALLS_ONCE,   /* the n-th fails */
	CALLS_STAY,   /* and all that follow: a disk that is full; what has halves is short when it is the n-th */
	CALLS_SHORT,  /* of writes, and of send and recv of a stream, alone: the n-th is short */
	CALLS_MODES
};

/* From now on, whichever thread asks. The errors are ENOSPC, EIO, EMFILE, ENOMEM, ECONNREFUSED, EPIPE, ECONNRESET, as they fit. */
void calls_fail(unsigned which, long n, enum calls_mode mode);
/* Of sockets, this one instead; 0: as they fit. */
void calls_error(int error);
#define CALLS_END (-1) /* recv() finds the end; all else as it fits */
/* How many failed. */
long calls_good(void);
/* So far. */
long calls_failed(void);
/* Descriptors that are open. */
int calls_descriptors(void);
/* The names in a folder, and in those in it, that are of nothing that was written whole: NULL, or the first. */
const char *calls_left(const char *folder);

/*
 * A loop over n, whose body says whether a call failed. Threads of others call when they like, so it ends behind three n in a row at which
 * none did. The test fails where the last at which one did is before least: then what the loop is for was not tried.
 */
#define EACH_N(n, failed, least) for (long n = 1, failed = 1, quiet_ = 0; calls_go_on(n, failed, &quiet_, least); n++)
int calls_go_on(long n, long failed, long *quiet, long least);
/* A call of each of these functions failed since this was asked last, or the test does. */
#define CALLS_HIT(...) calls_hit((const char *const[]){ __VA_ARGS__, NULL })
void calls_hit(const char *const *names);

#endif
