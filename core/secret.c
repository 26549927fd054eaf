#include "secret.h"

#include <string.h>

void secret_wipe(void *memory, size_t length)
{
	if (memory && length)
		explicit_bzero(memory, length);
}

int secret_same(const void *a, const void *b, size_t length)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char different = 0;
	for (size_t i = 0; i < length; i++)
		different |= (unsigned char)(x[i] ^ y[i]);
	return different == 0;
}
