#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emactl.h"

static int colourful(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && (!no || !*no) && term && strcmp(term, "dumb");
}

const char *colour(enum colour which)
{
	static const char *const sequences[] = { "", "\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[1m" };
	return colourful() ? sequences[which] : "";
}

const char *colour_off(void)
{
	return colourful() ? "\033[0m" : "";
}

int complain(const char *format, ...)
{
	va_list arguments;
	fputs("emactl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return STATUS_USAGE;
}

/* Bytes of the character at c, and which one it is; 0: no UTF-8 (RFC 3629). */
static size_t character(const unsigned char *c, unsigned *point)
{
	static const unsigned least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *c < 0x80 ? 1 : (*c & 0xe0) == 0xc0 ? 2 : (*c & 0xf0) == 0xe0 ? 3 : (*c & 0xf8) == 0xf0 ? 4 : 0;
	*point = n < 2 ? *c : *c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (c[i] & 0x3fu);
	}
	return *point < least[n] || (*point >= 0xd800 && *point < 0xe000) || *point > 0x10ffff ? 0 : n;
}

/* Does it no more to a terminal than stand there? Not a control (C0, C1), what turns a line or ends it, and what nobody sees: two names must
   not look like one. */
static int is_harmless(unsigned point)
{
	return !(point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c || (point >= 0x200b && point <= 0x200f) ||
		 (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x2069) || point == 0xfeff ||
		 (point >= 0xe0000 && point <= 0xe007f));
}

static void print_harmless(const char *text, const char *also)
{
	unsigned point;
	for (const unsigned char *c = (const unsigned char *)text; *c;) {
		size_t n = character(c, &point);
		if (n && (is_harmless(point) || strchr(also, *c))) {
			fwrite(c, 1, n, stdout);
			c += n;
		} else {
			putchar('?');
			c++;
		}
	}
}

void print_plain(const char *text)
{
	print_harmless(text, "");
}

void print_report(const char *text)
{
	print_harmless(text, "\n\t");
}

int print_json(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(must(object), JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	unsigned point;
	if (!text) {
		must(NULL);
		return STATUS_USAGE;
	}
	/* JSON for the same: outside of strings there is no such character, but for the ends of lines. */
	for (const unsigned char *c = (const unsigned char *)text; *c;) {
		size_t n = character(c, &point);
		if (!n)
			fputs("\\ufffd", stdout);
		else if (*c == '\n' || is_harmless(point))
			fwrite(c, 1, n, stdout);
		else if (point < 0x10000)
			printf("\\u%04x", point);
		else
			printf("\\u%04x\\u%04x", 0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
		c += n ? n : 1;
	}
	putchar('\n');
	json_object_put(object);
	return fflush(stdout) || ferror(stdout) ? STATUS_USAGE : STATUS_FINE;
}

void json_add(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, text ? must(json_object_new_string(text)) : NULL);
}

char *read_word(const char *path, size_t most)
{
	int standard = !strcmp(path, "-");
	FILE *file = standard ? stdin : fopen(path, "re");
	char *text = must(malloc(most + 2));
	size_t length = 0;
	if (file)
		length = fread(text, 1, most + 1, file);
	if (!file || ferror(file)) {
		complain("%s: %s", standard ? "standard input" : path, strerror(errno));
		goto fail;
	}
	if (length > most) {
		complain("%s: over %zu bytes, which is too long", standard ? "standard input" : path, most);
		goto fail;
	}
	/* What is behind it would not be looked at. */
	if (memchr(text, 0, length)) {
		complain("%s: a NUL is in it, which no text has", standard ? "standard input" : path);
		goto fail;
	}
	while (length && strchr(" \t\r\n", text[length - 1]))
		length--;
	text[length] = 0;
	size_t blank = strspn(text, " \t\r\n");
	memmove(text, text + blank, length - blank + 1);
	if (!standard)
		fclose(file);
	return text;
fail:
	if (file && !standard)
		fclose(file);
	free(text);
	return NULL;
}

void *must(void *pointer)
{
	if (!pointer) {
		fputs("emactl: no memory\n", stderr);
		exit(STATUS_USAGE);
	}
	return pointer;
}
