#include "buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

void buffer_init(struct buffer *buffer, size_t most)
{
	*buffer = (struct buffer)BUFFER_INIT(most);
}

void buffer_on(struct buffer *buffer, char *data, size_t room, size_t most)
{
	*buffer = (struct buffer){ .data = data, .room = room, .most = most, .lent = 1 };
	data[0] = 0;
}

/* Wipes what it was in. */
static void leave(struct buffer *buffer)
{
	if (!buffer->data)
		return;
	secret_wipe(buffer->data, buffer->room);
	if (!buffer->lent)
		free(buffer->data);
	buffer->lent = 0;
}

static int reserve(struct buffer *buffer, size_t more)
{
	if (buffer->failed)
		return -1;
	if (more > buffer->most || buffer->length > buffer->most - more) {
		buffer->failed = BUFFER_FULL;
		return -1;
	}
	size_t need = buffer->length + more + 1;
	if (need <= buffer->room)
		return 0;
	size_t room = buffer->room ? buffer->room : 64;
	while (room < need)
		room = room > SIZE_MAX / 2 ? need : room * 2;
	/* Not realloc: what it leaves behind when it moves could be a secret. */
	char *data = malloc(room);
	if (!data) {
		buffer->failed = 1;
		return -1;
	}
	if (buffer->data)
		memcpy(data, buffer->data, buffer->length);
	leave(buffer);
	buffer->data = data;
	buffer->room = room;
	return 0;
}

int buffer_expect(struct buffer *buffer, size_t bytes)
{
	size_t left = buffer->length < buffer->most ? buffer->most - buffer->length : 0;
	return reserve(buffer, bytes < left ? bytes : left);
}

char *buffer_more(struct buffer *buffer, size_t length)
{
	/* Mostly there is room; then the call would be most of the work. */
	if ((buffer->failed || length > buffer->most || buffer->length > buffer->most - length || length >= buffer->room ||
	     buffer->length >= buffer->room - length) && reserve(buffer, length))
		return NULL;
	char *at = buffer->data + buffer->length;
	at[length] = 0;
	buffer->length += length;
	return at;
}

int buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	char *at = buffer_more(buffer, length);
	if (!at)
		return -1;
	if (length)
		memcpy(at, data, length);
	return 0;
}

int buffer_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

int buffer_char(struct buffer *buffer, char byte)
{
	/* Mostly there is room; then a call and a copy would be most of the work. */
	if (buffer->failed || buffer->length == buffer->most || buffer->length + 1 >= buffer->room)
		return buffer_append(buffer, &byte, 1);
	buffer->data[buffer->length++] = byte;
	buffer->data[buffer->length] = 0;
	return 0;
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	/* Mostly there is room, and then once is enough. */
	size_t room = buffer->failed || !buffer->data ? 0 : buffer->room - buffer->length;
	int length = vsnprintf(room ? buffer->data + buffer->length : NULL, room, format, arguments);
	int bad = length < 0 || reserve(buffer, (size_t)length);
	if (!bad && (size_t)length >= room)
		vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
	va_end(again);
	if (bad) {
		if (room)
			buffer->data[buffer->length] = 0;
		if (!buffer->failed)
			buffer->failed = 1;
		return -1;
	}
	buffer->length += (size_t)length;
	return 0;
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int result = buffer_vprintf(buffer, format, arguments);
	va_end(arguments);
	return result;
}

/* Length of the UTF-8 sequence at text, 0 if it is not one (RFC 3629). */
static size_t utf8_length(const unsigned char *text, size_t length, unsigned *point)
{
	static const unsigned least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;
	if (!n || n > length)
		return 0;
	unsigned value = n == 1 ? text[0] : text[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (text[i] & 0x3fu);
	}
	if (value < least[n] || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff)
		return 0;
	*point = value;
	return n;
}

