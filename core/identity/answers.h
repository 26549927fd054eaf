/* What directories answered last, for on_failure = "last_known". Bounded; thread-safe. */
#ifndef IDENTITY_ANSWERS_H
#define IDENTITY_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "host.h"
#include "subject.h"

/* What a directory said of a subject. */
struct answer {
	int code;      /* EMA_OK, EMA_UNKNOWN_SUBJECT, EMA_DISABLED */
	char *person;
	int active;
	struct call_list groups, roles, accounts;
};
void answer_clear(struct answer *answer);

struct answers;

/* NULL: no memory. most: how many are kept; 0: 10,000. The one that was used longest ago goes first. */
struct answers *answers_new(const struct clock *clock, size_t most);
void answers_free(struct answers *answers);

/* What a directory was asked for: by another name it may know the same subject, or not. */
struct answer_about {
	const char *directory;
	const struct subject *subject;
	const char *email, *name_id; /* NULL: not said */
};

/* Taken before the directory is asked: of two answers the one that was asked for later stays. */
uint64_t answers_ticket(struct answers *answers);
/*
 * Keeps a copy, and nothing if there is no memory (what was there goes too). generation is the directory's as it was before it
 * was asked; directory_changed raises it.
 */
void answers_put(struct answers *answers, const struct answer_about *about, uint64_t generation, uint64_t ticket,
                 int64_t max_age_ms, const struct answer *answer);
/* EMA_OK with a copy, answer_clear() it; EMA_ABSENT if there is none, or it is too old, or of another generation. EMA_OUT_OF_MEMORY. */
int answers_find(struct answers *answers, const struct answer_about *about, uint64_t generation, struct answer *out);

#endif
