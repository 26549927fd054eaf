/* The n-th call of OpenSSL fails. */
#ifndef JOSE_FAULTS_H
#define JOSE_FAULTS_H

struct faults {
	unsigned at;      /* which call; 0: none, and none is counted */
	unsigned calls;   /* so far */
	int negative;     /* -1 instead of 0 where a function has both */
	const char *name; /* of the call that failed; NULL: there was none */
};

extern struct faults faults;

#endif
