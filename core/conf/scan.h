/* Looks over a file before libconfig does: whatever libconfig takes in silence and means otherwise is found here. */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include <stddef.h>

#include "conf.h"

#define SCAN_DEPTH_MOST 16
#define SCAN_INCLUDES_MOST 256

struct scan_include {
	char *path; /* as written */
	int line;
};

struct scan {
	struct scan_include *includes;
	size_t count;
};

/*
 * Strings, numbers, names, brackets and commas; @include at the top level is taken out of text (blanks stand in its place).
 * 0, or -1: findings were added, and libconfig must not see the text. scan_free() in both cases.
 */
int scan_text(char *text, size_t length, const char *file, struct scan *scan, struct findings *findings);
void scan_free(struct scan *scan);

#endif
