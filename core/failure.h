/* Why something failed: a code of the table and a text for the operator. Set once, the first and most specific stays. */
#ifndef CORE_FAILURE_H
#define CORE_FAILURE_H

#include "codes.h"

#define FAILURE_TEXT 512

struct failure {
	int code;                /* EMA_OK: nothing failed */
	char text[FAILURE_TEXT]; /* UTF-8 without control characters; cut at its end with "..." */
};

#define FAILURE_INIT { EMA_OK, "" }

/* Keeps what is there if something is there already. Returns the code that is kept. failure may be NULL: returns code. */
int failure_set(struct failure *failure, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void failure_clear(struct failure *failure);

#endif
