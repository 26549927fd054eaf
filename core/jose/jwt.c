#include "jwt.h"

#include <inttypes.h>

#include "clock.h"

#define JWT_TIME_MOST INT64_C(9007199254740991)

/* Nothing below can overflow then. */
static int jwt_in_range(int64_t time)
{
	return time == JWT_ABSENT || (time >= -JWT_TIME_MOST && time <= JWT_TIME_MOST);
}

int jwt_check_times(const struct jwt_times *t, struct failure *failure)
{
	int64_t now = t->now, skew = t->skew < 0 ? 0 : t->skew > JWT_SKEW_MOST ? JWT_SKEW_MOST : t->skew;
	/* Without iat the token is no older than now, so its life is at least what is left of it. */
	int64_t issued = t->issued == JWT_ABSENT ? now : t->issued;
	if (now < CLOCK_LEAST / 1000 || now > JWT_TIME_MOST)
		return failure_set(failure, EMA_CLOCK_WRONG, "the clock of this machine says %" PRId64 " seconds since 1970: set it", now);
	if (t->expires == JWT_ABSENT)
		return failure_set(failure, EMA_MISSING_CLAIM, "the token has no exp");
	if (t->issued == JWT_ABSENT && (t->need_issued || t->oldest > 0))
		return failure_set(failure, EMA_MISSING_CLAIM, "the token has no iat");
	if (!jwt_in_range(t->expires) || !jwt_in_range(t->issued) || !jwt_in_range(t->not_before))
		return failure_set(failure, EMA_BAD_CLAIM, "exp, iat or nbf is no date");
	if (now - t->expires >= skew)
		return failure_set(failure, EMA_EXPIRED, "the token expired %" PRId64 " s ago (skew %" PRId64 " s)", now - t->expires, skew);
	if (t->not_before != JWT_ABSENT && t->not_before - now > skew)
		return failure_set(failure, EMA_NOT_YET_VALID, "the token is valid in %" PRId64 " s only (nbf, skew %" PRId64 " s)",
		                   t->not_before - now, skew);
	if (issued - now > skew)
		return failure_set(failure, EMA_ISSUED_IN_FUTURE, "the token was issued %" PRId64 " s in the future (iat, skew %" PRId64 " s)",
		                   issued - now, skew);
	if (t->longest > 0 && t->expires - issued - skew > t->longest)
		return failure_set(failure, EMA_LIFETIME_TOO_LONG, "the token lives for %" PRId64 " s (exp - iat), %" PRId64 " s over the maximum",
		                   t->expires - issued, t->expires - issued - t->longest);
	if (t->oldest > 0 && now - issued - skew > t->oldest)
		return failure_set(failure, EMA_EXPIRED, "the token was issued %" PRId64 " s ago (iat), %" PRId64 " s over the maximum", now - issued,
		                   now - issued - t->oldest);
	return EMA_OK;
}