static int misleading(unsigned point)
{
	return (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	       point == 0x61c || point == 0xfeff;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define ZEROS(word) (((word) - EACH(1)) & ~(word))

size_t buffer_printable(const char *text, size_t length)
{
	size_t n = 0;
	/* Eight at a time: the lowest byte that is none of these has its high bit set in `odd`, and none below it has. */
	for (uint64_t word; length - n >= sizeof word; n += sizeof word) {
		memcpy(&word, text + n, sizeof word);
		const uint64_t odd = word | ((word - EACH(0x20)) & ~word) | ZEROS(word ^ EACH('"')) |
		                     ZEROS(word ^ EACH('\\')) | ZEROS(word ^ EACH(0x7f));
		if (odd & EACH(0x80))
			break;
	}
	while (n < length && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

/* Appends what stands for itself, also in a JSON string, in one go; how many bytes. */
static size_t append_plain(struct buffer *buffer, const char *text, size_t length)
{
	const size_t n = buffer_printable(text, length);
	if (n)
		buffer_append(buffer, text, n);
	return n;
}

int buffer_json(struct buffer *buffer, const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	buffer_char(buffer, '"');
	for (size_t i = append_plain(buffer, text, length); i < length && !buffer->failed; i += append_plain(buffer, text + i, length - i)) {
		unsigned point = 0;
		size_t n = utf8_length(bytes + i, length - i, &point);
		if (!n || misleading(point)) {
			buffer_text(buffer, "\xef\xbf\xbd");
			i += n ? n : 1;
			continue;
		}
		if (point == '"' || point == '\\')
			buffer_printf(buffer, "\\%c", (char)point);
		else if (point < 0x20 || (point >= 0x7f && point < 0xa0))
			buffer_printf(buffer, "\\u%04x", point);
		else
			buffer_append(buffer, text + i, n);
		i += n;
	}
	return buffer_char(buffer, '"');
}

int buffer_clean(struct buffer *buffer, const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	for (size_t i = append_plain(buffer, text, length); i < length && !buffer->failed; i += append_plain(buffer, text + i, length - i)) {
		unsigned point = 0;
		size_t n = utf8_length(bytes + i, length - i, &point);
		if (!n || !point || (point >= 0x7f && point < 0xa0) || misleading(point))
			buffer_text(buffer, "\xef\xbf\xbd");
		else
			buffer_append(buffer, text + i, n);
		i += n ? n : 1;
	}
	return buffer->failed ? -1 : 0;
}

void buffer_plain(char *text)
{
	for (size_t length = strlen(text); length;) {
		unsigned point = 0;
		size_t n = utf8_length((const unsigned char *)text, length, &point), bytes = n ? n : 1;
		if (!n || point < 0x20 || (point >= 0x7f && point < 0xa0) || misleading(point))
			memset(text, '?', bytes);
		text += bytes;
		length -= bytes;
	}
}

int buffer_percent(struct buffer *buffer, const char *text, size_t length)
{
	for (size_t i = 0; i < length && !buffer->failed; i++) {
		unsigned char c = (unsigned char)text[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~')
			buffer_char(buffer, (char)c);
		else
			buffer_printf(buffer, "%%%02X", c);
	}
	return buffer->failed ? -1 : 0;
}

void buffer_hex(char *out, const void *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	for (size_t i = 0; i < count; i++) {
		*out++ = digits[from[i] >> 4];
		*out++ = digits[from[i] & 15];
	}
	*out = 0;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = 0;
	if (buffer->data)
		buffer->data[0] = 0;
}

void buffer_free(struct buffer *buffer)
{
	leave(buffer);
	buffer_init(buffer, buffer->most);
}

char *buffer_take(struct buffer *buffer)
{
	if (!buffer->data && !buffer->failed)
		buffer_append(buffer, "", 0);
	/* The maker's stays the maker's. */
	char *data = buffer->lent && !buffer->failed ? malloc(buffer->length + 1) : NULL;
	if (data)
		memcpy(data, buffer->data, buffer->length + 1);
	if (buffer->lent || buffer->failed)
		buffer_free(buffer);
	else
		data = buffer->data;
	buffer_init(buffer, buffer->most);
	return data;
}
