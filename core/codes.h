/* The table of codes (core/codes.tab) as the core sees it. */
#ifndef CORE_CODES_H
#define CORE_CODES_H

#include "ema/codes.h"

enum {
	CODE_CORE = 1,
	CODE_IDENTITY = 2,
	CODE_DIRECTORY = 4,
	CODE_GUARD = 8,
	CODE_STORE = 16,
	CODE_AUDIT = 32
};

struct code_row {
	const char *name;
	const char *oauth;  /* error at the token endpoint; NULL for ok */
	int token_status;   /* HTTP status there */
	int request_status; /* HTTP status at a check of a request */
	int rpc;            /* JSON-RPC code */
	int retry;          /* the same request may pass later */
	int who;            /* CODE_* of those who may answer it */
	const char *meaning;
	const char *user;
};

/* NULL for a number that is not in the table. */
const struct code_row *code_row(int code);
/* "internal" for a number that is not in the table. */
const char *code_name(int code);
/* -1 for a name that is not in the table. */
int code_by_name(const char *name);

#endif
