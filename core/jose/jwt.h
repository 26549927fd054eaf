/* Times of a JWT (RFC 7519 4.1.4 to 4.1.6), apart from where they come from. */
#ifndef JOSE_JWT_H
#define JOSE_JWT_H

#include <stdint.h>

#include "failure.h"

#define JWT_ABSENT INT64_MIN
#define JWT_SKEW_MOST 60 /* seconds, that ema.conf can give */

struct jwt_times {
	int64_t now;    /* seconds since 1970, as are the others */
	int64_t skew;   /* 0 to JWT_SKEW_MOST */
	int64_t longest; /* exp - iat at most, plus skew; 0: any */
	int64_t oldest; /* now - iat at most, plus skew; 0: any */
	int64_t expires; /* JWT_ABSENT: not there */
	int64_t issued;
	int64_t not_before;
	int need_issued;
};

/* EMA_OK, EMA_CLOCK_WRONG, EMA_MISSING_CLAIM, EMA_EXPIRED, EMA_NOT_YET_VALID, EMA_ISSUED_IN_FUTURE, EMA_LIFETIME_TOO_LONG; the
   text says by how many seconds. */
int jwt_check_times(const struct jwt_times *times, struct failure *failure);

#endif
