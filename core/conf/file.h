/* Files that the configuration is made of or names: whose they are, and that no stranger can change them. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "conf.h"

struct file_trust {
	uid_t owner;   /* besides root and the process's own user */
	int has_owner;
	enum conf_reader reader;
};

/*
 * Opens an absolute path, each folder on the way by its descriptor, and checks owner and mode of all of them. A descriptor,
 * or -1: a finding was added at file:line. secret: nobody but the owner may read it. folder: it is to be a folder.
 */
int file_open(const struct file_trust *trust, const char *path, int secret, int folder, const char *file, int line,
              struct findings *findings);
/* The same, and reads it whole: a new string with a NUL behind. */
char *file_read(const struct file_trust *trust, const char *path, size_t most, int secret, const char *file, int line,
                size_t *length, struct findings *findings);

#endif
