/* Names of decisions and of records: UUIDs of version 7, so that they sort by time (RFC 9562 5.7). */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "audit.h"
#include "origin.h"

#define RANDOM_BYTES 10 /* of an id */
#define POOL_BYTES (25 * RANDOM_BYTES) /* getrandom() gives up to 256 whole */

/* Two system calls for every check would cost more than all that is decided in it. A child has no part of its parent's. */
static _Thread_local struct {
	unsigned char bytes[POOL_BYTES];
	size_t left;
} pool;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct origin *origin;

static void begin(void)
{
	origin = origin_new();
}

static const unsigned char *draw(void)
{
	pthread_once(&once, begin);
	if (!pool.left || !origin_is_here(origin)) {
		while (getrandom(pool.bytes, sizeof pool.bytes, 0) != sizeof pool.bytes && errno == EINTR)
			;
		pool.left = sizeof pool.bytes;
	}
	pool.left -= RANDOM_BYTES;
	return pool.bytes + pool.left;
}

void audit_id(const struct clock *clock, char out[AUDIT_ID])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char b[16];
	uint64_t ms = (uint64_t)clock_wall(clock);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	memcpy(b + 6, draw(), RANDOM_BYTES);
	b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
	*out = 0;
}
