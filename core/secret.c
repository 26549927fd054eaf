#include "secret.h"

#include <stdint.h>
#include <string.h>

void secret_wipe(void *memory, size_t length)
{
	if (memory && length)
		explicit_bzero(memory, length);
}

int secret_same(const void *a, const void *b, size_t length)
{
	const unsigned char *x = a, *y = b;
	uint64_t different = 0, one, other;
	size_t at = 0;
	for (; length - at >= sizeof one; at += sizeof one) {
		memcpy(&one, x + at, sizeof one);
		memcpy(&other, y + at, sizeof other);
		different |= one ^ other;
		/* The compiler must not see that the first difference decides. */
		__asm__ volatile("" : "+r"(different));
	}
	for (; at < length; at++) {
		different |= (uint64_t)(x[at] ^ y[at]);
		__asm__ volatile("" : "+r"(different));
	}
	return different == 0;
}
