#include "uri.h"

#include <arpa/inet.h>
#include <string.h>

enum { IN_HOST, IN_PATH, IN_QUERY };

/* Of these it is known what host and port mean, to whoever fetches them (RFC 3986 6.2.3; RFC 8089 for files). */
static const struct uri_scheme {
	const char *name, *port;
	int file;
} uri_schemes[] = {
	{ "file", "", 1 }, { "ftp", "21", 0 }, { "http", "80", 0 }, { "https", "443", 0 }, { "ws", "80", 0 }, { "wss", "443", 0 },
};

struct uri_reader {
	const unsigned char *text;
	size_t length, at;
	int pattern, asked; /* asked: behind the question mark */
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

/* In a query those that split nothing there, and at which no star ends. */
static int is_query_mark(unsigned c)
{
	return c && strchr("!$'()*,:@", (int)c) != NULL;
}

int uri_encodes(unsigned char byte)
{
	return byte > 0x7e || byte <= ' ' || strchr("\"<>^`{|}[]", byte) != NULL;
}

static const struct uri_scheme *known_scheme(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof uri_schemes / sizeof *uri_schemes; i++) {
		const char *name = uri_schemes[i].name;
		size_t at = 0;
		while (at < length && name[at] && (text[at] | 0x20) == name[at])
			at++;
		if (!name[at] && at < length && text[at] == ':')
			return &uri_schemes[i];
	}
	return NULL;
}

/* How many bytes some readers cut off in front: controls, blanks, and what Unicode has of them. */
static size_t blank_at(const char *text, size_t length)
{
	static const char *const blanks[] = { "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf" };
	const unsigned char *c = (const unsigned char *)text;
	if (length && (*c <= ' ' || *c == 0x7f))
		return 1;
	/* U+2000 to U+200F, U+2028 to U+202F */
	if (length >= 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] <= 0x8f || (c[2] >= 0xa8 && c[2] <= 0xaf)))
		return 3;
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
		if (length >= strlen(blanks[i]) && !memcmp(text, blanks[i], strlen(blanks[i])))
			return strlen(blanks[i]);
	return 0;
}

