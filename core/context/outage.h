/* What an identity provider that is away does to each service. */
#ifndef CONTEXT_OUTAGE_H
#define CONTEXT_OUTAGE_H

#include "snapshot.h"

/* A note (N-OUTAGE) for each service. */
void outage_lint(const struct snapshot *snapshot, struct findings *findings);

#endif
