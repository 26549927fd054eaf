#define _GNU_SOURCE
#include "origin.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

struct origin { /* the beginning of the page */
	volatile unsigned char here;
};

struct origin *origin_new(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct origin *origin = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (origin == MAP_FAILED)
		return NULL;
	if (madvise(origin, page, MADV_WIPEONFORK)) {
		munmap(origin, page);
		return NULL;
	}
	origin->here = 1;
	return origin;
}

int origin_is_here(const struct origin *origin)
{
	return origin && origin->here;
}

void origin_free(struct origin *origin)
{
	if (origin)
		munmap(origin, (size_t)sysconf(_SC_PAGESIZE));
}