int uri_known(const char *text, size_t length)
{
	for (size_t n; (n = blank_at(text, length)); length -= n)
		text += n;
	const struct uri_scheme *scheme = known_scheme(text, length);
	const size_t behind = scheme ? strlen(scheme->name) + 1 : 0;
	/* "http: what a word is followed by" is text. */
	return scheme && !(behind < length && text[behind] == ' ');
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

static const char *put_text(struct uri_reader *r, const char *text)
{
	const char *wrong = NULL;
	for (; !wrong && *text; text++)
		wrong = put(r, (unsigned char)*text);
	return wrong;
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
	if (is_unreserved(byte) || (part == IN_PATH && is_path_mark(byte)) || (part == IN_QUERY && is_query_mark(byte)))
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
	/* As those who make queries write them. */
	if (part == IN_QUERY && (c == '/' || (c == '?' && r->asked)))
		return put_encoded(r, c);
	if (part == IN_QUERY && c == '?')
		r->asked = 1;
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
	int absolute = peek(r, 0) == '/', doubled = 0;
	for (;;) {
		unsigned c = peek(r, 0);
		int end = r->at == r->length || c == '?' || c == '#';
		if (end || c == '/') {
			size_t n = dots(r, begin);
			if (n && (r->pattern || !absolute))
				return "has a dot segment";
			/* Nobody honest writes these, and readers differ. */
			if (n == 2 && begin == root + 1)
				return "has a .. that leads above its root";
			if (n == 2 && doubled)
				return "has a .. behind a doubled slash";
			if (n) {
				r->used = begin;
				/* ".." takes the segment before along, with its slash. */
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
			else
				doubled |= r->at > 1 && r->text[r->at - 2] == '/';
			begin = r->used;
		} else {
			wrong = read_byte(r, IN_PATH);
		}
		if (wrong)
			return wrong;
	}
}

/* The scheme and its colon. */
static const char *read_scheme(struct uri_reader *r)
{
	const char *wrong = NULL;
	if (!is_alpha(peek(r, 0)))
		return "has no scheme";
	for (; !wrong && peek(r, 0) != ':'; r->at++) {
		unsigned c = peek(r, 0);
		if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
			return "has no scheme";
		wrong = put(r, c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	r->at++;
	return wrong ? wrong : put(r, ':');
}

/* The port at the end of what was put: out of r, and into port (6 bytes). */
static const char *take_port(struct uri_reader *r, size_t begin, const struct uri_scheme *scheme, char *port)
{
	size_t at = r->used, length = 0;
	*port = 0;
	while (at > begin && r->out[at - 1] != ':' && r->out[at - 1] != ']')
		at--;
	if (at == begin || r->out[at - 1] == ']')
		return at < r->used && at > begin ? "has something between its host and its port" : NULL;
	const char *digits = r->out + at, *end = r->out + r->used;
	if (scheme->file)
		return "has a port, which a file has not";
	for (const char *c = digits; c < end; c++)
		if ((unsigned char)*c <= OP_LAST)
			return "has a port that is no number: a pattern names its port, or none for the scheme's own";
		else if (!is_digit((unsigned char)*c))
			return "has a port that is no number";
	r->used = at - 1;
	if (digits == end)
		return NULL;
	while (digits < end && *digits == '0')
		digits++;
	length = (size_t)(end - digits);
	if (!length || length > 5 || (length == 5 && memcmp(digits, "65535", 5) > 0))
		return "has a port that is no number from 1 to 65535";
	if (length != strlen(scheme->port) || memcmp(digits, scheme->port, length) != 0) {
		memcpy(port, digits, length);
		port[length] = 0;
	}
	return NULL;
}

/* Whoever resolves "127.1", "0x7f.1" or "2130706433" takes it for 127.0.0.1 (inet_aton(3)): one form alone is taken. */
static int is_numeric(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;
	if (last[0] == '0' && last[1] == 'x')
		return strspn(last + 2, "0123456789abcdef") == strlen(last + 2);
	return *last && strspn(last, "0123456789") == strlen(last);
}

static int has_op(const char *text)
{
	while (*text && (unsigned char)*text > OP_LAST)
		text++;
	return *text != 0;
}

/* One that leads to an IPv4 address: mapped, compatible, or through NAT64 (RFC 4291 2.5.5, RFC 6052 2.1). */
static int holds_ipv4(const unsigned char bytes[16])
{
	static const unsigned char zeros[12], mapped[12] = { [10] = 0xff, [11] = 0xff }, translated[12] = { 0x00, 0x64, 0xff, 0x9b };
	return !memcmp(bytes, mapped, 12) || !memcmp(bytes, translated, 12) || (!memcmp(bytes, zeros, 12) && (bytes[12] || bytes[13] || bytes[14] || bytes[15] > 1));
}

/* Of a known scheme: host and port, which were put from begin on, in one form. */
static const char *finish_host(struct uri_reader *r, size_t begin, const struct uri_scheme *scheme)
{
	char port[6], address[INET6_ADDRSTRLEN], *host = r->out + begin;
	unsigned char bytes[16];
	const int empty = r->used == begin;
	const char *wrong = take_port(r, begin, scheme, port);
	if (wrong)
		return wrong;
	if (r->used > begin && r->out[r->used - 1] == '.')
		r->used--;
	r->out[r->used] = 0;
	if (r->used == begin)
		return empty && scheme->file ? NULL : "has no host: it stands behind \"//\"";
	if (r->out[r->used - 1] == '.')
		return "has more than one dot at the end of its host";
	if (strchr(host, '%'))
		return "has a host that is not in ASCII, or encoded: such a name begins with xn--";
	if (*host == '[' && r->out[r->used - 1] == ']') {
		r->out[r->used - 1] = 0;
		if (inet_pton(AF_INET6, host + 1, bytes) != 1 || !inet_ntop(AF_INET6, bytes, address, sizeof address))
			return "has a host in brackets that is no IPv6 address";
		if (holds_ipv4(bytes))
			return "has an IPv4 address in the form of IPv6: write its four decimal numbers";
		if (scheme->file && !strcmp(address, "::1"))
			return "names this machine by its address: write file:///";
		r->used = begin;
		wrong = put(r, '[');
		if (!wrong)
			wrong = put_text(r, address);
		if (!wrong)
			wrong = put(r, ']');
	} else if (strpbrk(host, "[]:")) {
		return "has a bracket or a colon in its host";
	} else if (!has_op(host) && is_numeric(host)) {
		if (inet_pton(AF_INET, host, bytes) != 1)
			return "has a number as its host: write an address as four decimal numbers without leading zeros";
		if (scheme->file && bytes[0] == 127)
			return "names this machine by its address: write file:///";
	} else if (scheme->file && !strcmp(host, "localhost")) {
		r->used = begin;
	}
	if (!wrong && *port)
		wrong = put(r, ':');
	return wrong ? wrong : put_text(r, port);
}

/* Others' hosts may be names of anything; but a reader that resolves them overlooks some differences. NULL, or which. */
static const char *odd_host(char *host, size_t length)
{
	unsigned char bytes[16];
	char written[INET6_ADDRSTRLEN], address[INET6_ADDRSTRLEN];
	host[length] = 0;
	const char *bracket = *host == '[' ? strchr(host, ']') : NULL, *port = strrchr(bracket ? bracket : host, ':');
	if (length && strchr(".:", host[length - 1]))
		return "has a dot or a colon at the end of its host";
	if (port && port[1] == '0' && strspn(port + 1, "0123456789") == strlen(port + 1))
		return "has a port that begins with a zero";
	const size_t inside = bracket ? (size_t)(bracket - host) - 1 : 0;
	if (!inside || inside >= sizeof written)
		return NULL;
	memcpy(written, host + 1, inside);
	written[inside] = 0;
	if (inet_pton(AF_INET6, written, bytes) != 1)
		return NULL;
	if (holds_ipv4(bytes))
		return "has an IPv4 address in the form of IPv6: write its four decimal numbers";
	return inet_ntop(AF_INET6, bytes, address, sizeof address) && strcmp(address, written) != 0 ? "has an IPv6 address in another form than the usual one" : NULL;
}

/* Of a known scheme, what those who fetch cut off or read as something else. */
static const char *odd_text(struct uri_reader *r, const struct uri_scheme *scheme)
{
	const unsigned char *fragment = memchr(r->text, '#', r->length);
	if (scheme->file && (fragment || memchr(r->text, '?', r->length)))
		return "is a file with a query or a fragment: in its name, ? is written %3F and # %23";
	if (scheme->file && memchr(r->text, '|', r->length))
		return "is a file with a |, which some read as a drive's colon";
	if (fragment && r->pattern)
		return "has a fragment, which is not sent to any server";
	/* It says which part of the same thing. */
	if (fragment)
		r->length = (size_t)(fragment - r->text);
	return NULL;
}

/* whole: nothing comes behind it. */
static const char *normal(const char *text, size_t length, int pattern, int whole, char *out, size_t *out_length)
{
	struct uri_reader r = { .text = (const unsigned char *)text, .length = length, .pattern = pattern, .out = out };
	const char *wrong = read_scheme(&r);
	const struct uri_scheme *scheme = wrong ? NULL : known_scheme(out, r.used);
	int authority = peek(&r, 0) == '/' && peek(&r, 1) == '/';
	if (!wrong && scheme)
		wrong = odd_text(&r, scheme);
	if (!wrong && whole && (text[length - 1] == ' ' || text[r.length - 1] == ' '))
		wrong = "ends with a blank, which some readers cut off";
	if (wrong)
		return wrong;
	if (scheme && !authority && (!scheme->file || peek(&r, 0) != '/'))
		return scheme->file ? "is a file without a full path: write file:///" : "has no host: it stands behind \"//\"";
	if (authority || scheme)
		wrong = put_text(&r, "//");
	if (!wrong && authority) {
		size_t begin = r.used;
		r.at += 2;
		while (!wrong && r.at < r.length && peek(&r, 0) != '/' && peek(&r, 0) != '?' && peek(&r, 0) != '#')
			wrong = read_byte(&r, IN_HOST);
		if (!wrong && !scheme)
			wrong = odd_host(out + begin, r.used - begin);
		if (!wrong && scheme)
			wrong = finish_host(&r, begin, scheme);
		/* RFC 3986 6.2.3; but "https://<**>" has its path in the stars. */
		if (!wrong && scheme && peek(&r, 0) != '/' && out[r.used - 1] != OP_MANY)
			wrong = put(&r, '/');
	}
	if (!wrong)
		wrong = read_path(&r);
	while (!wrong && r.at < r.length)
		wrong = read_byte(&r, IN_QUERY);
	if (wrong)
		return wrong;
	/* Some send an empty query, and some none. */
	if (scheme && r.used && out[r.used - 1] == '?')
		r.used--;
	out[r.used] = 0;
	/* In what came out: the digits behind an encoded percent sign may have been encoded themselves. */
	for (const char *c = strstr(out, "%25"); c; c = strstr(c + 1, "%25"))
		if (hex((unsigned char)c[3]) >= 0 && hex((unsigned char)c[4]) >= 0)
			return "is encoded twice";
	*out_length = r.used;
	return NULL;
}

const char *uri_normal(const char *text, size_t length, int pattern, char *out, size_t *out_length)
{
	return normal(text, length, pattern, 1, out, out_length);
}

const char *uri_template(const char *text, size_t length, char *out, size_t *out_length)
{
	const char *brace = memchr(text, '{', length), *end = brace ? brace : text + length, *at = memchr(text, ':', (size_t)(end - text));
	struct uri_reader r = { .text = (const unsigned char *)text, .length = length, .out = out };
	*out = 0;
	*out_length = 0;
	if (!at)
		return NULL;
	at++;
	int authority = end - at >= 2 && at[0] == '/' && at[1] == '/';
	const char *host = at + 2;
	while (authority && host < end && *host != '/' && *host != '?' && *host != '#')
		host++;
	/* The expressions may go on with the host, or begin it. */
	if (authority ? host == end : at == end || (end - at == 1 && *at == '/')) {
		const char *wrong = read_scheme(&r);
		if (!wrong && authority)
			wrong = put_text(&r, "//");
		out[r.used] = 0;
		*out_length = r.used;
		return wrong;
	}
	/* They may also make a name of what is a dot segment yet. */
	while (brace && end[-1] == '.')
		end--;
	return normal(text, (size_t)(end - text), 0, !brace, out, out_length);
}
