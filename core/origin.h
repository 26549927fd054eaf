/* Whether this is the process that something was made in: asked often, so by a page that fork() empties and not by a system call. */
#ifndef CORE_ORIGIN_H
#define CORE_ORIGIN_H

struct origin;

/* NULL: no memory, or the kernel empties no pages. */
struct origin *origin_new(void);
/* 1, or 0 in a child. Of NULL 0. */
int origin_is_here(const struct origin *origin);
void origin_free(struct origin *origin);

#endif
