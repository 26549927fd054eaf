#include "uri.h"

#include <string.h>

enum { IN_HOST, IN_PATH, IN_QUERY };

struct uri_reader {
	const unsigned char *text;
	size_t length, at;
	int pattern;
	unsigned before; /* the byte over 0x7f that was encoded last, if nothing else came since */
	char *out;
	size_t used;
};

static int is_alpha(unsigned c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(unsigned c)
{
	return c >= '0' && c <= '9';
}

static int is_unreserved(unsigned c)
{
	return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* pchar of RFC 3986 3.3 beyond the unreserved: in a path they mean the same with and without encoding to nearly every server. */
static int is_path_mark(unsigned c)
{
	return c && strchr("!$&'()*+,;=:@", (int)c) != NULL;
}

int uri_encodes(unsigned char byte)
{
	return byte > 0x7e || byte <= ' ' || strchr("\"<>^`{|}[]", byte) != NULL;
}

static int hex(unsigned c)
{
	return is_digit(c) ? (int)(c - '0') : c >= 'a' && c <= 'f' ? (int)(c - 'a' + 10) : c >= 'A' && c <= 'F' ? (int)(c - 'A' + 10) : -1;
}

static unsigned peek(const struct uri_reader *r, size_t ahead)
{
	return r->length - r->at > ahead ? r->text[r->at + ahead] : 0;
}

static const char *put(struct uri_reader *r, unsigned byte)
{
	if (r->used == URI_MOST)
		return "is too long";
	r->before = 0;
	r->out[r->used++] = (char)byte;
	return NULL;
}

static const char *put_encoded(struct uri_reader *r, unsigned byte)
{
	static const char digits[] = "0123456789ABCDEF";
	/* Overlong forms of UTF-8, which a careless reader takes for a slash or a dot. */
	if (byte == 0xc0 || byte == 0xc1 || (byte > 0x7f && ((r->before == 0xe0 && byte < 0xa0) || (r->before == 0xf0 && byte < 0x90))))
		return "has an overlong encoding";
	r->before = byte > 0x7f ? byte : 0;
	if (r->used + 3 > URI_MOST)
		return "is too long";
	r->out[r->used++] = '%';
	r->out[r->used++] = digits[byte >> 4];
	r->out[r->used++] = digits[byte & 15];
	return NULL;
}

/* At a '%'. */
static const char *read_encoded(struct uri_reader *r, int part)
{
	int high = hex(peek(r, 1)), low = hex(peek(r, 2));
	if (high < 0 || low < 0)
		return "has a % without two hexadecimal digits";
	unsigned byte = (unsigned)(high << 4 | low);
	r->at += 3;
	if (byte < 0x20 || byte == 0x7f)
		return "has an encoded control character";
	if (part != IN_QUERY && (byte == '/' || byte == '\\'))
		return "has an encoded slash or backslash";
	if (is_unreserved(byte) || (part == IN_PATH && is_path_mark(byte)))
		return put(r, part == IN_HOST && byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
	return put_encoded(r, byte);
}

/* Bytes of a path that stand for themselves. */
static const unsigned char uri_plain[256] = {
	['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['0' ... '9'] = 1, ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, [':'] = 1, ['='] = 1,
};

static const char *read_byte(struct uri_reader *r, int part)
{
	unsigned c = peek(r, 0);
	if (uri_plain[c] && part != IN_HOST) {
		r->at++;
		return put(r, c);
	}
	if (c == '%')
		return read_encoded(r, part);
	r->at++;
	if (r->pattern && c && c <= OP_LAST)
		return put(r, c);
	if (c < 0x20 || c == 0x7f)
		return "has a control character";
	if (c == '\\')
		return "has a backslash";
	if (c == '@' && part == IN_HOST)
		return "has user information before its host";
	if (c == '#' && part == IN_QUERY)
		return put(r, c);
	if (uri_encodes((unsigned char)c) && !(part == IN_HOST && (c == '[' || c == ']')))
		return put_encoded(r, c);
	return put(r, part == IN_HOST && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* The segment that ends at r->used, from its first byte on, if it is a dot segment: 1 or 2 dots, else 0. */
static size_t dots(const struct uri_reader *r, size_t begin)
{
	size_t length = r->used - begin;
	return length && length <= 2 && r->out[begin] == '.' && r->out[r->used - 1] == '.' ? length : 0;
}

/* Takes a dot segment away as soon as it is complete (RFC 3986 5.2.4). root: where the path begins. */
static const char *read_path(struct uri_reader *r)
{
	const char *wrong = NULL;
	size_t root = r->used, begin = r->used;
	int absolute = peek(r, 0) == '/';
	for (;;) {
		unsigned c = peek(r, 0);
		int end = r->at == r->length || c == '?' || c == '#';
		if (end || c == '/') {
			size_t n = dots(r, begin);
			if (n && (r->pattern || !absolute))
				return "has a dot segment";
			if (n) {
				r->used = begin;
				/* ".." takes the segment before along, with its slash; the root has none before it. */
				for (size_t slash = r->used - 1; n == 2 && slash > root; slash--)
					if (r->out[slash - 1] == '/') {
						r->used = slash;
						break;
					}
			}
			if (end)
				return NULL;
			r->at++;
			/* Servers read "//" as "/" more often than not. */
			if (r->used == root || r->out[r->used - 1] != '/')
				wrong = put(r, '/');
			begin = r->used;
		} else {
			wrong = read_byte(r, IN_PATH);
		}
		if (wrong)
			return wrong;
	}
}

const char *uri_normal(const char *text, size_t length, int pattern, char *out, size_t *out_length)
{
	struct uri_reader r = { .text = (const unsigned char *)text, .length = length, .pattern = pattern, .out = out };
	const char *wrong = NULL;
	if (!is_alpha(peek(&r, 0)))
		return "has no scheme";
	for (; !wrong && peek(&r, 0) != ':'; r.at++) {
		unsigned c = peek(&r, 0);
		if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
			return "has no scheme";
		wrong = put(&r, c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	r.at++;
	if (!wrong)
		wrong = put(&r, ':');
	if (!wrong && peek(&r, 0) == '/' && peek(&r, 1) == '/') {
		r.at += 2;
		wrong = put(&r, '/');
		if (!wrong)
			wrong = put(&r, '/');
		while (!wrong && r.at < r.length && peek(&r, 0) != '/' && peek(&r, 0) != '?' && peek(&r, 0) != '#')
			wrong = read_byte(&r, IN_HOST);
	}
	if (!wrong)
		wrong = read_path(&r);
	while (!wrong && r.at < r.length)
		wrong = read_byte(&r, IN_QUERY);
	if (wrong)
		return wrong;
	out[r.used] = 0;
	/* In what came out: the digits behind an encoded percent sign may have been encoded themselves. */
	for (const char *c = strstr(out, "%25"); c; c = strstr(c + 1, "%25"))
		if (hex((unsigned char)c[3]) >= 0 && hex((unsigned char)c[4]) >= 0)
			return "is encoded twice";
	*out_length = r.used;
	return NULL;
}
