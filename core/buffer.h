/* A growing string of bytes with a maximum that its maker chooses. */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
	char *data;    /* NUL-terminated once something was appended; NULL before */
	size_t length; /* without the NUL */
	size_t room;
	size_t most;   /* never longer than this */
	int failed;    /* no memory, or BUFFER_FULL; sticky, and what was there stays */
	int lent;      /* data is its maker's */
};

/* failed: over the maximum, for who has to say so. */
#define BUFFER_FULL 2

#define BUFFER_INIT(maximum) { NULL, 0, 0, (maximum), 0, 0 }

void buffer_init(struct buffer *buffer, size_t most);
/* Begins it in memory of the maker's, an array perhaps, as long as that is enough. It is freed as others are. */
void buffer_on(struct buffer *buffer, char *data, size_t room, size_t most);
/* These return 0, or -1 once the buffer has failed, so that a caller may look at the end alone. */
int buffer_append(struct buffer *buffer, const void *data, size_t length);
int buffer_text(struct buffer *buffer, const char *text);
int buffer_char(struct buffer *buffer, char byte);
int buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
/* Appends so many bytes that the caller fills in at once; NULL once the buffer has failed. */
char *buffer_more(struct buffer *buffer, size_t length);
/* Room for so many bytes more, or as many as there may be, at once: growing there in steps is copying, and wiping what was copied. */
int buffer_expect(struct buffer *buffer, size_t bytes);
/* How many bytes a text begins with that are printable ASCII and neither '"' nor '\\': they stand for themselves everywhere. */
size_t buffer_printable(const char *text, size_t length);
/* A JSON string with its quotes: controls, quotes and backslashes escaped; invalid UTF-8 becomes U+FFFD, and so do
   bidirectional controls and line separators, which could make a record look like another one. */
int buffer_json(struct buffer *buffer, const char *text, size_t length);
/* As UTF-8 that cannot mislead: what buffer_json() replaces becomes U+FFFD, and so do NUL, DEL and the controls of C1. */
int buffer_clean(struct buffer *buffer, const char *text, size_t length);
/* In place, for a person's terminal: each byte of a control (C0, C1), of what buffer_json() replaces, becomes a '?'. */
void buffer_plain(char *text);
/* Percent-encodes all but the unreserved characters of RFC 3986. */
int buffer_percent(struct buffer *buffer, const char *text, size_t length);
/* Two lower-case hexadecimal digits for each byte, and a NUL. */
void buffer_hex(char *out, const void *bytes, size_t count);
/* Makes it empty, keeping its memory and its maximum. */
void buffer_clear(struct buffer *buffer);
/* Wipes and frees it. */
void buffer_free(struct buffer *buffer);
/* The bytes, which now belong to the caller (free()); NULL if the buffer has failed. The buffer is empty after it. */
char *buffer_take(struct buffer *buffer);

#endif
