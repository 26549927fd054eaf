/* What the server does for whom it let in. */
#ifndef NOTES_H
#define NOTES_H

#include <stddef.h>

#include <ema/ema.h>

/*
 * The notes, or with a file instead of NULL what it lists, { "tools": [...], "resources": [...] } as lists of MCP have them: each of
 * these answers with the subject of who asks. NULL, or what went wrong.
 */
const char *notes_open(const char *file);
void notes_close(void);
/* The answer to a message that was checked: its status, and a body to free(). NULL: no memory. Threads may call it at once. */
char *notes_answer(const ema_decision *decision, const char *message, size_t length, int *status);

#endif
