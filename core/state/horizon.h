/*
 * The latest issue time (iat) that was ever redeemed, in a file that outlives the process. A store in memory forgets with its
 * process what was redeemed; an issuer's clock that is ahead lets an assertion look younger than the restart. What was issued
 * no later than the horizon of the process before may have been redeemed by it.
 */
#ifndef STATE_HORIZON_H
#define STATE_HORIZON_H

#include <stdint.h>

#include "failure.h"

#define HORIZON_AHEAD 60 /* seconds that an issuer's clock may be ahead, at the most */

struct horizon;

/* Opens or makes state_dir/horizon for this process alone. One that is not whole counts as if all had been redeemed by now. */
int horizon_open(const char *state_dir, int64_t now, struct horizon **out, struct failure *failure);
void horizon_close(struct horizon *horizon);
/* Seconds since 1970: what it was when it was opened; INT64_MIN: nothing was redeemed. */
int64_t horizon_before(const struct horizon *horizon);
/* Any thread. Before the answer leaves: what is written here outlives SIGKILL, and costs no call. */
void horizon_raise(struct horizon *horizon, int64_t issued);

#endif
