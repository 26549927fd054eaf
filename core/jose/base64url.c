#include "base64url.h"

#include <stdint.h>

static const char base64url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* One more than the value, so that 0 is no letter. */
static const unsigned char base64url_values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
};

size_t base64url_encode(const void *data, size_t length, char *out)
{
	const unsigned char *in = data;
	char *start = out;
	for (; length >= 3; in += 3, length -= 3) {
		uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*out++ = base64url_letters[group >> 18];
		*out++ = base64url_letters[group >> 12 & 63];
		*out++ = base64url_letters[group >> 6 & 63];
		*out++ = base64url_letters[group & 63];
	}
	if (length) {
		uint32_t group = (uint32_t)in[0] << 16 | (length == 2 ? (uint32_t)in[1] << 8 : 0);
		*out++ = base64url_letters[group >> 18];
		*out++ = base64url_letters[group >> 12 & 63];
		if (length == 2)
			*out++ = base64url_letters[group >> 6 & 63];
	}
	*out = 0;
	return (size_t)(out - start);
}

long base64url_decode(const char *text, size_t length, void *out)
{
	const unsigned char *in = (const unsigned char *)text;
	unsigned char *to = out;
	if (length % 4 == 1)
		return -1;
	for (; length >= 4; in += 4, length -= 4) {
		unsigned a = base64url_values[in[0]], b = base64url_values[in[1]], c = base64url_values[in[2]], d = base64url_values[in[3]];
		if (!a || !b || !c || !d)
			return -1;
		uint32_t group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		*to++ = (unsigned char)(group >> 16);
		*to++ = (unsigned char)(group >> 8);
		*to++ = (unsigned char)group;
	}
	if (length) {
		unsigned a = base64url_values[in[0]], b = base64url_values[in[1]], c = length == 3 ? base64url_values[in[2]] : 1;
		if (!a || !b || !c)
			return -1;
		uint32_t group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6;
		/* RFC 4648 3.5: two texts for the same bytes are one too many */
		if (group & (length == 3 ? 0xffu : 0xffffu))
			return -1;
		*to++ = (unsigned char)(group >> 16);
		if (length == 3)
			*to++ = (unsigned char)(group >> 8);
	}
	return (long)(to - (unsigned char *)out);
}
