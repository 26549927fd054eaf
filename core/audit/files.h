/* An audit file and what it was rotated to, oldest first. */
#ifndef AUDIT_FILES_H
#define AUDIT_FILES_H

#include <glob.h>
#include <stddef.h>

#define FILES_MOST 1000

struct files {
	char *list[FILES_MOST];
	size_t count;
	glob_t found;
};

/* Compressed ones are in it, too. */
void files_find(const char *path, struct files *out);
void files_free(struct files *files);
int files_compressed(const char *name);

#endif
