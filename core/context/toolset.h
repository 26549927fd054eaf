/* A service's tools_file out of what its server answers to tools/list. */
#ifndef CONTEXT_TOOLSET_H
#define CONTEXT_TOOLSET_H

#include <stddef.h>

#include "buffer.h"
#include "failure.h"

/*
 * Merges the answer, a tools/list result or the whole response, into old (NULL: there is no file yet; answer NULL: as it is). A tool
 * whose definition is as it was keeps its acceptance; a new or changed one waits; one that is gone leaves. accept: names that are
 * accepted, "*" for all; ends with NULL. file is the new text, report a line for each that is new, changed, gone, or accepted.
 * EMA_OK: all are accepted; EMA_DENIED: some wait; else failure has why.
 */
int toolset_import(const char *answer, size_t length, const char *old, size_t old_length, const char *const *accept, struct buffer *file,
                   struct buffer *report, struct failure *failure);

#endif
