/* What read() and write() leave to their caller. */
#ifndef CORE_DESCRIPTOR_H
#define CORE_DESCRIPTOR_H

#include <stddef.h>

/* Writes all of it, however often it takes. 0, or -1 with errno. */
int descriptor_write(int fd, const char *text, size_t length);

#endif
