#include "base64.h"

static int base64_value(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(char *text, size_t length)
{
	unsigned bits = 0, held = 0;
	size_t letters = 0, padding = 0, to = 0;
	for (size_t i = 0; i < length; i++) {
		int value = base64_value(text[i]);
		if (text[i] == '=' && ++padding <= 2)
			continue;
		if (value < 0 || padding)
			return -1;
		letters++;
		bits = bits << 6 | (unsigned)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			text[to++] = (char)(bits >> held & 0xff);
		}
		bits &= (1u << held) - 1;
	}
	return bits || !letters || (letters + padding) % 4 || (padding && held != 2 * padding) ? -1 : (long)to;
}
