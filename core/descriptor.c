#include "descriptor.h"

#include <errno.h>
#include <unistd.h>

int descriptor_write(int fd, const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = write(fd, text + at, length - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += (size_t)n;
	}
	return 0;
}
