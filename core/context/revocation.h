/* Revoking by hand: what an operator or a receiver of signals says is turned into marks, and into a record of who said it. */
#ifndef CONTEXT_REVOCATION_H
#define CONTEXT_REVOCATION_H

#include "ema/ema.h"
#include "marks.h"

struct buffer;

/* report is told what was done, or why not, in lines for a person. The code. */
int revocation_set(struct ema_context *context, const struct ema_revocation *asked, struct buffer *report);
int revocation_lift(struct ema_context *context, const struct ema_revocation *asked, struct buffer *report);

struct ema_marks {
	struct mark_listed {
		const char *kind;
		char *name;
		int64_t epoch, blocked; /* milliseconds since 1970; 0: none */
	} *list;
	size_t count;
	char *error; /* why it is not all of them; NULL: it is */
};

/* kind NULL: all. */
int revocation_list(struct ema_context *context, const char *kind, const char *name, struct ema_marks *out);
void revocation_list_free(struct ema_marks *marks);

#endif
