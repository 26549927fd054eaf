#include "pattern.h"

#include <stdint.h>
#include <string.h>

#define PATTERN_VALUE_MOST 1024

static const struct { const char *word; int op; } pattern_words[] = {
	{ "{tenant}", OP_TENANT }, { "{subject}", OP_SUBJECT }, { "{email}", OP_EMAIL },
};

/* A value is a literal. What could be more than that in a path, a host, an encoding or a pattern is not usable. */
static int value_usable(const char *text, size_t length)
{
	if (!length || length > PATTERN_VALUE_MOST || !strcmp(text, ".") || !strcmp(text, ".."))
		return 0;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f || strchr("/\\%*?#", text[i]))
			return 0;
	return 1;
}

/* Upper case becomes lower, a dot at the end and "localhost" go, and a colon begins a port. */
static int value_no_host(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] >= 'A' && text[i] <= 'Z') || strchr(":@[]", text[i]))
			return 1;
	return text[length - 1] == '.' || !strcmp(text, "localhost");
}

void pattern_value(struct pattern_values *values, int op, const char *text)
{
	size_t length = text ? strlen(text) : 0;
	if (!text || !value_usable(text, length))
		return;
	values->text[op] = text;
	values->length[op] = length;
	values->usable |= 1u << op;
	if (value_no_host(text, length))
		values->no_host |= 1u << op;
	/* There they split it, or are written in two ways. */
	if (strpbrk(text, "&=+; "))
		values->no_query |= 1u << op;
}

/* Words and stars become OP_ bytes. */
static const char *pattern_ops(enum pattern_kind kind, const char *text, char *out, size_t *length)
{
	size_t used = 0;
	for (const char *c = text; *c;) {
		int op = 0;
		size_t taken = 1;
		if (used == URI_MOST)
			return "is too long";
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "has a control character";
		if (*c == '*') {
			taken = strspn(c, "*");
			op = taken > 1 ? OP_MANY : OP_ANY;
			if (kind == PATTERN_NAME)
				op = OP_ANY;
			else if (taken > 2 || (op == OP_MANY && ((c > text && c[-1] != '/') || (c[2] && c[2] != '/'))))
				return "has a ** that is not a whole segment: write \"/**\"";
		} else if (*c == '{' || *c == '}') {
			for (size_t i = 0; i < sizeof pattern_words / sizeof *pattern_words; i++)
				if (!strncmp(c, pattern_words[i].word, strlen(pattern_words[i].word))) {
					op = pattern_words[i].op;
					taken = strlen(pattern_words[i].word);
				}
			if (!op)
				return "has braces: {tenant}, {subject} and {email} are all that may stand in them";
		}
		out[used++] = op ? (char)op : *c;
		c += taken;
	}
	*length = used;
	return used ? NULL : "is empty";
}

static int is_op(char c)
{
	return c && (unsigned char)c <= OP_LAST;
}

const char *pattern_compile(enum pattern_kind kind, const char *text, char *room, struct pattern *out)
{
	char ops[URI_MOST];
	size_t length = 0;
	const char *wrong = pattern_ops(kind, text, ops, &length);
	if (wrong)
		return wrong;
	*out = (struct pattern){ .kind = kind, .text = room };
	/* "**" alone is every URI, whatever its scheme. */
	const int uri = kind == PATTERN_URI || kind == PATTERN_LIKE_URI;
	if (uri && !(length == 1 && ops[0] == OP_MANY)) {
		wrong = uri_normal(ops, length, 1, room, &length);
		if (wrong)
			return wrong;
	} else {
		memcpy(room, ops, length);
		room[length] = 0;
	}
	out->length = length;
	const char *colon = uri ? strchr(room, ':') : NULL, *query = uri ? strpbrk(room, "?#") : NULL;
	const char *host = colon && colon[1] == '/' && colon[2] == '/' ? colon : NULL;
	const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : NULL;
	out->head = length;
	for (size_t i = 0; i < length; i++) {
		if (!is_op(room[i]))
			continue;
		if (out->head == length)
			out->head = i;
		out->tail = length - i - 1;
		if (room[i] >= OP_ANY)
			out->stars = 1;
		else
			out->values |= 1u << room[i];
		if (room[i] < OP_ANY && host && room + i >= host && room + i < path)
			out->host |= 1u << room[i];
		if (room[i] < OP_ANY && query && room + i > query)
			out->query |= 1u << room[i];
	}
	return NULL;
}

