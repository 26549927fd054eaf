/* Names of decisions and of records: UUIDs of version 7, so that they sort by time (RFC 9562 5.7). */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "audit.h"
#include "buffer.h"

#define RANDOM_BYTES 10 /* of an id */

static void ask_kernel(unsigned char *bytes, size_t length)
{
	while (getrandom(bytes, length, 0) != (ssize_t)length && errno == EINTR)
		;
}

static void draw(struct audit_pool *pool, unsigned char out[RANDOM_BYTES])
{
	/* Who finds it busy does not wait. */
	if (!pool || atomic_exchange(&pool->busy, 1)) {
		ask_kernel(out, RANDOM_BYTES);
		return;
	}
	if (pool->left < RANDOM_BYTES) {
		ask_kernel(pool->bytes, sizeof pool->bytes);
		pool->left = sizeof pool->bytes;
	}
	pool->left -= RANDOM_BYTES;
	memcpy(out, pool->bytes + pool->left, RANDOM_BYTES);
	atomic_store(&pool->busy, 0);
}

void audit_id(struct audit_pool *pool, const struct clock *clock, char out[AUDIT_ID])
{
	static const unsigned char parts[] = { 4, 2, 2, 2, 6 };
	unsigned char b[16];
	uint64_t ms = (uint64_t)clock_wall(clock);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	draw(pool, b + 6);
	b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	for (size_t i = 0, from = 0; i < sizeof parts; from += parts[i++]) {
		if (i)
			*out++ = '-';
		buffer_hex(out, b + from, parts[i]);
		out += 2 * parts[i];
	}
}