/* The value at the front of text: how many bytes of text it takes, SIZE_MAX if it does not stand there. begin: all of text may be its begin. */
static size_t value_match(enum pattern_kind kind, const char *value, size_t length, const char *text, size_t left, int begin)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t at = 0;
	if ((kind == PATTERN_NAME || kind == PATTERN_VALUE) && begin && left < length)
		return memcmp(value, text, left) != 0 ? SIZE_MAX : left;
	if (kind == PATTERN_NAME || kind == PATTERN_VALUE)
		return length <= left && !memcmp(value, text, length) ? length : SIZE_MAX;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];
		if (begin && (at == left || (left - at < 3 && uri_encodes(c) && text[at] == '%')))
			return left;
		if (!uri_encodes(c)) {
			if (at == left || text[at++] != value[i])
				return SIZE_MAX;
		} else if (left - at < 3 || text[at] != '%' || text[at + 1] != digits[c >> 4] || text[at + 2] != digits[c & 15]) {
			return SIZE_MAX;
		} else {
			at += 3;
		}
	}
	return at;
}

/* begin: some text that begins with this one. */
static int match(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe, int begin)
{
	const size_t none = SIZE_MAX;
	const unsigned any = values ? values->any : ~0u;
	const unsigned lacking = values ? ((pattern->values & ~values->usable) | (pattern->host & values->no_host) | (pattern->query & values->no_query)) & ~any : 0;
	/* Where to go on when the text does not fit: behind the last '*', else behind the last '**'. An earlier one need not be
	   tried: the last '**' can take up all that it would, and so can a '*' up to the next slash, which stands still. */
	size_t p = 0, t = 0, any_p = none, any_t = 0, many_p = none, many_t = 0;
	if (lacking && !maybe)
		return 0;
	for (;;) {
		if (begin && t == length)
			return 1;
		char c = p < pattern->length ? pattern->text[p] : 0;
		size_t taken = none;
		if (is_op(c) && c < OP_ANY && any & 1u << c)
			c = OP_ANY;
		if (p == pattern->length) {
			if (t == length)
				return 1;
		} else if (c == OP_MANY || (is_op(c) && c < OP_ANY && lacking & 1u << c) || (c == OP_ANY && (pattern->kind == PATTERN_NAME || lacking))) {
			if (++p == pattern->length)
				return 1;
			many_p = p;
			many_t = t;
			any_p = none;
			continue;
		} else if (c == OP_ANY) {
			any_p = ++p;
			any_t = t;
			continue;
		} else if (is_op(c)) {
			taken = value_match(pattern->kind, values->text[(int)c], values->length[(int)c], text + t, length - t, begin);
		} else if (t < length && text[t] == c) {
			taken = 1;
		}
		if (taken != none) {
			p++;
			t += taken;
			continue;
		}
		if (any_p != none && any_t < length && !strchr(pattern->kind == PATTERN_URI ? "/?#" : "/\\", text[any_t] ? text[any_t] : 'x')) {
			p = any_p;
			t = ++any_t;
		} else if (many_p != none && many_t < length) {
			any_p = none;
			p = many_p;
			t = ++many_t;
		} else {
			return 0;
		}
	}
}

int pattern_match(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe)
{
	return match(pattern, text, length, values, maybe, 0);
}

int pattern_reaches(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe)
{
	return match(pattern, text, length, values, maybe, 1);
}

int pattern_covers(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values, int maybe)
{
	return pattern->length && pattern->text[pattern->length - 1] == OP_MANY && match(pattern, text, length, values, maybe, 0);
}
